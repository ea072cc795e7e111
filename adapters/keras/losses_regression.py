"""Losses of regression of Keras, which average the last axis before they reduce."""

from __future__ import annotations

from .framework import binds, keras
from .layers import function, instance
from .reductions import COUNTED, UNMASKED, UNWEIGHTED, reduced
from .reductions import class_reduction as class_reduction  # rows name it

ROW_MEAN = {"row_mean or reduction not in ('none', 'sum')": "Keras averages the last axis first"}
WHOLE = {"factor": (1.0, "Keras has the whole square only")}
BOTH, REDUCED = "targets, predictions", "reduced(y, reduction)"
CLASS = {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(predictions)"}
DELTA = {"delta": "delta"}

WITH_WEIGHTS = {"on": f"{BOTH}, sample_weights", "where": ROW_MEAN | COUNTED}
WITHOUT = {"on": BOTH, "returns": REDUCED, "unused": ("sample_weights",), "where": ROW_MEAN}

instance("mean_squared_error", "keras.losses.MeanSquaredError", CLASS, **WITH_WEIGHTS, fixed=WHOLE)
function("mean_squared_error", "keras.losses.mean_squared_error", **WITHOUT, fixed=WHOLE | UNWEIGHTED)
instance("huber", "keras.losses.Huber", DELTA | CLASS, **WITH_WEIGHTS)
function("huber", "keras.losses.huber", DELTA, **WITHOUT, fixed=UNWEIGHTED)

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


NAN = {"nan_sign": ("nan", "the sign of NaN is NaN in TensorFlow")}

instance("mean_absolute_error", "keras.losses.MeanAbsoluteError", CLASS, **WITH_WEIGHTS, fixed=NAN)
function("mean_absolute_error", "keras.losses.mean_absolute_error", **WITHOUT, fixed=NAN | UNWEIGHTED)
instance("log_cosh", "keras.losses.LogCosh", CLASS, **WITH_WEIGHTS)
function("log_cosh", "keras.losses.log_cosh", **WITHOUT, fixed=UNWEIGHTED)
instance("mean_absolute_percentage_error", "keras.losses.MeanAbsolutePercentageError", CLASS, **WITH_WEIGHTS)
function(
    "mean_absolute_percentage_error",
    "keras.losses.mean_absolute_percentage_error",
    **WITHOUT,
    fixed=UNWEIGHTED,
)
instance("mean_squared_logarithmic_error", "keras.losses.MeanSquaredLogarithmicError", CLASS, **WITH_WEIGHTS)
function(
    "mean_squared_logarithmic_error",
    "keras.losses.mean_squared_logarithmic_error",
    **WITHOUT,
    fixed=UNWEIGHTED,
)

POISSON = {
    "log_input": (False, "Keras is given rates"),
    "epsilon": (1e-7, "keras.config.epsilon() is not an option of the loss"),
    "full": (False, "Keras leaves out what does not depend on the rates"),
}
RATES = {"dtype": "dtype_of(rates)", "reduction": "class_reduction(reduction)"}

instance(
    "poisson_nll",
    "keras.losses.Poisson",
    RATES,
    on="targets, rates, sample_weights",
    unused=("log_rates",),
    where=ROW_MEAN | COUNTED,
    fixed=POISSON,
)
function(
    "poisson_nll",
    "keras.losses.poisson",
    on="targets, rates",
    returns=REDUCED,
    unused=("log_rates", "sample_weights"),
    where=ROW_MEAN,
    fixed=POISSON | UNWEIGHTED,
)

COSINE = UNMASKED | {
    "form": ("negative", "Keras minimises"),
    "epsilon": (1e-7, "keras.config.epsilon() is not an option of the loss"),
    "floor_gradient": ("blocked", "the minimum with 1/epsilon is differentiated"),
}

instance(
    "cosine_similarity",
    "keras.losses.CosineSimilarity",
    {"axis": "axis"} | CLASS,
    on=f"{BOTH}, sample_weights",
    unused=("mask",),
    where=COUNTED,
    fixed=COSINE,
)
function(
    "cosine_similarity",
    "keras.losses.cosine_similarity",
    {"axis": "axis"},
    on=BOTH,
    returns=REDUCED,
    unused=("mask", "sample_weights"),
    fixed=COSINE | UNWEIGHTED,
)
