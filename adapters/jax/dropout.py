"""Dropout layers of flax, and the composition that JAX's documentation gives in their place."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, jnp, linen, nnx

SELECTS = {"dropped == 'zero'": "selects 0 at dropped places"}


@binds("dropout", "flax.nnx.Dropout", where=SELECTS)
def dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    return nnx.Dropout(rate, deterministic=not training, rngs=nnx.Rngs(seed))(x)


@binds("dropout", "flax.linen.Dropout", where=SELECTS)
def dropout_linen(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    layer = linen.Dropout(rate, deterministic=not training)
    return layer.apply({}, x, rngs={"dropout": jax.random.key(seed)})


@binds(
    "dropout",
    "jax.random.bernoulli",
    where=SELECTS
    | {"training": "has no inference mode", "0 <= rate < 1": "checks no rate, and divides by 0 at rate 1"},
    composition=True,
)
def dropout_composed(x: Any, *, rate: float, seed: int) -> Any:
    kept = jax.random.bernoulli(jax.random.key(seed), 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0)
