"""Losses of classification of Keras: its classes, its functions, and the operations beneath them."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import dtype_of
from .reductions import class_reduction, reduced

SOFT = {
    "not weighted": "Keras weighs samples, not classes of a distribution",
    "gradient == 'exact'": "Keras's other backends differentiate whatever the targets sum to",
    "zero_target == 'nan' or data != 'negative_infinities'": "Keras multiplies targets and log-probabilities",
}


@binds("softmax_cross_entropy", "keras.losses.CategoricalCrossentropy", where=SOFT)
def softmax_cross_entropy_class(
    logits: Any, targets: Any, *, label_smoothing: float, reduction: str, class_weights: Any
) -> Any:
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True,
        label_smoothing=label_smoothing,
        axis=-1,
        reduction=class_reduction(reduction),
        dtype=dtype_of(logits),
    )
    return loss(targets, logits)


@binds("softmax_cross_entropy", "keras.losses.categorical_crossentropy", where=SOFT)
def softmax_cross_entropy(
    logits: Any, targets: Any, *, label_smoothing: float, reduction: str, class_weights: Any
) -> Any:
    losses = keras.losses.categorical_crossentropy(
        targets, logits, from_logits=True, label_smoothing=label_smoothing, axis=-1
    )
    return reduced(losses, reduction)


@binds(
    "softmax_cross_entropy",
    "keras.ops.categorical_crossentropy",
    where=SOFT | {"label_smoothing == 0.0": "this operation smooths no labels"},
)
def softmax_cross_entropy_op(logits: Any, targets: Any, *, reduction: str, class_weights: Any) -> Any:
    return reduced(keras.ops.categorical_crossentropy(targets, logits, from_logits=True, axis=-1), reduction)


SPARSE = {
    "label_smoothing == 0.0": "this loss smooths no labels",
    "out_of_range == 'error' or data != 'out_of_range'": "Keras raises for a label that is no class",
}
EMPTY = {
    "empty == 'zero' or min(batch, classes) > 1 or ignored is None": "Keras's mean of no rows is 0",
}


@binds(
    "sparse_softmax_cross_entropy",
    "keras.losses.SparseCategoricalCrossentropy",
    where=SPARSE
    | EMPTY
    | {
        "reduction != 'mean_batch'": "Keras counts the rows that are not ignored, or their weights",
        "class_weights == (classes,)": "weights are gathered by the labels, so that a spare one goes unseen",
    },
)
def sparse_softmax_cross_entropy_class(
    logits: Any, labels: Any, class_weights: Any, *, ignored: int | None, reduction: str
) -> Any:
    names = {"mean": "mean_with_sample_weight", "mean_rows": "sum_over_batch_size"}
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True,
        ignore_class=ignored,
        axis=-1,
        reduction=names.get(reduction, reduction),
        dtype=dtype_of(logits),
    )
    weights = None if class_weights is None else keras.ops.take(class_weights, labels, axis=0)
    return loss(labels, logits, sample_weight=weights)


UNWEIGHTED = {"not weighted": "this function knows no weights"}
SOFTMAX_FIRST = {
    "reduction == 'none' and ignored is None and empty == 'nan'": "softmax, then the loss of probabilities",
    "data in ('normal', 'offset', 'saturated')": "this asks how far the two stay together",
}


@binds(
    "sparse_softmax_cross_entropy",
    "keras.losses.sparse_categorical_crossentropy",
    where=SPARSE
    | UNWEIGHTED
    | {
        "reduction != 'mean' or ignored is None": "a plain mean counts every row",
        "empty == 'nan'": "and is over all rows",
    },
)
def sparse_softmax_cross_entropy(
    logits: Any, labels: Any, *, ignored: int | None, reduction: str, class_weights: Any
) -> Any:
    losses = keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True, ignore_class=ignored, axis=-1
    )
    return reduced(losses, reduction.replace("mean_batch", "mean"))


@binds(
    "sparse_softmax_cross_entropy",
    "keras.ops.sparse_categorical_crossentropy",
    where=SPARSE
    | UNWEIGHTED
    | {
        "ignored is None": "this operation ignores no label",
        "empty == 'nan'": "so there are always rows that count",
    },
)
def sparse_softmax_cross_entropy_op(logits: Any, labels: Any, *, reduction: str, class_weights: Any) -> Any:
    return reduced(
        keras.ops.sparse_categorical_crossentropy(labels, logits, from_logits=True, axis=-1), reduction
    )


NO_POSITIVE_WEIGHT = {
    "not weighted": "Keras knows no weight of the positive term",
    "zero_target == 'nan' or data != 'infinities'": "Keras multiplies targets and logits",
}
ROW_MEAN = {"row_mean or reduction == 'mean'": "Keras averages the last axis first"}


@binds("sigmoid_cross_entropy", "keras.losses.BinaryCrossentropy", where=NO_POSITIVE_WEIGHT | ROW_MEAN)
def sigmoid_cross_entropy_class(
    logits: Any, targets: Any, *, label_smoothing: float, reduction: str, positive_weight: Any
) -> Any:
    loss = keras.losses.BinaryCrossentropy(
        from_logits=True,
        label_smoothing=label_smoothing,
        axis=-1,
        reduction=class_reduction(reduction),
        dtype=dtype_of(logits),
    )
    return loss(targets, logits)


@binds("sigmoid_cross_entropy", "keras.losses.binary_crossentropy", where=NO_POSITIVE_WEIGHT | ROW_MEAN)
def sigmoid_cross_entropy(
    logits: Any, targets: Any, *, label_smoothing: float, reduction: str, positive_weight: Any
) -> Any:
    losses = keras.losses.binary_crossentropy(
        targets, logits, from_logits=True, label_smoothing=label_smoothing, axis=-1
    )
    return reduced(losses, reduction)


@binds(
    "sigmoid_cross_entropy",
    "keras.ops.binary_crossentropy",
    where=NO_POSITIVE_WEIGHT
    | {
        "not row_mean": "this operation averages nothing",
        "label_smoothing == 0.0": "nor does it smooth targets",
    },
)
def sigmoid_cross_entropy_op(logits: Any, targets: Any, *, reduction: str, positive_weight: Any) -> Any:
    return reduced(keras.ops.binary_crossentropy(targets, logits, from_logits=True), reduction)


CLIP = {
    "reduction in ('rows', 'batchmean', 'sum')": "Keras sums over the classes",
    "epsilon == 1e-7 and zero_gradient == 'infinite'": "Keras clips both at its epsilon, 1e-7",
}


@binds("kl_divergence_probabilities", "keras.losses.KLDivergence", where=CLIP)
def kl_divergence_class(targets: Any, predictions: Any, *, reduction: str) -> Any:
    names = {"rows": "none", "batchmean": "sum_over_batch_size", "sum": "sum"}
    return keras.losses.KLDivergence(reduction=names[reduction], dtype=dtype_of(predictions))(
        targets, predictions
    )


@binds("kl_divergence_probabilities", "keras.losses.kl_divergence", where=CLIP)
def kl_divergence(targets: Any, predictions: Any, *, reduction: str) -> Any:
    rows = keras.losses.kl_divergence(targets, predictions)
    return reduced(rows, {"rows": "none", "batchmean": "mean", "sum": "sum"}[reduction])


KERAS_EPSILON = {
    "epsilon == 1e-7": "Keras clips at its epsilon, 1e-7",
    "zero_target == 'zero'": "finite logarithms leave nothing to choose",
}
FROM_PROBABILITIES = KERAS_EPSILON | {
    "normalized == 'before'": "Keras divides rows by their sum, then clips",
}
DISTRIBUTION = FROM_PROBABILITIES | {"not sparse": "takes a distribution"}
ONE_CLASS = FROM_PROBABILITIES | {"sparse": "takes one class for each row"}


@binds("categorical_cross_entropy", "keras.losses.CategoricalCrossentropy", where=DISTRIBUTION)
def categorical_cross_entropy_class(predictions: Any, targets: Any, labels: Any) -> Any:
    loss = keras.losses.CategoricalCrossentropy(reduction="none", dtype=dtype_of(predictions))
    return loss(targets, predictions)


@binds("categorical_cross_entropy", "keras.losses.categorical_crossentropy", where=DISTRIBUTION)
def categorical_cross_entropy(predictions: Any, targets: Any, labels: Any) -> Any:
    return keras.losses.categorical_crossentropy(targets, predictions)


@binds("categorical_cross_entropy", "keras.losses.SparseCategoricalCrossentropy", where=ONE_CLASS)
def sparse_categorical_cross_entropy_class(predictions: Any, targets: Any, labels: Any) -> Any:
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="none", dtype=dtype_of(predictions))
    return loss(labels, predictions)


@binds("categorical_cross_entropy", "keras.losses.sparse_categorical_crossentropy", where=ONE_CLASS)
def sparse_categorical_cross_entropy(predictions: Any, targets: Any, labels: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(labels, predictions)


CLIPPED = KERAS_EPSILON | {
    "guard == 'clip'": "Keras clips probabilities",
    "gradient == 'exact'": "Keras differentiates the loss",
}


@binds(
    "binary_cross_entropy",
    "keras.losses.BinaryCrossentropy",
    where=CLIPPED | {"row_mean": "Keras averages the last axis"},
)
def binary_cross_entropy_class(predictions: Any, targets: Any) -> Any:
    loss = keras.losses.BinaryCrossentropy(reduction="none", dtype=dtype_of(predictions))
    return loss(targets, predictions)


@binds(
    "binary_cross_entropy",
    "keras.losses.binary_crossentropy",
    where=CLIPPED | {"row_mean": "Keras averages the last axis"},
)
def binary_cross_entropy(predictions: Any, targets: Any) -> Any:
    return keras.losses.binary_crossentropy(targets, predictions)


@binds(
    "binary_cross_entropy",
    "keras.ops.binary_crossentropy",
    where=CLIPPED | {"not row_mean": "this operation averages nothing"},
)
def binary_cross_entropy_op(predictions: Any, targets: Any) -> Any:
    return keras.ops.binary_crossentropy(targets, predictions)


@binds(
    "sparse_softmax_cross_entropy",
    "keras.losses.sparse_categorical_crossentropy(from_logits=False)",
    where=SPARSE | UNWEIGHTED | SOFTMAX_FIRST,
    composition=True,
)
def softmax_then_cross_entropy(logits: Any, labels: Any, class_weights: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(labels, keras.ops.softmax(logits, axis=-1))
