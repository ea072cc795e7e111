"""Losses of classification of Keras: its classes, its functions, and the operations beneath them."""

from __future__ import annotations

from .framework import binds, keras
from .layers import function, instance
from .reductions import COUNTED, UNMASKED, UNWEIGHTED_SAMPLES
from .reductions import class_reduction as class_reduction  # rows name them
from .reductions import reduced as reduced

REDUCED = "reduced(y, reduction)"
LOGITS = {"from_logits": "True", "axis": "-1"}
SMOOTHED = LOGITS | {"label_smoothing": "label_smoothing"}
CLASS = {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(logits)"}

# --- softmax ---

NO_CLASS_WEIGHTS = {"weighted": (False, "Keras weighs samples, not classes of a distribution")}
SOFT = (
    NO_CLASS_WEIGHTS
    | UNMASKED
    | {"gradient": ("exact", "Keras's other backends differentiate whatever the targets sum to")}
)
MULTIPLIED = {
    "zero_target == 'nan' or data != 'negative_infinities'": "Keras multiplies targets and log-probabilities"
}
FORM = {
    "on": "targets, logits",
    "unused": ("class_weights", "mask", "sample_weights"),
    "where": MULTIPLIED,
    "returns": REDUCED,
}

instance(
    "softmax_cross_entropy",
    "keras.losses.CategoricalCrossentropy",
    SMOOTHED | CLASS,
    on="targets, logits, sample_weights",
    unused=("class_weights", "mask"),
    where=MULTIPLIED | COUNTED,
    fixed=SOFT,
)
function(
    "softmax_cross_entropy",
    "keras.losses.categorical_crossentropy",
    SMOOTHED,
    **FORM,
    fixed=SOFT | UNWEIGHTED_SAMPLES,
)
function(
    "softmax_cross_entropy",
    "keras.ops.categorical_crossentropy",
    LOGITS,
    **FORM,
    fixed=SOFT | UNWEIGHTED_SAMPLES | {"label_smoothing": (0.0, "this operation smooths no labels")},
)


def second(x):
    """An array whose classes are its second axis, in the place of its last."""
    return keras.ops.moveaxis(x, -1, 1)


AMONG_ROWS = {
    "rank == 2 and data == 'normal' and dtype == 'float32'": (
        "this asks for classes that are the second of three axes, and all else where they are the last"
    )
}

function(
    "softmax_cross_entropy",
    "keras.losses.categorical_crossentropy(axis)",
    SMOOTHED | {"axis": "1"},
    **FORM | {"on": "second(targets), second(logits)", "where": MULTIPLIED | AMONG_ROWS},
    fixed=SOFT | UNWEIGHTED_SAMPLES,
)

IN_RANGE = {"out_of_range == 'error' or data != 'out_of_range'": "Keras raises for a label that is no class"}
SPARSE = {"label_smoothing": (0.0, "this loss smooths no labels")}
UNWEIGHTED = {"weighted": (False, "this function knows no weights")}
OF_LABELS = "None if class_weights is None else keras.ops.take(class_weights, labels, axis=0)"
IGNORING = LOGITS | {"ignore_class": "ignored"}


def mean_of_labels(reduction):
    """Name of a reduction of rows that may be ignored, or weighed, in a Keras loss class."""
    names = {"mean": "mean_with_sample_weight", "mean_rows": "sum_over_batch_size"}
    return names.get(reduction, reduction)


instance(
    "sparse_softmax_cross_entropy",
    "keras.losses.SparseCategoricalCrossentropy",
    IGNORING | {"reduction": "mean_of_labels(reduction)", "dtype": "dtype_of(logits)"},
    on=f"labels, logits, sample_weight={OF_LABELS}",
    where=IN_RANGE
    | {
        "empty == 'zero' or min(batch, classes) > 1 or ignored is None": "Keras's mean of no rows is 0",
        "reduction != 'mean_batch'": "Keras counts the rows that are not ignored, or their weights",
        "class_weights == (classes,)": "weights are gathered by the labels, so that a spare one goes unseen",
    },
    fixed=SPARSE,
)
function(
    "sparse_softmax_cross_entropy",
    "keras.losses.sparse_categorical_crossentropy",
    IGNORING,
    on="labels, logits",
    returns="reduced(y, reduction.replace('mean_batch', 'mean'))",
    unused=("class_weights",),
    where=IN_RANGE | {"reduction != 'mean' or ignored is None": "a plain mean counts every row"},
    fixed=SPARSE | UNWEIGHTED | {"empty": ("nan", "and is over all rows")},
)
function(
    "sparse_softmax_cross_entropy",
    "keras.ops.sparse_categorical_crossentropy",
    LOGITS,
    on="labels, logits",
    returns=REDUCED,
    unused=("class_weights",),
    where=IN_RANGE,
    fixed=SPARSE
    | UNWEIGHTED
    | {
        "ignored": (None, "this operation ignores no label"),
        "empty": ("nan", "so there are always rows that count"),
    },
)

function(
    "sparse_softmax_cross_entropy",
    "keras.losses.sparse_categorical_crossentropy(axis)",
    IGNORING | {"axis": "1"},
    on="labels, second(logits)",
    returns="reduced(y, reduction.replace('mean_batch', 'mean'))",
    unused=("class_weights",),
    where=IN_RANGE | AMONG_ROWS | {"reduction != 'mean' or ignored is None": "a plain mean counts every row"},
    fixed=SPARSE | UNWEIGHTED | {"empty": ("nan", "and is over all rows")},
)


# --- sigmoid ---

PRODUCT = {"zero_target == 'nan' or data != 'infinities'": "Keras multiplies targets and logits"}
ROW_MEAN = PRODUCT | {"row_mean or reduction not in ('none', 'sum')": "Keras averages the last axis first"}
NO_POSITIVE = {"weighted": (False, "Keras knows no weight of the positive term")}
BINARY = {
    "on": "targets, logits",
    "unused": ("positive_weight", "sample_weights"),
    "returns": REDUCED,
}

instance(
    "sigmoid_cross_entropy",
    "keras.losses.BinaryCrossentropy",
    SMOOTHED | CLASS,
    on="targets, logits, sample_weights",
    unused=("positive_weight",),
    where=ROW_MEAN | COUNTED,
    fixed=NO_POSITIVE,
)
function(
    "sigmoid_cross_entropy",
    "keras.losses.binary_crossentropy",
    SMOOTHED,
    **BINARY,
    where=ROW_MEAN,
    fixed=NO_POSITIVE | UNWEIGHTED_SAMPLES,
)
function(
    "sigmoid_cross_entropy",
    "keras.ops.binary_crossentropy",
    {"from_logits": "True"},
    **BINARY,
    where=PRODUCT,
    fixed=NO_POSITIVE
    | UNWEIGHTED_SAMPLES
    | {
        "row_mean": (False, "this operation averages nothing"),
        "label_smoothing": (0.0, "nor does it smooth targets"),
    },
)
BY_COLUMNS = {
    "(row_mean or reduction not in ('none', 'sum')) and data == 'normal' and dtype == 'float32'": (
        "this asks for a mean of the first axis, and all else where it is of the last"
    )
}

function(
    "sigmoid_cross_entropy",
    "keras.losses.binary_crossentropy(axis)",
    SMOOTHED | {"axis": "0"},
    **BINARY | {"on": "keras.ops.transpose(targets), keras.ops.transpose(logits)"},
    where=PRODUCT | BY_COLUMNS,
    fixed=NO_POSITIVE | UNWEIGHTED_SAMPLES,
)


@binds(
    "sparse_softmax_cross_entropy",
    "keras.losses.sparse_categorical_crossentropy(from_logits=False)",
    where=IN_RANGE
    | {
        "reduction == 'none' and ignored is None and empty == 'nan'": (
            "softmax, then the loss of probabilities"
        ),
        "data in ('normal', 'offset', 'saturated')": "this asks how far the two stay together",
    },
    fixed=SPARSE | UNWEIGHTED,
    composition=True,
)
def softmax_then_cross_entropy(logits, labels, class_weights):
    return keras.losses.sparse_categorical_crossentropy(labels, keras.ops.softmax(logits, axis=-1))
