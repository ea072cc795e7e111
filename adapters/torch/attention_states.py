"""Attention in parts, put together from what PyTorch has."""

from __future__ import annotations

from .attention import attend
from .framework import binds, torch


@binds("merge_attention_states", "torch.logsumexp", composition=True)
def merge(first, first_lse, second, second_lse):
    both = torch.stack([first_lse, second_lse], -1)
    # What is empty on both sides takes no part, so that no gradient is -∞ - -∞.
    some = (both > float("-inf")).any(-1)
    held = torch.where(some[..., None], both, 0.0)
    shares = torch.softmax(held, -1) * some[..., None]
    lse = torch.where(some, torch.logsumexp(held, -1), float("-inf"))
    return shares[..., :1] * first + shares[..., 1:] * second, lse


@binds("variable_length_attention", "torch.nn.functional.scaled_dot_product_attention", composition=True)
def attention_by_lengths(query, key, value, query_lengths, key_lengths, *, causal):
    rows = torch.arange(query.shape[1], device=query.device) < query_lengths[:, None]
    columns = torch.arange(key.shape[1], device=key.device) < key_lengths[:, None]
    allowed = rows[:, :, None] & columns[:, None]
    if causal != "none":
        shift = (key_lengths - query_lengths if causal == "bottom_right" else 0 * key_lengths)[:, None, None]
        places = torch.arange(query.shape[1], device=query.device)[:, None] + shift
        allowed = allowed & (torch.arange(key.shape[1], device=key.device) <= places)
    query = query.masked_fill(~rows[..., None, None], 0.0)
    key, value = (x.masked_fill(~columns[..., None, None], 0.0) for x in (key, value))
    return attend(query, key, value, allowed[:, None])
