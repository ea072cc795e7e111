"""Attention of few queries to many keys that were computed before: caches, their pages, and latent keys.

What a cache holds where no token is stored, NaN too, has no influence, and gets no gradient.
"""

from __future__ import annotations

import math

import numpy as np

from .attending import average, average_vjp, check_heads, scores, scores_vjp, weigh, weigh_vjp
from .checks import Array, require, require_rank, require_shape

__all__ = [
    "cached_attention",
    "cached_attention_vjp",
    "latent_attention",
    "latent_attention_vjp",
    "paged_attention",
    "paged_attention_vjp",
]


# --- a cache ---


def cached_attention(
    query: Array,
    key: Array,
    value: Array,
    key_cache: Array,
    value_cache: Array,
    lengths: Array,
    *,
    left: int | None = None,
) -> tuple[Array, Array, Array]:
    """Attention of the next steps of sequences whose keys and values are kept in a cache.

    The keys of the steps are stored behind those that are there, and step i attends to all up to its own:
    ``y_i = Σⱼ softmax(q_i kⱼ / √depth) vⱼ`` over ``j ≤ length + i``

    Args:
        query: ``(batch, steps, heads, depth)``.
        key: of the same steps, ``(batch, steps, groups, depth)``: heads of a group are neighbours.
        value: ``(batch, steps, groups, values)``.
        key_cache: ``(batch, slots, groups, depth)``.
        value_cache: ``(batch, slots, groups, values)``.
        lengths: how many slots are filled before, ``(batch,)``, of which any may be 0.
        left: how many keys before its own place a step sees, beside that; None for all.

    Returns:
        ``(batch, steps, heads, values)``; the cache of keys and that of values, with the steps stored.

    Raises:
        ValueError: a shape does not fit, a length leaves no room for the steps, or ``left`` is negative.

    Source: Shazeer (2019), Fast transformer decoding, arXiv:1911.02150, section 2.4.
    """
    check_heads(query, key, value)
    steps = query.shape[1]
    require(key.shape[1] == steps, f"key must have the {steps} steps of the query; got {key.shape[1]}")
    require_rank("key_cache", key_cache, 4, "batch, slots, groups, depth")
    slots = key_cache.shape[1]
    for name, cache, of in (("key_cache", key_cache, key), ("value_cache", value_cache, value)):
        require_shape(name, cache, (len(of), slots, *of.shape[2:]), "batch, slots, groups, depth")
    _check_lengths(lengths, len(query), slots - steps)
    _check_left(left)
    keys, values, used = _stored(key, value, key_cache, value_cache, lengths)
    allowed = _up_to_own(lengths, steps, slots, left)
    held_keys, held_values = _cleared(keys, used), _cleared(values, used)
    y = average(weigh(scores(query, held_keys), allowed).of_keys, held_values)
    return y, keys, values


def cached_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    key_cache: Array,
    value_cache: Array,
    lengths: Array,
    cotangent: Array,
    *,
    left: int | None = None,
) -> tuple[Array, ...]:
    """Gradient of `cached_attention`: slots that steps are stored in send theirs to the steps."""
    steps, slots = query.shape[1], key_cache.shape[1]
    keys, values, used = _stored(key, value, key_cache, value_cache, lengths)
    keys, values = _cleared(keys, used), _cleared(values, used)
    allowed = _up_to_own(lengths, steps, slots, left)
    into_query, into_keys, into_values = _through(query, keys, values, allowed, cotangent)
    own = lengths[:, np.newaxis] + np.arange(steps)
    before = np.arange(slots) < lengths[:, np.newaxis]
    of_steps = (np.take_along_axis(g, own[..., np.newaxis, np.newaxis], 1) for g in (into_keys, into_values))
    return into_query, *of_steps, _cleared(into_keys, before), _cleared(into_values, before)


