"""Recurrent layers over sequences in TensorFlow: a loop that it still ships, and cells made of primitives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .framework import binds, tf
from .recurrent import affine, gru_step, over_time, sequence_of

FORWARD = {
    "direction == 'forward'": "the loop runs forward; reverse_sequence is a call of its own",
    "reversal == 'whole'": "forward there is nothing to turn round",
}
LENGTHS = {"marked_by == 'lengths'": "the loop takes lengths"}
ZERO = {"masked_output == 'zero'": "the loop puts zeros past the end"}
HANDED = {"kept_by == 'caller'": "a loop keeps no carry: its caller hands it on"}
MASKED = {
    "masked_output != 'computed'": "the scan masks the carry",
    "direction == 'forward' or reversal == 'whole'": "the scan turns everything round",
}


@binds("masked_lstm", "tf.compat.v1.nn.dynamic_rnn", where=FORWARD | LENGTHS | ZERO, composition=True)
def masked_lstm_dynamic(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, return_sequences: bool,
) -> Any:  # fmt: skip
    cell = _cell(_lstm(kernel, recurrent_kernel, bias), recurrent_kernel, states=2)
    y, (h, c) = tf.compat.v1.nn.dynamic_rnn(cell, x, sequence_length=lengths, initial_state=(h, c))
    return y if return_sequences else y[:, -1], h, c


@binds("masked_gru", "tf.compat.v1.nn.dynamic_rnn", where=FORWARD | LENGTHS | ZERO, composition=True)
def masked_gru_dynamic(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    lengths: Any, mask: Any, *, reset_after: bool, return_sequences: bool,
) -> Any:  # fmt: skip
    step = _gru(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    cell = _cell(step, recurrent_kernel)
    y, (h,) = tf.compat.v1.nn.dynamic_rnn(cell, x, sequence_length=lengths, initial_state=(h,))
    return y if return_sequences else y[:, -1], h


@binds("masked_simple_rnn", "tf.compat.v1.nn.dynamic_rnn", where=FORWARD | LENGTHS | ZERO, composition=True)
def masked_simple_rnn_dynamic(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, return_sequences: bool,
) -> Any:  # fmt: skip
    cell = _cell(_simple_rnn(kernel, recurrent_kernel, bias), recurrent_kernel)
    y, (h,) = tf.compat.v1.nn.dynamic_rnn(cell, x, sequence_length=lengths, initial_state=(h,))
    return y if return_sequences else y[:, -1], h


@binds("masked_lstm", "tf.scan(tf.where)", where=MASKED, composition=True)
def masked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    step = _lstm(kernel, recurrent_kernel, bias)
    return _masked(step, x, (h, c), lengths, mask, masked_output, direction, return_sequences)


@binds("masked_gru", "tf.scan(tf.where)", where=MASKED, composition=True)
def masked_gru(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    lengths: Any, mask: Any, *, reset_after: bool, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    step = _gru(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _masked(step, x, (h,), lengths, mask, masked_output, direction, return_sequences)


@binds("masked_simple_rnn", "tf.scan(tf.where)", where=MASKED, composition=True)
def masked_simple_rnn(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    step = _simple_rnn(kernel, recurrent_kernel, bias)
    return _masked(step, x, (h,), lengths, mask, masked_output, direction, return_sequences)


def _masked(
    cell: Any, x: Any, carry: Any, lengths: Any, mask: Any,
    masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    """Outputs and final carry of a cell whose carry a masked step leaves as it is."""
    if mask is None:
        mask = tf.sequence_mask(lengths, x.shape[1])
    zero = tf.zeros_like(carry[0])

    def step(carry: Any, given: Any) -> Any:
        (y, *before), counts = carry, given[:, -1:] > 0
        after = cell(given[:, :-1], *before)
        y = tf.where(counts, after[0], {"repeat": y, "state": before[0], "zero": zero}[masked_output])
        return y, *(tf.where(counts, new, old) for new, old in zip(after, before, strict=True))

    given = tf.concat([x, tf.cast(mask, x.dtype)[..., None]], axis=-1)
    y, *states = over_time(step, (zero, *carry), given, direction)
    y = sequence_of(y, direction == "backward") if return_sequences else y[-1]
    return y, *(state[-1] for state in states)


def _cell(step: Callable[..., Any], recurrent_kernel: Any, states: int = 1) -> Any:
    """What `tf.compat.v1.nn.dynamic_rnn` asks of a cell, of a step with weights from outside."""
    units = recurrent_kernel.shape[-2]

    class Cell:
        output_size, state_size = units, (units,) * states

        def zero_state(self, batch_size: Any, dtype: Any) -> Any:
            return [tf.zeros((batch_size, units), dtype)] * states

        def __call__(self, x: Any, state: Any, scope: Any = None) -> Any:
            after = step(x, *state)
            return after[0], after

    return Cell()


def _lstm(kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
    def step(x: Any, h: Any, c: Any) -> Any:
        i, f, g, o = tf.split(affine(x, kernel, bias) + tf.matmul(h, recurrent_kernel), 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    return step


def _gru(kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any, reset_after: bool) -> Any:
    weights = (kernel, recurrent_kernel, bias, recurrent_bias)
    return lambda x, h: (gru_step(x, h, *weights, reset_after),)


def _simple_rnn(kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
    return lambda x, h: (tf.tanh(affine(x, kernel, bias) + tf.matmul(h, recurrent_kernel)),)


def _merged(merge: str, f: Any, b: Any) -> Any:
    return {"concat": tf.concat([f, b], axis=-1), "sum": f + b, "mul": f * b, "ave": (f + b) / 2}[merge]


@binds("bidirectional_lstm", "tf.compat.v1.nn.bidirectional_dynamic_rnn", where=ZERO, composition=True)
def bidirectional_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    *, merge: str, returns: str,
) -> Any:  # fmt: skip
    steps = [_lstm(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    return _both_ways(
        [_cell(step, recurrent_kernel, states=2) for step in steps], x, (h, c), lengths, merge, returns
    )


@binds("bidirectional_gru", "tf.compat.v1.nn.bidirectional_dynamic_rnn", where=ZERO, composition=True)
def bidirectional_gru(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any, lengths: Any,
    *, reset_after: bool, merge: str, returns: str,
) -> Any:  # fmt: skip
    own = [None, None] if recurrent_bias is None else recurrent_bias
    steps = [_gru(kernel[n], recurrent_kernel[n], bias[n], own[n], reset_after) for n in range(2)]
    return _both_ways([_cell(step, recurrent_kernel) for step in steps], x, (h,), lengths, merge, returns)


@binds("bidirectional_simple_rnn", "tf.compat.v1.nn.bidirectional_dynamic_rnn", where=ZERO, composition=True)
def bidirectional_simple_rnn(
    x: Any, h: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    *, merge: str, returns: str,
) -> Any:  # fmt: skip
    steps = [_simple_rnn(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    return _both_ways([_cell(step, recurrent_kernel) for step in steps], x, (h,), lengths, merge, returns)


def _both_ways(cells: Any, x: Any, carry: Any, lengths: Any, merge: str, returns: str) -> Any:
    streams, ends = tf.compat.v1.nn.bidirectional_dynamic_rnn(
        *cells,
        x,
        sequence_length=lengths,
        initial_state_fw=tuple(state[0] for state in carry),
        initial_state_bw=tuple(state[1] for state in carry),
    )
    h, *others = zip(*ends, strict=True)
    y = _merged(merge, *(h if returns == "ends" else streams))
    return y[:, -1] if returns == "last_step" else y, *map(tf.stack, (h, *others))


@binds("stacked_lstm", "tf.scan", composition=True)
def stacked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    layers = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    return _stacked([_lstm(*weights) for weights in layers], x, h, c)


@binds("stacked_gru", "tf.scan", composition=True)
def stacked_gru(
    x: Any, h: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, reset_after: bool,
) -> Any:  # fmt: skip
    own = [None] * len(h) if recurrent_bias is None else tf.unstack(recurrent_bias)
    layers = zip(_layers(kernel, upper_kernels, recurrent_kernel, bias), own, strict=True)
    return _stacked([_gru(w, u, b, of_candidate, reset_after) for (w, u, b), of_candidate in layers], x, h)


@binds("stacked_simple_rnn", "tf.scan", composition=True)
def stacked_simple_rnn(
    x: Any, h: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    layers = _layers(kernel, upper_kernels, recurrent_kernel, bias)
    return _stacked([_simple_rnn(*weights) for weights in layers], x, h)


def _layers(kernel: Any, upper_kernels: Any, *others: Any) -> Any:
    """Weights by layer."""
    return zip((kernel, *tf.unstack(upper_kernels)), *map(tf.unstack, others), strict=True)


def _stacked(steps: Any, x: Any, *carry: Any) -> Any:
    finals = []
    for step, *states in zip(steps, *map(tf.unstack, carry), strict=True):
        x, *final = _scanned(step, x, *states)
        finals.append(final)
    return x, *map(tf.stack, zip(*finals, strict=True))


@binds("stateful_lstm", "tf.scan", where=HANDED, composition=True)
def stateful_lstm(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    rest = [_rest(x, recurrent_kernel)] * 2
    return _calls(_lstm(kernel, recurrent_kernel, bias), rest, x, other, later, between)


@binds("stateful_gru", "tf.scan", where=HANDED, composition=True)
def stateful_gru(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, recurrent_bias: Any,
    *, reset_after: bool, between: str,
) -> Any:  # fmt: skip
    step = _gru(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return _calls(step, [_rest(x, recurrent_kernel)], x, other, later, between)


@binds("stateful_simple_rnn", "tf.scan", where=HANDED, composition=True)
def stateful_simple_rnn(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    step = _simple_rnn(kernel, recurrent_kernel, bias)
    return _calls(step, [_rest(x, recurrent_kernel)], x, other, later, between)


def _calls(step: Any, rest: Any, x: Any, other: Any, later: Any, between: str) -> Any:
    """Two calls, and what comes between them."""
    y, *carry = _scanned(step, x, *rest)
    if between == "predict":
        _scanned(step, other, *rest)
    return y, *_scanned(step, later, *(rest if between == "reset" else carry))


def _rest(x: Any, recurrent_kernel: Any) -> Any:
    return tf.zeros((len(x), len(recurrent_kernel)), x.dtype)


def _scanned(step: Any, x: Any, *carry: Any) -> Any:
    y, *states = over_time(lambda carry, given: step(given, *carry), carry, x)
    return sequence_of(y), y[-1], *(state[-1] for state in states)
