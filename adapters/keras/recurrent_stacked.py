"""Recurrent layers one upon the other, and from call to call, of Keras."""

from __future__ import annotations

from .framework import binds, keras
from .layers import build_layer, call_layer, dtype_of
from .recurrent import (
    GATED,
    gru_weights_of,
    options_of,
    weights_of,
)
from .recurrent_sequences import MASKED, joined, marked

REPEATED = {"masked_output in ('zero', 'repeat')": MASKED["masked_output in ('zero', 'repeat')"]}


def returning(masked_output):
    """What every layer here is asked for."""
    zero = masked_output == "zero"
    return {"return_sequences": True, "return_state": True, "zero_output_for_mask": zero}


def over_time(x, cells, masked_output):
    return build_layer(keras.layers.RNN(cells, dtype=dtype_of(x), **returning(masked_output)), x)


def stacked(x, cells, masked_output):
    return over_time(x, keras.layers.StackedRNNCells(cells, dtype=dtype_of(x)), masked_output)


def list_of_lstm_cells(x, h, bias):
    options = GATED | options_of(x, bias)
    return [keras.layers.LSTMCell(h.shape[-1], **options) for _ in range(len(h))]


def lstm_cells(x, h, bias, *, masked_output):
    return stacked(x, list_of_lstm_cells(x, h, bias), masked_output)


def listed_lstm_cells(x, h, bias, *, masked_output):
    return over_time(x, list_of_lstm_cells(x, h, bias), masked_output)


def gru_cells(x, h, bias, *, reset_after, masked_output):
    options = GATED | options_of(x, bias) | {"reset_after": reset_after}
    cells = [keras.layers.GRUCell(h.shape[-1], **options) for _ in range(len(h))]
    return stacked(x, cells, masked_output)


def simple_rnn_cells(x, h, bias, *, masked_output):
    cells = [keras.layers.SimpleRNNCell(h.shape[-1], **options_of(x, bias)) for _ in range(len(h))]
    return stacked(x, cells, masked_output)


