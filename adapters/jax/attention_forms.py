"""Attention as kernels compute it, of JAX and flax."""

from __future__ import annotations

from .attention import ONE_DEPTH
from .framework import binds, jax, jnp
from .modules import function

UNIFORM = "what is masked is a large negative number"
BLOCKED = {"head_map == 'blocked'": "neighbours share a head of keys"}
CAUSAL = {
    "is_causal": "causal == 'top_left'",
    "mask": "lower_right(query, key) if causal == 'bottom_right' else None",
}


def lower_right(query, key):
    """True where a key does not lie behind the query, the last of both side by side."""
    return jnp.tri(query.shape[1], key.shape[1], key.shape[1] - query.shape[1], dtype=bool)[None, None]


def window(query, key, left, right, alignment):
    """True where a key lies within the window of a query."""
    queries, keys = query.shape[1], key.shape[1]
    first = keys - queries if alignment == "bottom_right" else 0
    last = queries + keys if right is None else right
    within = jnp.tri(queries, keys, first + last, dtype=bool)
    return within if left is None else within & ~jnp.tri(queries, keys, first - left - 1, dtype=bool)


def masked_softmax(logits, allowed, empty_row):
    """Softmax over what is allowed; over nothing it gives zeros, or equal weights."""
    masked = jnp.where(allowed, logits, jnp.finfo(logits.dtype).min)
    weights = jax.nn.softmax(masked)
    return jnp.where(allowed, weights, 0) if empty_row == "zero" else weights


# --- groups of heads ---

GROUPED = BLOCKED | {"empty_row == 'uniform' or not (causal == 'bottom_right' and queries > keys)": UNIFORM}

function(
    "grouped_query_attention",
    "jax.nn.dot_product_attention",
    CAUSAL,
    on="query, key, value",
    where=GROUPED | ONE_DEPTH,
)
function(
    "grouped_query_attention",
    "flax.nnx.dot_product_attention",
    CAUSAL | {"deterministic": "True"},
    on="query, key, value",
    where=GROUPED | ONE_DEPTH,
)


@binds("grouped_query_attention", "jax.numpy.repeat", composition=True)
def attention_of_repeated(query, key, value, *, head_map, causal, empty_row):
    repeats = query.shape[2] // key.shape[2]
    if head_map == "blocked":
        key, value = (jnp.repeat(x, repeats, axis=2) for x in (key, value))
    else:
        key, value = (jnp.tile(x, (1, 1, repeats, 1)) for x in (key, value))
    logits, allowed = scores(query, key, causal)
    weights = masked_softmax(logits, allowed, empty_row)
    return jnp.einsum("bhqk,bkhv->bqhv", weights, value)


# --- windows ---


def bounded(side, query, key):
    """Farther than any key lies from a query, where a side has no bound."""
    return query.shape[1] + key.shape[1] if side is None else side


function(
    "sliding_window_attention",
    "jax.nn.dot_product_attention",
    {
        "local_window_size": "(bounded(left, query, key), bounded(right, query, key))",
        "implementation": "'xla'",
    },
    on="query, key, value",
    where=ONE_DEPTH
    | {
        "alignment == 'top_left'": "the window begins with the first key",
        "empty_row == 'uniform' or left in (None, 40) or queries <= keys + left": UNIFORM,
    },
)


@binds("sliding_window_attention", "jax.nn.softmax", composition=True)
def windowed_attention(query, key, value, *, left, right, alignment, empty_row):
    logits, _ = scores(query, key, "none")
    weights = masked_softmax(logits, window(query, key, left, right, alignment), empty_row)
    return jnp.einsum("bhqk,bkhv->bqhv", weights, value)


# --- the log of the sum ---

DIFFERENTIABLE = {"lse_gradient": ("flows", "it is returned beside the average")}

function(
    "attention_with_lse",
    "jax.nn.dot_product_attention(return_residual)",
    CAUSAL | {"return_residual": "True"},
    on="query, key, value",
    where=ONE_DEPTH
    | {"causal != 'bottom_right' or queries <= keys": "of no key it gives the average of all, and -2.4e38"},
    fixed=DIFFERENTIABLE,
)


@binds("attention_with_lse", "jax.scipy.special.logsumexp", fixed=DIFFERENTIABLE, composition=True)
def attention_and_lse(query, key, value, *, causal):
    logits, allowed = scores(query, key, causal)
    lse = jax.scipy.special.logsumexp(logits, -1, where=allowed)
    weights = masked_softmax(logits, allowed, "zero")
    return jnp.einsum("bhqk,bkhv->bqhv", weights, value), jnp.swapaxes(lse, 1, 2)


# --- what has no function ---


def scores(query, key, causal):
    """Products by their depth, and where they count."""
    logits = jnp.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
    alignment = "bottom_right" if causal == "bottom_right" else "top_left"
    return logits, window(query, key, None, None if causal == "none" else 0, alignment)


@binds("softcap_attention", "jax.numpy.tanh", composition=True)
def capped_attention(query, key, value, *, softcap, causal):
    logits, allowed = scores(query, key, causal)
    weights = jax.nn.softmax(jnp.where(allowed, jnp.tanh(logits / softcap) * softcap, -jnp.inf))
    return jnp.einsum("bhqk,bkhv->bqhv", weights, value)


@binds("sink_attention", "jax.nn.softmax", composition=True)
def attention_with_sinks(query, key, value, sinks, *, causal):
    logits, allowed = scores(query, key, causal)
    column = jnp.broadcast_to(sinks[:, None, None], (*logits.shape[:-1], 1))
    joined = jnp.concatenate([jnp.where(allowed, logits, -jnp.inf), column], -1)
    y = jnp.einsum("bhqk,bkhv->bqhv", jax.nn.softmax(joined)[..., :-1], value)
    return y, jnp.swapaxes(jax.scipy.special.logsumexp(joined, -1), 1, 2)
