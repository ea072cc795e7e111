"""Activations of JAX. Those of ``flax.nnx`` and ``flax.linen`` are the very same functions."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "JAX gives no gradient where x is NaN"}


@binds("relu", "jax.nn.relu", where=NAN_GRADIENT)
def relu(x: Any) -> Any:
    return jax.nn.relu(x)


@binds("gelu", "jax.nn.gelu")
def gelu(x: Any, *, approximate: bool) -> Any:
    return jax.nn.gelu(x, approximate=approximate)


@binds("silu", "jax.nn.silu")
def silu(x: Any) -> Any:
    return jax.nn.silu(x)


SELU = {
    "zero_gradient == 'left' or data not in ('zeros', 'specials')": "takes the slope left of zero",
    "nan_gradient == 'nan' or data != 'specials'": "gives NaN where x is NaN",
}


@binds("selu", "jax.nn.selu", where=SELU)
def selu(x: Any) -> Any:
    return jax.nn.selu(x)


@binds("softmax", "jax.nn.softmax")
def softmax(x: Any, *, axis: int) -> Any:
    return jax.nn.softmax(x, axis=axis)


@binds("log_softmax", "jax.nn.log_softmax")
def log_softmax(x: Any, *, axis: int) -> Any:
    return jax.nn.log_softmax(x, axis=axis)
