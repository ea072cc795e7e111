"""Losses of classification that are given probabilities, of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .losses_regression import OVER_LOSSES, UNWEIGHTED, WEIGHT
from .losses_regression import each as each  # rows name it
from .modules import function, module

BCE = {
    "guard": ("log", "torch holds logarithms above -100"),
    "gradient": ("bounded", "torch holds p (1 - p) above 1e-12 in the gradient"),
    "row_mean": (False, "torch reduces over all elements at once"),
    "epsilon": (1e-7, "torch has no epsilon"),
    "zero_target": ("zero", "finite logarithms leave nothing to choose"),
}
REDUCED = {"reduction": "reduction"}
FORM = {"on": "predictions, targets", "where": OVER_LOSSES, "fixed": BCE}

function("binary_cross_entropy", "torch.nn.functional.binary_cross_entropy", REDUCED, WEIGHT, **FORM)
module("binary_cross_entropy", "torch.nn.BCELoss", REDUCED | WEIGHT, WEIGHT, **FORM)

UNREDUCED = UNWEIGHTED | {"reduction": ("none", "users reduce it as they like")}

LOGARITHM = {"zero_target == 'nan' or epsilon > 0 or data != 'zeros'": "a product with log 0, or 1/0, is NaN"}


def probabilities(predictions, epsilon, normalized):
    """Rows that are clipped and divided by their sum, as a user of torch would write it."""
    if normalized == "before":
        predictions = predictions / predictions.sum(dim=-1, keepdim=True)
    held = predictions.clamp(epsilon, 1.0 - epsilon) if epsilon else predictions
    return held / held.sum(dim=-1, keepdim=True) if normalized == "after" else held


@binds(
    "categorical_cross_entropy",
    "torch.log",
    where=LOGARITHM,
    fixed=UNREDUCED | {"sparse": (False, "takes a distribution")},
    composition=True,
)
def categorical_cross_entropy(predictions, targets, labels, sample_weights, *, epsilon, normalized):
    return -(targets * torch.log(probabilities(predictions, epsilon, normalized))).sum(dim=-1)


@binds(
    "categorical_cross_entropy",
    "torch.nn.functional.nll_loss",
    where=LOGARITHM,
    fixed=UNREDUCED | {"sparse": (True, "takes one class for each row")},
    composition=True,
)
def categorical_cross_entropy_nll(predictions, targets, labels, sample_weights, *, epsilon, normalized):
    log_p = torch.log(probabilities(predictions, epsilon, normalized))
    return F.nll_loss(log_p, labels.long(), reduction="none")
