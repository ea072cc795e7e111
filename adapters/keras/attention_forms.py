"""Attention as kernels compute it, of Keras."""

from __future__ import annotations

from .framework import binds, keras
from .layers import dtype_of, function

UNIFORM = "what is masked is a large negative number"
GROUPED = {
    "head_map == 'blocked'": "neighbours share a head of keys",
    "empty_row == 'uniform' or not (causal == 'bottom_right' and queries > keys)": UNIFORM,
}
ONE_DEPTH = {"values == depth": "the layer has one depth for keys and values"}


def lower_right(query, key):
    """True where a key does not lie behind the query, the last of both side by side."""
    places = keras.ops.arange(query.shape[1]) + key.shape[1] - query.shape[1]
    return (keras.ops.arange(key.shape[1]) <= places[:, None])[None, None]


function(
    "grouped_query_attention",
    "keras.ops.dot_product_attention",
    {
        "is_causal": "causal == 'top_left'",
        "mask": "lower_right(query, key) if causal == 'bottom_right' else None",
    },
    on="query, key, value",
    where=GROUPED,
)

# --- the layer, whose projections are made to pass everything on ---


def flat(x):
    """All heads in one, as the layer takes them."""
    return keras.ops.reshape(x, (*x.shape[:2], x.shape[2] * x.shape[3]))


def passing(heads, depth, dtype):
    """The kernel that gives each head its own part of what comes in."""
    return keras.ops.reshape(keras.ops.eye(heads * depth, dtype=dtype), (heads * depth, heads, depth))


def make_layer(query, key, value, **options):
    layer = keras.layers.GroupQueryAttention(
        query.shape[3], query.shape[2], key.shape[2], use_bias=False, dtype=dtype_of(query), **options
    )
    layer.build(*((*x.shape[:2], x.shape[2] * x.shape[3]) for x in (query, value, key)))
    return layer


def grouped_layer(query, key, value):
    return make_layer(query, key, value)


def windowed_layer(query, key, value, *, left):
    # The layer's window counts a query's own place.
    return make_layer(query, key, value, sliding_window=left + 1)


def call_grouped(layer, query, key, value, **options):
    heads, groups, depth = query.shape[2], key.shape[2], query.shape[3]
    into, out = (passing(n, depth, dtype_of(query)) for n in (groups, heads))
    kernels = [out, into, into, keras.ops.reshape(out, (heads, depth, heads * depth))]
    states = [variable.value for variable in layer.non_trainable_variables]
    y, _ = layer.stateless_call(kernels, states, flat(query), flat(value), flat(key), **options)
    return keras.ops.reshape(y, query.shape)


@binds(
    "grouped_query_attention",
    "keras.layers.GroupQueryAttention",
    where=GROUPED | ONE_DEPTH | {"data != 'nan'": "a projection spreads NaN over all of a head"},
    build=grouped_layer,
)
def grouped_attention(built, query, key, value, *, causal):
    mask = lower_right(query, key)[0] if causal == "bottom_right" else None
    return call_grouped(built, query, key, value, use_causal_mask=causal == "top_left", attention_mask=mask)


@binds(
    "sliding_window_attention",
    "keras.layers.GroupQueryAttention(sliding_window)",
    where=ONE_DEPTH
    | {
        "left is not None and right in (0, left)": "the window has equal sides, or a causal mask beside it",
        "alignment == 'top_left'": "the window begins with the first key",
        "empty_row == 'uniform' or left in (None, 40) or queries <= keys + left": UNIFORM,
    },
    build=windowed_layer,
)
def windowed_attention(built, query, key, value, *, right):
    return call_grouped(built, query, key, value, use_causal_mask=right == 0)
