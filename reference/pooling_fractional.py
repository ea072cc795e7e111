"""Fractional pooling: windows whose places are drawn, of each channel of each sample its own or for all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from .checks import Array, require, require_shape
from .pooling import Bins, over_bins, over_bins_vjp

__all__ = ["fractional_max_pool", "fractional_max_pool_vjp", "fractional_pool", "fractional_pool_vjp"]


def fractional_max_pool(
    x: Array, samples: Array, *, window: Sequence[int], lengths: Sequence[int]
) -> tuple[Array, Array]:
    """Maximum of windows at drawn distances, and where it is.

    Along an axis of length ``n`` that becomes ``m``, the window of place ``o`` begins at
    ``⌊(o + s) α⌋ - ⌊s α⌋`` with ``α = (n - k) / (m - 1)``, and the last one at ``n - k``, for windows of
    ``k`` taps and the number ``s`` that was drawn for the axis

    Args:
        x: ``(batch, height, width, channels)``, or with a depth before the height.
        samples: ``(batch, channels, axes)``, in [0, 1); of two axes the first number is that of the width and
            the second that of the height, of three they stand in the order of the axes.
        window: number of taps, per axis, from the first on; more numbers are not used.
        lengths: what the axes become, likewise.

    Returns:
        ``y`` and ``indices``, both ``(batch, *lengths, channels)``; an index counts the places of the plane
        of a channel. Of equal maxima it is the first.

    Raises:
        ValueError: ``samples`` does not fit, a length is below 1, or windows do not fit.

    Source: Graham (2014), Fractional max-pooling, arXiv:1412.6071, section 2.1; torch.nn.FractionalMaxPool2d,
    which begins at 0 and ends at the last window.
    """
    seen, places = _seen(x, samples, tuple(window), tuple(lengths))
    held = np.argmax(seen, axis=-1)[..., np.newaxis]
    y, indices = (np.take_along_axis(a, held, -1)[..., 0] for a in (seen, places))
    return np.moveaxis(y, 1, -1), np.moveaxis(indices, 1, -1)


def fractional_max_pool_vjp(
    x: Array, samples: Array, cotangent: Array, *, window: Sequence[int], lengths: Sequence[int]
) -> tuple[Array]:
    """Gradient of `fractional_max_pool`: each window hands its cotangent to its maximum."""
    _, indices = fractional_max_pool(x, samples, window=window, lengths=lengths)
    batch, channels = len(x), x.shape[-1]
    given, places = (np.reshape(a, (batch, -1, channels)) for a in (cotangent, indices))
    planes = [
        np.sum(np.where(places == place, given, 0.0), axis=1) for place in range(math.prod(x.shape[1:-1]))
    ]
    return (np.reshape(np.stack(planes, axis=1), x.shape),)


def _seen(x: Array, samples: Array, window: tuple[int, ...], lengths: tuple[int, ...]) -> tuple[Array, Array]:
    """What each window sees, and where in the plane: ``(batch, channels, *lengths, taps)``."""
    rank = x.ndim - 2
    require(rank in (2, 3), f"x must have two or three axes in space; got shape {x.shape}")
    require_shape("samples", samples, (len(x), x.shape[-1], rank), "batch, channels, axes")
    seen = np.moveaxis(x, -1, 1)
    places = np.broadcast_to(np.reshape(np.arange(math.prod(x.shape[1:-1])), x.shape[1:-1]), seen.shape)
    for axis in range(rank):
        drawn = samples[..., axis if rank == 3 else 1 - axis]
        taken = _begins(drawn, x.shape[axis + 1], lengths[axis], window[axis])
        taps = np.reshape(taken[..., np.newaxis] + np.arange(window[axis]), (*taken.shape[:2], -1))
        index = np.reshape(taps, (*taps.shape[:2], *(1,) * axis, -1, *(1,) * (rank - axis - 1)))
        seen, places = (_along(a, index, axis + 2) for a in (seen, places))
    sides = [n for axis in range(rank) for n in (lengths[axis], window[axis])]
    order = (0, 1, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2))
    shape = (*seen.shape[:2], *lengths[:rank], math.prod(window[:rank]))
    seen, places = (
        np.reshape(np.transpose(np.reshape(a, (*a.shape[:2], *sides)), order), shape) for a in (seen, places)
    )
    return seen, places


def _along(a: Array, index: Array, axis: int) -> Array:
    """What stands at these places along an axis, whatever the others are."""
    shape = (*a.shape[:axis], index.shape[axis], *a.shape[axis + 1 :])
    return np.take_along_axis(a, np.broadcast_to(index, shape), axis)


def _begins(drawn: Array, length: int, wanted: int, taps: int) -> Array:
    """Where the windows begin: ``(batch, channels, wanted)``."""
    fits = wanted >= 1 and taps >= 1 and wanted + taps - 1 <= length
    require(fits, f"windows of {taps} must fit {wanted} times, one further each, into {length}")
    if wanted == 1:
        return np.full((*drawn.shape, 1), length - taps)
    alpha = (length - taps) / (wanted - 1)
    moved = (np.arange(wanted) + drawn[..., np.newaxis]) * alpha
    begins = _floor(moved, length) - _floor(drawn[..., np.newaxis] * alpha, length)
    return np.where(np.arange(wanted) == wanted - 1, length - taps, begins)


def _floor(numbers: Array, most: int) -> Array:
    """The whole part of numbers between 0 and ``most``, as plain integers: how many of 1, 2, … they reach."""
    return np.sum(numbers[..., np.newaxis] >= np.arange(1, most + 1), axis=-1)


# --- cells between boundaries that all samples and channels share ---


def fractional_pool(
    x: Array, rows: Array, columns: Array, *, operation: str = "max", overlapping: bool = False
) -> tuple[Array, Array, Array]:
    """Maximum or mean of the cells between drawn boundaries, and these boundaries.

    ``y[b, i, j, c] = max x[b, h, w, c]`` over ``r_i ≤ h < r_(i+1)`` and ``q_j ≤ w < q_(j+1)``, or the mean;
    where cells are overlapping, the boundaries ``r_(i+1)`` and ``q_(j+1)`` themselves belong to them, but for
    the last, which lies beyond the image

    Args:
        x: ``(batch, height, width, channels)``.
        rows: boundaries of the height, whole numbers from 0 on that rise to the height.
        columns: those of the width.
        operation: ``max`` or ``mean``.
        overlapping: as above.

    Returns:
        ``y``, ``(batch, len(rows) - 1, len(columns) - 1, channels)``, then ``rows`` and ``columns``.

    Raises:
        ValueError: ``x`` is no batch of images, boundaries are none, or ``operation`` is neither.

    Source: Graham (2014), Fractional max-pooling, arXiv:1412.6071, section 2.
    """
    return over_bins(x, _cells(x, rows, columns, operation, overlapping), operation), rows, columns


def fractional_pool_vjp(
    x: Array,
    rows: Array,
    columns: Array,
    cotangent: Array,
    *,
    operation: str = "max",
    overlapping: bool = False,
) -> tuple[Array]:
    """Gradient of `fractional_pool`: all to the first of equal maxima, or to each element its share."""
    return over_bins_vjp(x, cotangent, _cells(x, rows, columns, operation, overlapping), operation)


def _cells(x: Array, rows: Array, columns: Array, operation: str, overlapping: bool) -> Bins:
    """What each cell sees along each axis, the last one first."""
    require(operation in ("max", "mean"), f"operation must be max or mean; got {operation!r}")
    require(x.ndim == 4, f"x must be (batch, height, width, channels); got shape {x.shape}")
    bins: Bins = []
    for axis, name, bounds in ((2, "columns", columns), (1, "rows", rows)):
        places, length = [int(place) for place in bounds], x.shape[axis]
        rise = all(low < high for low, high in itertools.pairwise(places))
        whole = len(places) > 1 and rise and places[0] == 0 and places[-1] == length
        require(whole, f"{name} must rise from 0 to {length}; got {places}")
        ends = [min(high + overlapping, length) for high in places[1:]]
        bins.append((axis, [range(low, end) for low, end in zip(places, ends, strict=False)]))
    return bins
