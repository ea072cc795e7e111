"""Dense layers of PyTorch, whose weights are ``(units, features)``."""

from __future__ import annotations

from typing import Any

from .framework import F, binds, torch
from .modules import call_module


@binds("dense", "torch.nn.functional.linear")
def dense(x: Any, kernel: Any, bias: Any) -> Any:
    return F.linear(x, kernel.T, bias)


@binds("dense", "torch.nn.Linear")
def dense_module(x: Any, kernel: Any, bias: Any) -> Any:
    features, units = kernel.shape
    return call_module(torch.nn.Linear(features, units, bias=bias is not None), x, weight=kernel.T, bias=bias)
