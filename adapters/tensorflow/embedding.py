"""Embedding lookups of TensorFlow."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

CHECKED = {
    "out_of_range == 'error'": "TensorFlow raises for an index that is no row",
    "negative == 'out_of_range'": "TensorFlow takes no negative index",
    "padding_index is None": "has no padding index",
}


@binds("embedding", "tf.nn.embedding_lookup", where=CHECKED)
def embedding(indices: Any, table: Any) -> Any:
    return tf.nn.embedding_lookup(table, indices)


@binds("embedding", "tf.gather", where=CHECKED)
def embedding_gather(indices: Any, table: Any) -> Any:
    return tf.gather(table, indices, axis=0)
