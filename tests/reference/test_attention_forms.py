"""Attention as kernels compute it: forms by loops in 40 digits, and laws that tie them to plain attention."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.attention import dot_product_attention, dot_product_attention_vjp
from assay.reference.attention_forms import (
    attention_with_lse,
    attention_with_lse_vjp,
    grouped_query_attention,
    grouped_query_attention_vjp,
    sink_attention,
    sink_attention_vjp,
    sliding_window_attention,
    sliding_window_attention_vjp,
    softcap_attention,
    softcap_attention_vjp,
)

QUERIES, KEYS, HEADS, DEPTH, VALUES = 3, 4, 6, 2, 3


def normal(name, *shape):
    return Stream(f"attention_forms/{name}").normal(shape)


def inputs(heads=HEADS, queries=QUERIES):
    return (
        normal("query", 2, queries, HEADS, DEPTH),
        normal("key", 2, KEYS, heads, DEPTH),
        normal("value", 2, KEYS, heads, VALUES),
    )


SINKS = normal("sinks", HEADS)


def cotangents(queries=QUERIES):
    return normal("into y", 2, queries, HEADS, VALUES), normal("into lse", 2, queries, HEADS)


def by_loops(query, key, value, sees, head=lambda h: h, cap=None, sinks=None):
    """Averages and logarithms, number by number: ``sees(i, j)`` says whether query i attends to key j."""
    y, lse = np.empty((*query.shape[:3], VALUES), object), np.empty(query.shape[:3], object)
    with mpmath.workdps(40):
        for b, i, h in np.ndindex(lse.shape):
            keys = [j for j in range(KEYS) if sees(i, j)]
            scores = [mpmath.fdot(query[b, i, h], key[b, j, head(h)]) / mpmath.sqrt(DEPTH) for j in keys]
            scores = [s if cap is None else cap * mpmath.tanh(s / cap) for s in scores]
            powers = [mpmath.exp(s) for s in scores]
            total = sum(powers) + (0 if sinks is None else mpmath.exp(sinks[h]))
            lse[b, i, h] = mpmath.log(total) if total else mpmath.mpf("-inf")
            for v in range(VALUES):
                terms = [p / total * value[b, j, head(h), v] for p, j in zip(powers, keys, strict=True)]
                y[b, i, h, v] = sum(terms, mpmath.mpf(0))
    return y, lse


def everything(i, j):
    return True


SEES = {
    "none": lambda queries: everything,
    "top_left": lambda queries: lambda i, j: j <= i,
    "bottom_right": lambda queries: lambda i, j: j <= i + KEYS - queries,
}


def seeing(queries, causal):
    """The queries that see a key at all."""
    return slice(max(queries - KEYS, 0) if causal == "bottom_right" else 0, None)


# --- groups of heads ---

GROUPS = pytest.mark.parametrize("groups", [1, 2, 3, 6])
HEAD = {"blocked": lambda h, groups: h // (HEADS // groups), "interleaved": lambda h, groups: h % groups}
MAPS = pytest.mark.parametrize("head_map", HEAD)


@proves(grouped_query_attention, by="high precision")
@MAPS
@GROUPS
def test_each_head_attends_to_the_keys_of_its_group(groups, head_map):
    given = inputs(groups)
    expected, _ = by_loops(*given, everything, lambda h: HEAD[head_map](h, groups))
    assert_same(grouped_query_attention(*map(carried, given), head_map=head_map), expected)


@proves(grouped_query_attention, by="high precision")
@pytest.mark.parametrize("causal", SEES)
@pytest.mark.parametrize("queries", [2, 4, 6])
def test_causal_diagonals_start_at_either_corner(queries, causal):
    given = inputs(2, queries)
    expected, _ = by_loops(*given, SEES[causal](queries), lambda h: h // 3)
    assert_same(grouped_query_attention(*map(carried, given), causal=causal), expected)


def repeated(array, groups, head_map):
    return array[:, :, [HEAD[head_map](h, groups) for h in range(HEADS)]]


@proves(grouped_query_attention, grouped_query_attention_vjp, by="law")
@MAPS
@GROUPS
def test_groups_are_heads_that_were_repeated_and_their_gradients_add_up(groups, head_map):
    query, key, value = map(carried, inputs(groups))
    into, _ = map(carried, cotangents())
    alone = query, repeated(key, groups, head_map), repeated(value, groups, head_map)
    assert_same(grouped_query_attention(query, key, value, head_map=head_map), dot_product_attention(*alone))
    gradients = grouped_query_attention_vjp(query, key, value, into, head_map=head_map)
    into_query, *others, _ = dot_product_attention_vjp(*alone, None, None, into)
    assert_same(gradients[0], into_query)
    for got, each in zip(gradients[1:], others, strict=True):
        for group in range(groups):
            own = [h for h in range(HEADS) if HEAD[head_map](h, groups) == group]
            assert_same(got[:, :, group], np.sum(each[:, :, own], axis=2))


@pytest.mark.parametrize("empty_row", ["zero", "uniform"])
def test_a_query_above_the_first_key_of_the_diagonal(empty_row):
    query, key, value = inputs(queries=6)
    y = grouped_query_attention(
        *map(carried, (query, key, value)), causal="bottom_right", empty_row=empty_row
    )
    expected = 0.0 if empty_row == "zero" else np.mean(carried(value), axis=1, keepdims=True)
    assert_same(y[:, :2], np.broadcast_to(expected, y[:, :2].shape))


# --- windows ---

WINDOWS = pytest.mark.parametrize(
    ("left", "right"), [(0, 0), (1, 0), (0, 1), (2, 1), (None, 0), (1, None), (9, 9)]
)
ALIGNMENTS = {"top_left": 0, "bottom_right": KEYS - 6}


@proves(sliding_window_attention, by="high precision")
@pytest.mark.parametrize("alignment", ALIGNMENTS)
@WINDOWS
def test_a_window_holds_the_keys_at_its_ends(left, right, alignment):
    given, first = inputs(queries=6), ALIGNMENTS[alignment]

    def sees(i, j):
        reaches = left is None or j >= i + first - left
        return reaches and (right is None or j <= i + first + right)

    y = sliding_window_attention(*map(carried, given), left=left, right=right, alignment=alignment)
    assert_same(y, by_loops(*given, sees)[0])


@proves(sliding_window_attention, sliding_window_attention_vjp, by="law")
@pytest.mark.parametrize("alignment", ALIGNMENTS)
@WINDOWS
def test_a_window_is_a_mask(left, right, alignment):
    given, into = [carried(a) for a in inputs(queries=6)], carried(cotangents(6)[0])
    ahead = np.arange(KEYS) - (np.arange(6)[:, np.newaxis] + ALIGNMENTS[alignment])
    mask = (ahead >= (-99 if left is None else -left)) & (ahead <= (99 if right is None else right))
    mask = np.broadcast_to(mask, (2, 1, 6, KEYS))
    options = {"left": left, "right": right, "alignment": alignment}
    assert_same(
        sliding_window_attention(*given, **options),
        dot_product_attention(*given, None, mask, empty_row="zero"),
    )
    *expected, _ = dot_product_attention_vjp(*given, None, mask, into, empty_row="zero")
    assert_same(sliding_window_attention_vjp(*given, into, **options), tuple(expected))


# --- capped scores ---


@proves(softcap_attention, by="high precision")
@pytest.mark.parametrize("causal", ["none", "top_left"])
@pytest.mark.parametrize("softcap", [0.5, 30.0])
def test_scores_are_capped_before_the_mask(softcap, causal):
    given = inputs()
    expected, _ = by_loops(*given, SEES[causal](QUERIES), cap=softcap)
    assert_same(softcap_attention(*map(carried, given), softcap=softcap, causal=causal), expected)


@proves(softcap_attention, softcap_attention_vjp, by="law")
def test_a_cap_out_of_reach_changes_nothing():
    given, into = [carried(a) for a in inputs()], carried(cotangents()[0])
    far = 2.0**40
    assert_same(softcap_attention(*given, softcap=far), dot_product_attention(*given))
    *expected, _ = dot_product_attention_vjp(*given, None, None, into)
    assert_same(softcap_attention_vjp(*given, into, softcap=far), tuple(expected))


@proves(softcap_attention, softcap_attention_vjp, by="law")
def test_a_cap_that_is_full_averages_keys_of_one_sign_and_stops_gradients():
    query, key, value = np.full((1, 1, 1, 1), 1e3), np.full((1, 3, 1, 1), 1e3), normal("value", 1, 3, 1, 2)
    assert_same(softcap_attention(query, key, value), np.mean(carried(value), axis=1, keepdims=True))
    into_query, into_key, _ = softcap_attention_vjp(query, key, value, np.ones((1, 1, 1, 2)))
    assert not into_query.any()
    assert not into_key.any()


# --- the log of the sum ---


@proves(attention_with_lse, by="high precision")
@pytest.mark.parametrize("causal", SEES)
@pytest.mark.parametrize("queries", [2, 6])
def test_the_logarithm_is_natural_and_of_the_keys_that_are_seen(queries, causal):
    given = inputs(queries=queries)
    expected = by_loops(*given, SEES[causal](queries))
    for got, each in zip(attention_with_lse(*map(carried, given), causal=causal), expected, strict=True):
        assert_same(got[:, seeing(queries, causal)], each[:, seeing(queries, causal)])


@proves(attention_with_lse, by="worked figures")
def test_the_logarithm_of_two_keys():
    query, key = np.ones((1, 1, 1, 1)), np.log([2.0, 6.0]).reshape(1, 2, 1, 1)
    y, lse = attention_with_lse(*map(carried, (query, key, np.array([4.0, 8.0]).reshape(1, 2, 1, 1))))
    assert_same(y, 7.0)
    assert_same(lse, np.log(8.0))


@proves(attention_with_lse_vjp, by="law")
def test_the_gradient_of_the_logarithm_is_the_average_of_the_keys():
    query, key, value = map(carried, inputs())
    silent, ones = np.zeros((2, QUERIES, HEADS, VALUES)), np.ones((2, QUERIES, HEADS))
    into_query, _, into_value = attention_with_lse_vjp(query, key, value, (silent, ones))
    assert_same(into_query, dot_product_attention(query, key, key) * DEPTH**-0.5)
    assert_same(into_value, 0.0)


@proves(attention_with_lse_vjp, by="law")
def test_a_logarithm_that_is_stopped_leaves_the_gradient_of_the_average():
    given, (into, into_lse) = [carried(a) for a in inputs()], map(carried, cotangents())
    *expected, _ = dot_product_attention_vjp(*given, None, None, into)
    got = attention_with_lse_vjp(*given, (into, into_lse), lse_gradient="stopped")
    assert_same(got, tuple(expected))


def test_a_query_without_keys_has_the_logarithm_of_nothing_and_no_gradient():
    given = inputs(queries=6)
    y, lse = attention_with_lse(*given, causal="bottom_right")
    assert_same(y[:, :2], 0.0)
    assert (lse[:, :2] == -np.inf).all()
    into_query, *_ = attention_with_lse_vjp(*given, cotangents(6), causal="bottom_right")
    assert_same(into_query[:, :2], 0.0)


def test_a_query_without_keys_has_the_logarithm_of_its_sink():
    y, lse = sink_attention(*inputs(queries=6), SINKS, causal="bottom_right")
    assert_same(y[:, :2], 0.0)
    assert_same(lse[:, :2], np.broadcast_to(SINKS, (2, 2, HEADS)))


# --- sinks ---


@proves(sink_attention, by="high precision")
@pytest.mark.parametrize("causal", SEES)
@pytest.mark.parametrize("queries", [2, 6])
def test_a_sink_counts_in_the_sum_alone(queries, causal):
    given = inputs(queries=queries)
    expected = by_loops(*given, SEES[causal](queries), sinks=SINKS)
    got = sink_attention(*map(carried, given), carried(SINKS), causal=causal)
    for one, each in zip(got, expected, strict=True):
        assert_same(one[:, seeing(queries, causal)], each[:, seeing(queries, causal)])


def with_a_key_for_the_sink(query, key, value, sinks):
    """Plain attention of the same scores: one more depth, which is 1 in queries and not 0 in one more key."""
    deeper = np.sqrt((DEPTH + 1) / DEPTH)
    one = np.ones((*query.shape[:3], 1))
    column = np.zeros((2, KEYS, HEADS, 1))
    own = np.broadcast_to(sinks[:, np.newaxis] * np.sqrt(DEPTH + 1), (2, 1, HEADS, 1))
    last = np.concatenate([carried(np.zeros((2, 1, HEADS, DEPTH))), own], axis=-1)
    return (
        np.concatenate([query * deeper, one], axis=-1),
        np.concatenate([np.concatenate([key, column], axis=-1), last], axis=1),
        np.concatenate([value, np.zeros((2, 1, HEADS, VALUES))], axis=1),
    )


@proves(sink_attention, sink_attention_vjp, by="law")
def test_a_sink_is_a_key_whose_value_is_nothing():
    given, sinks, into = [carried(a) for a in inputs()], carried(SINKS), tuple(map(carried, cotangents()))
    alike = with_a_key_for_the_sink(*given, sinks)
    for got, each in zip(sink_attention(*given, sinks), attention_with_lse(*alike), strict=True):
        assert_same(got, each)
    gradients, others = sink_attention_vjp(*given, sinks, into), attention_with_lse_vjp(*alike, into)
    assert_same(gradients[0], others[0][..., :DEPTH] * np.sqrt((DEPTH + 1) / DEPTH))
    assert_same(gradients[1], others[1][:, :KEYS, :, :DEPTH])
    assert_same(gradients[2], others[2][:, :KEYS])
    assert_same(gradients[3], np.sum(others[1][:, KEYS, :, DEPTH], axis=0) * np.sqrt(DEPTH + 1))


@proves(sink_attention, by="law")
def test_a_sink_far_above_all_scores_takes_everything():
    y, lse = sink_attention(*inputs(), np.full(HEADS, 1e3))
    assert_same(y, 0.0)
    assert_same(lse, 1e3)


# --- bad input ---


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (grouped_query_attention, {"head_map": "spread"}, "head_map must be one of blocked, interleaved"),
        (grouped_query_attention, {"causal": "left"}, "causal must be one of none, top_left, bottom_right"),
        (grouped_query_attention, {"empty_row": "nan"}, "empty_row must be one of zero, uniform; got 'nan'"),
        (sliding_window_attention, {"left": -1}, "left must be at least 0, or None; got -1"),
        (sliding_window_attention, {"right": -1}, "right must be at least 0, or None; got -1"),
        (sliding_window_attention, {"alignment": "none"}, "alignment must be one of top_left, bottom_right"),
        (sliding_window_attention, {"empty_row": "nan"}, "empty_row must be one of zero, uniform"),
        (softcap_attention, {"softcap": 0.0}, "softcap must be positive; got 0"),
        (softcap_attention, {"causal": "bottom_right"}, "causal must be one of none, top_left; got"),
        (attention_with_lse, {"causal": "left"}, "causal must be one of none, top_left, bottom_right"),
        (sink_attention, {"sinks": np.zeros(HEADS + 1)}, "sinks must have shape"),
        (sink_attention, {"sinks": SINKS, "causal": "left"}, "causal must be one of none, top_left"),
    ],
)
def test_refuses_options_that_there_are_not(function, options, message):
    with pytest.raises(ValueError, match=message):
        function(*inputs(), **options)


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (2, 3, HEADS), "query must have the axes"),
        (0, (2, 3, 5, DEPTH), "heads of the query must be a multiple of those of the key, 2; got 5"),
        (1, (2, KEYS, 2, DEPTH + 1), "key must share batch and depth with the query"),
        (2, (2, KEYS + 1, 2, VALUES), "value must share batch, keys and heads with the key"),
    ],
)
def test_refuses_shapes_that_do_not_fit(place, shape, message):
    given = list(inputs(2))
    given[place] = np.ones(shape)
    with pytest.raises(ValueError, match=message):
        grouped_query_attention(*given)


def test_refuses_a_gradient_of_the_logarithm_that_neither_flows_nor_stops():
    with pytest.raises(ValueError, match="lse_gradient must be one of flows, stopped; got 'halved'"):
        attention_with_lse_vjp(*inputs(), cotangents(), lse_gradient="halved")
