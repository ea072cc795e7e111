"""Embedding lookups of TensorFlow."""

from __future__ import annotations

from .framework import binds, function, tf

CHECKED = {
    "out_of_range": ("error", "TensorFlow raises for an index that is no row"),
    "negative": ("out_of_range", "TensorFlow takes no negative index"),
}
ZEROED = CHECKED | {"padding": ("zeroed", "zeroes the padding row")}
NO_PADDING = {
    "padding_index": (None, "has no padding index"),
    "padding": ("blocked", "without a padding index there is nothing to choose"),
}
ONE_HOT = {
    "data not in ('nan', 'zeros')": "a product with ones and zeros spreads NaN and loses the sign of zero",
    "rows > 1": "a product with a single zero takes the sign of its row",
}
ZERO_ROWS = {
    "out_of_range": ("zero", "an index that is no row gives a row of zeros"),
    "negative": ("out_of_range", "a negative index gives a row of zeros"),
}

function("embedding", "tf.nn.embedding_lookup", on="table, indices", fixed=CHECKED | NO_PADDING)
function("embedding", "tf.gather", {"axis": "0"}, on="table, indices", fixed=CHECKED | NO_PADDING)


@binds("embedding", "tf.where", fixed=ZEROED, composition=True)
def embedding_zeroed(indices, table, *, padding_index):
    y = tf.nn.embedding_lookup(table, indices)
    return tf.where((indices == padding_index)[..., tf.newaxis], tf.zeros_like(y), y)


@binds("embedding", "tf.one_hot", where=ONE_HOT, fixed=ZERO_ROWS | NO_PADDING, composition=True)
def embedding_one_hot(indices, table):
    return tf.linalg.matmul(tf.one_hot(indices, table.shape[0], dtype=table.dtype), table)
