"""What forms of attention share: scores, weights, averages, and which keys a query sees, with their vjps.

Arrays are ``(batch, positions, heads, depth)``, scores and weights ``(batch, heads, queries, keys)``. Heads
of queries may outnumber those of keys and values, which each serve a group of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .checks import Array, require, require_rank
from .softmax import below_maximum

__all__ = [
    "Weights",
    "average",
    "average_vjp",
    "band",
    "cap",
    "cap_slope",
    "causal_band",
    "check_choice",
    "check_heads",
    "scores",
    "scores_vjp",
    "weigh",
    "weigh_vjp",
]

AXES_OF_HEADS = {"blocked": "gr", "interleaved": "rg"}
"""How heads of queries are laid out in groups and repeats: those of a group lie side by side, or apart."""


class Weights(NamedTuple):
    """Weights of each query, which add up to one with that of the sink."""

    of_keys: Array
    of_sink: Array | None
    lse: Array


# --- scores and averages ---


def scores(query: Array, key: Array, *, scale: float | None = None, head_map: str = "blocked") -> Array:
    """``scale ⟨q, k⟩`` of every query with every key of its group; None scales by ``1/√depth``."""
    heads, scaled = AXES_OF_HEADS[head_map], _scaled(_grouped(query, key, head_map), scale)
    return _all_heads(np.einsum(f"bq{heads}d,bkgd->b{heads}qk", scaled, key), axis=1)


def scores_vjp(
    query: Array, key: Array, slope: Array, *, scale: float | None = None, head_map: str = "blocked"
) -> tuple[Array, Array]:
    """Gradients of `scores`; that of a key is summed over the heads of its group."""
    heads, scaled = AXES_OF_HEADS[head_map], _scaled(_grouped(query, key, head_map), scale)
    by_group = _by_group(slope, key, head_map)
    into_query = np.einsum(f"b{heads}qk,bkgd->bq{heads}d", by_group, key)
    return (
        _scaled(_all_heads(into_query, axis=2), scale),
        np.einsum(f"b{heads}qk,bq{heads}d->bkgd", by_group, scaled),
    )


def average(weights: Array, value: Array, *, head_map: str = "blocked") -> Array:
    """The values of its group, averaged for every query."""
    heads = AXES_OF_HEADS[head_map]
    by_group = _by_group(weights, value, head_map)
    return _all_heads(np.einsum(f"b{heads}qk,bkgv->bq{heads}v", by_group, value), axis=2)


def average_vjp(
    weights: Array, value: Array, cotangent: Array, *, head_map: str = "blocked"
) -> tuple[Array, Array]:
    """Gradients of `average`; that of a value is summed over the heads of its group."""
    heads, into_output = AXES_OF_HEADS[head_map], _grouped(cotangent, value, head_map)
    return (
        _all_heads(np.einsum(f"bq{heads}v,bkgv->b{heads}qk", into_output, value), axis=1),
        np.einsum(f"b{heads}qk,bq{heads}v->bkgv", _by_group(weights, value, head_map), into_output),
    )


def _scaled(query: Array, scale: float | None) -> Array:
    return query * (1.0 / math.sqrt(query.shape[-1]) if scale is None else scale)


def _grouped(query: Array, key: Array, head_map: str) -> Array:
    """Heads, the third axis, as groups and repeats."""
    return query.reshape(*query.shape[:2], *_groups(query.shape[2], key, head_map), query.shape[3])


def _by_group(weights: Array, key: Array, head_map: str) -> Array:
    """Heads, the second axis, as groups and repeats."""
    return weights.reshape(weights.shape[0], *_groups(weights.shape[1], key, head_map), *weights.shape[2:])


def _groups(heads: int, key: Array, head_map: str) -> tuple[int, int]:
    lengths = {"g": key.shape[2], "r": heads // key.shape[2]}
    axes = AXES_OF_HEADS[head_map]
    return lengths[axes[0]], lengths[axes[1]]


def _all_heads(x: Array, axis: int) -> Array:
    """Groups and repeats, which begin at ``axis``, as heads."""
    return x.reshape(*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :])


# --- between scores and weights ---


def cap(logits: Array, bound: float) -> Array:
    """``bound · tanh(logits / bound)``: what is small stays, what is large comes near the bound."""
    return np.tanh(logits / bound) * bound


def cap_slope(logits: Array, bound: float) -> Array:
    """Derivative of `cap`: ``1 - tanh²``."""
    held = np.tanh(logits / bound)
    return (1.0 - held) * (1.0 + held)


def band(queries: int, keys: int, left: int | None, right: int | None, alignment: str = "top_left") -> Array:
    """True where a key lies from ``left`` before a query's place to ``right`` behind it, both included.

    None sets no bound. The first query's place is that of the first key, or with ``bottom_right`` the last
    query's that of the last key.
    """
    first = {"top_left": 0, "bottom_right": keys - queries}[alignment]
    ahead = np.arange(keys) - (np.arange(queries)[:, np.newaxis] + first)
    within = np.ones((queries, keys), dtype=bool)
    within = within if left is None else within & (ahead >= -left)
    return within if right is None else within & (ahead <= right)


def causal_band(queries: int, keys: int, causal: str) -> Array:
    """The keys up to a query's own place; all of them where ``causal`` is ``none``."""
    return band(queries, keys, None, None) if causal == "none" else band(queries, keys, None, 0, causal)


