"""Losses of regression of optax, which reduces none of them."""

from __future__ import annotations

from typing import Any

from .framework import binds, jnp, optax
from .reductions import reduced

NO_ROW_MEAN = {"not row_mean": "optax leaves the reduction to the user"}


@binds(
    "mean_squared_error",
    "optax.squared_error",
    where={"factor == 1.0": "squared_error is the whole square"} | NO_ROW_MEAN,
)
def mean_squared_error(predictions: Any, targets: Any, *, reduction: str) -> Any:
    return reduced(optax.squared_error(predictions, targets), reduction)


@binds(
    "mean_squared_error", "optax.l2_loss", where={"factor == 0.5": "l2_loss is half the square"} | NO_ROW_MEAN
)
def half_squared_error(predictions: Any, targets: Any, *, reduction: str) -> Any:
    return reduced(optax.l2_loss(predictions, targets), reduction)


@binds("huber", "optax.huber_loss", where=NO_ROW_MEAN)
def huber(predictions: Any, targets: Any, *, delta: float, reduction: str) -> Any:
    return reduced(optax.huber_loss(predictions, targets, delta=delta), reduction)


SMOOTH_L1 = {
    "beta > 0": "for beta = 0 the branches would divide by it",
    "nan_sign == 'negative' or data not in ('nan', 'infinities')": "JAX's derivative of abs is -1 at NaN",
}


@binds("smooth_l1", "jax.numpy.where", where=SMOOTH_L1, composition=True)
def smooth_l1(predictions: Any, targets: Any, *, beta: float, reduction: str) -> Any:
    size = jnp.abs(predictions - targets)
    small = jnp.where(size < beta, size, 0)
    return reduced(jnp.where(size < beta, jnp.square(small) * 0.5 / beta, size - 0.5 * beta), reduction)
