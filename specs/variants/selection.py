"""Faults and controls of selection."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.selection import greatest, isotonic_regression
from ..language.variant import Control, Fault

Array = Any


def from_minus_one(x: Array, k: int, largest: bool, result: Array) -> Array:
    """A running maximum that starts at -1, so that what is less is never found."""
    return np.maximum(result, -1.0) if largest else result


def by_rank(x: Array, *, k: int, largest: bool, nan: str) -> tuple[Array, Array]:
    """Each element at the place that its rank says: how many are ahead of it."""
    signed = x if largest else -x
    places = np.arange(x.shape[-1])
    ahead = (signed[..., None, :] > signed[..., :, None]) | (
        (signed[..., None, :] == signed[..., :, None]) & (places < places[:, None])
    )
    order = np.argsort(np.sum(ahead, axis=-1), axis=-1)[..., :k].astype(np.int32)
    return np.take_along_axis(x, order, axis=-1), order


def running_extreme(x: Array, decreasing: bool, axis: int) -> Array:
    """The least that came before, or the greatest: in order, but not the nearest."""
    return (np.minimum if decreasing else np.maximum).accumulate(x, axis=axis)


def pooled_once(x: Array, decreasing: bool, axis: int) -> Array:
    """Each element with the neighbour that it should not lie below, as if no more were to be done."""
    rows = np.moveaxis(x, axis, -1).copy()
    for i in range(rows.shape[-1] - 1):
        pair = rows[..., i : i + 2]
        wrong = (pair[..., :1] < pair[..., 1:]) == decreasing
        rows[..., i : i + 2] = np.where(wrong, np.mean(pair, axis=-1, keepdims=True), pair)
    return np.moveaxis(rows, -1, axis)


def equals_together(x: Array, decreasing: bool, axis: int) -> Array:
    """Segments that hold all neighbours of one value."""
    y = np.moveaxis(isotonic_regression(x, decreasing=decreasing, axis=axis)[0], axis, -1)
    steps = np.cumsum(y[..., 1:] != y[..., :-1], axis=-1)
    segments = np.concatenate([np.zeros_like(y[..., :1]), steps], axis=-1)
    return np.moveaxis(segments.astype(np.int32), -1, axis)


def from_each_first(x: Array, *, decreasing: bool, axis: int) -> tuple[Array, Array]:
    """The first element of each segment, and the mean distance from it."""
    _, segments = isotonic_regression(np.asarray(getattr(x, "value", x)), decreasing=decreasing, axis=axis)
    rows, numbers = np.moveaxis(x, axis, -1), np.moveaxis(segments, axis, -1)
    together = numbers[..., :, None] == numbers[..., None, :]
    first = np.take_along_axis(rows, np.argmax(together, axis=-1), axis=-1)
    beyond = np.where(together, rows[..., None, :] - first[..., None], 0.0)
    y = first + np.sum(beyond, axis=-1) / np.sum(together, axis=-1)
    return np.moveaxis(y, -1, axis), segments


FAULTS = {
    "isotonic_regression": (
        Fault(name="the least so far", results={"y": running_extreme}),
        Fault(name="pooled in one pass", results={"y": pooled_once}),
        Fault(name="sorted", results={"y": lambda x, axis: np.sort(x, axis=axis)}),
        Fault(
            name="equal neighbours share a segment",
            results={"segments": equals_together},
            where="data == 'ties'",
        ),
        Fault(name="gradient of the identity", gradients={"x": lambda cotangent: cotangent}),
    ),
    "top_k": (
        Fault(
            name="a maximum that starts at -1",
            results={"y": from_minus_one},
            where="data == 'below_zero' and largest and k > 0",
        ),
        Fault(
            name="of equals the last first",
            results={
                "places": lambda x, k, largest: x.shape[-1] - 1 - greatest(x[..., ::-1], k, largest=largest)
            },
            where="data == 'ties'",
        ),
        Fault(
            name="by magnitude",
            results={"places": lambda x, k, largest: greatest(np.abs(x), k, largest=largest)},
        ),
        Fault(
            name="in order of their places",
            results={
                "y": lambda x, k, largest: np.take_along_axis(
                    x, np.sort(greatest(x, k, largest=largest), axis=-1), axis=-1
                )
            },
            where="k > 1 and data == 'normal'",
        ),
    ),
}

CONTROLS = {
    "isotonic_regression": (
        Control(name="by distances from each first", reference=from_each_first, where="data != 'wide'"),
    ),
    "top_k": (
        Control(name="by ranks", reference=by_rank, where="data not in ('nan', 'infinities')", rounds=False),
    ),
}
