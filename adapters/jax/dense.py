"""Dense layers of flax, and the contraction that they stand on."""

from __future__ import annotations

from typing import Any

from .framework import binds, jnp, linen, nnx
from .modules import call_linen, call_nnx


@binds("dense", "jax.numpy.matmul", composition=True)
def dense(x: Any, kernel: Any, bias: Any) -> Any:
    y = jnp.matmul(x, kernel)
    return y if bias is None else y + bias


@binds("dense", "flax.nnx.Linear")
def dense_nnx(x: Any, kernel: Any, bias: Any) -> Any:
    features, units = kernel.shape
    layer = nnx.Linear(features, units, use_bias=bias is not None, rngs=nnx.Rngs(0))
    return call_nnx(layer, x, kernel=kernel, bias=bias)


@binds("dense", "flax.linen.Dense")
def dense_linen(x: Any, kernel: Any, bias: Any) -> Any:
    return call_linen(linen.Dense(kernel.shape[1], use_bias=bias is not None), x, kernel=kernel, bias=bias)
