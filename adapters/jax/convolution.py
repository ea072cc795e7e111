"""Convolutions of jax.lax and flax; those of lax have no bias of their own."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .modules import RNGS, function, linen_module, nnx_module

LAYOUTS = {
    1: ("NWC", "WIO", "NWC"),
    2: ("NHWC", "HWIO", "NHWC"),
    3: ("NDHWC", "DHWIO", "NDHWC"),
}
LAX = {"padding != 'causal'": "jax.lax has no causal padding"}


def with_bias(y, bias):
    return y if bias is None else y + bias


def lax_padding(padding):
    return padding.upper() if isinstance(padding, str) else padding


@binds("conv1d", "jax.lax.conv_general_dilated", where=LAX)
@binds("conv2d", "jax.lax.conv_general_dilated", where=LAX)
@binds("conv3d", "jax.lax.conv_general_dilated", where=LAX)
def conv(x, kernel, bias, strides, padding, dilation, groups):
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


WEIGHT = {"kernel": "kernel", "bias": "bias"}
CONV = {
    "kernel_size": "kernel.shape[:-2]",
    "strides": "strides",
    "padding": "lax_padding(padding)",
    "kernel_dilation": "dilation",
    "feature_group_count": "groups",
    "use_bias": "bias is not None",
}
CHANNELS = {"in_features": "kernel.shape[-2] * groups", "out_features": "kernel.shape[-1]"}
FILTERS = {"features": "kernel.shape[-1]"}

for n in (1, 2, 3):
    nnx_module(f"conv{n}d", "flax.nnx.Conv", CHANNELS | CONV | RNGS, WEIGHT)
    linen_module(f"conv{n}d", "flax.linen.Conv", FILTERS | CONV, WEIGHT)


def per_channel(kernel):
    *window, channels, multiplier = kernel.shape
    return jnp.reshape(kernel, (*window, 1, channels * multiplier))


@binds("depthwise_conv1d", "jax.lax.conv_general_dilated", composition=True)
@binds("depthwise_conv2d", "jax.lax.conv_general_dilated", composition=True)
def depthwise_conv(x, kernel, bias, strides, padding, dilation):
    return conv(x, per_channel(kernel), bias, strides, padding, dilation, kernel.shape[-2])


@binds("separable_conv1d", "jax.lax.conv_general_dilated", composition=True)
@binds("separable_conv2d", "jax.lax.conv_general_dilated", composition=True)
def separable_conv(x, kernel, pointwise, bias, strides, padding, dilation):
    hidden = depthwise_conv(x, kernel, None, strides, padding, dilation)
    ones = (1,) * len(strides)
    return conv(hidden, jnp.reshape(pointwise, (*ones, *pointwise.shape)), bias, ones, "valid", ones, 1)


for n in (1, 2):
    nnx_module(
        f"depthwise_conv{n}d",
        "flax.nnx.Conv",
        CONV
        | RNGS
        | {
            "in_features": "kernel.shape[-2]",
            "out_features": "kernel.shape[-2] * kernel.shape[-1]",
            "feature_group_count": "kernel.shape[-2]",
        },
        WEIGHT | {"kernel": "per_channel(kernel)"},
        composition=True,
    )

NO_GROUPS = {"groups": (1, "the transposed convolutions of jax.lax and flax have no groups")}


@binds("conv_transpose1d", "jax.lax.conv_transpose", fixed=NO_GROUPS)
@binds("conv_transpose2d", "jax.lax.conv_transpose", fixed=NO_GROUPS)
@binds("conv_transpose3d", "jax.lax.conv_transpose", fixed=NO_GROUPS)
def conv_transpose(x, kernel, bias, strides, padding, dilation, flip):
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


def stuffed_padding(padding, window, dilation):
    """What flax pads the zero-stuffed input with, so that this much is cropped from the output."""
    if isinstance(padding, str):
        return padding.upper()
    reach = [(k - 1) * d for k, d in zip(window, dilation, strict=True)]
    return tuple((e - low, e - high) for e, (low, high) in zip(reach, padding, strict=True))


STUFFED = {name: CONV[name] for name in ("kernel_size", "strides", "kernel_dilation", "use_bias")} | {
    "padding": "stuffed_padding(padding, kernel.shape[:-2], dilation)",
    "transpose_kernel": "flip",
}
TURNED = WEIGHT | {"kernel": "kernel if flip else jnp.swapaxes(kernel, -1, -2)"}

for n in (1, 2, 3):
    nnx_module(
        f"conv_transpose{n}d",
        "flax.nnx.ConvTranspose",
        STUFFED | RNGS | {"in_features": "kernel.shape[-1]", "out_features": "kernel.shape[-2]"},
        TURNED,
        fixed=NO_GROUPS,
    )
    linen_module(
        f"conv_transpose{n}d",
        "flax.linen.ConvTranspose",
        STUFFED | {"features": "kernel.shape[-2]"},
        TURNED,
        fixed=NO_GROUPS,
    )


def taps_last(kernel, rank):
    """The kernel as ``(*places, channels * taps, filters)``, the taps running fastest."""
    return jnp.reshape(jnp.moveaxis(kernel, -2, rank), (*kernel.shape[:rank], -1, kernel.shape[-1]))


WINDOW = "kernel.shape[len(strides):-2]"

for n in (1, 2):
    function(
        f"locally_connected{n}d",
        "jax.lax.conv_general_dilated_local",
        {"dimension_numbers": "LAYOUTS[len(strides)]"},
        on=f"x, taps_last(kernel, len(strides)), strides, padding.upper(), {WINDOW}",
        returns="with_bias(y, bias)",
    )
    linen_module(
        f"locally_connected{n}d",
        "flax.linen.ConvLocal",
        FILTERS
        | {"kernel_size": WINDOW, "padding": "padding.upper()"}
        | {n: CONV[n] for n in ("strides", "use_bias")},
        WEIGHT | {"kernel": "taps_last(kernel, len(strides))"},
    )


@binds("tied_conv_transpose2d", "jax.lax.conv_transpose", composition=True)
def tied_conv_transpose2d(x, kernel, strides, padding, flip):
    hidden = conv(x, kernel, None, strides, padding, (1, 1), 1)
    return conv_transpose(hidden, kernel, None, strides, padding, (1, 1), flip)
