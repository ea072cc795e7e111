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


def _masked_lstm(unroll: bool) -> Any:
    def masked_lstm(
        x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
        *, masked_output: str, direction: str, return_sequences: bool,
    ) -> Any:  # fmt: skip
        options = _options(masked_output, direction, return_sequences)
        layer = keras.layers.LSTM(h.shape[-1], unroll=unroll, **GATED, **options_of(x, bias), **options)
        weights = weights_of(kernel, recurrent_kernel, bias)
        return _masked(layer, x, [h, c], weights, lengths, mask)

    return masked_lstm


MASKED = REVERSED | WHOLE | OUTPUTS

binds("masked_lstm", "keras.layers.LSTM", where=MASKED)(_masked_lstm(unroll=False))
binds("masked_lstm", "keras.layers.LSTM(unroll=True)", where=MASKED)(_masked_lstm(unroll=True))


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
    cells = [keras.layers.LSTMCell(h.shape[-1], **GATED, **options_of(x, bias)) for _ in range(len(h))]
    cell = keras.layers.StackedRNNCells(cells, dtype=dtype_of(x))
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=dtype_of(x))
    with concrete():
        layer.build(tuple(x.shape))
    kernels = [kernel, *(upper_kernels[n] for n in range(len(h) - 1))]
    trainable = [part for n, kernel in enumerate(kernels) for part in (kernel, recurrent_kernel[n], bias[n])]
    carry, fixed = [[h[n], c[n]] for n in range(len(h))], [v.value for v in layer.non_trainable_variables]
    (y, *states), _ = layer.stateless_call(trainable, fixed, x, initial_state=carry)
    final_h, final_c = zip(*states, strict=True)
    return y, keras.ops.stack(final_h), keras.ops.stack(final_c)


@binds("stacked_lstm", "keras.layers.LSTM", composition=True)
def stacked_lstm_layers(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    kernels, states = [kernel, *(upper_kernels[n] for n in range(len(h) - 1))], []
    for n, of_layer in enumerate(kernels):
        layer = keras.layers.LSTM(
            h.shape[-1], return_sequences=True, return_state=True, **GATED, **options_of(x, bias)
        )
        weights = weights_of(of_layer, recurrent_kernel[n], bias[n])
        x, *state = call_layer(layer, x, weights=weights, initial_state=[h[n], c[n]])
        states.append(state)
    final_h, final_c = zip(*states, strict=True)
    return x, keras.ops.stack(final_h), keras.ops.stack(final_c)


KEPT = {"kept_by == 'layer'": "every call of a stateful layer moves its carry"}


@binds("stateful_lstm", "keras.layers.LSTM(stateful=True)", where=KEPT)
def stateful_lstm(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    layer = _stateful(x, recurrent_kernel, bias)
    weights = zip(layer.trainable_variables, (kernel, recurrent_kernel, bias), strict=True)
    with keras.StatelessScope(state_mapping=list(weights)):
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
    layer, weights = _stateful(x, recurrent_kernel, bias), [kernel, recurrent_kernel, bias]
    start = [variable.value for variable in layer.non_trainable_variables]
    (y, *_), kept = layer.stateless_call(weights, start, x)
    if between == "predict":
        _, kept = layer.stateless_call(weights, kept, other)
    (y_later, h, c), _ = layer.stateless_call(weights, start if between == "reset" else kept, later)
    return y, y_later, h, c


def _stateful(x: Any, recurrent_kernel: Any, bias: Any) -> Any:
    layer = keras.layers.LSTM(
        len(recurrent_kernel), return_sequences=True, return_state=True, stateful=True,
        **GATED, **options_of(x, bias),
    )  # fmt: skip
    with concrete():
        layer.build(tuple(x.shape))
    return layer
