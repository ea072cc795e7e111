"""Dropout inside recurrent layers and attention of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, concrete, dtype_of
from .recurrent import gru_weights_of, weights_of

SEQUENCE = {"over_time == 'sequence'": "draws a mask once for all steps"}
GATES = {
    "(over_gates == 'own') == (recurrent_rate > 0)": "draws a mask for each gate with recurrent_dropout only"
}
OWN = {"over_gates == 'own'": "draws a mask for each gate"}
NONE_SHARED = {"shared == 'none'": "draws a mask for each sample and head"}
ONE_HEAD = {"heads == 1": "keras.layers.Attention has one head"}


@binds("lstm_dropout", "keras.layers.LSTM", where=SEQUENCE | GATES)
def lstm_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        layer = keras.layers.LSTM(
            h.shape[-1], dropout=rate, recurrent_dropout=recurrent_rate, seed=seed, **_options(x)
        )
    return _call(layer, x, h, c, kernel, recurrent_kernel, bias, training)


@binds("lstm_dropout", "keras.layers.LSTM(implementation=1)", where=SEQUENCE | OWN)
def lstm_dropout_by_gate(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        layer = keras.layers.LSTM(
            h.shape[-1], dropout=rate, recurrent_dropout=recurrent_rate, seed=seed, implementation=1,
            **_options(x),
        )  # fmt: skip
    return _call(layer, x, h, c, kernel, recurrent_kernel, bias, training)


@binds("lstm_dropout", "keras.layers.LSTMCell", where=SEQUENCE | GATES)
def lstm_cell_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        cell = keras.layers.LSTMCell(
            h.shape[-1], dropout=rate, recurrent_dropout=recurrent_rate, seed=seed, **_of_cell(x)
        )
        layer = keras.layers.RNN(cell, dtype=dtype_of(x), **SEQUENCES)
    return _call(layer, x, h, c, kernel, recurrent_kernel, bias, training)


def _call(
    layer: Any, x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, training: bool
) -> Any:
    weights = weights_of(kernel, recurrent_kernel, bias)
    return call_layer(layer, x, weights=weights, initial_state=[h, c], training=training)


@binds("gru_dropout", "keras.layers.GRU", where=SEQUENCE | GATES)
def gru_dropout(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, rate: float, recurrent_rate: float, reset_after: bool, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        layer = keras.layers.GRU(
            h.shape[-1], reset_after=reset_after, dropout=rate, recurrent_dropout=recurrent_rate, seed=seed,
            **_options(x),
        )  # fmt: skip
    return _call_gru(layer, x, h, kernel, recurrent_kernel, bias, recurrent_bias, training)


@binds("gru_dropout", "keras.layers.GRUCell", where=SEQUENCE | GATES)
def gru_cell_dropout(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, rate: float, recurrent_rate: float, reset_after: bool, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        cell = keras.layers.GRUCell(
            h.shape[-1], reset_after=reset_after, dropout=rate, recurrent_dropout=recurrent_rate, seed=seed,
            **_of_cell(x),
        )  # fmt: skip
        layer = keras.layers.RNN(cell, dtype=dtype_of(x), **SEQUENCES)
    return _call_gru(layer, x, h, kernel, recurrent_kernel, bias, recurrent_bias, training)


def _call_gru(
    layer: Any, x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, inside: Any, training: bool
) -> Any:
    weights = gru_weights_of(kernel, recurrent_kernel, bias, inside, reset_after=inside is not None)
    return call_layer(layer, x, weights=weights, initial_state=[h], training=training)


@binds("simple_rnn_dropout", "keras.layers.SimpleRNN", where=SEQUENCE)
def simple_rnn_dropout(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        layer = keras.layers.SimpleRNN(
            h.shape[-1], dropout=rate, recurrent_dropout=recurrent_rate, seed=seed, **_options(x)
        )
    weights = weights_of(kernel, recurrent_kernel, bias)
    return call_layer(layer, x, weights=weights, initial_state=[h], training=training)


@binds("simple_rnn_dropout", "keras.layers.SimpleRNNCell", where=SEQUENCE)
def simple_rnn_cell_dropout(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        cell = keras.layers.SimpleRNNCell(
            h.shape[-1], dropout=rate, recurrent_dropout=recurrent_rate, seed=seed, **_of_cell(x)
        )
        layer = keras.layers.RNN(cell, dtype=dtype_of(x), **SEQUENCES)
    weights = weights_of(kernel, recurrent_kernel, bias)
    return call_layer(layer, x, weights=weights, initial_state=[h], training=training)


SEQUENCES = {"return_sequences": True, "return_state": True}


def _of_cell(x: Any) -> dict[str, Any]:
    """The default initializer, an orthogonal matrix, does not exist in bfloat16."""
    return {"recurrent_initializer": "zeros", "dtype": dtype_of(x)}


def _options(x: Any) -> dict[str, Any]:
    return _of_cell(x) | SEQUENCES


@binds("layer_norm_lstm_update_dropout", "keras.layers.Dropout", composition=True)
def layer_norm_lstm_update_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, scale: Any, cell_scale: Any,
    cell_bias: Any,
    *, rate: float, over_time: str, carried: str, epsilon: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    ops = keras.ops
    noise_shape = (None, None if over_time == "step" else 1, None)
    with concrete():
        layer = keras.layers.Dropout(rate, noise_shape=noise_shape, seed=seed, dtype=dtype_of(x))
    masks = call_layer(layer, ops.ones((*x.shape[:2], h.shape[-1]), dtype=dtype_of(x)), training=training)

    def norm(x: Any, scale: Any, bias: Any) -> Any:
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


@binds("stacked_lstm_dropout", "keras.layers.Dropout", composition=True)
def stacked_lstm_dropout(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, over_time: str, training: bool, seed: int,
) -> Any:  # fmt: skip
    noise_shape = (None, None if over_time == "step" else 1, None)
    with concrete():
        between = keras.layers.Dropout(rate, noise_shape=noise_shape, seed=seed, dtype=dtype_of(x))
    states = []
    for n, of_layer in enumerate((kernel, upper_kernels[0])):
        with concrete():
            layer = keras.layers.LSTM(h.shape[-1], **_options(x))
        x = x if n == 0 else call_layer(between, x, training=training)
        x, *state = _call(layer, x, h[n], c[n], of_layer, recurrent_kernel[n], bias[n], training)
        states.append(state)
    final_h, final_c = zip(*states, strict=True)
    return x, keras.ops.stack(final_h), keras.ops.stack(final_c)


# --- in attention ---


@binds("attention_dropout", "keras.layers.Attention", where=NONE_SHARED | ONE_HEAD)
def attention_dropout(query: Any, key: Any, value: Any, *, rate: float, training: bool, seed: int) -> Any:
    with concrete():
        layer = keras.layers.Attention(use_scale=True, dropout=rate, seed=seed, dtype=dtype_of(query))
        layer.build([tuple(x[:, :, 0].shape) for x in (query, value, key)])
    scale = keras.ops.full((), query.shape[-1] ** -0.5, dtype=dtype_of(query))
    others = [variable.value for variable in layer.non_trainable_variables]
    single = [query[:, :, 0], value[:, :, 0], key[:, :, 0]]
    y, _ = layer.stateless_call([scale], others, single, training=training)
    return y[:, :, None]


@binds("attention_dropout", "keras.layers.MultiHeadAttention", where=NONE_SHARED)
def attention_dropout_layer(
    query: Any, key: Any, value: Any, *, rate: float, training: bool, seed: int
) -> Any:
    with concrete():
        layer = keras.layers.MultiHeadAttention(
            *query.shape[2:], value.shape[3], dropout=rate, seed=seed, **_of_output(value)
        )
    return _unprojected(layer, query, key, value, training)


def _of_output(value: Any) -> dict[str, Any]:
    """As many features as the values of all heads have, and no bias."""
    return {"output_shape": value.shape[2] * value.shape[3], "use_bias": False, "dtype": dtype_of(value)}


def _unprojected(layer: Any, query: Any, key: Any, value: Any, training: bool) -> Any:
    """Call a layer whose projections change nothing: the heads are parts of the features."""
    joined = [keras.ops.reshape(x, (*x.shape[:2], -1)) for x in (query, value, key)]
    with concrete():
        layer.build(*(tuple(x.shape) for x in joined))
    into_heads = [
        keras.ops.reshape(keras.ops.eye(x.shape[2] * x.shape[3], dtype=dtype_of(x)), (-1, *x.shape[2:]))
        for x in (query, key, value)
    ]
    out = keras.ops.reshape(into_heads[2], (*value.shape[2:], -1))
    others = [variable.value for variable in layer.non_trainable_variables]
    y, _ = layer.stateless_call([*into_heads, out], others, *joined, training=training)
    return keras.ops.reshape(y, (*query.shape[:3], value.shape[3]))
