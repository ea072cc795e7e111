"""Losses of classification that are divergences, of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .losses_regression import UNMASKED, UNWEIGHTED
from .modules import function, module

ZERO_TARGET = {
    "zero_target == 'nan' or data != 'negative_infinities'": "torch multiplies targets and log-probabilities",
    "zero_gradient == 'nan' or data not in ('zeros', 'saturated', 'negative_infinities')": "torch gives 0/0",
}
ONE_OR_ALL = {"reduction != 'rows'": "torch gives terms, or one value for all"}
TERMS = {"reduction": "reduction.replace('elements', 'none')"}
OF_TARGETS, OF_LOGARITHMS = TERMS | {"log_target": "False"}, TERMS | {"log_target": "True"}

NO_MASK = {"unused": ("mask",), "fixed": UNMASKED}

for word, api in ((function, "torch.nn.functional.kl_div"), (module, "torch.nn.KLDivLoss")):
    word(
        "kl_divergence",
        api,
        OF_TARGETS,
        on="log_predictions, targets",
        where=ZERO_TARGET | ONE_OR_ALL,
        **NO_MASK,
    )
    word(
        "kl_divergence_with_log_targets",
        api,
        OF_LOGARITHMS,
        on="log_predictions, log_targets",
        where=ONE_OR_ALL,
        **NO_MASK,
    )


@binds(
    "kl_divergence_probabilities",
    "torch.xlogy",
    fixed=UNWEIGHTED | {"epsilon": (0.0, "torch clips nothing")},
    where={"zero_gradient == 'nan' or data != 'zeros'": "torch divides 0 by 0"},
    composition=True,
)
def kl_divergence_probabilities(targets, predictions, sample_weights, *, reduction):
    terms = torch.xlogy(targets, targets) - torch.xlogy(targets, predictions)
    rows = terms if reduction in ("elements", "mean") else terms.sum(dim=-1)
    if reduction == "sum":
        return rows.sum()
    return rows.mean() if reduction in ("mean", "batchmean") else rows


@binds(
    "generalized_kl_divergence",
    "torch.nn.functional.kl_div",
    where={"masking == 'select'": "leaves classes out before anything is computed of them"},
    composition=True,
)
def generalized_kl_divergence(log_predictions, targets, mask, *, reduction):
    if mask is not None:  # the term of 1 beside 1 is 0
        log_predictions, targets = log_predictions.masked_fill(~mask, 0.0), targets.masked_fill(~mask, 1.0)
    terms = F.kl_div(log_predictions, targets, reduction="none") + log_predictions.exp() - targets
    losses = terms.sum(dim=-1)
    return losses if reduction == "none" else getattr(losses, reduction)()
