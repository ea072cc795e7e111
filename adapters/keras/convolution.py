"""Convolutions of Keras: layers, and the functions of keras.ops, which have no bias of their own."""

from __future__ import annotations

from .framework import binds, keras
from .layers import DTYPE, function, layer

NAMED = {"padding in ('valid', 'same')": "Keras pads by name, 'valid' or 'same'"}
NAMED_1D = {"padding in ('valid', 'same', 'causal')": "Keras pads by name, 'valid', 'same' or 'causal'"}
STRIDED_OR_DILATED = {
    "max(strides) == 1 or max(dilation) == 1": "Keras's layers refuse strides and dilation together"
}
KERNEL = {"kernel_size": "kernel.shape[:-2]", "use_bias": "bias is not None"} | DTYPE
CONV = {"strides": "strides", "padding": "padding", "dilation_rate": "dilation"}
OP = CONV | {"data_format": "'channels_last'"}
FORM = {"on": "x, kernel", "returns": "y if bias is None else y + bias"}
WEIGHTS = {"kernel": "kernel", "bias": "bias"}

for n, named in ((1, NAMED_1D), (2, NAMED), (3, NAMED)):
    layer(
        f"conv{n}d",
        f"keras.layers.Conv{n}D",
        {"filters": "kernel.shape[-1]", "groups": "groups"} | KERNEL | CONV,
        WEIGHTS,
        where=named | STRIDED_OR_DILATED,
    )
    function(f"conv{n}d", "keras.ops.conv", OP, **FORM, unused=("groups",), where=NAMED)


def at_each_place(pointwise, rank):
    """The matrix that mixes channels as the kernel of a convolution."""
    return keras.ops.reshape(pointwise, (*(1,) * rank, *pointwise.shape))


MIXING = "at_each_place(pointwise, len(strides))"

for n in (1, 2):
    layer(
        f"depthwise_conv{n}d",
        f"keras.layers.DepthwiseConv{n}D",
        {"depth_multiplier": "kernel.shape[-1]"} | KERNEL | CONV,
        WEIGHTS,
        where=NAMED | STRIDED_OR_DILATED,
    )
    function(f"depthwise_conv{n}d", "keras.ops.depthwise_conv", OP, **FORM, where=NAMED)
    layer(
        f"separable_conv{n}d",
        f"keras.layers.SeparableConv{n}D",
        {"filters": "pointwise.shape[-1]", "depth_multiplier": "kernel.shape[-1]"} | KERNEL | CONV,
        {"depthwise_kernel": "kernel", "pointwise_kernel": MIXING, "bias": "bias"},
        where=NAMED | STRIDED_OR_DILATED,
    )
    function(
        f"separable_conv{n}d",
        "keras.ops.separable_conv",
        OP,
        on=f"x, kernel, {MIXING}",
        returns=FORM["returns"],
        where=NAMED,
    )

ADJOINT = {"flip": (True, "Keras's transposed convolution is always the adjoint of a convolution")}
NO_GROUPS = {"groups": (1, "Keras's transposed convolution has no groups")}
CROPPED = {
    "padding in ('valid', 'same') or all(low == 0 >= high for low, high in padding)": "Keras crops by name",
    "padding in ('valid', 'same') or all(padding[i][1] > -strides[i] for i in (0, 1, 2)[: len(strides)])": (
        "Keras's output padding is below the stride"
    ),
}
BACK = {
    "padding": "padding if isinstance(padding, str) else 'valid'",
    "output_padding": "None if isinstance(padding, str) else tuple(-high for _, high in padding)",
}

for n in (1, 2, 3):
    layer(
        f"conv_transpose{n}d",
        f"keras.layers.Conv{n}DTranspose",
        {"filters": "kernel.shape[-2]"} | KERNEL | CONV | BACK,
        WEIGHTS,
        where=CROPPED | STRIDED_OR_DILATED,
        fixed=ADJOINT | NO_GROUPS,
    )
    function(
        f"conv_transpose{n}d",
        "keras.ops.conv_transpose",
        OP | BACK,
        **FORM,
        where=CROPPED,
        fixed=ADJOINT | NO_GROUPS,
    )


def with_bias(y, bias):
    return y if bias is None else y + bias


def patches(x, window, strides, padding):
    """What each place of an image sees: ``(batch, *places, taps * channels)``."""
    return keras.ops.image.extract_patches(
        x, window, strides=strides, padding=padding, data_format="channels_last"
    )


@binds("locally_connected1d", "keras.ops.image.extract_patches", composition=True)
def locally_connected1d(x, kernel, bias, strides, padding):
    places, window, channels, filters = kernel.shape
    image = keras.ops.expand_dims(x, 1)
    seen = keras.ops.squeeze(patches(image, (1, window), (1, *strides), padding), 1)
    y = keras.ops.einsum(
        "bok,okf->bof", seen, keras.ops.reshape(kernel, (places, window * channels, filters))
    )
    return with_bias(y, bias)


@binds("locally_connected2d", "keras.ops.image.extract_patches", composition=True)
def locally_connected2d(x, kernel, bias, strides, padding):
    *places, height, width, channels, filters = kernel.shape
    seen = patches(x, (height, width), tuple(strides), padding)
    flat = keras.ops.reshape(kernel, (*places, height * width * channels, filters))
    return with_bias(keras.ops.einsum("bopk,opkf->bopf", seen, flat), bias)


@binds("tied_conv_transpose2d", "keras.ops.conv_transpose", fixed=ADJOINT, composition=True)
def tied_conv_transpose2d(x, kernel, strides, padding):
    hidden = keras.ops.conv(x, kernel, strides=strides, padding=padding, data_format="channels_last")
    return keras.ops.conv_transpose(
        hidden, kernel, strides=strides, padding=padding, data_format="channels_last"
    )
