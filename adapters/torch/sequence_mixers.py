"""Sequence mixers of PyTorch, from its convolution."""

from __future__ import annotations

from .framework import F, binds, torch


def whole(x, kernel, state):
    """What came before, and x after it."""
    return F.pad(x, (0, 0, len(kernel) - 1, 0)) if state is None else torch.cat([state, x], dim=1)


@binds("causal_conv1d", "torch.nn.functional.conv1d(groups=channels)", composition=True)
def causal_conv1d(x, kernel, bias, state, *, activation):
    steps = whole(x, kernel, state)
    y = F.conv1d(steps.transpose(1, 2), kernel.T[:, None], bias, groups=x.shape[-1]).transpose(1, 2)
    return F.silu(y) if activation == "silu" else y, steps[:, x.shape[1] :]
