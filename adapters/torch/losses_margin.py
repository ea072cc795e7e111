"""Losses of classification by margins of PyTorch."""

from __future__ import annotations

from .framework import binds, torch
from .losses_regression import UNWEIGHTED
from .modules import function, module

REDUCED = {"reduction": "reduction"}
SIGNS = "scores, (2 * labels - 1).to(scores.dtype)"
CLAMP = UNWEIGHTED | {
    "kink_gradient": (1.0, "the clamp passes the gradient on at its bound"),
    "row_mean": (False, "torch reduces over all elements at once"),
}


@binds("hinge", "torch.clamp", fixed=CLAMP, composition=True)
def hinge(scores, labels, sample_weights, *, margin, power, reduction):
    losses = torch.clamp(margin - (2 * labels - 1) * scores, min=0) ** power
    return losses if reduction == "none" else getattr(losses, reduction)()


function("soft_margin", "torch.nn.functional.soft_margin_loss", REDUCED, on=SIGNS)
module("soft_margin", "torch.nn.SoftMarginLoss", REDUCED, on=SIGNS)

MULTI = {"p": "power", "margin": "margin"} | REDUCED
WEIGHT = {"weight": "class_weights"}
CLASSES = "scores, labels.long()"

function("multi_margin", "torch.nn.functional.multi_margin_loss", MULTI, WEIGHT, on=CLASSES)
module("multi_margin", "torch.nn.MultiMarginLoss", WEIGHT | MULTI, WEIGHT, on=CLASSES)


def listed(labels):
    """The classes of each row, and -1 after them."""
    classes = torch.arange(labels.shape[-1])
    places = torch.where(labels == 1, classes, labels.shape[-1]).sort(dim=-1).values
    return torch.where(places == labels.shape[-1], -1, places)


function(
    "multilabel_margin",
    "torch.nn.functional.multilabel_margin_loss",
    REDUCED,
    on="scores, listed(labels)",
)
module("multilabel_margin", "torch.nn.MultiLabelMarginLoss", REDUCED, on="scores, listed(labels)")

SOFT = "logits, targets"
function(
    "multilabel_soft_margin",
    "torch.nn.functional.multilabel_soft_margin_loss",
    REDUCED,
    WEIGHT,
    on=SOFT,
)
module("multilabel_soft_margin", "torch.nn.MultiLabelSoftMarginLoss", WEIGHT | REDUCED, WEIGHT, on=SOFT)
