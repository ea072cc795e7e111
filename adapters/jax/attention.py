"""Attention of JAX and flax."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, jnp, linen, nnx

SELECTED = {"masking == 'select'": "what is masked is replaced"}
NOT_ADDED = {"masking != 'add'": "what is masked is replaced"}
UNIFORM = {
    "empty_row == 'uniform' or not use_mask and causal != 'bottom_right'": "masked is a large negative number"
}
FILLED = {"empty_row != 'zero'": "a softmax always sums to one, or over -∞ alone is NaN"}
TOP_LEFT = {"causal != 'bottom_right'": "is_causal aligns the diagonal with the first key"}
ONE_DEPTH = {"values == depth": "values must be as deep as keys"}
OWN_SCALE = {"scale is None": "flax scales by 1/√depth"}
NOT_CAUSAL = {"causal == 'none'": "flax.linen takes causality as a mask"}
OPTIMISED = SELECTED | UNIFORM | TOP_LEFT | ONE_DEPTH
LINEN = SELECTED | UNIFORM | NOT_CAUSAL | OWN_SCALE


@binds("dot_product_attention", "jax.nn.dot_product_attention", where=OPTIMISED)
def attention(query: Any, key: Any, value: Any, bias: Any, mask: Any, *, scale: Any, causal: str) -> Any:
    return jax.nn.dot_product_attention(
        query, key, value, bias, mask, scale=scale, is_causal=causal == "top_left", implementation="xla"
    )


@binds("dot_product_attention", "flax.nnx.dot_product_attention", where=OPTIMISED | OWN_SCALE)
def attention_nnx(query: Any, key: Any, value: Any, bias: Any, mask: Any, *, causal: str) -> Any:
    causality = {"is_causal": True} if causal == "top_left" else {}
    return nnx.dot_product_attention(query, key, value, bias, mask, deterministic=True, **causality)


@binds("dot_product_attention", "flax.linen.dot_product_attention", where=LINEN)
def attention_linen(query: Any, key: Any, value: Any, bias: Any, mask: Any) -> Any:
    return linen.dot_product_attention(query, key, value, bias, mask, deterministic=True)


@binds("dot_product_attention", "jax.nn.softmax", where=NOT_ADDED | FILLED, composition=True)
def attention_softmax(
    query: Any,
    key: Any,
    value: Any,
    bias: Any,
    mask: Any,
    *,
    scale: Any,
    causal: str,
    empty_row: str,
    masking: str,
) -> Any:
    query = query * (query.shape[-1] ** -0.5 if scale is None else scale)
    logits = jnp.einsum("bqhd,bkhd->bhqk", query, key)
    logits = logits if bias is None else logits + bias
    last = {"none": key.shape[1], "top_left": 0, "bottom_right": key.shape[1] - query.shape[1]}[causal]
    allowed = jnp.tri(query.shape[1], key.shape[1], last, dtype=bool)
    allowed = allowed if mask is None else allowed & mask
    masked = -jnp.inf if empty_row == "nan" else jnp.finfo(logits.dtype).min
    weights = jax.nn.softmax(jnp.where(allowed, logits, masked))
    if masking != "drop":
        return jnp.einsum("bhqk,bkhv->bqhv", weights, value)
    counts = (allowed | ~allowed.any(-1, keepdims=True))[..., None]
    values = jnp.where(counts, jnp.swapaxes(value, 1, 2)[:, :, None], 0)
    return jnp.swapaxes((weights[..., None] * values).sum(3), 1, 2)
