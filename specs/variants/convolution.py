"""Faults and controls of the convolutions and transposed convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...reference.convolution import (
    conv,
    conv_transpose,
    conv_transpose_vjp,
    conv_vjp,
    depthwise_conv,
    separable_conv,
)
from ...reference.windows import fold, pad, padding_widths, tap_positions, windows
from ..language.variant import Control, Fault, each_way

Array = Any

# --- wrong inputs ---


def turned(kernel: Array) -> Array:
    """Channels and filters stored in the other order."""
    return np.swapaxes(kernel, -1, -2).reshape(kernel.shape)


def transposed(kernel: Array) -> Array:
    """The taps of a window with equal sides, its first two axes exchanged."""
    return np.swapaxes(kernel, 0, 1)


def without_last_channel(x: Array) -> Array:
    """The last channel left out."""
    return np.concatenate([x[..., :-1], np.zeros_like(x[..., -1:])], axis=-1)


def without_last_sample(x: Array) -> Array:
    """The last sample left out."""
    return np.concatenate([x[:-1], np.zeros_like(x[-1:])])


def one_place_on(x: Array) -> Array:
    """What each window sees one place later, along the last spatial axis."""
    return np.concatenate([x[..., 1:, :], 0 * x[..., :1, :]], axis=-2)


def in_turn(x: Array, groups: int) -> Array:
    """Channels dealt out to the groups in turn, as a shuffle leaves them."""
    return np.swapaxes(x.reshape(*x.shape[:-1], -1, groups), -1, -2).reshape(x.shape)


def first_group(x: Array, groups: int) -> Array:
    """The channels of the first group in the place of everyone's."""
    return np.concatenate([np.split(x, groups, axis=-1)[0]] * groups, axis=-1)


def edges_repeated(x: Array, kernel: Array, strides: Any, padding: Any, dilation: Any) -> Array:
    """``x`` padded with its outermost elements."""
    widths = padding_widths(padding, x.shape[1:-1], kernel.shape[:-2], strides, dilation)
    return np.pad(x, ((0, 0), *widths, (0, 0)), mode="edge")


# --- wrong results ---


def filled_where_unseen(gradient: Array, x: Array, kernel: Array, strides: Any, dilation: Any) -> Array:
    """What no window saw keeps the number that was there."""
    geometry = {"strides": strides, "dilation": dilation}
    ones = np.ones((1, *x.shape[1:-1], 1)), np.ones((*kernel.shape[:-2], 1, 1))
    places = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(x.shape[1:-1], kernel.shape, strides, dilation, strict=False)
    ]
    seen = conv_vjp(*ones, None, np.ones((1, *places, 1)), **geometry)[0] > 0
    return np.where(seen, gradient, 1.0)


def overwritten(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    flip: bool,
) -> Array:
    """A transposed convolution whose overlapping windows replace one another instead of adding up."""
    geometry = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups, "flip": flip}
    y = np.zeros(())
    for position in tap_positions(kernel.shape[:-2]):
        only = np.zeros_like(kernel)
        only[position] = kernel[position]
        reached = conv_transpose(np.ones_like(x), np.abs(only), **geometry) > 0
        y = np.where(reached, conv_transpose(x, only, **geometry), y)
    return y if bias is None else y + bias


def without_bias_where_unreached(
    result: Array, x: Array, kernel: Array, strides: Any, padding: Any, dilation: Any, groups: int, flip: bool
) -> Array:
    """Zero, and not the bias, where no input adds to the output."""
    geometry = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups, "flip": flip}
    reached = conv_transpose(np.ones_like(x), np.ones_like(kernel), **geometry) > 0
    return np.where(reached, result, 0.0)


# --- other algorithms ---


def tap(seen: Array, position: tuple[int, ...]) -> Array:
    """What every window sees at one of its places."""
    place = (..., *position)
    return seen[place]


def per_group(columns: Array, matrix: Array, groups: int) -> Array:
    """``columns @ matrix`` group by group: ``(…, channels)`` and ``(channels // groups, filters)``."""
    if groups == 1:
        return np.matmul(columns, matrix)
    parts = zip(np.split(columns, groups, axis=-1), np.split(matrix, groups, axis=-1), strict=True)
    return np.concatenate([np.matmul(c, m) for c, m in parts], axis=-1)


def per_group_back(rows: Array, matrix: Array, groups: int) -> Array:
    """``rows @ matrixᵀ`` group by group: ``(…, filters)`` and ``(channels // groups, filters)``."""
    parts = zip(np.split(rows, groups, axis=-1), np.split(matrix, groups, axis=-1), strict=True)
    return np.concatenate([np.matmul(r, np.swapaxes(m, -1, -2)) for r, m in parts], axis=-1)


