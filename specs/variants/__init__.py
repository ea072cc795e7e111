"""Faults and controls of every spec, one module per family: what the judge is proved with.

A family's module holds ``FAULTS`` and ``CONTROLS``: mappings from the name of a spec to its variants, and
``NO_FAULTS``, names of what follows from a spec and is right all the same, but for rounding. What follows
from a spec is in ``harness.auditing.generated``, and what any layer can have in ``harness.auditing.faults``
and ``controls``.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TypeVar

from ..language.spec import Spec
from ..language.variant import Control, Fault, Variant

__all__ = ["controls_of", "faults_of", "no_faults_of"]

V = TypeVar("V", bound=Variant | str)


def faults_of(spec: Spec) -> tuple[Fault, ...]:
    """The faults that are particular to this spec."""
    return _of(spec, "FAULTS")


def controls_of(spec: Spec) -> tuple[Control, ...]:
    """The controls that are particular to this spec."""
    return _of(spec, "CONTROLS")


def no_faults_of(spec: Spec) -> tuple[str, ...]:
    """Names of what follows from this spec and is no fault of it."""
    return _of(spec, "NO_FAULTS")


def _of(spec: Spec, table: str) -> tuple[V, ...]:
    if importlib.util.find_spec(f"{__name__}.{spec.family}") is None:
        return ()
    module = importlib.import_module(f"{__name__}.{spec.family}")
    return tuple(getattr(module, table, {}).get(spec.name, ()))
