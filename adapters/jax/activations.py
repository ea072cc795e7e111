"""Activations of JAX and flax, whose modules are the functions of ``jax.nn``."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, nnx

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "JAX gives no gradient where x is NaN"}


@binds("relu", "jax.nn.relu", where=NAN_GRADIENT)
def relu(x: Any) -> Any:
    return jax.nn.relu(x)


@binds("relu", "flax.nnx.relu", where=NAN_GRADIENT)
def relu_nnx(x: Any) -> Any:
    return nnx.relu(x)


@binds("gelu", "jax.nn.gelu")
def gelu(x: Any, *, approximate: bool) -> Any:
    return jax.nn.gelu(x, approximate=approximate)


@binds("gelu", "flax.nnx.gelu")
def gelu_nnx(x: Any, *, approximate: bool) -> Any:
    return nnx.gelu(x, approximate=approximate)


@binds("softmax", "jax.nn.softmax")
def softmax(x: Any, *, axis: int) -> Any:
    return jax.nn.softmax(x, axis=axis)


@binds("softmax", "flax.nnx.softmax")
def softmax_nnx(x: Any, *, axis: int) -> Any:
    return nnx.softmax(x, axis=axis)


@binds("log_softmax", "jax.nn.log_softmax")
def log_softmax(x: Any, *, axis: int) -> Any:
    return jax.nn.log_softmax(x, axis=axis)


@binds("log_softmax", "flax.nnx.log_softmax")
def log_softmax_nnx(x: Any, *, axis: int) -> Any:
    return nnx.log_softmax(x, axis=axis)
