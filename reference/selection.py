"""Selection: which elements are the greatest, and where they stood; and what is nearest in order."""

from __future__ import annotations

import numpy as np

from .checks import Array, require

__all__ = [
    "greatest",
    "isotonic_regression",
    "isotonic_regression_vjp",
    "plain",
    "scattered",
    "top_k",
    "top_k_vjp",
]


def top_k(x: Array, *, k: int = 2, largest: bool = True, nan: str = "greatest") -> tuple[Array, Array]:
    """The k greatest elements of each row, or the k least, and their places.

    ``v_j = x_{i_j}`` with ``v_1 ≥ v_2 ≥ … ≥ v_k``, and of equals the one first that stands first

    Args:
        x: ``(…, features)``.
        k: how many, from 0 to the number of features.
        largest: whether the greatest are taken; otherwise the least, in ascending order.
        nan: NaN counts as ``greatest`` of all; or it is ``last``, and taken for want of others only.

    Returns:
        Values and places, each ``(…, k)``.

    Raises:
        ValueError: there are no k elements, or ``nan`` is unknown.

    Source: Knuth (1998), The art of computer programming, volume 3, section 5.3.3.
    """
    require(nan in ("greatest", "last"), f"nan must be greatest or last; got {nan!r}")
    places = greatest(x, k, largest=largest, nan=nan)
    return np.take_along_axis(x, places, axis=-1), places


def top_k_vjp(
    x: Array, cotangent: Array, *, k: int = 2, largest: bool = True, nan: str = "greatest"
) -> tuple[Array]:
    """Gradient of `top_k`: each cotangent at the place that its value was taken from, and 0 elsewhere."""
    return (scattered(cotangent, greatest(x, k, largest=largest, nan=nan), x.shape[-1]),)


def greatest(x: Array, k: int, *, largest: bool = True, nan: str = "greatest") -> Array:
    """Places of the k greatest along the last axis, of equals the first ones first."""
    features = x.shape[-1]
    require(0 <= k <= features, f"k must be from 0 to the {features} features; got {k}")
    values = plain(x)
    unknown, first = np.isnan(values), nan == "greatest" and largest
    ranks = np.where(unknown, -np.inf if first else np.inf, -values if largest else values)
    beside = np.where(unknown, -1 if first else 1, 0)  # an infinity has the rank of NaN, and is none
    order = np.lexsort((np.broadcast_to(np.arange(features), x.shape), beside, ranks), axis=-1)
    return np.asarray(order[..., :k], np.int32)


def plain(x: Array) -> Array:
    """The numbers of an array, without the errors that it carries: a choice is a function of those alone."""
    return np.real(np.asarray(getattr(x, "value", x)))


def scattered(values: Array, places: Array, features: int) -> Array:
    """Values at their places, and 0 elsewhere."""
    chosen = places[..., np.newaxis] == np.arange(features)
    return np.sum(np.where(chosen, values[..., np.newaxis], 0.0), axis=-2)


# --- nearest in order ---


def isotonic_regression(x: Array, *, decreasing: bool = True, axis: int = -1) -> tuple[Array, Array]:
    """The nearest row that nowhere rises, or nowhere falls, and the segments in which it is constant.

    ``y = argmin Σ (x_i - y_i)²`` over ``y_1 ≥ y_2 ≥ … ≥ y_n``, or ``≤``

    It is the mean of x over each segment. One ends between two neighbours where no mean of elements up to
    the left one lies below a mean of elements from the right one on: equal neighbours that need not share a
    segment do not.

    Args:
        x: any shape with one axis or more, finite.
        decreasing: whether y may fall; otherwise it may rise.
        axis: along which rows lie.

    Returns:
        ``y``, and the number of its segment for each element, from 0 on, both in the shape of ``x``.

    Raises:
        ValueError: ``axis`` is none of x.

    Source: Robertson, Wright and Dykstra (1988), Order restricted statistical inference, for the means of
    which segments are made; Blondel, Teboul, Berthet and Djolonga (2020), Fast differentiable sorting and
    ranking, arXiv:2002.08871, for the gradient.
    """
    rows = _rows(x, axis)
    segments = _segments(plain(rows), decreasing)
    return np.moveaxis(_means(rows, segments), -1, axis), np.moveaxis(segments, -1, axis)


def isotonic_regression_vjp(
    x: Array, cotangent: Array, *, decreasing: bool = True, axis: int = -1
) -> tuple[Array]:
    """Gradient of `isotonic_regression`: the mean of the cotangents of each segment."""
    segments = _segments(plain(_rows(x, axis)), decreasing)
    return (np.moveaxis(_means(_rows(cotangent, axis), segments), -1, axis),)


def _rows(x: Array, axis: int) -> Array:
    require(-x.ndim <= axis < x.ndim, f"axis must be an axis of x, of shape {x.shape}; got {axis}")
    return np.moveaxis(x, axis, -1)


def _segments(rows: Array, decreasing: bool) -> Array:
    """The number of its segment for each element: how many segments end before it."""
    n, falling = rows.shape[-1], rows if decreasing else -rows
    sums = np.concatenate([np.zeros((*rows.shape[:-1], 1)), np.cumsum(falling, axis=-1)], axis=-1)
    first, behind = np.arange(n)[:, np.newaxis], np.arange(1, n + 1)
    means = (sums[..., np.newaxis, 1:] - sums[..., :-1, np.newaxis]) / np.maximum(behind - first, 1)
    least_before = np.min(np.where(first < behind, means, np.inf), axis=-2)
    most_after = np.max(np.where(first < behind, means, -np.inf), axis=-1)
    ends = least_before[..., :-1] >= most_after[..., 1:]
    before = np.concatenate([np.zeros((*rows.shape[:-1], 1)), ends], axis=-1)
    return np.cumsum(before, axis=-1, dtype=np.int32)


def _means(rows: Array, segments: Array) -> Array:
    """The mean over its segment for each element."""
    together = segments[..., :, np.newaxis] == segments[..., np.newaxis, :]
    return np.sum(np.where(together, rows[..., np.newaxis, :], 0.0), axis=-1) / np.sum(together, axis=-1)
