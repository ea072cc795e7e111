"""Specs of the losses of classification."""

from __future__ import annotations

from ..reference import losses_classification as reference
from .language.loss import MASKED_DATA, MEAN_OF_MEANS, ROW_MEAN, loss, masking
from .language.spec import Constraint, Input, Parameter, Source, Spec

ROWS = "*(batch, steps)[:rank]"
LOGITS = Input("logits", f"{ROWS}, classes", meaning="unnormalised log-probabilities")
CLASS_WEIGHTS = Input("class_weights", "classes", kind="positive", when="weighted", constant=True)
RANK = Parameter("rank", (1, 2), "how many axes of rows stand before the classes")
WEIGHTED = Parameter("weighted", (False, True), "whether classes have weights")
LABEL_SMOOTHING = Parameter("label_smoothing", (0.0, 0.1), "share that is spread evenly over the classes")
SMOOTHING_IN_RANGE = Constraint(
    "C2",
    "0 <= label_smoothing <= 1",
    "label_smoothing must be in [0, 1]",
    broken_by={"label_smoothing": 1.5},
    also_broken_by=({"label_smoothing": 1 + 2.0**-23}, {"label_smoothing": -(2.0**-10)}),
)
ZERO_TARGET = Parameter(
    "zero_target",
    ("zero", "nan"),
    "term of a class whose target is 0 where its logarithm is infinite",
    facet=True,
    right="zero",
)
CLASS_MASK, MASKING, UNMASKED = masking(f"{ROWS}, classes", seen="masked")
SMOOTHING_SOURCE = Source(
    "Szegedy et al. (2015), Rethinking the inception architecture", "https://arxiv.org/abs/1512.00567"
)

softmax_cross_entropy = loss(
    reference.softmax_cross_entropy,
    (
        LOGITS,
        Input(
            "targets",
            f"{ROWS}, classes",
            kind="unit",
            meaning="shares of the classes; rows need not sum to one",
            frozen="gradient == 'constant'",
        ),
        CLASS_WEIGHTS,
        CLASS_MASK,
    ),
    LABEL_SMOOTHING,
    WEIGHTED,
    RANK,
    Parameter(
        "gradient",
        ("exact", "unit_sum", "constant"),
        "exact, or supposing that targets sum to one, or are constant beside",
        facet=True,
        right="exact",
    ),
    ZERO_TARGET,
    *MASKING,
    weighted="samples_weighted",
    sizes=((5, 3, 7), (1, 1, 2), (4, 3, 1), (16, 2, 65), (2, 3, 513)),
    data=("normal", "offset", "saturated", "large", "nan", "negative_infinities", *MASKED_DATA),
    constraints=(SMOOTHING_IN_RANGE,),
    kernel_data={"low": ("logits",), "late": ("logits",), "mixed": ("logits",)},
    excluded=(
        "weighted and gradient != 'exact'",
        "samples_weighted and (weighted or rank > 1)",
        # Smoothing leaves no target of 0.
        "zero_target == 'nan' and label_smoothing > 0",
        # There all losses are 0, or one: options would not be seen.
        "classes == 1 and (rank > 1 or weighted or label_smoothing > 0) or batch == 1 and rank > 1",
        *UNMASKED,
        # What is left out is left out of everything.
        "masked and (weighted or samples_weighted or rank > 1 or label_smoothing > 0 or classes == 1)",
        "masked and (gradient != 'exact' or zero_target != 'zero')",
    ),
    sources=(SMOOTHING_SOURCE,),
)

sparse_softmax_cross_entropy = Spec(
    reference=reference.sparse_softmax_cross_entropy,
    inputs=(
        LOGITS,
        Input(
            "labels",
            ROWS,
            kind="index",
            limit="classes",
            meaning="the class of each row",
            marks="ignored",
        ),
        CLASS_WEIGHTS,
    ),
    parameters=(
        Parameter(
            "reduction",
            ("mean", "none", "sum", "mean_rows", "mean_batch"),
            "a mean divides by the weights of labels, the rows that count, or all rows",
            facet=True,
            plain="none",
        ),
        LABEL_SMOOTHING,
        WEIGHTED,
        RANK,
        Parameter("ignored", (None, 0), "label of rows that do not count"),
        Parameter("empty", ("nan", "zero"), "the mean where every row is ignored", facet=True),
        Parameter(
            "out_of_range", ("error", "nan", "zero"), "what a label that is no class gives", facet=True
        ),
    ),
    sizes=((5, 3, 7), (1, 1, 2), (4, 3, 1), (4, 2, 300)),
    data=("normal", "offset", "saturated", "large", "nan", "negative_infinities", "out_of_range"),
    kernel_data={"low": ("logits",), "late": ("logits",), "mixed": ("logits",)},
    constraints=(
        Constraint(
            "C1",
            "labels == logits[:-1]",
            "labels must have a class for each row",
            broken_by={"labels": "batch + 1, *(steps,)[:rank - 1]"},
        ),
        SMOOTHING_IN_RANGE,
        Constraint(
            "C3",
            "out_of_range != 'error' or data != 'out_of_range'",
            "labels must be classes",
            broken_by={"data": "out_of_range"},
        ),
        Constraint(
            "C4",
            "not weighted or class_weights == (classes,)",
            "class_weights must have a weight for each class",
            broken_by={"weighted": True, "class_weights": "classes + 1"},
        ),
    ),
    excluded=(
        "reduction == 'mean_rows' and not weighted",
        "reduction == 'mean_batch' and ignored is None",
        # bfloat16 holds the integers up to 256: labels that pass through it are wrong only above.
        "dtype == 'bfloat16' and classes <= 256",
        # There all terms are equal, or all losses 0: weights and smoothing would not be seen.
        "min(batch, classes) == 1 and (weighted and reduction != 'mean_rows' or label_smoothing > 0)",
        # Only a single row, or a single class, leaves no row that counts.
        "empty != 'nan' and (reduction != 'mean_rows' or ignored is None or min(batch, classes) > 1)",
    ),
    sources=(SMOOTHING_SOURCE,),
    empty=(),
)

sigmoid_cross_entropy = loss(
    reference.sigmoid_cross_entropy,
    (
        Input("logits", "batch, features", meaning="log-odds"),
        Input("targets", "batch, features", kind="unit", meaning="probabilities"),
        Input("positive_weight", "features", kind="positive", when="weighted", constant=True),
    ),
    Parameter("label_smoothing", (0.0, 0.1), "share by which targets are drawn towards 1/2"),
    Parameter("weighted", (False, True), "whether the positive term has weights"),
    ROW_MEAN,
    ZERO_TARGET,
    weighted="samples_weighted",
    sizes=((3, 17), (1, 1), (5, 65), (1, 1025)),
    data=("normal", "tails", "saturated", "zeros", "nan", "infinities"),
    constraints=(SMOOTHING_IN_RANGE,),
    excluded=(MEAN_OF_MEANS, "samples_weighted and weighted"),
)
