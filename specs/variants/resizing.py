"""Faults and controls of resizing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...reference.resizing import KERNELS, grid_sample, grid_sample_vjp, resize
from ..language.variant import Control, Fault

Array = Any


def sampled(x: Array, lengths: Sequence[int], weights: Callable[[int, int], Array]) -> Array:
    """The product of each spatial axis with the weights that ``weights`` gives for its lengths."""
    for axis, m in enumerate(lengths[: x.ndim - 2], start=1):
        moved = np.matmul(np.moveaxis(x, axis, -1), weights(x.shape[axis], m).T)
        x = np.moveaxis(moved, -1, axis)
    return x


def places(n: int, m: int) -> Array:
    """Where each of ``m`` centres lies among ``n`` elements, as ``(m, 1)``."""
    return (np.arange(m, dtype=np.float64)[:, None] + 0.5) * n / m - 0.5


def to_nearest_even(x: Array, *, lengths: Any) -> Array:
    """Places are rounded to the nearest element, and to an even one between two."""
    return sampled(
        x, lengths, lambda n, m: np.eye(n)[np.clip(np.rint(places(n, m)[:, 0]).astype(int), 0, n - 1)]
    )


def weights_outside_lost(
    x: Array, *, lengths: Any, method: str, coefficient: float, antialias: bool
) -> Array:
    """What a kernel has outside is left out, and the rest is not divided by its sum."""

    def weights(n: int, m: int) -> Array:
        offsets = (places(n, m) - np.arange(n)) / (n / m if antialias and n > m else 1.0)
        return KERNELS[method](offsets, np.abs(offsets), coefficient) / (
            n / m if antialias and n > m else 1.0
        )

    return sampled(x, lengths, weights)


def from_a_table(x: Array, *, lengths: Any, coefficient: float) -> Array:
    """Offsets of the cubic are rounded to 1024ths, for which the weights are in a table."""

    def weights(n: int, m: int) -> Array:
        place = np.rint(places(n, m) * 1024) / 1024
        offsets = place - np.arange(n)
        found = KERNELS["cubic"](offsets, np.abs(offsets), coefficient)
        return found / np.sum(found, axis=1, keepdims=True)

    return sampled(x, lengths, weights)


def scale_of_aligned_corners(x: Array, *, lengths: Any) -> Array:
    """Half pixels, apart by as much as places are whose corners are aligned."""

    def weights(n: int, m: int) -> Array:
        place = (np.arange(m)[:, None] + 0.5) * (n - 1) / max(m - 1, 1) - 0.5
        return np.maximum(1 - np.abs(np.clip(place, 0, n - 1) - np.arange(n)), 0)

    return sampled(x, lengths, weights)


def first_factor_for_all(x: Array, *, lengths: Any, **options: Any) -> Array:
    """Every axis is scaled as the first one is, and then cut off or filled up."""
    n, m = x.shape[1], lengths[0]
    whole = [max(1, k * m // n) for k in x.shape[1:-1]]
    y = resize(x, lengths=whole, **options)
    for axis, (has, wanted) in enumerate(zip(whole, lengths, strict=False), start=1):
        y = np.take(y, np.minimum(np.arange(wanted), has - 1), axis=axis)
    return y


def between_two(x: Array, *, lengths: Any, coordinates: str) -> Array:
    """The difference of two neighbours, weighed and added to the lower one."""
    for axis, m in enumerate(lengths[: x.ndim - 2], start=1):
        n = x.shape[axis]
        place = places(n, m)[:, 0]
        if coordinates == "align_corners":
            place = np.arange(m) * (n - 1) / max(m - 1, 1)
        place = np.clip(place, 0, n - 1)
        low = np.minimum(np.floor(place).astype(int), n - 1)
        share = np.reshape(place - low, [-1 if i == axis else 1 for i in range(x.ndim)])
        below, above = (np.take(x, np.minimum(at, n - 1), axis=axis) for at in (low, low + 1))
        x = below + (above - below) * share
    return x


def four_taps(x: Array, grid: Array, *, mode: str, outside: str, align_corners: bool) -> Array:
    """Each place between its four neighbours, one after the other, a zero beyond the edge."""
    (batch, height, width, _), half = x.shape, 0 if align_corners else 1
    lengths = enumerate((width, height))
    places = [(grid[..., axis] + 1.0) * ((n - 1 + half) / 2) - 0.5 * half for axis, n in lengths]
    low = [np.floor(getattr(place, "value", place)) for place in places]
    every = np.reshape(np.arange(batch), (-1, 1, 1))
    y = 0.0
    for right, below in ((0, 0), (1, 0), (0, 1), (1, 1)):
        column, row = low[0] + right, low[1] + below
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        at = [np.clip(i, 0, n - 1).astype(int) for i, n in ((row, height), (column, width))]
        share = (1.0 - np.abs(places[0] - column)) * (1.0 - np.abs(places[1] - row))
        y = y + np.where(inside, share, 0.0)[..., np.newaxis] * x[every, at[0], at[1]]
    return y


def between_kernels(x: Array, grid: Array, **options: Any) -> Array:
    """Part of the way from the cubic kernel to the linear one."""
    cubic, linear = (grid_sample(x, grid, **options | {"mode": mode}) for mode in ("bicubic", "bilinear"))
    return cubic + (linear - cubic) / 8


def rounded_half_up(x: Array, grid: Array, **options: Any) -> Array:
    """Read a little further on, which matters half-way between two elements."""
    return grid_sample(x, grid + 1e-6, **options)


def half_lengths(x: Array, align_corners: bool) -> Array:
    """Elements for each unit of a grid, last axis first."""
    return np.array([(n - 1) / 2 if align_corners else n / 2 for n in x.shape[-2:0:-1]])


def beyond_the_border(x: Array, grid: Array, cotangent: Array, align_corners: bool) -> Array:
    """The gradient without regard to what is moved: that of a border wide enough."""
    near = np.clip(grid, -0.1, 0.1)
    return grid_sample_vjp(x, near, cotangent, outside="zeros", align_corners=align_corners)[1]


FAULTS = {
    "grid_sample": (
        Fault(
            name="rows and columns exchanged",
            inputs={"grid": lambda grid: np.flip(grid, -1)},
        ),
        Fault(
            name="a kernel between cubic and linear",
            reference=between_kernels,
            where="mode == 'bicubic'",
        ),
        Fault(
            name="rounded half up",
            reference=rounded_half_up,
            where="mode == 'nearest' and outside == 'zeros' and not align_corners and data == 'ties'",
        ),
        Fault(
            name="gradient of places in elements",
            gradients={"grid": lambda gradient, x, align_corners: gradient / half_lengths(x, align_corners)},
            where="mode != 'nearest' and min(x[1:-1]) > 1",
        ),
        Fault(
            name="places beyond the border still move",
            gradients={"grid": beyond_the_border},
            where="mode == 'bilinear' and outside == 'border'",
        ),
    ),
    "affine_grid": (
        Fault(
            name="rows and columns exchanged",
            results={"y": lambda result: np.flip(result, -1)},
        ),
    ),
    "resize": (
        Fault(
            name="places rounded to the nearest even element",
            reference=to_nearest_even,
            where="method == 'nearest' and coordinates == 'half_pixel'",
        ),
        Fault(
            name="weights outside lost",
            reference=weights_outside_lost,
            where="method in ('linear', 'cubic', 'lanczos3', 'lanczos5') and coordinates == 'half_pixel' "
            "and border == 'renormalized'",
        ),
        Fault(
            name="cubic weights from a table of 1024",
            reference=from_a_table,
            where="method == 'cubic' and coordinates == 'half_pixel' and border == 'renormalized' "
            "and not antialias",
        ),
        Fault(
            name="half pixels apart as with aligned corners",
            reference=scale_of_aligned_corners,
            where="method == 'linear' and coordinates == 'half_pixel' and not antialias",
        ),
        Fault(name="every axis scaled as the first", reference=first_factor_for_all, where="spatial > 1"),
    ),
}

CONTROLS = {
    "grid_sample": (
        Control(
            name="from four neighbours",
            reference=four_taps,
            where="mode == 'bilinear' and outside == 'zeros' and spatial == 2",
        ),
    ),
    "resize": (
        Control(
            name="a difference added to the lower neighbour",
            reference=between_two,
            where="method == 'linear' and not antialias and surplus == 0",
        ),
    ),
}
