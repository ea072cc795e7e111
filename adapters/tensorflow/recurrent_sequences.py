"""LSTMs over padded sequences in TensorFlow: a loop that it still ships, and cells made of primitives."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf
from .recurrent import affine, over_time, sequence_of

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
    cell = _Cell(kernel, recurrent_kernel, bias)
    y, (h, c) = tf.compat.v1.nn.dynamic_rnn(cell, x, sequence_length=lengths, initial_state=(h, c))
    return y if return_sequences else y[:, -1], h, c


@binds("masked_lstm", "tf.scan(tf.where)", where=MASKED, composition=True)
def masked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    if mask is None:
        mask = tf.sequence_mask(lengths, x.shape[1])
    cell = _Cell(kernel, recurrent_kernel, bias)

    def step(carry: Any, given: Any) -> Any:
        (y, h, c), counts = carry, given[:, -1:] > 0
        _, (new_h, new_c) = cell(given[:, :-1], (h, c))
        masked = {"repeat": y, "state": h, "zero": tf.zeros_like(h)}[masked_output]
        return tf.where(counts, new_h, masked), tf.where(counts, new_h, h), tf.where(counts, new_c, c)

    given = tf.concat([x, tf.cast(mask, x.dtype)[..., None]], axis=-1)
    y, states, cells = over_time(step, (tf.zeros_like(h), h, c), given, direction)
    return sequence_of(y, direction == "backward") if return_sequences else y[-1], states[-1], cells[-1]


class _Cell:
    """What `tf.compat.v1.nn.dynamic_rnn` asks of a cell, with weights from outside."""

    def __init__(self, kernel: Any, recurrent_kernel: Any, bias: Any) -> None:
        self.weights = kernel, recurrent_kernel, bias
        self.output_size = recurrent_kernel.shape[0]
        self.state_size = (self.output_size, self.output_size)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        return [tf.zeros((batch_size, self.output_size), dtype)] * 2

    def __call__(self, x: Any, state: Any, scope: Any = None) -> Any:
        (h, c), (kernel, recurrent_kernel, bias) = state, self.weights
        i, f, g, o = tf.split(affine(x, kernel, bias) + tf.matmul(h, recurrent_kernel), 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, (h, c)


MERGES = {
    "concat": lambda f, b: tf.concat([f, b], axis=-1),
    "sum": lambda f, b: f + b,
    "mul": lambda f, b: f * b,
    "ave": lambda f, b: (f + b) / 2,
}


@binds("bidirectional_lstm", "tf.compat.v1.nn.bidirectional_dynamic_rnn", where=ZERO, composition=True)
def bidirectional_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    *, merge: str, returns: str,
) -> Any:  # fmt: skip
    forward, backward = (_Cell(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2))
    streams, states = tf.compat.v1.nn.bidirectional_dynamic_rnn(
        forward,
        backward,
        x,
        sequence_length=lengths,
        initial_state_fw=(h[0], c[0]),
        initial_state_bw=(h[1], c[1]),
    )
    (h_forward, c_forward), (h_backward, c_backward) = states
    y = MERGES[merge](*((h_forward, h_backward) if returns == "ends" else streams))
    h, c = tf.stack([h_forward, h_backward]), tf.stack([c_forward, c_backward])
    return y[:, -1] if returns == "last_step" else y, h, c


@binds("stacked_lstm", "tf.scan", composition=True)
def stacked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    states, kernels = [], (kernel, *tf.unstack(upper_kernels))
    for at, weights in enumerate(zip(kernels, tf.unstack(recurrent_kernel), tf.unstack(bias), strict=True)):
        x, *state = _scanned(x, h[at], c[at], *weights)
        states.append(state)
    final_h, final_c = zip(*states, strict=True)
    return x, tf.stack(final_h), tf.stack(final_c)


@binds("stateful_lstm", "tf.scan", where=HANDED, composition=True)
def stateful_lstm(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    weights: Any = (kernel, recurrent_kernel, bias)
    rest: Any = [tf.zeros((len(x), len(recurrent_kernel)), x.dtype)] * 2
    y, *carry = _scanned(x, *rest, *weights)
    if between == "predict":
        _scanned(other, *rest, *weights)
    return y, *_scanned(later, *(rest if between == "reset" else carry), *weights)


def _scanned(x: Any, h: Any, c: Any, *weights: Any) -> Any:
    cell = _Cell(*weights)
    y, cells = over_time(lambda carry, step: cell(step, carry)[1], (h, c), x)
    return sequence_of(y), y[-1], cells[-1]
