"""Recurrent layers one upon the other, and from call to call, of JAX."""

from __future__ import annotations

from .framework import binds, jnp, linen, nnx
from .recurrent import (
    NO_CANDIDATE_BIAS,
    gru_weights,
)
from .recurrent_sequences import (
    LENGTHS,
    PADDED,
    RESET_AFTER,
    ZERO,
    gru_cell,
    lstm_cell,
    lstm_ref,
    simple_rnn_cell,
)


@binds("stacked_lstm", "flax.nnx.RNN", where=PADDED, composition=True)
def stacked_lstm_nnx(x, h, c, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    cells = _layers(lstm_cell, kernel, upper_kernels, recurrent_kernel, bias)
    y, finals = _stacked_nnx(cells, x, list(zip(c, h, strict=True)), lengths)
    final_c, final_h = zip(*finals, strict=True)
    return y, jnp.stack(final_h), jnp.stack(final_c)


@binds("stacked_gru", "flax.nnx.RNN", where=PADDED | RESET_AFTER | NO_CANDIDATE_BIAS, composition=True)
def stacked_gru_nnx(x, h, kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, lengths, mask):
    cells = _layers(gru_cell, kernel, upper_kernels, recurrent_kernel, bias)
    y, finals = _stacked_nnx(cells, x, h, lengths)
    return y, jnp.stack(finals)


@binds("stacked_simple_rnn", "flax.nnx.RNN", where=PADDED, composition=True)
def stacked_simple_rnn_nnx(x, h, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    cells = _layers(simple_rnn_cell, kernel, upper_kernels, recurrent_kernel, bias)
    y, finals = _stacked_nnx(cells, x, h, lengths)
    return y, jnp.stack(finals)


def _layers(cell, kernel, upper_kernels, *others):
    """A cell with the weights of each layer."""
    return [cell(*weights) for weights in zip((kernel, *upper_kernels), *others, strict=True)]


def _stacked_nnx(cells, x, carries, lengths):
    finals = []
    for cell, carry in zip(cells, carries, strict=True):
        final, x = nnx.RNN(cell)(x, initial_carry=carry, seq_lengths=lengths, return_carry=True)
        finals.append(final)
    return x, finals


@binds("stacked_gru", "flax.linen.RNN", where=PADDED | RESET_AFTER, composition=True)
def stacked_gru_linen(x, h, kernel, upper_kernels, recurrent_kernel, bias, recurrent_bias, lengths, mask):
    own = [None] * len(h) if recurrent_bias is None else recurrent_bias
    layers, finals = linen.RNN(linen.GRUCell(h.shape[-1])), []
    for weights in zip((kernel, *upper_kernels), recurrent_kernel, bias, own, h, strict=True):
        variables = {"params": {"cell": gru_weights(*weights[:-1])}}
        marks = {"initial_carry": weights[-1], "seq_lengths": lengths}
        final, x = layers.apply(variables, x, **marks, return_carry=True)
        finals.append(final)
    return x, jnp.stack(finals)


@binds("stacked_lstm", "jax.experimental.rnn.lstm_ref(num_layers)", where=LENGTHS | ZERO)
def stacked_lstm_experimental(x, h, c, kernel, upper_kernels, recurrent_kernel, bias, lengths, mask):
    return lstm_ref(x, h, c, (kernel, *upper_kernels), recurrent_kernel, bias, lengths, layers=len(h))


HANDED = {"kept_by == 'caller'": "a layer of flax keeps no carry: its caller hands it on"}


@binds("stateful_lstm", "flax.nnx.RNN", where=HANDED)
def stateful_lstm_nnx(x, other, later, kernel, recurrent_kernel, bias, *, between):
    y, (c, h), y_later = _calls(lstm_cell(kernel, recurrent_kernel, bias), x, other, later, between)
    return y, y_later, h, c


@binds("stateful_gru", "flax.nnx.RNN", where=HANDED | RESET_AFTER | NO_CANDIDATE_BIAS)
def stateful_gru_nnx(x, other, later, kernel, recurrent_kernel, bias, recurrent_bias, *, between):
    y, h, y_later = _calls(gru_cell(kernel, recurrent_kernel, bias), x, other, later, between)
    return y, y_later, h


@binds("stateful_simple_rnn", "flax.nnx.RNN", where=HANDED)
def stateful_simple_rnn_nnx(x, other, later, kernel, recurrent_kernel, bias, *, between):
    y, h, y_later = _calls(simple_rnn_cell(kernel, recurrent_kernel, bias), x, other, later, between)
    return y, y_later, h


def _calls(cell, x, other, later, between):
    """Two calls, and what comes between them."""
    layer = nnx.RNN(cell, return_carry=True, rngs=nnx.Rngs(0))
    carry, y = layer(x)
    if between == "predict":
        layer(other)
    return y, *(layer(later) if between == "reset" else layer(later, initial_carry=carry))


@binds("stateful_gru", "flax.linen.RNN", where=HANDED | RESET_AFTER)
def stateful_gru_linen(x, other, later, kernel, recurrent_kernel, bias, recurrent_bias, *, between):
    layer = linen.RNN(linen.GRUCell(len(recurrent_kernel), param_dtype=x.dtype), return_carry=True)
    weights = {"params": {"cell": gru_weights(kernel, recurrent_kernel, bias, recurrent_bias)}}
    carry, y = layer.apply(weights, x)
    if between == "predict":
        layer.apply(weights, other)
    carry = None if between == "reset" else carry
    h, y_later = layer.apply(weights, later, initial_carry=carry)
    return y, y_later, h
