"""Windows over the spatial axes of ``(batch, …, channels)``: what convolutions and poolings stand on.

Lengths, windows, strides and dilations are tuples with one number per spatial axis; padding widths are pairs
``(low, high)``, where a negative width crops.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from .checks import Array, require

__all__ = [
    "Padding",
    "Widths",
    "extents",
    "fold",
    "pad",
    "padding_widths",
    "per_axis",
    "positive_per_axis",
    "require_fit",
    "spread",
    "tap_positions",
    "windows",
]

Lengths = Sequence[int]
Widths = Sequence[tuple[int, int]]
Padding = str | Widths


def per_axis(name: str, value: int | Lengths, rank: int) -> tuple[int, ...]:
    """``value`` as one number for each of ``rank`` axes; a single number stands for all of them."""
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    require(len(values) == rank, f"{name} must be one number or {rank}; got {value}")
    return values


def positive_per_axis(name: str, value: int | Lengths, rank: int) -> tuple[int, ...]:
    """As `per_axis`, of numbers that are at least 1."""
    values = per_axis(name, value, rank)
    require(min(values) >= 1, f"{name} must be at least 1; got {value}")
    return values


def extents(window: Lengths, dilation: Lengths) -> tuple[int, ...]:
    """Reach of a window of which only every ``dilation``-th place is a tap: ``(k - 1) d + 1``."""
    return tuple((k - 1) * d + 1 for k, d in zip(window, dilation, strict=True))


def padding_widths(
    padding: Padding, lengths: Lengths, window: Lengths, strides: Lengths, dilation: Lengths
) -> tuple[tuple[int, int], ...]:
    """Explicit widths of a ``padding`` that may be given by name.

    ``valid``: none. ``same``: as many as ``ceil(length / stride)`` windows need, half on either side, the odd
    one on the high side, or with ``same_lower`` on the low side. ``causal``: all on the low side, so that no
    window reaches past its own place. Otherwise pairs ``(low, high)``, one per axis.
    """
    reach = extents(window, dilation)
    if padding == "valid":
        return ((0, 0),) * len(reach)
    if padding == "causal":
        return tuple((extent - 1, 0) for extent in reach)
    if padding in ("same", "same_lower"):
        totals = [
            max((-(-n // s) - 1) * s + e - n, 0) for n, s, e in zip(lengths, strides, reach, strict=True)
        ]
        lows = [total // 2 if padding == "same" else total - total // 2 for total in totals]
        return tuple((low, total - low) for low, total in zip(lows, totals, strict=True))
    allowed = (
        f"padding must be valid, same, same_lower, causal or {len(reach)} pairs (low, high); got {padding!r}"
    )
    if isinstance(padding, str):
        raise ValueError(allowed)
    require(len(padding) == len(reach), allowed)
    return tuple((low, high) for low, high in padding)


def require_fit(lengths: Lengths, widths: Widths, window: Lengths, dilation: Lengths) -> None:
    """Raise unless each padded axis holds at least one window."""
    padded = tuple(n + low + high for n, (low, high) in zip(lengths, widths, strict=True))
    reach = extents(window, dilation)
    require(
        all(e <= n for e, n in zip(reach, padded, strict=True)),
        f"windows that reach over {reach} must fit into the input, padded to {padded}",
    )


def pad(x: Array, widths: Widths, fill: float = 0.0) -> Array:
    """``x`` with ``fill`` added on both sides of its spatial axes, or cropped where a width is negative."""
    grown = np.pad(x, ((0, 0), *((max(a, 0), max(b, 0)) for a, b in widths), (0, 0)), constant_values=fill)
    inside = [slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(grown.shape[1:-1], widths, strict=True)]
    kept = (slice(None), *inside)
    return grown[kept]


def windows(x: Array, window: Lengths, strides: Lengths, dilation: Lengths) -> Array:
    """What each window sees: ``(batch, …, channels, *window)``, its own place being in the spatial axes."""
    axes = tuple(range(1, len(window) + 1))
    every = np.lib.stride_tricks.sliding_window_view(x, extents(window, dilation), axis=axes)
    places, taps = ([slice(None, None, step) for step in steps] for steps in (strides, dilation))
    taken = (slice(None), *places, slice(None), *taps)
    return every[taken]


def spread(y: Array, strides: Lengths) -> Array:
    """``y`` with ``stride - 1`` zeros between neighbours along each spatial axis."""
    for axis, stride in enumerate(strides, start=1):
        length = (y.shape[axis] - 1) * stride + 1
        stuffed = np.pad(
            np.expand_dims(y, axis + 1), [(0, stride - 1 if i == axis + 1 else 0) for i in range(y.ndim + 1)]
        )
        flat = np.reshape(stuffed, (*y.shape[:axis], y.shape[axis] * stride, *y.shape[axis + 1 :]))
        y = flat[(slice(None),) * axis + (slice(0, length),)]
    return y


def tap_positions(window: Lengths) -> Iterator[tuple[int, ...]]:
    """Places inside a window, the last axis running fastest."""
    return itertools.product(*map(range, window))


def fold(
    taps: Sequence[Array],
    lengths: Lengths,
    widths: Widths,
    window: Lengths,
    strides: Lengths,
    dilation: Lengths,
) -> Array:
    """Adjoint of `pad` and `windows`: adds up at each place what every window has for it.

    ``taps`` holds one array ``(batch, …, channels)`` for each place inside the window, in the order of
    `tap_positions`; the result has spatial ``lengths``.
    """
    placed = []
    for position, tap in zip(tap_positions(window), taps, strict=True):
        stuffed = spread(tap, strides)
        before = [t * d - low for t, d, (low, _) in zip(position, dilation, widths, strict=True)]
        after = [n - b - m for n, b, m in zip(lengths, before, stuffed.shape[1:-1], strict=True)]
        placed.append(pad(stuffed, tuple(zip(before, after, strict=True))))
    return np.sum(np.stack(placed), axis=0)
