"""Attention of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import concrete, dtype_of

SELECTED = {"masking == 'select'": "what is masked is replaced"}
UNIFORM = {
    "empty_row == 'uniform' or not use_mask and causal != 'bottom_right'": "masked is a large negative number"
}
TOP_LEFT = {"causal != 'bottom_right'": "Keras aligns the diagonal with the first key"}
SINGLE = {
    "heads == 1": "keras.layers.Attention has one head",
    "not use_bias and not use_mask": "keras.layers.Attention takes masks of whole keys and queries only",
}


@binds("dot_product_attention", "keras.ops.dot_product_attention", where=SELECTED | UNIFORM | TOP_LEFT)
def attention(query: Any, key: Any, value: Any, bias: Any, mask: Any, *, scale: Any, causal: str) -> Any:
    return keras.ops.dot_product_attention(
        query, key, value, bias=bias, mask=mask, scale=scale, is_causal=causal == "top_left"
    )


@binds("dot_product_attention", "keras.layers.Attention", where=SELECTED | UNIFORM | TOP_LEFT | SINGLE)
def attention_layer(
    query: Any, key: Any, value: Any, bias: Any, mask: Any, *, scale: Any, causal: str
) -> Any:
    layer = keras.layers.Attention(use_scale=True, score_mode="dot", dropout=0.0, dtype=dtype_of(query))
    factor = keras.ops.full((), query.shape[-1] ** -0.5 if scale is None else scale, dtype=dtype_of(query))
    single = [query[:, :, 0], value[:, :, 0], key[:, :, 0]]
    with concrete():
        layer.build([tuple(x.shape) for x in single])
    y, _ = layer.stateless_call([factor], [], single, use_causal_mask=causal == "top_left")
    return y[:, :, None]
