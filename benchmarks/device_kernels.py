"""A kernel that leaves memory unwritten: what lay there before comes back, and a check must see it."""

from __future__ import annotations

import torch


def unwritten(x: torch.Tensor) -> torch.Tensor:
    """The rectified linear unit of all rows but the last, which holds whatever the allocator gave."""
    y = torch.empty_like(x)
    y[:-1] = torch.relu(x[:-1])
    return y
