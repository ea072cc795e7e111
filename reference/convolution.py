"""Convolutions and transposed convolutions over any number of spatial axes, channels last.

All of them are correlations: the kernel is not flipped. A transposed convolution is the adjoint of a
convolution with the same kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .affine import affine
from .chain import chained, part
from .checks import Array, require, require_rank, require_shape
from .dense import dense
from .windows import (
    Padding,
    Widths,
    extents,
    fold,
    pad,
    padding_widths,
    positive_per_axis,
    require_fit,
    spread,
    tap_positions,
    windows,
)

__all__ = [
    "conv",
    "conv_transpose",
    "conv_transpose_vjp",
    "conv_vjp",
    "depthwise_conv",
    "depthwise_conv_vjp",
    "locally_connected",
    "locally_connected_vjp",
    "separable_conv",
    "separable_conv_vjp",
    "tied_conv_transpose",
    "tied_conv_transpose_vjp",
]

PerAxis = int | Sequence[int]


def conv(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Array:
    """Convolution: each output is a weighted sum over a window of the input.

    ``y[b, o, f] = Σ_t Σ_c x[b, o s + t d - p, c] W[t, c, f] + b[f]``

    with places ``o``, kernel taps ``t``, strides ``s``, dilation ``d`` and low padding ``p`` of every spatial
    axis; ``x`` is 0 outside its range. With groups, filters and channels fall into as many equal, consecutive
    parts, and ``c`` runs over the channels of the part that ``f`` is in.

    Args:
        x: ``(batch, …, channels)`` with one to three spatial axes or more.
        kernel: ``(*window, channels // groups, filters)``.
        bias: ``(filters,)``, or None for no bias.
        strides: distance of neighbouring windows, per axis or one for all.
        padding: ``valid``, ``same`` (the odd element on the high side), ``same_lower``, ``causal``, or a pair
            ``(low, high)`` per axis.
        dilation: distance of neighbouring taps, per axis or one for all.
        groups: number of parts that do not mix.

    Returns:
        ``(batch, …, filters)`` with spatial lengths ``⌊(n + low + high - (k - 1) d - 1) / s⌋ + 1``.

    Raises:
        ValueError: channels, groups and kernel do not fit; a window does not fit into the padded input;
            strides, dilation or groups below 1; ``bias`` does not fit.

    Source: Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, arXiv:1603.07285,
    relationships 6 and 15.
    """
    geometry = _geometry(x, kernel, strides, padding, dilation, groups)
    _require_bias(bias, kernel.shape[-1])
    return _correlate(x, kernel, geometry, bias)


def conv_vjp(
    x: Array,
    kernel: Array,
    bias: Array | None,
    cotangent: Array,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array | None]:
    """Gradient of `conv`: the adjoint in ``x``, the correlation of input and cotangent, and its sum."""
    geometry = _geometry(x, kernel, strides, padding, dilation, groups)
    return (
        _adjoint(cotangent, kernel, geometry, x.shape[1:-1]),
        _kernel_gradient(x, cotangent, geometry, kernel.shape),
        _bias_gradient(bias, cotangent),
    )


def depthwise_conv(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
) -> Array:
    """Depthwise convolution: every channel has filters of its own.

    ``y[b, o, c m + j] = Σ_t x[b, o s + t d - p, c] W[t, c, j] + b[c m + j]`` with multiplier ``m``

    which is `conv` with as many groups as channels.

    Args:
        x: ``(batch, …, channels)``.
        kernel: ``(*window, channels, multiplier)``.
        bias: ``(channels * multiplier,)``, or None for no bias.
        strides: as in `conv`.
        padding: as in `conv`.
        dilation: as in `conv`.

    Returns:
        ``(batch, …, channels * multiplier)``, the multiplier running fastest.

    Raises:
        ValueError: as `conv`.

    Source: Chollet (2017), Xception: deep learning with depthwise separable convolutions, arXiv:1610.02357.
    """
    channels = kernel.shape[-2]
    return conv(
        x, _per_channel(kernel), bias, strides=strides, padding=padding, dilation=dilation, groups=channels
    )


def depthwise_conv_vjp(
    x: Array,
    kernel: Array,
    bias: Array | None,
    cotangent: Array,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
) -> tuple[Array, Array, Array | None]:
    """Gradient of `depthwise_conv`: that of the grouped convolution."""
    channels = kernel.shape[-2]
    dx, dkernel, dbias = conv_vjp(
        x,
        _per_channel(kernel),
        bias,
        cotangent,
        strides=strides,
        padding=padding,
        dilation=dilation,
        groups=channels,
    )
    return dx, np.reshape(dkernel, kernel.shape), dbias


def _per_channel(kernel: Array) -> Array:
    *window, channels, multiplier = kernel.shape
    return np.reshape(kernel, (*window, 1, channels * multiplier))


def separable_conv(
    x: Array,
    kernel: Array,
    pointwise: Array,
    bias: Array | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
) -> Array:
    """Separable convolution: a depthwise one, whose channels are then mixed at each place.

    ``y[b, o, f] = Σ_c depthwise(x, W)[b, o, c] P[c, f] + b[f]``

    Args:
        x: ``(batch, …, channels)``.
        kernel: ``(*window, channels, multiplier)``, of `depthwise_conv`.
        pointwise: ``(channels * multiplier, filters)``, the multiplier running fastest.
        bias: ``(filters,)``, or None for no bias.
        strides: of the depthwise convolution, as in `conv`.
        padding: as in `conv`.
        dilation: as in `conv`.

    Returns:
        ``(batch, …, filters)``.

    Raises:
        ValueError: as `depthwise_conv` and `dense`.

    Source: Chollet (2017), Xception: deep learning with depthwise separable convolutions, arXiv:1610.02357.
    """
    hidden = part(depthwise_conv, x, kernel, None, strides=strides, padding=padding, dilation=dilation)
    return part(dense, hidden, pointwise, bias)


separable_conv_vjp = chained(separable_conv)


def conv_transpose(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = True,
) -> Array:
    """Transposed convolution: each input adds its weighted kernel to the output, `strides` apart.

    ``y[b, o, f] = Σ_i Σ_t Σ_c x[b, i, c] W[t, f, c] + b[f]`` over ``i`` and ``t`` with ``i s + t d - p = o``

    This is the adjoint in ``x`` of `conv` with the same kernel, strides and dilation, whose low padding is
    the low crop ``p``. Without ``flip`` the kernel's taps are taken in reverse, which makes it a correlation
    of the zero-stuffed input with the kernel (a fractionally strided convolution).

    Args:
        x: ``(batch, …, channels)``.
        kernel: ``(*window, filters // groups, channels)``: that of the convolution whose adjoint this is.
        bias: ``(filters,)``, or None for no bias.
        strides: distance in the output of neighbouring inputs, per axis or one for all.
        padding: what is cropped from the full output of length ``(n - 1) s + (k - 1) d + 1``. ``valid``:
            nothing, and a kernel shorter than the stride is followed by zeros up to length ``n s``. ``same``:
            so much that the length is ``n s``, the odd element on the high side. Or a pair ``(low, high)``
            per axis; a negative one adds zeros.
        dilation: distance of neighbouring taps, per axis or one for all.
        groups: number of parts that do not mix.
        flip: the adjoint; otherwise the kernel's taps are reversed.

    Returns:
        ``(batch, …, filters)`` with spatial lengths ``(n - 1) s + (k - 1) d + 1 - low - high``.

    Raises:
        ValueError: channels, groups and kernel do not fit; nothing is left of the output; strides, dilation
            or groups below 1; ``bias`` does not fit.

    Source: Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, arXiv:1603.07285,
    section 4; Zeiler et al. (2010), Deconvolutional networks.
    """
    geometry = _transposed_geometry(x, kernel, strides, padding, dilation, groups)
    _require_bias(bias, kernel.shape[-2] * groups)
    lengths = _output_lengths(x, kernel, geometry)
    return _adjoint(x, kernel if flip else _reversed(kernel), geometry, lengths, bias)


def conv_transpose_vjp(
    x: Array,
    kernel: Array,
    bias: Array | None,
    cotangent: Array,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    dilation: PerAxis = 1,
    groups: int = 1,
    flip: bool = True,
    cropped: str = "absent",
) -> tuple[Array, Array, Array | None]:
    """Gradient of `conv_transpose`: the convolution of the cotangent, and the correlation of both.

    What is cropped has no part in it; with ``cropped="zero"`` its cotangent counts as 0, which makes NaN of
    it where ``x`` is not finite.
    """
    geometry = _transposed_geometry(x, kernel, strides, padding, dilation, groups)
    if cropped == "zero":
        dkernel = _kernel_gradient(cotangent, x, geometry, kernel.shape)
    else:
        stuffed, around = _stuffed(x, kernel.shape[:-2], geometry, cotangent.shape[1:-1])
        exchanged = _kernel_gradient(stuffed, cotangent, around, _exchanged_shape(kernel.shape, groups))
        dkernel = _exchanged(_reversed(exchanged), groups)
    return (
        _correlate(cotangent, kernel if flip else _reversed(kernel), geometry),
        dkernel if flip else _reversed(dkernel),
        _bias_gradient(bias, cotangent),
    )


def locally_connected(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
) -> Array:
    """Locally connected layer: a convolution whose kernel is not shared, each place having its own.

    ``y[b, o, f] = Σ_t Σ_c x[b, o s + t - p, c] W[o, t, c, f] + b[o, f]``

    with places ``o``, kernel taps ``t``, strides ``s`` and low padding ``p`` of every spatial axis; ``x`` is
    0 outside its range. It is patches times unshared kernels, and also a dense layer with a banded matrix.

    Args:
        x: ``(batch, …, channels)``.
        kernel: ``(*places, *window, channels, filters)``.
        bias: ``(*places, filters)``, or None for no bias.
        strides: as in `conv`.
        padding: as in `conv`.

    Returns:
        ``(batch, *places, filters)``, as many places as `conv` has.

    Raises:
        ValueError: the kernel does not have a window for each place, channels do not fit, a window does not
            fit into the padded input, strides below 1, or ``bias`` does not fit.

    Source: Taigman, Yang, Ranzato and Wolf (2014), DeepFace, section 3; keras.layers.LocallyConnected2D of
    Keras 2.
    """
    geometry = _local_geometry(x, kernel, strides, padding)
    patches, places = _local_patches(x, kernel, geometry)
    if bias is not None:
        require_shape("bias", bias, (*places, kernel.shape[-1]), "*places, filters")
        bias = np.reshape(bias, (-1, kernel.shape[-1]))
    return _places_last(affine(patches, _local_matrix(kernel), bias), places)


def locally_connected_vjp(
    x: Array,
    kernel: Array,
    bias: Array | None,
    cotangent: Array,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
) -> tuple[Array, Array, Array | None]:
    """Gradient of `locally_connected`: place by place that of a dense layer, added up in ``x``."""
    geometry = _local_geometry(x, kernel, strides, padding)
    patches, places = _local_patches(x, kernel, geometry)
    window, (channels, filters) = kernel.shape[len(places) : -2], kernel.shape[-2:]
    rows = np.swapaxes(np.reshape(cotangent, (x.shape[0], math.prod(places), filters)), 0, 1)
    seen = np.matmul(rows, np.swapaxes(_local_matrix(kernel), 1, 2))
    taps = np.reshape(_places_last(seen, places), (x.shape[0], *places, math.prod(window), channels))
    each = [taps[..., number, :] for number, _ in enumerate(tap_positions(window))]
    return (
        fold(each, x.shape[1:-1], geometry.widths, window, geometry.strides, geometry.dilation),
        np.reshape(np.matmul(np.swapaxes(patches, 1, 2), rows), kernel.shape),
        None if bias is None else np.sum(cotangent, axis=0),
    )


def _local_geometry(x: Array, kernel: Array, strides: PerAxis, padding: Padding) -> _Geometry:
    """The geometry of a locally connected layer that may be asked."""
    rank = x.ndim - 2
    require(rank >= 1, f"x must have the axes (batch, …, channels); got shape {x.shape}")
    require_rank("kernel", kernel, 2 * rank + 2, "*places, *window, channels, filters")
    window, channels = kernel.shape[rank:-2], kernel.shape[-2]
    require(
        x.shape[-1] == channels, f"x must have {channels} channels as the kernel has; got shape {x.shape}"
    )
    steps, ones = positive_per_axis("strides", strides, rank), (1,) * rank
    widths = padding_widths(padding, x.shape[1:-1], window, steps, ones)
    require_fit(x.shape[1:-1], widths, window, ones)
    lengths = zip(x.shape[1:-1], widths, window, steps, strict=True)
    places = tuple((n + low + high - k) // s + 1 for n, (low, high), k, s in lengths)
    require(kernel.shape[:rank] == places, f"kernel must begin with the places {places}; got {kernel.shape}")
    return _Geometry(steps, widths, ones, 1)


def _local_patches(x: Array, kernel: Array, geometry: _Geometry) -> tuple[Array, tuple[int, ...]]:
    """What each place sees as ``(places, batch, taps * channels)``, and the shape of the places."""
    rank = x.ndim - 2
    window, places = kernel.shape[rank:-2], kernel.shape[:rank]
    view = windows(pad(x, geometry.widths), window, geometry.strides, geometry.dilation)
    taps_first = np.moveaxis(view, rank + 1, -1)
    rows = np.reshape(taps_first, (x.shape[0], math.prod(places), math.prod(window) * x.shape[-1]))
    return np.swapaxes(rows, 0, 1), places


def _local_matrix(kernel: Array) -> Array:
    """The kernel as ``(places, taps * channels, filters)``."""
    rank = (kernel.ndim - 2) // 2
    return np.reshape(
        kernel, (math.prod(kernel.shape[:rank]), math.prod(kernel.shape[rank:-1]), kernel.shape[-1])
    )


def _places_last(y: Array, places: Sequence[int]) -> Array:
    """``(places, batch, features)`` as ``(batch, *places, features)``."""
    return np.reshape(np.swapaxes(y, 0, 1), (y.shape[1], *places, y.shape[2]))


def tied_conv_transpose(
    x: Array,
    kernel: Array,
    *,
    strides: PerAxis = 1,
    padding: Padding = "valid",
    flip: bool = True,
) -> Array:
    """Convolution, then the transposed convolution with the same kernel: an autoencoder with tied weights.

    ``y = convᵀ(conv(x, W), W)``

    With ``flip`` the second is the adjoint of the first, ``<conv(x, W), h> = <x, convᵀ(h, W)>``: a
    convolution with the kernel flipped in space, channels and filters exchanged. Without, its taps are not
    flipped.

    Args:
        x: ``(batch, …, channels)``.
        kernel: ``(*window, channels, filters)``, one variable for both uses.
        strides: as in `conv`.
        padding: ``valid`` or ``same``, of both.
        flip: whether the second is the adjoint of the first.

    Returns:
        As `conv_transpose` of what `conv` gives.

    Raises:
        ValueError: as both.

    Source: Masci, Meier, Cireşan and Schmidhuber (2011), Stacked convolutional auto-encoders for hierarchical
    feature extraction, section 2: the flip over both dimensions of the weights.
    """
    hidden = part(conv, x, kernel, None, strides=strides, padding=padding)
    return part(conv_transpose, hidden, kernel, None, strides=strides, padding=padding, flip=flip)


tied_conv_transpose_vjp = chained(tied_conv_transpose)


# --- the three products of input, kernel and output ---


class _Geometry(NamedTuple):
    strides: tuple[int, ...]
    widths: Widths
    dilation: tuple[int, ...]
    groups: int


def _correlate(x: Array, kernel: Array, geometry: _Geometry, bias: Array | None = None) -> Array:
    """`conv`: one matrix product per group, of all windows with the kernel."""
    *window, _, filters = kernel.shape
    patches, places = _patches(x, window, geometry)
    biases = None if bias is None else np.reshape(bias, (geometry.groups, filters // geometry.groups))
    products = affine(patches, _matrix(kernel, geometry.groups), biases)
    return _places_first(products, (*places, filters))


def _kernel_gradient(x: Array, cotangent: Array, geometry: _Geometry, shape: tuple[int, ...]) -> Array:
    """Gradient of ``Σ cotangent * correlate(x, kernel)`` in the kernel of this ``shape``."""
    *window, channels, filters = shape
    groups = geometry.groups
    patches, _ = _patches(x, window, geometry)
    rows = np.reshape(cotangent, (patches.shape[1], groups, filters // groups))
    gradient = np.matmul(np.swapaxes(patches, 1, 2), np.moveaxis(rows, 1, 0))
    taps = np.reshape(gradient, (groups, channels, math.prod(window), filters // groups))
    return np.reshape(np.transpose(taps, (2, 1, 0, 3)), shape)


def _adjoint(
    y: Array, kernel: Array, geometry: _Geometry, lengths: Sequence[int], bias: Array | None = None
) -> Array:
    """Gradient of ``Σ y * correlate(x, kernel)`` in an ``x`` of these spatial ``lengths``, plus ``bias``.

    It is the correlation of the zero-stuffed ``y`` with the reversed kernel, in and out exchanged.
    """
    stuffed, around = _stuffed(y, kernel.shape[:-2], geometry, lengths)
    return _correlate(stuffed, _exchanged(_reversed(kernel), geometry.groups), around, bias)


def _stuffed(
    y: Array, window: Sequence[int], geometry: _Geometry, lengths: Sequence[int]
) -> tuple[Array, _Geometry]:
    """``y`` with zeros between neighbours, and how windows at stride 1 run over it to fill ``lengths``."""
    stuffed = spread(y, geometry.strides)
    reach = extents(window, geometry.dilation)
    low = [e - 1 - p for e, (p, _) in zip(reach, geometry.widths, strict=True)]
    high = [n + e - 1 - a - m for n, e, a, m in zip(lengths, reach, low, stuffed.shape[1:-1], strict=True)]
    return stuffed, geometry._replace(strides=(1,) * len(reach), widths=tuple(zip(low, high, strict=True)))


def _patches(x: Array, window: Sequence[int], geometry: _Geometry) -> tuple[Array, tuple[int, ...]]:
    """What every window sees as rows ``(groups, places, channels * taps)``, and the shape of the places."""
    view = windows(pad(x, geometry.widths), window, geometry.strides, geometry.dilation)
    places = view.shape[: x.ndim - 1]
    columns = x.shape[-1] // geometry.groups * math.prod(window)
    rows = np.reshape(view, (math.prod(places), geometry.groups, columns))
    return np.moveaxis(rows, 1, 0), places


def _places_first(y: Array, shape: tuple[int, ...]) -> Array:
    """``(groups, places, filters // groups)`` with the groups side by side among the filters."""
    return np.reshape(np.moveaxis(y, 0, 1), shape)


def _matrix(kernel: Array, groups: int) -> Array:
    """The kernel as ``(groups, channels * taps, filters // groups)``."""
    *window, channels, filters = kernel.shape
    taps = np.reshape(kernel, (math.prod(window), channels, groups, filters // groups))
    return np.reshape(
        np.transpose(taps, (2, 1, 0, 3)), (groups, channels * math.prod(window), filters // groups)
    )


def _reversed(kernel: Array) -> Array:
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2)))


def _exchanged(kernel: Array, groups: int) -> Array:
    """The kernel with the channels and the filters of each group exchanged."""
    *window, channels, filters = kernel.shape
    parts = np.reshape(kernel, (*window, channels, groups, filters // groups))
    return np.reshape(np.swapaxes(parts, -1, -3), _exchanged_shape(kernel.shape, groups))


def _exchanged_shape(shape: tuple[int, ...], groups: int) -> tuple[int, ...]:
    *window, channels, filters = shape
    return (*window, filters // groups, groups * channels)


# --- bias, geometry and what may be asked ---


def _require_bias(bias: Array | None, filters: int) -> None:
    if bias is not None:
        require_shape("bias", bias, (filters,), "filters")


def _bias_gradient(bias: Array | None, cotangent: Array) -> Array | None:
    return None if bias is None else np.sum(cotangent, axis=tuple(range(cotangent.ndim - 1)))


def _geometry(
    x: Array, kernel: Array, strides: PerAxis, padding: Padding, dilation: PerAxis, groups: int
) -> _Geometry:
    """The geometry of a convolution that may be asked."""
    rank = _rank(x, kernel)
    *window, channels, filters = kernel.shape
    require(groups >= 1 and filters % groups == 0, f"groups must divide the {filters} filters; got {groups}")
    require(
        x.shape[-1] == channels * groups,
        f"x must have {groups} groups of {channels} channels as the kernel has; got shape {x.shape}",
    )
    steps = positive_per_axis("strides", strides, rank)
    spacing = positive_per_axis("dilation", dilation, rank)
    widths = padding_widths(padding, x.shape[1:-1], window, steps, spacing)
    require_fit(x.shape[1:-1], widths, window, spacing)
    return _Geometry(steps, widths, spacing, groups)


def _transposed_geometry(
    x: Array, kernel: Array, strides: PerAxis, padding: Padding, dilation: PerAxis, groups: int
) -> _Geometry:
    """The geometry, with crops for widths, of a transposed convolution that may be asked."""
    rank = _rank(x, kernel)
    channels = kernel.shape[-1]
    require(
        x.shape[-1] == channels, f"x must have {channels} channels as the kernel has; got shape {x.shape}"
    )
    require(
        groups >= 1 and channels % groups == 0, f"groups must divide the {channels} channels; got {groups}"
    )
    steps = positive_per_axis("strides", strides, rank)
    spacing = positive_per_axis("dilation", dilation, rank)
    crops = _crops(padding, extents(kernel.shape[:-2], spacing), steps)
    geometry = _Geometry(steps, crops, spacing, groups)
    left = _output_lengths(x, kernel, geometry)
    require(min(left) >= 1, f"padding must leave something of the output; got {padding}, which leaves {left}")
    return geometry


def _rank(x: Array, kernel: Array) -> int:
    require(x.ndim >= 3, f"x must have the axes (batch, …, channels); got shape {x.shape}")
    require_rank("kernel", kernel, x.ndim, "*window, channels, filters")
    return int(x.ndim) - 2


def _crops(padding: Padding, reach: Sequence[int], strides: Sequence[int]) -> Widths:
    """What a transposed convolution takes off either side of each axis."""
    if not isinstance(padding, str):
        require(len(padding) == len(reach), f"padding must have a pair (low, high) per axis; got {padding}")
        return tuple((low, high) for low, high in padding)
    require(
        padding in ("valid", "same"), f"padding must be valid, same or pairs (low, high); got {padding!r}"
    )
    surplus = [e - s for e, s in zip(reach, strides, strict=True)]
    if padding == "valid":
        return tuple((0, min(over, 0)) for over in surplus)
    return tuple((max(over, 0) // 2, over - max(over, 0) // 2) for over in surplus)


def _output_lengths(x: Array, kernel: Array, geometry: _Geometry) -> tuple[int, ...]:
    """Lengths of a transposed convolution's output: the full ones less the crops."""
    reach = extents(kernel.shape[:-2], geometry.dilation)
    lengths = zip(x.shape[1:-1], geometry.strides, reach, geometry.widths, strict=True)
    return tuple((n - 1) * s + e - low - high for n, s, e, (low, high) in lengths)
