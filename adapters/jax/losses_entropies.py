"""Losses of classification beside the cross entropy, of optax."""

from __future__ import annotations

from .framework import binds, jax, jnp, optax
from .losses_classification import INFINITE
from .modules import function
from .reductions import BY_COLUMNS, UNMASKED, UNWEIGHTED, WHERE
from .reductions import reduced as reduced  # rows name it

REDUCED = "reduced(y, reduction)"

function(
    "binary_focal_cross_entropy",
    "optax.losses.sigmoid_focal_loss",
    {"alpha": "alpha", "gamma": "gamma"},
    on="logits, targets",
    returns=REDUCED,
    unused=("predictions", "sample_weights"),
    fixed=UNWEIGHTED
    | {
        "domain": ("logits", "optax takes no probabilities here"),
        "row_mean": (False, "optax leaves the reduction to the user"),
        "label_smoothing": (0.0, "this loss smooths no targets"),
    },
)

function(
    "poly_cross_entropy",
    "optax.losses.poly_loss_cross_entropy",
    {"epsilon": "epsilon"} | WHERE,
    on="logits, targets",
    returns=REDUCED,
    where=INFINITE,
)
function(
    "poly_cross_entropy",
    "optax.losses.poly_loss_cross_entropy(axis)",
    {"epsilon": "epsilon", "axis": "0"},
    on="logits.T, targets.T",
    returns=REDUCED,
    unused=("mask",),
    where=BY_COLUMNS,
    fixed=UNMASKED,
)
function("sparsemax_loss", "optax.losses.sparsemax_loss", on="logits, labels", returns=REDUCED)
function(
    "multiclass_sparsemax_loss",
    "optax.losses.multiclass_sparsemax_loss",
    on="scores, labels",
    returns=REDUCED,
)


def best_of_simplex(scores):
    """``max_p ⟨x, p⟩ - ‖p‖²/2`` over distributions: where it is greatest, the slope of p counts nothing."""
    shifted = scores - jnp.max(scores)
    p = jax.lax.stop_gradient(optax.projections.projection_simplex(shifted))
    return jnp.vdot(p, scores) - 0.5 * jnp.vdot(p, p)


@binds(
    "fenchel_young_loss",
    "optax.losses.make_fenchel_young_loss",
    where={"max_function == 'logsumexp' or dtype == 'float32'": "optax projects onto the simplex in float32"},
)
def fenchel_young_loss(scores, targets, *, max_function, reduction):
    max_fun = jax.scipy.special.logsumexp if max_function == "logsumexp" else best_of_simplex
    return reduced(optax.losses.make_fenchel_young_loss(max_fun)(scores, targets), reduction)


function("smooth_labels", "optax.losses.smooth_labels", {"axis": "axis", "where": "mask"}, on="labels, alpha")
