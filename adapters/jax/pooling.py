"""Poolings of jax.lax and flax."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, jnp, linen, nnx

NO_CEIL = {"not ceil_mode": "XLA's windows never reach past the padding"}
NAN = {"nan == 'hold'": "what becomes of NaN is a deviation on file"}
UNDILATED = NO_CEIL | {"max(dilation) == 1": "flax's poolings have no dilation"}


def lax_padding(padding: Any) -> Any:
    return padding.upper() if isinstance(padding, str) else padding


def reduce_windows(
    x: Any, start: Any, computation: Any, window: Any, strides: Any, padding: Any, dilation: Any
) -> Any:
    return jax.lax.reduce_window(
        x,
        start,
        computation,
        (1, *window, 1),
        (1, *strides, 1),
        padding.upper() if isinstance(padding, str) else ((0, 0), *padding, (0, 0)),
        window_dilation=(1, *dilation, 1),
    )


@binds("max_pool2d", "jax.lax.reduce_window", where=NO_CEIL | NAN)
def max_pool2d(x: Any, window: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    return reduce_windows(x, -jnp.inf, jax.lax.max, window, strides, padding, dilation)


@binds("max_pool2d", "flax.nnx.max_pool", where=UNDILATED | NAN)
def max_pool2d_nnx(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    return nnx.max_pool(x, window, strides, lax_padding(padding))


@binds("max_pool2d", "flax.linen.max_pool", where=UNDILATED | NAN)
def max_pool2d_linen(x: Any, window: Any, strides: Any, padding: Any) -> Any:
    return linen.max_pool(x, window, strides, lax_padding(padding))


@binds("avg_pool2d", "jax.lax.reduce_window", composition=True, where=NO_CEIL)
def avg_pool2d(x: Any, window: Any, strides: Any, padding: Any, count_padding: bool) -> Any:
    total = reduce_windows(x, 0.0, jax.lax.add, window, strides, padding, (1, 1))
    if count_padding:
        return total / (window[0] * window[1])
    return total / reduce_windows(jnp.ones_like(x), 0.0, jax.lax.add, window, strides, padding, (1, 1))


@binds("avg_pool2d", "flax.nnx.avg_pool", where=NO_CEIL)
def avg_pool2d_nnx(x: Any, window: Any, strides: Any, padding: Any, count_padding: bool) -> Any:
    return nnx.avg_pool(x, window, strides, lax_padding(padding), count_include_pad=count_padding)


@binds("avg_pool2d", "flax.linen.avg_pool", where=NO_CEIL)
def avg_pool2d_linen(x: Any, window: Any, strides: Any, padding: Any, count_padding: bool) -> Any:
    return linen.avg_pool(x, window, strides, lax_padding(padding), count_include_pad=count_padding)
