"""Recurrent layers of Keras over masked sequences, in both directions, in layers and from call to call."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, concrete, dtype_of
from .recurrent import GATED, REVERSED, gru_weights_of, options_of, weights_of

WHOLE = {
    "direction == 'forward' or reversal == 'whole'": "go_backwards turns everything round, padding first"
}
OUTPUTS = {"masked_output in ('zero', 'repeat')": "Keras repeats the last output, or zero_output_for_mask"}
ZERO = {"masked_output == 'zero'": "Bidirectional turns zero_output_for_mask on"}


MASKED = REVERSED | WHOLE | OUTPUTS


@binds("masked_lstm", "keras.layers.LSTM", where=MASKED)
def masked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    options = GATED | options_of(x, bias) | _options(masked_output, direction, return_sequences)
    layer = keras.layers.LSTM(h.shape[-1], **options)
    return _masked(layer, x, [h, c], weights_of(kernel, recurrent_kernel, bias), lengths, mask)


@binds("masked_lstm", "keras.layers.LSTM(unroll=True)", where=MASKED)
def masked_lstm_unrolled(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    options = GATED | options_of(x, bias) | _options(masked_output, direction, return_sequences)
    layer = keras.layers.LSTM(h.shape[-1], unroll=True, **options)
    return _masked(layer, x, [h, c], weights_of(kernel, recurrent_kernel, bias), lengths, mask)


@binds("masked_gru", "keras.layers.GRU", where=MASKED)
def masked_gru(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    lengths: Any, mask: Any, *, reset_after: bool, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    options = GATED | options_of(x, bias) | _options(masked_output, direction, return_sequences)
    layer = keras.layers.GRU(h.shape[-1], reset_after=reset_after, **options)
    weights = gru_weights_of(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _masked(layer, x, [h], weights, lengths, mask)


@binds("masked_simple_rnn", "keras.layers.SimpleRNN", where=MASKED)
def masked_simple_rnn(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    options = options_of(x, bias) | _options(masked_output, direction, return_sequences)
    layer = keras.layers.SimpleRNN(h.shape[-1], **options)
    return _masked(layer, x, [h], weights_of(kernel, recurrent_kernel, bias), lengths, mask)


def _options(masked_output: str, direction: str, return_sequences: bool) -> dict[str, Any]:
    return {
        "zero_output_for_mask": masked_output == "zero", "go_backwards": direction != "forward",
        "return_sequences": return_sequences, "return_state": True,
    }  # fmt: skip


def _masked(layer: Any, x: Any, carry: Any, weights: Any, lengths: Any, mask: Any) -> Any:
    counts = _mask(x, lengths) if mask is None else mask
    return call_layer(layer, x, weights=weights, initial_state=carry, mask=counts)


@binds("bidirectional_lstm", "keras.layers.Bidirectional", where=ZERO)
def bidirectional_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    *, merge: str, returns: str,
) -> Any:  # fmt: skip
    layer = keras.layers.LSTM(h.shape[-1], **GATED, **_one_way(x, bias[0], returns))
    weights = [weights_of(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    return _both_ways(layer, x, (h, c), weights, lengths, merge, returns)


@binds("bidirectional_gru", "keras.layers.Bidirectional", where=ZERO)
def bidirectional_gru(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any, lengths: Any,
    *, reset_after: bool, merge: str, returns: str,
) -> Any:  # fmt: skip
    options = GATED | _one_way(x, bias[0], returns)
    layer = keras.layers.GRU(h.shape[-1], reset_after=reset_after, **options)
    own = [None, None] if recurrent_bias is None else recurrent_bias
    weights = [gru_weights_of(kernel[n], recurrent_kernel[n], bias[n], own[n], reset_after) for n in range(2)]
    return _both_ways(layer, x, (h,), weights, lengths, merge, returns)


@binds("bidirectional_simple_rnn", "keras.layers.Bidirectional", where=ZERO)
def bidirectional_simple_rnn(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    *, merge: str, returns: str,
) -> Any:  # fmt: skip
    layer = keras.layers.SimpleRNN(h.shape[-1], **_one_way(x, bias[0], returns))
    weights = [weights_of(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    return _both_ways(layer, x, (h,), weights, lengths, merge, returns)


def _one_way(x: Any, bias: Any, returns: str) -> dict[str, Any]:
    return {"return_sequences": returns != "ends", "return_state": True, **options_of(x, bias)}


def _both_ways(layer: Any, x: Any, carry: Any, weights: Any, lengths: Any, merge: str, returns: str) -> Any:
    both = keras.layers.Bidirectional(layer, merge_mode=merge, dtype=layer.dtype)
    with concrete():
        both.build(tuple(x.shape))
    trainable = [part for of_one in weights for part in of_one.values()]
    (y, *states), _ = both.stateless_call(
        trainable, [v.value for v in both.non_trainable_variables], x,
        initial_state=[state[n] for n in range(2) for state in carry],
        mask=None if lengths is None else _mask(x, lengths),
    )  # fmt: skip
    each = len(carry)
    finals = [keras.ops.stack([states[n], states[n + each]]) for n in range(each)]
    return y[:, -1] if returns == "last_step" else y, *finals


def _mask(x: Any, lengths: Any) -> Any:
    return keras.ops.arange(x.shape[1], dtype=lengths.dtype) < lengths[:, None]


@binds("stacked_lstm", "keras.layers.StackedRNNCells")
def stacked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    options = GATED | options_of(x, bias)
    cells = [keras.layers.LSTMCell(h.shape[-1], **options) for _ in range(len(h))]
    weights = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    return _of_cells(cells, x, (h, c), weights)


@binds("stacked_gru", "keras.layers.StackedRNNCells")
def stacked_gru(
    x: Any, h: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, reset_after: bool,
) -> Any:  # fmt: skip
    options = GATED | options_of(x, bias)
    cells = [keras.layers.GRUCell(h.shape[-1], reset_after=reset_after, **options) for _ in range(len(h))]
    weights = _gru_layers(kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _of_cells(cells, x, (h,), weights)


@binds("stacked_simple_rnn", "keras.layers.StackedRNNCells")
def stacked_simple_rnn(
    x: Any, h: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    cells = [keras.layers.SimpleRNNCell(h.shape[-1], **options_of(x, bias)) for _ in range(len(h))]
    weights = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    return _of_cells(cells, x, (h,), weights)


def _of_cells(cells: Any, x: Any, carry: Any, weights: Any) -> Any:
    cell = keras.layers.StackedRNNCells(cells, dtype=dtype_of(x))
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=dtype_of(x))
    with concrete():
        layer.build(tuple(x.shape))
    trainable = [part for of_layer in weights for part in of_layer.values()]
    fixed = [v.value for v in layer.non_trainable_variables]
    states = [[state[n] for state in carry] for n in range(len(cells))]
    start = states if len(carry) > 1 else [state for (state,) in states]
    (y, *finals), _ = layer.stateless_call(trainable, fixed, x, initial_state=start)
    by_state = zip(*finals, strict=True) if len(carry) > 1 else [finals]
    return y, *(keras.ops.stack(list(of_each)) for of_each in by_state)


@binds("stacked_lstm", "keras.layers.LSTM", composition=True)
def stacked_lstm_layers(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    options = SEQUENCES | GATED | options_of(x, bias)
    layers = [keras.layers.LSTM(h.shape[-1], **options) for _ in range(len(h))]
    weights = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    return _of_layers(layers, x, (h, c), weights)


@binds("stacked_gru", "keras.layers.GRU", composition=True)
def stacked_gru_layers(
    x: Any, h: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, reset_after: bool,
) -> Any:  # fmt: skip
    options = SEQUENCES | GATED | options_of(x, bias)
    layers = [keras.layers.GRU(h.shape[-1], reset_after=reset_after, **options) for _ in range(len(h))]
    weights = _gru_layers(kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _of_layers(layers, x, (h,), weights)


@binds("stacked_simple_rnn", "keras.layers.SimpleRNN", composition=True)
def stacked_simple_rnn_layers(
    x: Any, h: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    options = SEQUENCES | options_of(x, bias)
    layers = [keras.layers.SimpleRNN(h.shape[-1], **options) for _ in range(len(h))]
    weights = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    return _of_layers(layers, x, (h,), weights)


SEQUENCES = {"return_sequences": True, "return_state": True}


def _of_layers(layers: Any, x: Any, carry: Any, weights: Any) -> Any:
    finals = []
    for n, (layer, of_layer) in enumerate(zip(layers, weights, strict=True)):
        start = [state[n] for state in carry]
        x, *final = call_layer(layer, x, weights=of_layer, initial_state=start)
        finals.append(final)
    return x, *(keras.ops.stack(list(of_each)) for of_each in zip(*finals, strict=True))


def _layers(kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any) -> list[dict[str, Any]]:
    """Weights by layer."""
    kernels = _kernels(kernel, upper_kernels, bias)
    return [weights_of(*weights) for weights in zip(kernels, recurrent_kernel, bias, strict=True)]


def _kernels(kernel: Any, upper_kernels: Any, bias: Any) -> list[Any]:
    return [kernel, *(upper_kernels[n] for n in range(len(bias) - 1))]


def _gru_layers(
    kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any, reset_after: bool
) -> list[dict[str, Any]]:
    """Weights of GRUs by layer."""
    own = [None] * len(bias) if recurrent_bias is None else recurrent_bias
    layers = zip(_kernels(kernel, upper_kernels, bias), recurrent_kernel, bias, own, strict=True)
    return [gru_weights_of(*weights, reset_after=reset_after) for weights in layers]


KEPT = {"kept_by == 'layer'": "every call of a stateful layer moves its carry"}


@binds("stateful_lstm", "keras.layers.LSTM(stateful=True)", where=KEPT)
def stateful_lstm(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    layer = keras.layers.LSTM(len(recurrent_kernel), **GATED, **_stateful(x, bias))
    return _calls(layer, weights_of(kernel, recurrent_kernel, bias), x, other, later, between)


@binds("stateful_gru", "keras.layers.GRU(stateful=True)", where=KEPT)
def stateful_gru(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, reset_after: bool, between: str,
) -> Any:  # fmt: skip
    options = GATED | _stateful(x, bias)
    layer = keras.layers.GRU(len(recurrent_kernel), reset_after=reset_after, **options)
    weights = gru_weights_of(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _calls(layer, weights, x, other, later, between)


@binds("stateful_simple_rnn", "keras.layers.SimpleRNN(stateful=True)", where=KEPT)
def stateful_simple_rnn(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    layer = keras.layers.SimpleRNN(len(recurrent_kernel), **_stateful(x, bias))
    return _calls(layer, weights_of(kernel, recurrent_kernel, bias), x, other, later, between)


def _calls(layer: Any, weights: Any, x: Any, other: Any, later: Any, between: str) -> Any:
    """Two calls, and what comes between them."""
    with concrete():
        layer.build(tuple(x.shape))
    given = [(variable, weights[variable.name]) for variable in layer.trainable_variables]
    with keras.StatelessScope(state_mapping=given):
        y, *_ = layer(x)
        if between == "predict":
            layer(other)
        if between == "reset":
            layer.reset_state()
        return y, *layer(later)


@binds("stateful_lstm", "keras.layers.LSTM(stateful=True).stateless_call", where=KEPT)
def stateful_lstm_stateless(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    layer = keras.layers.LSTM(len(recurrent_kernel), **GATED, **_stateful(x, bias))
    with concrete():
        layer.build(tuple(x.shape))
    weights = [kernel, recurrent_kernel, bias]
    start = [variable.value for variable in layer.non_trainable_variables]
    (y, *_), kept = layer.stateless_call(weights, start, x)
    if between == "predict":
        _, kept = layer.stateless_call(weights, kept, other)
    (y_later, h, c), _ = layer.stateless_call(weights, start if between == "reset" else kept, later)
    return y, y_later, h, c


def _stateful(x: Any, bias: Any) -> dict[str, Any]:
    return {"return_sequences": True, "return_state": True, "stateful": True, **options_of(x, bias)}
