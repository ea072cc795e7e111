"""Specs of the losses of classification that are divergences."""

from __future__ import annotations

import dataclasses

from ..reference import losses_divergence as reference
from .language.loss import MASKED_DATA, loss, masking, weighing
from .language.spec import Input, Parameter, Source, Spec
from .losses_classification import ZERO_TARGET

SAMPLES_WEIGHTED, SAMPLE_WEIGHTS, SENSELESS = weighing()
MASK, MASKING, UNMASKED = masking("batch, classes")
OF_ROWS = (*UNMASKED, "masked and (reduction in ('elements', 'mean') or classes == 1)")
"""Out of scope: what becomes of terms that are left out, and classes of which none can be."""
LOG_PREDICTIONS = Input("log_predictions", "batch, classes", meaning="log-probabilities")
TERM_REDUCTION = Parameter(
    "reduction",
    reference.TERM_REDUCTIONS,
    "over rows, and what a mean divides by: batch or terms",
    facet=True,
    plain="elements",
)
DISTRIBUTION_SIZES = ((3, 7), (1, 1), (4, 2), (5, 65), (1, 30001))
ZERO_GRADIENT = Parameter(
    "zero_gradient",
    ("infinite", "nan", "zero"),
    "gradient with respect to a target of 0",
    facet=True,
    right="infinite",
)
KL_SOURCES = (
    Source(
        "Kullback and Leibler (1951), On information and sufficiency",
        "https://doi.org/10.1214/aoms/1177729694",
    ),
)

kl_divergence = Spec(
    reference=reference.kl_divergence,
    inputs=(Input("targets", "batch, classes", kind="probability"), LOG_PREDICTIONS, MASK),
    parameters=(
        TERM_REDUCTION,
        ZERO_TARGET,
        ZERO_GRADIENT,
        *MASKING,
    ),
    sizes=DISTRIBUTION_SIZES,
    data=("normal", "offset", "saturated", "zeros", "nan", "negative_infinities", *MASKED_DATA),
    excluded=(*OF_ROWS, "masked and (zero_target != 'zero' or zero_gradient != 'infinite')"),
    sources=KL_SOURCES,
    empty=(),
)

kl_divergence_with_log_targets = Spec(
    reference=reference.kl_divergence_with_log_targets,
    inputs=(Input("log_targets", "batch, classes", meaning="log-probabilities"), LOG_PREDICTIONS, MASK),
    parameters=(TERM_REDUCTION, *MASKING),
    sizes=DISTRIBUTION_SIZES,
    data=("normal", "tails", "saturated", "ties", "nan", *MASKED_DATA),
    # Targets of exp(100) leave the range, and so do all sums of them.
    excluded=("data == 'saturated' and reduction != 'elements'", *OF_ROWS),
    sources=KL_SOURCES,
    empty=(),
)

kl_divergence_probabilities = Spec(
    reference=reference.kl_divergence_probabilities,
    inputs=(
        Input("targets", "batch, classes", kind="probability"),
        Input("predictions", "batch, classes", kind="probability"),
        SAMPLE_WEIGHTS,
    ),
    parameters=(
        dataclasses.replace(TERM_REDUCTION, values=(*reference.TERM_REDUCTIONS, "mean_weights")),
        SAMPLES_WEIGHTED,
        Parameter("epsilon", (0.0, 1e-7), "below it probabilities are clipped", facet=True),
        ZERO_GRADIENT,
    ),
    excluded=(
        "epsilon > 0 and zero_gradient != 'infinite'",
        "weighted and reduction in ('elements', 'mean')",
        *SENSELESS,
    ),
    sizes=DISTRIBUTION_SIZES,
    data=("normal", "zeros"),
    sources=KL_SOURCES,
    empty=(),
)

generalized_kl_divergence = loss(
    reference.generalized_kl_divergence,
    (
        Input("log_predictions", "batch, classes", meaning="logarithms of what need not sum to one"),
        Input("targets", "batch, classes", kind="positive", meaning="need not sum to one"),
        MASK,
    ),
    *MASKING,
    sizes=((5, 7), (1, 1)),
    data=("normal", "tails", "nan", "negative_infinities", *MASKED_DATA),
    excluded=(*UNMASKED, "masked and classes == 1"),
    sources=(
        Source(
            "Boyd and Vandenberghe (2004), Convex optimization", "https://web.stanford.edu/~boyd/cvxbook/"
        ),
    ),
)
