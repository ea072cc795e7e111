"""Losses of classification beside the cross entropy, of optax."""

from __future__ import annotations

from .modules import function
from .reductions import reduced as reduced  # rows name it

REDUCED = "reduced(y, reduction)"

function(
    "binary_focal_cross_entropy",
    "optax.losses.sigmoid_focal_loss",
    {"alpha": "alpha", "gamma": "gamma"},
    on="logits, targets",
    returns=REDUCED,
    unused=("predictions",),
    fixed={
        "domain": ("logits", "optax takes no probabilities here"),
        "row_mean": (False, "optax leaves the reduction to the user"),
    },
)

function(
    "poly_cross_entropy",
    "optax.losses.poly_loss_cross_entropy",
    {"epsilon": "epsilon"},
    on="logits, targets",
    returns=REDUCED,
)
function("sparsemax_loss", "optax.losses.sparsemax_loss", on="logits, labels", returns=REDUCED)
function(
    "multiclass_sparsemax_loss",
    "optax.losses.multiclass_sparsemax_loss",
    on="scores, labels",
    returns=REDUCED,
)
