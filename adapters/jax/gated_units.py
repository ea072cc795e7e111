"""Gated units of JAX: its own, and what its users write."""

from __future__ import annotations

from ..binding import takes
from .framework import binds, jax, jnp
from .modules import function

GLU = {
    "activation": ("sigmoid", "is the unit of the logistic"),
    "gate": ("second", "gates by the second half"),
    "layout": ("concatenated", "takes halves that lie one after the other"),
}

function("gated_linear_unit", "jax.nn.glu", {"axis": "-1"}, fixed=GLU)
function("gated_linear_unit", "flax.linen.glu", {"axis": "-1"}, fixed=GLU)


def halves(x, gate, layout):
    """What is let through, and the gate."""
    first, second = jnp.split(x, 2, axis=-1) if layout == "concatenated" else (x[..., 0::2], x[..., 1::2])
    return (second, first) if gate == "first" else (first, second)


@binds("gated_linear_unit", "jax.numpy.multiply(jax.nn)", composition=True)
def gated_linear_unit(x, *, activation, gate, layout):
    value, opening = halves(x, gate, layout)
    if activation.startswith("gelu"):
        return value * jax.nn.gelu(opening, approximate=activation == "gelu_tanh")
    return value * getattr(jax.nn, activation)(opening)


@binds(
    "clamped_swiglu",
    "jax.numpy.clip(jax.nn.sigmoid)",
    where=takes("kink_gradient", 0.5, "of a tie each has half of the gradient", "ties")
    | takes("nan_gradient", "multiply", "what is NaN is within no limit, and times 0", "nan"),
    composition=True,
)
def clamped_swiglu(x, *, alpha, limit, beta, gate, layout):
    value, opening = halves(x, gate, layout)
    opening, value = jnp.minimum(opening, limit), jnp.clip(value, -limit, limit)
    return opening * jax.nn.sigmoid(opening * alpha) * (value + beta)
