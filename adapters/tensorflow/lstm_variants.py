"""Relatives of the LSTM in TensorFlow: cells made of its primitives, and the fused kernel with peepholes."""

from __future__ import annotations

import math

from .framework import binds, tf
from .recurrent import HALF_OR_SINGLE, affine, block_lstm, over_time, sequence_of

STOPPED = {"clip_gradient": ("zero", "tf.clip_by_value stops what it holds")}

ONE_WAY = {"bidirectional": (False, "is written for one direction")}


@binds("layer_norm_lstm", "tf.nn.batch_normalization(tf.nn.moments)", composition=True)
def layer_norm_lstm(
    x,
    h,
    c,
    kernel,
    recurrent_kernel,
    bias,
    scale,
    recurrent_scale,
    cell_scale,
    cell_bias,
    *,
    normalized,
    carried,
    forget_bias,
    epsilon,
):
    def norm(x, scale, bias=None):
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon)

    def cell(carry, step):
        h, c = carry
        by_input, by_state = tf.matmul(step, kernel), tf.matmul(h, recurrent_kernel)
        if normalized == "gates":
            gates = zip(*(tf.split(a, 4, axis=-1) for a in (by_input + by_state, scale, bias)), strict=True)
            i, f, g, o = (norm(*gate) for gate in gates)
        else:
            z = norm(by_input, scale) + norm(by_state, recurrent_scale) + bias
            i, f, g, o = tf.split(z, 4, axis=-1)
        c = tf.sigmoid(f + forget_bias) * c + tf.sigmoid(i) * tf.tanh(g)
        seen = norm(c, cell_scale, cell_bias)
        return tf.sigmoid(o) * tf.tanh(seen), c if carried == "cell" else seen

    return _scanned(cell, x, h, c)


@binds("peephole_lstm", "tf.scan", fixed=STOPPED, composition=True)
def peephole_lstm(x, h, c, kernel, recurrent_kernel, bias, peepholes, *, coupled, cell_clip):
    *to_i, to_f, to_o = tf.unstack(peepholes)

    def cell(carry, step):
        h, c = carry
        *i, f, g, o = tf.split(
            affine(step, kernel, bias) + tf.matmul(h, recurrent_kernel), 3 if coupled else 4, axis=-1
        )
        f = tf.sigmoid(f + to_f * c)
        i = 1 - f if coupled else tf.sigmoid(i[0] + to_i[0] * c)
        c = f * c + i * tf.tanh(g)
        c = c if cell_clip is None else tf.clip_by_value(c, -cell_clip, cell_clip)
        return tf.sigmoid(o + to_o * c) * tf.tanh(c), c

    return _scanned(cell, x, h, c)


@binds("projection_lstm", "tf.scan", fixed=ONE_WAY, composition=True)
def projection_lstm(x, h, c, kernel, recurrent_kernel, bias, projection, peepholes):
    to_i, to_f, to_o = (0, 0, 0) if peepholes is None else tf.unstack(peepholes)

    def cell(carry, step):
        h, c = carry
        i, f, g, o = tf.split(affine(step, kernel, bias) + tf.matmul(h, recurrent_kernel), 4, axis=-1)
        c = tf.sigmoid(f + to_f * c) * c + tf.sigmoid(i + to_i * c) * tf.tanh(g)
        output = tf.sigmoid(o + to_o * c) * tf.tanh(c)
        return tf.matmul(output, projection), c

    return _scanned(cell, x, h, c)


@binds("time_gated_lstm", "tf.scan", composition=True)
def time_gated_lstm(x, elapsed, h, c, kernel, recurrent_kernel, bias, *, decay):
    decays = tf.exp(-elapsed) if decay == "exponential" else 1 / tf.math.log(math.e + elapsed)

    def cell(carry, step):
        h, c = carry
        step, factor = step[:, :-1], step[:, -1:]
        i, f, g, o = tf.split(affine(step, kernel, bias) + tf.matmul(h, recurrent_kernel), 4, axis=-1)
        c = tf.sigmoid(f) * factor * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    return _scanned(cell, tf.concat([x, decays[..., None]], -1), h, c)


@binds(
    "peephole_lstm",
    "tf.raw_ops.BlockLSTM(use_peephole=True)",
    where=HALF_OR_SINGLE | {"clip_gradient == 'pass' or cell_clip is None": "differentiates as if unclipped"},
    fixed={"coupled": (False, "the kernel has an input gate of its own")},
)
def peephole_lstm_block(x, h, c, kernel, recurrent_kernel, bias, peepholes, *, cell_clip):
    clip = -1.0 if cell_clip is None else cell_clip
    return block_lstm(x, h, c, kernel, recurrent_kernel, bias, tf.unstack(peepholes), cell_clip=clip)


def _scanned(cell, x, h, c):
    y, cells = over_time(cell, (h, c), x)
    return sequence_of(y), y[-1], cells[-1]


def residual_cell(x, h):
    """A cell in the wrapper, whose weights are given later."""
    inner = tf.keras.layers.LSTMCell(h.shape[-1], recurrent_initializer="zeros", dtype=x.dtype.name)
    cell = tf.nn.RNNCellResidualWrapper(inner, dtype=x.dtype)
    cell.build(x[:, 0].shape)
    return cell


@binds("residual_lstm", "tf.nn.RNNCellResidualWrapper", build=residual_cell)
def residual_lstm(built, x, h, c, kernel, recurrent_kernel, bias):
    weights = zip(built.cell.trainable_variables, (kernel, recurrent_kernel, bias), strict=True)
    sequence = []
    with tf.keras.StatelessScope(state_mapping=list(weights)):
        for step in tf.unstack(x, axis=1):
            y, (h, c) = built(step, [h, c])
            sequence.append(y)
    return tf.stack(sequence, 1), h, c
