"""Rotary position embeddings of JAX, which has none: what its users write."""

from __future__ import annotations

from .framework import binds, jax, jnp


def angles_of(x, positions, width, base):
    """Angles in float32, or in the type of wider data, as ``(batch, steps, 1, width / 2)``."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    frequencies = base ** (-jnp.arange(0, width, 2, dtype=wide) / width)
    return (positions[..., None].astype(wide) * frequencies)[:, :, None]


def turned_by(x, cosines, sines, width, pairing):
    """The first features turned, in pairs, by tables of the pairs."""
    if pairing == "half":
        a, b = jnp.split(x[..., :width], 2, axis=-1)
        turned = jnp.concatenate([a * cosines - b * sines, b * cosines + a * sines], axis=-1)
    else:
        a, b = x[..., :width:2], x[..., 1:width:2]
        turned = jnp.stack([a * cosines - b * sines, b * cosines + a * sines], axis=-1)
        turned = turned.reshape(*x.shape[:-1], width)
    return jnp.concatenate([turned.astype(x.dtype), x[..., width:]], axis=-1)


@binds("rotary_embedding", "jax.numpy.concatenate(jax.numpy.cos)", composition=True)
def rotary_embedding(x, positions, *, pairing, rotated, base, direction):
    width = x.shape[-1] if rotated is None else rotated
    angles = angles_of(x, positions, width, base)
    sines = jnp.sin(angles) if direction == "forward" else -jnp.sin(angles)
    return turned_by(x, jnp.cos(angles), sines, width, pairing)


@binds(
    "rotary_embedding",
    "jax.lax.complex(jax.numpy.exp)",
    where={"pairing == 'interleaved'": "complex numbers hold neighbours"},
    composition=True,
)
def rotary_complex(x, positions, *, rotated, base, direction):
    width = x.shape[-1] if rotated is None else rotated
    angles = angles_of(x, positions, width, base)
    wide = x[..., :width].astype(angles.dtype)
    turned = jax.lax.complex(wide[..., 0::2], wide[..., 1::2]) * jnp.exp(
        1j * (angles if direction == "forward" else -angles)
    )
    neighbours = jnp.stack([turned.real, turned.imag], axis=-1).reshape(wide.shape)
    return jnp.concatenate([neighbours.astype(x.dtype), x[..., width:]], axis=-1)


@binds(
    "apply_rotary_embedding",
    "jax.numpy.concatenate(jax.numpy.split)",
    where={"tables == 'pairs'": "tables have a column for each pair"},
    composition=True,
)
def apply_to_pairs(x, cosines, sines, *, pairing, direction):
    sines = sines if direction == "forward" else -sines
    return turned_by(x, cosines[:, None], sines[:, None], 2 * cosines.shape[-1], pairing)
