"""Losses of regression of Keras, which average the last axis before they reduce."""

from __future__ import annotations

from .framework import binds, keras
from .layers import function, instance
from .reductions import class_reduction as class_reduction  # rows name it
from .reductions import reduced

ROW_MEAN = {"row_mean or reduction == 'mean'": "Keras averages the last axis first"}
WHOLE = {"factor": (1.0, "Keras has the whole square only")}
BOTH, REDUCED = "targets, predictions", "reduced(y, reduction)"
CLASS = {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(predictions)"}
DELTA = {"delta": "delta"}

instance("mean_squared_error", "keras.losses.MeanSquaredError", CLASS, on=BOTH, where=ROW_MEAN, fixed=WHOLE)
function(
    "mean_squared_error",
    "keras.losses.mean_squared_error",
    on=BOTH,
    returns=REDUCED,
    where=ROW_MEAN,
    fixed=WHOLE,
)
instance("huber", "keras.losses.Huber", DELTA | CLASS, on=BOTH, where=ROW_MEAN)
function("huber", "keras.losses.huber", DELTA, on=BOTH, returns=REDUCED, where=ROW_MEAN)

SMOOTH_L1 = {
    "beta > 0": "for beta = 0 the branches would divide by it",
    "nan_sign == 'nan' and data not in ('nan', 'infinities')": "abs at NaN is the backend's",
}


@binds("smooth_l1", "keras.ops.where", where=SMOOTH_L1, composition=True)
def smooth_l1(predictions, targets, *, beta, reduction):
    size = keras.ops.abs(predictions - targets)
    small = keras.ops.where(size < beta, size, 0)
    return reduced(
        keras.ops.where(size < beta, keras.ops.square(small) * 0.5 / beta, size - 0.5 * beta), reduction
    )
