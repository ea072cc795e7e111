"""Attention in parts: parts merge into the whole, and padding is not there."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.attention import dot_product_attention, dot_product_attention_vjp
from assay.reference.attention_forms import (
    attention_with_lse,
    grouped_query_attention,
    grouped_query_attention_vjp,
)
from assay.reference.attention_states import (
    merge_attention_states,
    merge_attention_states_vjp,
    packed_attention,
    packed_attention_vjp,
    variable_length_attention,
    variable_length_attention_vjp,
)

BATCH, QUERIES, KEYS, HEADS, DEPTH, VALUES = 3, 5, 6, 2, 4, 3


def normal(name, *shape):
    return Stream(f"attention_states/{name}").normal(shape)


def arrays(batch=BATCH):
    return (
        normal("query", batch, QUERIES, HEADS, DEPTH),
        normal("key", batch, KEYS, HEADS, DEPTH),
        normal("value", batch, KEYS, HEADS, VALUES),
    )


# --- merging ---


def states():
    """Two partial results of four tokens and two heads."""
    return [
        normal(name, 4, HEADS, *others)
        for name, others in {"a": [VALUES], "la": [], "b": [VALUES], "lb": []}.items()
    ]


@proves(merge_attention_states, by="law")
@pytest.mark.parametrize("place", [1, 3, 5])
def test_attention_to_parts_of_the_keys_merges_into_that_to_all(place):
    query, key, value = (carried(a) for a in arrays(1))
    parts = []
    for part in (slice(0, place), slice(place, KEYS)):
        y, lse = attention_with_lse(query, key[:, part], value[:, part])
        parts += [y[0], lse[0]]
    for got, whole in zip(merge_attention_states(*parts), attention_with_lse(query, key, value), strict=True):
        assert_same(got, whole[0])


@proves(merge_attention_states, by="high precision")
def test_shares_are_exponentials_of_logarithms():
    first, a, second, b = states()
    y, lse = merge_attention_states(*map(carried, (first, a, second, b)))
    with mpmath.workdps(40):
        powers = [[mpmath.exp(mpmath.mpf(one)) for one in array.flat] for array in (a, b)]
        totals = [p + q for p, q in zip(*powers, strict=True)]
        assert_same(lse, np.array([mpmath.log(t) for t in totals]).reshape(lse.shape))
        shares = [np.array([p / t for p, t in zip(each, totals, strict=True)]) for each in powers]
        of_first, of_second = (each.reshape(*a.shape, 1) for each in shares)
        assert_same(y, of_first * first + of_second * second)


@proves(merge_attention_states, by="worked figures")
def test_two_equal_logarithms_share_equally():
    one = np.ones((1, 1, 1))
    y, lse = merge_attention_states(2 * one, np.zeros((1, 1)), 4 * one, np.zeros((1, 1)))
    assert_same(y, 3.0)
    assert_same(lse, np.log(2.0))


@proves(merge_attention_states, merge_attention_states_vjp, by="law")
def test_an_empty_part_changes_nothing_and_gets_no_gradient():
    first, a, second, _ = states()
    empty = np.full_like(a, -np.inf)
    into = normal("into y", *first.shape), normal("into lse", *a.shape)
    y, lse = merge_attention_states(*map(carried, (first, a, second)), empty)
    assert_same(y, first)
    assert_same(lse, a)
    gradients = merge_attention_states_vjp(*map(carried, (first, a, second)), empty, into)
    for got, expected in zip(gradients, (*into, 0.0, 0.0), strict=True):
        assert_same(got, expected)


def test_two_empty_parts_are_one():
    first, a, second, _ = states()
    empty = np.full_like(a, -np.inf)
    y, lse = merge_attention_states(first, empty, second, empty)
    assert_same(y, 0.0)
    assert (lse == -np.inf).all()
    into = normal("into y", *first.shape), normal("into lse", *a.shape)
    for gradient in merge_attention_states_vjp(first, empty, second, empty, into):
        assert_same(gradient, 0.0)


@proves(merge_attention_states, merge_attention_states_vjp, by="law")
def test_parts_may_be_exchanged():
    given = [carried(a) for a in states()]
    for got, other in zip(
        merge_attention_states(*given), merge_attention_states(*given[2:], *given[:2]), strict=True
    ):
        assert_same(got, other)
    into = normal("into y", 4, HEADS, VALUES), normal("into lse", 4, HEADS)
    one, other = (merge_attention_states_vjp(*g, into) for g in (given, given[2:] + given[:2]))
    assert_same(one, other[2:] + other[:2])


# --- lengths ---

QUERY_LENGTHS, KEY_LENGTHS = np.array([5, 2, 1]), np.array([6, 1, 4])


@proves(variable_length_attention, variable_length_attention_vjp, by="law")
@pytest.mark.parametrize("causal", ["none", "top_left", "bottom_right"])
def test_each_sequence_attends_as_if_it_were_alone(causal):
    given, into = arrays(), normal("into y", BATCH, QUERIES, HEADS, VALUES)
    spoilt = [array.copy() for array in given]
    for place, (rows, columns) in enumerate(zip(QUERY_LENGTHS, KEY_LENGTHS, strict=True)):
        for array, length in zip(spoilt, (rows, columns, columns), strict=True):
            array[place, length:] = np.nan
    lengths = QUERY_LENGTHS, KEY_LENGTHS
    y = variable_length_attention(*map(carried, spoilt), *lengths, causal=causal)
    gradients = variable_length_attention_vjp(*map(carried, spoilt), *lengths, carried(into), causal=causal)
    for place, (rows, columns) in enumerate(zip(*lengths, strict=True)):
        query, key, value = (
            carried(array[place : place + 1, :length])
            for array, length in zip(given, (rows, columns, columns), strict=True)
        )
        options = {"causal": causal, "empty_row": "zero"}
        assert_same(y[place, :rows], dot_product_attention(query, key, value, **options)[0])
        own = carried(into[place : place + 1, :rows])
        *expected, _ = dot_product_attention_vjp(query, key, value, None, None, own, **options)
        for got, each in zip(gradients, expected, strict=True):
            assert_same(got[place, : each.shape[1]], each[0])
            assert (got.value[place, each.shape[1] :] == 0).all()
    assert (y.value[1, 2:] == 0).all()


@proves(variable_length_attention, by="worked figures")
def test_a_sequence_without_keys_gives_nothing():
    y = variable_length_attention(*arrays(), QUERY_LENGTHS, np.array([6, 0, 4]))
    assert_same(y[1], 0.0)
    query = np.ones((1, 1, 1, 1))
    key, value = np.log([3.0, 1.0, 9.0]).reshape(1, 3, 1, 1), np.array([4.0, 8.0, 5.0]).reshape(1, 3, 1, 1)
    y = variable_length_attention(*map(carried, (query, key, value)), np.array([1]), np.array([2]))
    assert_same(y, 5.0)


# --- bad input ---


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"query_lengths": np.array([5, 2])}, "query_lengths must have shape"),
        ({"key_lengths": np.array([7, 1, 4])}, "key_lengths must lie between 0 and 6"),
        ({"query_lengths": np.array([-1, 1, 4])}, "query_lengths must lie between 0 and 5"),
        ({"causal": "left"}, "causal must be one of none, top_left, bottom_right"),
    ],
)
def test_refuses_lengths_that_there_are_not(changed, message):
    given = {"query_lengths": QUERY_LENGTHS, "key_lengths": KEY_LENGTHS} | changed
    with pytest.raises(ValueError, match=message):
        variable_length_attention(*arrays(), **given)


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (4, HEADS), "first must have the axes"),
        (1, (4, HEADS + 1), "first_lse must have shape"),
        (2, (4, HEADS, VALUES + 1), "second must have shape"),
        (3, (5, HEADS), "second_lse must have shape"),
    ],
)
def test_refuses_states_that_do_not_fit(place, shape, message):
    given = states()
    given[place] = np.ones(shape)
    with pytest.raises(ValueError, match=message):
        merge_attention_states(*given)


# --- packed ---

QUERY_SIZES, KEY_SIZES = np.array([3, 0, 2, 1]), np.array([2, 4, 0, 3])
TOKENS, PLACES = 8, 10


def packed():
    """Sequences one after the other, and NaN behind the last of them."""
    arrays = (
        normal("packed query", TOKENS, 2 * HEADS, DEPTH),
        normal("packed key", PLACES, HEADS, DEPTH),
        normal("packed value", PLACES, HEADS, VALUES),
    )
    for array, sizes in zip(arrays, (QUERY_SIZES, KEY_SIZES, KEY_SIZES), strict=True):
        array[sizes.sum() :] = np.nan
    return arrays


def pieces(array, sizes):
    return np.split(array, np.cumsum(sizes))[:-1]


@proves(packed_attention, packed_attention_vjp, by="law")
@pytest.mark.parametrize("causal", ["none", "top_left", "bottom_right"])
def test_each_piece_attends_as_if_it_were_alone(causal):
    into = normal("packed into", TOKENS, 2 * HEADS, VALUES)
    given = [carried(a) for a in packed()]
    y = packed_attention(*given, QUERY_SIZES, KEY_SIZES, causal=causal)
    gradients = packed_attention_vjp(*given, QUERY_SIZES, KEY_SIZES, carried(into), causal=causal)
    by_size = [(a, s) for a, s in zip(packed(), (QUERY_SIZES, KEY_SIZES, KEY_SIZES), strict=True)]
    cut = [pieces(array, sizes) for array, sizes in [*by_size, (into, QUERY_SIZES)]]
    got = [pieces(a, s) for a, (_, s) in zip((y, *gradients), (by_size[0], *by_size), strict=True)]
    for number, (query, key, value, own) in enumerate(zip(*cut, strict=True)):
        if not (len(query) and len(key)):
            assert not any(each[number].value.any() for each in got)
            continue
        one = [carried(array[np.newaxis]) for array in (query, key, value)]
        assert_same(got[0][number], grouped_query_attention(*one, causal=causal)[0])
        expected = grouped_query_attention_vjp(*one, carried(own[np.newaxis]), causal=causal)
        for each, wanted in zip(got[1:], expected, strict=True):
            assert_same(each[number], wanted[0])
    for array, (_, sizes) in zip((y, *gradients), (by_size[0], *by_size), strict=True):
        assert (array.value[sizes.sum() :] == 0).all()


@proves(packed_attention, by="high precision")
@pytest.mark.parametrize("causal", ["none", "top_left", "bottom_right"])
def test_a_query_attends_to_the_keys_of_its_own_sequence(causal):
    query, key, value = packed()
    y = packed_attention(*map(carried, packed()), QUERY_SIZES, KEY_SIZES, causal=causal)
    token = 0
    with mpmath.workdps(40):
        for number, (rows, columns) in enumerate(zip(QUERY_SIZES, KEY_SIZES, strict=True)):
            first = int(KEY_SIZES[:number].sum())
            for row in range(rows):
                last = {"none": columns, "top_left": row + 1, "bottom_right": row + 1 + columns - rows}[
                    causal
                ]
                seen = range(first, first + min(max(last, 0), columns))
                for head in range(2 * HEADS):
                    own = head // 2
                    powers = [
                        mpmath.exp(mpmath.fdot(query[token, head], key[j, own]) / mpmath.sqrt(DEPTH))
                        for j in seen
                    ]
                    expected = [
                        mpmath.fsum(p * value[j, own, v] for p, j in zip(powers, seen, strict=True))
                        / (mpmath.fsum(powers) or 1)
                        for v in range(VALUES)
                    ]
                    assert_same(y[token, head], np.array(expected))
                token += 1


@proves(packed_attention, by="worked figures")
def test_the_second_sequence_sees_its_own_key_alone():
    query, key = np.ones((2, 1, 1)), np.ones((3, 1, 1))
    value = np.array([2.0, 4.0, 7.0]).reshape(3, 1, 1)
    y = packed_attention(*map(carried, (query, key, value)), np.array([1, 1]), np.array([2, 1]))
    assert_same(y, np.array([3.0, 7.0]).reshape(2, 1, 1))


@pytest.mark.parametrize(
    ("query_sizes", "key_sizes", "message"),
    [
        ([3, 6], [1, 1], r"query_sizes must not be negative, nor above 8 together; got \[3, 6\]"),
        ([3, 1], [-1, 1], r"key_sizes must not be negative, nor above 10 together; got \[-1, 1\]"),
        ([3, 1], [1], "key_sizes must have shape"),
    ],
)
def test_refuses_sizes_that_do_not_fit(query_sizes, key_sizes, message):
    with pytest.raises(ValueError, match=message):
        packed_attention(*packed(), np.array(query_sizes), np.array(key_sizes))
