"""Poolings: windows over the spatial axes of ``(batch, …, channels)``, each reduced to one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .checks import Array, require
from .windows import (
    Padding,
    Widths,
    extents,
    fold,
    pad,
    padding_widths,
    positive_per_axis,
    require_fit,
    windows,
)

__all__ = ["adaptive_pool", "adaptive_pool_vjp", "avg_pool", "avg_pool_vjp", "max_pool", "max_pool_vjp"]

PerAxis = int | Sequence[int]


def max_pool(
    x: Array,
    *,
    window: PerAxis = 2,
    strides: PerAxis = 2,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    nan: str = "hold",
) -> Array:
    """Maximum of each window.

    ``y[b, o, c] = max_t x[b, o s + t d - p, c]``

    with places ``o``, taps ``t``, strides ``s``, dilation ``d`` and low padding ``p`` of every spatial axis;
    ``x`` is -∞ outside its range.

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        window: number of taps, per axis or one for all.
        strides: distance of neighbouring windows, per axis or one for all.
        padding: ``valid``, ``same`` (the odd element on the high side), ``same_lower``, or a pair
            ``(low, high)`` per axis.
        dilation: distance of neighbouring taps, per axis or one for all.
        ceil_mode: allow a last window to reach past the high padding, if it begins before that padding.
        nan: the maximum of a window that holds NaN is NaN (``hold``, ``keep`` and ``pass``, which differ in
            the gradient only), or with ``ignore`` that of its numbers, -∞ if it has none.

    Returns:
        ``(batch, …, channels)`` with spatial lengths ``⌊(n + low + high - (k - 1) d - 1) / s⌋ + 1``; with
        ``ceil_mode`` the quotient is rounded up.

    Raises:
        ValueError: a window does not fit into the padded input, or does into the padding alone; window,
            strides or dilation below 1.

    Source: Boureau, Ponce and LeCun (2010), A theoretical analysis of feature pooling in visual recognition.
    """
    seen = _seen(x, _geometry(x, window, strides, padding, dilation, ceil_mode), -np.inf)
    return np.max(np.where(np.isnan(seen), -np.inf, seen) if nan == "ignore" else seen, axis=-1)


def max_pool_vjp(
    x: Array,
    cotangent: Array,
    *,
    window: PerAxis = 2,
    strides: PerAxis = 2,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    nan: str = "hold",
) -> tuple[Array]:
    """Gradient of `max_pool`: each window hands its whole cotangent to one of its taps.

    The taps on the input are walked through, the last axis running fastest: the first is held, and a greater
    one takes the place of the one held; of equal maxima the first stays. NaN is taken, and then given up for
    the next NaN only (``hold``), for none (``keep``) or for any next tap (``pass``); or it is neither taken
    nor given up (``ignore``), so that it stays if it comes first.
    """
    geometry = _geometry(x, window, strides, padding, dilation, ceil_mode)
    inside = _seen(np.ones((1, *x.shape[1:-1], 1)), geometry, 0.0) == 1.0
    held = _held(_seen(x, geometry, -np.inf), inside, _TAKES[nan])
    shares = [np.where(held == tap, cotangent, 0.0) for tap in range(math.prod(geometry.window))]
    return (_fold(shares, x, geometry),)


_TAKES: dict[str, Callable[[Array, Array], Array]] = {
    "hold": lambda best, tap: (tap > best) | np.isnan(tap),
    "keep": lambda best, tap: (tap > best) | (np.isnan(tap) & ~np.isnan(best)),
    "pass": lambda best, tap: ~(tap <= best),
    "ignore": lambda best, tap: tap > best,
}


def _held(seen: Array, inside: Array, takes: Callable[[Array, Array], Array]) -> Array:
    """Number of the tap that is held after a walk through those taps of each window that are ``inside``."""
    best, held = seen[..., 0], np.zeros(seen.shape[:-1])
    begun = inside[..., 0]
    for number in range(1, seen.shape[-1]):
        tap, exists = seen[..., number], inside[..., number]
        taken = (takes(best, tap) | ~begun) & exists
        best, held = np.where(taken, tap, best), np.where(taken, float(number), held)
        begun = begun | exists
    return held


def avg_pool(
    x: Array,
    *,
    window: PerAxis = 2,
    strides: PerAxis = 2,
    padding: Padding = "valid",
    ceil_mode: bool = False,
    count_padding: bool = False,
) -> Array:
    """Mean of each window.

    ``y[b, o, c] = Σ_t x[b, o s + t - p, c] / N_o``

    with places ``o``, taps ``t``, strides ``s`` and low padding ``p`` of every spatial axis; ``N_o`` is the
    number of taps that fall on the input, or on the input and its padding.

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        window: number of taps, per axis or one for all.
        strides: distance of neighbouring windows, per axis or one for all.
        padding: ``valid``, ``same`` (the odd element on the high side), ``same_lower``, or a pair
            ``(low, high)`` per axis.
        ceil_mode: allow a last window to reach past the high padding, if it begins before that padding. What
            lies past the padding never counts.
        count_padding: whether ``N_o`` counts taps on the padding.

    Returns:
        ``(batch, …, channels)``, lengths as in `max_pool`.

    Raises:
        ValueError: a window does not fit into the padded input, or does into the padding alone; window or
            strides below 1.

    Source: LeCun et al. (1998), Gradient-based learning applied to document recognition, section II.B.
    """
    geometry = _geometry(x, window, strides, padding, 1, ceil_mode)
    return np.sum(_seen(x, geometry, 0.0), axis=-1) / _counts(x, geometry, count_padding)


def avg_pool_vjp(
    x: Array,
    cotangent: Array,
    *,
    window: PerAxis = 2,
    strides: PerAxis = 2,
    padding: Padding = "valid",
    ceil_mode: bool = False,
    count_padding: bool = False,
) -> tuple[Array]:
    """Gradient of `avg_pool`: every tap of a window takes an equal share of its cotangent."""
    geometry = _geometry(x, window, strides, padding, 1, ceil_mode)
    share = cotangent / _counts(x, geometry, count_padding)
    return (_fold([share] * math.prod(geometry.window), x, geometry),)


def adaptive_pool(x: Array, *, lengths: Sequence[int], operation: str = "mean", nan: str = "hold") -> Array:
    """Pooling to given lengths: mean or maximum of windows that cover each axis.

    Of an axis of length ``n`` that becomes ``m``, the window of place ``o`` reaches from ``⌊o n / m⌋`` to
    before ``⌈(o + 1) n / m⌉``: where ``m`` divides ``n`` windows meet, elsewhere some of them overlap.

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        lengths: what the spatial axes become, from the first on; more numbers are not used.
        operation: ``mean`` or ``max``.
        nan: of ``max``, as in `max_pool`.

    Returns:
        ``(batch, *lengths, channels)``.

    Raises:
        ValueError: a length is below 1, or there are too few; ``operation`` is neither.

    Source: He, Zhang, Ren and Sun (2014), Spatial pyramid pooling in deep convolutional networks,
    arXiv:1406.4729, section 2.3; torch.nn.AdaptiveAvgPool2d.
    """
    bins = _bins(x, lengths, operation)
    if operation == "mean":
        for axis, places in bins:
            x = np.stack([np.sum(taken, axis=axis) for taken in _each(x, axis, places)], axis=axis)
        return x / _sizes(x, bins)
    return _maxima(x, bins, nan)[-1]


def adaptive_pool_vjp(
    x: Array, cotangent: Array, *, lengths: Sequence[int], operation: str = "mean", nan: str = "hold"
) -> tuple[Array]:
    """Gradient of `adaptive_pool`: a window hands on equal shares, or all to one as in `max_pool`."""
    bins = _bins(x, lengths, operation)
    if operation == "mean":
        cotangent = cotangent / _sizes(cotangent, bins)
        for axis, places in reversed(bins):
            windows = np.moveaxis(cotangent, axis, 0)
            given = [
                [w for w, bin in zip(windows, places, strict=True) if i in bin] for i in range(x.shape[axis])
            ]
            cotangent = np.stack([np.sum(np.stack(shares), axis=0) for shares in given], axis=axis)
        return (cotangent,)
    for (axis, places), before in reversed(list(zip(bins, _maxima(x, bins, nan)[:-1], strict=True))):
        held = [_held(seen, np.ones(seen.shape, bool), _TAKES[nan]) for seen in _last(before, axis, places)]
        windows = np.moveaxis(cotangent, axis, 0)
        given = [
            [np.where(held[o] == i - bin.start, windows[o], 0.0) for o, bin in enumerate(places) if i in bin]
            for i in range(x.shape[axis])
        ]
        cotangent = np.stack([np.sum(np.stack(shares), axis=0) for shares in given], axis=axis)
    return (cotangent,)


Bins = list[tuple[int, list[range]]]
"""For each spatial axis, the last first, the places that the windows of its result see."""


def _bins(x: Array, lengths: Sequence[int], operation: str) -> Bins:
    """The windows of an adaptive pooling that may be asked."""
    rank = x.ndim - 2
    require(rank >= 1, f"x must have the axes (batch, …, channels); got shape {x.shape}")
    require(operation in ("mean", "max"), f"operation must be mean or max; got {operation!r}")
    wanted = tuple(lengths[:rank])
    enough = len(wanted) == rank and min(wanted) >= 1
    require(enough, f"lengths must be {rank} numbers of at least 1; got {lengths}")
    return [
        (axis, [range(o * n // m, -(-(o + 1) * n // m)) for o in range(m)])
        for axis, n, m in reversed(list(zip(range(1, rank + 1), x.shape[1:-1], wanted, strict=True)))
    ]


def _each(x: Array, axis: int, places: Sequence[range]) -> list[Array]:
    """What each window along an axis sees."""
    return [np.take(x, list(bin), axis=axis) for bin in places]


def _last(x: Array, axis: int, places: Sequence[range]) -> list[Array]:
    """As `_each`, what is seen along the last axis."""
    return [np.moveaxis(taken, axis, -1) for taken in _each(x, axis, places)]


def _sizes(y: Array, bins: Bins) -> Array:
    """Number of elements of each window."""
    sizes = np.ones((1,) * y.ndim)
    for axis, places in bins:
        like = [-1 if i == axis else 1 for i in range(y.ndim)]
        sizes = sizes * np.reshape(np.array([float(len(bin)) for bin in places]), like)
    return sizes


def _maxima(x: Array, bins: Bins, nan: str) -> list[Array]:
    """``x``, and its maxima along one axis after the other."""
    found = [np.where(np.isnan(x), -np.inf, x) if nan == "ignore" else x]
    for axis, places in bins:
        maxima = [np.max(taken, axis=axis) for taken in _each(found[-1], axis, places)]
        found.append(np.stack(maxima, axis=axis))
    return found


# --- windows and what they see ---


class _Geometry(NamedTuple):
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    widths: Widths
    past: Widths
    """What windows may see past the padding, with ``ceil_mode``."""


def _geometry(
    x: Array, window: PerAxis, strides: PerAxis, padding: Padding, dilation: PerAxis, ceil_mode: bool
) -> _Geometry:
    require(x.ndim >= 3, f"x must have the axes (batch, …, channels); got shape {x.shape}")
    lengths, rank = x.shape[1:-1], x.ndim - 2
    window = positive_per_axis("window", window, rank)
    strides = positive_per_axis("strides", strides, rank)
    dilation = positive_per_axis("dilation", dilation, rank)
    widths = padding_widths(padding, lengths, window, strides, dilation)
    require_fit(lengths, widths, window, dilation)
    reach = extents(window, dilation)
    require(
        all(max(pair) < extent for pair, extent in zip(widths, reach, strict=True)),
        f"padding must be less than a window, which reaches over {reach}; got {padding}",
    )
    past = [
        _past(n, *p, e, s) if ceil_mode else 0
        for n, p, e, s in zip(lengths, widths, reach, strides, strict=True)
    ]
    return _Geometry(window, strides, dilation, widths, tuple((0, more) for more in past))


def _past(length: int, low: int, high: int, extent: int, stride: int) -> int:
    """How far past the high padding a last window reaches that begins before it."""
    places = -(-(length + low + high - extent) // stride) + 1
    if (places - 1) * stride >= length + low:
        places -= 1
    return max((places - 1) * stride + extent - length - low - high, 0)


def _seen(x: Array, geometry: _Geometry, fill: float) -> Array:
    """What each window sees: ``(batch, …, channels, taps)``, ``fill`` outside the input."""
    whole = pad(pad(x, geometry.widths, fill), geometry.past, fill)
    view = windows(whole, geometry.window, geometry.strides, geometry.dilation)
    return np.reshape(view, (*view.shape[: x.ndim], math.prod(geometry.window)))


def _counts(x: Array, geometry: _Geometry, count_padding: bool) -> Array:
    """Number of taps of each window that count: ``(1, …, 1)``."""
    inside = pad(np.ones((1, *x.shape[1:-1], 1)), geometry.widths, 1.0 if count_padding else 0.0)
    return np.sum(_seen(inside, geometry._replace(widths=((0, 0),) * len(geometry.window)), 0.0), axis=-1)


def _fold(taps: Sequence[Array], x: Array, geometry: _Geometry) -> Array:
    """Adjoint of `_seen`."""
    return fold(taps, x.shape[1:-1], geometry.widths, geometry.window, geometry.strides, geometry.dilation)
