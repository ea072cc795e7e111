"""Attention to what is kept in memory, of JAX and flax."""

from __future__ import annotations

from .attention import ONE_DEPTH
from .framework import binds, jax, jnp, linen, nnx

# --- a cache ---


def stored(cache, new, lengths):
    """A cache with the steps of each sequence behind what it has."""
    return jax.vmap(lambda old, add, at: jax.lax.dynamic_update_slice(old, add, (at, 0, 0)))(
        cache, new, lengths
    )


def cleared(x, used):
    """0 where nothing is stored."""
    return jnp.where(used[..., None, None], x, 0)


def averaged(query, key, value, seen):
    """Averages of the values that are seen, whose heads serve a group each; 0 of nothing."""
    repeats = query.shape[2] // key.shape[2]
    key, value = (jnp.repeat(x, repeats, axis=2) for x in (key, value))
    logits = jnp.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
    masked = jnp.where(seen, logits, jnp.finfo(logits.dtype).min)
    return jnp.einsum("bhqk,bkhv->bqhv", jnp.where(seen, jax.nn.softmax(masked), 0), value)


@binds("cached_attention", "jax.lax.dynamic_update_slice", composition=True)
def attention_with_cache(query, key, value, key_cache, value_cache, lengths, *, left):
    keys, values = stored(key_cache, key, lengths), stored(value_cache, value, lengths)
    slots, steps = jnp.arange(keys.shape[1]), key.shape[1]
    behind = (lengths[:, None] + jnp.arange(steps))[:, None, :, None] - slots
    seen = (behind >= 0) if left is None else (behind >= 0) & (behind <= left)
    used = slots < lengths[:, None] + steps
    return averaged(query, cleared(keys, used), cleared(values, used), seen), keys, values


ONE_STEP = {"steps == 1": "one step at a time", "left is None": "has no window of cached keys"}


@binds(
    "cached_attention",
    "jax.nn.dot_product_attention(key_value_seq_lengths)",
    where=ONE_DEPTH | ONE_STEP,
)
def attention_by_lengths(query, key, value, key_cache, value_cache, lengths):
    keys, values = stored(key_cache, key, lengths), stored(value_cache, value, lengths)
    y = jax.nn.dot_product_attention(query, keys, values, key_value_seq_lengths=lengths + 1)
    return y, keys, values


DECODING = (
    ONE_DEPTH
    | ONE_STEP
    | {
        "batch == 1": "flax has one length for all sequences",
        "repeats == 1": "the layer has as many heads of keys as of queries",
    }
)


def passing(heads, depth, dtype):
    """The kernel that gives each head its own part of what comes in."""
    return jnp.eye(heads * depth, dtype=dtype).reshape(heads * depth, heads, depth)


def flat(x):
    """All heads in one, as the layer takes them."""
    return x.reshape(*x.shape[:2], -1)


def kernels_of(query):
    """Parameters of projections that pass everything on."""
    heads, depth = query.shape[2:]
    into = passing(heads, depth, query.dtype)
    out = into.transpose(1, 2, 0)
    return {"query": into, "key": into, "value": into, "out": out}


def linen_decoder(query):
    heads, depth = query.shape[2:]
    return linen.MultiHeadDotProductAttention(
        heads, qkv_features=heads * depth, use_bias=False, decode=True, param_dtype=query.dtype
    )


@binds(
    "cached_attention",
    "flax.linen.MultiHeadDotProductAttention(decode)",
    where=DECODING,
    build=linen_decoder,
)
def decode_linen(built, query, key, value, key_cache, value_cache, lengths):
    params = {name: {"kernel": kernel} for name, kernel in kernels_of(query).items()}
    cache = {"cached_key": key_cache, "cached_value": value_cache, "cache_index": lengths[0]}
    y, state = built.apply(
        {"params": params, "cache": cache}, *(flat(x) for x in (query, key, value)), mutable=["cache"]
    )
    return y.reshape(query.shape), state["cache"]["cached_key"], state["cache"]["cached_value"]


def nnx_decoder(query):
    heads, depth = query.shape[2:]
    return nnx.MultiHeadAttention(
        heads, heads * depth, use_bias=False, decode=True, param_dtype=query.dtype, rngs=nnx.Rngs(0)
    )


@binds("cached_attention", "flax.nnx.MultiHeadAttention(decode)", where=DECODING, build=nnx_decoder)
def decode_nnx(built, query, key, value, key_cache, value_cache, lengths):
    layer = nnx.merge(*nnx.split(built))
    for name, kernel in kernels_of(query).items():
        getattr(layer, name).kernel = nnx.Param(kernel)
    layer.cached_key, layer.cached_value = nnx.Cache(key_cache), nnx.Cache(value_cache)
    layer.cache_index = nnx.Cache(lengths[0])
    y = layer(*(flat(x) for x in (query, key, value)))
    return y.reshape(query.shape), layer.cached_key[...], layer.cached_value[...]


# --- pages and latent keys ---


@binds("paged_attention", "jax.numpy.take", composition=True)
def attention_to_pages(query, key_pages, value_pages, table, lengths, *, left):
    pages = jnp.take(jnp.concatenate([key_pages, value_pages], -1), table, axis=0)
    pages = pages.reshape(len(table), -1, *pages.shape[3:])
    behind = lengths[:, None] - 1 - jnp.arange(pages.shape[1])
    seen = (behind >= 0) if left is None else (behind >= 0) & (behind <= left)
    key, value = jnp.split(cleared(pages, behind >= 0), [key_pages.shape[-1]], axis=-1)
    return averaged(query[:, None], key, value, seen[:, None, None])[:, 0]


@binds("latent_attention", "jax.nn.softmax", composition=True)
def attention_to_latents(
    query, query_rope, latent, key_rope, key_kernel, value_kernel, lengths, *, causal, scale
):
    places = jnp.arange(latent.shape[1])
    counts = places < lengths[:, None]
    latent, key_rope = (jnp.where(counts[..., None], x, 0) for x in (latent, key_rope))
    scale = (query.shape[3] + query_rope.shape[3]) ** -0.5 if scale is None else scale
    # The query meets latent keys, and the average is of latent values.
    absorbed = jnp.einsum("bqhd,rhd->bqhr", query, key_kernel)
    logits = jnp.einsum("bqhr,bkr->bhqk", absorbed, latent) + jnp.einsum(
        "bqhp,bkp->bhqk", query_rope, key_rope
    )
    left_out = jnp.arange(query.shape[1])[::-1, None] * causal
    seen = (places < lengths[:, None, None] - left_out)[:, None]
    masked = jnp.where(seen, logits * scale, jnp.finfo(logits.dtype).min)
    weights = jnp.where(seen, jax.nn.softmax(masked), 0)
    return jnp.einsum("bqhr,rhv->bqhv", jnp.einsum("bhqk,bkr->bqhr", weights, latent), value_kernel)
