"""How a module is called with weights from outside, so that gradients reach them."""

from __future__ import annotations

from typing import Any

from .framework import torch


def call_module(module: Any, *inputs: Any, **weights: Any) -> Any:
    """Call ``module`` on ``inputs`` with its parameters and buffers replaced by ``weights``."""
    module = module.to(inputs[0].device, inputs[0].dtype)
    given = {name: value for name, value in weights.items() if value is not None}
    return torch.func.functional_call(module, given, inputs)
