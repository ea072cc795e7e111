"""Biases by distance and fused softmaxes, put together from what PyTorch has."""

from __future__ import annotations

from .framework import binds, torch


def slopes_of_paper(heads, like):
    """A geometric sequence for a power of two; other heads take every other slope of twice as many."""
    power = 2 ** (heads.bit_length() - 1)
    exponents = [8 * h / power for h in range(1, power + 1)]
    exponents += [4 * h / power for h in range(1, 2 * (heads - power), 2)]
    return 2.0 ** -torch.tensor(exponents, dtype=like.dtype, device=like.device)


@binds("alibi_attention", "torch.exp", composition=True)
def attention_with_alibi(query, key, value, slopes, *, causal, alignment, bias_by):
    queries, keys = query.shape[1], key.shape[1]
    slopes = slopes_of_paper(query.shape[2], query) if slopes is None else slopes
    first = keys - queries if alignment == "bottom_right" else 0
    every = torch.arange(keys, device=query.device)
    ahead = every - (torch.arange(queries, device=query.device)[:, None] + first)
    factors = every if bias_by == "place" else -ahead.abs()
    logits = torch.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
    logits = logits + slopes[:, None, None] * factors
    seen = ahead <= (0 if causal else keys + queries)
    # Of nothing the largest is -∞, and the difference from it NaN.
    some = seen.any(-1, keepdim=True)
    held = torch.where(some, logits.masked_fill(~seen, float("-inf")), 0.0)
    top = held.detach().amax(-1, keepdim=True)
    powers = torch.exp(held - top)
    total = powers.sum(-1, keepdim=True)
    y = torch.einsum("bhqk,bkhv->bqhv", powers / total * some, value)
    lse = torch.where(some, top + torch.log(total), float("-inf"))[..., 0]
    return y, lse.transpose(1, 2)


@binds("scaled_masked_softmax", "torch.softmax", composition=True)
def softmax_of_scores(x, mask, *, scale, causal, plus_one, empty_row):
    seen = torch.ones_like(x, dtype=torch.bool) if mask is None else mask.expand(x.shape)
    seen = seen.tril() if causal else seen
    # The lowest finite number leaves equal weights where nothing counts.
    held = (x * scale).masked_fill(~seen, torch.finfo(x.dtype).min)
    if plus_one:
        held = torch.cat([held, held.new_zeros(*x.shape[:-1], 1)], -1)
    weights = torch.softmax(held, -1)[..., : x.shape[-1]]
    return weights if empty_row == "uniform" else weights.masked_fill(~seen, 0.0)
