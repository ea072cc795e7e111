"""Faults and controls of attention as kernels compute it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, nearest
from ...reference import attending
from ...reference.attention_forms import (
    attention_with_lse_vjp,
    grouped_query_attention_vjp,
    sink_attention_vjp,
)
from ..language.variant import Control, Fault, each_way

Array = Any

# --- the definition, from what a query's head sees ---


def attended(logits: Array, allowed: Array, value: Array, empty_row: str = "zero") -> Array:
    """Averages by the softmax over the keys that are allowed; every head has its own values."""
    held = np.where(allowed, logits, -np.inf)
    some = np.any(np.broadcast_to(allowed, logits.shape), axis=-1, keepdims=True)
    powers = np.where(
        allowed, np.exp(logits - np.where(some, np.max(held, axis=-1, keepdims=True), 0.0)), 0.0
    )
    total = np.where(some, np.sum(powers, axis=-1, keepdims=True), 1.0)
    empty = {"zero": 0.0, "uniform": 1.0 / logits.shape[-1]}[empty_row]
    return np.einsum("bhqk,bkhv->bqhv", np.where(some, powers / total, empty), value)


def products(query: Array, key: Array) -> Array:
    """Products of every query with every key of its own head, by their depth."""
    return np.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(query.shape[-1])


# --- groups of heads ---


def head_of(query: Array, key: Array, head_map: str) -> Array:
    """The head of keys for every head of queries."""
    heads, groups = np.arange(query.shape[2]), key.shape[2]
    return heads // (query.shape[2] // groups) if head_map == "blocked" else heads % groups


def grouped_by(
    choose: Callable[[Array, Array, str], Array], allow: Callable[..., Array] = attending.causal_band
) -> Callable[..., Array]:
    """Grouped attention whose heads are paired by ``choose``, under the mask of ``allow``."""

    def forward(
        query: Array, key: Array, value: Array, *, head_map: str, causal: str, empty_row: str
    ) -> Array:
        heads = choose(query, key, head_map)
        logits = products(query, key[:, :, heads])
        allowed = allow(query.shape[1], key.shape[1], causal)
        return attended(logits, allowed, value[:, :, heads], empty_row)

    return forward


def by_the_number_of_groups(query: Array, key: Array, head_map: str) -> Array:
    """Divided by the number of groups, in place of that of heads in one: the same where these are equal."""
    heads, groups = np.arange(query.shape[2]), key.shape[2]
    return np.minimum(
        heads // groups if head_map == "blocked" else heads % (len(heads) // groups), groups - 1
    )


def the_first(query: Array, key: Array, head_map: str) -> Array:
    """The first head of keys, for all: multi-query attention."""
    return 0 * head_of(query, key, head_map)


def packed_rows(
    query: Array, key: Array, value: Array, *, head_map: str, causal: str, empty_row: str
) -> Array:
    """Heads of a group packed into rows of queries, which the causal mask takes for queries."""
    heads, queries, keys = head_of(query, key, head_map), query.shape[1], key.shape[1]
    repeats = query.shape[2] // key.shape[2]
    rows = attending.causal_band(queries * repeats, keys, causal).reshape(queries, repeats, keys)
    within = np.arange(query.shape[2]) % repeats
    allowed = np.swapaxes(rows, 0, 1)[within]
    return attended(products(query, key[:, :, heads]), allowed, value[:, :, heads], empty_row)


def of_one_head(place: int) -> Callable[..., tuple[Array, ...]]:
    """Gradients of keys and values from one head of a group, the others lost: stored and not added."""

    def gradient(
        query: Array,
        key: Array,
        value: Array,
        cotangent: Array,
        *,
        head_map: str,
        causal: str,
        empty_row: str,
    ) -> tuple[Array, ...]:
        options = {"head_map": head_map, "causal": causal, "empty_row": empty_row}
        heads = head_of(query, key, head_map)
        chosen = [np.flatnonzero(heads == group)[place] for group in range(key.shape[2])]
        into_query, _, _ = grouped_query_attention_vjp(query, key, value, cotangent, **options)
        _, *others = grouped_query_attention_vjp(
            query[:, :, chosen], key, value, cotangent[:, :, chosen], **options
        )
        return into_query, *others

    return gradient


def head_by_head(
    query: Array,
    key: Array,
    value: Array,
    cotangent: Array,
    *,
    head_map: str,
    causal: str,
    empty_row: str,
) -> tuple[Array, ...]:
    """Gradients of repeated keys and values, added up over the heads of a group."""
    heads = head_of(query, key, head_map)
    into_query, *repeated = grouped_query_attention_vjp(
        query, key[:, :, heads], value[:, :, heads], cotangent, causal=causal, empty_row=empty_row
    )
    groups = [np.flatnonzero(heads == group) for group in range(key.shape[2])]
    shared = [np.stack([np.sum(g[:, :, own], axis=2) for own in groups], axis=2) for g in repeated]
    return into_query, *shared


# --- windows ---


def windowed(allow: Callable[..., Array]) -> Callable[..., Array]:
    """Attention to the keys that ``allow`` gives of lengths and bounds."""

    def forward(
        query: Array,
        key: Array,
        value: Array,
        *,
        left: int | None,
        right: int | None,
        alignment: str,
        empty_row: str,
    ) -> Array:
        allowed = allow(query.shape[1], key.shape[1], left, right, alignment)
        return attended(products(query, key), allowed, value, empty_row)

    return forward


def exclusive(queries: int, keys: int, left: int | None, right: int | None, alignment: str) -> Array:
    """The window without the keys at its ends; one of nothing keeps a query's own place."""
    inner, outer = (bound if bound is None else max(bound - 1, 0) for bound in (left, right))
    return attending.band(queries, keys, inner, outer, alignment)


