"""Losses of classification that are given probabilities, of optax, and of what JAX gives to build them."""

from __future__ import annotations

from .framework import binds, jnp
from .reductions import UNWEIGHTED

UNREDUCED = UNWEIGHTED | {"reduction": ("none", "users reduce it as they like")}


def probabilities(predictions, epsilon, normalized):
    """Rows that are clipped and divided by their sum, as a user of JAX would write it."""
    if normalized == "before":
        predictions = predictions / jnp.sum(predictions, axis=-1, keepdims=True)
    held = jnp.clip(predictions, epsilon, 1.0 - epsilon) if epsilon else predictions
    return held / jnp.sum(held, axis=-1, keepdims=True) if normalized == "after" else held


@binds(
    "categorical_cross_entropy",
    "jax.numpy.log",
    where={
        "not sparse": "takes a distribution",
        "zero_target == 'nan' or epsilon > 0 or data != 'zeros'": "a product with log 0 is NaN",
    },
    fixed=UNREDUCED,
    composition=True,
)
def categorical_cross_entropy(predictions, targets, labels, sample_weights, *, epsilon, normalized):
    return -jnp.sum(targets * jnp.log(probabilities(predictions, epsilon, normalized)), axis=-1)


@binds(
    "categorical_cross_entropy",
    "jax.numpy.take_along_axis",
    where={
        "sparse": "takes one class for each row",
        "zero_target == 'zero'": "the class is taken before the logarithm",
    },
    fixed=UNREDUCED,
    composition=True,
)
def categorical_cross_entropy_of_labels(predictions, targets, labels, sample_weights, *, epsilon, normalized):
    p = probabilities(predictions, epsilon, normalized)
    return -jnp.log(jnp.take_along_axis(p, labels[:, None], axis=-1)[:, 0])


@binds(
    "binary_cross_entropy",
    "jax.numpy.log",
    where={
        "guard in ('none', 'clip', 'add')": "JAX holds no logarithm",
        "zero_target == 'nan' or guard != 'none' or data != 'zeros'": "a product with log 0 is NaN",
        "gradient == 'exact'": "JAX differentiates what is written",
    },
    fixed=UNREDUCED,
    composition=True,
)
def binary_cross_entropy(predictions, targets, sample_weights, *, guard, epsilon, row_mean):
    p = jnp.clip(predictions, epsilon, 1.0 - epsilon) if guard == "clip" else predictions
    added = epsilon if guard == "add" else 0.0
    losses = -targets * jnp.log(p + added) - (1.0 - targets) * jnp.log(1.0 - p + added)
    return jnp.mean(losses, axis=-1) if row_mean else losses
