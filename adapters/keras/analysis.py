"""Ranges of outputs in Keras: put together, since it has no interval arithmetic."""

from __future__ import annotations

from .convolution import with_bias
from .framework import binds, keras
from .layers import call_layer, dtype_of


def ends(layer, lower, upper, kernel, bias):
    """Both ends of a linear layer's range: each weight meets the end that its sign chooses."""
    positive, negative = keras.ops.maximum(kernel, 0), keras.ops.minimum(kernel, 0)
    return (
        layer(lower, positive, bias) + layer(upper, negative, None),
        layer(upper, positive, bias) + layer(lower, negative, None),
    )


def dense_layers(kernel, second_kernel):
    """Dense layers by the sizes of their kernels, with a bias and without."""
    sizes = {tuple(kernel.shape)}
    if second_kernel is not None:
        sizes |= {tuple(second_kernel.shape), (kernel.shape[0], second_kernel.shape[1])}
    made = {}
    for features, units in sizes:
        for use_bias in (True, False):
            layer = keras.layers.Dense(units, use_bias=use_bias, dtype=dtype_of(kernel))
            layer.build((1, features))
            made[features, units, use_bias] = layer
    return made


@binds("output_range", "keras.layers.Dense", composition=True, build=dense_layers)
def output_range(built, low, width, kernel, bias, second_kernel, second_bias, layers, activation):
    def dense(x, kernel, bias):
        features, units = kernel.shape
        return call_layer(built[features, units, bias is not None], x, kernel=kernel, bias=bias)

    if layers == 2 and activation == "linear":
        both = None if bias is None else dense(bias[None], second_kernel, second_bias)[0]
        return ends(dense, low, low + width, keras.ops.matmul(kernel, second_kernel), both)
    lower, upper = ends(dense, low, low + width, kernel, bias)
    if layers == 1:
        return lower, upper
    return ends(dense, keras.ops.relu(lower), keras.ops.relu(upper), second_kernel, second_bias)


@binds("conv_output_range", "keras.ops.conv", composition=True)
def conv_output_range(low, width, kernel, bias, strides, padding):
    def layer(x, kernel, bias):
        y = keras.ops.conv(x, kernel, strides=strides, padding=padding, data_format="channels_last")
        return with_bias(y, bias)

    return ends(layer, low, low + width, kernel, bias)
