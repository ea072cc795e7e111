"""Losses that teach a policy what is preferred, as users of PyTorch write them."""

from __future__ import annotations

from .framework import F, binds, torch


def reduced(losses, reduction):
    """The losses, their mean or their sum."""
    return losses if reduction == "none" else getattr(losses, reduction)()


@binds("cpo_loss", "torch.nn.functional.logsigmoid", composition=True)
def cpo_loss(
    chosen,
    rejected,
    chosen_lengths,
    rejected_lengths,
    *,
    beta,
    margin,
    nll_weight,
    label_smoothing,
    reduction,
):
    if chosen_lengths is not None:
        chosen, rejected = chosen / chosen_lengths, rejected / rejected_lengths
    h = beta * (chosen - rejected) - margin
    losses = -(1 - label_smoothing) * F.logsigmoid(h) - label_smoothing * F.logsigmoid(-h)
    return reduced(losses - nll_weight * chosen if nll_weight else losses, reduction)


@binds("orpo_loss", "torch.nn.functional.logsigmoid", composition=True)
def orpo_loss(chosen_nll, rejected_nll, *, weight, reduction):
    odds = [-nll - torch.log(-torch.expm1(-nll)) for nll in (chosen_nll, rejected_nll)]
    return reduced(chosen_nll - weight * F.logsigmoid(odds[0] - odds[1]), reduction)


@binds("kto_loss", "torch.sigmoid", composition=True)
def kto_loss(
    log_probs,
    reference_log_probs,
    labels,
    other_log_ratios,
    *,
    beta,
    desirable,
    undesirable,
    reduction,
):
    ahead = beta * (log_probs - reference_log_probs - other_log_ratios.mean().clamp(min=0))
    good, bad = desirable * torch.sigmoid(-ahead), undesirable * torch.sigmoid(ahead)
    return reduced(torch.where(labels == 1, good, bad), reduction)
