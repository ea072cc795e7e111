"""State spaces in PyTorch, step by step."""

from __future__ import annotations

from .framework import F, binds, torch
from .linear_attention import steps
from .sequence_mixers import a_row_each, live_steps, one_after_the_other


def step_sizes(delta, bias, sizes, softplus=True):
    """How long each step is; a step behind the end of its row is none."""
    total = delta if bias is None else delta + bias
    spans = F.softplus(total) if softplus else total
    return spans if sizes is None else torch.where(live_steps(delta, sizes)[0][..., None], spans, 0)


@binds("selective_scan", "torch.einsum", composition=True)
def selective_scan(x, delta, a, b, c, d, z, bias, state, sizes, *, softplus):
    x, delta, b, c, z = a_row_each(sizes, x, delta, b, c, z)
    spans = step_sizes(delta, bias, sizes, softplus)
    held = x.new_zeros(len(x), *a.shape) if state is None else state
    y = []
    for size, taken, into, out in steps(spans, spans * x, b, c):
        held = torch.exp(size[..., None] * a) * held + torch.einsum("bc,bn->bcn", taken, into)
        y.append(torch.einsum("bcn,bn->bc", held, out))
    y = torch.stack(y, 1)
    y = y if d is None else y + d * x
    return one_after_the_other(y if z is None else y * F.silu(z), sizes), held


@binds("state_space_duality", "torch.einsum", composition=True)
def state_space_duality(x, delta, a, b, c, d, bias, state, sizes):
    x, delta, b, c = a_row_each(sizes, x, delta, b, c)
    spans = step_sizes(delta, bias, sizes)
    b, c = (array.repeat_interleave(x.shape[2] // b.shape[2], 2) for array in (b, c))
    held = x.new_zeros(len(x), *x.shape[2:], b.shape[-1]) if state is None else state
    y = []
    for kept, taken, into, out in steps((spans * a).exp(), spans[..., None] * x, b, c):
        held = kept[..., None, None] * held + torch.einsum("bhp,bhn->bhpn", taken, into)
        y.append(torch.einsum("bhpn,bhn->bhp", held, out))
    y = torch.stack(y, 1)
    return one_after_the_other(y if d is None else y + d[:, None] * x, sizes), held
