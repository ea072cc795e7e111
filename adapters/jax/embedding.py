"""Embedding layers of flax, and the lookups of JAX, none of which raises for an index that is no row."""

from __future__ import annotations

from typing import Any

from .framework import binds, jnp, linen, nnx
from .modules import call_linen, call_nnx

UNPADDED = {"padding_index is None": "has no padding index"}
WRAPS = UNPADDED | {"data != 'out_of_range' or negative == 'wrap'": "counts negative indices from the end"}
FILLS = WRAPS | {"data != 'out_of_range' or out_of_range == 'nan'": "gives NaN for an index that is no row"}
CLAMP = {"data != 'out_of_range' or out_of_range == 'clamp'": "gives the nearest row"}
CLIPS = UNPADDED | CLAMP | {"negative == 'out_of_range'": "gives the first row for a negative index"}


@binds("embedding", "jax.numpy.take", where=FILLS)
def embedding(indices: Any, table: Any) -> Any:
    return jnp.take(table, indices, axis=0, mode="fill")


@binds("embedding", "jax.numpy.take(mode='clip')", where=CLIPS)
def embedding_clip(indices: Any, table: Any) -> Any:
    return jnp.take(table, indices, axis=0, mode="clip")


@binds("embedding", "jax.Array.__getitem__", where=WRAPS | CLAMP)
def embedding_index(indices: Any, table: Any) -> Any:
    return table[indices]


@binds("embedding", "flax.nnx.Embed", where=FILLS)
def embedding_nnx(indices: Any, table: Any) -> Any:
    rows, features = table.shape
    return call_nnx(nnx.Embed(rows, features, dtype=table.dtype, rngs=nnx.Rngs(0)), indices, embedding=table)


@binds("embedding", "flax.linen.Embed", where=FILLS)
def embedding_linen(indices: Any, table: Any) -> Any:
    return call_linen(linen.Embed(*table.shape, dtype=table.dtype), indices, embedding=table)
