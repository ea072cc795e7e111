"""Attention put together from TensorFlow's primitives: the layer itself is Keras's."""

from __future__ import annotations

from .framework import binds, tf

SELECTED = {"masking": ("select", "what is masked is replaced")}
FILLED = {"empty_row != 'zero'": "a softmax always sums to one, or over -∞ alone is NaN"}


@binds("dot_product_attention", "tf.nn.softmax", where=FILLED, fixed=SELECTED, composition=True)
def attention(query, key, value, bias, mask, *, scale, causal, empty_row):
    queries, keys = query.shape[1], key.shape[1]
    logits = tf.einsum("bqhd,bkhd->bhqk", query * (query.shape[-1] ** -0.5 if scale is None else scale), key)
    logits = logits if bias is None else logits + bias
    last = {"none": keys, "top_left": 0, "bottom_right": keys - queries}[causal]
    allowed = tf.range(keys) <= tf.range(queries)[:, None] + last
    allowed = allowed if mask is None else allowed & mask
    masked = tf.constant(float("-inf") if empty_row == "nan" else logits.dtype.min, logits.dtype)
    weights = tf.nn.softmax(tf.where(allowed, logits, masked))
    return tf.einsum("bhqk,bkhv->bqhv", weights, value)
