"""Losses of regression of Keras, which average the last axis before they reduce."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import dtype_of
from .reductions import class_reduction, reduced

ROW_MEAN = {"row_mean or reduction == 'mean'": "Keras averages the last axis first"}
SQUARE = {"factor == 1.0": "Keras has the whole square only"} | ROW_MEAN


@binds("mean_squared_error", "keras.losses.MeanSquaredError", where=SQUARE)
def mean_squared_error_class(predictions: Any, targets: Any, *, reduction: str) -> Any:
    loss = keras.losses.MeanSquaredError(reduction=class_reduction(reduction), dtype=dtype_of(predictions))
    return loss(targets, predictions)


@binds("mean_squared_error", "keras.losses.mean_squared_error", where=SQUARE)
def mean_squared_error(predictions: Any, targets: Any, *, reduction: str) -> Any:
    return reduced(keras.losses.mean_squared_error(targets, predictions), reduction)


@binds("huber", "keras.losses.Huber", where=ROW_MEAN)
def huber_class(predictions: Any, targets: Any, *, delta: float, reduction: str) -> Any:
    loss = keras.losses.Huber(delta=delta, reduction=class_reduction(reduction), dtype=dtype_of(predictions))
    return loss(targets, predictions)


@binds("huber", "keras.losses.huber", where=ROW_MEAN)
def huber(predictions: Any, targets: Any, *, delta: float, reduction: str) -> Any:
    return reduced(keras.losses.huber(targets, predictions, delta=delta), reduction)


SMOOTH_L1 = {
    "beta > 0": "for beta = 0 the branches would divide by it",
    "nan_sign == 'nan' and data not in ('nan', 'infinities')": "abs at NaN is the backend's",
}


@binds("smooth_l1", "keras.ops.where", where=SMOOTH_L1, composition=True)
def smooth_l1(predictions: Any, targets: Any, *, beta: float, reduction: str) -> Any:
    size = keras.ops.abs(predictions - targets)
    small = keras.ops.where(size < beta, size, 0)
    return reduced(
        keras.ops.where(size < beta, keras.ops.square(small) * 0.5 / beta, size - 0.5 * beta), reduction
    )
