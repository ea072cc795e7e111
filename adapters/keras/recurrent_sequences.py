"""LSTMs of Keras over masked sequences and in both directions."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, concrete, dtype_of
from .recurrent import GATED, REVERSED, options_of, weights_of

WHOLE = {
    "direction == 'forward' or reversal == 'whole'": "go_backwards turns everything round, padding first"
}
OUTPUTS = {"masked_output in ('zero', 'repeat')": "Keras repeats the last output, or zero_output_for_mask"}
ZERO = {"masked_output == 'zero'": "Bidirectional turns zero_output_for_mask on"}


def _masked(unroll: bool) -> Any:
    def masked_lstm(
        x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
        *, masked_output: str, direction: str, return_sequences: bool,
    ) -> Any:  # fmt: skip
        layer = keras.layers.LSTM(
            h.shape[-1], unroll=unroll, zero_output_for_mask=masked_output == "zero", return_state=True,
            return_sequences=return_sequences, go_backwards=direction != "forward",
            **GATED, **options_of(x, bias),
        )  # fmt: skip
        counts = _mask(x, lengths) if mask is None else mask
        weights = weights_of(kernel, recurrent_kernel, bias)
        return call_layer(layer, x, weights=weights, initial_state=[h, c], mask=counts)

    return masked_lstm


binds("masked_lstm", "keras.layers.LSTM", where=REVERSED | WHOLE | OUTPUTS)(_masked(unroll=False))
binds("masked_lstm", "keras.layers.LSTM(unroll=True)", where=REVERSED | WHOLE | OUTPUTS)(_masked(unroll=True))


@binds("bidirectional_lstm", "keras.layers.Bidirectional", where=ZERO)
def bidirectional_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    *, merge: str, returns: str,
) -> Any:  # fmt: skip
    layer = keras.layers.LSTM(
        h.shape[-1], return_sequences=returns != "ends", return_state=True, **GATED, **options_of(x, bias[0])
    )
    both = keras.layers.Bidirectional(layer, merge_mode=merge, dtype=layer.dtype)
    with concrete():
        both.build(tuple(x.shape))
    trainable = [part[n] for n in range(2) for part in (kernel, recurrent_kernel, bias)]
    (y, *states), _ = both.stateless_call(
        trainable, [v.value for v in both.non_trainable_variables], x,
        initial_state=[h[0], c[0], h[1], c[1]], mask=None if lengths is None else _mask(x, lengths),
    )  # fmt: skip
    h, c = keras.ops.stack(states[::2]), keras.ops.stack(states[1::2])
    return y[:, -1] if returns == "last_step" else y, h, c


def _mask(x: Any, lengths: Any) -> Any:
    return keras.ops.arange(x.shape[1], dtype=lengths.dtype) < lengths[:, None]


@binds("stacked_lstm", "keras.layers.StackedRNNCells")
def stacked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    cells = [keras.layers.LSTMCell(h.shape[-1], **GATED, **options_of(x, bias)) for _ in range(len(h))]
    layer = keras.layers.RNN(cells, return_sequences=True, return_state=True, dtype=dtype_of(x))
    with concrete():
        layer.build(tuple(x.shape))
    kernels = [kernel, *(upper_kernels[n] for n in range(len(h) - 1))]
    trainable = [part for n, kernel in enumerate(kernels) for part in (kernel, recurrent_kernel[n], bias[n])]
    (y, *states), _ = layer.stateless_call(
        trainable, [], x, initial_state=[[h[n], c[n]] for n in range(len(h))]
    )
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


@binds(
    "stateful_lstm",
    "keras.layers.LSTM(stateful=True)",
    where={"kept_by == 'layer'": "every call of a stateful layer moves its carry"},
)
def stateful_lstm(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    layer = keras.layers.LSTM(
        len(recurrent_kernel), return_sequences=True, return_state=True, stateful=True,
        **GATED, **options_of(x, bias),
    )  # fmt: skip
    with concrete():
        layer.build(tuple(x.shape))
    weights, variables = [kernel, recurrent_kernel, bias], layer.non_trainable_variables
    (y, *_), kept = layer.stateless_call(weights, [v.value for v in variables], x)
    if between == "predict":
        _, kept = layer.stateless_call(weights, kept, other)
    if between == "reset":
        with keras.StatelessScope(state_mapping=list(zip(variables, kept, strict=True))) as scope:
            layer.reset_state()
        kept = [scope.get_current_value(v) for v in variables]
    (y_later, h, c), _ = layer.stateless_call(weights, kept, later)
    return y, y_later, h, c
