"""Dense layers of flax, and the contraction that they stand on."""

from __future__ import annotations

from .framework import binds, jnp
from .modules import RNGS, linen_module, nnx_module


@binds("dense", "jax.numpy.matmul", composition=True)
def dense(x, kernel, bias):
    y = jnp.matmul(x, kernel)
    return y if bias is None else y + bias


WEIGHT = {"kernel": "kernel", "bias": "bias"}
USE_BIAS = {"use_bias": "bias is not None"}
SIZES = {"in_features": "kernel.shape[0]", "out_features": "kernel.shape[1]"}

nnx_module("dense", "flax.nnx.Linear", SIZES | USE_BIAS | RNGS, WEIGHT)
linen_module("dense", "flax.linen.Dense", {"features": "kernel.shape[1]"} | USE_BIAS, WEIGHT)


@binds(
    "masked_dense",
    "jax.numpy.matmul",
    where={
        "masking == 'product'": "the weights are multiplied by the mask",
        "data != 'nan'": "XLA may select zeros where a product with a mask is asked for",
    },
    composition=True,
)
def masked_dense(x, kernel, mask, bias):
    return dense(x, kernel * mask, bias)


@binds(
    "masked_dense", "jax.numpy.where", where={"masking == 'selected'": "zeros are selected"}, composition=True
)
def masked_dense_selected(x, kernel, mask, bias):
    return dense(x, jnp.where(mask, kernel, 0), bias)


@binds("bilinear", "jax.numpy.einsum", composition=True)
def bilinear(left, right, kernel, bias):
    y = jnp.einsum("bi,uij,bj->bu", left, kernel, right)
    return y if bias is None else y + bias
