"""Faults and controls of the paddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference import padding as right
from ..language.variant import Control, Fault

Array = Any

NUMPY = {"replicate": "edge", "circular": "wrap"}


def by_numpy(x: Array, *, widths: Any, mode: str, value: float) -> Array:
    """`numpy.pad`, cropped after it."""
    pairs = widths[: x.ndim - 2]
    around = ((0, 0), *((max(low, 0), max(high, 0)) for low, high in pairs), (0, 0))
    options: dict[str, Any] = {"mode": NUMPY.get(mode, mode)} | (
        {"constant_values": value} if mode == "constant" else {}
    )
    y: Array = np.pad(x, around, **options)
    places = zip(y.shape[1:-1], pairs, strict=True)
    kept = (slice(None), *(slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in places))
    return y[kept]


def outermost_copies(x: Array, cotangent: Array, *, widths: Any, mode: str, value: float) -> tuple[Array]:
    """A gradient in which copies are lost: what stands outside hands nothing on."""
    return right.pad_vjp(x, cotangent, widths=widths, mode="constant", value=value)


FAULTS = {
    "pad": (
        Fault(
            name="widths from the last axis on",
            parameters={"widths": "(*widths[:spatial][::-1],)"},
            where="spatial > 1",
        ),
        Fault(name="what stands outside has no gradient", vjp=outermost_copies, where="mode != 'constant'"),
    ),
}

CONTROLS = {"pad": (Control(name="numpy.pad", reference=by_numpy),)}
