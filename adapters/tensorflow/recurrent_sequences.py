"""Recurrent layers over sequences in TensorFlow: a loop that it still ships, and cells made of primitives."""

from __future__ import annotations

from .framework import binds, tf
from .recurrent import affine, gru_step, over_time, sequence_of

FORWARD = {
    "direction": ("forward", "the loop runs forward; reverse_sequence is a call of its own"),
    "reversal": ("whole", "forward there is nothing to turn round"),
}
LENGTHS = {"marked_by": ("lengths", "the loop takes lengths")}
ZERO = {"masked_output": ("zero", "the loop puts zeros past the end")}
ENDED = LENGTHS | ZERO
MASKED = {
    "masked_output != 'computed'": "the scan masks the carry",
    "direction == 'forward' or reversal == 'whole'": "the scan turns everything round",
}


@binds("masked_lstm", "tf.compat.v1.nn.dynamic_rnn", fixed=FORWARD | LENGTHS | ZERO, composition=True)
def masked_lstm_dynamic(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, return_sequences):
    cell = _cell(lstm_step(kernel, recurrent_kernel, bias), recurrent_kernel, states=2)
    y, (h, c) = tf.compat.v1.nn.dynamic_rnn(cell, x, sequence_length=lengths, initial_state=(h, c))
    return y if return_sequences else y[:, -1], h, c