def tap_by_tap(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int = 1,
) -> Array:
    """Starts from the bias and adds one product of matrices for each tap."""
    window = kernel.shape[:-2]
    widths = padding_widths(padding, x.shape[1:-1], window, strides, dilation)
    seen = windows(pad(x, widths), window, strides, dilation)
    y = 0.0 if bias is None else bias
    for position in tap_positions(window):
        y = y + per_group(tap(seen, position), kernel[position], groups)
    return y


def tap_by_tap_vjp(
    x: Array,
    kernel: Array,
    bias: Array | None,
    cotangent: Array,
    *,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int = 1,
) -> tuple[Array, Array, Array | None]:
    """Scatters a product for each tap into ``x``, and multiplies what the tap saw with the cotangent."""
    window = kernel.shape[:-2]
    widths = padding_widths(padding, x.shape[1:-1], window, strides, dilation)
    seen = windows(pad(x, widths), window, strides, dilation)
    back = [per_group_back(cotangent, kernel[position], groups) for position in tap_positions(window)]
    rows = np.reshape(cotangent, (-1, cotangent.shape[-1]))
    products = [
        per_group_product(np.reshape(tap(seen, position), (-1, x.shape[-1])), rows, groups)
        for position in tap_positions(window)
    ]
    return (
        fold(back, x.shape[1:-1], widths, window, strides, dilation),
        np.reshape(np.stack(products), kernel.shape),
        None if bias is None else np.sum(rows, axis=0),
    )


def per_group_product(columns: Array, rows: Array, groups: int) -> Array:
    """``columnsᵀ @ rows`` group by group."""
    parts = zip(np.split(columns, groups, axis=-1), np.split(rows, groups, axis=-1), strict=True)
    return np.concatenate([np.matmul(np.swapaxes(c, 0, 1), r) for c, r in parts], axis=-1)


def depthwise_tap_by_tap(
    x: Array, kernel: Array, bias: Array | None = None, *, strides: Any, padding: Any, dilation: Any
) -> Array:
    """Elementwise products, tap after tap."""
    *window, channels, multiplier = kernel.shape
    widths = padding_widths(padding, x.shape[1:-1], window, strides, dilation)
    seen = windows(pad(x, widths), window, strides, dilation)
    y = sum(np.expand_dims(tap(seen, t), -1) * kernel[t] for t in tap_positions(window))
    flat = np.reshape(y, (*seen.shape[: x.ndim - 1], channels * multiplier))
    return flat if bias is None else flat + bias


def strided_after(
    x: Array,
    kernel: Array,
    pointwise: Array,
    bias: Array | None = None,
    *,
    strides: Any,
    padding: Any,
    dilation: Any,
) -> Array:
    """Every place is convolved, and the pointwise convolution takes a stride."""
    every = separable_conv(x, kernel, pointwise, bias, padding=padding, dilation=dilation)
    kept = (slice(None), *(slice(None, None, step) for step in strides))
    return every[kept]


def bias_between(
    x: Array,
    kernel: Array,
    pointwise: Array,
    bias: Array,
    *,
    strides: Any,
    padding: Any,
    dilation: Any,
) -> Array:
    """The depthwise convolution adds the bias as well, as far as it reaches."""
    hidden = depthwise_conv(x, kernel, strides=strides, padding=padding, dilation=dilation)
    return np.matmul(hidden + np.resize(bias, hidden.shape[-1]), pointwise) + bias


def mixed_first(
    x: Array,
    kernel: Array,
    pointwise: Array,
    bias: Array | None = None,
    *,
    strides: Any,
    padding: Any,
    dilation: Any,
) -> Array:
    """One convolution, with the product of both kernels."""
    channels, multiplier = kernel.shape[-2:]
    mixing = np.reshape(pointwise, (channels, multiplier, pointwise.shape[-1]))
    whole = np.sum(np.expand_dims(kernel, -1) * mixing, axis=-2)
    return conv(x, whole, bias, strides=strides, padding=padding, dilation=dilation)


