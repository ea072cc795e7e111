"""Faults and controls of attention to what is kept in memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference.attention_caches import latent_attention_vjp, paged_attention_vjp
from ..language.variant import Control, Fault
from .attention_forms import attended, products

Array = Any


def for_heads(query: Array, *shared: Array) -> list[Array]:
    """Keys and values once for each head of queries: neighbours share one."""
    return [np.repeat(array, query.shape[2] // array.shape[2], axis=2) for array in shared]


def held(cache: Array, used: Array) -> Array:
    """0 where nothing is stored."""
    return np.where(used[..., np.newaxis, np.newaxis], cache, 0.0)


# --- a cache ---


def beside_cache(
    see: Callable[..., Array], at: Callable[[Array], Array] = lambda own: own, clean: bool = True
) -> Callable[..., tuple[Array, ...]]:
    """Steps stored ``at`` their places, attention to what they ``see(behind, slots, lengths, left)``."""

    def forward(
        query: Array,
        key: Array,
        value: Array,
        key_cache: Array,
        value_cache: Array,
        lengths: Array,
        *,
        left: int | None,
    ) -> tuple[Array, ...]:
        slots, steps = np.arange(key_cache.shape[1]), key.shape[1]
        own = lengths[:, np.newaxis] + np.arange(steps)
        step = slots - at(own)[:, :1]
        new = ((step >= 0) & (step < steps))[..., np.newaxis, np.newaxis]
        source = np.clip(step, 0, steps - 1)[..., np.newaxis, np.newaxis]
        caches = [
            np.where(new, np.take_along_axis(array, source, 1), cache)
            for array, cache in ((key, key_cache), (value, value_cache))
        ]
        used = slots < lengths[:, np.newaxis] + steps
        keys, values = for_heads(query, *(held(cache, used) if clean else cache for cache in caches))
        behind = own[:, np.newaxis, :, np.newaxis] - slots
        seen = see(behind, slots, lengths[:, np.newaxis, np.newaxis, np.newaxis], left)
        return attended(products(query, keys), seen, values), *caches

    return forward


def up_to_own(behind: Array, slots: Array, lengths: Array, left: int | None) -> Array:
    """What lies up to a step's own place, within its window."""
    return (behind >= 0) if left is None else (behind >= 0) & (behind <= left)


def before_own(behind: Array, slots: Array, lengths: Array, left: int | None) -> Array:
    """The step's own key left out."""
    return up_to_own(behind, slots, lengths, left) & (behind > 0)


def all_steps(behind: Array, slots: Array, lengths: Array, left: int | None) -> Array:
    """The steps see each other, those that come later too."""
    stored = slots < lengths + behind.shape[2]
    return stored & up_to_own(np.maximum(behind, 0), slots, lengths, left)


def every_slot(behind: Array, slots: Array, lengths: Array, left: int | None) -> Array:
    """Slots that hold nothing count as keys of zeros."""
    return up_to_own(np.where(behind < 0, 0, behind), slots, lengths, left)


def from_the_last_slot(behind: Array, slots: Array, lengths: Array, left: int | None) -> Array:
    """The window ends at the last slot of the cache."""
    steps = behind.shape[2]
    own = len(slots) - steps + np.arange(steps)[:, np.newaxis]
    return (behind >= 0) if left is None else (behind >= 0) & (own - slots <= left)


def of_the_first_length(behind: Array, slots: Array, lengths: Array, left: int | None) -> Array:
    """All sequences are as long as the first."""
    return np.broadcast_to(up_to_own(behind[:1], slots, lengths[:1], left), behind.shape)


# --- pages ---


def near(behind: Array, rows: int, left: int | None) -> Array:
    """Keys within the window, those that count."""
    return (behind >= 0) if left is None else (behind >= 0) & (behind <= left)


def from_pages(
    see: Callable[..., Array] = near,
    which: Callable[[Array], Array] = lambda table: table,
    spread: Callable[..., list[Array]] = for_heads,
    clean: bool = True,
) -> Callable[..., Array]:
    """Attention to the pages of the table ``which``, to keys that a query may ``see``."""

    def forward(
        query: Array,
        key_pages: Array,
        value_pages: Array,
        table: Array,
        lengths: Array,
        *,
        left: int | None,
    ) -> Array:
        chosen, rows = which(table) % len(key_pages), key_pages.shape[1]
        keys, values = (
            np.reshape(np.take(pages, chosen, axis=0), (len(table), table.shape[1] * rows, *pages.shape[2:]))
            for pages in (key_pages, value_pages)
        )
        behind = lengths[:, np.newaxis] - 1 - np.arange(keys.shape[1])
        query = query[:, np.newaxis]
        keys, values = spread(query, *(held(x, behind >= 0) if clean else x for x in (keys, values)))
        seen = see(behind, rows, left)[:, np.newaxis, np.newaxis]
        return attended(products(query, keys), seen, values)[:, 0]

    return forward


