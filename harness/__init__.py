"""Asks and judges: worker processes, the run, the judge and what hangs on them.

``worker`` runs beside a framework and imports adapters only; everything else runs in the parent, which
imports no framework.
"""
