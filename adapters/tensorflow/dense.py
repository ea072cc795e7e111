"""Dense layers of TensorFlow: put together, since the layer itself is Keras's."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf


@binds("dense", "tf.linalg.matmul", composition=True)
def dense(x: Any, kernel: Any, bias: Any) -> Any:
    y = tf.linalg.matmul(x, kernel)
    return y if bias is None else tf.nn.bias_add(y, bias)
