"""Embedding layers of flax, and the lookups of JAX, none of which raises for an index that is no row."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, jnp, linen, nnx
from .modules import call_linen, call_nnx

UNPADDED = {
    "padding_index is None": "has no padding index",
    "padding == 'blocked'": "without a padding index there is nothing to choose",
}
COUNTS = {
    "data not in ('out_of_range', 'far_below', 'negative') or negative == 'wrap'": (
        "counts negative indices from the end"
    )
}


def gives(policy: str, words: str) -> dict[str, str]:
    """The condition that indices that are no row follow this policy."""
    return {f"data not in ('out_of_range', 'far_below') or out_of_range == '{policy}'": f"gives {words}"}


NEAREST = gives("clamp", "the nearest row")
FILLS = UNPADDED | COUNTS | gives("nan", "NaN for an index that is no row")
CLIPS = (
    UNPADDED
    | NEAREST
    | {
        "negative == 'out_of_range'": "gives the first row for a negative index",
        "data != 'negative'": "JAX raises for no index",
    }
)
ONE_HOT = {
    "padding_index is None": "a product has no padding index",
    "padding == 'blocked'": "without a padding index there is nothing to choose",
    "data not in ('nan', 'zeros')": "a product with ones and zeros spreads NaN and loses the sign of zero",
    "rows > 1": "a product with a single zero takes the sign of its row",
    "out_of_range == 'zero'": "an index that is no row gives a row of zeros",
    "negative == 'out_of_range'": "a negative index gives a row of zeros",
}


@binds("embedding", "jax.numpy.take", where=FILLS)
def embedding(indices: Any, table: Any) -> Any:
    return jnp.take(table, indices, axis=0, mode="fill")


@binds("embedding", "jax.numpy.take(mode='clip')", where=CLIPS)
def embedding_clip(indices: Any, table: Any) -> Any:
    return jnp.take(table, indices, axis=0, mode="clip")


@binds(
    "embedding",
    "jax.numpy.take(mode='wrap')",
    where=UNPADDED | COUNTS | gives("modulo", "what is left after division by the rows"),
)
def embedding_wrap(indices: Any, table: Any) -> Any:
    return jnp.take(table, indices, axis=0, mode="wrap")


@binds(
    "embedding",
    "jax.Array.at[].get(mode='fill', fill_value=0)",
    where=UNPADDED | COUNTS | gives("zero", "zeros for an index that is no row"),
)
def embedding_fill(indices: Any, table: Any) -> Any:
    return table.at[indices].get(mode="fill", fill_value=0)


@binds("embedding", "jax.nn.one_hot", where=ONE_HOT, composition=True)
def embedding_one_hot(indices: Any, table: Any) -> Any:
    return jnp.matmul(jax.nn.one_hot(indices, table.shape[0], dtype=table.dtype), table)


@binds(
    "embedding",
    "jax.numpy.where",
    where={
        "padding == 'zeroed'": "zeroes the padding row",
        "out_of_range == 'error' and data not in ('out_of_range', 'far_below', 'negative')": (
            "asked of rows alone"
        ),
        "negative == 'out_of_range'": "asked of rows alone",
    },
    composition=True,
)
def embedding_zeroed(indices: Any, table: Any, *, padding_index: int) -> Any:
    y = jnp.take(table, indices, axis=0, mode="fill")
    return jnp.where((indices == padding_index)[..., None], 0, y)


@binds("embedding", "jax.Array.__getitem__", where=UNPADDED | COUNTS | NEAREST)
def embedding_index(indices: Any, table: Any) -> Any:
    return table[indices]


@binds("embedding", "flax.nnx.Embed", where=FILLS)
def embedding_nnx(indices: Any, table: Any) -> Any:
    rows, features = table.shape
    return call_nnx(nnx.Embed(rows, features, dtype=table.dtype, rngs=nnx.Rngs(0)), indices, embedding=table)


@binds("embedding", "flax.linen.Embed", where=FILLS)
def embedding_linen(indices: Any, table: Any) -> Any:
    return call_linen(linen.Embed(*table.shape, dtype=table.dtype), indices, embedding=table)
