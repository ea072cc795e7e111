"""Paddings of jax.numpy and jax.lax."""

from __future__ import annotations

from .modules import function

NAMES = {"replicate": "edge", "circular": "wrap"}

function(
    "pad",
    "jax.numpy.pad",
    on="x, [(0, 0), *widths[: x.ndim - 2], (0, 0)], NAMES.get(mode, mode), "
    "**({'constant_values': value} if mode == 'constant' else {})",
    where={"min(widths[0]) >= 0": "jax.numpy crops by no negative width"},
)


def interior(x, widths):
    """Widths of every axis, and none between elements."""
    return [(0, 0, 0), *((low, high, 0) for low, high in widths[: x.ndim - 2]), (0, 0, 0)]


function(
    "pad",
    "jax.lax.pad",
    on="x, jnp.asarray(value, x.dtype), interior(x, widths)",
    fixed={"mode": ("constant", "pads with a number")},
)

function(
    "crop",
    "jax.lax.pad",
    on="x, jnp.zeros((), x.dtype), interior(x, [(-low, -high) for low, high in widths])",
)
