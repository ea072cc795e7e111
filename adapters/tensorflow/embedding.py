"""Embedding lookups of TensorFlow."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

CHECKED = {
    "out_of_range == 'error'": "TensorFlow raises for an index that is no row",
    "negative == 'out_of_range'": "TensorFlow takes no negative index",
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


@binds("embedding", "tf.nn.embedding_lookup", where=PLAIN)
def embedding(indices: Any, table: Any) -> Any:
    return tf.nn.embedding_lookup(table, indices)


@binds("embedding", "tf.gather", where=PLAIN)
def embedding_gather(indices: Any, table: Any) -> Any:
    return tf.gather(table, indices, axis=0)


@binds("embedding", "tf.where", where=ZEROED, composition=True)
def embedding_zeroed(indices: Any, table: Any, *, padding_index: int) -> Any:
    y = tf.nn.embedding_lookup(table, indices)
    return tf.where((indices == padding_index)[..., tf.newaxis], tf.zeros_like(y), y)


@binds("embedding", "tf.one_hot", where=ONE_HOT, composition=True)
def embedding_one_hot(indices: Any, table: Any) -> Any:
    return tf.linalg.matmul(tf.one_hot(indices, table.shape[0], dtype=table.dtype), table)
