"""Layers of attention of flax, and what users of JAX put together."""

from __future__ import annotations

from .framework import binds, jax, jnp, linen, nnx

PLAIN = {
    "values == depth": "flax has one depth for keys and values",
    "masking != 'added'": "flax takes masks, and adds nothing to scores",
    "appended == 'none'": "flax appends nothing to keys",
}
ONE_MEMORY = {"memory == contents": "flax.nnx takes as many features of keys as of values"}


def allowed_pairs(query, key, mask, key_mask, masking):
    """A mask of all heads, or None."""
    if masking == "causal":
        return jnp.tri(query.shape[1], key.shape[1], dtype=bool)[None, None]
    return (
        None
        if mask is key_mask is None
        else mask[None, None]
        if key_mask is None
        else key_mask[:, None, None]
    )


def weights_of(kernels, biases):
    """Parameters of flax's four projections."""
    names = "query", "key", "value", "out"
    named = {name: {"kernel": kernel} for name, kernel in zip(names, kernels, strict=True)}
    if biases[0] is not None:
        named = {n: named[n] | {"bias": bias} for n, bias in zip(names, biases, strict=True)}
    return named


def options_of(query_kernel, output_kernel, output_bias):
    _, heads, depth = query_kernel.shape
    return {
        "num_heads": heads,
        "qkv_features": heads * depth,
        "out_features": output_kernel.shape[2],
        "use_bias": output_bias is not None,
    }


def nnx_layer(query, key_kernel, query_kernel, output_kernel, output_bias):
    return nnx.MultiHeadAttention(
        in_features=query_kernel.shape[0],
        in_kv_features=key_kernel.shape[0],
        decode=False,
        param_dtype=query.dtype,
        rngs=nnx.Rngs(0),
        **options_of(query_kernel, output_kernel, output_bias),
    )


@binds("multi_head_attention", "flax.nnx.MultiHeadAttention", where=PLAIN | ONE_MEMORY, build=nnx_layer)
def multi_head_nnx(
    built,
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    query_bias,
    key_bias,
    value_bias,
    output_bias,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
):
    layer = nnx.merge(*nnx.split(built))
    given = weights_of(
        (query_kernel, key_kernel, value_kernel, output_kernel),
        (query_bias, key_bias, value_bias, output_bias),
    )
    for name, arrays in given.items():
        for kind, array in arrays.items():
            setattr(getattr(layer, name), kind, nnx.Param(array))
    allowed = allowed_pairs(query, query if key is None else key, mask, key_mask, masking)
    return layer(query, key, value, mask=allowed)


def linen_layer(query, query_kernel, output_kernel, output_bias):
    return linen.MultiHeadDotProductAttention(
        param_dtype=query.dtype, **options_of(query_kernel, output_kernel, output_bias)
    )


def linen_alias(query, query_kernel, output_kernel, output_bias):
    return linen.MultiHeadAttention(
        param_dtype=query.dtype, **options_of(query_kernel, output_kernel, output_bias)
    )


def linen_self(query, query_kernel, output_kernel, output_bias):
    return linen.SelfAttention(
        param_dtype=query.dtype, **options_of(query_kernel, output_kernel, output_bias)
    )


@binds("multi_head_attention", "flax.linen.MultiHeadAttention", where=PLAIN, build=linen_alias)
@binds("multi_head_attention", "flax.linen.MultiHeadDotProductAttention", where=PLAIN, build=linen_layer)
def multi_head_linen(
    built,
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    query_bias,
    key_bias,
    value_bias,
    output_bias,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
):
    params = weights_of(
        (query_kernel, key_kernel, value_kernel, output_kernel),
        (query_bias, key_bias, value_bias, output_bias),
    )
    allowed = allowed_pairs(query, query if key is None else key, mask, key_mask, masking)
    return built.apply({"params": params}, query, key, value, mask=allowed)


