"""Dropout layers of PyTorch."""

from __future__ import annotations

from typing import Any

from .framework import F, binds, torch

PRODUCT = {
    "dropped == 'product' or data != 'infinities' or not training or rate == 0": "torch multiplies by 0",
    "data != 'nan' or not training or rate == 0": "torch's NaN at dropped places hides the mask",
}


@binds("dropout", "torch.nn.functional.dropout", where=PRODUCT)
def dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    return F.dropout(x, p=rate, training=training)


@binds("dropout", "torch.nn.Dropout", where=PRODUCT)
def dropout_module(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    torch.manual_seed(seed)
    return torch.nn.Dropout(p=rate).train(training)(x)
