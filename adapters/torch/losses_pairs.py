"""Losses of all pairs of a batch of embeddings, from what PyTorch has."""

from __future__ import annotations

from .framework import F, binds, torch


@binds("ntxent", "torch.nn.functional.normalize", composition=True)
def ntxent(embeddings, labels, *, temperature):
    units = F.normalize(embeddings, dim=-1)
    scores = units @ units.T / temperature
    equal = labels[:, None] == labels
    alike = equal & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    others = scores.masked_fill(equal, -torch.inf).logsumexp(dim=-1, keepdim=True)
    losses = torch.logaddexp(scores, others) - scores
    return torch.where(alike, losses, 0).sum() / alike.sum()
