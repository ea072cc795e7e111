"""Controls: correct implementations that round differently. The judge must let every one of them pass.

Those of every layer are the reference itself in simulated arithmetic; those of a spec are other algorithms.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np

from ...numerics.carried import carry, finish
from ...numerics.dtypes import DTYPES, dtype
from ...numerics.profiles import profiles
from ...numerics.simulated import ORDERS, Arithmetic
from ...numerics.tolerance import tolerance
from ...specs.language.spec import Spec
from ...specs.language.variant import Control
from ...specs.variants import controls_of
from ..judging.expectation import Expectation
from .variants import Result, correct, inner, run, simulated

__all__ = ["GeneralControl", "controls", "result"]


@dataclass(frozen=True)
class GeneralControl:
    """The reference in some arithmetic; in float64 with one rounding at the end for None."""

    name: str
    arithmetic: Arithmetic | None = None


def controls(spec: Spec, dtype_name: str) -> tuple[Control | GeneralControl, ...]:
    """Every control of a spec in a dtype: the general ones first."""
    return (*_general(dtype_name), *controls_of(spec))


def result(control: Control | GeneralControl, expectation: Expectation) -> Result | None:
    """What the control computes, before it is stored in the case's dtype; None where it is not defined."""
    if isinstance(control, Control):
        found = run(control, expectation)
        return _within_contract(control, expectation, found) if found and control.normwise else found
    if control.arithmetic is None:
        return correct(expectation)
    return simulated(expectation, control.arithmetic)


def _within_contract(control: Control, expectation: Expectation, found: Result) -> Result:
    """The control's outputs where its own tolerance is within the contract's; elsewhere the right ones."""
    profile = profiles(expectation.case.dtype)[0]
    outputs = []
    own = expectation.outputs(functools.partial(carry, profile=profile), control.reference)
    three = zip(own, expectation.under(profile), found.outputs, correct(expectation).outputs, strict=False)
    for carried, expected, mine, right in three:
        allowed = tolerance(finish(carried)) <= expected.tolerance
        outputs.append(np.where(allowed, mine, right))
    return dataclasses.replace(found, outputs=tuple(outputs))


def _general(name: str) -> tuple[GeneralControl, ...]:
    careful = inner(name)
    found = [
        GeneralControl("float64 inside, one rounding"),
        *(GeneralControl(f"sums {o}", dataclasses.replace(careful, order=o)) for o in ORDERS),
        GeneralControl("subnormals flushed to zero", dataclasses.replace(careful, flush=True)),
        *(_with_library(careful, where) for where in ("random", "upper", "lower")),
    ]
    if name != "float64":
        fused = dataclasses.replace(careful, fused_multiply_add=True)
        found.append(GeneralControl("fused multiply-add", fused))
    half = dtype(name)
    if half.u > DTYPES["float32"].u:
        found += [
            GeneralControl(
                f"each primitive rounded, sums {order}", Arithmetic(half, DTYPES["float32"], order)
            )
            for order in ("in order", "over 4 threads")
        ]
        found += [
            _with_library(Arithmetic(half, DTYPES["float32"]), where, "each primitive rounded, ")
            for where in ("random", "upper", "lower")
        ]
    return tuple(found)


def _with_library(arithmetic: Arithmetic, where: str, before: str = "") -> GeneralControl:
    """Library functions as far off as the published table permits."""
    name = f"{before}library functions within their limits: {where}"
    return GeneralControl(name, dataclasses.replace(arithmetic, library=where))
