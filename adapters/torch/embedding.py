"""Embedding layers of PyTorch."""

from __future__ import annotations

from typing import Any

from .framework import F, binds, torch
from .modules import functional_call

CHECKED = {
    "out_of_range == 'error'": "torch raises for an index that is no row",
    "negative == 'out_of_range'": "torch takes no negative index",
}


@binds("embedding", "torch.nn.functional.embedding", where=CHECKED)
def embedding(indices: Any, table: Any, *, padding_index: int | None) -> Any:
    return F.embedding(indices, table, padding_idx=padding_index)


@binds("embedding", "torch.nn.Embedding", where=CHECKED)
def embedding_module(indices: Any, table: Any, *, padding_index: int | None) -> Any:
    layer = torch.nn.Embedding(*table.shape, padding_idx=padding_index).to(table.device, table.dtype)
    return functional_call(layer, {"weight": table}, indices)
