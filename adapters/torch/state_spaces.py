"""State spaces in PyTorch, step by step."""

from __future__ import annotations

from .framework import F, binds, torch
from .linear_attention import steps


@binds("selective_scan", "torch.einsum", composition=True)
def selective_scan(x, delta, a, b, c, d, z, bias, state, *, softplus):
    sizes = delta if bias is None else delta + bias
    sizes = F.softplus(sizes) if softplus else sizes
    held = x.new_zeros(len(x), *a.shape) if state is None else state
    y = []
    for size, taken, into, out in steps(sizes, sizes * x, b, c):
        held = torch.exp(size[..., None] * a) * held + torch.einsum("bc,bn->bcn", taken, into)
        y.append(torch.einsum("bcn,bn->bc", held, out))
    y = torch.stack(y, 1)
    y = y if d is None else y + d * x
    return (y if z is None else y * F.silu(z)), held


@binds("state_space_duality", "torch.einsum", composition=True)
def state_space_duality(x, delta, a, b, c, d, bias, state):
    sizes = F.softplus(delta if bias is None else delta + bias)
    b, c = (array.repeat_interleave(x.shape[2] // b.shape[2], 2) for array in (b, c))
    held = x.new_zeros(len(x), *x.shape[2:], b.shape[-1]) if state is None else state
    y = []
    for kept, taken, into, out in steps((sizes * a).exp(), sizes[..., None] * x, b, c):
        held = kept[..., None, None] * held + torch.einsum("bhp,bhn->bhpn", taken, into)
        y.append(torch.einsum("bhpn,bhn->bhp", held, out))
    y = torch.stack(y, 1)
    return (y if d is None else y + d[:, None] * x), held