@binds("masked_gru", "tf.compat.v1.nn.dynamic_rnn", fixed=FORWARD | LENGTHS | ZERO, composition=True)
def masked_gru_dynamic(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, reset_after, return_sequences
):
    step = gru_step_with(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    cell = _cell(step, recurrent_kernel)
    y, (h,) = tf.compat.v1.nn.dynamic_rnn(cell, x, sequence_length=lengths, initial_state=(h,))
    return y if return_sequences else y[:, -1], h


@binds("masked_simple_rnn", "tf.compat.v1.nn.dynamic_rnn", fixed=FORWARD | LENGTHS | ZERO, composition=True)
def masked_simple_rnn_dynamic(x, h, kernel, recurrent_kernel, bias, lengths, mask, *, return_sequences):
    cell = _cell(simple_rnn_step(kernel, recurrent_kernel, bias), recurrent_kernel)
    y, (h,) = tf.compat.v1.nn.dynamic_rnn(cell, x, sequence_length=lengths, initial_state=(h,))
    return y if return_sequences else y[:, -1], h


@binds("masked_lstm", "tf.scan(tf.where)", where=MASKED, composition=True)
def masked_lstm(
    x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, masked_output, direction, return_sequences
):
    step = lstm_step(kernel, recurrent_kernel, bias)
    return over_padding(step, x, (h, c), lengths, mask, masked_output, direction, return_sequences)


@binds("masked_gru", "tf.scan(tf.where)", where=MASKED, composition=True)
def masked_gru(
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
    masked_output,
    direction,
    return_sequences,
):
    step = gru_step_with(kernel, recurrent_kernel, bias, recurrent_bias, reset_after)
    return over_padding(step, x, (h,), lengths, mask, masked_output, direction, return_sequences)


@binds("masked_simple_rnn", "tf.scan(tf.where)", where=MASKED, composition=True)
def masked_simple_rnn(
    x, h, kernel, recurrent_kernel, bias, lengths, mask, *, masked_output, direction, return_sequences
):
    step = simple_rnn_step(kernel, recurrent_kernel, bias)
    return over_padding(step, x, (h,), lengths, mask, masked_output, direction, return_sequences)


def over_padding(cell, x, carry, lengths, mask, masked_output, direction="forward", return_sequences=True):
    """Outputs and final carry of a cell whose carry a masked step leaves as it is."""
    if mask is None:
        mask = tf.sequence_mask(lengths, x.shape[1])
    zero = tf.zeros_like(carry[0])

    def step(carry, given):
        (y, *before), counts = carry, given[:, -1:] > 0
        after = cell(given[:, :-1], *before)
        y = tf.where(counts, after[0], {"repeat": y, "state": before[0], "zero": zero}[masked_output])
        return y, *(tf.where(counts, new, old) for new, old in zip(after, before, strict=True))

    given = tf.concat([x, tf.cast(mask, x.dtype)[..., None]], axis=-1)
    y, *states = over_time(step, (zero, *carry), given, direction)
    y = sequence_of(y, direction == "backward") if return_sequences else y[-1]
    return y, *(state[-1] for state in states)


def _cell(step, recurrent_kernel, states=1):
    """What `tf.compat.v1.nn.dynamic_rnn` asks of a cell, of a step with weights from outside."""
    units = recurrent_kernel.shape[-2]

    class Cell:
        output_size, state_size = units, (units,) * states

        def zero_state(self, batch_size, dtype):
            return [tf.zeros((batch_size, units), dtype)] * states

        def __call__(self, x, state, scope=None):
            after = step(x, *state)
            return after[0], after

    return Cell()


def lstm_step(kernel, recurrent_kernel, bias):
    def step(x, h, c):
        i, f, g, o = tf.split(affine(x, kernel, bias) + tf.matmul(h, recurrent_kernel), 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    return step


def gru_step_with(kernel, recurrent_kernel, bias, recurrent_bias, reset_after):
    weights = (kernel, recurrent_kernel, bias, recurrent_bias)
    return lambda x, h: (gru_step(x, h, *weights, reset_after),)


def simple_rnn_step(kernel, recurrent_kernel, bias):
    return lambda x, h: (tf.tanh(affine(x, kernel, bias) + tf.matmul(h, recurrent_kernel)),)


def _merged(merge, f, b):
    if merge is None:
        return tf.stack([f, b])
    return {"concat": tf.concat([f, b], axis=-1), "sum": f + b, "mul": f * b, "ave": (f + b) / 2}[merge]


@binds("bidirectional_lstm", "tf.compat.v1.nn.bidirectional_dynamic_rnn", fixed=ENDED, composition=True)
def bidirectional_lstm(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, merge, returns):
    steps = [lstm_step(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    return _both_ways(
        [_cell(step, recurrent_kernel, states=2) for step in steps], x, (h, c), lengths, merge, returns
    )


@binds("bidirectional_gru", "tf.compat.v1.nn.bidirectional_dynamic_rnn", fixed=ENDED, composition=True)
def bidirectional_gru(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, reset_after, merge, returns
):
    own = [None, None] if recurrent_bias is None else recurrent_bias
    steps = [gru_step_with(kernel[n], recurrent_kernel[n], bias[n], own[n], reset_after) for n in range(2)]
    return _both_ways([_cell(step, recurrent_kernel) for step in steps], x, (h,), lengths, merge, returns)


@binds(
    "bidirectional_simple_rnn",
    "tf.compat.v1.nn.bidirectional_dynamic_rnn",
    fixed=LENGTHS | ZERO,
    composition=True,
)
def bidirectional_simple_rnn(x, h, kernel, recurrent_kernel, bias, lengths, mask, *, merge, returns):
    steps = [simple_rnn_step(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    return _both_ways([_cell(step, recurrent_kernel) for step in steps], x, (h,), lengths, merge, returns)


def _both_ways(cells, x, carry, lengths, merge, returns):
    streams, ends = tf.compat.v1.nn.bidirectional_dynamic_rnn(
        *cells,
        x,
        sequence_length=lengths,
        initial_state_fw=tuple(state[0] for state in carry),
        initial_state_bw=tuple(state[1] for state in carry),
    )
    h, *others = zip(*ends, strict=True)
    y = _merged(merge, *(h if returns == "ends" else streams))
    return y[..., -1, :] if returns == "last_step" else y, *map(tf.stack, (h, *others))
