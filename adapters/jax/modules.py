"""How flax modules are called with weights from outside, so that gradients reach them; the rows of JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..rows import rows
from .framework import jax, jnp, linen, nnx, optax


def call_linen(module: Any, *inputs: Any, **weights: Any) -> Any:
    """Apply a ``flax.linen`` module with these parameters (None: absent)."""
    return module.apply(
        {"params": {name: value for name, value in weights.items() if value is not None}}, *inputs
    )


def call_nnx(module: Any, *inputs: Any, options: Mapping[str, Any] | None = None, **weights: Any) -> Any:
    """Call a ``flax.nnx`` module with these parameters (None: absent), and options of the call."""
    for name, value in weights.items():
        if value is not None:
            setattr(module, name, nnx.Param(value))
    return module(*inputs, **(options or {}))


def call_copy(module: Any, *inputs: Any, **weights: Any) -> Any:
    """Call a copy of a ``flax.nnx`` module: what is compiled may change no module that was made outside."""
    return call_nnx(nnx.merge(*nnx.split(module)), *inputs, **weights)


MODULES = {"jax": jax, "jnp": jnp, "linen": linen, "nnx": nnx, "optax": optax}
function, linen_module = rows("jax", call_linen, **MODULES)
_, nnx_module = rows("jax", call_copy, **MODULES)

RNGS = {"rngs": "nnx.Rngs(0)"}
"""What initialises the weights, in whose places others are put."""
