"""Losses of ranking and of metric learning of optax and JAX."""

from __future__ import annotations

from .framework import binds, jnp
from .modules import function
from .reductions import BY_COLUMNS
from .reductions import reduced as reduced  # rows name it

function(
    "triplet_margin",
    "optax.losses.triplet_margin_loss",
    {"norm_degree": "p", "margin": "margin", "eps": "epsilon"},
    on="anchors, positives, negatives",
    returns="reduced(y, reduction)",
    fixed={"swap": (False, "optax swaps no pairs"), "epsilon_place": ("root", "optax adds it to the sum")},
)
function(
    "triplet_margin",
    "optax.losses.triplet_margin_loss(axis)",
    {"norm_degree": "p", "margin": "margin", "eps": "epsilon", "axis": "0"},
    on="anchors.T, positives.T, negatives.T",
    returns="reduced(y, reduction)",
    where=BY_COLUMNS,
    fixed={"swap": (False, "optax swaps no pairs"), "epsilon_place": ("root", "optax adds it to the sum")},
)
function(
    "margin_ranking",
    "jax.numpy.maximum",
    on="(1 - 2 * labels) * (first - second) + margin, 0",
    returns="reduced(y, reduction)",
    fixed={"kink_gradient": (0.5, "JAX halves the gradient where both sides of a maximum are equal")},
    composition=True,
)

function(
    "ranking_softmax",
    "optax.losses.ranking_softmax_loss",
    {
        "where": "mask",
        "weights": "weights",
        "reduce_fn": "{'mean': jnp.mean, 'sum': jnp.sum, 'none': None}[reduction]",
    },
    on="scores, labels",
)


@binds(
    "pdist",
    "jax.numpy.linalg.norm",
    where={
        "data == 'normal'": "equal vectors have a NaN gradient, and squares leave the range",
    },
    composition=True,
)
def pdist(x, *, p):
    first, second = jnp.triu_indices(x.shape[0], 1)
    return jnp.linalg.norm(x[first] - x[second], ord=p, axis=-1)
