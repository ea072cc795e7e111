"""Losses of regression of TensorFlow: those of ``tf.nn`` and ``tf.compat.v1.losses``."""

from __future__ import annotations

from .framework import binds, function, tf
from .reductions import OF_ELEMENTS, UNMASKED, UNWEIGHTED, reduced
from .reductions import v1_reduction as v1_reduction  # rows name it

NO_ROW_MEAN = {"row_mean": (False, "TensorFlow reduces over all elements at once")}
SQUARE = {"factor": (1.0, "this loss is the whole square")} | NO_ROW_MEAN
HALF = {"factor": (0.5, "l2_loss is half the square"), "reduction": ("sum", "l2_loss is a sum")} | NO_ROW_MEAN
BOTH = "targets, predictions"
REDUCED = {"reduction": "v1_reduction(reduction)"}
NAN = {"nan_sign": ("nan", "the sign of NaN is NaN in TensorFlow")}

function(
    "mean_squared_error",
    "tf.compat.v1.losses.mean_squared_error",
    OF_ELEMENTS | REDUCED,
    on=BOTH,
    fixed=SQUARE,
)
function(
    "mean_squared_error",
    "tf.math.squared_difference",
    on="predictions, targets",
    returns="reduced(y, reduction)",
    unused=("sample_weights",),
    fixed=SQUARE | UNWEIGHTED,
    composition=True,
)
function(
    "mean_squared_error",
    "tf.nn.l2_loss",
    on="predictions - targets",
    unused=("sample_weights",),
    fixed=HALF | UNWEIGHTED,
)
function(
    "huber",
    "tf.compat.v1.losses.huber_loss",
    {"delta": "delta"} | OF_ELEMENTS | REDUCED,
    on=BOTH,
    fixed=NO_ROW_MEAN,
)

SMOOTH_L1 = {
    "beta > 0": "for beta = 0 the branches would divide by it",
    "nan_sign == 'nan' or data not in ('nan', 'infinities')": "the sign of NaN is NaN in TensorFlow",
}


@binds("smooth_l1", "tf.where", where=SMOOTH_L1, composition=True)
def smooth_l1(predictions, targets, *, beta, reduction):
    size = tf.abs(predictions - targets)
    small = tf.where(size < beta, size, tf.zeros_like(size))
    return reduced(tf.where(size < beta, tf.square(small) * 0.5 / beta, size - 0.5 * beta), reduction)


function(
    "mean_absolute_error",
    "tf.compat.v1.losses.absolute_difference",
    OF_ELEMENTS | REDUCED,
    on=BOTH,
    fixed=NAN | NO_ROW_MEAN,
)

LOG_INPUT = {
    "log_input": (True, "log_poisson_loss is given logarithms"),
    "epsilon": (1e-8, "nothing is added to an exponential"),
}

function(
    "poisson_nll",
    "tf.nn.log_poisson_loss",
    {"compute_full_loss": "full"},
    on="targets, log_rates",
    returns="reduced(y, reduction)",
    unused=("rates", "sample_weights"),
    fixed=LOG_INPUT | NO_ROW_MEAN | UNWEIGHTED,
)

UNIT = "tf.math.l2_normalize({}, axis, epsilon=epsilon ** 2)"

function(
    "cosine_similarity",
    "tf.compat.v1.losses.cosine_distance",
    {"axis": "axis"} | OF_ELEMENTS | REDUCED,
    on=f"{UNIT.format('targets')}, {UNIT.format('predictions')}",
    returns="tf.squeeze(y, axis) if reduction == 'none' else y",
    where={
        "dtype == 'float32'": "TensorFlow computes this loss in float32, and gives it so",
        "epsilon > 0 or data != 'zeros'": "the inverse of 0 times 0 is NaN in the gradients too",
    },
    unused=("mask",),
    fixed=UNMASKED
    | {
        "form": ("distance", "TensorFlow subtracts the cosine from 1"),
        "floor_gradient": ("blocked", "the maximum is differentiated"),
    },
    composition=True,
)
