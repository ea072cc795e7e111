"""Sequence mixers of JAX, from its convolution."""

from __future__ import annotations

from .framework import binds, jax, jnp


def whole(x, kernel, state):
    """What came before, and x after it."""
    before = jnp.zeros((x.shape[0], len(kernel) - 1, x.shape[2]), x.dtype) if state is None else state
    return jnp.concatenate([before, x], axis=1)


def ended(y, bias, activation):
    y = y if bias is None else y + bias
    return jax.nn.silu(y) if activation == "silu" else y


@binds("causal_conv1d", "jax.lax.conv_general_dilated(feature_group_count)", composition=True)
def causal_conv1d(x, kernel, bias, state, *, activation):
    steps = whole(x, kernel, state)
    y = jax.lax.conv_general_dilated(
        steps,
        kernel[:, None],
        (1,),
        "VALID",
        dimension_numbers=("NWC", "WIO", "NWC"),
        feature_group_count=x.shape[-1],
    )
    return ended(y, bias, activation), steps[:, x.shape[1] :]
