"""Activations of TensorFlow."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "TensorFlow gives no gradient where x is NaN"}


@binds("relu", "tf.nn.relu", where=NAN_GRADIENT)
def relu(x: Any) -> Any:
    return tf.nn.relu(x)


@binds("gelu", "tf.nn.gelu")
def gelu(x: Any, *, approximate: bool) -> Any:
    return tf.nn.gelu(x, approximate=approximate)


@binds("silu", "tf.nn.silu")
def silu(x: Any) -> Any:
    return tf.nn.silu(x, beta=1.0)


SELU = {
    "zero_gradient == 'right' or data not in ('zeros', 'specials')": "takes the slope right of zero",
    "nan_gradient == 'pass' or data != 'specials'": "lets the cotangent through where x is NaN",
}


@binds("selu", "tf.nn.selu", where=SELU)
def selu(x: Any) -> Any:
    return tf.nn.selu(x)


@binds("softmax", "tf.nn.softmax")
def softmax(x: Any, *, axis: int) -> Any:
    return tf.nn.softmax(x, axis=axis)


@binds("log_softmax", "tf.nn.log_softmax")
def log_softmax(x: Any, *, axis: int) -> Any:
    return tf.nn.log_softmax(x, axis=axis)