def wrapped(queries: int, keys: int, left: int | None, right: int | None, alignment: str) -> Array:
    """What lies before the first key is read from the end."""
    first = keys - queries if alignment == "bottom_right" else 0
    ahead = np.arange(keys) - (np.arange(queries)[:, np.newaxis] + first)
    within = attending.band(queries, keys, left, right, alignment)
    return within if left is None else within | (ahead - keys >= -left)


def in_tiles(queries: int, keys: int, left: int | None, right: int | None, alignment: str) -> Array:
    """Whole tiles of four keys, wherever one of them lies within the window."""
    within = attending.band(queries, keys, left, right, alignment)
    tiles = np.add.reduceat(within, np.arange(0, keys, 4), axis=1) > 0
    return np.repeat(tiles, 4, axis=1)[:, :keys]


def from_the_last_key(queries: int, keys: int, left: int | None, right: int | None, alignment: str) -> Array:
    """The shift of the diagonal by one too many."""
    return attending.band(queries, keys + (alignment == "bottom_right"), left, right, alignment)[:, :keys]


# --- capped scores ---


def capped(hold: Callable[..., Array]) -> Callable[..., Array]:
    """Attention whose scores are ``hold(scores, cap, allowed, depth)``, all keys counted."""

    def forward(query: Array, key: Array, value: Array, *, softcap: float, causal: str) -> Array:
        allowed = attending.causal_band(query.shape[1], key.shape[1], causal)
        logits = hold(products(query, key), softcap, allowed, query.shape[-1])
        return attended(logits, np.ones_like(allowed), value)

    return forward


def cap_after_mask(logits: Array, bound: float, allowed: Array, depth: int) -> Array:
    """What is masked has the score -c."""
    return bound * np.tanh(np.where(allowed, logits, -np.inf) / bound)


def masked_cap(hold: Callable[[Array, float, int], Array]) -> Callable[..., Array]:
    """The mask comes after ``hold``, as it should."""
    return lambda logits, bound, allowed, depth: np.where(allowed, hold(logits, bound, depth), -np.inf)


