"""Dropout layers of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, concrete, dtype_of

SELECTS = {"dropped == 'zero'": "selects 0 at dropped places"}


@binds("dropout", "keras.layers.Dropout", where=SELECTS)
def dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    with concrete():
        layer = keras.layers.Dropout(rate, seed=seed, dtype=dtype_of(x))
    return call_layer(layer, x, training=training)


@binds("dropout", "keras.random.dropout", where=SELECTS | {"training": "has no inference mode"})
def dropout_function(x: Any, *, rate: float, seed: int) -> Any:
    return keras.random.dropout(x, rate, seed=seed)
