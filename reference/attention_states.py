"""Attention in parts: sequences of several lengths in one array, and partial results that are merged."""

from __future__ import annotations

import numpy as np

from .attending import (
    Weights,
    average,
    average_vjp,
    check_choice,
    check_heads,
    scores,
    scores_vjp,
    weigh,
    weigh_vjp,
)
from .checks import Array, require, require_rank, require_shape

__all__ = [
    "merge_attention_states",
    "merge_attention_states_vjp",
    "packed_attention",
    "packed_attention_vjp",
    "variable_length_attention",
    "variable_length_attention_vjp",
]

CAUSAL = ("none", "top_left", "bottom_right")

# --- merging ---


def merge_attention_states(
    first: Array, first_lse: Array, second: Array, second_lse: Array
) -> tuple[Array, Array]:
    """Attention to all keys, from that to some of them and that to the others.

    ``lse = log(exp(a) + exp(b))`` and ``y = exp(a - lse) y_a + exp(b - lse) y_b``

    Args:
        first: averages over some keys, ``(tokens, heads, values)``.
        first_lse: natural logarithms of the sums that they were divided by, ``(tokens, heads)``; -∞ where
            there were no keys.
        second: averages over the other keys.
        second_lse: their logarithms.

    Returns:
        The averages over all keys, and their logarithms. Of two empty parts they are 0 and -∞.

    Raises:
        ValueError: shapes do not fit.

    Source: Dao et al. (2022), FlashAttention, arXiv:2205.14135, section 3.1; Liu, Zaharia and Abbeel (2023),
    Ring attention, arXiv:2310.01889.
    """
    require_rank("first", first, 3, "tokens, heads, values")
    require_shape("second", second, first.shape, "tokens, heads, values")
    for name, lse in (("first_lse", first_lse), ("second_lse", second_lse)):
        require_shape(name, lse, first.shape[:2], "tokens, heads")
    shares, _ = _shares(first_lse, second_lse)
    of_first, of_second = (shares.of_keys[..., place, np.newaxis] for place in (0, 1))
    return of_first * first + of_second * second, shares.lse


def merge_attention_states_vjp(
    first: Array, first_lse: Array, second: Array, second_lse: Array, cotangents: tuple[Array, Array]
) -> tuple[Array, Array, Array, Array]:
    """Gradient of `merge_attention_states`: ``w_a (⟨g, y_a - y⟩ + into_lse)`` flows into the logarithm a.

    Nothing flows into an empty part.
    """
    into_output, into_lse = cotangents
    shares, some = _shares(first_lse, second_lse)
    into_shares = np.stack([np.sum(into_output * part, axis=-1) for part in (first, second)], axis=-1)
    slope, _ = weigh_vjp(shares, some, into_shares, into_lse)
    of_first, of_second = (shares.of_keys[..., place, np.newaxis] for place in (0, 1))
    return of_first * into_output, slope[..., 0], of_second * into_output, slope[..., 1]


def _shares(first_lse: Array, second_lse: Array) -> tuple[Weights, Array]:
    """The share of either part, and where it is not empty: both ``(tokens, heads, 2)``."""
    both = np.stack([first_lse, second_lse], axis=-1)
    some = both != -np.inf
    return weigh(np.where(some, both, 0.0), some), some


# --- sequences of several lengths ---


