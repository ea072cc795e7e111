"""Routing of tokens in PyTorch, which has none: what its users write."""

from __future__ import annotations

from .framework import F, binds, torch
from .selection import FIRST


def scores_of(logits, score):
    """In float32, or in the type of wider logits."""
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return wide.softmax(-1) if score == "softmax" else wide.sigmoid()


def weighed(scores, experts, renormalise, factor):
    weights = scores.gather(-1, experts)
    return factor * (weights / weights.sum(-1, keepdim=True) if renormalise else weights)


@binds("topk_router", "torch.topk(torch.softmax)", where=FIRST, composition=True)
def router_by_topk(logits, bias, *, k, score, renormalise, factor):
    scores = scores_of(logits, score)
    experts = (scores if bias is None else scores + bias).topk(k, dim=-1).indices
    return weighed(scores, experts, renormalise, factor).to(logits.dtype), experts.int()


@binds("topk_router", "torch.sort(torch.softmax)", composition=True)
def router_by_sorting(logits, bias, *, k, score, renormalise, factor):
    scores = scores_of(logits, score)
    choice = scores if bias is None else scores + bias
    experts = torch.sort(choice, dim=-1, descending=True, stable=True).indices.narrow(-1, 0, k)
    return weighed(scores, experts, renormalise, factor).to(logits.dtype), experts.int()


@binds("load_balancing_loss", "torch.nn.functional.one_hot(torch.topk)", where=FIRST, composition=True)
def load_balancing_loss(logits, *, k, share):
    probabilities, experts = scores_of(logits, "softmax"), logits.shape[-1]
    chosen = F.one_hot(logits.topk(k, dim=-1).indices, experts).to(probabilities.dtype)
    shares = chosen.mean((0, 1)) * (1 if share == "choices" else k)
    return (experts * (shares * probabilities.mean(0)).sum()).to(logits.dtype)


@binds("router_z_loss", "torch.logsumexp(torch.square)", composition=True)
def router_z_loss(logits):
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return torch.logsumexp(wide, dim=-1).square().mean().to(logits.dtype)
