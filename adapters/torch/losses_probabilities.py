"""Losses of classification that are given probabilities, of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import function, module

BCE = {
    "guard": ("log", "torch holds logarithms above -100"),
    "gradient": ("bounded", "torch holds p (1 - p) above 1e-12 in the gradient"),
    "row_mean": (False, "torch reduces over all elements at once"),
    "epsilon": (1e-7, "torch has no epsilon"),
    "zero_target": ("zero", "finite logarithms leave nothing to choose"),
}
NONE = {"reduction": "'none'"}
BOTH = "predictions, targets"

function("binary_cross_entropy", "torch.nn.functional.binary_cross_entropy", NONE, on=BOTH, fixed=BCE)
module("binary_cross_entropy", "torch.nn.BCELoss", NONE, on=BOTH, fixed=BCE)


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
    fixed={"sparse": (False, "takes a distribution")},
    composition=True,
)
def categorical_cross_entropy(predictions, targets, labels, *, epsilon, normalized):
    return -(targets * torch.log(probabilities(predictions, epsilon, normalized))).sum(dim=-1)


@binds(
    "categorical_cross_entropy",
    "torch.nn.functional.nll_loss",
    where=LOGARITHM,
    fixed={"sparse": (True, "takes one class for each row")},
    composition=True,
)
def categorical_cross_entropy_nll(predictions, targets, labels, *, epsilon, normalized):
    log_p = torch.log(probabilities(predictions, epsilon, normalized))
    return F.nll_loss(log_p, labels.long(), reduction="none")
