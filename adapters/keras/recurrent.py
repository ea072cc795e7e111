"""Recurrent layers of Keras, whose GRU has the gates in the order update, reset, candidate.

Their weights start at zero because the default, an orthogonal matrix, does not exist in bfloat16.
"""

from __future__ import annotations

from .framework import binds, keras
from .layers import DTYPE, build_layer, call_layer, dtype_of, layer

REVERSED = {"direction != 'backward'": "Keras returns the outputs in the order of computation"}
NAN_GRADIENT = {
    "nan_gradient == 'zero' or activation == 'tanh' or data not in ('nan', 'infinities')": "relu stops NaN"
}
STORED = {"forget_bias": (0.0, "Keras keeps the forget bias in the bias itself (unit_forget_bias)")}
KEEP = {"update": ("keep", "Keras's update gate weighs the old state")}
FORWARD = {"direction": ("forward", "a cell is handed one step after the other")}
GATED = {"activation": "tanh", "recurrent_activation": "sigmoid"}


def options_of(x, bias):
    """What every layer here is built with."""
    return {"use_bias": bias is not None, "recurrent_initializer": "zeros", "dtype": dtype_of(x)}


def weights_of(kernel, recurrent_kernel, bias):
    """Weights by their names in Keras."""
    return {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}


def gru_weights_of(kernel, recurrent_kernel, bias, recurrent_bias, reset_after):
    """Weights of a GRU by their names in Keras, gates in the order of Keras."""
    weights = weights_of(_update_first(kernel), _update_first(recurrent_kernel), bias)
    if bias is None:
        return weights
    if not reset_after:
        return weights | {"bias": _update_first(bias)}
    second = keras.ops.zeros_like(bias)
    if recurrent_bias is not None:
        second = keras.ops.concatenate([second[: -recurrent_bias.shape[0]], recurrent_bias])
    return weights | {"bias": keras.ops.stack([_update_first(bias), second])}


def _update_first(gates):
    reset, update, candidate = keras.ops.split(gates, 3, axis=-1)
    return keras.ops.concatenate([update, reset, candidate], axis=-1)


UNITS = {"units": "h.shape[-1]", "use_bias": "bias is not None", "recurrent_initializer": "'zeros'"} | DTYPE
SEQUENCES = {"go_backwards": "direction != 'forward'", "return_sequences": "True", "return_state": "True"}
FUNCTION, GATES = {"activation": "activation"}, {"activation": "'tanh'", "recurrent_activation": "'sigmoid'"}
FUNCTIONS = {"activation": "activation", "recurrent_activation": "recurrent_activation"}
PLACED = {"reset_after": "reset_after"}
RESET = GATES | PLACED
WEIGHTS = "weights_of(kernel, recurrent_kernel, bias)"
GRU_WEIGHTS = "gru_weights_of(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)"
STATE, STATES = {"on": "x, initial_state=[h]"}, {"on": "x, initial_state=[h, c]"}


def of_cell(cell, functions):
    """Options of a layer that repeats this cell over time."""
    written = ", ".join(f"{name}={value}" for name, value in (UNITS | functions).items())
    return {"cell": f"{cell}({written})"} | SEQUENCES | DTYPE


for spec, name, functions, weights, carry, where, fixed in (
    ("simple_rnn", "SimpleRNN", FUNCTION, WEIGHTS, STATE, REVERSED | NAN_GRADIENT, {}),
    ("lstm", "LSTM", FUNCTIONS, WEIGHTS, STATES, REVERSED, STORED),
    ("gru", "GRU", FUNCTIONS | PLACED, GRU_WEIGHTS, STATE, REVERSED, KEEP),
):
    given = {"where": where, "fixed": fixed} | carry
    api = f"keras.layers.{name}"
    layer(spec, api, UNITS | functions | SEQUENCES, weights, **given)
    layer(spec, f"{api}(unroll=True)", UNITS | functions | SEQUENCES | {"unroll": "True"}, weights, **given)
    cell = of_cell(f"{api}Cell", functions)
    layer(spec, f"keras.layers.RNN({api}Cell)", cell, weights, **given)


# --- cells, and layers, that are called step by step ---


def lstm_of_steps(x, h, bias, *, activation, recurrent_activation):
    functions = {"activation": activation, "recurrent_activation": recurrent_activation}
    options = options_of(x, bias) | {"return_sequences": True, "return_state": True}
    return build_layer(keras.layers.LSTM(h.shape[-1], **functions, **options), x)


@binds("lstm", "keras.layers.LSTM(step by step)", fixed=STORED | FORWARD, build=lstm_of_steps)
def lstm_step_by_step(built, x, h, c, kernel, recurrent_kernel, bias):
    outputs, weights = [], weights_of(kernel, recurrent_kernel, bias)
    for t in range(x.shape[1]):
        y, h, c = call_layer(built, x[:, t : t + 1], initial_state=[h, c], **weights)
        outputs.append(y)
    return keras.ops.concatenate(outputs, axis=1), h, c


def simple_rnn_cell(x, h, bias, *, activation):
    cell = keras.layers.SimpleRNNCell(h.shape[-1], activation=activation, **options_of(x, bias))
    return build_layer(cell, x[:, 0])


def lstm_cell(x, h, bias, *, activation, recurrent_activation):
    functions = {"activation": activation, "recurrent_activation": recurrent_activation}
    return build_layer(keras.layers.LSTMCell(h.shape[-1], **functions, **options_of(x, bias)), x[:, 0])


def gru_cell(x, h, bias, *, reset_after, activation, recurrent_activation):
    functions = {"activation": activation, "recurrent_activation": recurrent_activation}
    options = functions | {"reset_after": reset_after}
    return build_layer(keras.layers.GRUCell(h.shape[-1], **options, **options_of(x, bias)), x[:, 0])


@binds("simple_rnn", "keras.layers.SimpleRNNCell", where=NAN_GRADIENT, fixed=FORWARD, build=simple_rnn_cell)
def simple_rnn_by_cell(built, x, h, kernel, recurrent_kernel, bias):
    return by_cell(built, x, [h], weights_of(kernel, recurrent_kernel, bias))


@binds("lstm", "keras.layers.LSTMCell", fixed=STORED | FORWARD, build=lstm_cell)
def lstm_by_cell(built, x, h, c, kernel, recurrent_kernel, bias):
    return by_cell(built, x, [h, c], weights_of(kernel, recurrent_kernel, bias))


@binds("gru", "keras.layers.GRUCell", fixed=KEEP | FORWARD, build=gru_cell)
def gru_by_cell(built, x, h, kernel, recurrent_kernel, bias, recurrent_bias, *, reset_after):
    weights = gru_weights_of(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return by_cell(built, x, [h], weights)


def by_cell(cell, x, carry, weights):
    """All outputs, and the final carry, of a cell that is called on one step after the other."""
    outputs = []
    for step in keras.ops.unstack(x, axis=1):
        y, carry = call_layer(cell, step, carry, **weights)
        outputs.append(y)
    return keras.ops.stack(outputs, axis=1), *carry
