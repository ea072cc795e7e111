"""Embedding layers of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import functional_call

CHECKED = {
    "out_of_range == 'error'": "torch raises for an index that is no row",
    "negative == 'out_of_range'": "torch takes no negative index",
}
ZEROED = CHECKED | {"padding == 'zeroed'": "zeroes the padding row"}
BLOCKED = CHECKED | {"padding == 'blocked'": "torch's padding index keeps its row from learning"}


@binds("embedding", "torch.nn.functional.embedding", where=BLOCKED)
def embedding(indices, table, *, padding_index):
    return F.embedding(indices, table, padding_idx=padding_index)


@binds("embedding", "torch.nn.Embedding", where=BLOCKED)
def embedding_module(indices, table, *, padding_index):
    layer = torch.nn.Embedding(*table.shape, padding_idx=padding_index).to(table.device, table.dtype)
    return functional_call(layer, {"weight": table}, indices)


@binds("embedding", "torch.where", where=ZEROED, composition=True)
def embedding_zeroed(indices, table, *, padding_index):
    return torch.where((indices == padding_index)[..., None], 0.0, F.embedding(indices, table))


@binds(
    "embedding",
    "torch.Tensor.__getitem__",
    where={
        "out_of_range == 'error'": "torch raises for an index that is no row",
        "data != 'negative' or negative == 'wrap'": "counts negative indices from the end",
        "padding_index is None": "has no padding index",
        "padding == 'blocked'": "without a padding index there is nothing to choose",
    },
)
def embedding_index(indices, table):
    return table[indices]
