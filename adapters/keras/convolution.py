"""Convolutions of Keras: layers, and the functions of keras.ops, which have no bias of their own."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, dtype_of

NAMED = {"padding in ('valid', 'same')": "Keras pads by name, 'valid' or 'same'"}
STRIDED_OR_DILATED = {
    "max(strides) == 1 or max(dilation) == 1": "Keras's layers refuse strides and dilation together"
}
NAMED_1D = {"padding in ('valid', 'same', 'causal')": "Keras pads by name, 'valid', 'same' or 'causal'"}


def conv_by_layer(
    layer: Any, x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    *window, _, filters = kernel.shape
    made = layer(
        filters,
        tuple(window),
        strides=strides,
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
        activation=None,
        use_bias=bias is not None,
        dtype=dtype_of(x),
    )
    return call_layer(made, x, weights={"kernel": kernel, "bias": bias})


@binds("conv1d", "keras.layers.Conv1D", where=NAMED_1D | STRIDED_OR_DILATED)
def conv1d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return conv_by_layer(keras.layers.Conv1D, x, kernel, bias, strides, padding, dilation, groups)


@binds("conv2d", "keras.layers.Conv2D", where=NAMED | STRIDED_OR_DILATED)
def conv2d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return conv_by_layer(keras.layers.Conv2D, x, kernel, bias, strides, padding, dilation, groups)


@binds("conv3d", "keras.layers.Conv3D", where=NAMED | STRIDED_OR_DILATED)
def conv3d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return conv_by_layer(keras.layers.Conv3D, x, kernel, bias, strides, padding, dilation, groups)


def with_bias(y: Any, bias: Any) -> Any:
    return y if bias is None else y + bias


@binds("conv1d", "keras.ops.conv", where=NAMED)
@binds("conv2d", "keras.ops.conv", where=NAMED)
@binds("conv3d", "keras.ops.conv", where=NAMED)
def conv(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    y = keras.ops.conv(
        x, kernel, strides=strides, padding=padding, data_format="channels_last", dilation_rate=dilation
    )
    return with_bias(y, bias)


@binds("depthwise_conv2d", "keras.layers.DepthwiseConv2D", where=NAMED | STRIDED_OR_DILATED)
def depthwise_conv2d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    *window, _, multiplier = kernel.shape
    layer = keras.layers.DepthwiseConv2D(
        tuple(window),
        strides=strides,
        padding=padding,
        depth_multiplier=multiplier,
        dilation_rate=dilation,
        activation=None,
        use_bias=bias is not None,
        dtype=dtype_of(x),
    )
    return call_layer(layer, x, weights={"kernel": kernel, "bias": bias})


@binds("depthwise_conv2d", "keras.ops.depthwise_conv", where=NAMED)
def depthwise_conv(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    y = keras.ops.depthwise_conv(
        x, kernel, strides=strides, padding=padding, data_format="channels_last", dilation_rate=dilation
    )
    return with_bias(y, bias)


TRANSPOSED = {
    "flip": "Keras's transposed convolution is always the adjoint of a convolution",
    "groups == 1": "Keras's transposed convolution has no groups",
    "padding in ('valid', 'same') or all(low == 0 >= high for low, high in padding)": "Keras crops by name",
    "padding in ('valid', 'same') or all(padding[i][1] > -strides[i] for i in (0, 1))": (
        "Keras's output padding is below the stride"
    ),
}


def output_padding(padding: Any) -> Any:
    return None if isinstance(padding, str) else tuple(-high for _, high in padding)


@binds("conv_transpose2d", "keras.layers.Conv2DTranspose", where=TRANSPOSED | STRIDED_OR_DILATED)
def conv_transpose2d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    *window, filters, _ = kernel.shape
    layer = keras.layers.Conv2DTranspose(
        filters,
        tuple(window),
        strides=strides,
        padding=padding if isinstance(padding, str) else "valid",
        output_padding=output_padding(padding),
        dilation_rate=dilation,
        activation=None,
        use_bias=bias is not None,
        dtype=dtype_of(x),
    )
    return call_layer(layer, x, weights={"kernel": kernel, "bias": bias})


@binds("conv_transpose2d", "keras.ops.conv_transpose", where=TRANSPOSED)
def conv_transpose(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    y = keras.ops.conv_transpose(
        x,
        kernel,
        strides=strides,
        padding=padding if isinstance(padding, str) else "valid",
        output_padding=output_padding(padding),
        data_format="channels_last",
        dilation_rate=dilation,
    )
    return with_bias(y, bias)


def patches(x: Any, window: Any, strides: Any, padding: str) -> Any:
    """What each place of an image sees: ``(batch, *places, taps * channels)``."""
    return keras.ops.image.extract_patches(
        x, window, strides=strides, padding=padding, data_format="channels_last"
    )


@binds("locally_connected1d", "keras.ops.image.extract_patches", composition=True)
def locally_connected1d(x: Any, kernel: Any, bias: Any, strides: Any, padding: str) -> Any:
    places, window, channels, filters = kernel.shape
    image = keras.ops.expand_dims(x, 1)
    seen = keras.ops.squeeze(patches(image, (1, window), (1, *strides), padding), 1)
    y = keras.ops.einsum(
        "bok,okf->bof", seen, keras.ops.reshape(kernel, (places, window * channels, filters))
    )
    return with_bias(y, bias)


@binds("locally_connected2d", "keras.ops.image.extract_patches", composition=True)
def locally_connected2d(x: Any, kernel: Any, bias: Any, strides: Any, padding: str) -> Any:
    *places, height, width, channels, filters = kernel.shape
    seen = patches(x, (height, width), tuple(strides), padding)
    flat = keras.ops.reshape(kernel, (*places, height * width * channels, filters))
    return with_bias(keras.ops.einsum("bopk,opkf->bopf", seen, flat), bias)


@binds(
    "tied_conv_transpose2d",
    "keras.ops.conv_transpose",
    where={"flip": "Keras's transposed convolution is always the adjoint of a convolution"},
    composition=True,
)
def tied_conv_transpose2d(x: Any, kernel: Any, strides: Any, padding: str) -> Any:
    hidden = keras.ops.conv(x, kernel, strides=strides, padding=padding, data_format="channels_last")
    return conv_transpose(hidden, kernel, None, strides, padding, (1, 1))
