"""Convolutions of jax.lax and flax; those of lax have no bias of their own."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, jnp, linen, nnx
from .modules import call_linen, call_nnx

LAYOUTS = {
    1: ("NWC", "WIO", "NWC"),
    2: ("NHWC", "HWIO", "NHWC"),
    3: ("NDHWC", "DHWIO", "NDHWC"),
}
LAX = {"padding != 'causal'": "jax.lax has no causal padding"}


def with_bias(y: Any, bias: Any) -> Any:
    return y if bias is None else y + bias


def lax_padding(padding: Any) -> Any:
    return padding.upper() if isinstance(padding, str) else padding


@binds("conv1d", "jax.lax.conv_general_dilated", where=LAX)
@binds("conv2d", "jax.lax.conv_general_dilated", where=LAX)
@binds("conv3d", "jax.lax.conv_general_dilated", where=LAX)
def conv(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    y = jax.lax.conv_general_dilated(
        x,
        kernel,
        strides,
        lax_padding(padding),
        rhs_dilation=dilation,
        dimension_numbers=LAYOUTS[len(strides)],
        feature_group_count=groups,
    )
    return with_bias(y, bias)


@binds("conv1d", "flax.nnx.Conv")
@binds("conv2d", "flax.nnx.Conv")
@binds("conv3d", "flax.nnx.Conv")
def conv_nnx(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    *window, channels, filters = kernel.shape
    layer = nnx.Conv(
        channels * groups,
        filters,
        tuple(window),
        strides,
        padding=lax_padding(padding),
        kernel_dilation=dilation,
        feature_group_count=groups,
        use_bias=bias is not None,
        rngs=nnx.Rngs(0),
    )
    return call_nnx(layer, x, kernel=kernel, bias=bias)


@binds("conv1d", "flax.linen.Conv")
@binds("conv2d", "flax.linen.Conv")
@binds("conv3d", "flax.linen.Conv")
def conv_linen(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    *window, _, filters = kernel.shape
    layer = linen.Conv(
        filters,
        tuple(window),
        strides,
        padding=lax_padding(padding),
        kernel_dilation=dilation,
        feature_group_count=groups,
        use_bias=bias is not None,
    )
    return call_linen(layer, x, kernel=kernel, bias=bias)


def per_channel(kernel: Any) -> Any:
    *window, channels, multiplier = kernel.shape
    return jnp.reshape(kernel, (*window, 1, channels * multiplier))


@binds("depthwise_conv2d", "jax.lax.conv_general_dilated", composition=True)
def depthwise_conv2d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    return conv(x, per_channel(kernel), bias, strides, padding, dilation, kernel.shape[-2])


@binds("depthwise_conv2d", "flax.nnx.Conv", composition=True)
def depthwise_conv2d_nnx(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    return conv_nnx(x, per_channel(kernel), bias, strides, padding, dilation, kernel.shape[-2])


TRANSPOSED = {
    "groups == 1": "the transposed convolutions of jax.lax and flax have no groups",
}


@binds("conv_transpose2d", "jax.lax.conv_transpose", where=TRANSPOSED)
def conv_transpose2d(
    x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, flip: bool
) -> Any:
    y = jax.lax.conv_transpose(
        x,
        kernel if flip else jnp.swapaxes(kernel, -1, -2),
        strides,
        lax_padding(padding),
        rhs_dilation=dilation,
        dimension_numbers=LAYOUTS[len(strides)],
        transpose_kernel=flip,
        use_consistent_padding=True,
    )
    return with_bias(y, bias)


def stuffed_padding(padding: Any, window: Any, dilation: Any) -> Any:
    """What flax pads the zero-stuffed input with, so that this much is cropped from the output."""
    if isinstance(padding, str):
        return padding.upper()
    reach = [(k - 1) * d for k, d in zip(window, dilation, strict=True)]
    return tuple((e - low, e - high) for e, (low, high) in zip(reach, padding, strict=True))


@binds("conv_transpose2d", "flax.nnx.ConvTranspose", where=TRANSPOSED)
def conv_transpose2d_nnx(
    x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, flip: bool
) -> Any:
    *window, filters, channels = kernel.shape
    layer = nnx.ConvTranspose(
        channels,
        filters,
        tuple(window),
        strides,
        padding=stuffed_padding(padding, window, dilation),
        kernel_dilation=dilation,
        use_bias=bias is not None,
        transpose_kernel=flip,
        rngs=nnx.Rngs(0),
    )
    return call_nnx(layer, x, kernel=kernel if flip else jnp.swapaxes(kernel, -1, -2), bias=bias)


@binds("conv_transpose2d", "flax.linen.ConvTranspose", where=TRANSPOSED)
def conv_transpose2d_linen(
    x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, flip: bool
) -> Any:
    *window, filters, _ = kernel.shape
    layer = linen.ConvTranspose(
        filters,
        tuple(window),
        strides,
        padding=stuffed_padding(padding, window, dilation),
        kernel_dilation=dilation,
        use_bias=bias is not None,
        transpose_kernel=flip,
    )
    return call_linen(layer, x, kernel=kernel if flip else jnp.swapaxes(kernel, -1, -2), bias=bias)


@binds("locally_connected1d", "jax.lax.conv_general_dilated_local")
@binds("locally_connected2d", "jax.lax.conv_general_dilated_local")
def locally_connected(x: Any, kernel: Any, bias: Any, strides: Any, padding: str) -> Any:
    """The kernel is ``(*places, channels * taps, filters)``, the taps running fastest."""
    rank = len(strides)
    window, filters = kernel.shape[rank:-2], kernel.shape[-1]
    taps_last = jnp.moveaxis(kernel, -2, rank)
    y = jax.lax.conv_general_dilated_local(
        x,
        jnp.reshape(taps_last, (*kernel.shape[:rank], -1, filters)),
        strides,
        padding.upper(),
        window,
        dimension_numbers=LAYOUTS[rank],
    )
    return with_bias(y, bias)


@binds("locally_connected1d", "flax.linen.ConvLocal")
@binds("locally_connected2d", "flax.linen.ConvLocal")
def locally_connected_linen(x: Any, kernel: Any, bias: Any, strides: Any, padding: str) -> Any:
    rank = len(strides)
    window, filters = kernel.shape[rank:-2], kernel.shape[-1]
    layer = linen.ConvLocal(filters, window, strides, padding=padding.upper(), use_bias=bias is not None)
    taps_last = jnp.reshape(jnp.moveaxis(kernel, -2, rank), (*kernel.shape[:rank], -1, filters))
    return call_linen(layer, x, kernel=taps_last, bias=bias)


@binds("tied_conv_transpose2d", "jax.lax.conv_transpose", composition=True)
def tied_conv_transpose2d(x: Any, kernel: Any, strides: Any, padding: str, flip: bool) -> Any:
    hidden = conv(x, kernel, None, strides, padding, (1, 1), 1)
    return conv_transpose2d(hidden, kernel, None, strides, padding, (1, 1), flip)
