"""Losses of classification by margins of optax, which takes labels of -1 and 1, and of JAX."""

from __future__ import annotations

from .modules import function
from .reductions import UNWEIGHTED
from .reductions import reduced as reduced  # rows name it

FORM = {"on": "scores, 2 * labels - 1", "returns": "reduced(y, reduction)"}
UNWEIGHTED_FORM = FORM | {"unused": ("sample_weights",)}
HINGE = UNWEIGHTED | {
    "power": (1, "optax has no squared hinge"),
    "kink_gradient": (0.5, "JAX halves the gradient where both sides of a maximum are equal"),
    "row_mean": (False, "optax leaves the reduction to the user"),
}

function(
    "hinge",
    "optax.losses.hinge_loss",
    **UNWEIGHTED_FORM,
    fixed=HINGE | {"margin": (1.0, "perceptron_loss has 0")},
)
function(
    "hinge",
    "optax.losses.perceptron_loss",
    **UNWEIGHTED_FORM,
    fixed=HINGE | {"margin": (0.0, "hinge_loss has 1")},
)
function(
    "soft_margin",
    "jax.nn.softplus",
    on="(1 - 2 * labels) * scores",
    returns="reduced(y, reduction)",
    composition=True,
)

OF_CLASSES = {"on": "scores, labels", "returns": "reduced(y, reduction)", "unused": ("sample_weights",)}
NO_FLOOR = UNWEIGHTED | {"rival_floor": ("none", "optax takes the scores of the others as they are")}

function(
    "multiclass_hinge",
    "optax.losses.multiclass_hinge_loss",
    **OF_CLASSES,
    fixed=NO_FLOOR | {"margin": (1.0, "multiclass_perceptron_loss has 0")},
)
function(
    "multiclass_hinge",
    "optax.losses.multiclass_perceptron_loss",
    **OF_CLASSES,
    fixed=NO_FLOOR | {"margin": (0.0, "multiclass_hinge_loss has 1")},
)
