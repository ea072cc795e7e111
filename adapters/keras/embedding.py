"""Embedding layers of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, dtype_of

CHECKED = {
    "out_of_range == 'error'": "Keras states no rule for an index that is no row",
    "negative == 'out_of_range'": "Keras states no rule for a negative index",
    "padding_index is None": "has no padding index",
}


@binds("embedding", "keras.layers.Embedding", where=CHECKED)
def embedding(indices: Any, table: Any) -> Any:
    layer = keras.layers.Embedding(*table.shape, mask_zero=False, dtype=dtype_of(table))
    return call_layer(layer, indices, weights={"embeddings": table})


@binds("embedding", "keras.ops.take", where=CHECKED)
def embedding_take(indices: Any, table: Any) -> Any:
    return keras.ops.take(table, indices, axis=0)