def _stored(
    key: Array, value: Array, key_cache: Array, value_cache: Array, lengths: Array
) -> tuple[Array, Array, Array]:
    """Both caches with the steps stored, and which slots are used then, ``(batch, slots)``."""
    slots, steps = np.arange(key_cache.shape[1]), key.shape[1]
    step = slots - lengths[:, np.newaxis]
    new = ((step >= 0) & (step < steps))[..., np.newaxis, np.newaxis]
    source = np.clip(step, 0, steps - 1)[..., np.newaxis, np.newaxis]
    keys, values = (
        np.where(new, np.take_along_axis(array, source, 1), cache)
        for array, cache in ((key, key_cache), (value, value_cache))
    )
    return keys, values, step < steps


def _up_to_own(lengths: Array, steps: int, slots: int, left: int | None) -> Array:
    """The slots that each step sees, ``(batch, 1, steps, slots)``."""
    own = lengths[:, np.newaxis, np.newaxis, np.newaxis] + np.arange(steps)[:, np.newaxis]
    behind = own - np.arange(slots)
    return (behind >= 0) if left is None else (behind >= 0) & (behind <= left)


# --- pages ---


def paged_attention(
    query: Array,
    key_pages: Array,
    value_pages: Array,
    table: Array,
    lengths: Array,
    *,
    left: int | None = None,
) -> Array:
    """Attention of one query of each sequence to keys that lie in pages, wherever there was room.

    ``y = Σⱼ softmax(q kⱼ / √depth) vⱼ`` over ``j < length``, where key j is row ``j mod rows`` of the page
    ``table[⌊j / rows⌋]``; sequences may share pages

    Args:
        query: ``(batch, heads, depth)``, of the last token of each sequence.
        key_pages: ``(pages, rows, groups, depth)``: heads of a group are neighbours.
        value_pages: ``(pages, rows, groups, values)``.
        table: which pages a sequence has, in order, ``(batch, blocks)``. Those behind its length are not
            read.
        lengths: how many keys each has, ``(batch,)``. With none, a query gets 0.
        left: how many keys before the last a query sees, beside that; None for all.

    Returns:
        ``(batch, heads, values)``

    Raises:
        ValueError: a shape does not fit, a length is beyond the pages of its sequence, a page is none, or
            ``left`` is negative.

    Source: Kwon et al. (2023), Efficient memory management for large language model serving with
    PagedAttention, arXiv:2309.06180, section 4.1.
    """
    require_rank("query", query, 3, "batch, heads, depth")
    check_heads(query[np.newaxis], key_pages[:1, :, :, :], value_pages[:1, :, :, :])
    require_shape("value_pages", value_pages[..., 0], key_pages.shape[:3], "pages, rows, groups")
    require_rank("table", table, 2, "batch, blocks")
    require(
        len(table) == len(query), f"table must have {len(query)} rows, one for each query; got {len(table)}"
    )
    pages, rows = key_pages.shape[:2]
    require(bool(np.all((table >= 0) & (table < pages))), f"table must name pages from 0 to {pages - 1}")
    _check_lengths(lengths, len(query), table.shape[1] * rows)
    _check_left(left)
    keys, values, allowed = _gathered(key_pages, value_pages, table, lengths, left)
    return average(weigh(scores(query[:, np.newaxis], keys), allowed).of_keys, values)[:, 0]


def paged_attention_vjp(
    query: Array,
    key_pages: Array,
    value_pages: Array,
    table: Array,
    lengths: Array,
    cotangent: Array,
    *,
    left: int | None = None,
) -> tuple[Array, Array, Array]:
    """Gradient of `paged_attention`: a page collects those of every sequence that has it."""
    keys, values, allowed = _gathered(key_pages, value_pages, table, lengths, left)
    into_query, *of_keys = _through(query[:, np.newaxis], keys, values, allowed, cotangent[:, np.newaxis])
    chosen = (np.reshape(table, -1) == np.arange(len(key_pages))[:, np.newaxis]).astype(np.float64)
    into_pages = (
        np.reshape(
            np.matmul(chosen, np.reshape(gradient, (table.size, math.prod(pages.shape[1:])))), pages.shape
        )
        for gradient, pages in zip(of_keys, (key_pages, value_pages), strict=True)
    )
    return into_query[:, 0], *into_pages


