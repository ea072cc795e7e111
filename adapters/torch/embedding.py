"""Embedding layers of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import function, functional_call, module

ROWS = {"out_of_range": ("error", "torch raises for an index that is no row")}
CHECKED = ROWS | {"negative": ("out_of_range", "torch takes no negative index")}
ZEROED = CHECKED | {"padding": ("zeroed", "zeroes the padding row")}
BLOCKED = CHECKED | {"padding": ("blocked", "torch's padding index keeps its row from learning")}
UNPADDED = ROWS | {
    "padding_index": (None, "has no padding index"),
    "padding": ("blocked", "without a padding index there is nothing to choose"),
}
PADDING = {"padding_idx": "padding_index"}
SIZES = {"num_embeddings": "table.shape[0]", "embedding_dim": "table.shape[1]"}
TABLE = {"weight": "table"}

function("embedding", "torch.nn.functional.embedding", PADDING, TABLE, on="indices", fixed=BLOCKED)
module("embedding", "torch.nn.Embedding", SIZES | PADDING, TABLE, on="indices", fixed=BLOCKED)


@binds("embedding", "torch.where", fixed=ZEROED, composition=True)
def embedding_zeroed(indices, table, *, padding_index):
    return torch.where((indices == padding_index)[..., None], 0.0, F.embedding(indices, table))


@binds(
    "embedding",
    "torch.Tensor.__getitem__",
    fixed=UNPADDED,
    where={"data != 'negative' or negative == 'wrap'": "counts negative indices from the end"},
)
def embedding_index(indices, table):
    return table[indices]


# --- bags ---

SUMS = {"mode != 'sqrtn'": "torch has no such mean", "mode == 'sum' or not weighted": "weighs sums only"}


def first_places(mask):
    """Where each bag begins among the places that count."""
    sizes = mask.sum(1)
    return sizes.cumsum(0) - sizes


def kept(values, mask):
    """The places that count, one bag after the other; None for None."""
    return values if values is None or mask is None else values[mask]


def bag_layer(table, *, mode, padding_index, by_frequency):
    rows, features = table.shape
    options = {"mode": mode, "scale_grad_by_freq": by_frequency, "padding_idx": padding_index}
    return torch.nn.EmbeddingBag(rows, features, **options)


@binds("embedding_bag", "torch.nn.functional.embedding_bag", where=SUMS)
def embedding_bag(indices, table, mask, weights, *, mode, padding_index, by_frequency):
    offsets = None if mask is None else first_places(mask)
    return F.embedding_bag(
        kept(indices, mask),
        table,
        offsets,
        mode=mode,
        scale_grad_by_freq=by_frequency,
        per_sample_weights=kept(weights, mask),
        padding_idx=padding_index,
    )


@binds("embedding_bag", "torch.nn.EmbeddingBag", where=SUMS, build=bag_layer)
def embedding_bag_module(built, indices, table, mask, weights):
    offsets = None if mask is None else first_places(mask)
    return functional_call(built, {"weight": table}, (kept(indices, mask), offsets, kept(weights, mask)))


# --- rows that are kept short ---

SHORT = {"max_norm": "max_value", "norm_type": "norm_type"}
RENORMS = {
    "in_place": (True, "torch scales the rows of the table itself"),
    "epsilon_at": ("beyond", "adds 1e-7 to the norms that it divides by"),
}
LOOKUP = RENORMS | {"mode": ("rows", "looks up single rows")}
BAG = {"mode != 'rows'": "reduces the rows of each bag"}
CHANGED = {"returns": "y, table"}

function(
    "renormed_embedding",
    "torch.nn.functional.embedding(max_norm)",
    SHORT,
    TABLE,
    on="indices",
    fixed=LOOKUP,
    **CHANGED,
)
module(
    "renormed_embedding",
    "torch.nn.Embedding(max_norm)",
    SIZES | SHORT,
    TABLE,
    on="indices",
    fixed=LOOKUP,
    **CHANGED,
)
function(
    "renormed_embedding",
    "torch.nn.functional.embedding_bag(max_norm)",
    SHORT | {"mode": "mode"},
    TABLE,
    on="indices",
    fixed=RENORMS,
    where=BAG,
    **CHANGED,
)
module(
    "renormed_embedding",
    "torch.nn.EmbeddingBag(max_norm)",
    SIZES | SHORT | {"mode": "mode"},
    TABLE,
    on="indices",
    fixed=RENORMS,
    where=BAG,
    **CHANGED,
)


function(
    "tied_embedding",
    "torch.nn.functional.linear",
    on="x, table",
    where={"tied": "takes the rows of a table", "soft_cap is None": "has no cap"},
    unused=("reverse",),
)

function(
    "one_hot",
    "torch.nn.functional.one_hot",
    {"num_classes": "depth"},
    on="indices.long()",
    fixed={
        "axis": (-1, "puts classes last"),
        "out_of_range": ("error", "torch raises for an index that is no class"),
    },
)
