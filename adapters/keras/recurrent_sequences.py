"""Recurrent layers of Keras over masked sequences, in both directions, in layers and from call to call."""

from __future__ import annotations

from .framework import binds, keras
from .layers import build_layer, dtype_of, layer
from .recurrent import (
    GATED,
    GATES,
    GRU_WEIGHTS,
    RESET,
    REVERSED,
    STATE,
    STATES,
    UNITS,
    WEIGHTS,
    gru_weights_of,
    options_of,
    weights_of,
)

# --- masked ---

MASKED = REVERSED | {
    "direction == 'forward' or reversal == 'whole'": "go_backwards turns everything round, padding first",
    "masked_output in ('zero', 'repeat')": "Keras repeats the last output, or zero_output_for_mask",
}
OPTIONS = UNITS | {
    "zero_output_for_mask": "masked_output == 'zero'",
    "go_backwards": "direction != 'forward'",
    "return_sequences": "return_sequences",
    "return_state": "True",
}


def mask_of(x, lengths):
    return keras.ops.arange(x.shape[1], dtype=lengths.dtype) < lengths[:, None]


for spec, api, options, weights, carry in (
    ("masked_lstm", "keras.layers.LSTM", GATES, WEIGHTS, STATES),
    ("masked_lstm", "keras.layers.LSTM(unroll=True)", GATES | {"unroll": "True"}, WEIGHTS, STATES),
    ("masked_gru", "keras.layers.GRU", RESET, GRU_WEIGHTS, STATE),
    ("masked_simple_rnn", "keras.layers.SimpleRNN", {}, WEIGHTS, STATE),
):
    on = f"{carry['on']}, mask=mask_of(x, lengths) if mask is None else mask"
    layer(spec, api, OPTIONS | options, weights, on=on, where=MASKED)

# --- both ways ---

ZERO = {"masked_output": ("zero", "Bidirectional turns zero_output_for_mask on")}


def one_way(x, bias, returns):
    return {"return_sequences": returns != "ends", "return_state": True, **options_of(x, bias[0])}


def both(one, x, merge):
    return build_layer(keras.layers.Bidirectional(one, merge_mode=merge, dtype=dtype_of(x)), x)


def both_lstm(x, h, bias, *, merge, returns):
    return both(keras.layers.LSTM(h.shape[-1], **GATED, **one_way(x, bias, returns)), x, merge)


def both_gru(x, h, bias, *, reset_after, merge, returns):
    options = GATED | one_way(x, bias, returns)
    return both(keras.layers.GRU(h.shape[-1], reset_after=reset_after, **options), x, merge)


def both_simple_rnn(x, h, bias, *, merge, returns):
    return both(keras.layers.SimpleRNN(h.shape[-1], **one_way(x, bias, returns)), x, merge)


def lstm_each_way(x, h, bias, *, merge, returns):
    """Two layers that are given, of which Bidirectional makes the forward one anew."""
    options = GATED | one_way(x, bias, returns)
    forward = keras.layers.LSTM(h.shape[-1], **options)
    backward = keras.layers.LSTM(h.shape[-1], go_backwards=True, **options)
    layer = keras.layers.Bidirectional(forward, merge_mode=merge, backward_layer=backward, dtype=dtype_of(x))
    return build_layer(layer, x)


@binds("bidirectional_lstm", "keras.layers.Bidirectional", fixed=ZERO, build=both_lstm)
@binds(
    "bidirectional_lstm",
    "keras.layers.Bidirectional(backward_layer)",
    fixed=ZERO,
    build=lstm_each_way,
)
def bidirectional_lstm(built, x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, merge, returns):
    weights = [weights_of(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    return _both_ways(built, x, (h, c), weights, marked(x, lengths, mask), merge, returns)


@binds("bidirectional_gru", "keras.layers.Bidirectional", fixed=ZERO, build=both_gru)
def bidirectional_gru(
    built,
    x,
    h,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    lengths,
    mask,
    *,
    reset_after,
    merge,
    returns,
):
    own = [None, None] if recurrent_bias is None else recurrent_bias
    weights = [gru_weights_of(kernel[n], recurrent_kernel[n], bias[n], own[n], reset_after) for n in range(2)]
    return _both_ways(built, x, (h,), weights, marked(x, lengths, mask), merge, returns)


@binds("bidirectional_simple_rnn", "keras.layers.Bidirectional", fixed=ZERO, build=both_simple_rnn)
def bidirectional_simple_rnn(built, x, h, kernel, recurrent_kernel, bias, lengths, mask, *, merge, returns):
    weights = [weights_of(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    return _both_ways(built, x, (h,), weights, marked(x, lengths, mask), merge, returns)


def marked(x, lengths, mask):
    """The mask, that of the lengths, or None where all steps count."""
    return mask if lengths is None else mask_of(x, lengths)


def _both_ways(built, x, carry, weights, mask, merge, returns):
    (y, *states), _ = built.stateless_call(
        joined(weights),
        [v.value for v in built.non_trainable_variables],
        x,
        initial_state=[state[n] for n in range(2) for state in carry],
        mask=mask,
    )
    if merge is None:
        backward, *states = states
        y = keras.ops.stack([y, backward])
    each = len(carry)
    finals = [keras.ops.stack([states[n], states[n + each]]) for n in range(each)]
    return y[..., -1, :] if returns == "last_step" else y, *finals


def joined(weights):
    """Weights of several layers, in their order."""
    return [part for of_one in weights for part in of_one.values()]
