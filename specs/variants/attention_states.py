"""Faults and controls of attention in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from ..language.variant import Control, Fault
from .attention_forms import attended, products

Array = Any

# --- merging ---


def merged(weigh: Callable[[Array, Array], tuple[Array, Array, Array]]) -> Callable[..., tuple[Array, Array]]:
    """States merged by ``weigh(a, b)``: the share of either, and the logarithm."""

    def forward(first: Array, first_lse: Array, second: Array, second_lse: Array) -> tuple[Array, Array]:
        of_first, of_second, lse = weigh(first_lse, second_lse)
        return of_first[..., np.newaxis] * first + of_second[..., np.newaxis] * second, lse

    return forward


def to_the_letter(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """``exp(a - lse)``, which is NaN where both are empty."""
    lse = np.logaddexp(a, b)
    return np.exp(a - lse), np.exp(b - lse), lse


def by_the_larger(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Shares by the larger logarithm, which do not sum to one."""
    top = np.maximum(a, b)
    safe = np.where(top == -np.inf, 0.0, top)
    return np.exp(a - safe), np.exp(b - safe), np.logaddexp(a, b)


def the_larger(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """The part of the larger logarithm alone."""
    return 1.0 * (a >= b), 1.0 * (a < b), np.maximum(a, b)


def as_base_2(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Natural logarithms taken for those in base 2."""
    lse = np.logaddexp2(a, b)
    safe = np.where(lse == -np.inf, 0.0, lse)
    return np.exp2(a - safe), np.exp2(b - safe), lse


def without_a_shift(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """Exponentials that overflow."""
    total = np.exp(a) + np.exp(b)
    safe = np.where(total == 0.0, 1.0, total)
    return np.exp(a) / safe, np.exp(b) / safe, np.log(total)


def by_a_sigmoid(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """``σ(a - b)`` and its complement, empty parts aside."""
    both = (a == -np.inf) & (b == -np.inf)
    ahead = np.where(both, 0.0, a) - np.where(both, 0.0, b)
    share = np.where(both, 0.0, expit(ahead))
    return share, np.where(both, 0.0, expit(-ahead)), np.logaddexp(a, b)


def by_difference(first: Array, first_lse: Array, second: Array, second_lse: Array) -> tuple[Array, Array]:
    """``y_a - σ(b - a) (y_a - y_b)``, as rings update it: what is small of y_b is lost in y_a."""
    both = (first_lse == -np.inf) & (second_lse == -np.inf)
    ahead = np.where(both, 0.0, second_lse) - np.where(both, 0.0, first_lse)
    share = expit(ahead)[..., np.newaxis]
    y = np.where(both[..., np.newaxis], 0.0, first - share * (first - second))
    return y, np.logaddexp(first_lse, second_lse)


# --- lengths ---


def by_lengths(allow: Callable[..., Array], clean: bool = True) -> Callable[..., Array]:
    """Attention under ``allow(rows, columns, ahead, shift)``, with 0 beyond the lengths if ``clean``."""

    def forward(
        query: Array, key: Array, value: Array, query_lengths: Array, key_lengths: Array, *, causal: str
    ) -> Array:
        rows = np.arange(query.shape[1]) < query_lengths[:, np.newaxis]
        columns = np.arange(key.shape[1]) < key_lengths[:, np.newaxis]
        ahead = np.arange(key.shape[1]) - np.arange(query.shape[1])[:, np.newaxis]
        shift = {
            "none": np.full_like(key_lengths, key.shape[1]),
            "top_left": 0 * key_lengths,
            "bottom_right": key_lengths - query_lengths,
        }[causal]
        allowed = allow(
            rows[:, :, np.newaxis], columns[:, np.newaxis], ahead, shift[:, np.newaxis, np.newaxis]
        )
        if clean:
            query = np.where(rows[..., np.newaxis, np.newaxis], query, 0.0)
            key, value = (np.where(columns[..., np.newaxis, np.newaxis], x, 0.0) for x in (key, value))
        return attended(products(query, key), allowed[:, np.newaxis], value)

    return forward


def right(rows: Array, columns: Array, ahead: Array, shift: Array) -> Array:
    """Keys and queries that count, up to the diagonal."""
    return rows & columns & (ahead <= shift)


def of_padded_queries(rows: Array, columns: Array, ahead: Array, shift: Array) -> Array:
    """Queries that are padding attend, too."""
    return np.broadcast_to(columns & (ahead <= shift), np.broadcast_shapes(rows.shape, columns.shape))


def over_the_whole_arrays(rows: Array, columns: Array, ahead: Array, shift: Array) -> Array:
    """The diagonal ends in the corner of the arrays, padding included."""
    last = columns.shape[-1] - rows.shape[1]
    return rows & columns & ((ahead <= last) | (shift == columns.shape[-1]) | (shift == 0))


def through_lengths_of_the_first(rows: Array, columns: Array, ahead: Array, shift: Array) -> Array:
    """The lengths of the first sequence, for all."""
    return np.broadcast_to(
        right(rows[:1], columns[:1], ahead, shift[:1]), (*rows.shape[:2], columns.shape[-1])
    )


# --- packed ---


def packed(allow: Callable[..., Array], clean: bool = True) -> Callable[..., Array]:
    """Attention under ``allow(rows, columns, causal)`` of places, with 0 where nobody owns them if ``clean``.

    Places are the sequence, the place within it, how long that is, and the place among all.
    """

    def forward(
        query: Array, key: Array, value: Array, query_sizes: Array, key_sizes: Array, *, causal: str
    ) -> Array:
        rows, columns = places(len(query), query_sizes), places(len(key), key_sizes)
        allowed = allow(tuple(place[:, np.newaxis] for place in rows), columns, causal)
        repeats = query.shape[1] // key.shape[1]
        if clean:
            query, key, value = (
                np.where((own[0] < len(query_sizes))[:, np.newaxis, np.newaxis], x, 0.0)
                for own, x in ((rows, query), (columns, key), (columns, value))
            )
        keys, values = (np.repeat(x, repeats, axis=1)[np.newaxis] for x in (key, value))
        return attended(products(query[np.newaxis], keys), allowed, values)[0]

    return forward


def places(room: int, sizes: Array) -> tuple[Array, ...]:
    """Of each place its sequence, its place in that, the size of it, and itself."""
    ends, every = np.cumsum(sizes), np.arange(room)
    own = np.searchsorted(ends, every, side="right")
    first, size = np.concatenate([[0], ends])[own], np.concatenate([sizes, [0]])[own]
    return own, every - first, size, every


def within(row: Array, column: Array, causal: str, longer: Array) -> Array:
    """Places up to the diagonal, whose end is ``longer`` than the rows where it is at the bottom right."""
    return np.logical_or(causal == "none", column <= row + (longer if causal == "bottom_right" else 0))


def own_alone(rows: tuple[Array, ...], columns: tuple[Array, ...], causal: str) -> Array:
    """Keys of a query's own sequence, if it is anybody's."""
    owned = (rows[2] > 0) & (columns[2] > 0)
    return owned & (rows[0] == columns[0]) & within(rows[1], columns[1], causal, columns[2] - rows[2])


def all_sequences(rows: tuple[Array, ...], columns: tuple[Array, ...], causal: str) -> Array:
    """Sequences see each other."""
    owned = (rows[2] > 0) & (columns[2] > 0)
    return owned & within(rows[3], columns[3], causal, columns[3].size - rows[3].size)


def by_place_among_all(rows: tuple[Array, ...], columns: tuple[Array, ...], causal: str) -> Array:
    """The diagonal is that of the whole arrays."""
    longer = columns[3].size - rows[3].size
    return own_alone(rows, columns, "none") & within(rows[3], columns[3], causal, longer)


def by_the_sizes_of_queries(
    query: Array, key: Array, value: Array, query_sizes: Array, key_sizes: Array, *, causal: str
) -> Array:
    """Keys are dealt to the sequences as queries are, as far as there are any."""
    room = len(key) - np.concatenate([[0], np.cumsum(query_sizes)[:-1]])
    dealt = np.minimum(query_sizes, np.maximum(room, 0))
    return packed(own_alone)(query, key, value, query_sizes, dealt, causal=causal)


FAULTS = {
    "merge_attention_states": (
        Fault(name="NaN where both are empty", reference=merged(to_the_letter), where="data == 'nothing'"),
        Fault(name="shares by the larger logarithm", reference=merged(by_the_larger)),
        Fault(name="the part of the larger logarithm alone", reference=merged(the_larger)),
        Fault(name="logarithms in base 2", reference=merged(as_base_2)),
        Fault(name="no shift", reference=merged(without_a_shift), rounds=True),
        Fault(name="by difference", reference=by_difference, rounds=True, where="data == 'saturated'"),
    ),
    "variable_length_attention": (
        Fault(name="padding multiplied by 0", reference=by_lengths(right, clean=False)),
        Fault(name="padded queries attend", reference=by_lengths(of_padded_queries)),
        Fault(
            name="diagonal of the whole arrays",
            reference=by_lengths(over_the_whole_arrays),
            where="causal == 'bottom_right'",
        ),
        Fault(name="lengths of the first sequence", reference=by_lengths(through_lengths_of_the_first)),
    ),
    "packed_attention": (
        Fault(name="sequences see each other", reference=packed(all_sequences)),
        Fault(
            name="diagonal of the whole arrays",
            reference=packed(by_place_among_all),
            where="causal != 'none'",
        ),
        Fault(name="keys dealt by the sizes of queries", reference=by_the_sizes_of_queries),
        Fault(
            name="places of nobody times 0",
            reference=packed(own_alone, clean=False),
            where="data == 'padding_nan'",
        ),
        Fault(
            name="queries of nobody left unwritten",
            results={
                "y": lambda result, query_sizes: np.where(
                    (np.arange(len(result)) < query_sizes.sum())[:, np.newaxis, np.newaxis], result, 7e31
                )
            },
        ),
        Fault(
            name="gradients of keys of nobody left unwritten",
            gradients={
                "key": lambda gradient, key_sizes: np.where(
                    (np.arange(len(gradient)) < key_sizes.sum())[:, np.newaxis, np.newaxis], gradient, 7e31
                )
            },
        ),
    ),
}

CONTROLS = {
    "merge_attention_states": (Control(name="shares by a sigmoid", reference=merged(by_a_sigmoid)),),
    "variable_length_attention": (Control(name="products scaled", reference=by_lengths(right)),),
    "packed_attention": (Control(name="keys and values repeated", reference=packed(own_alone)),),
}