@binds(
    "multi_head_attention",
    "flax.linen.SelfAttention",
    where=PLAIN | {"self_attention": "it takes one input alone"},
    build=linen_self,
)
def self_attention_linen(
    built,
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    query_bias,
    key_bias,
    value_bias,
    output_bias,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
):
    params = weights_of(
        (query_kernel, key_kernel, value_kernel, output_kernel),
        (query_bias, key_bias, value_bias, output_bias),
    )
    return built.apply({"params": params}, query, mask=allowed_pairs(query, query, mask, key_mask, masking))


def linen_plain(query, query_kernel, output_kernel):
    return linen_layer(query, query_kernel, output_kernel, None)


@binds(
    "multi_head_attention_weights",
    "flax.linen.MultiHeadDotProductAttention(sow_weights)",
    where=PLAIN,
    build=linen_plain,
)
def multi_head_linen_and_weights(
    built,
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
    mean,
):
    params = weights_of((query_kernel, key_kernel, value_kernel, output_kernel), (None,) * 4)
    y, state = built.apply(
        {"params": params},
        query,
        key,
        value,
        mask=allowed_pairs(query, key, mask, key_mask, masking),
        sow_weights=True,
        mutable=["intermediates"],
    )
    (weights,) = state["intermediates"]["attention_weights"]
    return y, weights.mean(1) if mean else weights


def behind(last_key, last_value, appended):
    """What stands behind the keys: each with its value, None for 0."""
    learned = [] if last_key is None else [(last_key, last_value)]
    return [*learned, (None, None)] if appended in ("zero", "both") else learned


@binds("multi_head_attention", "jax.nn.softmax", composition=True)
def multi_head_by_hand(
    query,
    key,
    value,
    query_kernel,
    key_kernel,
    value_kernel,
    output_kernel,
    query_bias,
    key_bias,
    value_bias,
    output_bias,
    score_bias,
    last_key,
    last_value,
    mask,
    key_mask,
    *,
    masking,
    appended,
):
    key, value = (query if x is None else x for x in (key, value))
    q, k, v = (
        jnp.einsum("btf,fhd->bthd", x, kernel) + (0 if bias is None else bias)
        for x, kernel, bias in (
            (query, query_kernel, query_bias),
            (key, key_kernel, key_bias),
            (value, value_kernel, value_bias),
        )
    )
    logits = jnp.einsum("bqhd,bkhd->bhqk", q * q.shape[-1] ** -0.5, k)
    logits = logits if score_bias is None else logits + score_bias
    allowed = allowed_pairs(query, key, mask, key_mask, masking)
    logits = logits if allowed is None else jnp.where(allowed, logits, -jnp.inf)
    for last, of in behind(last_key, last_value, appended):
        score = 0 * q[..., 0] if last is None else (q * q.shape[-1] ** -0.5 * last).sum(-1)
        logits = jnp.concatenate([logits, score.swapaxes(1, 2)[..., None]], -1)
        of = jnp.zeros_like(v[:1, :1]) if of is None else of[None, None]
        v = jnp.concatenate([v, jnp.broadcast_to(of, (len(v), 1, *v.shape[2:]))], 1)
    weights = jax.nn.softmax(logits)
    y = jnp.einsum("bhqk,bkhv,hvf->bqf", weights, v, output_kernel)
    return y if output_bias is None else y + output_bias


@binds("additive_attention", "jax.numpy.tanh", composition=True)
def additive(query, key, value, scale, key_mask, *, causal):
    hidden = jnp.tanh(query[:, :, None] + key[:, None])
    logits = hidden.sum(-1) if scale is None else hidden @ scale
    if key_mask is not None:
        logits = jnp.where(key_mask[:, None], logits, -jnp.inf)
    if causal:
        logits = jnp.where(jnp.tri(*logits.shape[1:], dtype=bool), logits, -jnp.inf)
    return jax.nn.softmax(logits) @ value
