"""Dense layers of flax, and the contraction that they stand on."""

from __future__ import annotations

from .framework import binds, jnp, nnx
from .modules import RNGS, call_copy, call_nnx, linen_module, nnx_module


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


EQUATIONS = {"last": "btf,fhu->bthu", "two": "btf,tfu->bu", "each": "btf,tfu->btu"}
EQUATION = {"einsum_str": "EQUATIONS[contracts]"}

nnx_module(
    "einsum_dense",
    "flax.nnx.Einsum",
    EQUATION | {"kernel_shape": "kernel.shape", "bias_shape": "None if bias is None else bias.shape"} | RNGS,
    WEIGHT,
)
linen_module("einsum_dense", "flax.linen.Einsum", EQUATION | {"shape": "kernel.shape"} | USE_BIAS, WEIGHT)

SHARED = {"contracts != 'each'": "contracts with one kernel for all steps"}
AXIS = {"axis": "-1 if contracts == 'last' else (-2, -1)"}
nnx_module(
    "einsum_dense",
    "flax.nnx.LinearGeneral",
    {
        "in_features": "kernel.shape[:1] if contracts == 'last' else kernel.shape[:2]",
        "out_features": "kernel.shape[1:] if contracts == 'last' else kernel.shape[2:]",
    }
    | AXIS
    | USE_BIAS
    | RNGS,
    WEIGHT,
    where=SHARED,
)
linen_module(
    "einsum_dense",
    "flax.linen.DenseGeneral",
    {"features": "kernel.shape[1:] if contracts == 'last' else kernel.shape[2:]"} | AXIS | USE_BIAS,
    WEIGHT,
    where=SHARED,
)


def correction(x, down, up):
    sizes = down.shape[0], down.shape[1], up.shape[1]
    return nnx.LoRA(*sizes, dtype=x.dtype, param_dtype=x.dtype, rngs=nnx.Rngs(0))


def corrected(x, down, up, kernel, bias):
    return nnx.LoRALinear(
        *kernel.shape,
        lora_rank=down.shape[1],
        lora_dtype=x.dtype,
        lora_param_dtype=x.dtype,
        use_bias=bias is not None,
        dtype=x.dtype,
        param_dtype=x.dtype,
        rngs=nnx.Rngs(0),
    )


UNSCALED = {"alpha is None": "has no scale"}


@binds("lora_dense", "flax.nnx.LoRA", where=UNSCALED | {"not base": "is the correction"}, build=correction)
def lora(built, x, down, up, kernel, bias):
    return call_copy(built, x, lora_a=down, lora_b=up)


@binds("lora_dense", "flax.nnx.LoRALinear", where=UNSCALED | {"base": "is corrected"}, build=corrected)
def lora_dense(built, x, down, up, kernel, bias):
    layer = nnx.merge(*nnx.split(built))
    layer.lora.lora_a, layer.lora.lora_b = nnx.LoRAParam(down), nnx.LoRAParam(up)
    return call_nnx(layer, x, kernel=kernel, bias=bias)
