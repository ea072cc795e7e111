"""A root-mean-square normalization in Pallas, in interpret mode, with its own vector-Jacobian product.

    assay check examples/pallas_rms_norm.py:rms_norm --spec rms_norm
    assay check examples/pallas_rms_norm.py:broken --spec rms_norm

The broken twin divides by the width of its block and not by the number of channels.
"""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

BLOCK = 32


def normalize(x_ref, y_ref, *, epsilon, count):
    x = x_ref[...].astype(jnp.float32)
    mean_square = jnp.sum(x * x, axis=-1, keepdims=True) / count
    y_ref[...] = (x * jax.lax.rsqrt(mean_square + epsilon)).astype(y_ref.dtype)


@functools.partial(jax.jit, static_argnums=(1, 2))
def run(x: jax.Array, epsilon: float, count: int) -> jax.Array:
    """Rows of any number of channels, padded with zeros to whole blocks."""
    channels = x.shape[-1]
    rows = jnp.pad(x.reshape(-1, channels), ((0, 0), (0, -channels % BLOCK)))
    block = pl.BlockSpec((1, rows.shape[1]), lambda row: (row, 0))
    y = pl.pallas_call(
        functools.partial(normalize, epsilon=epsilon, count=count),
        out_shape=jax.ShapeDtypeStruct(rows.shape, x.dtype),
        grid=(rows.shape[0],),
        in_specs=[block],
        out_specs=block,
        interpret=True,
    )(rows)
    return y[:, :channels].reshape(x.shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def normalized(x: jax.Array, epsilon: float) -> jax.Array:
    return run(x, epsilon, x.shape[-1])


def forward(x, epsilon):
    return normalized(x, epsilon), x


@functools.partial(jax.jit, static_argnums=0)
def backward(epsilon, x, cotangent):
    wide, g = x.astype(jnp.float32), cotangent.astype(jnp.float32)
    factor = jax.lax.rsqrt(jnp.mean(wide * wide, -1, keepdims=True) + epsilon)
    along = jnp.mean(g * wide, -1, keepdims=True)
    return ((factor * (g - wide * factor**2 * along)).astype(x.dtype),)


normalized.defvjp(forward, backward)


def rms_norm(x: jax.Array, scale: jax.Array | None, *, epsilon: float) -> jax.Array:
    y = normalized(x, epsilon)
    return y if scale is None else y * scale


def broken(x: jax.Array, scale: jax.Array | None, *, epsilon: float) -> jax.Array:
    y = run(x, epsilon, x.shape[-1] + -x.shape[-1] % BLOCK)
    return y if scale is None else y * scale
