"""Attention to what is kept in memory, put together from what PyTorch has."""

from __future__ import annotations

from .attention import attend
from .framework import binds, torch


def cleared(x, used):
    """0 where nothing is stored."""
    return x.masked_fill(~used[..., None, None], 0.0)


@binds("cached_attention", "torch.Tensor.scatter", composition=True)
def attention_with_cache(query, key, value, key_cache, value_cache, lengths, *, left):
    steps, slots = query.shape[1], torch.arange(key_cache.shape[1], device=query.device)
    own = lengths[:, None].long() + torch.arange(steps, device=query.device)
    places = own[..., None, None]
    keys = key_cache.scatter(1, places.expand(key.shape), key)
    values = value_cache.scatter(1, places.expand(value.shape), value)
    behind = own[:, None, :, None] - slots
    seen = (behind >= 0) if left is None else (behind >= 0) & (behind <= left)
    used = slots < lengths[:, None] + steps
    y = attend(query, cleared(keys, used), cleared(values, used), seen, enable_gqa=True)
    return y, keys, values


@binds("paged_attention", "torch.nn.functional.scaled_dot_product_attention", composition=True)
def attention_to_pages(query, key_pages, value_pages, table, lengths, *, left):
    pages = torch.cat([key_pages, value_pages], -1)[table.long()].flatten(1, 2)
    behind = lengths[:, None] - 1 - torch.arange(pages.shape[1], device=query.device)
    seen = (behind >= 0) if left is None else (behind >= 0) & (behind <= left)
    key, value = cleared(pages, behind >= 0).split([key_pages.shape[-1], value_pages.shape[-1]], -1)
    return attend(query[:, None], key, value, seen[:, None, None], enable_gqa=True)[:, 0]


@binds("latent_attention", "torch.nn.functional.scaled_dot_product_attention", composition=True)
def attention_to_latents(
    query, query_rope, latent, key_rope, key_kernel, value_kernel, lengths, *, causal, scale
):
    places = torch.arange(latent.shape[1], device=query.device)
    counts = places < lengths[:, None]
    latent, key_rope = (x.masked_fill(~counts[..., None], 0.0) for x in (latent, key_rope))
    rope = key_rope[:, :, None].expand(-1, -1, query.shape[2], -1)
    key = torch.cat([torch.einsum("bkr,rhd->bkhd", latent, key_kernel), rope], -1)
    value = torch.einsum("bkr,rhv->bkhv", latent, value_kernel)
    left_out = torch.arange(query.shape[1], device=query.device).flip(0)[:, None] * causal
    seen = places < lengths[:, None, None] - left_out
    return attend(torch.cat([query, query_rope], -1), key, value, seen[:, None], scale=scale)
