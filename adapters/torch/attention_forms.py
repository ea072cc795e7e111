"""Attention as kernels compute it, of PyTorch: heads come before queries and keys."""

from __future__ import annotations

from .attention import attend
from .framework import F, binds, torch
from .modules import function

EMPTY = {"empty_row == 'zero'": "torch gives zero for nothing"}
HEADS = "query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)"
CAUSAL = {
    "is_causal": "causal == 'top_left'",
    "attn_mask": "lower_right(query, key) if causal == 'bottom_right' else None",
}


def lower_right(query, key):
    """True where a key does not lie behind the query, the last of both side by side."""
    return window(query, key, None, 0, "bottom_right")


def window(query, key, left, right, alignment):
    """True where a key lies within the window of a query."""
    queries, keys = query.shape[1], key.shape[1]
    places = torch.arange(queries, device=query.device) + (
        keys - queries if alignment == "bottom_right" else 0
    )
    ahead = torch.arange(keys, device=query.device) - places[:, None]
    within = torch.ones_like(ahead, dtype=torch.bool)
    within = within if left is None else within & (ahead >= -left)
    return within if right is None else within & (ahead <= right)


# --- groups of heads ---

function(
    "grouped_query_attention",
    "torch.nn.functional.scaled_dot_product_attention(enable_gqa)",
    CAUSAL | {"enable_gqa": "True"},
    on=HEADS,
    returns="y.transpose(1, 2)",
    where=EMPTY | {"head_map == 'blocked'": "enable_gqa repeats each head of keys for its neighbours"},
)


@binds("grouped_query_attention", "torch.Tensor.repeat_interleave", where=EMPTY, composition=True)
def attention_of_repeated(query, key, value, *, head_map, causal):
    repeats = query.shape[2] // key.shape[2]
    if head_map == "blocked":
        key, value = (x.repeat_interleave(repeats, 2) for x in (key, value))
    else:
        key, value = (x.repeat(1, 1, repeats, 1) for x in (key, value))
    mask = lower_right(query, key) if causal == "bottom_right" else None
    return attend(query, key, value, mask, is_causal=causal == "top_left")


# --- windows ---


@binds(
    "sliding_window_attention",
    "torch.nn.functional.scaled_dot_product_attention",
    where=EMPTY,
    composition=True,
)
def windowed_attention(query, key, value, *, left, right, alignment):
    return attend(query, key, value, window(query, key, left, right, alignment))


# --- what has no function ---


def scores(query, key, causal):
    """Products by their depth, and where they count."""
    logits = torch.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
    alignment = "bottom_right" if causal == "bottom_right" else "top_left"
    return logits, window(query, key, None, None if causal == "none" else 0, alignment)


@binds("softcap_attention", "torch.tanh", composition=True)
def capped_attention(query, key, value, *, softcap, causal):
    logits, allowed = scores(query, key, causal)
    logits = torch.tanh(logits / softcap) * softcap
    weights = torch.softmax(logits.masked_fill(~allowed, float("-inf")), -1)
    return torch.einsum("bhqk,bkhv->bqhv", weights, value)


@binds(
    "attention_with_lse",
    "torch.logsumexp",
    fixed={"lse_gradient": ("flows", "it is returned beside the average")},
    composition=True,
)
def attention_and_lse(query, key, value, *, causal):
    logits, allowed = scores(query, key, causal)
    masked = logits.masked_fill(~allowed, float("-inf"))
    # A softmax over nothing is NaN; its gradient must not be met either.
    some = allowed.any(-1, keepdim=True)
    weights = torch.softmax(torch.where(some, masked, 0.0), -1) * some
    lse = torch.where(some[..., 0], torch.logsumexp(torch.where(some, masked, 0.0), -1), float("-inf"))
    return torch.einsum("bhqk,bkhv->bqhv", weights, value), lse.transpose(1, 2)


@binds("sink_attention", "torch.softmax", composition=True)
def attention_with_sinks(query, key, value, sinks, *, causal):
    logits, allowed = scores(query, key, causal)
    column = sinks[:, None, None].expand(*logits.shape[:-1], 1)
    joined = torch.cat([logits.masked_fill(~allowed, float("-inf")), column], -1)
    weights = F.softmax(joined, -1)[..., :-1]
    y = torch.einsum("bhqk,bkhv->bqhv", weights, value)
    return y, torch.logsumexp(joined, -1).transpose(1, 2)
