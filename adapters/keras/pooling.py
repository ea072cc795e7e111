"""Poolings of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import dtype_of

NAMED = {
    "not ceil_mode": "Keras's poolings have no such rule",
    "padding in ('valid', 'same')": "Keras pads by name, 'valid' or 'same'",
}
WITHOUT_PADDING = NAMED | {"not count_padding": "Keras's means do not count the padding"}
NUMBERS_ONLY = NAMED | {
    "max(dilation) == 1": "Keras's poolings have no dilation",
    "nan == 'hold'": "what becomes of NaN is a deviation on file",
}


@binds("max_pool2d", "keras.layers.MaxPooling2D", where=NUMBERS_ONLY)
def max_pool2d(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    return keras.layers.MaxPooling2D(
        window, strides, padding, data_format="channels_last", dtype=dtype_of(x)
    )(x)


@binds("max_pool2d", "keras.ops.max_pool", where=NUMBERS_ONLY)
def max_pool(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    return keras.ops.max_pool(x, window, strides, padding, data_format="channels_last")


@binds("avg_pool2d", "keras.layers.AveragePooling2D", where=WITHOUT_PADDING)
def avg_pool2d(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    return keras.layers.AveragePooling2D(
        window, strides, padding, data_format="channels_last", dtype=dtype_of(x)
    )(x)


@binds("avg_pool2d", "keras.ops.average_pool", where=WITHOUT_PADDING)
def average_pool(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    return keras.ops.average_pool(x, window, strides, padding, data_format="channels_last")