def taking_turns(query: Array, *shared: Array) -> list[Array]:
    """Neighbours have different keys."""
    return [np.tile(array, (1, 1, query.shape[2] // array.shape[2], 1)) for array in shared]


def whole_pages(behind: Array, rows: int, left: int | None) -> Array:
    """The last page counts to its end."""
    last = np.sum(behind >= 0, axis=1, keepdims=True)
    counts = np.arange(behind.shape[1]) < -(-last // rows) * rows
    return counts if left is None else counts & (behind <= left)


def from_a_whole_page(behind: Array, rows: int, left: int | None) -> Array:
    """A window begins with the first page that lies in it as a whole, if there is one."""
    within, place = near(behind, rows, left), np.arange(behind.shape[1])
    begins = within & (place % rows == 0)
    first = np.where(begins.any(axis=1), np.argmax(begins, axis=1), 0)[:, np.newaxis]
    return within & (place >= first)


def of_the_last_sequence(
    query: Array,
    key_pages: Array,
    value_pages: Array,
    table: Array,
    lengths: Array,
    cotangent: Array,
    *,
    left: int | None,
) -> tuple[Array, ...]:
    """A page that is shared has the gradient of one sequence alone: stored, and not added."""
    right = paged_attention_vjp(query, key_pages, value_pages, table, lengths, cotangent, left=left)
    pages = [np.zeros_like(key_pages), np.zeros_like(value_pages)]
    for number in range(len(table)):
        own = slice(number, number + 1)
        _, *of_one = paged_attention_vjp(
            query[own], key_pages, value_pages, table[own], lengths[own], cotangent[own], left=left
        )
        for total, each in zip(pages, of_one, strict=True):
            total[table[number]] = each[table[number]]
    return right[0], *pages


# --- latent keys ---


def latent(
    scale_of: Callable[[int, int, int], float] = lambda depth, rope, rank: depth + rope,
    first: bool = False,
    clean: bool = True,
) -> Callable[..., Array]:
    """Latent attention of keys that are made for each head, in which something may be wrong."""

    def forward(
        query: Array,
        query_rope: Array,
        latent: Array,
        key_rope: Array,
        key_kernel: Array,
        value_kernel: Array,
        lengths: Array,
        *,
        causal: bool,
        scale: float | None,
    ) -> Array:
        queries, keys = query.shape[1], latent.shape[1]
        counts = (np.arange(keys) < lengths[:, np.newaxis])[..., np.newaxis]
        if clean:
            latent, key_rope = (np.where(counts, x, 0.0) for x in (latent, key_rope))
        rank, _, depth = key_kernel.shape
        wide = 1.0 / math.sqrt(scale_of(depth, key_rope.shape[2], rank)) if scale is None else scale
        of_keys = np.einsum("bkr,rhd->bkhd", latent, key_kernel)
        logits = np.einsum("bqhd,bkhd->bhqk", query, of_keys)
        logits = logits + np.einsum("bqhp,bkp->bhqk", query_rope, key_rope)
        behind = np.arange(queries)[:, np.newaxis] + 1 if first else None
        left_out = np.arange(queries)[::-1, np.newaxis]
        lengths = lengths[:, np.newaxis, np.newaxis, np.newaxis]
        last = lengths - left_out if causal else lengths
        last = np.minimum(lengths, behind) if causal and behind is not None else last
        value = np.einsum("bkr,rhv->bkhv", latent, value_kernel)
        return attended(logits * wide, np.arange(keys) < last, value)

    return forward


def absorbed(
    query: Array,
    query_rope: Array,
    latent: Array,
    key_rope: Array,
    key_kernel: Array,
    value_kernel: Array,
    lengths: Array,
    *,
    causal: bool,
    scale: float | None,
) -> Array:
    """The query meets latent keys, and the average is of latent values."""
    queries, keys = query.shape[1], latent.shape[1]
    counts = (np.arange(keys) < lengths[:, np.newaxis])[..., np.newaxis]
    latent, key_rope = (np.where(counts, x, 0.0) for x in (latent, key_rope))
    wide = 1.0 / math.sqrt(query.shape[3] + query_rope.shape[3]) if scale is None else scale
    logits = np.einsum("bqhr,bkr->bhqk", np.einsum("bqhd,rhd->bqhr", query, key_kernel), latent)
    logits = logits + np.einsum("bqhp,bkp->bhqk", query_rope, key_rope)
    left_out = np.arange(queries)[::-1, np.newaxis] * causal
    seen = np.arange(keys) < lengths[:, np.newaxis, np.newaxis, np.newaxis] - left_out
    shared = np.repeat(latent[:, :, np.newaxis], query.shape[2], axis=2)
    return np.einsum("bqhr,rhv->bqhv", attended(logits * wide, seen, shared), value_kernel)


def of_the_first_head(
    query: Array,
    query_rope: Array,
    latent: Array,
    key_rope: Array,
    key_kernel: Array,
    value_kernel: Array,
    lengths: Array,
    cotangent: Array,
    *,
    causal: bool,
    scale: float | None,
) -> tuple[Array, ...]:
    """What all heads share has the gradient of the first alone: stored by each, and not added."""

    def gradients(heads: slice) -> tuple[Array, ...]:
        queries, kernels = ((slice(None),) * places + (heads,) for places in (2, 1))
        return latent_attention_vjp(
            *(query[queries], query_rope[queries], latent, key_rope),
            *(key_kernel[kernels], value_kernel[kernels], lengths, cotangent[queries]),
            causal=causal,
            scale=scale,
        )

    right, alone = gradients(slice(None)), gradients(slice(1))
    return (*right[:2], *alone[2:4], *right[4:])


PADDED = "data == 'padding_nan'"

FAULTS = {
    "cached_attention": (
        Fault(name="own key left out", reference=beside_cache(before_own)),
        Fault(name="steps see each other", reference=beside_cache(all_steps), where="steps > 1"),
        Fault(name="slots of nothing count as zeros", reference=beside_cache(every_slot)),
        Fault(name="slots of nothing times 0", reference=beside_cache(up_to_own, clean=False), where=PADDED),
        Fault(
            name="window from the last slot",
            reference=beside_cache(from_the_last_slot),
            where="left is not None",
        ),
        Fault(name="length of the first sequence", reference=beside_cache(of_the_first_length)),
        Fault(name="stored one slot late", reference=beside_cache(up_to_own, at=lambda own: own + 1)),
    ),
    "paged_attention": (
        Fault(
            name="pages in the order of memory",
            reference=from_pages(which=lambda table: np.broadcast_to(np.arange(table.shape[1]), table.shape)),
        ),
        Fault(
            name="pages of the first sequence",
            reference=from_pages(which=lambda table: np.broadcast_to(table[:1], table.shape)),
        ),
        Fault(name="last page to its end", reference=from_pages(see=whole_pages)),
        Fault(
            name="windows from a whole page on",
            reference=from_pages(see=from_a_whole_page),
            where="left is not None and rows > 1",
        ),
        Fault(name="heads take turns", reference=from_pages(spread=taking_turns), where="repeats > 1"),
        Fault(name="rows of nobody times 0", reference=from_pages(clean=False), where=PADDED),
        Fault(name="gradient of the last sequence of a page alone", vjp=of_the_last_sequence),
    ),
    "latent_attention": (
        Fault(
            name="scale of the latent rank",
            reference=latent(lambda depth, rope, rank: rank + rope),
            where="scale is None",
        ),
        Fault(
            name="scale without the rotated part",
            reference=latent(lambda depth, rope, rank: depth),
            where="scale is None",
        ),
        Fault(name="causal from the first key on", reference=latent(first=True), where="causal"),
        Fault(name="places that do not count times 0", reference=latent(clean=False), where=PADDED),
        Fault(name="gradients of the first head alone", vjp=of_the_first_head, where="heads > 1"),
    ),
}

CONTROLS = {
    "cached_attention": (Control(name="keys and values repeated", reference=beside_cache(up_to_own)),),
    "paged_attention": (Control(name="keys and values repeated", reference=from_pages()),),
    "latent_attention": (
        Control(name="keys of each head", reference=latent()),
        Control(name="kernels absorbed", reference=absorbed),
    ),
}