def scattered(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    flip: bool,
) -> Array:
    """Every input adds its weighted kernel to the output, tap by tap (col2im)."""
    window = kernel.shape[:-2]
    geometry = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    lengths = conv_transpose(np.ones(x.shape), np.ones(kernel.shape), **geometry).shape[1:-1]
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    lows = {
        "valid": [0] * len(reach),
        "same": [max(e - s, 0) // 2 for e, s in zip(reach, strides, strict=True)],
    }.get(padding) or [low for low, _ in padding]
    taps = kernel if flip else np.flip(kernel, axis=tuple(range(len(window))))
    added = [per_group_back(x, taps[position], groups) for position in tap_positions(window)]
    y = fold(added, lengths, tuple((low, 0) for low in lows), window, strides, dilation)
    return y if bias is None else y + bias


def along(transform: Callable[[Array], list[Array]], array: Array, axes: Sequence[int]) -> Array:
    """A linear map of each of these axes, given as a function of the slices along it."""
    for axis in axes:
        array = np.moveaxis(np.stack(transform(np.moveaxis(array, axis, 0))), 0, axis)
    return array


def winograd(
    x: Array, kernel: Array, bias: Array | None = None, *, padding: Any, groups: int = 1, strides: Any
) -> Array:
    """F(2, 3) on every axis: four products for two outputs of three taps (Lavin and Gray, 2015)."""
    axes = tuple(range(1, x.ndim - 1))
    window = kernel.shape[:-2]
    ones = (1,) * len(window)
    widths = padding_widths(padding, x.shape[1:-1], window, strides, ones)
    lengths = [n + sum(pair) - 2 for n, pair in zip(x.shape[1:-1], widths, strict=True)]
    even = tuple((low, high + n % 2) for n, (low, high) in zip(lengths, widths, strict=True))
    tiles = windows(pad(x, even), (4,) * len(axes), (2,) * len(axes), ones)
    last = tuple(range(-len(axes), 0))
    inputs = along(lambda d: [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]], tiles, last)
    taps = along(
        lambda g: [g[0], (g[0] + g[1] + g[2]) * 0.5, (g[0] - g[1] + g[2]) * 0.5, g[2]],
        kernel,
        range(len(axes)),
    )
    products = np.stack([per_group(tap(inputs, t), taps[t], groups) for t in tap_positions((4,) * len(axes))])
    squares = np.reshape(products, ((4,) * len(axes) + products.shape[1:]))
    pairs = along(lambda m: [m[0] + m[1] + m[2], m[1] - m[2] - m[3]], squares, range(len(axes)))
    for axis in axes:  # the outputs of a tile beside its place
        pairs = np.moveaxis(pairs, 0, len(axes) + axis)
    merged = np.reshape(pairs, (x.shape[0], *(n + n % 2 for n in lengths), kernel.shape[-1]))
    kept = (slice(None), *(slice(0, n) for n in lengths))
    y = merged[kept]
    return y if bias is None else y + bias


# --- tables ---


def channels_before_taps(kernel: Array, strides: Any) -> Array:
    """The same numbers, stored as ``(*places, channels, *window, filters)``."""
    rank = len(strides)
    moved = np.moveaxis(kernel, -2, rank)
    return np.reshape(moved, kernel.shape)


def banded(x: Array, kernel: Array, bias: Array | None = None, *, strides: Any, padding: Any) -> Array:
    """A dense layer whose matrix holds the kernel of each place in the rows that the place sees."""
    rank = len(strides)
    places, window, (channels, filters) = kernel.shape[:rank], kernel.shape[rank:-2], kernel.shape[-2:]
    widths = padding_widths(padding, x.shape[1:-1], window, strides, (1,) * rank)
    lengths = x.shape[1:-1]
    columns = []
    for place in tap_positions(places):
        taps = {
            tuple(o * s + t - low for o, s, t, (low, _) in zip(place, strides, tap, widths, strict=True)): tap
            for tap in tap_positions(window)
        }
        zero = 0.0 * kernel[(0,) * 2 * rank]
        own = kernel[place]
        columns.append(np.stack([own[taps[i]] if i in taps else zero for i in tap_positions(lengths)]))
    matrix = np.stack(columns, axis=2)  # (inputs, channels, places, filters)
    flat = np.reshape(matrix, (math.prod(lengths) * channels, len(columns) * filters))
    y = np.reshape(
        np.matmul(np.reshape(x, (x.shape[0], math.prod(lengths) * channels)), flat),
        (x.shape[0], *places, filters),
    )
    return y if bias is None else y + bias


def from_first_use(
    x: Array, kernel: Array, cotangent: Array, strides: Any, padding: Any, flip: bool
) -> Array:
    """Gradient of a tied kernel through the convolution alone."""
    geometry = {"strides": strides, "padding": padding}
    hidden = conv(x, kernel, **geometry)
    dhidden, _, _ = conv_transpose_vjp(hidden, kernel, None, cotangent, flip=flip, **geometry)
    return conv_vjp(x, kernel, None, dhidden, **geometry)[1]


