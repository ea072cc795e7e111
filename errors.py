"""The one error that every part may raise: what a user gave is wrong.

It is told apart from every other exception, which is a defect of assay's own or of the machine: a command
ends with 2 for the one, and with 3 for the others. It is a `ValueError`, as who calls the functions expects.
"""

from __future__ import annotations

__all__ = ["Usage"]


class Usage(ValueError):
    """What was given names nothing that exists, or is not of the right form; says what is allowed."""
