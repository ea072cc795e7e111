"""Poolings of tf.nn."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

NAMED = {
    "not ceil_mode": "tf.nn's poolings have no such rule",
    "padding in ('valid', 'same')": "this function pads by name, 'VALID' or 'SAME'",
}
WITHOUT_PADDING = NAMED | {"not count_padding": "tf.nn's means do not count the padding"}
NUMBERS_ONLY = {
    "not ceil_mode": "tf.nn's poolings have no such rule",
    "padding != 'same_lower'": "tf.nn has no such padding",
    "nan == 'hold'": "what becomes of NaN is a deviation on file",
}
POOL = {"min(window) < 1 or all(strides[i] <= window[i] for i in (0, 1))": "it strides no wider"}
NOT_BOTH = {"max(strides) == 1 or max(dilation) == 1": "tf.nn.pool refuses strides and dilation together"}


@binds("max_pool2d", "tf.nn.max_pool2d", where=NUMBERS_ONLY | {"max(dilation) == 1": "it has no dilation"})
def max_pool2d(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    widths = padding.upper() if isinstance(padding, str) else [(0, 0), *padding, (0, 0)]
    return tf.nn.max_pool2d(x, window, strides, widths)


@binds("max_pool2d", "tf.nn.pool", where=NUMBERS_ONLY | NAMED | NOT_BOTH | POOL)
def max_pool(x: Any, window: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    return tf.nn.pool(x, window, "MAX", strides, padding.upper(), dilations=dilation)


@binds("avg_pool2d", "tf.nn.avg_pool2d", where=WITHOUT_PADDING)
def avg_pool2d(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    return tf.nn.avg_pool2d(x, window, strides, padding.upper())


@binds("avg_pool2d", "tf.nn.pool", where=WITHOUT_PADDING | POOL)
def avg_pool(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    return tf.nn.pool(x, window, "AVG", strides, padding.upper())
