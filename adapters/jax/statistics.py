"""Statistics of jax.numpy."""

from __future__ import annotations

from .framework import binds, jnp


@binds(
    "moments",
    "jax.numpy.var",
    where={"not weighted": "takes no weights", "algorithm == 'two_pass'": "takes the mean off first"},
)
def moments(x, weights, *, axes, keepdims):
    return jnp.mean(x, axes, keepdims=keepdims), jnp.var(x, axes, keepdims=keepdims)
