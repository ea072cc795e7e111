"""Faults and controls of every spec, one module per family: what the judge is proved with.

A family's module holds ``FAULTS`` and ``CONTROLS``: mappings from the name of a spec to its variants. Faults
and controls that any layer can have are in ``harness.faults`` and ``harness.controls``.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TypeVar

from ..language.spec import Spec
from ..language.variant import Control, Fault, Variant

__all__ = ["controls_of", "faults_of"]

V = TypeVar("V", bound=Variant)


def faults_of(spec: Spec) -> tuple[Fault, ...]:
    """The faults that are particular to this spec."""
    return _of(spec, "FAULTS")


def controls_of(spec: Spec) -> tuple[Control, ...]:
    """The controls that are particular to this spec."""
    return _of(spec, "CONTROLS")


def _of(spec: Spec, table: str) -> tuple[V, ...]:
    if importlib.util.find_spec(f"{__name__}.{spec.family}") is None:
        return ()
    module = importlib.import_module(f"{__name__}.{spec.family}")
    return tuple(getattr(module, table, {}).get(spec.name, ()))
