"""Relatives of the LSTM in Keras: cells made of its operations, scanned along time."""

from __future__ import annotations

import math

from .framework import binds, keras

STOPPED = {"clip_gradient": ("zero", "keras.ops.clip stops what it holds")}

ONE_WAY = {"bidirectional": (False, "is written for one direction")}


@binds("layer_norm_lstm", "keras.ops.layer_normalization", composition=True)
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
    ops = keras.ops

    def norm(x, scale, bias=None):
        return ops.layer_normalization(x, scale, bias, axis=-1, epsilon=epsilon)

    def cell(step, h, c):
        by_input, by_state = ops.matmul(step, kernel), ops.matmul(h, recurrent_kernel)
        if normalized == "gates":
            gates = zip(*(ops.split(a, 4, axis=-1) for a in (by_input + by_state, scale, bias)), strict=True)
            i, f, g, o = (norm(*gate) for gate in gates)
        else:
            z = norm(by_input, scale) + norm(by_state, recurrent_scale) + bias
            i, f, g, o = ops.split(z, 4, axis=-1)
        c = ops.sigmoid(f + forget_bias) * c + ops.sigmoid(i) * ops.tanh(g)
        seen = norm(c, cell_scale, cell_bias)
        return ops.sigmoid(o) * ops.tanh(seen), c if carried == "cell" else seen

    return _over_time(cell, x, h, c)


@binds("peephole_lstm", "keras.ops.sigmoid", fixed=STOPPED, composition=True)
def peephole_lstm(x, h, c, kernel, recurrent_kernel, bias, peepholes, *, coupled, cell_clip):
    *to_i, to_f, to_o = keras.ops.unstack(peepholes)

    def cell(step, h, c):
        *i, f, g, o = _sums(step, h, kernel, recurrent_kernel, bias, 3 if coupled else 4)
        f = keras.ops.sigmoid(f + to_f * c)
        i = 1 - f if coupled else keras.ops.sigmoid(i[0] + to_i[0] * c)
        c = f * c + i * keras.ops.tanh(g)
        c = c if cell_clip is None else keras.ops.clip(c, -cell_clip, cell_clip)
        return keras.ops.sigmoid(o + to_o * c) * keras.ops.tanh(c), c

    return _over_time(cell, x, h, c)


@binds("projection_lstm", "keras.ops.sigmoid", fixed=ONE_WAY, composition=True)
def projection_lstm(x, h, c, kernel, recurrent_kernel, bias, projection, peepholes):
    to_i, to_f, to_o = (0, 0, 0) if peepholes is None else keras.ops.unstack(peepholes)

    def cell(step, h, c):
        i, f, g, o = _sums(step, h, kernel, recurrent_kernel, bias)
        c = keras.ops.sigmoid(f + to_f * c) * c + keras.ops.sigmoid(i + to_i * c) * keras.ops.tanh(g)
        output = keras.ops.sigmoid(o + to_o * c) * keras.ops.tanh(c)
        return keras.ops.matmul(output, projection), c

    return _over_time(cell, x, h, c)


@binds("time_gated_lstm", "keras.ops.sigmoid", composition=True)
def time_gated_lstm(x, elapsed, h, c, kernel, recurrent_kernel, bias, *, decay):
    decays = keras.ops.exp(-elapsed) if decay == "exponential" else 1 / keras.ops.log(math.e + elapsed)

    def cell(step, h, c):
        step, factor = step[:, :-1], step[:, -1:]
        i, f, g, o = _sums(step, h, kernel, recurrent_kernel, bias)
        c = keras.ops.sigmoid(f) * factor * c + keras.ops.sigmoid(i) * keras.ops.tanh(g)
        return keras.ops.sigmoid(o) * keras.ops.tanh(c), c

    return _over_time(cell, keras.ops.concatenate([x, decays[..., None]], axis=-1), h, c)


def _over_time(cell, x, h, c):
    states = []
    for step in keras.ops.unstack(x, axis=1):
        h, c = cell(step, h, c)
        states.append(h)
    return keras.ops.stack(states, axis=1), h, c


def _sums(x, h, kernel, recurrent_kernel, bias, gates=4):
    z = keras.ops.matmul(x, kernel) + keras.ops.matmul(h, recurrent_kernel) + bias
    return keras.ops.split(z, gates, axis=-1)
