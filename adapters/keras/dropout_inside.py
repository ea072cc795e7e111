"""Dropout inside recurrent layers and attention of Keras."""

from __future__ import annotations

from .framework import binds, keras
from .layers import DTYPE, build_layer, call_layer, dtype_of, layer
from .recurrent import GRU_WEIGHTS, UNITS, WEIGHTS, options_of, weights_of
from .recurrent import gru_weights_of as gru_weights_of  # rows name it

SEQUENCE = {"over_time": ("sequence", "draws a mask once for all steps")}
GATES = {
    "(over_gates == 'own') == (recurrent_rate > 0)": "draws a mask for each gate with recurrent_dropout only"
}
OWN = {"over_gates": ("own", "draws a mask for each gate")}
NONE_SHARED = {"shared": ("none", "draws a mask for each sample and head")}
ONE_HEAD = {"heads == 1": "keras.layers.Attention has one head"}

RATES = {"dropout": "rate", "recurrent_dropout": "recurrent_rate", "seed": "seed"}
SEQUENCES = {"return_sequences": "True", "return_state": "True"}
DROPPING = UNITS | RATES
RESET = DROPPING | {"reset_after": "reset_after"}
BY_GATE = DROPPING | {"implementation": "1"}


def of_cell(cell, options):
    """Options of a layer that repeats this cell over time."""
    written = ", ".join(f"{name}={value}" for name, value in options.items())
    return {"cell": f"{cell}({written})"} | DTYPE


for spec, api, calls, options, weights, carry, where, fixed in (
    ("lstm_dropout", "LSTM", "LSTM", DROPPING, WEIGHTS, "[h, c]", GATES, SEQUENCE),
    ("lstm_dropout", "LSTM(implementation=1)", "LSTM", BY_GATE, WEIGHTS, "[h, c]", {}, SEQUENCE | OWN),
    ("lstm_dropout", "LSTMCell", "RNN", DROPPING, WEIGHTS, "[h, c]", GATES, SEQUENCE),
    ("gru_dropout", "GRU", "GRU", RESET, GRU_WEIGHTS, "[h]", GATES, SEQUENCE),
    ("gru_dropout", "GRUCell", "RNN", RESET, GRU_WEIGHTS, "[h]", GATES, SEQUENCE),
    ("simple_rnn_dropout", "SimpleRNN", "SimpleRNN", DROPPING, WEIGHTS, "[h]", {}, SEQUENCE),
    ("simple_rnn_dropout", "SimpleRNNCell", "RNN", DROPPING, WEIGHTS, "[h]", {}, SEQUENCE),
):
    layer(
        spec,
        f"keras.layers.{api}",
        (of_cell(f"keras.layers.{api}", options) if calls == "RNN" else options) | SEQUENCES,
        weights,
        on=f"x, initial_state={carry}, training=training",
        calls=f"keras.layers.{calls}",
        where=where,
        fixed=fixed,
    )


def between_steps(x, h, *, rate, over_time, seed):
    noise_shape = (None, None if over_time == "step" else 1, None)
    return build_layer(keras.layers.Dropout(rate, noise_shape=noise_shape, seed=seed, dtype=dtype_of(x)), x)


@binds("layer_norm_lstm_update_dropout", "keras.layers.Dropout", composition=True, build=between_steps)
def layer_norm_lstm_update_dropout(
    built,
    x,
    h,
    c,
    kernel,
    recurrent_kernel,
    bias,
    scale,
    cell_scale,
    cell_bias,
    *,
    carried,
    epsilon,
    training,
):
    ops = keras.ops
    masks = call_layer(built, ops.ones((*x.shape[:2], h.shape[-1]), dtype=dtype_of(x)), training=training)

    def norm(x, scale, bias):
        return ops.layer_normalization(x, scale, bias, axis=-1, epsilon=epsilon)

    sequence = []
    for step, mask in zip(ops.unstack(x, axis=1), ops.unstack(masks, axis=1), strict=True):
        products = ops.matmul(step, kernel) + ops.matmul(h, recurrent_kernel)
        gates = (ops.split(a, 4, axis=-1) for a in (products, scale, bias))
        i, f, g, o = (norm(*gate) for gate in zip(*gates, strict=True))
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * (ops.tanh(g) * mask)
        seen = norm(c, cell_scale, cell_bias)
        h, c = ops.sigmoid(o) * ops.tanh(seen), c if carried == "cell" else seen
        sequence.append(h)
    return ops.stack(sequence, axis=1), h, c


