"""Dense layers of flax, and the contraction that they stand on."""

from __future__ import annotations

from typing import Any

from .framework import binds, jnp, nnx
from .modules import call_nnx, linen_module


@binds("dense", "jax.numpy.matmul", composition=True)
def dense(x: Any, kernel: Any, bias: Any) -> Any:
    y = jnp.matmul(x, kernel)
    return y if bias is None else y + bias


@binds("dense", "flax.nnx.Linear")
def dense_nnx(x: Any, kernel: Any, bias: Any) -> Any:
    features, units = kernel.shape
    layer = nnx.Linear(features, units, use_bias=bias is not None, rngs=nnx.Rngs(0))
    return call_nnx(layer, x, kernel=kernel, bias=bias)


linen_module(
    "dense",
    "flax.linen.Dense",
    {"features": "kernel.shape[1]", "use_bias": "bias is not None"},
    {"kernel": "kernel", "bias": "bias"},
)


@binds(
    "masked_dense",
    "jax.numpy.matmul",
    where={
        "masking == 'product'": "the weights are multiplied by the mask",
        "data != 'nan'": "XLA may select zeros where a product with a mask is asked for",
    },
    composition=True,
)
def masked_dense(x: Any, kernel: Any, mask: Any, bias: Any) -> Any:
    return dense(x, kernel * mask, bias)


@binds(
    "masked_dense", "jax.numpy.where", where={"masking == 'selected'": "zeros are selected"}, composition=True
)
def masked_dense_selected(x: Any, kernel: Any, mask: Any, bias: Any) -> Any:
    return dense(x, jnp.where(mask, kernel, 0), bias)


@binds("bilinear", "jax.numpy.einsum", composition=True)
def bilinear(left: Any, right: Any, kernel: Any, bias: Any) -> Any:
    y = jnp.einsum("bi,uij,bj->bu", left, kernel, right)
    return y if bias is None else y + bias
