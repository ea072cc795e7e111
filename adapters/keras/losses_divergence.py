"""Losses of classification that are divergences, of Keras."""

from __future__ import annotations

from .layers import function, instance
from .reductions import UNWEIGHTED
from .reductions import class_reduction as class_reduction  # rows name them
from .reductions import reduced as reduced

CLIP = {
    "reduction in ('rows', 'batchmean', 'sum', 'mean_weights')": "Keras sums over the classes",
    "epsilon == 1e-7 and zero_gradient == 'infinite'": "Keras clips both at its epsilon, 1e-7",
}


def means_of_rows(reduction):
    return {"rows": "none", "batchmean": "mean"}.get(reduction, reduction)


instance(
    "kl_divergence_probabilities",
    "keras.losses.KLDivergence",
    {"reduction": "class_reduction(means_of_rows(reduction))", "dtype": "dtype_of(predictions)"},
    on="targets, predictions, sample_weights",
    where=CLIP,
)
function(
    "kl_divergence_probabilities",
    "keras.losses.kl_divergence",
    on="targets, predictions",
    returns="reduced(y, means_of_rows(reduction))",
    unused=("sample_weights",),
    where=CLIP,
    fixed=UNWEIGHTED,
)
