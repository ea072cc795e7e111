"""Recurrent layers one upon the other, and from call to call, of TensorFlow."""

from __future__ import annotations

from .framework import binds, tf
from .recurrent import over_time, sequence_of
from .recurrent_sequences import MASKED, gru_step_with, lstm_step, over_padding, simple_rnn_step

HANDED = {"kept_by": ("caller", "a loop keeps no carry: its caller hands it on")}

COUNTED = {"masked_output != 'computed'": MASKED["masked_output != 'computed'"]}


@binds("stacked_lstm", "tf.scan", where=COUNTED, composition=True)
def stacked_lstm(
    x, h, c, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask, *, padded, masked_output
):
    layers = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    steps = [lstm_step(*weights) for weights in layers]
    return _stacked(steps, x, (h, c), lengths, mask, padded, masked_output)


@binds("stacked_gru", "tf.scan", where=COUNTED, composition=True)
def stacked_gru(
    x,
    h,
    kernel,
    upper_kernels,
    recurrent_kernel,
    bias,
    recurrent_bias,
    lengths,
    mask,
    *,
    reset_after,
    padded,
    masked_output,
):
    own = [None] * len(h) if recurrent_bias is None else tf.unstack(recurrent_bias)
    layers = zip(_layers(kernel, upper_kernels, recurrent_kernel, bias), own, strict=True)
    steps = [gru_step_with(w, u, b, of_candidate, reset_after) for (w, u, b), of_candidate in layers]
    return _stacked(steps, x, (h,), lengths, mask, padded, masked_output)


@binds("stacked_simple_rnn", "tf.scan", where=COUNTED, composition=True)
def stacked_simple_rnn(
    x, h, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask, *, padded, masked_output
):
    layers = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    steps = [simple_rnn_step(*weights) for weights in layers]
    return _stacked(steps, x, (h,), lengths, mask, padded, masked_output)


def _layers(kernel, upper_kernels, *others):
    """Weights by layer."""
    return zip((kernel, *tf.unstack(upper_kernels)), *map(tf.unstack, others), strict=True)


def _stacked(steps, x, carry, lengths, mask, padded, masked_output):
    finals = []
    for step, *states in zip(steps, *map(tf.unstack, carry), strict=True):
        if padded:
            x, *final = over_padding(step, x, states, lengths, mask, masked_output)
        else:
            x, *final = _scanned(step, x, *states)
        finals.append(final)
    return x, *map(tf.stack, zip(*finals, strict=True))


@binds("stateful_lstm", "tf.scan", fixed=HANDED, composition=True)
def stateful_lstm(x, other, later, kernel, recurrent_kernel, bias, *, between):
    rest = [_rest(x, recurrent_kernel)] * 2
    return _calls(lstm_step(kernel, recurrent_kernel, bias), rest, x, other, later, between)


@binds("stateful_gru", "tf.scan", fixed=HANDED, composition=True)
def stateful_gru(x, other, later, kernel, recurrent_kernel, bias, recurrent_bias, *, reset_after, between):
    step = gru_step_with(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _calls(step, [_rest(x, recurrent_kernel)], x, other, later, between)


@binds("stateful_simple_rnn", "tf.scan", fixed=HANDED, composition=True)
def stateful_simple_rnn(x, other, later, kernel, recurrent_kernel, bias, *, between):
    step = simple_rnn_step(kernel, recurrent_kernel, bias)
    return _calls(step, [_rest(x, recurrent_kernel)], x, other, later, between)


def _calls(step, rest, x, other, later, between):
    """Two calls, and what comes between them."""
    y, *carry = _scanned(step, x, *rest)
    if between == "predict":
        _scanned(step, other, *rest)
    return y, *_scanned(step, later, *(rest if between == "reset" else carry))


def _rest(x, recurrent_kernel):
    return tf.zeros((len(x), len(recurrent_kernel)), x.dtype)


def _scanned(step, x, *carry):
    y, *states = over_time(lambda carry, given: step(given, *carry), carry, x)
    return sequence_of(y), y[-1], *(state[-1] for state in states)
