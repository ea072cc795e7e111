"""How a module is called with weights from outside, so that gradients reach them, and the rows of PyTorch."""

from __future__ import annotations

from typing import Any

from ..rows import rows
from .framework import torch


def call_module(module: Any, *inputs: Any, **weights: Any) -> Any:
    """Call ``module`` on ``inputs`` with its parameters and buffers replaced by ``weights``."""
    given = {name: value for name, value in weights.items() if value is not None}
    return functional_call(module, given, inputs)


def functional_call(module: Any, weights: Any, inputs: Any) -> Any:
    """``torch.func.functional_call``, which PyTorch 1 had under another name."""
    if hasattr(torch, "func"):
        return torch.func.functional_call(module, weights, inputs)
    if hasattr(module, "_flat_weights"):  # PyTorch 1 reads the weights of a recurrent module from here
        module._flat_weights = [weights[name] for name in module._flat_weights_names]
    return torch.nn.utils.stateless.functional_call(module, weights, inputs)


function, module = rows("torch", call_module, torch=torch)
