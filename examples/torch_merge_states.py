"""Partial results of attention merged in one ``torch.autograd.Function``, as rings and split kernels do.

    assay check examples/torch_merge_states.py:merge --spec merge_attention_states
    assay check examples/torch_merge_states.py:broken --spec merge_attention_states

The broken twin is right wherever a token has seen a key at all: two empty parts give it -∞ less -∞.
"""

import torch


def shares(first_lse, second_lse, safe):
    """What each part weighs, and the logarithm of both together."""
    top = torch.maximum(first_lse, second_lse)
    held = torch.where(top == -torch.inf, 0.0, top) if safe else top
    powers = torch.exp(first_lse - held), torch.exp(second_lse - held)
    total = powers[0] + powers[1]
    divisor = torch.where(total == 0, 1.0, total) if safe else total
    return powers[0] / divisor, powers[1] / divisor, held + torch.log(total)


class Merge(torch.autograd.Function):
    @staticmethod
    def forward(ctx, first, first_lse, second, second_lse, safe):
        a, b, lse = shares(first_lse, second_lse, safe)
        y = a[..., None] * first + b[..., None] * second
        ctx.save_for_backward(first, second, a, b)
        return y, lse

    @staticmethod
    def backward(ctx, of_y, of_lse):
        first, second, a, b = ctx.saved_tensors
        apart = (of_y * (first - second)).sum(-1) * a * b
        return a[..., None] * of_y, apart + a * of_lse, b[..., None] * of_y, b * of_lse - apart, None


def merge(
    first: torch.Tensor, first_lse: torch.Tensor, second: torch.Tensor, second_lse: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return Merge.apply(first, first_lse, second, second_lse, True)


def broken(
    first: torch.Tensor, first_lse: torch.Tensor, second: torch.Tensor, second_lse: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return Merge.apply(first, first_lse, second, second_lse, False)
