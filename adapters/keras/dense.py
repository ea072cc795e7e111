"""Dense layers of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, dtype_of


@binds("dense", "keras.layers.Dense")
def dense(x: Any, kernel: Any, bias: Any) -> Any:
    layer = keras.layers.Dense(
        kernel.shape[-1], activation=None, use_bias=bias is not None, dtype=dtype_of(x)
    )
    return call_layer(layer, x, weights={"kernel": kernel, "bias": bias})


@binds(
    "masked_dense",
    "keras.layers.Dense",
    where={
        "masking == 'product'": "the weights are multiplied by the mask",
        "data != 'nan'": "XLA may select zeros where a product with a mask is asked for",
    },
    composition=True,
)
def masked_dense(x: Any, kernel: Any, mask: Any, bias: Any) -> Any:
    return dense(x, kernel * keras.ops.cast(mask, dtype_of(kernel)), bias)


@binds(
    "masked_dense", "keras.ops.where", where={"masking == 'selected'": "zeros are selected"}, composition=True
)
def masked_dense_selected(x: Any, kernel: Any, mask: Any, bias: Any) -> Any:
    return dense(x, keras.ops.where(mask, kernel, keras.ops.zeros_like(kernel)), bias)


@binds("bilinear", "keras.ops.einsum", composition=True)
def bilinear(left: Any, right: Any, kernel: Any, bias: Any) -> Any:
    y = keras.ops.einsum("bi,uij,bj->bu", left, kernel, right)
    return y if bias is None else y + bias
