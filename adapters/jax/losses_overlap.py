"""Losses of the overlap of two sets of optax, which reduces over classes and leaves the rest to the user."""

from __future__ import annotations

from .modules import function
from .reductions import UNWEIGHTED_SAMPLES
from .reductions import reduced as reduced  # rows name it

RATIO = UNWEIGHTED_SAMPLES | {
    "epsilon": (0.0, "optax adds to both sides"),
}
OF_LOGITS = {"domain": ("logits", "optax takes probabilities only of rows that sum to one")}

function(
    "tversky",
    "optax.losses.dice_loss",
    {
        "class_weights": "class_weights",
        "smooth": "smooth",
        "alpha": "alpha",
        "beta": "beta",
        "reduction": "reduction",
        "ignore_background": "ignore_background",
        "axis": "axis",
    },
    on="logits, targets",
    returns="reduced(y, reduction)",
    unused=("predictions", "sample_weights"),
    fixed=RATIO | OF_LOGITS,
    where={"axis is not None": "without an axis optax sums over the places"},
)
function(
    "tversky",
    "optax.losses.binary_dice_loss",
    {"smooth": "smooth"},
    on="logits, targets",
    returns="reduced(y[..., None], reduction)",
    unused=("predictions", "class_weights", "sample_weights"),
    where={"classes == 1": "takes one class", "axis == (1,)": "sums over the places"},
    fixed=RATIO
    | OF_LOGITS
    | {
        "alpha": (0.5, "the Dice loss weighs both alike"),
        "beta": (0.5, "the Dice loss weighs both alike"),
        "weighted": (False, "there is one class"),
        "ignore_background": (False, "there is one class"),
    },
)
function(
    "generalized_dice",
    "optax.losses.multiclass_generalized_dice_loss",
    {"smooth": "smooth", "ignore_background": "ignore_background"},
    on="logits, targets",
)