def variable_length_attention(
    query: Array,
    key: Array,
    value: Array,
    query_lengths: Array,
    key_lengths: Array,
    *,
    causal: str = "none",
) -> Array:
    """Attention within sequences of several lengths, which padding makes equally long.

    ``y_i = Σⱼ softmax(q_i kⱼ / √depth) vⱼ`` over the keys j below the length; 0 from the query's length on

    Whatever lies beyond a length, NaN too, has no influence, and gets no gradient.

    Args:
        query: ``(batch, queries, heads, depth)``.
        key: ``(batch, keys, heads, depth)``.
        value: ``(batch, keys, heads, values)``.
        query_lengths: how many queries count, ``(batch,)``.
        key_lengths: how many keys count, ``(batch,)``. With none, a query gets 0.
        causal: ``none``; ``top_left``, where query i attends to the keys up to i; or ``bottom_right``, where
            the last query that counts attends to all keys that do, each earlier one to one key less.

    Returns:
        ``(batch, queries, heads, values)``

    Raises:
        ValueError: a shape does not fit, a length is out of range, or ``causal`` is unknown.

    Source: Dao et al. (2022), FlashAttention, arXiv:2205.14135.
    """
    check_heads(query, key, value)
    check_choice("causal", causal, CAUSAL)
    for name, lengths, longest in (
        ("query_lengths", query_lengths, query.shape[1]),
        ("key_lengths", key_lengths, key.shape[1]),
    ):
        require_shape(name, lengths, query.shape[:1], "batch")
        require(np.all((lengths >= 0) & (lengths <= longest)), f"{name} must lie between 0 and {longest}")
    query, key, value, allowed = _within(query, key, value, query_lengths, key_lengths, causal)
    return average(weigh(scores(query, key), allowed).of_keys, value)


def variable_length_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    query_lengths: Array,
    key_lengths: Array,
    cotangent: Array,
    *,
    causal: str = "none",
) -> tuple[Array, Array, Array]:
    """Gradient of `variable_length_attention`: 0 beyond the lengths."""
    query, key, value, allowed = _within(query, key, value, query_lengths, key_lengths, causal)
    weights = weigh(scores(query, key), allowed)
    into_weights, into_value = average_vjp(weights.of_keys, value, cotangent)
    slope, _ = weigh_vjp(weights, allowed, into_weights)
    return (*scores_vjp(query, key, slope), into_value)


def _within(
    query: Array, key: Array, value: Array, query_lengths: Array, key_lengths: Array, causal: str
) -> tuple[Array, Array, Array, Array]:
    """The arrays with 0 beyond the lengths, and which key a query may attend to."""
    rows = np.arange(query.shape[1]) < query_lengths[:, np.newaxis]
    columns = np.arange(key.shape[1]) < key_lengths[:, np.newaxis]
    allowed = rows[:, np.newaxis, :, np.newaxis] & columns[:, np.newaxis, np.newaxis]
    if causal != "none":
        shift = key_lengths - query_lengths if causal == "bottom_right" else 0 * key_lengths
        ahead = np.arange(key.shape[1]) - np.arange(query.shape[1])[:, np.newaxis]
        allowed = allowed & (ahead <= shift[:, np.newaxis, np.newaxis])[:, np.newaxis]
    held = (
        np.where(counts[..., np.newaxis, np.newaxis], array, 0.0)
        for counts, array in ((rows, query), (columns, key), (columns, value))
    )
    return (*held, allowed)


# --- sequences one after the other ---