def weigh(logits: Array, allowed: Array, sinks: Array | None = None, *, empty_row: str = "zero") -> Weights:
    """Softmax over the keys that are allowed, and over the sink of the head where there is one.

    ``exp(s - lse)`` with ``lse = log(Σ exp(s) + exp(sink))``; of a query without keys or sink it is -∞
    """
    allowed, keys = np.broadcast_to(allowed, logits.shape), logits.shape[-1]
    if sinks is not None:
        column = np.broadcast_to(sinks[:, np.newaxis, np.newaxis], (*logits.shape[:-1], 1))
        logits = np.concatenate([logits, column], axis=-1)
        allowed = np.concatenate([allowed, np.ones(column.shape, dtype=bool)], axis=-1)
    held = np.where(allowed, logits, -np.inf)
    powers = np.where(allowed, np.exp(below_maximum(logits, held, axis=-1)), 0.0)
    some = np.any(allowed, axis=-1, keepdims=True)
    total = np.where(some, np.sum(powers, axis=-1, keepdims=True), 1.0)
    empty = {"uniform": 1.0 / keys, "zero": 0.0}[empty_row]
    weights = np.where(some, powers / total, empty)
    return Weights(
        of_keys=weights[..., :keys],
        of_sink=None if sinks is None else weights[..., keys],
        lse=np.max(held, axis=-1) + np.log(total[..., 0]),
    )


def weigh_vjp(
    weights: Weights, allowed: Array, into_weights: Array, into_lse: Array | float = 0.0
) -> tuple[Array, Array | None]:
    """Gradients of `weigh`: ``δ = w (g - Σ w g + into_lse)``; the sink has no value, so that its g is 0.

    Nothing flows into a score that is not allowed.
    """
    mean = np.sum(into_weights * weights.of_keys, axis=-1)
    centred = into_weights - mean[..., np.newaxis] + np.expand_dims(into_lse, -1)
    slope = np.where(allowed, weights.of_keys * centred, 0.0)
    if weights.of_sink is None:
        return slope, None
    return slope, np.sum(weights.of_sink * (into_lse - mean), axis=(0, 2))


# --- bad input ---


def check_heads(query: Array, key: Array, value: Array) -> None:
    """Raise unless the heads of queries share out evenly among those of keys, and all else agrees."""
    require_rank("query", query, 4, "batch, queries, heads, depth")
    require_rank("key", key, 4, "batch, keys, groups, depth")
    require_rank("value", value, 4, "batch, keys, groups, values")
    require(
        key.shape[0] == query.shape[0] and key.shape[3] == query.shape[3],
        f"key must share batch and depth with the query {query.shape}; got {key.shape}",
    )
    require(
        value.shape[:3] == key.shape[:3],
        f"value must share batch, keys and heads with the key {key.shape}; got {value.shape}",
    )
    require(
        query.shape[2] % key.shape[2] == 0,
        f"heads of the query must be a multiple of those of the key, {key.shape[2]}; got {query.shape[2]}",
    )


def check_choice(name: str, given: str, known: tuple[str, ...]) -> None:
    """Raise unless an option has a value that is known."""
    require(given in known, f"{name} must be one of {', '.join(known)}; got {given!r}")