@binds("stacked_lstm", "keras.layers.RNN([keras.layers.LSTMCell])", where=REPEATED, build=listed_lstm_cells)
@binds("stacked_lstm", "keras.layers.StackedRNNCells", where=REPEATED, build=lstm_cells)
def stacked_lstm(built, x, h, c, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    weights = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    states = [[h[n], c[n]] for n in range(len(h))]
    y, finals = _of_cells(built, x, states, weights, marked(x, lengths, mask))
    return y, *(keras.ops.stack(list(of_each)) for of_each in zip(*finals, strict=True))


@binds("stacked_gru", "keras.layers.StackedRNNCells", where=REPEATED, build=gru_cells)
def stacked_gru(
    built, x, h, kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, reset_after
):
    weights = _gru_layers(kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, reset_after)
    states = [h[n] for n in range(len(h))]
    y, finals = _of_cells(built, x, states, weights, marked(x, lengths, mask))
    return y, keras.ops.stack(finals)


@binds("stacked_simple_rnn", "keras.layers.StackedRNNCells", where=REPEATED, build=simple_rnn_cells)
def stacked_simple_rnn(built, x, h, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    weights = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    states = [h[n] for n in range(len(h))]
    y, finals = _of_cells(built, x, states, weights, marked(x, lengths, mask))
    return y, keras.ops.stack(finals)


def _of_cells(built, x, states, weights, mask):
    fixed = [v.value for v in built.non_trainable_variables]
    (y, *finals), _ = built.stateless_call(joined(weights), fixed, x, initial_state=states, mask=mask)
    return y, finals


def in_layers(make, x, h, **options):
    """A layer for each of the states; the upper ones take what the first gives."""
    outputs = keras.ops.zeros((*x.shape[:2], h.shape[-1]), dtype=dtype_of(x))
    return [build_layer(make(h.shape[-1], **options), outputs if n else x) for n in range(len(h))]


def lstm_layers(x, h, bias, *, masked_output):
    options = GATED | options_of(x, bias) | returning(masked_output)
    return in_layers(keras.layers.LSTM, x, h, **options)


def gru_layers(x, h, bias, *, reset_after, masked_output):
    options = GATED | options_of(x, bias) | returning(masked_output)
    return in_layers(keras.layers.GRU, x, h, reset_after=reset_after, **options)


def simple_rnn_layers(x, h, bias, *, masked_output):
    return in_layers(keras.layers.SimpleRNN, x, h, **options_of(x, bias), **returning(masked_output))


@binds("stacked_lstm", "keras.layers.LSTM", where=REPEATED, composition=True, build=lstm_layers)
def stacked_lstm_layers(built, x, h, c, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    weights = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    return _of_layers(built, x, (h, c), weights, marked(x, lengths, mask))


@binds("stacked_gru", "keras.layers.GRU", where=REPEATED, composition=True, build=gru_layers)
def stacked_gru_layers(
    built, x, h, kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, reset_after
):
    weights = _gru_layers(kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _of_layers(built, x, (h,), weights, marked(x, lengths, mask))


@binds(
    "stacked_simple_rnn",
    "keras.layers.SimpleRNN",
    where=REPEATED,
    composition=True,
    build=simple_rnn_layers,
)
def stacked_simple_rnn_layers(built, x, h, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    weights = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    return _of_layers(built, x, (h,), weights, marked(x, lengths, mask))


def _of_layers(layers, x, carry, weights, mask):
    finals = []
    for n, (of_this, its_weights) in enumerate(zip(layers, weights, strict=True)):
        states = [state[n] for state in carry]
        x, *final = call_layer(of_this, x, initial_state=states, mask=mask, **its_weights)
        finals.append(final)
    return x, *(keras.ops.stack(list(of_each)) for of_each in zip(*finals, strict=True))


def _layers(kernel, upper_kernels, recurrent_kernel, bias):
    """Weights by layer."""
    others = map(keras.ops.unstack, (recurrent_kernel, bias))
    layers = zip(_kernels(kernel, upper_kernels, bias), *others, strict=True)
    return [weights_of(*weights) for weights in layers]


def _kernels(kernel, upper_kernels, bias):
    return [kernel, *(upper_kernels[n] for n in range(len(bias) - 1))]


def _gru_layers(kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, reset_after):
    """Weights of GRUs by layer."""
    own = [None] * len(bias) if recurrent_bias is None else keras.ops.unstack(recurrent_bias)
    recurrent, biases = keras.ops.unstack(recurrent_kernel), keras.ops.unstack(bias)
    layers = zip(_kernels(kernel, upper_kernels, bias), recurrent, biases, own, strict=True)
    return [gru_weights_of(*weights, reset_after) for weights in layers]


KEPT = {"kept_by": ("layer", "every call of a stateful layer moves its carry")}


def stateful(make, x, recurrent_kernel, bias, **options):
    options |= {"return_sequences": True, "return_state": True, "stateful": True, **options_of(x, bias)}
    return build_layer(make(len(recurrent_kernel), **options), x)


def kept_lstm(x, recurrent_kernel, bias):
    return stateful(keras.layers.LSTM, x, recurrent_kernel, bias, **GATED)


def kept_gru(x, recurrent_kernel, bias, *, reset_after):
    return stateful(keras.layers.GRU, x, recurrent_kernel, bias, reset_after=reset_after, **GATED)


def kept_simple_rnn(x, recurrent_kernel, bias):
    return stateful(keras.layers.SimpleRNN, x, recurrent_kernel, bias)


@binds("stateful_lstm", "keras.layers.LSTM(stateful=True)", fixed=KEPT, build=kept_lstm)
def stateful_lstm(built, x, other, later, kernel, recurrent_kernel, bias, *, between):
    return _calls(built, weights_of(kernel, recurrent_kernel, bias), x, other, later, between)


@binds("stateful_gru", "keras.layers.GRU(stateful=True)", fixed=KEPT, build=kept_gru)
def stateful_gru(
    built, x, other, later, kernel, recurrent_kernel, bias, recurrent_bias, *, reset_after, between
):
    weights = gru_weights_of(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _calls(built, weights, x, other, later, between)


@binds("stateful_simple_rnn", "keras.layers.SimpleRNN(stateful=True)", fixed=KEPT, build=kept_simple_rnn)
def stateful_simple_rnn(built, x, other, later, kernel, recurrent_kernel, bias, *, between):
    return _calls(built, weights_of(kernel, recurrent_kernel, bias), x, other, later, between)


def _calls(built, weights, x, other, later, between):
    """Two calls, and what comes between them; the layer itself keeps the carry that it was built with."""
    given = [(variable, weights[variable.name]) for variable in built.trainable_variables]
    with keras.StatelessScope(state_mapping=given):
        y, *_ = built(x)
        if between == "predict":
            built(other)
        if between == "reset":
            built.reset_state()
        return y, *built(later)


@binds("stateful_lstm", "keras.layers.LSTM(stateful=True).stateless_call", fixed=KEPT, build=kept_lstm)
def stateful_lstm_stateless(built, x, other, later, kernel, recurrent_kernel, bias, *, between):
    weights = [kernel, recurrent_kernel, bias]
    start = [variable.value for variable in built.non_trainable_variables]
    (y, *_), kept = built.stateless_call(weights, start, x)
    if between == "predict":
        _, kept = built.stateless_call(weights, kept, other)
    (y_later, h, c), _ = built.stateless_call(weights, start if between == "reset" else kept, later)
    return y, y_later, h, c
