"""Specs of the losses of the overlap of two sets."""

from __future__ import annotations

from ..reference import losses_overlap as reference
from .language.loss import WEIGHTED_REDUCTION, weighing
from .language.spec import Input, Parameter, Source, Spec

PLACES = "batch, places, classes"
SAMPLES_WEIGHTED, SAMPLE_WEIGHTS, SENSELESS = weighing("samples_weighted")

tversky = Spec(
    reference=reference.tversky,
    inputs=(
        Input("logits", PLACES, when="domain == 'logits'", meaning="unnormalised log-probabilities"),
        Input("predictions", PLACES, kind="probability", when="domain != 'logits'", meaning="probabilities"),
        # Rows of any sum: of one-hot rows against a softmax there are as many false positives as negatives.
        Input("targets", PLACES, kind="unit", meaning="shares; rows need not sum to one"),
        Input("class_weights", "classes", kind="positive", when="weighted", constant=True),
        SAMPLE_WEIGHTS,
    ),
    parameters=(
        WEIGHTED_REDUCTION,
        SAMPLES_WEIGHTED,
        Parameter("domain", ("logits", "probabilities"), "what is given"),
        Parameter("axis", ((1,), (1, 2), None), "what one ratio sums over: places, samples or all"),
        Parameter("alpha", (0.5, 0.25), "weight of false positives"),
        Parameter("beta", (0.5, 1.5), "weight of false negatives"),
        Parameter("smooth", (1.0, 0.0), "what is added to both sides of the ratio", facet=True),
        Parameter("epsilon", (0.0, 1e-7, 5e-8), "what is added to the denominator", facet=True),
        Parameter("weighted", (False, True), "whether classes have weights"),
        Parameter("ignore_background", (False, True), "whether the first of several classes is left out"),
    ),
    # Of few places and many classes some ratios are of numbers so small that epsilon is seen.
    sizes=((4, 2, 9), (2, 7, 3), (3, 17, 1), (2, 1, 33)),
    data=("normal", "tails", "zeros", "nan"),
    excluded=(
        "smooth > 0 and epsilon > 0",
        # There it is below the smallest normal number: what is flushed decides whether 0 / ε is 0 or NaN.
        "epsilon > 0 and dtype == 'float16' and data == 'zeros'",
        # Only there is one loss of each sample.
        "samples_weighted and axis != (1, 2)",
        *SENSELESS,
        "(weighted or ignore_background) and (axis != (1,) or classes == 1)",
        # Probabilities have their own values, zeros among them; of one class all are 1.
        "domain != 'logits' and (data in ('tails', 'nan') or classes == 1)",
    ),
    sources=(
        Source("Salehi et al. (2017), Tversky loss function", "https://arxiv.org/abs/1706.05721"),
        Source("Milletari et al. (2016), V-Net", "https://arxiv.org/abs/1606.04797"),
    ),
    empty=(),
)

generalized_dice = Spec(
    reference=reference.generalized_dice,
    inputs=(
        Input("logits", PLACES, meaning="unnormalised log-probabilities"),
        Input("targets", PLACES, kind="unit", constant=True, meaning="shares; rows need not sum to one"),
    ),
    parameters=(
        Parameter("smooth", (0.125, 1.0, 2.0), "what is added to both sides of the ratio"),
        Parameter("ignore_background", (False, True), "whether the first class is left out"),
    ),
    # Of single classes at single places, without the rounding of weights and sums.
    sizes=((2, 3, 3), (3, 9, 5), (4, 1, 1), (2, 2, 1)),
    data=("normal", "tails", "saturated", "nan"),
    excluded=("classes == 1 and ignore_background",),
    sources=(Source("Sudre et al. (2017), Generalised Dice overlap", "https://arxiv.org/abs/1707.03237"),),
    empty=(),
)
