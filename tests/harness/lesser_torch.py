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
