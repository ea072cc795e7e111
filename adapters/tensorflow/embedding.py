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


# --- bags ---

MEANS = {"mode != 'max'": "TensorFlow has no such combiner", "padding_index is None": "has no padding index"}
PLAIN = {"by_frequency": (False, "divides by no frequency")}


def bags(values, mask):
    """The places that count as a sparse array; None for None."""
    if values is None:
        return None
    places = tf.where(tf.ones(values.shape, tf.bool) if mask is None else mask)
    return tf.SparseTensor(places, tf.gather_nd(values, places), values.shape)


@binds(
    "embedding_bag",
    "tf.nn.embedding_lookup_sparse",
    where=MEANS | {"data != 'masked_rows'": "asks for an index in each bag"},
    fixed=PLAIN,
)
def embedding_bag(indices, table, mask, weights, *, mode):
    return tf.nn.embedding_lookup_sparse(table, bags(indices, mask), bags(weights, mask), combiner=mode)


@binds("embedding_bag", "tf.nn.safe_embedding_lookup_sparse", where=MEANS, fixed=PLAIN)
def embedding_bag_safe(indices, table, mask, weights, *, mode):
    """What does not count is an index below 0, which is passed over."""
    known = indices if mask is None else tf.where(mask, indices, -1)
    return tf.nn.safe_embedding_lookup_sparse(table, bags(known, None), bags(weights, None), combiner=mode)


# --- rows that are kept short ---

CLIPS = {
    "in_place": (False, "clips what it has looked up, and leaves the table"),
    "epsilon_at": ("none", "divides by the norm itself"),
    "norm_type": (2, "takes Euclidean norms"),
}
LOOKUP = CLIPS | {"mode": ("rows", "looks up single rows")}
SHORT = {"max_norm": "max_value"}

function(
    "renormed_embedding",
    "tf.nn.embedding_lookup(max_norm)",
    SHORT,
    on="table, indices",
    fixed=LOOKUP,
    returns="y, table",
)
function(
    "renormed_embedding",
    "tf.nn.embedding_lookup_sparse(max_norm)",
    SHORT | {"combiner": "mode"},
    on="table, bags(indices, None), None",
    fixed=CLIPS,
    where={"mode != 'rows'": "reduces the rows of each bag"},
    returns="y, table",
)

function(
    "tied_embedding",
    "tf.linalg.matmul",
    {"transpose_b": "True"},
    on="x, table",
    where={"tied": "takes the rows of a table", "soft_cap is None": "has no cap"},
    unused=("reverse",),
)

function(
    "one_hot",
    "tf.one_hot",
    {"depth": "depth", "axis": "axis", "dtype": "tf.int32"},
    on="indices",
    fixed={"out_of_range": ("zeros", "an index that is no class gives zeros")},
)
