"""Faults and controls of gated units."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from ...numerics.dtypes import DTYPES, nearest
from ...reference.gated_units import ACTIVATIONS, LAYOUTS, clamped_swiglu_vjp
from ...reference.rotary import split_pairs
from ..language.variant import Control, Fault

Array = Any


def halves(x: Array, gate: str, layout: str) -> tuple[Array, Array]:
    """What is let through, and the gate."""
    first, second = split_pairs(x, LAYOUTS[layout])
    return (second, first) if gate == "first" else (first, second)


def both_activated(x: Array, *, activation: str, gate: str, layout: str) -> Array:
    """The function of both halves."""
    function = ACTIVATIONS[activation][0]
    value, opening = halves(x, gate, layout)
    return function(value) * function(opening)


def gated_twice(x: Array, *, activation: str, gate: str, layout: str) -> Array:
    """``u g f(g)``."""
    value, opening = halves(x, gate, layout)
    return value * opening * ACTIVATIONS[activation][0](opening)


def opened_in_bfloat16(x: Array, *, activation: str, gate: str, layout: str) -> Array:
    """The function of the gate, held in bfloat16."""
    value, opening = halves(x, gate, layout)
    return value * nearest(ACTIVATIONS[activation][0](opening), DTYPES["bfloat16"])


def silu_by_division(x: Array, *, activation: str, gate: str, layout: str) -> Array:
    """``u g / (1 + exp(-g))``."""
    value, opening = halves(x, gate, layout)
    return value * (opening / (1.0 + np.exp(-opening)))


def clamped(
    x: Array, alpha: float, limit: float, beta: float, gate: str, layout: str, *, low: bool, after: bool
) -> Array:
    """With a gate that is held from below too, or held when the function has been taken."""
    value, opening = halves(x, gate, layout)
    held = opening if after else np.minimum(opening, limit)
    held = np.maximum(held, -limit) if low else held
    passed = held * expit(alpha * held)
    return (np.minimum(passed, limit) if after else passed) * (np.clip(value, -limit, limit) + beta)


def held_on_both_sides(x: Array, *, alpha: float, limit: float, beta: float, gate: str, layout: str) -> Array:
    """The gate within the limit, too."""
    return clamped(x, alpha, limit, beta, gate, layout, low=True, after=False)


def held_afterwards(x: Array, *, alpha: float, limit: float, beta: float, gate: str, layout: str) -> Array:
    """The gate below the limit when the function of it has been taken."""
    return clamped(x, alpha, limit, beta, gate, layout, low=False, after=True)


def added_before_it_is_held(
    x: Array, *, alpha: float, limit: float, beta: float, gate: str, layout: str
) -> Array:
    """``u + β`` within the limit."""
    value, opening = halves(x, gate, layout)
    held = np.minimum(opening, limit)
    return held * expit(alpha * held) * np.clip(value + beta, -limit, limit)


def passed_all(
    x: Array,
    cotangent: Array,
    *,
    alpha: float,
    limit: float,
    beta: float,
    gate: str,
    layout: str,
) -> tuple[Array]:
    """The gradient of what is held, handed on to what it was held from."""
    value, opening = halves(x, gate, layout)
    held = [np.clip(value, -limit, limit), np.minimum(opening, limit)]
    pair = held[::-1] if gate == "first" else held
    whole = np.stack(pair, axis=-1).reshape(x.shape) if layout == "interleaved" else np.concatenate(pair, -1)
    return clamped_swiglu_vjp(whole, cotangent, alpha=alpha, limit=1e9, beta=beta, gate=gate, layout=layout)


FAULTS = {
    "gated_linear_unit": (
        Fault(name="both halves activated", reference=both_activated),
        Fault(name="the gate a factor of its own", reference=gated_twice),
        Fault(name="what opens, in bfloat16", reference=opened_in_bfloat16, where="dtype == 'float32'"),
    ),
    "clamped_swiglu": (
        Fault(name="gate held from below too", reference=held_on_both_sides),
        Fault(name="gate held when it has been opened", reference=held_afterwards),
        Fault(name="β added before it is held", reference=added_before_it_is_held, where="beta == 1"),
        Fault(name="the gradient of what is held", vjp=passed_all),
        Fault(
            name="a logistic of g alone",
            results={
                "y": lambda x, result, alpha, limit, gate, layout: (
                    result
                    * expit(np.minimum(halves(x, gate, layout)[1], limit))
                    / expit(alpha * np.minimum(halves(x, gate, layout)[1], limit))
                )
            },
            where="alpha != 1",
        ),
    ),
}

CONTROLS = {
    "gated_linear_unit": (
        Control(
            name="silu by division",
            reference=silu_by_division,
            where="activation == 'silu' and data not in ('saturated', 'wide')",
        ),
    ),
}
