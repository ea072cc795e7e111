"""Losses of regression of optax, which reduces none of them."""

from __future__ import annotations

from .framework import binds, jnp
from .modules import function
from .reductions import SELECTS_VALUES, UNWEIGHTED, WHERE, reduced

NO_ROW_MEAN = {"row_mean": (False, "optax leaves the reduction to the user")}
WHOLE = {"factor": (1.0, "squared_error is the whole square")} | NO_ROW_MEAN
HALF = {"factor": (0.5, "l2_loss is half the square")} | NO_ROW_MEAN
FORM = {"on": "predictions, targets", "returns": "reduced(y, reduction)"}

UNWEIGHTED_FORM = FORM | {"unused": ("sample_weights",)}

function("mean_squared_error", "optax.squared_error", **UNWEIGHTED_FORM, fixed=WHOLE | UNWEIGHTED)
function("mean_squared_error", "optax.l2_loss", **UNWEIGHTED_FORM, fixed=HALF | UNWEIGHTED)
function("huber", "optax.huber_loss", {"delta": "delta"}, **UNWEIGHTED_FORM, fixed=NO_ROW_MEAN | UNWEIGHTED)

SMOOTH_L1 = {
    "beta > 0": "for beta = 0 the branches would divide by it",
    "nan_sign == 'negative' or data not in ('nan', 'infinities')": "JAX's derivative of abs is -1 at NaN",
}


@binds("smooth_l1", "jax.numpy.where", where=SMOOTH_L1, composition=True)
def smooth_l1(predictions, targets, *, beta, reduction):
    size = jnp.abs(predictions - targets)
    small = jnp.where(size < beta, size, 0)
    return reduced(jnp.where(size < beta, jnp.square(small) * 0.5 / beta, size - 0.5 * beta), reduction)


ABSOLUTE = (
    UNWEIGHTED
    | {
        "nan_sign": ("negative", "JAX takes the side of x >= 0"),
    }
    | NO_ROW_MEAN
)

function(
    "mean_absolute_error",
    "jax.numpy.abs",
    on="predictions - targets",
    returns="reduced(y, reduction)",
    unused=("sample_weights",),
    fixed=ABSOLUTE,
    composition=True,
)
function("log_cosh", "optax.losses.log_cosh", **UNWEIGHTED_FORM, fixed=NO_ROW_MEAN | UNWEIGHTED)

COSINE = {"axis": "axis", "epsilon": "epsilon ** 2"} | WHERE
BLOCKED = UNWEIGHTED | {"floor_gradient": ("blocked", "the clipping is differentiated")}

function(
    "cosine_similarity",
    "optax.losses.cosine_similarity",
    COSINE,
    **UNWEIGHTED_FORM,
    where=SELECTS_VALUES,
    fixed=BLOCKED | {"form": ("similarity", "cosine_distance is 1 less it")},
)
function(
    "cosine_similarity",
    "optax.losses.cosine_distance",
    COSINE,
    **UNWEIGHTED_FORM,
    where=SELECTS_VALUES,
    fixed=BLOCKED | {"form": ("distance", "cosine_similarity is the cosine itself")},
)


@binds(
    "poisson_nll",
    "jax.numpy.exp",
    fixed=NO_ROW_MEAN | UNWEIGHTED | {"full": (False, "users leave it out")},
    composition=True,
)
def poisson_nll(log_rates, rates, targets, sample_weights, *, epsilon, reduction):
    if rates is None:
        return reduced(jnp.exp(log_rates) - targets * log_rates, reduction)
    return reduced(rates - targets * jnp.log(rates + epsilon), reduction)


@binds(
    "gaussian_nll",
    "jax.numpy.log",
    fixed={"floor_gradient": ("blocked", "the maximum is differentiated")},
    composition=True,
)
def gaussian_nll(predictions, targets, variances, *, epsilon, full, reduction):
    held = jnp.maximum(variances, epsilon)
    losses = 0.5 * (jnp.log(held) + jnp.square(predictions - targets) / held)
    return reduced(losses + 0.5 * jnp.log(2 * jnp.pi) if full else losses, reduction)
