"""Faults and controls of the poolings."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...numerics.dtypes import dtype as format_of
from ...reference.pooling import avg_pool, global_pool_vjp, max_pool, morphology2d
from ...reference.windows import extents, fold, pad, padding_widths, windows
from ..language.variant import Control, Fault, each_way

Array = Any

WHOLE = {"padding": "'valid'", "ceil_mode": "False"}
"""Parameters beside an input that holds its padding, and what windows see past it."""


def ones(window: tuple[int, ...]) -> tuple[int, ...]:
    """The dilation of a window that has none."""
    return (1,) * len(window)


def whole(
    x: Array, fill: float, *, window: Any, strides: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Array, tuple[tuple[int, int], ...]]:
    """``x`` with all that windows see beside it, and how much that is on either side."""
    geometry = {"window": window, "strides": strides, "padding": padding, "dilation": dilation}
    lengths = x.shape[1:-1]
    places = max_pool(np.ones(x.shape), **geometry, ceil_mode=ceil_mode).shape[1:-1]
    widths = padding_widths(padding, lengths, window, strides, dilation)
    reach = zip(places, strides, extents(window, dilation), lengths, widths, strict=True)
    around = tuple((low, (p - 1) * s + e - n - low) for p, s, e, n, (low, _) in reach)
    return pad(x, around, fill), around


def seen(x: Array, fill: float, **geometry: Any) -> tuple[Array, tuple[tuple[int, int], ...]]:
    """What each window sees, tap by tap along the last axis."""
    window, strides, dilation = (geometry[name] for name in ("window", "strides", "dilation"))
    grown, around = whole(x, fill, **geometry)
    view = windows(grown, window, strides, dilation)
    return np.reshape(view, (*view.shape[: x.ndim], -1)), around


def filled(fill: float) -> Callable[..., Array]:
    """``x`` of a max pooling in which something else than -∞ stands outside."""
    return lambda x, window, strides, padding, dilation, ceil_mode: whole(
        x, fill, window=window, strides=strides, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )[0]


def filled_with_lowest(
    x: Array, window: Any, strides: Any, padding: Any, dilation: Any, ceil_mode: bool, dtype: str
) -> Array:
    """``x`` of a max pooling in which the lowest finite number stands outside."""
    lowest = -format_of(dtype).largest
    return filled(lowest)(x, window, strides, padding, dilation, ceil_mode)


def filled_with_zeros(x: Array, window: Any, strides: Any, padding: Any, ceil_mode: bool) -> Array:
    """``x`` of a mean that counts whatever a window sees."""
    return filled(0.0)(x, window, strides, padding, ones(window), ceil_mode)


def with_edges(x: Array, window: Any, strides: Any, padding: Any, ceil_mode: bool) -> Array:
    """``x`` padded with its outermost elements."""
    _, around = whole(
        x, 0.0, window=window, strides=strides, padding=padding, dilation=ones(window), ceil_mode=ceil_mode
    )
    kept = pad(x, tuple((min(low, 0), min(high, 0)) for low, high in around))
    widths = ((max(low, 0), max(high, 0)) for low, high in around)
    return np.pad(kept, ((0, 0), *widths, (0, 0)), mode="edge")


def hands_to(share: Callable[[Array, Array], Array]) -> Callable[..., tuple[Array]]:
    """A gradient of max pooling that hands to each tap the ``share`` that it makes of where maxima are."""

    def vjp(
        x: Array, cotangent: Array, *, window: Any, strides: Any, padding: Any, dilation: Any, ceil_mode: bool
    ) -> tuple[Array]:
        geometry = {"window": window, "strides": strides, "padding": padding, "dilation": dilation}
        taps, around = seen(x, -np.inf, **geometry, ceil_mode=ceil_mode)
        inside, _ = seen(np.ones_like(x), 0.0, **geometry, ceil_mode=ceil_mode)
        top = np.max(taps, axis=-1, keepdims=True)
        best = ((taps == top) | np.isnan(taps) & np.isnan(top)) & (inside == 1)
        given = share(best, top) * cotangent[..., np.newaxis]
        moved = list(np.moveaxis(given, -1, 0))
        return (fold(moved, x.shape[1:-1], around, window, strides, dilation),)

    return vjp


def overwriting(
    x: Array, cotangent: Array, *, window: Any, strides: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Array]:
    """A gradient of max pooling in which overlapping windows replace one another."""
    geometry = {"window": window, "strides": strides, "padding": padding, "dilation": dilation}
    taps, around = seen(x, -np.inf, **geometry, ceil_mode=ceil_mode)
    top = np.max(taps, axis=-1, keepdims=True)
    held = np.argmax(first((taps == top) | np.isnan(taps), top), axis=-1)
    gradient = np.zeros(x.shape)
    for number in range(taps.shape[-1]):
        shares = [np.where((held == n) & (n == number), cotangent, 0.0) for n in range(taps.shape[-1])]
        added = fold(shares, x.shape[1:-1], around, window, strides, dilation)
        gradient = np.where(added != 0, added, gradient)
    return (gradient,)


def integral_image(
    x: Array, *, window: Any, strides: Any, padding: Any, ceil_mode: bool, count_padding: bool
) -> Array:
    """Means from differences of running sums, which lose what lies before."""
    geometry = {"window": window, "strides": strides, "padding": padding, "ceil_mode": ceil_mode}
    sums, _ = whole(x, 0.0, **geometry, dilation=ones(window))
    for axis, (k, s) in enumerate(zip(window, strides, strict=True), start=1):
        before = ((0, 0),) * axis + ((1, 0),) + ((0, 0),) * (x.ndim - axis - 1)
        running = np.cumsum(np.pad(sums, before), axis=axis)
        length = running.shape[axis] - k
        high = np.take(running, range(k, length + k), axis=axis)
        sums = np.take(high - np.take(running, range(length), axis=axis), range(0, length, s), axis=axis)
    return sums / counts(x.shape, count_padding=count_padding, **geometry)


def counts(shape: tuple[int, ...], *, count_padding: bool, **geometry: Any) -> Array:
    """Number of elements that each mean is of, from means of ones: ``(1, …, 1)``."""
    present = np.ones((1, *shape[1:-1], 1))
    taps, _ = seen(present, 0.0, **geometry, dilation=ones(geometry["window"]))
    inside = np.sum(taps, axis=-1)
    return inside / avg_pool(present, **geometry, count_padding=True) if count_padding else inside


def columns_then_rows(
    x: Array, *, window: Any, strides: Any, padding: Any, ceil_mode: bool, count_padding: bool
) -> Array:
    """Sums of one axis after the other, times the reciprocal of the count."""
    geometry = {"window": window, "strides": strides, "padding": padding, "ceil_mode": ceil_mode}
    sums, _ = whole(x, 0.0, **geometry, dilation=ones(window))
    for axis, (k, s) in enumerate(zip(window, strides, strict=True), start=1):
        view = np.lib.stride_tricks.sliding_window_view(sums, k, axis=axis)
        sums = np.sum(view[(slice(None),) * axis + (slice(None, None, s),)], axis=-1)
    return sums * (np.ones_like(sums) / counts(x.shape, count_padding=count_padding, **geometry))


def tap_after_tap(
    x: Array, *, window: Any, strides: Any, padding: Any, ceil_mode: bool, count_padding: bool
) -> Array:
    """A mean to which each tap adds its share, divided already."""
    geometry = {"window": window, "strides": strides, "padding": padding, "ceil_mode": ceil_mode}
    taps, _ = seen(x, 0.0, **geometry, dilation=ones(window))
    count = counts(x.shape, count_padding=count_padding, **geometry)
    return sum(taps[..., number] / count for number in range(taps.shape[-1]))


def columns_then_rows_of_maxima(
    x: Array, *, window: Any, strides: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Array:
    """Maxima along one axis after the other."""
    geometry = {"window": window, "strides": strides, "padding": padding, "dilation": dilation}
    maxima, _ = whole(x, -np.inf, **geometry, ceil_mode=ceil_mode)
    for axis, (k, s, d) in enumerate(zip(window, strides, dilation, strict=True), start=1):
        view = np.lib.stride_tricks.sliding_window_view(maxima, (k - 1) * d + 1, axis=axis)
        maxima = np.max(view[(slice(None),) * axis + (slice(None, None, s),)][..., ::d], axis=-1)
    return maxima


def first(best: Array, top: Array) -> Array:
    """All to the first maximum; of NaN to the last."""
    return np.where(np.isnan(top), _leading(best[..., ::-1])[..., ::-1], _leading(best))


def last(best: Array, top: Array) -> Array:
    """All to the last maximum."""
    return _leading(best[..., ::-1])[..., ::-1]


def every(best: Array, top: Array) -> Array:
    """To each maximum all of it; of NaN to the last."""
    return np.where(np.isnan(top), first(best, top), best)


def shared(best: Array, top: Array) -> Array:
    """To each maximum an equal share; of NaN to the last."""
    share = best / np.maximum(np.sum(best, axis=-1, keepdims=True), 1)
    return np.where(np.isnan(top), first(best, top), share)


def _leading(best: Array) -> Array:
    return best & (np.cumsum(best, axis=-1) == 1)


MIRRORED = (
    "'same_lower' if padding == 'same' else 'same' if padding == 'same_lower' else "
    "padding if padding == 'valid' else "
    "(*[pair[::-1] for pair in padding],)"
)


GEOMETRY = (
    *each_way(Fault(name="padding on the other side", parameters={"padding": MIRRORED})),
    Fault(
        name="windows begin one place late",
        inputs={"x": lambda x: np.concatenate([x[..., 1:, :], x[..., -1:, :]], axis=-2)},
        where="strides[-1] > 1",
    ),
)
"""Faults of windows and padding."""


def max_pool_faults(rank: int) -> tuple[Fault, ...]:
    """Faults of the maximum pooling over so many axes."""
    return (
        *GEOMETRY,
        Fault(name="padded with zeros", inputs={"x": filled(0.0)}, parameters=WHOLE),
        Fault(
            name="padded with the lowest finite number", inputs={"x": filled_with_lowest}, parameters=WHOLE
        ),
        Fault(name="NaN ignored", inputs={"x": lambda x: np.where(np.isnan(x), -np.inf, x)}),
        Fault(name="gradient to every maximum", vjp=hands_to(every)),
        Fault(name="gradient shared by the maxima", vjp=hands_to(shared)),
        Fault(name="gradient to the last maximum", vjp=hands_to(last)),
        Fault(
            name="gradient of the mean",
            vjp=hands_to(lambda best, top: np.ones(best.shape) / best.shape[-1]),
            where="not ceil_mode and padding == 'valid'",
        ),
        Fault(name="gradients of overlapping windows replace one another", vjp=overwriting),
    )


def avg_controls(rank: int) -> tuple[Control, ...]:
    """Controls of the mean pooling over so many axes, which divide by numbers of taps."""
    if rank == 1:
        return AVG_CONTROLS
    return tuple(dataclasses.replace(c, where=f"({c.where}) and divisor is None") for c in AVG_CONTROLS)


def avg_pool_faults(rank: int) -> tuple[Fault, ...]:
    """Faults of the mean pooling over so many axes."""
    return (
        *GEOMETRY,
        Fault(
            name="what lies past the padding counts",
            inputs={"x": filled_with_zeros},
            parameters={**WHOLE, "count_padding": "True"},
            where="count_padding and ceil_mode",
        ),
        Fault(
            name="divided by the window throughout",
            inputs={"x": filled_with_zeros},
            parameters={**WHOLE, "count_padding": "True"},
            where="not count_padding",
        ),
        Fault(
            name="padded with the nearest element",
            inputs={"x": with_edges},
            parameters={**WHOLE, "count_padding": "True"},
        ),
        Fault(
            name="sum, not mean",
            results={"y": lambda result, window: result * math.prod(window)},
        ),
        Fault(name="differences of running sums", reference=integral_image, rounds=True),
        Fault(
            name="differences of running sums of finite numbers",
            reference=integral_image,
            rounds=True,
            where="data in ('normal', 'wide')",
        ),
        Fault(
            name="gradient not divided",
            gradients={"x": lambda gradient, window: gradient * math.prod(window)},
        ),
    )


def adaptive(
    x: Array,
    *,
    lengths: Any,
    operation: str,
    low: Callable[[int, int, int], int] = lambda o, n, m: o * n // m,
    high: Callable[[int, int, int], int] = lambda o, n, m: -(-(o + 1) * n // m),
) -> Array:
    """Adaptive pooling place by place, its windows from ``low`` to before ``high``."""
    axes = list(zip(x.shape[1:-1], lengths, strict=False))
    reduce: Callable[..., Array] = np.max if operation == "max" else np.mean
    places = []
    for place in np.ndindex(*(m for _, m in axes)):
        bins = (slice(low(o, n, m), high(o, n, m)) for o, (n, m) in zip(place, axes, strict=True))
        seen = (slice(None), *bins)
        places.append(reduce(x[seen], axis=tuple(range(1, x.ndim - 1))))
    return np.reshape(np.stack(places, axis=1), (x.shape[0], *(m for _, m in axes), x.shape[-1]))


ADAPTIVE = (
    Fault(
        name="windows begin and end where the next does",
        reference=functools.partial(adaptive, high=lambda o, n, m: max((o + 1) * n // m, o * n // m + 1)),
    ),
    Fault(
        name="windows of one length",
        reference=functools.partial(
            adaptive,
            low=lambda o, n, m: min(o * (n // m), n - 1),
            high=lambda o, n, m: min(o * (n // m), n - 1) + max(n // m, 1),
        ),
    ),
    Fault(
        name="windows of one length, the last to the end",
        reference=functools.partial(
            adaptive,
            low=lambda o, n, m: min(o * (n // m), n - 1),
            high=lambda o, n, m: n if o == m - 1 else min(o * (n // m), n - 1) + max(n // m, 1),
        ),
    ),
)

MAX_CONTROLS = (
    Control(
        name="columns, then rows; gradient to the first maximum",
        reference=columns_then_rows_of_maxima,
        vjp=hands_to(first),
    ),
)
AVG_CONTROLS = (
    Control(name="columns, then rows, times the reciprocal", reference=columns_then_rows),
    Control(name="tap after tap, each divided", reference=tap_after_tap),
)

# --- one spec for all ranks ---


def channels_counted_first(result: Array, height: int, width: int, channels: int) -> Array:
    """Indices of an image whose channels come before its rows."""
    return result // channels + result % channels * (height * width)


def last_of_equals(x: Array, cotangent: Array, *, operation: str, keepdims: bool, tie_gradient: str) -> Array:
    """A global maximum that hands all to the last of equal ones."""
    turned, axes = np.flip(x, tuple(range(1, x.ndim - 1))), tuple(range(1, x.ndim - 1))
    (gradient,) = global_pool_vjp(
        turned, cotangent, operation=operation, keepdims=keepdims, tie_gradient="first"
    )
    return (np.flip(gradient, axes),)


def reflected_dilation(
    x: Array, kernel: Array, *, operation: str, strides: Any, dilation: Any, padding: Any
) -> Array:
    """A dilation by the reflected kernel, or an erosion by one that is not."""
    options = {"operation": operation, "strides": strides, "dilation": dilation, "padding": padding}
    return morphology2d(x, np.flip(kernel, (0, 1)), **options)


def zero_outside(
    x: Array, kernel: Array, *, operation: str, strides: Any, dilation: Any, padding: Any
) -> Array:
    """Zeros outside, which win over what is negative."""
    widths = padding_widths(padding, x.shape[1:-1], kernel.shape[:2], strides, dilation)
    options = {"operation": operation, "strides": strides, "dilation": dilation}
    return morphology2d(pad(x, widths), kernel, **options, padding="valid")


GENERAL = {
    "global_pool": (
        Fault(
            name="all to the last of equal maxima",
            vjp=last_of_equals,
            where="operation == 'max' and data == 'ties'",
        ),
    ),
    "max_pool_with_argmax": (
        Fault(
            name="channels counted before rows",
            results={"indices": channels_counted_first},
            where="index == 'image' and spatial == 2",
        ),
        Fault(name="indices from 1 on", results={"indices": lambda result: result + 1}),
    ),
    "adaptive_max_pool_with_argmax": (
        Fault(name="indices from 1 on", results={"indices": lambda result: result + 1}),
    ),
    "morphology2d": (
        Fault(name="the kernel reflected", reference=reflected_dilation),
        Fault(name="zeros outside", reference=zero_outside, where="padding == 'same'"),
    ),
}

RANKS = (1, 2, 3)

FAULTS = (
    {f"max_pool{rank}d": max_pool_faults(rank) for rank in RANKS}
    | {f"avg_pool{rank}d": avg_pool_faults(rank) for rank in RANKS}
    | {"adaptive_pool": ADAPTIVE}
    | GENERAL
)

CONTROLS = (
    {f"max_pool{rank}d": MAX_CONTROLS for rank in RANKS}
    | {f"avg_pool{rank}d": avg_controls(rank) for rank in RANKS}
    | {"adaptive_pool": (Control(name="place by place", reference=adaptive, where="data != 'nan'"),)}
)
