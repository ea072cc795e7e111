"""Attention of JAX and flax."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .modules import function

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


GIVEN = "query, key, value, bias, mask"
CAUSAL = "causal == 'top_left'"

function(
    "dot_product_attention",
    "jax.nn.dot_product_attention",
    {"scale": "scale", "is_causal": CAUSAL, "implementation": "'xla'"},
    on=GIVEN,
    where=OPTIMISED,
)
function(
    "dot_product_attention",
    "flax.nnx.dot_product_attention",
    {"deterministic": "True", "is_causal": CAUSAL},
    on=GIVEN,
    defaults={"is_causal": False},
    where=OPTIMISED | OWN_SCALE,
)
function(
    "dot_product_attention",
    "flax.linen.dot_product_attention",
    {"deterministic": "True"},
    on=GIVEN,
    where=LINEN,
)


@binds("dot_product_attention", "jax.nn.softmax", where=NOT_ADDED | FILLED, composition=True)
def attention_softmax(query, key, value, bias, mask, *, scale, causal, empty_row, masking):
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
