"""Losses of regression of TensorFlow: those of ``tf.nn`` and ``tf.compat.v1.losses``."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf
from .reductions import reduced, v1_reduction

NO_ROW_MEAN = {"not row_mean": "TensorFlow reduces over all elements at once"}
SQUARE = {"factor == 1.0": "this loss is the whole square"} | NO_ROW_MEAN


@binds("mean_squared_error", "tf.compat.v1.losses.mean_squared_error", where=SQUARE)
def mean_squared_error(predictions: Any, targets: Any, *, reduction: str) -> Any:
    return tf.compat.v1.losses.mean_squared_error(targets, predictions, reduction=v1_reduction(reduction))


@binds("mean_squared_error", "tf.math.squared_difference", where=SQUARE, composition=True)
def mean_squared_difference(predictions: Any, targets: Any, *, reduction: str) -> Any:
    return reduced(tf.math.squared_difference(predictions, targets), reduction)


@binds(
    "mean_squared_error",
    "tf.nn.l2_loss",
    where={"factor == 0.5": "l2_loss is half the square", "reduction == 'sum'": "l2_loss is a sum"}
    | NO_ROW_MEAN,
)
def half_sum_of_squares(predictions: Any, targets: Any) -> Any:
    return tf.nn.l2_loss(predictions - targets)


@binds("huber", "tf.compat.v1.losses.huber_loss", where=NO_ROW_MEAN)
def huber(predictions: Any, targets: Any, *, delta: float, reduction: str) -> Any:
    return tf.compat.v1.losses.huber_loss(
        targets, predictions, delta=delta, reduction=v1_reduction(reduction)
    )


SMOOTH_L1 = {
    "beta > 0": "for beta = 0 the branches would divide by it",
    "nan_sign == 'nan' or data not in ('nan', 'infinities')": "the sign of NaN is NaN in TensorFlow",
}


@binds("smooth_l1", "tf.where", where=SMOOTH_L1, composition=True)
def smooth_l1(predictions: Any, targets: Any, *, beta: float, reduction: str) -> Any:
    size = tf.abs(predictions - targets)
    small = tf.where(size < beta, size, tf.zeros_like(size))
    return reduced(tf.where(size < beta, tf.square(small) * 0.5 / beta, size - 0.5 * beta), reduction)
