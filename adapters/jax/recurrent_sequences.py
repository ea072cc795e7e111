"""Recurrent layers of flax over padded sequences, in both directions, in layers and from call to call.

Beside them, layers that are masked in a scan of JAX itself.
"""

from __future__ import annotations

from .framework import binds, jax, jnp, linen, nnx
from .recurrent import (
    NO_CANDIDATE_BIAS,
    PLACEMENT,
    affine,
    assign,
    gru_step,
    gru_weights,
    lstm_weights,
    simple_rnn_weights,
)

FORWARD = {
    "direction == 'forward'": "jax.experimental.rnn runs backwards only in a bidirectional layer",
    "reversal == 'whole'": "forward there is nothing to turn round",
}
LENGTHS = {"marked_by == 'lengths'": "the layer takes lengths"}
VALID = {
    "direction == 'forward' or reversal == 'valid'": "flax turns round what counts, and the padding stays"
}
COMPUTED = {"masked_output == 'computed'": "flax goes on through the padding, and picks the carry out later"}
ZERO = {"masked_output == 'zero'": "jax.experimental.rnn puts zeros past the end"}
MASKED = {
    "masked_output != 'computed'": "the scan masks the carry",
    "direction == 'forward' or reversal == 'whole'": "the scan turns everything round",
}
RESET_AFTER = {"reset_after": PLACEMENT["reset_after"]}
JOINED = LENGTHS | {"merge == 'concat'": "jax.experimental.rnn joins the two directions"}
PADDED = LENGTHS | {
    "not padded or masked_output == 'computed'": COMPUTED["masked_output == 'computed'"],
}


FLAX = LENGTHS | COMPUTED | VALID


@binds("masked_lstm", "flax.nnx.RNN", where=FLAX)
def masked_lstm_nnx(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, direction, return_sequences):
    cell = lstm_cell(kernel, recurrent_kernel, bias)
    (c, h), y = _masked_nnx(cell, x, (c, h), lengths, direction)
    return y if return_sequences else y[:, -1], h, c


@binds("masked_gru", "flax.nnx.RNN", where=FLAX | RESET_AFTER | NO_CANDIDATE_BIAS)
def masked_gru_nnx(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, direction, return_sequences
):
    h, y = _masked_nnx(gru_cell(kernel, recurrent_kernel, bias), x, h, lengths, direction)
    return y if return_sequences else y[:, -1], h


@binds("masked_simple_rnn", "flax.nnx.RNN", where=FLAX)
def masked_simple_rnn_nnx(
    x, h, kernel, recurrent_kernel, bias, lengths, mask, *, direction, return_sequences
):
    h, y = _masked_nnx(simple_rnn_cell(kernel, recurrent_kernel, bias), x, h, lengths, direction)
    return y if return_sequences else y[:, -1], h


def _masked_nnx(cell, x, carry, lengths, direction):
    layer = nnx.RNN(cell, reverse=direction != "forward", keep_order=direction == "backward")
    return layer(x, initial_carry=carry, seq_lengths=lengths, return_carry=True)


@binds("masked_lstm", "flax.linen.RNN", where=FLAX)
def masked_lstm_linen(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, direction, return_sequences):
    cell, weights = linen.OptimizedLSTMCell(h.shape[-1]), lstm_weights(kernel, recurrent_kernel, bias)
    (c, h), y = _masked_linen(cell, weights, x, (c, h), lengths, direction)
    return y if return_sequences else y[:, -1], h, c


@binds("masked_gru", "flax.linen.RNN", where=FLAX | RESET_AFTER)
def masked_gru_linen(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, direction, return_sequences
):
    weights = gru_weights(kernel, recurrent_kernel, bias, recurrent_bias)
    h, y = _masked_linen(linen.GRUCell(h.shape[-1]), weights, x, h, lengths, direction)
    return y if return_sequences else y[:, -1], h


@binds("masked_simple_rnn", "flax.linen.RNN", where=FLAX)
def masked_simple_rnn_linen(
    x, h, kernel, recurrent_kernel, bias, lengths, mask, *, direction, return_sequences
):
    weights = simple_rnn_weights(kernel, recurrent_kernel, bias)
    h, y = _masked_linen(linen.SimpleCell(h.shape[-1]), weights, x, h, lengths, direction)
    return y if return_sequences else y[:, -1], h


def _masked_linen(cell, weights, x, carry, lengths, direction):
    layer = linen.RNN(cell, reverse=direction != "forward", keep_order=direction == "backward")
    variables = {"params": {"cell": weights}}
    return layer.apply(variables, x, initial_carry=carry, seq_lengths=lengths, return_carry=True)


