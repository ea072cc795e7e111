"""Normalization of JAX and flax together with what their users write beside it."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .modules import RNGS, nnx_module
from .rotary import angles_of, turned_by

nnx_module(
    "offset_rms_norm",
    "flax.nnx.RMSNorm(offset + scale)",
    {"num_features": "x.shape[-1]", "epsilon": "epsilon", "dtype": "x.dtype"} | RNGS,
    {"scale": "offset + scale"},
    composition=True,
)


def rms_norm(x, scale, epsilon, axis=-1):
    """In float32, or in the type of wider data, rounded once."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    normed = wide * jax.lax.rsqrt(jnp.mean(jnp.square(wide), axis=axis, keepdims=True) + epsilon)
    return (normed * scale).astype(x.dtype)


@binds("fused_add_rms_norm", "jax.lax.rsqrt(jax.numpy.add)", composition=True)
def fused_add_rms_norm(x, residual, scale, *, offset, epsilon):
    total = x + residual
    return rms_norm(total, offset + scale.astype(jnp.promote_types(x.dtype, jnp.float32)), epsilon), total


@binds("fused_add_layer_norm", "jax.lax.rsqrt(jax.numpy.square)", composition=True)
def fused_add_layer_norm(x, residual, scale, bias, mask, *, rate, epsilon):
    total = (x if mask is None else jnp.where(mask, x / (1 - rate), 0)) + residual
    wide = total.astype(jnp.promote_types(x.dtype, jnp.float32))
    centred = wide - wide.mean(-1, keepdims=True)
    normed = centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + epsilon)
    return (normed * scale + bias).astype(x.dtype), total


@binds("gated_rms_norm", "jax.lax.rsqrt(jax.nn.silu)", composition=True)
def gated_rms_norm(x, gate, scale, *, order, activation, groups, epsilon):
    wide = jnp.promote_types(x.dtype, jnp.float32)
    opened = {"silu": jax.nn.silu, "sigmoid": jax.nn.sigmoid, "identity": jax.nn.identity}[activation](
        gate.astype(wide)
    )
    inner = x.astype(wide) * (opened if order == "gate_first" else 1)
    y = rms_norm(inner.reshape(*x.shape[:-1], groups, -1), 1, epsilon).reshape(x.shape) * scale
    return (y if order == "gate_first" else y * opened).astype(x.dtype)


@binds("qk_norm_rope", "jax.lax.rsqrt(jax.numpy.cos)", composition=True)
def qk_norm_rope(x, scale, positions, *, scope, order, pairing, epsilon):
    angles, axis = angles_of(x, positions, x.shape[-1], 1e4), -1 if scope == "head" else (-2, -1)

    def turned(x):
        return turned_by(x, jnp.cos(angles), jnp.sin(angles), x.shape[-1], pairing)

    def normed(x):
        return rms_norm(x, scale, epsilon, axis)

    return turned(normed(x)) if order == "norm_first" else normed(turned(x))
