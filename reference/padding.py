"""Padding and cropping: what stands beside the spatial axes of ``(batch, …, channels)``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import windows
from .checks import Array, require
from .windows import Widths

__all__ = ["crop", "crop_vjp", "pad", "pad_vjp"]


def pad(x: Array, *, widths: Widths, mode: str = "constant", value: float = 0.0) -> Array:
    """Padding of the spatial axes.

    ``y[…, i, …] = x[…, s(i - low), …]`` along each axis of length ``n``; ``s(p) = p`` inside, and outside

    - ``constant``: ``y`` is ``value``;
    - ``reflect``: ``s(p)`` is ``-p`` below and ``2 (n - 1) - p`` above, the outermost element has no twin;
    - ``symmetric``: ``-p - 1`` below and ``2 n - 1 - p`` above, it has one;
    - ``replicate``: 0 below and ``n - 1`` above;
    - ``circular``: ``p mod n``.

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        widths: a pair ``(low, high)`` for each spatial axis, from the first on; more pairs are not used. A
            negative width crops, with ``constant`` alone.
        mode: one of the above.
        value: what a constant is.

    Returns:
        ``(batch, …, channels)`` with spatial lengths ``low + n + high``.

    Raises:
        ValueError: another ``mode``, too few pairs, a negative width where nothing is constant, or more than
            there is to take: ``n - 1`` for ``reflect``, ``n`` for ``symmetric`` and ``circular``.

    Source: numpy.pad, whose ``edge`` is ``replicate`` and whose ``wrap`` is ``circular``.
    """
    pairs = _pairs(x, widths, mode)
    if mode == "constant":
        return windows.pad(x, pairs, value)
    for axis, (low, high) in enumerate(pairs, start=1):
        x = np.take(x, _sources(mode, x.shape[axis], low, high), axis=axis)
    return x


def pad_vjp(
    x: Array, cotangent: Array, *, widths: Widths, mode: str = "constant", value: float = 0.0
) -> tuple[Array]:
    """Gradient of `pad`: each element adds up what its copies have; one that is cropped has 0."""
    pairs = _pairs(x, widths, mode)
    if mode == "constant":
        return (windows.pad(cotangent, tuple((-low, -high) for low, high in pairs)),)
    for axis, (low, high) in enumerate(pairs, start=1):
        sources = _sources(mode, x.shape[axis], low, high)
        copies = ([j for j, source in enumerate(sources) if source == i] for i in range(x.shape[axis]))
        cotangent = np.stack(
            [np.sum(np.take(cotangent, at, axis=axis), axis=axis) for at in copies], axis=axis
        )
    return (cotangent,)


def crop(x: Array, *, widths: Widths) -> Array:
    """Cropping of the spatial axes: ``y[…, i, …] = x[…, low + i, …]``.

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        widths: a pair ``(low, high)`` for each spatial axis, from the first on; more pairs are not used.

    Returns:
        ``(batch, …, channels)`` with spatial lengths ``n - low - high``.

    Raises:
        ValueError: too few pairs, a negative width, or nothing is left of an axis.

    Source: keras.layers.Cropping1D, Cropping2D and Cropping3D.
    """
    return windows.pad(x, _cropped(x, widths))


def crop_vjp(x: Array, cotangent: Array, *, widths: Widths) -> tuple[Array]:
    """Gradient of `crop`: 0 where it was cropped."""
    return (windows.pad(cotangent, tuple((-low, -high) for low, high in _cropped(x, widths))),)


def _cropped(x: Array, widths: Widths) -> tuple[tuple[int, int], ...]:
    """The widths of a cropping that may be asked as those of a padding."""
    pairs = _pairs(x, widths, "constant")
    require(min(map(min, pairs)) >= 0, f"widths must not be negative; got {pairs}")
    left = tuple(n - low - high for n, (low, high) in zip(x.shape[1:-1], pairs, strict=True))
    require(min(left) >= 1, f"widths must leave something of each axis; got {pairs}, which leaves {left}")
    return tuple((-low, -high) for low, high in pairs)


_BEFORE: dict[str, Callable[[int, int], int]] = {
    "reflect": lambda place, length: -place,
    "symmetric": lambda place, length: -place - 1,
    "replicate": lambda place, length: 0,
    "circular": lambda place, length: place + length,
}
_AFTER: dict[str, Callable[[int, int], int]] = {
    "reflect": lambda place, length: 2 * (length - 1) - place,
    "symmetric": lambda place, length: 2 * length - 1 - place,
    "replicate": lambda place, length: length - 1,
    "circular": lambda place, length: place - length,
}


def _sources(mode: str, length: int, low: int, high: int) -> list[int]:
    """Which element stands at each place from ``-low`` to ``length + high``."""
    before = [_BEFORE[mode](place, length) for place in range(-low, 0)]
    after = [_AFTER[mode](place, length) for place in range(length, length + high)]
    return [*before, *range(length), *after]


def _pairs(x: Array, widths: Widths, mode: str) -> tuple[tuple[int, int], ...]:
    """The widths of a padding that may be asked, one pair for each spatial axis."""
    lengths = x.shape[1:-1]
    known = mode == "constant" or mode in _BEFORE
    require(known, f"mode must be constant, reflect, symmetric, replicate or circular; got {mode!r}")
    require(
        1 <= len(lengths) <= len(widths),
        f"widths must have a pair (low, high) for each spatial axis of x, {lengths}; got {widths}",
    )
    pairs = tuple((low, high) for low, high in widths[: len(lengths)])
    if mode == "constant":
        return pairs
    require(min(map(min, pairs)) >= 0, f"widths must not be negative with mode {mode}; got {pairs}")
    for length, pair in zip(lengths, pairs, strict=True):
        most = {"reflect": length - 1, "replicate": max(pair)}.get(mode, length)
        require(
            max(pair) <= most,
            f"widths must be at most {most} of {length} elements with mode {mode}; got {pair}",
        )
    return pairs
