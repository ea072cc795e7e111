"""Layers of attention of Keras."""

from __future__ import annotations

from .framework import binds, keras
from .layers import build_layer, dtype_of

BY_HEAD = {"mean": (False, "Keras returns the weights of each head")}
PLAIN = {
    "masking != 'added'": "Keras takes masks, and adds nothing to scores",
    "appended == 'none'": "Keras appends nothing to keys",
}


def layer(query, key, value, query_kernel, value_kernel, output_kernel, output_bias):
    return made(query, key, value, query_kernel, value_kernel, output_kernel, output_bias is not None)


def made(query, key, value, query_kernel, value_kernel, output_kernel, use_bias, **options):
    built = keras.layers.MultiHeadAttention(
        query_kernel.shape[1],
        query_kernel.shape[2],
        value_kernel.shape[2],
        use_bias=use_bias,
        output_shape=output_kernel.shape[2],
        dtype=dtype_of(query),
        **options,
    )
    key, value = (tuple((query if x is None else x).shape) for x in (key, value))
    built.build(tuple(query.shape), value, key)
    return built


def call(built, query, key, value, kernels, biases, masks, masking, **options):
    """Call the layer with these kernels, each before its bias, as the layer lists them."""
    key, value = (query if x is None else x for x in (key, value))
    weights = (
        kernels if biases[0] is None else [w for pair in zip(kernels, biases, strict=True) for w in pair]
    )
    mask, key_mask = masks
    allowed = mask[None] if key_mask is None and mask is not None else None
    allowed = allowed if key_mask is None else key_mask[:, None]
    states = [variable.value for variable in built.non_trainable_variables]
    y, _ = built.stateless_call(
        weights,
        states,
        query,
        value,
        key,
        attention_mask=allowed,
        use_causal_mask=masking == "causal",
        **options,
    )
    return y


@binds("multi_head_attention", "keras.layers.MultiHeadAttention", where=PLAIN, build=layer)
def multi_head(
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
    kernels = [query_kernel, key_kernel, value_kernel, output_kernel]
    biases = [query_bias, key_bias, value_bias, output_bias]
    return call(built, query, key, value, kernels, biases, (mask, key_mask), masking)


def plain_layer(query, key, value, query_kernel, value_kernel, output_kernel):
    return made(query, key, value, query_kernel, value_kernel, output_kernel, False)


@binds(
    "multi_head_attention_weights",
    "keras.layers.MultiHeadAttention",
    where=PLAIN,
    fixed=BY_HEAD,
    build=plain_layer,
)
def multi_head_and_weights(
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
):
    kernels = [query_kernel, key_kernel, value_kernel, output_kernel]
    return call(
        built, query, key, value, kernels, (None,), (mask, key_mask), masking, return_attention_scores=True
    )


# --- attention over two axes, and groups of heads, with their weights ---


def folded(length):
    """Two axes of so many places together, of which the first is short."""
    rows = next(rows for rows in (2, 3, 1) if length % rows == 0)
    return rows, length // rows


def in_rows(x):
    """A sequence as rows of places."""
    return keras.ops.reshape(x, (x.shape[0], *folded(x.shape[1]), x.shape[2]))


def layer_of_two_axes(query, key, value, query_kernel, value_kernel, output_kernel):
    arrays = in_rows(query), in_rows(key), in_rows(value)
    return made(*arrays, query_kernel, value_kernel, output_kernel, False, attention_axes=(1, 2))


@binds(
    "multi_head_attention_weights",
    "keras.layers.MultiHeadAttention(attention_axes)",
    where=PLAIN | {"masking != 'causal'": "the layer's causal mask is of one axis"},
    fixed=BY_HEAD,
    build=layer_of_two_axes,
)
def multi_head_over_two_axes(
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
):
    kernels = [query_kernel, key_kernel, value_kernel, output_kernel]
    rows, columns = folded(query.shape[1]), folded(key.shape[1])
    mask = None if mask is None else keras.ops.reshape(mask, (*rows, *columns))
    key_mask = None if key_mask is None else keras.ops.reshape(key_mask, (query.shape[0], 1, *columns))
    arrays = in_rows(query), in_rows(key), in_rows(value)
    y, weights = call(
        built, *arrays, kernels, (None,), (mask, key_mask), masking, return_attention_scores=True
    )
    y = keras.ops.reshape(y, (*query.shape[:2], y.shape[-1]))
    return y, keras.ops.reshape(weights, (*weights.shape[:2], query.shape[1], key.shape[1]))


def layer_of_groups(query, key, value, query_kernel):
    _, heads, depth = query_kernel.shape
    built = keras.layers.GroupQueryAttention(depth, heads, heads, use_bias=False, dtype=dtype_of(query))
    built.build(tuple(query.shape), tuple(value.shape), tuple(key.shape))
    return built


@binds(
    "multi_head_attention_weights",
    "keras.layers.GroupQueryAttention",
    where=PLAIN
    | {
        "values == depth": "the layer has one depth for keys and values",
        "outputs == features": "the layer gives as many features as come in",
    },
    fixed=BY_HEAD,
    build=layer_of_groups,
)
def grouped_and_weights(
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
):
    kernels = [query_kernel, key_kernel, value_kernel, output_kernel]
    return call(
        built, query, key, value, kernels, (None,), (mask, key_mask), masking, return_attention_scores=True
    )


def additive_layer(query, key, value, scale):
    made = keras.layers.AdditiveAttention(use_scale=scale is not None, dtype=dtype_of(query))
    return build_layer(made, [query, value, key])


@binds("additive_attention", "keras.layers.AdditiveAttention", build=additive_layer)
def additive(built, query, key, value, scale, key_mask, *, causal):
    weights = [] if scale is None else [scale]
    masks = None if key_mask is None else [None, key_mask]
    states = [variable.value for variable in built.non_trainable_variables]
    y, _ = built.stateless_call(weights, states, [query, value, key], mask=masks, use_causal_mask=causal)
    return y
