"""Ranges of outputs in Keras: put together, since it has no interval arithmetic."""

from __future__ import annotations

from typing import Any

from .convolution import conv
from .dense import dense
from .framework import binds, keras


def ends(layer: Any, lower: Any, upper: Any, kernel: Any, bias: Any) -> Any:
    """Both ends of a linear layer's range: each weight meets the end that its sign chooses."""
    positive, negative = keras.ops.maximum(kernel, 0), keras.ops.minimum(kernel, 0)
    return (
        layer(lower, positive, bias) + layer(upper, negative, None),
        layer(upper, positive, bias) + layer(lower, negative, None),
    )


@binds("output_range", "keras.layers.Dense", composition=True)
def output_range(
    low: Any,
    width: Any,
    kernel: Any,
    bias: Any,
    second_kernel: Any,
    second_bias: Any,
    layers: int,
    activation: str,
) -> Any:
    if layers == 2 and activation == "linear":
        both = None if bias is None else dense(bias[None], second_kernel, second_bias)[0]
        return ends(dense, low, low + width, keras.ops.matmul(kernel, second_kernel), both)
    lower, upper = ends(dense, low, low + width, kernel, bias)
    if layers == 1:
        return lower, upper
    return ends(dense, keras.ops.relu(lower), keras.ops.relu(upper), second_kernel, second_bias)


@binds("conv_output_range", "keras.ops.conv", composition=True)
def conv_output_range(low: Any, width: Any, kernel: Any, bias: Any, strides: Any, padding: str) -> Any:
    def layer(x: Any, kernel: Any, bias: Any) -> Any:
        return conv(x, kernel, bias, strides, padding, (1,), 1)

    return ends(layer, low, low + width, kernel, bias)
