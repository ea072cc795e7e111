"""Products of groups of rows in PyTorch, which leaves rows of nobody as they were in memory."""

from __future__ import annotations

from .framework import F, binds, torch

ALIGNED = {
    "dtype in ('float32', 'bfloat16')": "takes float32 and bfloat16",
    "depth % 8 == 0 and units % 8 == 0": "takes strides of 16 bytes",
}


@binds("grouped_matmul", "torch.nn.functional.grouped_mm(torch.where)", where=ALIGNED)
def grouped_mm(x, kernel, sizes):
    offsets = sizes.cumsum(0, dtype=torch.int32)
    owned = (torch.arange(len(x), device=x.device) < offsets[-1])[:, None]
    y = F.grouped_mm(torch.where(owned, x, 0), kernel, offs=offsets)
    return torch.where(owned, y, 0)


@binds("grouped_matmul", "torch.matmul(torch.split)", composition=True)
def grouped_loop(x, kernel, sizes):
    parts = x.split([*sizes.tolist(), len(x) - int(sizes.sum())])
    products = [part @ matrix for part, matrix in zip(parts[:-1], kernel, strict=True)]
    return torch.cat([*products, x.new_zeros(len(parts[-1]), kernel.shape[-1])])
