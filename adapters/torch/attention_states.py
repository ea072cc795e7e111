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


def owners(sizes, room):
    """The sequence that each place belongs to, and which place of it that is."""
    ends, places = sizes.cumsum(0), torch.arange(room, device=sizes.device)
    own = torch.searchsorted(ends, places, right=True)
    return own, places - torch.nn.functional.pad(ends, (1, 0))[own]


@binds("packed_attention", "torch.nn.functional.scaled_dot_product_attention", composition=True)
def attention_of_packed(query, key, value, query_sizes, key_sizes, *, causal):
    rows, row = owners(query_sizes, len(query))
    columns, column = owners(key_sizes, len(key))
    lengths, nobody = torch.stack([query_sizes, key_sizes]), len(query_sizes)
    seen = (rows[:, None] == columns) & (columns < nobody)
    if causal != "none":
        last = lengths[1] - lengths[0] if causal == "bottom_right" else 0 * lengths[0]
        seen = seen & (column <= (row + torch.nn.functional.pad(last, (0, 1))[rows])[:, None])
    query = query.masked_fill((rows == nobody)[:, None, None], 0.0)
    key, value = (x.masked_fill((columns == nobody)[:, None, None], 0.0) for x in (key, value))
    return attend(query[None], key[None], value[None], seen, enable_gqa=True)[0]


@binds(
    "packed_attention",
    "torch.nested.nested_tensor_from_jagged",
    where={"causal == 'none'": "no kernel on CPU takes nested queries and is_causal"},
)
def attention_of_nested(query, key, value, query_sizes, key_sizes):
    sizes = torch.stack([query_sizes, key_sizes])
    offsets = torch.nn.functional.pad(sizes.long().cumsum(1), (1, 0))
    both = torch.cat([key, value], -1).repeat_interleave(query.shape[1] // key.shape[1], 1)
    query_ends, key_ends = offsets
    rows = query[: query_ends[-1]]
    key, value = both[: key_ends[-1]].split([key.shape[-1], value.shape[-1]], -1)
    # What is nested has no other strides.
    by_head = (
        torch.nested.nested_tensor_from_jagged(x.contiguous(), ends).transpose(1, 2)
        for x, ends in ((rows, query_ends), (key, key_ends), (value, key_ends))
    )
    y = torch.nn.functional.scaled_dot_product_attention(*by_head).transpose(1, 2).values()
    return torch.nn.functional.pad(y, (0, 0, 0, 0, 0, len(query) - len(y)))
