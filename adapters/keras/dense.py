"""Dense layers of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, dtype_of


@binds("dense", "keras.layers.Dense")
def dense(x: Any, kernel: Any, bias: Any) -> Any:
    layer = keras.layers.Dense(
        kernel.shape[-1], activation=None, use_bias=bias is not None, dtype=dtype_of(x)
    )
    return call_layer(layer, x, weights={"kernel": kernel, "bias": bias})