# --- between layers ---


def two_layers(x, h, *, rate, over_time, seed):
    """Both layers, and what drops between them."""
    options = {"return_sequences": True, "return_state": True, **options_of(x, bias=True)}
    lower, upper = (keras.layers.LSTM(h.shape[-1], **options) for _ in range(2))
    between = between_steps(x, h, rate=rate, over_time=over_time, seed=seed)
    upper.build((*x.shape[:2], h.shape[-1]))
    return build_layer(lower, x), between, upper


@binds("stacked_lstm_dropout", "keras.layers.Dropout", composition=True, build=two_layers)
def stacked_lstm_dropout(built, x, h, c, kernel, upper_kernels, recurrent_kernel, bias, *, training):
    lower, between, upper = built
    others = map(keras.ops.unstack, (recurrent_kernel, bias))
    weights = [weights_of(*of) for of in zip((kernel, upper_kernels[0]), *others, strict=True)]
    y, *below = call_layer(lower, x, initial_state=[h[0], c[0]], training=training, **weights[0])
    y = call_layer(between, y, training=training)
    y, *above = call_layer(upper, y, initial_state=[h[1], c[1]], training=training, **weights[1])
    return y, *(keras.ops.stack(states) for states in zip(below, above, strict=True))


# --- in attention ---


def single(query, key, value):
    """What the layer takes of the only head, in its order."""
    return [query[:, :, 0], value[:, :, 0], key[:, :, 0]]


def attention_layer(query, key, value, *, rate, seed):
    layer = keras.layers.Attention(use_scale=True, dropout=rate, seed=seed, dtype=dtype_of(query))
    return build_layer(layer, single(query, key, value))


@binds(
    "attention_dropout", "keras.layers.Attention", where=ONE_HEAD, fixed=NONE_SHARED, build=attention_layer
)
def attention_dropout(built, query, key, value, *, training):
    scale = keras.ops.full((), query.shape[-1] ** -0.5, dtype=dtype_of(query))
    others = [variable.value for variable in built.non_trainable_variables]
    y, _ = built.stateless_call([scale], others, single(query, key, value), training=training)
    return y[:, :, None]


def joined(query, key, value):
    """Heads as parts of the features, in the order of the layer."""
    return [keras.ops.reshape(x, (*x.shape[:2], -1)) for x in (query, value, key)]


def multi_head(query, key, value, *, rate, seed):
    """As many features as the values of all heads have, and no bias."""
    layer = keras.layers.MultiHeadAttention(
        *query.shape[2:],
        value.shape[3],
        dropout=rate,
        seed=seed,
        output_shape=value.shape[2] * value.shape[3],
        use_bias=False,
        dtype=dtype_of(value),
    )
    return build_layer(layer, *joined(query, key, value))


@binds("attention_dropout", "keras.layers.MultiHeadAttention", fixed=NONE_SHARED, build=multi_head)
def attention_dropout_layer(built, query, key, value, *, training):
    """Call a layer whose projections change nothing."""
    into_heads = [
        keras.ops.reshape(keras.ops.eye(x.shape[2] * x.shape[3], dtype=dtype_of(x)), (-1, *x.shape[2:]))
        for x in (query, key, value)
    ]
    out = keras.ops.reshape(into_heads[2], (*value.shape[2:], -1))
    others = [variable.value for variable in built.non_trainable_variables]
    inputs = joined(query, key, value)
    y, _ = built.stateless_call([*into_heads, out], others, *inputs, training=training)
    return keras.ops.reshape(y, (*query.shape[:3], value.shape[3]))
