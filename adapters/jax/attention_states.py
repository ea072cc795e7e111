"""Attention in parts, of JAX."""

from __future__ import annotations

from .attention import ONE_DEPTH, TOP_LEFT
from .framework import binds, jax, jnp
from .modules import function


@binds("merge_attention_states", "jax.scipy.special.logsumexp", composition=True)
def merge(first, first_lse, second, second_lse):
    both = jnp.stack([first_lse, second_lse], -1)
    # What is empty on both sides takes no part, so that no gradient is -∞ - -∞.
    some = (both > -jnp.inf).any(-1)
    held = jnp.where(some[..., None], both, 0)
    shares = jax.nn.softmax(held) * some[..., None]
    lse = jnp.where(some, jax.scipy.special.logsumexp(held, -1), -jnp.inf)
    return shares[..., :1] * first + shares[..., 1:] * second, lse


function(
    "variable_length_attention",
    "jax.nn.dot_product_attention",
    {
        "query_seq_lengths": "query_lengths",
        "key_value_seq_lengths": "key_lengths",
        "is_causal": "causal == 'top_left'",
        "implementation": "'xla'",
    },
    on="query, key, value",
    where=ONE_DEPTH | TOP_LEFT,
)


@binds("variable_length_attention", "jax.nn.softmax", composition=True)
def attention_by_lengths(query, key, value, query_lengths, key_lengths, *, causal):
    rows = jnp.arange(query.shape[1]) < query_lengths[:, None]
    columns = jnp.arange(key.shape[1]) < key_lengths[:, None]
    allowed = rows[:, :, None] & columns[:, None]
    if causal != "none":
        shift = (key_lengths - query_lengths if causal == "bottom_right" else 0 * key_lengths)[:, None, None]
        allowed = allowed & (jnp.arange(key.shape[1]) <= jnp.arange(query.shape[1])[:, None] + shift)
    query = jnp.where(rows[..., None, None], query, 0)
    key, value = (jnp.where(columns[..., None, None], x, 0) for x in (key, value))
    logits = jnp.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
    masked = jnp.where(allowed[:, None], logits, jnp.finfo(logits.dtype).min)
    weights = jnp.where(allowed[:, None], jax.nn.softmax(masked), 0)
    return jnp.einsum("bhqk,bkhv->bqhv", weights, value)


def owners(sizes, room):
    """The sequence that each place belongs to, and which place of it that is."""
    ends, places = jnp.cumsum(sizes), jnp.arange(room)
    own = jnp.searchsorted(ends, places, side="right")
    return own, places - jnp.pad(ends, (1, 0))[own]


@binds("packed_attention", "jax.nn.softmax", composition=True)
def attention_of_packed(query, key, value, query_sizes, key_sizes, *, causal):
    rows, row = owners(query_sizes, len(query))
    columns, column = owners(key_sizes, len(key))
    lengths, nobody = jnp.stack([query_sizes, key_sizes]), len(query_sizes)
    seen = (rows[:, None] == columns) & (columns < nobody)
    if causal != "none":
        last = lengths[1] - lengths[0] if causal == "bottom_right" else 0 * lengths[0]
        seen = seen & (column <= (row + jnp.pad(last, (0, 1))[rows])[:, None])
    query = jnp.where((rows < nobody)[:, None, None], query, 0)
    key, value = (jnp.where((columns < nobody)[:, None, None], x, 0) for x in (key, value))
    repeats = query.shape[1] // key.shape[1]
    key, value = (jnp.repeat(x, repeats, axis=1) for x in (key, value))
    logits = jnp.einsum("qhd,khd->hqk", query * query.shape[-1] ** -0.5, key)
    masked = jnp.where(seen, logits, jnp.finfo(logits.dtype).min)
    weights = jnp.where(seen, jax.nn.softmax(masked), 0)
    return jnp.einsum("hqk,khv->qhv", weights, value)
