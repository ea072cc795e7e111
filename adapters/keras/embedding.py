"""Embedding layers of Keras."""

from __future__ import annotations

from .framework import binds, keras
from .layers import dtype_of, function, layer

CHECKED = {"out_of_range": ("error", "Keras states no rule for an index that is no row")}
WRAPPED = {"data != 'negative' or negative == 'wrap'": "Keras counts negative indices from the end"}
NO_PADDING = {
    "padding_index": (None, "has no padding index"),
    "padding": ("blocked", "without a padding index there is nothing to choose"),
}
ZEROED = {"padding": ("zeroed", "zeroes the padding row")}
ONE_HOT = {
    "data not in ('nan', 'zeros')": "a product with ones and zeros spreads NaN and loses the sign of zero",
    "rows > 1": "a product with a single zero takes the sign of its row",
}
ZERO_ROWS = {
    "out_of_range": ("zero", "an index that is no row gives a row of zeros"),
    "negative": ("out_of_range", "a negative index gives a row of zeros"),
}
TABLE = {"input_dim": "table.shape[0]", "output_dim": "table.shape[1]", "dtype": "dtype_of(table)"}
ROWS = {"embeddings": "table"}

layer(
    "embedding",
    "keras.layers.Embedding",
    TABLE | {"mask_zero": "False"},
    ROWS,
    on="indices",
    where=WRAPPED,
    fixed=CHECKED | NO_PADDING,
)
function(
    "embedding",
    "keras.ops.take",
    {"axis": "0"},
    on="table, indices",
    where=WRAPPED,
    fixed=CHECKED | NO_PADDING,
)
layer(
    "embedding",
    "keras.layers.Embedding(mask_zero=True)",
    TABLE | {"mask_zero": "True"},
    ROWS,
    on="indices",
    where=WRAPPED,
    fixed=CHECKED | NO_PADDING,
)


@binds("embedding", "keras.ops.where", where=WRAPPED, fixed=CHECKED | ZEROED, composition=True)
def embedding_zeroed(indices, table, *, padding_index):
    y = keras.ops.take(table, indices, axis=0)
    return keras.ops.where(keras.ops.expand_dims(indices == padding_index, -1), keras.ops.zeros_like(y), y)


@binds("embedding", "keras.ops.one_hot", where=ONE_HOT, fixed=NO_PADDING | ZERO_ROWS, composition=True)
def embedding_one_hot(indices, table):
    return keras.ops.matmul(keras.ops.one_hot(indices, table.shape[0], dtype=dtype_of(table)), table)


# --- the table once more ---

SCORES = {"tie_weights": "tied", "logit_soft_cap": "soft_cap", "dtype": "dtype_of(x)"}


def rows_of(table, reverse):
    """Rows and features of a table, or of the kernel in its place."""
    return table.shape if reverse is None else reverse.shape[::-1]


def tables(table, reverse):
    """The table of the lookup, which is not read where there is another."""
    return {
        "embeddings": keras.ops.zeros_like(keras.ops.transpose(reverse)) if table is None else table,
        "reverse_embeddings": reverse,
    }


layer(
    "tied_embedding",
    "keras.layers.ReversibleEmbedding",
    {"input_dim": "rows_of(table, reverse)[0]", "output_dim": "rows_of(table, reverse)[1]"} | SCORES,
    "tables(table, reverse)",
    on="x, reverse=True",
)

# --- classes as numbers ---

NO_CLASS = {"out_of_range": ("zeros", "an index that is no class gives zeros")}
PROMISED = {"out_of_range": ("error", "its documentation says that an error will be thrown")}
WHOLE = {"dtype": "'int32'"}

function(
    "one_hot",
    "keras.ops.one_hot",
    {"num_classes": "depth", "axis": "axis"} | WHOLE,
    on="indices",
    fixed=NO_CLASS,
)
layer(
    "one_hot",
    "keras.layers.CategoryEncoding(one_hot)",
    {"num_tokens": "depth", "output_mode": "'one_hot'"} | WHOLE,
    on="indices",
    where={"indices[1] > 1": "drops a last axis of length 1"},
    fixed=PROMISED | {"axis": (-1, "puts classes last")},
)
function(
    "multi_hot",
    "keras.ops.multi_hot",
    {"num_classes": "depth"} | WHOLE,
    on="indices",
    fixed=NO_CLASS | {"mode": ("present", "counts nothing")},
)
layer(
    "multi_hot",
    "keras.layers.CategoryEncoding",
    {"num_tokens": "depth", "output_mode": "'count' if mode == 'count' else 'multi_hot'"} | WHOLE,
    on="indices",
    fixed=PROMISED,
)
