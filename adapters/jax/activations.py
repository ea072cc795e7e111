"""Activations of JAX. Those of ``flax.nnx`` and ``flax.linen`` are the very same functions."""

from __future__ import annotations

from .modules import function

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "JAX gives no gradient where x is NaN"}
SELU = {
    "zero_gradient == 'left' or data not in ('zeros', 'specials')": "takes the slope left of zero",
    "nan_gradient == 'nan' or data != 'specials'": "gives NaN where x is NaN",
}
SOFTPLUS = {"beta": (1.0, "has no beta"), "threshold": (None, "has no threshold")}

function("relu", "jax.nn.relu", where=NAN_GRADIENT)
function("gelu", "jax.nn.gelu", {"approximate": "approximate"})
function("silu", "jax.nn.silu")
function("selu", "jax.nn.selu", where=SELU)
function("identity", "jax.nn.identity")
function("sigmoid", "jax.nn.sigmoid")
function("sigmoid", "jax.lax.logistic")
function("tanh", "jax.nn.tanh")
function("log_sigmoid", "jax.nn.log_sigmoid")
function("softplus", "jax.nn.softplus", fixed=SOFTPLUS)
function("softsign", "jax.nn.soft_sign")
function("mish", "jax.nn.mish")
function("exponential", "jax.numpy.exp")
function("log1mexp", "jax.nn.log1mexp")
function("squareplus", "jax.nn.squareplus", {"b": "b"})
function("glu", "jax.nn.glu", {"axis": "axis"})
