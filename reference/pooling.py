"""Poolings: windows over the spatial axes of ``(batch, …, channels)``, each reduced to one number."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .checks import Array, require, require_shape
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

__all__ = [
    "adaptive_max_pool_with_argmax",
    "adaptive_max_pool_with_argmax_vjp",
    "adaptive_pool",
    "adaptive_pool_vjp",
    "avg_pool",
    "avg_pool_vjp",
    "global_pool",
    "global_pool_vjp",
    "lp_pool",
    "lp_pool_vjp",
    "max_pool",
    "max_pool_vjp",
    "max_pool_with_argmax",
    "max_pool_with_argmax_vjp",
    "max_unpool",
    "max_unpool_vjp",
    "morphology2d",
    "morphology2d_vjp",
]

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
    divisor: int | None = None,
) -> Array:
    """Mean of each window.

    ``y[b, o, c] = Σ_t x[b, o s + t - p, c] / N_o``

    with places ``o``, taps ``t``, strides ``s`` and low padding ``p`` of every spatial axis; ``N_o`` is the
    number of taps that fall on the input, or on the input and its padding, or ``divisor``.

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        window: number of taps, per axis or one for all.
        strides: distance of neighbouring windows, per axis or one for all.
        padding: ``valid``, ``same`` (the odd element on the high side), ``same_lower``, or a pair
            ``(low, high)`` per axis.
        ceil_mode: allow a last window to reach past the high padding, if it begins before that padding. What
            lies past the padding never counts.
        count_padding: whether ``N_o`` counts taps on the padding.
        divisor: ``N_o`` of all windows, wherever they lie; None for the number of taps.

    Returns:
        ``(batch, …, channels)``, lengths as in `max_pool`.

    Raises:
        ValueError: a window does not fit into the padded input, or does into the padding alone; window or
            strides below 1; ``divisor`` is 0.

    Source: LeCun et al. (1998), Gradient-based learning applied to document recognition, section II.B.
    """
    geometry = _geometry(x, window, strides, padding, 1, ceil_mode)
    return np.sum(_seen(x, geometry, 0.0), axis=-1) / _divisors(x, geometry, count_padding, divisor)


def avg_pool_vjp(
    x: Array,
    cotangent: Array,
    *,
    window: PerAxis = 2,
    strides: PerAxis = 2,
    padding: Padding = "valid",
    ceil_mode: bool = False,
    count_padding: bool = False,
    divisor: int | None = None,
) -> tuple[Array]:
    """Gradient of `avg_pool`: every tap of a window takes an equal share of its cotangent."""
    geometry = _geometry(x, window, strides, padding, 1, ceil_mode)
    share = cotangent / _divisors(x, geometry, count_padding, divisor)
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
    return over_bins(x, _bins(x, lengths, operation), operation, nan)


def adaptive_pool_vjp(
    x: Array, cotangent: Array, *, lengths: Sequence[int], operation: str = "mean", nan: str = "hold"
) -> tuple[Array]:
    """Gradient of `adaptive_pool`: a window hands on equal shares, or all to one as in `max_pool`."""
    return over_bins_vjp(x, cotangent, _bins(x, lengths, operation), operation, nan)


Bins = list[tuple[int, list[range]]]
"""For each spatial axis, the last first, the places that the windows of its result see."""


def over_bins(x: Array, bins: Bins, operation: str, nan: str = "hold") -> Array:
    """Mean or maximum of each window."""
    if operation == "mean":
        for axis, places in bins:
            x = np.stack([np.sum(taken, axis=axis) for taken in _each(x, axis, places)], axis=axis)
        return x / _sizes(x, bins)
    return _maxima(x, bins, nan)[-1]


def over_bins_vjp(x: Array, cotangent: Array, bins: Bins, operation: str, nan: str = "hold") -> tuple[Array]:
    """Gradient of `over_bins`."""
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


# --- one number for all of space ---


def global_pool(x: Array, *, operation: str = "mean", keepdims: bool = False) -> Array:
    """Mean or maximum over all of space.

    ``y[b, c] = Σ_s x[b, s, c] / n`` over the ``n`` places ``s``, or ``max_s x[b, s, c]``

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more, none of them empty.
        operation: ``mean`` or ``max``.
        keepdims: leave the spatial axes, with length 1.

    Returns:
        ``(batch, channels)``, or ``(batch, 1, …, channels)``.

    Raises:
        ValueError: ``x`` has no place, or ``operation`` is neither.

    Source: Lin, Chen and Yan (2013), Network in network, arXiv:1312.4400, section 3.2.
    """
    axes = _space(x, operation)
    reduce = np.mean if operation == "mean" else np.max
    return reduce(x, axis=axes, keepdims=keepdims)


def global_pool_vjp(
    x: Array,
    cotangent: Array,
    *,
    operation: str = "mean",
    keepdims: bool = False,
    tie_gradient: str = "split",
) -> tuple[Array]:
    """Gradient of `global_pool`: an equal share for each place, or all for the maximum.

    Of several that are the maximum each has an equal share (``split``), or the ``first`` has it all.
    """
    axes, channels = _space(x, operation), x.shape[-1]
    spread = np.reshape(cotangent, (len(x), *(1,) * len(axes), channels))
    if operation == "mean":
        return (np.broadcast_to(spread / math.prod(x.shape[1:-1]), x.shape),)
    if tie_gradient == "split":
        greatest = x == np.max(x, axis=axes, keepdims=True)
        return (np.where(greatest, spread / np.sum(greatest * 1.0, axis=axes, keepdims=True), 0.0),)
    first = np.argmax(np.reshape(x, (len(x), -1, channels)), axis=1)[:, np.newaxis]
    places = np.arange(math.prod(x.shape[1:-1]))[:, np.newaxis]
    return (np.where(np.reshape(places == first, x.shape), spread, 0.0),)


def _space(x: Array, operation: str) -> tuple[int, ...]:
    """The spatial axes of what may be pooled as a whole."""
    require(operation in ("mean", "max"), f"operation must be mean or max; got {operation!r}")
    require(x.ndim >= 3, f"x must have the axes (batch, …, channels); got shape {x.shape}")
    require(math.prod(x.shape[1:-1]) > 0, f"x must have a place in space; got shape {x.shape}")
    return tuple(range(1, x.ndim - 1))


# --- the maximum and where it was ---


def max_pool_with_argmax(
    x: Array,
    *,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Padding = "valid",
    index: str = "plane",
) -> tuple[Array, Array]:
    """Maximum of each window, and where it is: `max_pool` with indices.

    ``y`` as of `max_pool`, and ``indices`` the place of the tap that its gradient goes to: the first of equal
    maxima, the last NaN if there is any

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        window: number of taps, per axis, from the first on; more numbers are not used.
        strides: distance of neighbouring windows, likewise.
        padding: as of `max_pool`; of more pairs than axes the first are used.
        index: how places are numbered, the last axis running fastest: those of the ``plane`` of a channel; of
            the whole ``image``, channels and all; or of the whole ``batch``.

    Returns:
        ``y``, and ``indices`` of its shape, whole numbers.

    Raises:
        ValueError: as `max_pool`, or ``index`` is none of these.

    Source: Zeiler, Taylor and Fergus (2011), Adaptive deconvolutional networks, section 2.2.
    """
    geometry = _cut_geometry(x, window, strides, padding)
    held = _argmax(x, geometry)
    places = _seen(_numbered(x), geometry, 0.0)
    taken = np.take_along_axis(
        np.broadcast_to(places, (*held.shape, places.shape[-1])), held[..., np.newaxis], -1
    )
    return np.max(_seen(x, geometry, -np.inf), axis=-1), _indices(taken[..., 0], x, index)


def max_pool_with_argmax_vjp(
    x: Array,
    cotangent: Array,
    *,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Padding = "valid",
) -> tuple[Array]:
    """Gradient of `max_pool_with_argmax`: that of `max_pool`."""
    geometry = _cut_geometry(x, window, strides, padding)
    held = _argmax(x, geometry)
    shares = [np.where(held == tap, cotangent, 0.0) for tap in range(math.prod(geometry.window))]
    return (_fold(shares, x, geometry),)


def adaptive_max_pool_with_argmax(x: Array, *, lengths: Sequence[int]) -> tuple[Array, Array]:
    """Maximum of as many windows as are asked for along each axis, and where it is.

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        lengths: what the spatial axes become, as of `adaptive_pool`.

    Returns:
        ``y`` as of `adaptive_pool`, and ``indices`` of its shape: places in the plane of a channel.

    Raises:
        ValueError: as `adaptive_pool`.

    Source: torch.nn.AdaptiveMaxPool2d.
    """
    bins = list(reversed(_bins(x, lengths, "max")))
    chosen = _chosen(x, bins)
    flat, places = (np.reshape(a, (len(x), math.prod(a.shape[1:-1]), x.shape[-1])) for a in (x, chosen))
    return np.reshape(np.take_along_axis(flat, places, 1), chosen.shape), chosen


def adaptive_max_pool_with_argmax_vjp(x: Array, cotangent: Array, *, lengths: Sequence[int]) -> tuple[Array]:
    """Gradient of `adaptive_max_pool_with_argmax`: each maximum hands its whole cotangent to its place."""
    bins = list(reversed(_bins(x, lengths, "max")))
    places = math.prod(len(places) for _, places in bins)
    chosen = np.reshape(_chosen(x, bins), (len(x), places, x.shape[-1]))
    return (_scattered(np.reshape(cotangent, chosen.shape), chosen, x.shape),)


def max_unpool(x: Array, taps: Array, *, window: Sequence[int], rest: Sequence[int] = (0, 0, 0)) -> Array:
    """Each number where the maximum of its window was, and 0 elsewhere.

    ``y[b, o k + t, c] = x[b, o, c]`` with ``t = taps[b, o, c]``, for windows of ``k`` that lie side by side

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        taps: of the shape of ``x``, the place inside each window, the last axis running fastest.
        window: number of taps, per axis, from the first on; more numbers are not used.
        rest: how many places come after the last window, likewise.

    Returns:
        ``(batch, …, channels)`` with spatial lengths ``n k + rest``.

    Raises:
        ValueError: ``taps`` has not the shape of ``x``, or a tap lies outside its window.

    Source: Zeiler, Taylor and Fergus (2011), Adaptive deconvolutional networks, section 2.2.
    """
    require_shape("taps", taps, x.shape, "batch, …, channels")
    rank = x.ndim - 2
    sides, ones, none = tuple(window[:rank]), (1,) * rank, ((0, 0),) * rank
    count = math.prod(sides)
    inside = bool(np.all((taps >= 0) & (taps < count)))
    require(inside, f"taps must lie between 0 and {count - 1}")
    lengths = tuple(n * k + r for n, k, r in zip(x.shape[1:-1], sides, rest, strict=False))
    return fold([np.where(taps == tap, x, 0.0) for tap in range(count)], lengths, none, sides, sides, ones)


def max_unpool_vjp(
    x: Array, taps: Array, cotangent: Array, *, window: Sequence[int], rest: Sequence[int] = (0, 0, 0)
) -> tuple[Array]:
    """Gradient of `max_unpool`: each number has the cotangent of the place where it went."""
    rank = x.ndim - 2
    sides = tuple(window[:rank])
    whole = pad(cotangent, tuple((0, -r) for r in rest[:rank]))
    seen = np.reshape(windows(whole, sides, sides, (1,) * rank), (*x.shape, math.prod(sides)))
    return (np.take_along_axis(seen, taps[..., np.newaxis], -1)[..., 0],)


def _cut_geometry(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Padding, ceil_mode: bool = False
) -> _Geometry:
    """The geometry of as many axes as ``x`` has in space."""
    rank = x.ndim - 2
    widths = padding if isinstance(padding, str) else padding[:rank]
    return _geometry(x, tuple(window[:rank]), tuple(strides[:rank]), widths, 1, ceil_mode)


def _argmax(x: Array, geometry: _Geometry) -> Array:
    """Number of the tap of each window that is its maximum."""
    inside = _seen(np.ones((1, *x.shape[1:-1], 1)), geometry, 0.0) == 1.0
    return _held(_seen(x, geometry, -np.inf), inside, _TAKES["hold"]).astype(np.int64)


def _numbered(x: Array) -> Array:
    """The number of each place in the plane of a channel: ``(1, …, 1)``."""
    return np.reshape(np.arange(math.prod(x.shape[1:-1])), (1, *x.shape[1:-1], 1))


def _indices(places: Array, x: Array, index: str) -> Array:
    """Places in the plane of a channel, numbered in one of the ways of `max_pool_with_argmax`."""
    known = index in ("plane", "image", "batch")
    require(known, f"index must be plane, image or batch; got {index!r}")
    if index == "plane":
        return places
    channels, samples = np.arange(x.shape[-1]), np.reshape(np.arange(len(x)), (-1, *(1,) * (x.ndim - 1)))
    of_image = places * x.shape[-1] + channels
    return of_image if index == "image" else of_image + samples * math.prod(x.shape[1:])


def _chosen(x: Array, bins: Bins) -> Array:
    """The place of the maximum of each window of an adaptive pooling, in the plane of a channel."""
    numbers, of_axes = _numbered(x), [places for _, places in bins]
    found = []
    for window in itertools.product(*of_axes):
        seen, places = x, numbers
        for axis, bin in enumerate(window, start=1):
            seen, places = (np.take(a, list(bin), axis=axis) for a in (seen, places))
        flat = np.reshape(np.moveaxis(seen, -1, 1), (len(x), x.shape[-1], places.size))
        held = _held(flat, np.ones(flat.shape, bool), _TAKES["hold"]).astype(np.int64)
        found.append(np.reshape(places, -1)[held])
    return np.reshape(np.stack(found, axis=1), (len(x), *map(len, of_axes), x.shape[-1]))


def _scattered(values: Array, places: Array, shape: tuple[int, ...]) -> Array:
    """The sum of all values at each place: both ``(batch, windows, channels)``."""
    planes = [
        np.sum(np.where(places == place, values, 0.0), axis=1) for place in range(math.prod(shape[1:-1]))
    ]
    return np.reshape(np.stack(planes, axis=1), shape)


# --- powers, and sums with a kernel ---


def lp_pool(
    x: Array, *, window: Sequence[int], strides: Sequence[int], power: float = 2, ceil_mode: bool = False
) -> Array:
    """Root of the sum of powers of each window.

    ``y = (Σ_t x_t^p)^(1/p)`` over the taps ``t``, a mean times their number; an odd power keeps the signs of
    what it adds, and the cubic root of a negative sum is negative; of an infinite power it is ``max_t |x_t|``

    Args:
        x: ``(batch, …, channels)`` with one spatial axis or more.
        window: number of taps, per axis, from the first on; more numbers are not used.
        strides: distance of neighbouring windows, likewise.
        power: ``p``, 1, 2, 3, 4 or infinity.
        ceil_mode: allow a last window to reach past the end.

    Returns:
        As of `max_pool`.

    Raises:
        ValueError: as `avg_pool`, or another ``power``.

    Source: Boureau, Ponce and LeCun (2010), A theoretical analysis of feature pooling in visual recognition,
    section 2; torch.nn.LPPool2d for the signs.
    """
    if power == math.inf:
        return max_pool(np.abs(x), **_cut(x, window, strides), ceil_mode=ceil_mode)
    geometry = _cut_geometry(x, window, strides, "valid", ceil_mode)
    count = math.prod(geometry.window)
    total = count * (np.sum(_seen(_powered(x, power), geometry, 0.0), axis=-1) / count)
    if power == 3:
        return np.where(total < 0, -1.0, 1.0) * np.power(np.abs(total), 1 / 3)
    return total if power == 1 else np.sqrt(total) if power == 2 else np.sqrt(np.sqrt(total))


def lp_pool_vjp(
    x: Array,
    cotangent: Array,
    *,
    window: Sequence[int],
    strides: Sequence[int],
    power: float = 2,
    ceil_mode: bool = False,
) -> tuple[Array]:
    """Gradient of `lp_pool`: ``(x / y)^(p - 1)`` for each tap, and 0 where ``y`` is 0.

    Of an infinite power it is the sign of the first of the largest, which takes it all.
    """
    if power == math.inf:
        (shares,) = max_pool_vjp(np.abs(x), cotangent, **_cut(x, window, strides), ceil_mode=ceil_mode)
        return (np.sign(x) * shares,)
    geometry = _cut_geometry(x, window, strides, "valid", ceil_mode)
    seen, count = _seen(x, geometry, 0.0), math.prod(geometry.window)
    if power == 1:
        shares = np.broadcast_to((cotangent * count / count)[..., np.newaxis], seen.shape)
    else:
        y = lp_pool(x, window=window, strides=strides, power=power, ceil_mode=ceil_mode)[..., np.newaxis]
        parts = np.where(y == 0, 0.0, seen / np.where(y == 0, 1.0, y))
        slopes = {2: parts, 3: parts * parts, 4: parts * (parts * parts)}[int(power)]
        shares = cotangent[..., np.newaxis] * slopes
    return (_fold(list(np.moveaxis(shares, -1, 0)), x, geometry),)


def _powered(x: Array, power: float) -> Array:
    require(power in (1, 2, 3, 4), f"power must be 1, 2, 3, 4 or infinity; got {power}")
    if power == 1:
        return x
    square = x * x
    return square if power == 2 else square * x if power == 3 else square * square


def _cut(x: Array, window: Sequence[int], strides: Sequence[int]) -> dict[str, Any]:
    """A number for each axis between batch and channels."""
    return {"window": tuple(window[: x.ndim - 2]), "strides": tuple(strides[: x.ndim - 2])}


def morphology2d(
    x: Array,
    kernel: Array,
    *,
    operation: str = "dilation",
    strides: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: Padding = "valid",
) -> Array:
    """Grey-scale dilation or erosion: the maximum of sums with a kernel, or the minimum of differences.

    ``y[b, o, c] = max_t x[b, s o + d t - p, c] + k[t, c]``, or for an erosion
    ``min_t x[b, s o + d t - p, c] - k[K - 1 - t, c]``, which is the negative of the dilation of ``-x`` by the
    reflected kernel; what lies outside ``x`` is never chosen

    Args:
        x: ``(batch, height, width, channels)``.
        kernel: ``(height, width, channels)``.
        operation: ``dilation`` or ``erosion``.
        strides: distance of neighbouring windows, per axis.
        dilation: distance of neighbouring taps, per axis.
        padding: as of `max_pool`.

    Returns:
        As of `max_pool`.

    Raises:
        ValueError: as `max_pool`, the kernel does not fit, or ``operation`` is neither.

    Source: Serra (1982), Image analysis and mathematical morphology; tf.nn.erosion2d.
    """
    geometry = _kernel_geometry(x, kernel, operation, strides, dilation, padding)
    sums = _sums(x, kernel, operation, geometry)
    return np.max(sums, axis=-1) if operation == "dilation" else -np.max(sums, axis=-1)


def morphology2d_vjp(
    x: Array,
    kernel: Array,
    cotangent: Array,
    *,
    operation: str = "dilation",
    strides: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: Padding = "valid",
) -> tuple[Array, Array]:
    """Gradient of `morphology2d`: all to the tap that was chosen, the first of equal ones, and its kernel."""
    geometry = _kernel_geometry(x, kernel, operation, strides, dilation, padding)
    inside = _seen(np.ones((1, *x.shape[1:-1], 1)), geometry, 0.0) == 1.0
    held = _held(_sums(x, kernel, operation, geometry), inside, _TAKES["hold"])
    shares = [np.where(held == tap, cotangent, 0.0) for tap in range(math.prod(geometry.window))]
    of_kernel = np.reshape(np.stack([np.sum(share, axis=(0, 1, 2)) for share in shares]), kernel.shape)
    reflected = of_kernel if operation == "dilation" else -np.flip(of_kernel, (0, 1))
    return _fold(shares, x, geometry), reflected


def _kernel_geometry(
    x: Array,
    kernel: Array,
    operation: str,
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: Padding,
) -> _Geometry:
    """The geometry of a dilation or erosion that may be asked."""
    known = operation in ("dilation", "erosion")
    require(known, f"operation must be dilation or erosion; got {operation!r}")
    fits = x.ndim == 4 and kernel.ndim == 3 and kernel.shape[-1] == x.shape[-1]
    require(fits, f"kernel must be (height, width, {x.shape[-1]}); got {kernel.shape}")
    taps, apart = kernel.shape[:2], tuple(dilation)
    widths = padding_widths(padding, x.shape[1:-1], taps, tuple(strides), apart)
    require_fit(x.shape[1:-1], widths, taps, apart)
    return _geometry(x, taps, tuple(strides), padding, apart, ceil_mode=False)


def _sums(x: Array, kernel: Array, operation: str, geometry: _Geometry) -> Array:
    """What each window offers, of which the greatest is taken: ``(batch, …, channels, taps)``."""
    signed, taps = (x, kernel) if operation == "dilation" else (-x, np.flip(kernel, (0, 1)))
    return _seen(signed, geometry, -np.inf) + np.moveaxis(np.reshape(taps, (-1, kernel.shape[-1])), 0, -1)


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


def _divisors(x: Array, geometry: _Geometry, count_padding: bool, divisor: int | None) -> Array | float:
    """What the sum of each window is divided by."""
    require(divisor != 0, "divisor must not be 0")
    return _counts(x, geometry, count_padding) if divisor is None else float(divisor)


def _counts(x: Array, geometry: _Geometry, count_padding: bool) -> Array:
    """Number of taps of each window that count: ``(1, …, 1)``."""
    inside = pad(np.ones((1, *x.shape[1:-1], 1)), geometry.widths, 1.0 if count_padding else 0.0)
    return np.sum(_seen(inside, geometry._replace(widths=((0, 0),) * len(geometry.window)), 0.0), axis=-1)


def _fold(taps: Sequence[Array], x: Array, geometry: _Geometry) -> Array:
    """Adjoint of `_seen`."""
    return fold(taps, x.shape[1:-1], geometry.widths, geometry.window, geometry.strides, geometry.dilation)