def slope_lost(
    query: Array, key: Array, value: Array, cotangent: Array, *, softcap: float, causal: str
) -> tuple[Array, ...]:
    """Gradients that pass the cap as if it were not there."""
    allowed = attending.causal_band(query.shape[1], key.shape[1], causal)
    weights = attending.weigh(attending.cap(attending.scores(query, key), softcap), allowed)
    into_weights, into_value = attending.average_vjp(weights.of_keys, value, cotangent)
    slope, _ = attending.weigh_vjp(weights, allowed, into_weights)
    return (*attending.scores_vjp(query, key, slope), into_value)


# --- the log of the sum, and sinks ---


def both(of_lse: Callable[[Array, Array, Array], Array]) -> Callable[..., tuple[Array, Array]]:
    """The right average, and ``of_lse(scores, allowed, sinks)``."""

    def forward(
        query: Array, key: Array, value: Array, sinks: Array | None = None, *, causal: str
    ) -> tuple[Array, Array]:
        logits = attending.scores(query, key)
        allowed = np.broadcast_to(attending.causal_band(query.shape[1], key.shape[1], causal), logits.shape)
        weights = attending.weigh(logits, allowed, sinks)
        column = None if sinks is None else sinks[:, np.newaxis, np.newaxis]
        return attending.average(weights.of_keys, value), np.swapaxes(of_lse(logits, allowed, column), 1, 2)

    return forward


def log_of_sum(logits: Array, allowed: Array, shift: Array | float) -> Array:
    """The logarithm of the sum of exponentials, less their shift."""
    total = np.sum(np.where(allowed, np.exp(logits - shift), 0.0), axis=-1, keepdims=True)
    return (shift + np.log(total))[..., 0]


def unshifted(logits: Array, allowed: Array, sinks: Array) -> Array:
    """The logarithm of a sum that overflows, and underflows."""
    return log_of_sum(logits, allowed, 0.0)


def of_the_largest(logits: Array, allowed: Array, sinks: Array) -> Array:
    """The largest score, which a kernel keeps beside it."""
    return np.max(np.where(allowed, logits, -np.inf), axis=-1)


def of_all_keys(logits: Array, allowed: Array, sinks: Array) -> Array:
    """The logarithm over all keys, those masked included."""
    return log_of_sum(logits, np.ones_like(allowed), np.max(logits, axis=-1, keepdims=True))


def of_keys_alone(logits: Array, allowed: Array, sinks: Array) -> Array:
    """The logarithm without the sink."""
    held = np.max(np.where(allowed, logits, -np.inf), axis=-1, keepdims=True)
    return log_of_sum(logits, allowed, np.where(np.isfinite(held), held, 0.0))


def scaled_twice(logits: Array, allowed: Array, sinks: Array) -> Array:
    """The logarithm of scores that are scaled once more."""
    return of_keys_alone(logits / 2.0, allowed, sinks)


def into_every_score(
    query: Array,
    key: Array,
    value: Array,
    cotangents: tuple[Array, Array],
    *,
    causal: str,
    lse_gradient: str,
) -> tuple[Array, ...]:
    """The cotangent of the logarithm goes into each score alike, not by the weights."""
    right = attention_with_lse_vjp(query, key, value, cotangents, causal=causal, lse_gradient="stopped")
    allowed = attending.causal_band(query.shape[1], key.shape[1], causal)
    spread = np.swapaxes(cotangents[1], 1, 2)[..., np.newaxis] * allowed
    into_query, into_key = attending.scores_vjp(query, key, spread)
    return right[0] + into_query, right[1] + into_key, right[2]


def sunk(weigh: Callable[[Array, Array], tuple[Array, Array]]) -> Callable[..., tuple[Array, Array]]:
    """Attention with sinks, whose weights and logarithm are ``weigh`` of masked scores and sinks."""

    def forward(query: Array, key: Array, value: Array, sinks: Array, *, causal: str) -> tuple[Array, Array]:
        allowed = attending.causal_band(query.shape[1], key.shape[1], causal)
        held = np.where(allowed, products(query, key), -np.inf)
        weights, lse = weigh(held, sinks[:, np.newaxis, np.newaxis])
        return np.einsum("bhqk,bkhv->bqhv", weights, value), np.swapaxes(lse[..., 0], 1, 2)

    return forward