def tied_tap_by_tap(x: Array, kernel: Array, *, strides: Any, padding: Any, flip: bool) -> Array:
    """Tap by tap forth, and scattered back."""
    geometry = {"strides": strides, "padding": padding, "dilation": (1,) * len(strides), "groups": 1}
    return scattered(tap_by_tap(x, kernel, **geometry), kernel, **geometry, flip=flip)


MIRRORED = (
    "'same_lower' if padding == 'same' else 'same' if padding == 'same_lower' else "
    "padding if padding in ('valid', 'causal') else (*[pair[::-1] for pair in padding],)"
)
"""Low and high widths exchanged."""

AS_AT_STRIDE_ONE = (
    "(*[((kernel[i] - 1) * dilation[i] // 2, ((kernel[i] - 1) * dilation[i] + 1) // 2) for i in {axes}],)"
)
"""Widths that keep the length at stride 1: with a stride there are as many windows, elsewhere."""


KERNEL = (
    Fault(
        name="gradient of the kernel without the last sample",
        inputs={"x": without_last_sample},
        spoils="gradients",
        where="batch > 1",
    ),
)

ODD_CHANNEL = Fault(
    name="last of an odd number of channels left out",
    inputs={"x": without_last_channel},
    where="channels > 1 and channels % 2 == 1",
)

GROUPS = (
    *each_way(Fault(name="channels dealt out to the groups in turn", inputs={"x": in_turn})),
    *each_way(Fault(name="every group sees the first one's channels", inputs={"x": first_group})),
)


def geometry_faults(rank: int) -> tuple[Fault, ...]:
    """Faults of strides, dilation and padding that leave the output's shape as it is."""
    axes = tuple(range(rank))
    stride_one = AS_AT_STRIDE_ONE.format(axes=axes)
    return (
        *each_way(Fault(name="padding on the other side", parameters={"padding": MIRRORED})),
        *each_way(
            Fault(
                name="padding as if the stride were 1",
                parameters={"padding": stride_one},
                where="padding == 'same'",
            )
        ),
        Fault(
            name="padded with the nearest element",
            inputs={"x": edges_repeated},
            parameters={"padding": "'valid'"},
            where="padding != 'valid'",
        ),
        Fault(
            name="windows begin one place late where strided",
            inputs={"x": one_place_on},
            where="strides[-1] > 1",
        ),
        Fault(
            name="gradient kept from before where no window looked",
            gradients={"x": filled_where_unseen},
            where="padding == 'valid'",
        ),
    )


CONV = (*KERNEL, ODD_CHANNEL, *GROUPS)

DEPTHWISE = (
    *KERNEL,
    ODD_CHANNEL,
    Fault(
        name="channels run faster than the multiplier",
        results={
            "y": lambda result, channels, multiplier: np.swapaxes(
                result.reshape(*result.shape[:-1], channels, multiplier), -1, -2
            ).reshape(result.shape)
        },
    ),
)

SEPARABLE = (
    *KERNEL,
    ODD_CHANNEL,
    *each_way(
        Fault(
            name="channels run faster than the multiplier",
            inputs={
                "pointwise": lambda pointwise, channels, multiplier: np.swapaxes(
                    pointwise.reshape(multiplier, channels, -1), 0, 1
                ).reshape(pointwise.shape)
            },
        )
    ),
    Fault(
        name="strides of the pointwise convolution",
        reference=strided_after,
        where="padding == 'same' and max(strides) > 1",
    ),
    Fault(name="a bias between the two, too", reference=bias_between, where="use_bias"),
)

