"""Losses of classification beside the cross entropy, of Keras."""

from __future__ import annotations

from .layers import function, instance
from .losses_classification import BY_COLUMNS
from .reductions import COUNTED, UNWEIGHTED, UNWEIGHTED_SAMPLES
from .reductions import class_reduction as class_reduction  # rows name them
from .reductions import reduced as reduced

REDUCED = "reduced(y, reduction)"

FOCAL = {
    "label_smoothing": "label_smoothing",
    "apply_class_balancing": "alpha is not None",
    "alpha": "0.25 if alpha is None else alpha",
    "gamma": "gamma",
    "from_logits": "predictions is None",
}
GIVEN = "logits if predictions is None else predictions"
ROW_MEAN = {"row_mean or reduction not in ('none', 'sum')": "Keras averages the last axis first"}

instance(
    "binary_focal_cross_entropy",
    "keras.losses.BinaryFocalCrossentropy",
    FOCAL | {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(targets)"},
    on=f"targets, {GIVEN}, sample_weights",
    where=ROW_MEAN | COUNTED,
)
function(
    "binary_focal_cross_entropy",
    "keras.losses.binary_focal_crossentropy",
    FOCAL,
    on=f"targets, {GIVEN}",
    returns=REDUCED,
    unused=("sample_weights",),
    where=ROW_MEAN,
    fixed=UNWEIGHTED,
)

COLUMNS = f"keras.ops.transpose(targets), keras.ops.transpose({GIVEN})"

function(
    "binary_focal_cross_entropy",
    "keras.losses.binary_focal_crossentropy(axis)",
    FOCAL | {"axis": "0"},
    on=COLUMNS,
    returns=REDUCED,
    unused=("sample_weights",),
    where=BY_COLUMNS,
    fixed=UNWEIGHTED,
)

CATEGORICAL_FOCAL = {
    "gamma": "gamma",
    "from_logits": "predictions is None",
    "label_smoothing": "label_smoothing",
}
OF_TARGETS = {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(targets)"}

instance(
    "categorical_focal_cross_entropy",
    "keras.losses.CategoricalFocalCrossentropy",
    {"alpha": "alpha"} | CATEGORICAL_FOCAL | OF_TARGETS,
    on=f"targets, {GIVEN}, sample_weights",
    unused=("class_weights",),
    where=COUNTED,
    fixed={"weighted": (False, "it is made with its weights, once for many data: the function is asked")},
)
function(
    "categorical_focal_cross_entropy",
    "keras.losses.categorical_focal_crossentropy",
    {"alpha": "alpha if class_weights is None else class_weights"} | CATEGORICAL_FOCAL,
    on=f"targets, {GIVEN}",
    returns=REDUCED,
    unused=("sample_weights",),
    fixed=UNWEIGHTED_SAMPLES,
)

function(
    "categorical_focal_cross_entropy",
    "keras.losses.categorical_focal_crossentropy(axis)",
    {"alpha": "alpha", "axis": "0"} | CATEGORICAL_FOCAL,
    on=COLUMNS,
    returns=REDUCED,
    unused=("class_weights", "sample_weights"),
    where={
        "data == 'normal' and dtype == 'float32'": (
            "this asks for classes that are the first axis, and all else where they are the last"
        )
    },
    fixed=UNWEIGHTED_SAMPLES
    | {"weighted": (False, "it spreads the weights of classes over the last axis, whichever it is told")},
)

OF_PREDICTIONS = {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(predictions)"}

instance(
    "generalized_cross_entropy",
    "keras.losses.CategoricalGeneralizedCrossEntropy",
    {"q": "q"} | OF_PREDICTIONS,
    on="labels, predictions, sample_weights",
    where=COUNTED,
)
function(
    "generalized_cross_entropy",
    "keras.losses.categorical_generalized_cross_entropy",
    {"q": "q"},
    on="labels, predictions",
    returns=REDUCED,
    unused=("sample_weights",),
    fixed=UNWEIGHTED,
)
