"""Convolutions of tf.nn, which have no bias of their own: it is added by ``tf.nn.bias_add``."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

NO_GROUPS = {"groups == 1": "tf.nn.conv3d has no groups"}
NOT_BOTH = {
    "max(strides) == 1 or max(dilation) == 1": "tf.nn.convolution refuses strides and dilation together"
}
NAMED = {"padding in ('valid', 'same')": "this function pads by name, 'VALID' or 'SAME'"}
EXPLICIT = {"padding not in ('same_lower', 'causal')": "tf.nn has no such padding"}


def with_bias(y: Any, bias: Any) -> Any:
    return y if bias is None else tf.nn.bias_add(y, bias)


def tf_padding(padding: Any) -> Any:
    return padding.upper() if isinstance(padding, str) else [(0, 0), *padding, (0, 0)]


@binds("conv1d", "tf.nn.conv1d", where=NAMED)
def conv1d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return with_bias(tf.nn.conv1d(x, kernel, strides, padding.upper(), dilations=dilation), bias)


@binds("conv2d", "tf.nn.conv2d", where=EXPLICIT)
def conv2d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    return with_bias(tf.nn.conv2d(x, kernel, strides, tf_padding(padding), dilations=dilation), bias)


@binds("conv3d", "tf.nn.conv3d", where=NAMED | NO_GROUPS)
def conv3d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    y = tf.nn.conv3d(x, kernel, (1, *strides, 1), padding.upper(), dilations=(1, *dilation, 1))
    return with_bias(y, bias)


@binds("conv1d", "tf.nn.convolution", where=NAMED | NOT_BOTH)
@binds("conv2d", "tf.nn.convolution", where=NAMED | NOT_BOTH)
@binds("conv3d", "tf.nn.convolution", where=NAMED | NOT_BOTH | NO_GROUPS)
def convolution(
    x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    return with_bias(tf.nn.convolution(x, kernel, strides, padding.upper(), dilations=dilation), bias)


@binds("depthwise_conv2d", "tf.nn.depthwise_conv2d", where=EXPLICIT)
def depthwise_conv2d(x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    y = tf.nn.depthwise_conv2d(x, kernel, (1, *strides, 1), tf_padding(padding), dilations=dilation)
    return with_bias(y, bias)


def output_lengths(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any) -> list[int]:
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    if padding == "same":
        return [n * s for n, s in zip(x.shape[1:], strides, strict=False)]
    if padding == "valid":
        return [n * s + max(e - s, 0) for n, s, e in zip(x.shape[1:], strides, reach, strict=False)]
    full = [(n - 1) * s + e for n, s, e in zip(x.shape[1:], strides, reach, strict=False)]
    return [n - low - high for n, (low, high) in zip(full, padding, strict=True)]


@binds(
    "conv_transpose2d",
    "tf.nn.conv2d_transpose",
    where={
        "flip": "tf.nn.conv2d_transpose is always the adjoint of a convolution",
        "padding in ('valid', 'same') or all(min(p) >= 0 for p in padding)": "the crop cannot be negative",
    },
)
def conv_transpose2d(
    x: Any, kernel: Any, bias: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    shape = [x.shape[0], *output_lengths(x, kernel, strides, padding, dilation), kernel.shape[-2] * groups]
    y = tf.nn.conv2d_transpose(x, kernel, shape, strides, tf_padding(padding), dilations=dilation)
    return with_bias(y, bias)


def patches(x: Any, window: Any, strides: Any, padding: str) -> Any:
    """What each place of an image sees: ``(batch, *places, taps * channels)``."""
    return tf.image.extract_patches(x, (1, *window, 1), (1, *strides, 1), (1, 1, 1, 1), padding.upper())


@binds("locally_connected1d", "tf.image.extract_patches", composition=True)
def locally_connected1d(x: Any, kernel: Any, bias: Any, strides: Any, padding: str) -> Any:
    places, window, channels, filters = kernel.shape
    seen = tf.squeeze(patches(x[:, tf.newaxis], (1, window), (1, *strides), padding), 1)
    y = tf.einsum("bok,okf->bof", seen, tf.reshape(kernel, (places, window * channels, filters)))
    return y if bias is None else y + bias


@binds("locally_connected2d", "tf.image.extract_patches", composition=True)
def locally_connected2d(x: Any, kernel: Any, bias: Any, strides: Any, padding: str) -> Any:
    *places, height, width, channels, filters = kernel.shape
    seen = patches(x, (height, width), strides, padding)
    y = tf.einsum("bopk,opkf->bopf", seen, tf.reshape(kernel, (*places, height * width * channels, filters)))
    return y if bias is None else y + bias


@binds(
    "tied_conv_transpose2d",
    "tf.nn.conv2d_transpose",
    where={"flip": "tf.nn.conv2d_transpose is always the adjoint of a convolution"},
    composition=True,
)
def tied_conv_transpose2d(x: Any, kernel: Any, strides: Any, padding: str) -> Any:
    hidden = tf.nn.conv2d(x, kernel, strides, padding.upper())
    return conv_transpose2d(hidden, kernel, None, strides, padding, (1, 1), 1)
