"""Embedding layers of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, dtype_of

CHECKED = {
    "out_of_range == 'error'": "Keras states no rule for an index that is no row",
    "data != 'negative' or negative == 'wrap'": "Keras counts negative indices from the end",
}
ZEROED = CHECKED | {"padding == 'zeroed'": "zeroes the padding row"}
PLAIN = CHECKED | {
    "padding_index is None": "has no padding index",
    "padding == 'blocked'": "without a padding index there is nothing to choose",
}

ONE_HOT = {
    "padding_index is None": "a product has no padding index",
    "padding == 'blocked'": "without a padding index there is nothing to choose",
    "data not in ('nan', 'zeros')": "a product with ones and zeros spreads NaN and loses the sign of zero",
    "rows > 1": "a product with a single zero takes the sign of its row",
    "out_of_range == 'zero'": "an index that is no row gives a row of zeros",
    "negative == 'out_of_range'": "a negative index gives a row of zeros",
}


@binds("embedding", "keras.layers.Embedding", where=PLAIN)
def embedding(indices: Any, table: Any) -> Any:
    layer = keras.layers.Embedding(*table.shape, mask_zero=False, dtype=dtype_of(table))
    return call_layer(layer, indices, weights={"embeddings": table})


@binds("embedding", "keras.ops.take", where=PLAIN)
def embedding_take(indices: Any, table: Any) -> Any:
    return keras.ops.take(table, indices, axis=0)


@binds("embedding", "keras.layers.Embedding(mask_zero=True)", where=PLAIN)
def embedding_mask_zero(indices: Any, table: Any) -> Any:
    """Row 0 is read and learns as any other: a mask is all that the layer adds."""
    layer = keras.layers.Embedding(*table.shape, mask_zero=True, dtype=dtype_of(table))
    return call_layer(layer, indices, weights={"embeddings": table})


@binds("embedding", "keras.ops.where", where=ZEROED, composition=True)
def embedding_zeroed(indices: Any, table: Any, *, padding_index: int) -> Any:
    y = keras.ops.take(table, indices, axis=0)
    return keras.ops.where(keras.ops.expand_dims(indices == padding_index, -1), keras.ops.zeros_like(y), y)


@binds("embedding", "keras.ops.one_hot", where=ONE_HOT, composition=True)
def embedding_one_hot(indices: Any, table: Any) -> Any:
    return keras.ops.matmul(keras.ops.one_hot(indices, table.shape[0], dtype=dtype_of(table)), table)
