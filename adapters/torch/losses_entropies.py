"""Losses of classification beside the cross entropy, from what PyTorch has."""

from __future__ import annotations

from .framework import F, binds, torch
from .losses_regression import UNWEIGHTED

FOCAL = UNWEIGHTED | {
    "domain": ("logits", "as in torchvision.ops.sigmoid_focal_loss, which this is"),
    "row_mean": (False, "torch reduces over all elements at once"),
    "label_smoothing": (0.0, "torch smooths no binary targets"),
}


@binds(
    "binary_focal_cross_entropy",
    "torch.nn.functional.binary_cross_entropy_with_logits",
    fixed=FOCAL,
    composition=True,
)
def binary_focal_cross_entropy(logits, predictions, targets, sample_weights, *, alpha, gamma, reduction):
    p = torch.sigmoid(logits)
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    losses = losses * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha is not None:
        losses = (alpha * targets + (1 - alpha) * (1 - targets)) * losses
    return losses if reduction == "none" else getattr(losses, reduction)()


@binds(
    "fenchel_young_loss",
    "torch.logsumexp",
    fixed={"max_function": ("logsumexp", "torch has no sparsemax")},
    composition=True,
)
def fenchel_young_loss(scores, targets, *, reduction):
    losses = torch.logsumexp(scores, dim=-1) - (targets * scores).sum(dim=-1)
    return losses if reduction == "none" else getattr(losses, reduction)()
