"""Embedding layers of flax, and the lookups of JAX, none of which raises for an index that is no row."""

from __future__ import annotations

from .framework import binds, jax, jnp, linen, nnx
from .modules import RNGS, function, linen_module, nnx_module

UNPADDED = {
    "padding_index is None": "has no padding index",
    "padding == 'blocked'": "without a padding index there is nothing to choose",
}
COUNTS = {
    "data not in ('out_of_range', 'far_below', 'negative') or negative == 'wrap'": (
        "counts negative indices from the end"
    )
}


def gives(policy, words):
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


MODULO = UNPADDED | COUNTS | gives("modulo", "what is left after division by the rows")

for api, mode, where in (
    ("jax.numpy.take", "fill", FILLS),
    ("jax.numpy.take(mode='clip')", "clip", CLIPS),
    ("jax.numpy.take(mode='wrap')", "wrap", MODULO),
):
    function("embedding", api, {"axis": "0", "mode": repr(mode)}, on="table, indices", where=where)


@binds(
    "embedding",
    "jax.Array.at[].get(mode='fill', fill_value=0)",
    where=UNPADDED | COUNTS | gives("zero", "zeros for an index that is no row"),
)
def embedding_fill(indices, table):
    return table.at[indices].get(mode="fill", fill_value=0)


@binds("embedding", "jax.nn.one_hot", where=ONE_HOT, composition=True)
def embedding_one_hot(indices, table):
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
def embedding_zeroed(indices, table, *, padding_index):
    y = jnp.take(table, indices, axis=0, mode="fill")
    return jnp.where((indices == padding_index)[..., None], 0, y)


@binds("embedding", "jax.Array.__getitem__", where=UNPADDED | COUNTS | NEAREST)
def embedding_index(indices, table):
    return table[indices]


TABLE = {"num_embeddings": "table.shape[0]", "features": "table.shape[1]", "dtype": "table.dtype"}

nnx_module("embedding", "flax.nnx.Embed", TABLE | RNGS, {"embedding": "table"}, on="indices", where=FILLS)
linen_module("embedding", "flax.linen.Embed", TABLE, {"embedding": "table"}, on="indices", where=FILLS)

# --- the table once more ---

ROWS = {"tied": "takes the rows of a table", "soft_cap is None": "has no cap"}


def embed(table):
    rows, features = table.shape
    return nnx.Embed(rows, features, dtype=table.dtype, rngs=nnx.Rngs(0))


@binds("tied_embedding", "flax.nnx.Embed.attend", where=ROWS, build=embed)
def tied_embedding(built, x, table, reverse):
    layer = nnx.merge(*nnx.split(built))
    layer.embedding = nnx.Param(table)
    return layer.attend(x)


@binds("tied_embedding", "flax.linen.Embed.attend", where=ROWS)
def tied_embedding_linen(x, table, reverse):
    layer = linen.Embed(*table.shape, dtype=table.dtype)
    return layer.apply({"params": {"embedding": table}}, x, method="attend")


function(
    "one_hot",
    "jax.nn.one_hot",
    {"num_classes": "depth", "axis": "axis", "dtype": "jnp.int32"},
    on="indices",
    where={"out_of_range == 'zeros'": "an index that is no class gives zeros"},
)
