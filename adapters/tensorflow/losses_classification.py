"""Losses of classification of TensorFlow: those of ``tf.nn`` and ``tf.compat.v1.losses``."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf
from .reductions import reduced, v1_reduction

SOFT = {
    "label_smoothing == 0.0": "TensorFlow smooths no labels",
    "not weighted": "TensorFlow knows no weights of classes",
    "gradient == 'unit_sum'": "TensorFlow's gradient supposes that targets sum to one",
    "zero_target == 'nan' or data != 'negative_infinities'": "TensorFlow multiplies by every target",
}


@binds("softmax_cross_entropy", "tf.nn.softmax_cross_entropy_with_logits", where=SOFT)
def softmax_cross_entropy(logits: Any, targets: Any, *, reduction: str, class_weights: Any) -> Any:
    return reduced(tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits, axis=-1), reduction)


OUT_OF_RANGE = {"out_of_range == 'error' or data != 'out_of_range'": "TensorFlow raises on a CPU"}


@binds(
    "sparse_softmax_cross_entropy",
    "tf.nn.sparse_softmax_cross_entropy_with_logits",
    where=OUT_OF_RANGE
    | {
        "not weighted": "TensorFlow knows no weights of classes",
        "label_smoothing == 0.0": "this function smooths no labels",
        "ignored is None": "this function ignores no label",
        "empty == 'nan'": "so there are always rows that count",
    },
)
def sparse_softmax_cross_entropy(logits: Any, labels: Any, *, reduction: str, class_weights: Any) -> Any:
    return reduced(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits), reduction)


@binds(
    "sparse_softmax_cross_entropy",
    "tf.compat.v1.losses.sparse_softmax_cross_entropy",
    where=OUT_OF_RANGE
    | {
        "label_smoothing == 0.0": "this function smooths no labels",
        "ignored is None and empty == 'nan'": "this function ignores no label",
        "class_weights == (classes,)": "weights are gathered by the labels, so that a spare one goes unseen",
    },
)
def sparse_softmax_cross_entropy_v1(logits: Any, labels: Any, class_weights: Any, *, reduction: str) -> Any:
    weights = 1.0 if class_weights is None else tf.gather(class_weights, labels)
    names = {"mean": "weighted_mean", "mean_rows": "weighted_sum_by_nonzero_weights"}
    return tf.compat.v1.losses.sparse_softmax_cross_entropy(
        labels,
        logits,
        weights,
        reduction=names[reduction] if reduction in names else v1_reduction(reduction),
    )


BINARY = {
    "not row_mean": "TensorFlow reduces over all elements at once",
    "zero_target == 'nan' or data != 'infinities'": "TensorFlow multiplies targets and logits",
}
UNSMOOTHED = BINARY | {"label_smoothing == 0.0": "this function smooths no targets"}
UNWEIGHTED = {"not weighted": "this function knows no weight of the positive term"}


@binds("sigmoid_cross_entropy", "tf.nn.sigmoid_cross_entropy_with_logits", where=UNSMOOTHED | UNWEIGHTED)
def sigmoid_cross_entropy(logits: Any, targets: Any, *, reduction: str, positive_weight: Any) -> Any:
    return reduced(tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits), reduction)


@binds("sigmoid_cross_entropy", "tf.nn.weighted_cross_entropy_with_logits", where=UNSMOOTHED)
def weighted_cross_entropy(logits: Any, targets: Any, positive_weight: Any, *, reduction: str) -> Any:
    weight = 1.0 if positive_weight is None else positive_weight
    losses = tf.nn.weighted_cross_entropy_with_logits(labels=targets, logits=logits, pos_weight=weight)
    return reduced(losses, reduction)


@binds("sigmoid_cross_entropy", "tf.compat.v1.losses.sigmoid_cross_entropy", where=BINARY | UNWEIGHTED)
def sigmoid_cross_entropy_v1(
    logits: Any, targets: Any, *, label_smoothing: float, reduction: str, positive_weight: Any
) -> Any:
    return tf.compat.v1.losses.sigmoid_cross_entropy(
        targets, logits, label_smoothing=label_smoothing, reduction=v1_reduction(reduction)
    )


@binds(
    "kl_divergence_probabilities",
    "tf.math.xlogy",
    where={
        "reduction == 'rows'": "put together for one reduction",
        "epsilon == 0.0": "TensorFlow clips nothing",
        "zero_gradient == 'zero' or data != 'zeros'": "TensorFlow gives no gradient where the target is 0",
    },
    composition=True,
)
def kl_divergence_probabilities(targets: Any, predictions: Any) -> Any:
    return tf.reduce_sum(tf.math.xlogy(targets, targets) - tf.math.xlogy(targets, predictions), axis=-1)


@binds(
    "categorical_cross_entropy",
    "tf.math.log",
    where={
        "not sparse": "takes a distribution",
        "zero_target == 'nan' or epsilon > 0 or data != 'zeros'": "a product with log 0 is NaN",
    },
    composition=True,
)
def categorical_cross_entropy(
    predictions: Any, targets: Any, labels: Any, *, epsilon: float, normalized: str
) -> Any:
    if normalized == "before":
        predictions = predictions / tf.reduce_sum(predictions, axis=-1, keepdims=True)
    p = tf.clip_by_value(predictions, epsilon, 1.0 - epsilon) if epsilon else predictions
    if normalized == "after":
        p = p / tf.reduce_sum(p, axis=-1, keepdims=True)
    return -tf.reduce_sum(targets * tf.math.log(p), axis=-1)


@binds(
    "binary_cross_entropy",
    "tf.compat.v1.losses.log_loss",
    where={
        "guard == 'add'": "TensorFlow adds epsilon inside both logarithms",
        "zero_target == 'zero'": "finite logarithms leave nothing to choose",
        "not row_mean": "TensorFlow reduces over all elements at once",
        "gradient == 'exact'": "TensorFlow differentiates the loss",
    },
)
def binary_cross_entropy(predictions: Any, targets: Any, *, epsilon: float) -> Any:
    return tf.compat.v1.losses.log_loss(targets, predictions, epsilon=epsilon, reduction="none")
