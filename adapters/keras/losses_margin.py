"""Losses of classification by margins of Keras, which takes labels of 0 and 1, or of -1 and 1.

The classes are given the former here, the functions the latter.
"""

from __future__ import annotations

from .framework import keras as keras  # rows name it
from .layers import function, instance
from .reductions import COUNTED, UNWEIGHTED
from .reductions import class_reduction as class_reduction
from .reductions import reduced as reduced

CLASS = {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(scores)"}
FIXED = {
    "margin": (1.0, "Keras has no option for it"),
    "kink_gradient": (1.0, "the maximum of TensorFlow passes the gradient on where both are equal"),
}
ROW_MEAN = {"row_mean or reduction not in ('none', 'sum')": "Keras averages the last axis first"}
BITS = {"on": "labels, scores, sample_weights", "where": ROW_MEAN | COUNTED}
SIGNS = {
    "on": "2 * labels - 1, scores",
    "returns": "reduced(y, reduction)",
    "unused": ("sample_weights",),
    "where": ROW_MEAN,
}
ONE, TWO = (FIXED | {"power": (power, "Keras has a loss for each power")} for power in (1, 2))

instance("hinge", "keras.losses.Hinge", CLASS, **BITS, fixed=ONE)
instance("hinge", "keras.losses.SquaredHinge", CLASS, **BITS, fixed=TWO)
function("hinge", "keras.losses.hinge", **SIGNS, fixed=ONE | UNWEIGHTED)
function("hinge", "keras.losses.squared_hinge", **SIGNS, fixed=TWO | UNWEIGHTED)

function(
    "soft_margin",
    "keras.ops.softplus",
    on="keras.ops.cast(1 - 2 * labels, scores.dtype) * scores",
    returns="reduced(y, reduction)",
    composition=True,
)

ONE_HOT = "keras.ops.one_hot(labels, scores.shape[-1], dtype=dtype_of(scores)), scores"
OF_CLASSES = {
    "margin": (1.0, "Keras has no option for it"),
    "rival_floor": ("zero", "the score of the class itself counts as 0 among the others"),
}

instance(
    "multiclass_hinge",
    "keras.losses.CategoricalHinge",
    CLASS,
    on=f"{ONE_HOT}, sample_weights",
    where=COUNTED,
    fixed=OF_CLASSES,
)
function(
    "multiclass_hinge",
    "keras.losses.categorical_hinge",
    on=ONE_HOT,
    returns="reduced(y, reduction)",
    unused=("sample_weights",),
    fixed=OF_CLASSES | UNWEIGHTED,
)
