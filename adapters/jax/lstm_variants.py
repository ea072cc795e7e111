"""Relatives of the LSTM in JAX: cells made of its primitives, scanned along time."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .recurrent import affine, over_time

STOPPED = {"clip_gradient": ("zero", "jnp.clip stops what it holds")}

ONE_WAY = {"bidirectional": (False, "is written for one direction")}


@binds("layer_norm_lstm", "jax.nn.standardize", composition=True)
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
    def norm(x, scale, bias=0):
        return jax.nn.standardize(x, axis=-1, epsilon=epsilon) * scale + bias

    def cell(step, h, c):
        if normalized == "gates":
            gates = zip(
                *(jnp.split(a, 4, axis=-1) for a in (step @ kernel + h @ recurrent_kernel, scale, bias)),
                strict=True,
            )
            i, f, g, o = (norm(*gate) for gate in gates)
        else:
            z = norm(step @ kernel, scale) + norm(h @ recurrent_kernel, recurrent_scale) + bias
            i, f, g, o = jnp.split(z, 4, axis=-1)
        c = jax.nn.sigmoid(f + forget_bias) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        seen = norm(c, cell_scale, cell_bias)
        return jax.nn.sigmoid(o) * jnp.tanh(seen), c if carried == "cell" else seen

    return _scanned(cell, x, h, c)


@binds("peephole_lstm", "jax.lax.scan", fixed=STOPPED, composition=True)
def peephole_lstm(x, h, c, kernel, recurrent_kernel, bias, peepholes, *, coupled, cell_clip):
    *to_i, to_f, to_o = peepholes

    def cell(step, h, c):
        *i, f, g, o = jnp.split(
            affine(step, kernel, bias) + h @ recurrent_kernel, 3 if coupled else 4, axis=-1
        )
        f = jax.nn.sigmoid(f + to_f * c)
        i = 1 - f if coupled else jax.nn.sigmoid(i[0] + to_i[0] * c)
        c = f * c + i * jnp.tanh(g)
        c = c if cell_clip is None else jnp.clip(c, -cell_clip, cell_clip)
        return jax.nn.sigmoid(o + to_o * c) * jnp.tanh(c), c

    return _scanned(cell, x, h, c)


@binds("projection_lstm", "jax.lax.scan", fixed=ONE_WAY, composition=True)
def projection_lstm(x, h, c, kernel, recurrent_kernel, bias, projection, peepholes):
    to_i, to_f, to_o = (0, 0, 0) if peepholes is None else peepholes

    def cell(step, h, c):
        i, f, g, o = jnp.split(affine(step, kernel, bias) + h @ recurrent_kernel, 4, axis=-1)
        c = jax.nn.sigmoid(f + to_f * c) * c + jax.nn.sigmoid(i + to_i * c) * jnp.tanh(g)
        output = jax.nn.sigmoid(o + to_o * c) * jnp.tanh(c)
        return output @ projection, c

    return _scanned(cell, x, h, c)


@binds("time_gated_lstm", "jax.lax.scan", composition=True)
def time_gated_lstm(x, elapsed, h, c, kernel, recurrent_kernel, bias, *, decay):
    decays = jnp.exp(-elapsed) if decay == "exponential" else 1 / jnp.log(jnp.e + elapsed)

    def cell(step, h, c):
        step, factor = step[:, :-1], step[:, -1:]
        i, f, g, o = jnp.split(affine(step, kernel, bias) + h @ recurrent_kernel, 4, axis=-1)
        c = jax.nn.sigmoid(f) * factor * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    return _scanned(cell, jnp.concatenate([x, decays[..., None]], axis=-1), h, c)


def _scanned(cell, x, h, c):
    def step(carry, at):
        carry = cell(at, *carry)
        return carry, carry[0]

    (h, c), y = over_time(step, (h, c), x)
    return y, h, c