def shifted_by_keys_alone(held: Array, sinks: Array) -> tuple[Array, Array]:
    """The largest score of the keys alone is subtracted: a sink that is larger overflows."""
    top = np.max(held, axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    powers = np.exp(held - top)
    total = np.sum(powers, axis=-1, keepdims=True) + np.exp(sinks - top)
    return powers / total, top + np.log(total)


def shifted_by_all(held: Array, sinks: Array) -> tuple[Array, Array]:
    """The largest of scores and sink is subtracted."""
    top = np.maximum(np.max(held, axis=-1, keepdims=True), sinks)
    powers = np.exp(held - top)
    total = np.sum(powers, axis=-1, keepdims=True) + np.exp(sinks - top)
    return powers / total, top + np.log(total)


def after_the_softmax(held: Array, sinks: Array) -> tuple[Array, Array]:
    """The average without sinks, times ``σ(lse - sink)``."""
    top = np.max(held, axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    powers = np.exp(held - top)
    sums = np.sum(powers, axis=-1, keepdims=True)
    lse = top + np.log(np.where(sums > 0, sums, 1.0))
    lse = np.where(sums > 0, lse, -np.inf)
    share = 1.0 / (1.0 + np.exp(sinks - lse))
    return powers / np.where(sums > 0, sums, 1.0) * share, np.logaddexp(lse, sinks)


def in_base_2(held: Array, sinks: Array) -> tuple[Array, Array]:
    """Keys by powers of 2 with their factor, and the sink without it."""
    factor = math.log2(math.e)
    top = np.maximum(np.max(held * factor, axis=-1, keepdims=True), sinks)
    powers = np.exp2(held * factor - top)
    total = np.sum(powers, axis=-1, keepdims=True) + np.exp2(sinks - top)
    return powers / total, (top + np.log2(total)) / factor


def without_the_sink(
    query: Array, key: Array, value: Array, sinks: Array, cotangents: tuple[Array, Array], *, causal: str
) -> tuple[Array, ...]:
    """Gradients by weights that sum to one without the sink, which gets none."""
    return (*attention_with_lse_vjp(query, key, value, cotangents, causal=causal), 0.0 * sinks)


def sink_from_output_alone(
    query: Array, key: Array, value: Array, sinks: Array, cotangents: tuple[Array, Array], *, causal: str
) -> tuple[Array, ...]:
    """The gradient of a sink without what flows through the logarithm."""
    *right, _ = sink_attention_vjp(query, key, value, sinks, cotangents, causal=causal)
    silent = (cotangents[0], 0.0 * cotangents[1])
    return (*right, sink_attention_vjp(query, key, value, sinks, silent, causal=causal)[3])


def halves_merged(query: Array, key: Array, value: Array, *, causal: str) -> tuple[Array, Array]:
    """Both halves of the keys by themselves, merged by their logarithms."""
    logits, keys = products(query, key), key.shape[1]
    allowed = np.broadcast_to(attending.causal_band(query.shape[1], keys, causal), logits.shape)
    parts = [slice(0, keys // 2), slice(keys // 2, keys)]
    averages = [attended(logits[..., p], allowed[..., p], value[:, p]) for p in parts]
    first, second = (attending.weigh(logits[..., p], allowed[..., p]).lse for p in parts)
    lse = np.logaddexp(first, second)
    safe = np.where(lse == -np.inf, 0.0, lse)
    shares = [np.swapaxes(np.exp(each - safe), 1, 2)[..., np.newaxis] for each in (first, second)]
    return averages[0] * shares[0] + averages[1] * shares[1], np.swapaxes(lse, 1, 2)


WIDE = "dtype in ('float32', 'float64')"
EMPTY = "causal == 'bottom_right' and queries > keys"
LN2 = math.log(2.0)

FAULTS = {
    "grouped_query_attention": (
        Fault(name="heads divided by the number of groups", reference=grouped_by(by_the_number_of_groups)),
        Fault(name="one head of keys for all", reference=grouped_by(the_first)),
        Fault(name="causal by packed rows", reference=packed_rows, where="causal != 'none' and repeats > 1"),
        Fault(name="gradients of the last head of a group alone", vjp=of_one_head(-1), where="repeats > 1"),
        Fault(name="gradients of the first head of a group alone", vjp=of_one_head(0), where="repeats > 1"),
        Fault(
            name="keys beyond a multiple of 16 left out",
            inputs={
                "value": lambda value: np.where(np.arange(33)[: value.shape[1], None, None] < 32, value, 0)
            },
            where="keys > 32",
        ),
    ),
    "sliding_window_attention": (
        Fault(name="ends of the window left out", reference=windowed(exclusive)),
        Fault(
            name="window ignored",
            reference=windowed(lambda queries, keys, *_: np.ones((queries, keys), dtype=bool)),
        ),
        *each_way(Fault(name="as far to the right as to the left", parameters={"right": "left"})),
        Fault(name="before the first key comes the last", reference=windowed(wrapped)),
        Fault(name="whole tiles of keys", reference=windowed(in_tiles)),
        Fault(name="diagonal one key too far", reference=windowed(from_the_last_key)),
    ),
    "softcap_attention": (
        Fault(name="mask before the cap", reference=capped(cap_after_mask), where="causal != 'none'"),
        Fault(
            name="the score in place of the cap before the tanh",
            reference=capped(masked_cap(lambda s, c, depth: s * np.tanh(s / c))),
        ),
        Fault(name="clipped", reference=capped(masked_cap(lambda s, c, depth: np.clip(s, -c, c)))),
        Fault(
            name="cap before the scale",
            reference=capped(
                masked_cap(lambda s, c, depth: c * np.tanh(s * math.sqrt(depth) / c) / math.sqrt(depth))
            ),
        ),
        Fault(name="gradient passes the cap", vjp=slope_lost),
    ),
    "attention_with_lse": (
        Fault(name="logarithm in base 2", results={"lse": lambda result: result / LN2}),
        Fault(name="sum without a shift", reference=both(unshifted), rounds=True),
        Fault(name="the largest score for the logarithm", reference=both(of_the_largest)),
        Fault(name="logarithm of all keys", reference=both(of_all_keys), where="causal != 'none'"),
        Fault(name="scores of the logarithm scaled twice", reference=both(scaled_twice)),
        Fault(
            name="a finite logarithm of nothing",
            results={"lse": lambda result: np.maximum(result, -5e4)},
            where=EMPTY,
        ),
        Fault(
            name="logarithm stored in bfloat16",
            results={"lse": lambda result: nearest(result, DTYPES["bfloat16"])},
            where=WIDE,
        ),
        Fault(name="gradient of the logarithm not weighed", vjp=into_every_score),
    ),
    "sink_attention": (
        Fault(name="sink not in the logarithm", reference=both(of_keys_alone)),
        Fault(
            name="largest score of the keys alone subtracted",
            reference=sunk(shifted_by_keys_alone),
            rounds=True,
        ),
        Fault(name="keys in base 2, the sink not", reference=sunk(in_base_2)),
        *each_way(Fault(name="sink scaled", inputs={"sinks": lambda sinks, depth: sinks / math.sqrt(depth)})),
        Fault(name="gradients without the sink", vjp=without_the_sink),
        Fault(name="gradient of the sink without the logarithm", vjp=sink_from_output_alone),
    ),
}

CONTROLS = {
    "grouped_query_attention": (
        Control(name="keys and values repeated", reference=grouped_by(head_of), vjp=head_by_head),
    ),
    "sliding_window_attention": (Control(name="scores scaled", reference=windowed(attending.band)),),
    "softcap_attention": (
        Control(
            name="cap by its reciprocal",
            reference=capped(masked_cap(lambda s, c, depth: c * np.tanh(s * (1 / c)))),
        ),
    ),
    "attention_with_lse": (Control(name="halves merged", reference=halves_merged),),
    "sink_attention": (
        Control(name="sink beside the sum", reference=sunk(shifted_by_all)),
        Control(name="sink after the softmax", reference=sunk(after_the_softmax)),
    ),
}
