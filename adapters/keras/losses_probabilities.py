"""Losses of classification that are given probabilities, of Keras."""

from __future__ import annotations

from .layers import function, instance

KERAS_EPSILON = {
    "epsilon": (1e-7, "Keras clips at its epsilon, 1e-7"),
    "zero_target": ("zero", "finite logarithms leave nothing to choose"),
}
FROM_PROBABILITIES = KERAS_EPSILON | {"normalized": ("before", "Keras divides rows by their sum, then clips")}
DISTRIBUTION = FROM_PROBABILITIES | {"sparse": (False, "takes a distribution")}
ONE_CLASS = FROM_PROBABILITIES | {"sparse": (True, "takes one class for each row")}
NONE = {"reduction": "'none'", "dtype": "dtype_of(predictions)"}

for word, api, options, on, unused, fixed in (
    (instance, "CategoricalCrossentropy", NONE, "targets, predictions", ("labels",), DISTRIBUTION),
    (function, "categorical_crossentropy", {}, "targets, predictions", ("labels",), DISTRIBUTION),
    (instance, "SparseCategoricalCrossentropy", NONE, "labels, predictions", ("targets",), ONE_CLASS),
    (function, "sparse_categorical_crossentropy", {}, "labels, predictions", ("targets",), ONE_CLASS),
):
    word("categorical_cross_entropy", f"keras.losses.{api}", options, on=on, unused=unused, fixed=fixed)

CLIPPED = KERAS_EPSILON | {
    "guard": ("clip", "Keras clips probabilities"),
    "gradient": ("exact", "Keras differentiates the loss"),
}
AVERAGED = CLIPPED | {"row_mean": (True, "Keras averages the last axis")}
BOTH = "targets, predictions"

instance("binary_cross_entropy", "keras.losses.BinaryCrossentropy", NONE, on=BOTH, fixed=AVERAGED)
function("binary_cross_entropy", "keras.losses.binary_crossentropy", on=BOTH, fixed=AVERAGED)
function(
    "binary_cross_entropy",
    "keras.ops.binary_crossentropy",
    on=BOTH,
    fixed=CLIPPED | {"row_mean": (False, "this operation averages nothing")},
)
