"""Specs of the losses of classification beside the cross entropy."""

from __future__ import annotations

from ..reference import losses_entropies as reference
from .language.loss import LABELS_ARE_CLASSES, MASKED_DATA, loss, masking
from .language.spec import Input, Parameter, Source, Spec
from .losses_classification import CLASS_WEIGHTS, SMOOTHING_IN_RANGE, WEIGHTED

MASK, MASKING, UNMASKED = masking("batch, classes", seen="masked")

binary_focal_cross_entropy = loss(
    reference.binary_focal_cross_entropy,
    (
        Input("logits", "batch, features", when="domain == 'logits'", meaning="log-odds"),
        Input("predictions", "batch, features", kind="unit", when="domain != 'logits'"),
        Input("targets", "batch, features", kind="unit", constant=True, meaning="probabilities"),
    ),
    Parameter("domain", ("logits", "probabilities"), "what is given"),
    Parameter("alpha", (None, 0.25), "weight of the positive class", facet=True),
    Parameter("gamma", (2.0, 0.5), "how much less counts what is well predicted"),
    Parameter("label_smoothing", (0.0, 0.5), "share by which targets are drawn towards 1/2"),
    row_mean=True,
    weighted=True,
    sizes=((3, 17), (1, 1)),
    data=("normal", "tails", "zeros", "nan"),
    constraints=(SMOOTHING_IN_RANGE,),
    # At a probability of 0 or 1 that is right, the slope of a root meets a loss of nearly 0.
    excluded=(
        "domain == 'probabilities' and gamma < 1 and data == 'zeros'",
        # Weights are those of losses, whatever these were computed from.
        "weighted and (domain == 'probabilities' or label_smoothing > 0)",
    ),
    sources=(
        Source(
            "Lin et al. (2017), Focal loss for dense object detection", "https://arxiv.org/abs/1708.02002"
        ),
    ),
)

categorical_focal_cross_entropy = loss(
    reference.categorical_focal_cross_entropy,
    (
        Input(
            "logits", "batch, classes", when="domain == 'logits'", meaning="unnormalised log-probabilities"
        ),
        Input("predictions", "batch, classes", kind="unit", when="domain != 'logits'", meaning="of any sum"),
        Input("targets", "batch, classes", kind="unit", meaning="shares of the classes"),
        CLASS_WEIGHTS,
    ),
    Parameter("domain", ("probabilities", "logits"), "what is given"),
    Parameter("alpha", (0.25, 0.75), "weight of all classes"),
    Parameter("gamma", (2.0, 0.5), "how much less counts what is well predicted"),
    Parameter("label_smoothing", (0.0, 0.5), "share that is spread evenly over the classes"),
    WEIGHTED,
    weighted="samples_weighted",
    sizes=((5, 7), (3, 2)),
    data=("normal", "offset", "zeros", "nan"),
    constraints=(SMOOTHING_IN_RANGE,),
    excluded=(
        "weighted and (alpha != 0.25 or samples_weighted)",
        # Probabilities have their own values, among which 0 and 1 are with zeros.
        "domain != 'logits' and data in ('offset', 'nan')",
        # At a probability of 1 that is right, the slope of a root meets a loss of nearly 0.
        "domain != 'logits' and gamma < 1 and data == 'zeros'",
    ),
    sources=(
        Source(
            "Lin et al. (2017), Focal loss for dense object detection", "https://arxiv.org/abs/1708.02002"
        ),
    ),
)

generalized_cross_entropy = loss(
    reference.generalized_cross_entropy,
    (
        Input("predictions", "batch, classes", kind="probability"),
        Input("labels", "batch", kind="index", limit="classes", meaning="the class of each row"),
    ),
    Parameter("q", (0.5, 0.7), "towards 0 the cross entropy, at 1 the absolute error"),
    weighted=True,
    sizes=((7, 5), (3, 4)),
    data=("normal", "zeros"),
    constraints=(LABELS_ARE_CLASSES,),
    sources=(Source("Zhang and Sabuncu (2018)", "https://arxiv.org/abs/1805.07836"),),
)

poly_cross_entropy = loss(
    reference.poly_cross_entropy,
    (
        Input("logits", "batch, classes", meaning="unnormalised log-probabilities"),
        Input("targets", "batch, classes", kind="unit", meaning="shares of the classes"),
        MASK,
    ),
    Parameter("epsilon", (2.0, -1.0), "what is added to the coefficient of the first term"),
    *MASKING,
    sizes=((5, 7), (3, 2)),
    data=("normal", "offset", "saturated", "nan", *MASKED_DATA),
    excluded=UNMASKED,
    sources=(Source("Leng et al. (2022), PolyLoss", "https://arxiv.org/abs/2204.12511"),),
)

SPARSEMAX = (Source("Martins and Astudillo (2016)", "https://arxiv.org/abs/1602.02068"),)

sparsemax_loss = loss(
    reference.sparsemax_loss,
    (
        Input("logits", "batch, features", meaning="positive for class 1, negative for class 0"),
        Input("labels", "batch, features", kind="index", limit="2", meaning="0 or 1"),
    ),
    sizes=((3, 17), (1, 1)),
    data=("normal", "tails", "nan", "infinities"),
    sources=SPARSEMAX,
)

multiclass_sparsemax_loss = loss(
    reference.multiclass_sparsemax_loss,
    (
        Input("scores", "batch, classes", meaning="one for each class"),
        Input("labels", "batch", kind="index", limit="classes", meaning="the class of each row"),
    ),
    sizes=((5, 7), (3, 2)),
    data=("normal", "tails", "offset", "nan"),
    constraints=(LABELS_ARE_CLASSES,),
    sources=SPARSEMAX,
)

fenchel_young_loss = loss(
    reference.fenchel_young_loss,
    (
        Input("scores", "batch, classes", meaning="one for each class"),
        Input("targets", "batch, classes", kind="unit", meaning="shares of the classes"),
    ),
    Parameter("max_function", reference.MAX_FUNCTIONS, "which distribution the loss is of"),
    sizes=((5, 7), (3, 2)),
    data=("normal", "tails", "offset", "nan"),
    sources=(
        Source(
            "Blondel, Martins and Niculae (2020), Fenchel–Young losses", "https://arxiv.org/abs/1901.02324"
        ),
    ),
)

smooth_labels = Spec(
    reference=reference.smooth_labels,
    inputs=(
        Input("labels", "batch, classes", kind="unit", meaning="shares of the classes"),
        Input("mask", "batch, classes", kind="mask", when="masked", meaning="which classes there are"),
    ),
    parameters=(
        Parameter("alpha", (0.125, 0.5), "share that is spread evenly"),
        Parameter("axis", (-1, 0), "the axis of the classes"),
        Parameter("masked", (False, True), "whether some classes are none"),
    ),
    sizes=((5, 7), (3, 2)),
    data=("normal", "zeros"),
    excluded=("masked and axis == 0",),
    sources=(Source("Müller, Kornblith and Hinton (2019)", "https://arxiv.org/abs/1906.02629"),),
)
