"""Losses of classification of TensorFlow: those of ``tf.nn`` and ``tf.compat.v1.losses``."""

from __future__ import annotations

from .framework import function
from .reductions import OF_ELEMENTS, OF_ROWS, UNMASKED, UNWEIGHTED_SAMPLES, v1_reduction
from .reductions import reduced as reduced  # rows name them

REDUCED = "reduced(y, reduction)"

# --- softmax ---

SOFT = UNMASKED | {
    "weighted": (False, "TensorFlow knows no weights of classes"),
    "gradient": ("unit_sum", "TensorFlow's gradient supposes that targets sum to one"),
}
MULTIPLIED = {
    "zero_target == 'nan' or data != 'negative_infinities'": "TensorFlow multiplies by every target"
}

function(
    "softmax_cross_entropy",
    "tf.nn.softmax_cross_entropy_with_logits",
    {"axis": "-1"},
    on="targets, logits",
    returns=REDUCED,
    unused=("class_weights", "mask", "sample_weights"),
    where=MULTIPLIED,
    fixed=SOFT | UNWEIGHTED_SAMPLES | {"label_smoothing": (0.0, "TensorFlow smooths no labels")},
)
function(
    "softmax_cross_entropy",
    "tf.nn.softmax_cross_entropy_with_logits(axis)",
    {"axis": "1"},
    on="tf.experimental.numpy.moveaxis(targets, -1, 1), tf.experimental.numpy.moveaxis(logits, -1, 1)",
    returns=REDUCED,
    unused=("class_weights", "mask", "sample_weights"),
    where=MULTIPLIED
    | {
        "rank == 2 and data == 'normal' and dtype == 'float32'": (
            "this asks for classes that are the second of three axes, and all else where they are the last"
        )
    },
    fixed=SOFT | UNWEIGHTED_SAMPLES | {"label_smoothing": (0.0, "TensorFlow smooths no labels")},
)
function(
    "softmax_cross_entropy",
    "tf.compat.v1.losses.softmax_cross_entropy",
    {"label_smoothing": "label_smoothing", "reduction": "v1_reduction(reduction)"} | OF_ROWS,
    on="targets, logits",
    unused=("class_weights", "mask"),
    where=MULTIPLIED,
    fixed=SOFT | {"gradient": ("constant", "and this loss stops the gradient of the targets")},
)

OUT_OF_RANGE = {"out_of_range == 'error' or data != 'out_of_range'": "TensorFlow raises on a CPU"}
SPARSE = {
    "label_smoothing": (0.0, "this function smooths no labels"),
    "ignored": (None, "this function ignores no label"),
    "empty": ("nan", "so there are always rows that count"),
}
GATHERED = {
    "class_weights == (classes,)": "weights are gathered by the labels, so that a spare one goes unseen"
}


def mean_of_labels(reduction):
    """Name of a reduction in ``tf.compat.v1.losses``, for losses with weights of classes."""
    names = {"mean": "weighted_mean", "mean_rows": "weighted_sum_by_nonzero_weights"}
    return names[reduction] if reduction in names else v1_reduction(reduction)


function(
    "sparse_softmax_cross_entropy",
    "tf.nn.sparse_softmax_cross_entropy_with_logits",
    on="labels, logits",
    returns=REDUCED,
    unused=("class_weights",),
    where=OUT_OF_RANGE,
    fixed={"weighted": SOFT["weighted"]} | SPARSE,
)
function(
    "sparse_softmax_cross_entropy",
    "tf.compat.v1.losses.sparse_softmax_cross_entropy",
    {
        "weights": "1.0 if class_weights is None else tf.gather(class_weights, labels)",
        "reduction": "mean_of_labels(reduction)",
    },
    on="labels, logits",
    where=OUT_OF_RANGE | GATHERED,
    fixed=SPARSE,
)

# --- sigmoid ---

BINARY = {"row_mean": (False, "TensorFlow reduces over all elements at once")}
PRODUCT = {"zero_target == 'nan' or data != 'infinities'": "TensorFlow multiplies targets and logits"}
UNSMOOTHED = {"label_smoothing": (0.0, "this function smooths no targets")}
NO_POSITIVE = {"weighted": (False, "this function knows no weight of the positive term")}

function(
    "sigmoid_cross_entropy",
    "tf.nn.sigmoid_cross_entropy_with_logits",
    on="targets, logits",
    returns=REDUCED,
    unused=("positive_weight", "sample_weights"),
    where=PRODUCT,
    fixed=BINARY | UNSMOOTHED | NO_POSITIVE | UNWEIGHTED_SAMPLES,
)
function(
    "sigmoid_cross_entropy",
    "tf.nn.weighted_cross_entropy_with_logits",
    {"pos_weight": "1.0 if positive_weight is None else positive_weight"},
    on="targets, logits",
    returns=REDUCED,
    unused=("sample_weights",),
    where=PRODUCT,
    fixed=BINARY | UNSMOOTHED | UNWEIGHTED_SAMPLES,
)
function(
    "sigmoid_cross_entropy",
    "tf.compat.v1.losses.sigmoid_cross_entropy",
    {"label_smoothing": "label_smoothing", "reduction": "v1_reduction(reduction)"} | OF_ELEMENTS,
    on="targets, logits",
    unused=("positive_weight",),
    where=PRODUCT,
    fixed=BINARY | NO_POSITIVE,
)
