"""Biases by distance and fused softmaxes, put together from what JAX has."""

from __future__ import annotations

from .attention_forms import masked_softmax
from .framework import binds, jax, jnp


def slopes_of_paper(heads, like):
    """A geometric sequence for a power of two; other heads take every other slope of twice as many."""
    power = 2 ** (heads.bit_length() - 1)
    exponents = [8 * h / power for h in range(1, power + 1)]
    exponents += [4 * h / power for h in range(1, 2 * (heads - power), 2)]
    return jnp.exp2(-jnp.array(exponents, dtype=like.dtype))


@binds("alibi_attention", "jax.nn.softmax", composition=True)
def attention_with_alibi(query, key, value, slopes, *, causal, alignment, bias_by):
    queries, keys = query.shape[1], key.shape[1]
    slopes = slopes_of_paper(query.shape[2], query) if slopes is None else slopes
    first = keys - queries if alignment == "bottom_right" else 0
    every = jnp.arange(keys)
    ahead = every - (jnp.arange(queries)[:, None] + first)
    factors = (every if bias_by == "place" else -jnp.abs(ahead)).astype(query.dtype)
    logits = jnp.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
    logits = logits + slopes[:, None, None] * factors
    seen = ahead <= (0 if causal else keys + queries)
    lse = jax.scipy.special.logsumexp(logits, -1, where=seen)
    y = jnp.einsum("bhqk,bkhv->bqhv", masked_softmax(logits, seen, "zero"), value)
    return y, jnp.swapaxes(lse, 1, 2)


@binds("scaled_masked_softmax", "jax.nn.softmax", composition=True)
def softmax_of_scores(x, mask, *, scale, causal, plus_one, empty_row):
    seen = jnp.ones(x.shape, dtype=bool) if mask is None else jnp.broadcast_to(mask, x.shape)
    seen = jnp.tril(seen) if causal else seen
    if not plus_one:
        return masked_softmax(x * scale, seen, empty_row)
    column = jnp.zeros((*x.shape[:-1], 1), x.dtype)
    beside = jnp.concatenate([x * scale, column], -1)
    return masked_softmax(beside, jnp.pad(seen, [(0, 0)] * 3 + [(0, 1)], constant_values=True), "zero")[
        ..., : x.shape[-1]
    ]
