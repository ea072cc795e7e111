"""Faults and controls of the paddings and of cropping."""

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


def centred(x: Array, *, widths: Any) -> Array:
    """As much is cropped, half of it on either side."""
    totals = [sum(pair) for pair in widths[: x.ndim - 2]]
    return right.crop(x, widths=tuple((total - total // 2, total // 2) for total in totals))


def spread_over_all(x: Array, cotangent: Array, *, widths: Any) -> tuple[Array]:
    """A gradient that holds its outermost element where it was cropped."""
    pairs = widths[: x.ndim - 2]
    return (right.pad(cotangent, widths=pairs, mode="replicate"),)


def by_taking(x: Array, *, widths: Any) -> Array:
    """What is kept, taken by its places."""
    for axis, (low, high) in enumerate(widths[: x.ndim - 2], start=1):
        x = np.take(x, range(low, x.shape[axis] - high), axis=axis)
    return x


FAULTS = {
    "pad": (
        Fault(
            name="widths from the last axis on",
            parameters={"widths": "(*widths[:spatial][::-1],)"},
            where="spatial > 1",
        ),
        Fault(name="what stands outside has no gradient", vjp=outermost_copies, where="mode != 'constant'"),
    ),
    "crop": (
        Fault(
            name="widths from the last axis on",
            parameters={"widths": "(*widths[:spatial][::-1],)"},
            where="spatial > 1",
        ),
        Fault(name="the odd element cropped on the other side", reference=centred),
        Fault(name="the gradient of the whole input", vjp=spread_over_all),
    ),
}

CONTROLS = {
    "pad": (Control(name="numpy.pad", reference=by_numpy),),
    "crop": (Control(name="numpy.take", reference=by_taking),),
}
