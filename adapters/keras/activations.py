"""Activations of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import dtype_of

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN"}


@binds("relu", "keras.activations.relu", where=NAN_GRADIENT)
def relu(x: Any) -> Any:
    return keras.activations.relu(x, negative_slope=0.0, max_value=None, threshold=0.0)


@binds("relu", "keras.layers.ReLU", where=NAN_GRADIENT)
def relu_layer(x: Any) -> Any:
    return keras.layers.ReLU(max_value=None, negative_slope=0.0, threshold=0.0, dtype=dtype_of(x))(x)


@binds("gelu", "keras.activations.gelu")
def gelu(x: Any, *, approximate: bool) -> Any:
    return keras.activations.gelu(x, approximate=approximate)


@binds("gelu", "keras.ops.gelu")
def gelu_op(x: Any, *, approximate: bool) -> Any:
    return keras.ops.gelu(x, approximate=approximate)


@binds("silu", "keras.activations.silu")
def silu(x: Any) -> Any:
    return keras.activations.silu(x)


@binds("silu", "keras.ops.silu")
def silu_op(x: Any) -> Any:
    return keras.ops.silu(x)


SELU = {
    "zero_gradient == 'right' or data not in ('zeros', 'specials')": "takes the slope right of zero",
    "nan_gradient == 'pass' or data != 'specials'": "lets the cotangent through where x is NaN",
}


@binds("selu", "keras.activations.selu", where=SELU)
def selu(x: Any) -> Any:
    return keras.activations.selu(x)


@binds("selu", "keras.ops.selu", where=SELU)
def selu_op(x: Any) -> Any:
    return keras.ops.selu(x)


@binds("softmax", "keras.activations.softmax")
def softmax(x: Any, *, axis: int) -> Any:
    return keras.activations.softmax(x, axis=axis)


@binds("softmax", "keras.layers.Softmax")
def softmax_layer(x: Any, *, axis: int) -> Any:
    return keras.layers.Softmax(axis=axis, dtype=dtype_of(x))(x)


@binds("log_softmax", "keras.activations.log_softmax")
def log_softmax(x: Any, *, axis: int) -> Any:
    return keras.activations.log_softmax(x, axis=axis)


@binds("log_softmax", "keras.ops.log_softmax")
def log_softmax_op(x: Any, *, axis: int) -> Any:
    return keras.ops.log_softmax(x, axis=axis)
