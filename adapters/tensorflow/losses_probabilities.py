"""Losses of classification that are given probabilities, of TensorFlow."""

from __future__ import annotations

from .framework import binds, function, tf
from .reductions import OF_ELEMENTS, UNWEIGHTED
from .reductions import v1_reduction as v1_reduction  # rows name it

UNREDUCED = UNWEIGHTED | {"reduction": ("none", "users reduce it as they like")}

function(
    "binary_cross_entropy",
    "tf.compat.v1.losses.log_loss",
    {"epsilon": "epsilon", "reduction": "v1_reduction(reduction)"} | OF_ELEMENTS,
    on="targets, predictions",
    fixed={
        "guard": ("add", "TensorFlow adds epsilon inside both logarithms"),
        "zero_target": ("zero", "finite logarithms leave nothing to choose"),
        "row_mean": (False, "TensorFlow reduces over all elements at once"),
        "gradient": ("exact", "TensorFlow differentiates the loss"),
    },
)


@binds(
    "categorical_cross_entropy",
    "tf.math.log",
    fixed=UNREDUCED | {"sparse": (False, "takes a distribution")},
    where={"zero_target == 'nan' or epsilon > 0 or data != 'zeros'": "a product with log 0 is NaN"},
    composition=True,
)
def categorical_cross_entropy(predictions, targets, labels, sample_weights, *, epsilon, normalized):
    if normalized == "before":
        predictions = predictions / tf.reduce_sum(predictions, axis=-1, keepdims=True)
    p = tf.clip_by_value(predictions, epsilon, 1.0 - epsilon) if epsilon else predictions
    if normalized == "after":
        p = p / tf.reduce_sum(p, axis=-1, keepdims=True)
    return -tf.reduce_sum(targets * tf.math.log(p), axis=-1)
