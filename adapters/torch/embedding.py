"""Embedding layers of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import function, module

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
