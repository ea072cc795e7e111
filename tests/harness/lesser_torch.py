"""A PyTorch as an earlier or half-installed one would be: without some names and arguments."""

from __future__ import annotations

from typing import Any

import torch

_gelu = torch.nn.functional.gelu

torch.nn.functional.gelu = lambda x: _gelu(x)
del torch.nn.functional.silu


def _broken(x: Any) -> Any:
    return torch.nn.no_such_name(x)


torch.nn.functional.relu = _broken


def softmax(x: Any) -> Any:
    return torch.softmax(x, 1)


def _dispatched(*inputs: Any, **options: Any) -> Any:
    """Calls the function as compilers and dispatchers do, from a frame of the framework's."""
    return softmax(*inputs, **options)


def _careless(x: Any, dim: int) -> Any:
    """Has the argument, and is wrong inside."""
    return softmax(x, dim=dim)


torch.nn.functional.softmax = _dispatched
torch.nn.functional.log_softmax = _careless