def packed_attention(
    query: Array,
    key: Array,
    value: Array,
    query_sizes: Array,
    key_sizes: Array,
    *,
    causal: str = "none",
) -> Array:
    """Attention within sequences that lie one after the other in one array, without padding between them.

    ``y_i = Σⱼ softmax(q_i kⱼ / √depth) vⱼ`` over the keys j of the sequence that query i belongs to

    Whatever lies behind the last sequence, NaN too, has no influence, and gets no gradient. The sums of sizes
    up to each sequence are what kernels call ``cu_seqlens``.

    Args:
        query: ``(tokens, heads, depth)``, of all sequences, and of nobody behind them.
        key: ``(places, groups, depth)``, of which ``heads`` is a multiple: heads of a group are neighbours.
        value: ``(places, groups, values)``.
        query_sizes: how many queries each sequence has, ``(sequences,)``; any may be 0.
        key_sizes: how many keys each has, ``(sequences,)``. With none, a query gets 0.
        causal: ``none``; ``top_left``, where query i of a sequence attends to its keys up to i; or
            ``bottom_right``, where the last query of each attends to all of its keys, each earlier one to one
            key less.

    Returns:
        ``(tokens, heads, values)``; 0 behind the last sequence.

    Raises:
        ValueError: a shape does not fit, a size is negative, sizes are more than there is room for, or
            ``causal`` is unknown.

    Source: Dao et al. (2022), FlashAttention, arXiv:2205.14135; Krell et al. (2021), Efficient sequence
    packing without cross-contamination, arXiv:2107.02027.
    """
    require_rank("query", query, 3, "tokens, heads, depth")
    require_rank("key", key, 3, "places, groups, depth")
    require_rank("value", value, 3, "places, groups, values")
    check_heads(*(array[np.newaxis] for array in (query, key, value)))
    check_choice("causal", causal, CAUSAL)
    require(
        query_sizes.ndim == 1, f"query_sizes must have one axis, sequences; got shape {query_sizes.shape}"
    )
    require_shape("key_sizes", key_sizes, query_sizes.shape, "sequences")
    for name, sizes, room in (
        ("query_sizes", query_sizes, len(query)),
        ("key_sizes", key_sizes, len(key)),
    ):
        fits = bool((sizes >= 0).all()) and sizes.sum() <= room
        require(fits, f"{name} must not be negative, nor above {room} together; got {sizes.tolist()}")
    *arrays, allowed = _packed(query, key, value, query_sizes, key_sizes, causal)
    query, key, value = arrays
    return average(weigh(scores(query, key), allowed).of_keys, value)[0]


def packed_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    query_sizes: Array,
    key_sizes: Array,
    cotangent: Array,
    *,
    causal: str = "none",
) -> tuple[Array, Array, Array]:
    """Gradient of `packed_attention`: 0 behind the last sequence."""
    *arrays, allowed = _packed(query, key, value, query_sizes, key_sizes, causal)
    query, key, value = arrays
    weights = weigh(scores(query, key), allowed)
    into_weights, into_value = average_vjp(weights.of_keys, value, cotangent[np.newaxis])
    slope, _ = weigh_vjp(weights, allowed, into_weights)
    return tuple(gradient[0] for gradient in (*scores_vjp(query, key, slope), into_value))


def _packed(
    query: Array, key: Array, value: Array, query_sizes: Array, key_sizes: Array, causal: str
) -> tuple[Array, Array, Array, Array]:
    """The arrays as a batch of one, 0 where nobody owns them; and which key a query may attend to."""
    rows, columns = _owners(len(query), query_sizes), _owners(len(key), key_sizes)
    own = (rows < len(query_sizes), columns < len(key_sizes))
    allowed = (rows[:, np.newaxis] == columns) & own[0][:, np.newaxis] & own[1]
    if causal != "none":
        nobody = np.zeros(1, dtype=int)
        last = key_sizes - query_sizes if causal == "bottom_right" else 0 * key_sizes
        shift = np.concatenate([last, nobody])[rows]
        ahead = _within_own(columns, key_sizes) - _within_own(rows, query_sizes)[:, np.newaxis]
        allowed = allowed & (ahead <= shift[:, np.newaxis])
    held = (
        np.where(owned[:, np.newaxis, np.newaxis], array, 0.0)[np.newaxis]
        for owned, array in zip((own[0], own[1], own[1]), (query, key, value), strict=True)
    )
    return (*held, allowed)


def _owners(room: int, sizes: Array) -> Array:
    """The sequence that each place belongs to; as many as there are where nobody owns it."""
    return np.searchsorted(np.cumsum(sizes), np.arange(room), side="right")


def _within_own(owners: Array, sizes: Array) -> Array:
    """How many places of its own sequence lie before each."""
    first = np.concatenate([[0], np.cumsum(sizes)])
    return np.arange(len(owners)) - first[owners]
