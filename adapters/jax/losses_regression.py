"""Losses of regression of optax, which reduces none of them."""

from __future__ import annotations

from .framework import binds, jnp
from .modules import function
from .reductions import reduced

NO_ROW_MEAN = {"row_mean": (False, "optax leaves the reduction to the user")}
WHOLE = {"factor": (1.0, "squared_error is the whole square")} | NO_ROW_MEAN
HALF = {"factor": (0.5, "l2_loss is half the square")} | NO_ROW_MEAN
FORM = {"on": "predictions, targets", "returns": "reduced(y, reduction)"}

function("mean_squared_error", "optax.squared_error", **FORM, fixed=WHOLE)
function("mean_squared_error", "optax.l2_loss", **FORM, fixed=HALF)
function("huber", "optax.huber_loss", {"delta": "delta"}, **FORM, fixed=NO_ROW_MEAN)

SMOOTH_L1 = {
    "beta > 0": "for beta = 0 the branches would divide by it",
    "nan_sign == 'negative' or data not in ('nan', 'infinities')": "JAX's derivative of abs is -1 at NaN",
}


@binds("smooth_l1", "jax.numpy.where", where=SMOOTH_L1, composition=True)
def smooth_l1(predictions, targets, *, beta, reduction):
    size = jnp.abs(predictions - targets)
    small = jnp.where(size < beta, size, 0)
    return reduced(jnp.where(size < beta, jnp.square(small) * 0.5 / beta, size - 0.5 * beta), reduction)