@binds("masked_lstm", "jax.experimental.rnn.lstm_ref", where=FORWARD | LENGTHS | ZERO)
def masked_lstm_experimental(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, return_sequences):
    y, h, c = lstm_ref(x, h[None], c[None], kernel[None], recurrent_kernel[None], bias[None], lengths)
    return y if return_sequences else y[:, -1], h[0], c[0]


@binds("masked_lstm", "jax.lax.scan(jnp.where)", where=MASKED, composition=True)
def masked_lstm(
    x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, masked_output, direction, return_sequences
):
    def step(x, h, c):
        i, f, g, o = jnp.split(affine(x, kernel, bias) + h @ recurrent_kernel, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    return over_padding(step, x, (h, c), lengths, mask, masked_output, direction, return_sequences)


@binds("masked_gru", "jax.lax.scan(jnp.where)", where=MASKED, composition=True)
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
    weights = (kernel, recurrent_kernel, bias, recurrent_bias)

    def step(x, h):
        return (gru_step(x, h, *weights, reset_after),)

    return over_padding(step, x, (h,), lengths, mask, masked_output, direction, return_sequences)


@binds("masked_simple_rnn", "jax.lax.scan(jnp.where)", where=MASKED, composition=True)
def masked_simple_rnn(
    x, h, kernel, recurrent_kernel, bias, lengths, mask, *, masked_output, direction, return_sequences
):
    def step(x, h):
        return (jnp.tanh(affine(x, kernel, bias) + h @ recurrent_kernel),)

    return over_padding(step, x, (h,), lengths, mask, masked_output, direction, return_sequences)


def over_padding(cell, x, carry, lengths, mask, masked_output, direction="forward", return_sequences=True):
    """Outputs and final carry of a cell whose carry a masked step leaves as it is."""
    if mask is None:
        mask = jnp.arange(x.shape[1]) < lengths[:, None]

    def step(carry, given):
        (y, *before), (at, counts) = carry, given
        after = cell(at, *before)
        y = jnp.where(counts, after[0], {"repeat": y, "state": before[0], "zero": 0}[masked_output])
        return (y, *(jnp.where(counts, new, old) for new, old in zip(after, before, strict=True))), y

    given = jnp.swapaxes(x, 0, 1), jnp.swapaxes(mask[..., None], 0, 1)
    start = (jnp.zeros_like(carry[0]), *carry)
    (last, *carry), y = jax.lax.scan(step, start, given, reverse=direction != "forward")
    if not return_sequences:
        return last, *carry
    return jnp.swapaxes(y[::-1] if direction == "backward_reversed" else y, 0, 1), *carry


@binds("bidirectional_lstm", "flax.nnx.Bidirectional", where=PADDED)
def bidirectional_lstm_nnx(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, merge, returns):
    cells = [lstm_cell(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    carries = [(c[n], h[n]) for n in range(2)]
    ((c_forward, h_forward), (c_backward, h_backward)), y = _both_nnx(cells, x, carries, lengths, merge)
    y, h = _ends(y, (h_forward, h_backward), merge, returns)
    return y, h, jnp.stack([c_forward, c_backward])


@binds("bidirectional_gru", "flax.nnx.Bidirectional", where=PADDED | RESET_AFTER | NO_CANDIDATE_BIAS)
def bidirectional_gru_nnx(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, merge, returns
):
    cells = [gru_cell(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    ends, y = _both_nnx(cells, x, h, lengths, merge)
    return _ends(y, ends, merge, returns)


@binds("bidirectional_simple_rnn", "flax.nnx.Bidirectional", where=PADDED)
def bidirectional_simple_rnn_nnx(x, h, kernel, recurrent_kernel, bias, lengths, mask, *, merge, returns):
    cells = [simple_rnn_cell(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    ends, y = _both_nnx(cells, x, h, lengths, merge)
    return _ends(y, ends, merge, returns)


def _both_nnx(cells, x, carries, lengths, merge):
    layer = nnx.Bidirectional(
        *map(nnx.RNN, cells), merge_fn=lambda f, b: _merged(merge, f, b), return_carry=True
    )
    return layer(x, initial_carry=tuple(carries), seq_lengths=lengths)


@binds("bidirectional_lstm", "flax.linen.Bidirectional", where=PADDED)
def bidirectional_lstm_linen(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, merge, returns):
    cells = [linen.OptimizedLSTMCell(h.shape[-1]) for _ in range(2)]
    weights = [lstm_weights(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    carries = [(c[n], h[n]) for n in range(2)]
    ends, y = _both_linen(cells, weights, x, carries, lengths, merge)
    (c_forward, h_forward), (c_backward, h_backward) = ends
    y, h = _ends(y, (h_forward, h_backward), merge, returns)
    return y, h, jnp.stack([c_forward, c_backward])


@binds("bidirectional_gru", "flax.linen.Bidirectional", where=PADDED | RESET_AFTER)
def bidirectional_gru_linen(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, lengths, mask, *, merge, returns
):
    own = [None, None] if recurrent_bias is None else recurrent_bias
    cells = [linen.GRUCell(h.shape[-1]) for _ in range(2)]
    weights = [gru_weights(kernel[n], recurrent_kernel[n], bias[n], own[n]) for n in range(2)]
    ends, y = _both_linen(cells, weights, x, h, lengths, merge)
    return _ends(y, ends, merge, returns)


@binds("bidirectional_simple_rnn", "flax.linen.Bidirectional", where=PADDED)
def bidirectional_simple_rnn_linen(x, h, kernel, recurrent_kernel, bias, lengths, mask, *, merge, returns):
    cells = [linen.SimpleCell(h.shape[-1]) for _ in range(2)]
    weights = [simple_rnn_weights(kernel[n], recurrent_kernel[n], bias[n]) for n in range(2)]
    ends, y = _both_linen(cells, weights, x, h, lengths, merge)
    return _ends(y, ends, merge, returns)


def _both_linen(cells, weights, x, carries, lengths, merge):
    names = ("forward_rnn", "backward_rnn")
    layers = [linen.RNN(cell, name=name) for cell, name in zip(cells, names, strict=True)]
    layer = linen.Bidirectional(*layers, merge_fn=lambda f, b: _merged(merge, f, b), return_carry=True)
    variables = {"params": {name: {"cell": own} for name, own in zip(names, weights, strict=True)}}
    return layer.apply(variables, x, initial_carry=tuple(carries), seq_lengths=lengths)


@binds("bidirectional_lstm", "jax.experimental.rnn.lstm_ref(bidirectional)", where=JOINED | ZERO)
def bidirectional_lstm_experimental(x, h, c, kernel, recurrent_kernel, bias, lengths, mask, *, returns):
    y, h, c = lstm_ref(x, h, c, kernel, recurrent_kernel, bias, lengths, bidirectional=True)
    return {"sequence": y, "ends": jnp.concatenate([h[0], h[1]], -1), "last_step": y[:, -1]}[returns], h, c


def _merged(merge, f, b):
    if merge is None:
        return jnp.stack([f, b])
    return {"concat": jnp.concatenate([f, b], axis=-1), "sum": f + b, "mul": f * b, "ave": (f + b) / 2}[merge]


def _ends(y, ends, merge, returns):
    """What is asked for, and the hidden states in which the two ended."""
    last = y[..., -1, :]
    return {"sequence": y, "ends": _merged(merge, *ends), "last_step": last}[returns], jnp.stack(ends)


def lstm_cell(kernel, recurrent_kernel, bias):
    cell = nnx.OptimizedLSTMCell(
        len(kernel), len(recurrent_kernel), param_dtype=kernel.dtype, rngs=nnx.Rngs(0)
    )
    assign(cell.dense_i, kernel)
    assign(cell.dense_h, recurrent_kernel, bias)
    return cell


def gru_cell(kernel, recurrent_kernel, bias):
    cell = nnx.GRUCell(len(kernel), len(recurrent_kernel), param_dtype=kernel.dtype, rngs=nnx.Rngs(0))
    assign(cell.dense_i, kernel, bias)
    assign(cell.dense_h, recurrent_kernel)
    return cell


def simple_rnn_cell(kernel, recurrent_kernel, bias):
    dtypes = {"dtype": kernel.dtype, "param_dtype": kernel.dtype}
    cell = nnx.SimpleCell(len(kernel), len(recurrent_kernel), **dtypes, rngs=nnx.Rngs(0))
    assign(cell.dense_i, kernel, bias)
    assign(cell.dense_h, recurrent_kernel)
    return cell


def lstm_ref(x, h, c, kernel, recurrent_kernel, bias, lengths, layers=1, bidirectional=False):
    from jax.experimental import rnn

    lengths = jnp.full(len(x), x.shape[1], jnp.int32) if lengths is None else lengths
    return rnn.lstm_ref(
        x, h, c, {n: w.T for n, w in enumerate(kernel)}, {n: u.T for n, u in enumerate(recurrent_kernel)},
        dict(enumerate(bias)), dict(enumerate(jnp.zeros_like(bias))), lengths, x.shape[-1], h.shape[-1],
        layers, 0.0, bidirectional,
    )  # fmt: skip
