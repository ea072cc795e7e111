"""Attention of Keras."""

from __future__ import annotations

from .framework import binds, keras
from .layers import build_layer, dtype_of, function

SELECTED = {"masking": ("select", "what is masked is replaced")}
MASKS = {
    "empty_row == 'uniform' or not use_mask and causal != 'bottom_right'": (
        "masked is a large negative number"
    ),
    "causal != 'bottom_right'": "Keras aligns the diagonal with the first key",
}
SINGLE = {
    "heads == 1": "keras.layers.Attention has one head",
    "not use_bias and not use_mask": "keras.layers.Attention takes masks of whole keys and queries only",
}

function(
    "dot_product_attention",
    "keras.ops.dot_product_attention",
    {"bias": "bias", "mask": "mask", "scale": "scale", "is_causal": "causal == 'top_left'"},
    on="query, key, value",
    where=MASKS,
    fixed=SELECTED,
)


def attention_layer(query, key, value):
    layer = keras.layers.Attention(use_scale=True, score_mode="dot", dropout=0.0, dtype=dtype_of(query))
    return build_layer(layer, single(query, key, value))


def single(query, key, value):
    """What the layer takes of the only head, in its order."""
    return [query[:, :, 0], value[:, :, 0], key[:, :, 0]]


@binds(
    "dot_product_attention",
    "keras.layers.Attention",
    where=MASKS | SINGLE,
    fixed=SELECTED,
    build=attention_layer,
)
def attention(built, query, key, value, bias, mask, *, scale, causal):
    factor = keras.ops.full((), query.shape[-1] ** -0.5 if scale is None else scale, dtype=dtype_of(query))
    causal = causal == "top_left"
    y, _ = built.stateless_call([factor], [], single(query, key, value), use_causal_mask=causal)
    return y[:, :, None]