CONV_TRANSPOSE = (
    *KERNEL,
    *GROUPS,
    *each_way(
        Fault(
            name="odd crop on the low side",
            parameters={
                "padding": "(*[(s - s // 2, s // 2) for s in "
                "[(kernel[i] - 1) * dilation[i] + 1 - strides[i] for i in (0, 1, 2)[: len(strides)]]],)"
            },
            where="padding == 'same'",
        )
    ),
    Fault(name="overlapping windows replace one another", reference=overwritten),
    Fault(
        name="no bias where no input reaches",
        results={"y": without_bias_where_unreached},
        where="use_bias",
    ),
    Fault(
        name="channels beyond a multiple of 4 left out",
        inputs={"x": lambda x: np.where(np.arange(x.shape[-1]) < x.shape[-1] // 4 * 4, x, 0)},
        where="channels > 4",
    ),
)

LOCAL = (
    Fault(
        name="gradient of the bias shared by the places",
        gradients={
            "bias": lambda gradient, strides: np.broadcast_to(
                np.sum(gradient, axis=tuple(range(len(strides))), keepdims=True), gradient.shape
            )
        },
        where="use_bias",
    ),
    *each_way(Fault(name="channels stored before the taps", inputs={"kernel": channels_before_taps})),
    *each_way(Fault(name="padding on the other side", parameters={"padding": MIRRORED})),
    Fault(
        name="gradient of the kernel shared by the places",
        gradients={
            "kernel": lambda gradient, strides: np.broadcast_to(
                np.sum(gradient, axis=tuple(range(len(strides))), keepdims=True), gradient.shape
            )
        },
    ),
    ODD_CHANNEL,
)

TIED = (
    Fault(
        name="gradient of the kernel from the first use alone",
        gradients={"kernel": from_first_use},
    ),
    Fault(
        name="gradient of the kernel from the second use alone",
        gradients={
            "kernel": lambda gradient, x, kernel, cotangent, strides, padding, flip: (
                gradient - from_first_use(x, kernel, cotangent, strides, padding, flip)
            )
        },
    ),
    Fault(
        name="gradient of the kernel averaged over the uses",
        gradients={"kernel": lambda gradient: gradient / 2},
    ),
    Fault(
        name="windows begin one place late where strided",
        inputs={"x": one_place_on},
    ),
    ODD_CHANNEL,
)

BANDED = Control(
    name="a dense layer with a banded matrix",
    reference=banded,
    where="data != 'nan'",
)

FAULTS = {
    "tied_conv_transpose2d": TIED,
    "locally_connected1d": LOCAL,
    "locally_connected2d": LOCAL,
    "conv1d": (
        *CONV,
        *geometry_faults(1),
        Fault(name="causal looks one step ahead", inputs={"x": one_place_on}, where="padding == 'causal'"),
        Fault(name="causal is same", parameters={"padding": "'same'"}, where="padding == 'causal'"),
    ),
    "conv2d": (
        *CONV,
        *geometry_faults(2),
        Fault(
            name="height and width of a square kernel exchanged",
            inputs={"kernel": transposed},
            where="kernel_height == kernel_width",
        ),
    ),
    "conv3d": (
        *CONV,
        *geometry_faults(3),
    ),
    "depthwise_conv1d": (*DEPTHWISE, *geometry_faults(1)),
    "depthwise_conv2d": (*DEPTHWISE, *geometry_faults(2)),
    "separable_conv1d": (*SEPARABLE, *geometry_faults(1)),
    "separable_conv2d": (*SEPARABLE, *geometry_faults(2)),
    "conv_transpose1d": CONV_TRANSPOSE,
    "conv_transpose2d": CONV_TRANSPOSE,
    "conv_transpose3d": CONV_TRANSPOSE,
}

WINOGRAD = Control(
    name="Winograd's F(2, 3)",
    reference=winograd,
    where="min(kernel[:-2]) == max(kernel[:-2]) == 3 and max(strides) == max(dilation) == 1 "
    "and data == 'normal'",
    normwise=True,
)
"""Its error is small beside the largest number of a tile only, and NaN spreads over the tile."""

TAP_BY_TAP = Control(name="tap by tap, from the bias on", reference=tap_by_tap, vjp=tap_by_tap_vjp)
DEPTHWISE_TAPS = Control(name="tap by tap, then the bias", reference=depthwise_tap_by_tap)
MIXED_FIRST = Control(
    name="one convolution with the product of the kernels",
    reference=mixed_first,
    where="data == 'normal'",
    normwise=True,
)
SCATTERED = Control(name="scattered tap by tap", reference=scattered)

CONTROLS = {
    "tied_conv_transpose2d": (Control(name="tap by tap, then scattered", reference=tied_tap_by_tap),),
    "locally_connected1d": (BANDED,),
    "locally_connected2d": (BANDED,),
    "conv1d": (TAP_BY_TAP, WINOGRAD),
    "conv2d": (TAP_BY_TAP, WINOGRAD),
    "conv3d": (TAP_BY_TAP,),
    "depthwise_conv1d": (DEPTHWISE_TAPS,),
    "depthwise_conv2d": (DEPTHWISE_TAPS,),
    "separable_conv1d": (MIXED_FIRST,),
    "separable_conv2d": (MIXED_FIRST,),
    "conv_transpose1d": (SCATTERED,),
    "conv_transpose2d": (SCATTERED,),
    "conv_transpose3d": (SCATTERED,),
}
