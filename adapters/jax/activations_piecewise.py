"""Activations of JAX and flax with kinks. Other activations of flax are JAX's own."""

from __future__ import annotations

from ..binding import takes
from .modules import function, linen_module, nnx_module

RIGHT = takes("zero_gradient", "right", "takes the slope right of zero", "zeros", "specials")
NAN = takes("nan_gradient", "nan", "gives NaN where x is NaN", "specials")
NAN_LEFT = takes("nan_gradient", "left", "takes the slope below zero where x is NaN", "specials")
NO_GRADIENT = takes("nan_gradient", "zero", "gives no gradient where x is NaN", "specials")
INSIDE = {"kink_gradient": ("inside", "lets the cotangent through at a bound")}
PASS = takes("nan_gradient", "pass", "lets the cotangent through where x is NaN", "specials")
MEAN = {"kink_gradient": ("mean", "takes the mean of both slopes at a bound")}
ALPHA = {"alpha": "alpha"}
ONE = {"own_axes": (0, "has one slope for all")}

function("leaky_relu", "jax.nn.leaky_relu", {"negative_slope": "slope"}, where=RIGHT)
linen_module("prelu", "flax.linen.PReLU", {}, {"negative_slope": "slope"}, fixed=ONE, where=RIGHT | NAN_LEFT)
nnx_module("prelu", "flax.nnx.PReLU", {}, {"negative_slope": "slope"}, fixed=ONE, where=RIGHT | NAN_LEFT)
function("elu", "jax.nn.elu", ALPHA, where=NAN)
function("celu", "jax.nn.celu", ALPHA, where=NAN)
function(
    "hard_tanh",
    "jax.nn.hard_tanh",
    fixed={"bounds": ((-1.0, 1.0), "has no other bounds")} | INSIDE,
    where=PASS,
)
function("relu6", "jax.nn.relu6")
function("hard_sigmoid", "jax.nn.hard_sigmoid")
function("hard_silu", "jax.nn.hard_silu")
function("sparse_plus", "jax.nn.sparse_plus")
function("sparse_sigmoid", "jax.nn.sparse_sigmoid", where=NO_GRADIENT, fixed=MEAN)
