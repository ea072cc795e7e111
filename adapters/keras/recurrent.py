"""Recurrent layers of Keras, whose GRU has the gates in the order update, reset, candidate.

Their weights start at zero because the default, an orthogonal matrix, does not exist in bfloat16.
"""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, dtype_of

REVERSED = {"direction != 'backward'": "Keras returns the outputs in the order of computation"}
NAN_GRADIENT = {
    "nan_gradient == 'zero' or activation == 'tanh' or data not in ('nan', 'infinities')": "relu stops NaN"
}
STORED = {"forget_bias == 0": "Keras keeps the forget bias in the bias itself (unit_forget_bias)"}
GATED = {"activation": "tanh", "recurrent_activation": "sigmoid"}
KEEP = {"update == 'keep'": "Keras's update gate weighs the old state"}


@binds("simple_rnn", "keras.layers.SimpleRNN", where=REVERSED | NAN_GRADIENT)
def simple_rnn(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, activation: str, direction: str
) -> Any:
    options = options_of(x, bias) | _sequences(direction)
    layer = keras.layers.SimpleRNN(h.shape[-1], activation=activation, **options)
    return call_layer(layer, x, weights=weights_of(kernel, recurrent_kernel, bias), initial_state=[h])


@binds("simple_rnn", "keras.layers.SimpleRNNCell", where=REVERSED | NAN_GRADIENT)
def simple_rnn_cell(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, activation: str, direction: str
) -> Any:
    cell = keras.layers.SimpleRNNCell(h.shape[-1], activation=activation, **options_of(x, bias))
    layer = keras.layers.RNN(cell, dtype=dtype_of(x), **_sequences(direction))
    return call_layer(layer, x, weights=weights_of(kernel, recurrent_kernel, bias), initial_state=[h])


@binds("lstm", "keras.layers.LSTM", where=REVERSED | STORED)
def lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, activation: str, recurrent_activation: str, direction: str,
) -> Any:  # fmt: skip
    functions = {"activation": activation, "recurrent_activation": recurrent_activation}
    layer = keras.layers.LSTM(h.shape[-1], **functions, **options_of(x, bias), **_sequences(direction))
    return call_layer(layer, x, weights=weights_of(kernel, recurrent_kernel, bias), initial_state=[h, c])


@binds("lstm", "keras.layers.LSTMCell", where=REVERSED | STORED)
def lstm_cell(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, activation: str, recurrent_activation: str, direction: str,
) -> Any:  # fmt: skip
    functions = {"activation": activation, "recurrent_activation": recurrent_activation}
    cell = keras.layers.LSTMCell(h.shape[-1], **functions, **options_of(x, bias))
    layer = keras.layers.RNN(cell, dtype=dtype_of(x), **_sequences(direction))
    return call_layer(layer, x, weights=weights_of(kernel, recurrent_kernel, bias), initial_state=[h, c])


@binds("gru", "keras.layers.GRU", where=REVERSED | KEEP)
def gru(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, reset_after: bool, direction: str,
) -> Any:  # fmt: skip
    options = GATED | options_of(x, bias) | _sequences(direction)
    layer = keras.layers.GRU(h.shape[-1], reset_after=reset_after, **options)
    weights = gru_weights_of(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return call_layer(layer, x, weights=weights, initial_state=[h])


@binds("gru", "keras.layers.GRUCell", where=REVERSED | KEEP)
def gru_cell(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, reset_after: bool, direction: str,
) -> Any:  # fmt: skip
    cell = keras.layers.GRUCell(h.shape[-1], reset_after=reset_after, **GATED, **options_of(x, bias))
    layer = keras.layers.RNN(cell, dtype=dtype_of(x), **_sequences(direction))
    weights = gru_weights_of(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return call_layer(layer, x, weights=weights, initial_state=[h])


def options_of(x: Any, bias: Any) -> dict[str, Any]:
    """What every layer here is built with."""
    return {"use_bias": bias is not None, "recurrent_initializer": "zeros", "dtype": dtype_of(x)}


def _sequences(direction: str) -> dict[str, Any]:
    return {"go_backwards": direction != "forward", "return_sequences": True, "return_state": True}


def weights_of(kernel: Any, recurrent_kernel: Any, bias: Any) -> dict[str, Any]:
    """Weights by their names in Keras."""
    return {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}


def gru_weights_of(
    kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any, reset_after: bool
) -> dict[str, Any]:
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


def _update_first(gates: Any) -> Any:
    reset, update, candidate = keras.ops.split(gates, 3, axis=-1)
    return keras.ops.concatenate([update, reset, candidate], axis=-1)
