"""Losses of classification that are given probabilities, of Keras."""

from __future__ import annotations

from .layers import function, instance
from .reductions import COUNTED, UNWEIGHTED
from .reductions import class_reduction as class_reduction  # rows name them
from .reductions import reduced as reduced

KERAS_EPSILON = {
    "epsilon": (1e-7, "Keras clips at its epsilon, 1e-7"),
    "zero_target": ("zero", "finite logarithms leave nothing to choose"),
}
FROM_PROBABILITIES = KERAS_EPSILON | {"normalized": ("before", "Keras divides rows by their sum, then clips")}
DISTRIBUTION = FROM_PROBABILITIES | {"sparse": (False, "takes a distribution")}
ONE_CLASS = FROM_PROBABILITIES | {"sparse": (True, "takes one class for each row")}
CLASS = {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(predictions)"}
OF_FUNCTION = {"returns": "reduced(y, reduction)"}

for api, on, unused, fixed in (
    ("CategoricalCrossentropy", "targets, predictions", "labels", DISTRIBUTION),
    ("SparseCategoricalCrossentropy", "labels, predictions", "targets", ONE_CLASS),
):
    instance(
        "categorical_cross_entropy",
        f"keras.losses.{api}",
        CLASS,
        on=f"{on}, sample_weights",
        unused=(unused,),
        where=COUNTED,
        fixed=fixed,
    )
for api, on, unused, fixed in (
    ("categorical_crossentropy", "targets, predictions", "labels", DISTRIBUTION),
    ("sparse_categorical_crossentropy", "labels, predictions", "targets", ONE_CLASS),
):
    function(
        "categorical_cross_entropy",
        f"keras.losses.{api}",
        on=on,
        unused=(unused, "sample_weights"),
        **OF_FUNCTION,
        fixed=fixed | UNWEIGHTED,
    )

for api, on, unused, fixed in (
    ("categorical_crossentropy", "targets, predictions", "labels", DISTRIBUTION),
    ("sparse_categorical_crossentropy", "labels, predictions", "targets", ONE_CLASS),
):
    function(
        "categorical_cross_entropy",
        f"keras.ops.{api}",
        on=on,
        unused=(unused, "sample_weights"),
        **OF_FUNCTION,
        fixed=fixed | UNWEIGHTED,
    )

CLIPPED = KERAS_EPSILON | {
    "guard": ("clip", "Keras clips probabilities"),
    "gradient": ("exact", "Keras differentiates the loss"),
}
AVERAGED = {"row_mean or reduction not in ('none', 'sum')": "Keras averages the last axis first"}
BOTH = "targets, predictions"

instance(
    "binary_cross_entropy",
    "keras.losses.BinaryCrossentropy",
    CLASS,
    on=f"{BOTH}, sample_weights",
    where=AVERAGED | COUNTED,
    fixed=CLIPPED,
)
function(
    "binary_cross_entropy",
    "keras.losses.binary_crossentropy",
    on=BOTH,
    unused=("sample_weights",),
    **OF_FUNCTION,
    where=AVERAGED,
    fixed=CLIPPED | UNWEIGHTED,
)
function(
    "binary_cross_entropy",
    "keras.ops.binary_crossentropy",
    on=BOTH,
    unused=("sample_weights",),
    **OF_FUNCTION,
    fixed=CLIPPED | UNWEIGHTED | {"row_mean": (False, "this operation averages nothing")},
)