def _gathered(
    key_pages: Array, value_pages: Array, table: Array, lengths: Array, left: int | None
) -> tuple[Array, Array, Array]:
    """Keys and values of each sequence, 0 behind its length; and those that its query sees."""
    places = table.shape[1] * key_pages.shape[1]
    keys, values = (
        np.reshape(np.take(pages, table, axis=0), (len(table), places, *pages.shape[2:]))
        for pages in (key_pages, value_pages)
    )
    behind = lengths[:, np.newaxis] - 1 - np.arange(places)
    allowed = (behind >= 0) if left is None else (behind >= 0) & (behind <= left)
    return _cleared(keys, behind >= 0), _cleared(values, behind >= 0), allowed[:, np.newaxis, np.newaxis]


# --- latent keys ---


def latent_attention(
    query: Array,
    query_rope: Array,
    latent: Array,
    key_rope: Array,
    key_kernel: Array,
    value_kernel: Array,
    lengths: Array,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Array:
    """Multi-head latent attention: keys and values of all heads are made of one short vector of a token.

    ``y_h = Σⱼ softmax(scale (⟨q_h, U_h cⱼ⟩ + ⟨r_h, ρⱼ⟩)) V_h cⱼ``, where r and ρ have been rotated by their
    places before

    Kernels multiply the query by U, and the average of c by V: the same, without keys of any head.

    Args:
        query: q, ``(batch, queries, heads, depth)``.
        query_rope: r, ``(batch, queries, heads, rope)``.
        latent: c, ``(batch, keys, rank)``.
        key_rope: ρ, one for all heads, ``(batch, keys, rope)``.
        key_kernel: U, ``(rank, heads, depth)``.
        value_kernel: V, ``(rank, heads, values)``.
        lengths: how many keys count, ``(batch,)``. With none, a query gets 0.
        causal: whether the last query attends to all keys that count, and each earlier one to one less.
        scale: factor of the products; None for ``1/√(depth + rope)``, which the rank is no part of.

    Returns:
        ``(batch, queries, heads, values)``

    Raises:
        ValueError: a shape does not fit, or a length is out of range.

    Source: DeepSeek-AI (2024), DeepSeek-V2, arXiv:2405.04434, section 2.1.
    """
    require_rank("query", query, 4, "batch, queries, heads, depth")
    require_rank("latent", latent, 3, "batch, keys, rank")
    require_rank("key_rope", key_rope, 3, "batch, keys, rope")
    require_rank("value_kernel", value_kernel, 3, "rank, heads, values")
    batch, queries, heads, depth = query.shape
    keys, rank = latent.shape[1:]
    rope, values = key_rope.shape[2], value_kernel.shape[2]
    for name, array, shape, axes in (
        ("query_rope", query_rope, (batch, queries, heads, rope), "batch, queries, heads, rope"),
        ("latent", latent, (batch, keys, rank), "batch, keys, rank"),
        ("key_rope", key_rope, (batch, keys, rope), "batch, keys, rope"),
        ("key_kernel", key_kernel, (rank, heads, depth), "rank, heads, depth"),
        ("value_kernel", value_kernel, (rank, heads, values), "rank, heads, values"),
    ):
        require_shape(name, array, shape, axes)
    _check_lengths(lengths, batch, keys)
    counts = np.arange(keys) < lengths[:, np.newaxis]
    own, key, value = _of_heads(query, query_rope, latent, key_rope, key_kernel, value_kernel, counts, scale)
    weights = weigh(scores(own, key, scale=1.0), _counted(lengths, queries, keys, causal))
    return average(weights.of_keys, value)


def latent_attention_vjp(
    query: Array,
    query_rope: Array,
    latent: Array,
    key_rope: Array,
    key_kernel: Array,
    value_kernel: Array,
    lengths: Array,
    cotangent: Array,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Array, ...]:
    """Gradient of `latent_attention`: a latent vector has that of the keys and of the values of all heads."""
    depth, counts = query.shape[3], np.arange(latent.shape[1]) < lengths[:, np.newaxis]
    own, key, value = _of_heads(query, query_rope, latent, key_rope, key_kernel, value_kernel, counts, scale)
    allowed = _counted(lengths, query.shape[1], latent.shape[1], causal)
    weights = weigh(scores(own, key, scale=1.0), allowed)
    into_weights, into_value = average_vjp(weights.of_keys, value, cotangent)
    slope, _ = weigh_vjp(weights, allowed, into_weights)
    into_own, into_key = scores_vjp(own, key, slope, scale=1.0)
    into_own = into_own * _scale(query, query_rope, scale)
    latent = np.where(counts[..., np.newaxis], latent, 0.0)
    into_latent = np.einsum("bkhd,rhd->bkr", into_key[..., :depth], key_kernel)
    into_latent = into_latent + np.einsum("bkhv,rhv->bkr", into_value, value_kernel)
    return (
        into_own[..., :depth],
        into_own[..., depth:],
        into_latent,
        np.sum(into_key[..., depth:], axis=2),
        np.einsum("bkr,bkhd->rhd", latent, into_key[..., :depth]),
        np.einsum("bkr,bkhv->rhv", latent, into_value),
    )


def _of_heads(
    query: Array,
    query_rope: Array,
    latent: Array,
    key_rope: Array,
    key_kernel: Array,
    value_kernel: Array,
    counts: Array,
    scale: float | None,
) -> tuple[Array, Array, Array]:
    """Queries, scaled, keys and values of every head, of both parts side by side."""
    latent, key_rope = (np.where(counts[..., np.newaxis], array, 0.0) for array in (latent, key_rope))
    key = np.einsum("bkr,rhd->bkhd", latent, key_kernel)
    rope = np.repeat(key_rope[:, :, np.newaxis], query.shape[2], axis=2)
    return (
        np.concatenate([query, query_rope], axis=-1) * _scale(query, query_rope, scale),
        np.concatenate([key, rope], axis=-1),
        np.einsum("bkr,rhv->bkhv", latent, value_kernel),
    )


def _scale(query: Array, query_rope: Array, scale: float | None) -> float:
    return 1.0 / math.sqrt(query.shape[3] + query_rope.shape[3]) if scale is None else scale


def _counted(lengths: Array, queries: int, keys: int, causal: bool) -> Array:
    """The keys that each query sees, ``(batch, 1, queries, keys)``."""
    left_out = np.arange(queries)[::-1, np.newaxis] if causal else np.zeros((queries, 1), dtype=int)
    return np.arange(keys) < lengths[:, np.newaxis, np.newaxis, np.newaxis] - left_out


# --- what they share ---


def _through(
    query: Array, keys: Array, values: Array, allowed: Array, cotangent: Array
) -> tuple[Array, Array, Array]:
    """Gradients of queries, keys and values, of which all that does not count is 0."""
    weights = weigh(scores(query, keys), allowed)
    into_weights, into_values = average_vjp(weights.of_keys, values, cotangent)
    slope, _ = weigh_vjp(weights, allowed, into_weights)
    return (*scores_vjp(query, keys, slope), into_values)


def _cleared(cache: Array, used: Array) -> Array:
    """0 in slots that are not used."""
    return np.where(used[..., np.newaxis, np.newaxis], cache, 0.0)


def _check_lengths(lengths: Array, batch: int, longest: int) -> None:
    require_shape("lengths", lengths, (batch,), "batch")
    fits = bool(np.all((lengths >= 0) & (lengths <= longest)))
    require(fits, f"lengths must lie between 0 and {longest}; got {lengths.tolist()}")


def _check_left(left: int | None) -> None:
    require(left is None or left >= 0, f"left must be at least 0, or None; got {left}")
