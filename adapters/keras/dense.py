"""Dense layers of Keras."""

from __future__ import annotations

from .framework import binds, keras
from .layers import DTYPE, build_layer, call_layer, dtype_of, function, layer

UNITS = {"units": "kernel.shape[-1]", "use_bias": "bias is not None"}
WEIGHTS = {"kernel": "kernel", "bias": "bias"}
PRODUCT = {"masking": ("product", "the weights are multiplied by the mask")}
SELECTED = {"masking": ("selected", "zeros are selected")}

layer("dense", "keras.layers.Dense", UNITS | DTYPE, WEIGHTS)


def dense_layer(x, kernel, bias):
    return build_layer(keras.layers.Dense(kernel.shape[-1], use_bias=bias is not None, dtype=dtype_of(x)), x)


@binds(
    "masked_dense",
    "keras.layers.Dense",
    where={"data != 'nan'": "XLA may select zeros where a product with a mask is asked for"},
    fixed=PRODUCT,
    composition=True,
    build=dense_layer,
)
def masked_dense(built, x, kernel, mask, bias):
    return call_layer(built, x, kernel=kernel * keras.ops.cast(mask, dtype_of(kernel)), bias=bias)


@binds("masked_dense", "keras.ops.where", fixed=SELECTED, composition=True, build=dense_layer)
def masked_dense_selected(built, x, kernel, mask, bias):
    selected = keras.ops.where(mask, kernel, keras.ops.zeros_like(kernel))
    return call_layer(built, x, kernel=selected, bias=bias)


@binds("bilinear", "keras.ops.einsum", composition=True)
def bilinear(left, right, kernel, bias):
    y = keras.ops.einsum("bi,uij,bj->bu", left, kernel, right)
    return y if bias is None else y + bias


EQUATIONS = {"last": "btf,fhu->bthu", "two": "btf,tfu->bu", "each": "btf,tfu->btu"}
BIASES = {"last": "hu", "two": "u", "each": "tu"}


def lengths(kernel, contracts):
    """The axes of a result but the batch; None for those of x."""
    return {
        "last": (None, *kernel.shape[1:]),
        "two": tuple(kernel.shape[2:]),
        "each": tuple(kernel.shape[::2]),
    }[contracts]


layer(
    "einsum_dense",
    "keras.layers.EinsumDense",
    {
        "equation": "EQUATIONS[contracts]",
        "output_shape": "lengths(kernel, contracts)",
        "bias_axes": "None if bias is None else BIASES[contracts]",
    }
    | DTYPE,
    {"kernel": "kernel", "bias": "bias"},
)
function(
    "einsum_dense",
    "keras.ops.einsum",
    on="EQUATIONS[contracts], x, kernel",
    where={"not use_bias": "has no bias"},
    unused=("bias",),
)


def corrected(x, down, kernel, bias, *, alpha):
    layer = build_layer(keras.layers.Dense(kernel.shape[1], use_bias=bias is not None, dtype=dtype_of(x)), x)
    layer.enable_lora(down.shape[1], lora_alpha=alpha)
    return layer


@binds(
    "lora_dense",
    "keras.layers.Dense.enable_lora",
    where={"base": "corrects a layer", "alpha is not None": "divides by the rank"},
    build=corrected,
)
def lora_dense(built, x, down, up, kernel, bias):
    weights = {"lora_kernel_a": down, "lora_kernel_b": up, "kernel": kernel, "bias": bias}
    return call_layer(built, x, **weights)[0]
