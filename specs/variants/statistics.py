"""Faults and controls of the statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference import statistics as right
from ..language.variant import Control, Fault

Array = Any


def of_samples(result: Array, x: Array, axes: Any) -> Array:
    """A variance with n - 1 for n."""
    count = np.prod([x.shape[axis] for axis in axes])
    return result * count / max(count - 1, 1)


def from_squares(x: Array, weights: Any, *, axes: Any, keepdims: bool, algorithm: str) -> tuple[Array, Array]:
    """The variance as the mean of squares less the squared mean."""
    options = {"axes": axes, "keepdims": keepdims}
    mean, _ = right.moments(x, weights, **options)
    squares, _ = right.moments(np.square(x), weights, **options)
    return mean, squares - np.square(mean)


def pairwise(x: Array, weights: Any, *, axes: Any, keepdims: bool, algorithm: str) -> tuple[Array, Array]:
    """Weighted by ones where there are no weights."""
    ones = np.ones_like(x) if weights is None else weights
    return right.moments(x, ones, axes=axes, keepdims=keepdims)


def by_variance(x: Array, mean: Array, variance: Array, *, axis: Any, invert: bool) -> Array:
    """The variance in the place of its root."""
    return right.feature_normalization(x, mean, np.square(variance), axis=axis, invert=invert)


FAULTS = {
    "moments": (
        Fault(
            name="n - 1 for n",
            results={"variance": of_samples},
            where="not weighted",
        ),
        Fault(
            name="one pass over large means",
            reference=from_squares,
            rounds=True,
            where="algorithm == 'two_pass' and data == 'offset' and x[axes[0]] > 1",
        ),
    ),
    "feature_normalization": (Fault(name="divided by the variance", reference=by_variance),),
}

CONTROLS = {
    "moments": (Control(name="weighted by ones", reference=pairwise, where="algorithm == 'two_pass'"),),
}

NO_FAULTS = {"moments": ("x plus one, in the gradient",)}
