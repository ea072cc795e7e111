"""Biases by distance and fused softmaxes: loops in 40 digits, laws, and figures of the paper."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.attention import dot_product_attention, dot_product_attention_vjp
from assay.reference.attention_biases import (
    alibi_attention,
    alibi_attention_vjp,
    alibi_slopes,
    scaled_masked_softmax,
    scaled_masked_softmax_vjp,
)
from assay.reference.softmax import softmax, softmax_vjp

BATCH, HEADS, KEYS, DEPTH, VALUES = 2, 3, 4, 2, 3


def normal(name, *shape):
    return Stream(f"attention_biases/{name}").normal(shape)


def inputs(queries):
    return (
        normal("query", BATCH, queries, HEADS, DEPTH),
        normal("key", BATCH, KEYS, HEADS, DEPTH),
        normal("value", BATCH, KEYS, HEADS, VALUES),
        np.abs(normal("slopes", HEADS)),
    )


# --- biases by distance ---


@proves(alibi_attention, by="high precision")
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(
    ("queries", "alignment"), [(3, "top_left"), (3, "bottom_right"), (6, "bottom_right")]
)
def test_a_key_counts_the_less_the_farther_it_lies(queries, alignment, causal):
    query, key, value, slopes = inputs(queries)
    y, lse = alibi_attention(*map(carried, inputs(queries)), causal=causal, alignment=alignment)
    first = KEYS - queries if alignment == "bottom_right" else 0
    with mpmath.workdps(40):
        for b, i, h in np.ndindex(BATCH, queries, HEADS):
            keys = [j for j in range(KEYS) if not causal or j <= i + first]
            if not keys:
                assert_same(y[b, i, h], 0.0)
                assert lse.value[b, i, h] == -np.inf
                continue
            powers = [
                mpmath.exp(
                    mpmath.fdot(query[b, i, h], key[b, j, h]) / mpmath.sqrt(DEPTH)
                    - mpmath.mpf(slopes[h]) * abs(i + first - j)
                )
                for j in keys
            ]
            total = mpmath.fsum(powers)
            assert_same(lse[b, i, h], mpmath.log(total))
            for v in range(VALUES):
                terms = [p * value[b, j, h, v] for p, j in zip(powers, keys, strict=True)]
                assert_same(y[b, i, h, v], mpmath.fsum(terms) / total)


@proves(alibi_attention, alibi_attention_vjp, by="law")
def test_a_bias_by_place_changes_the_logarithm_alone():
    given, into = [carried(a) for a in inputs(3)], carried(normal("into y", BATCH, 3, HEADS, VALUES))
    by_distance, by_place = (alibi_attention(*given, bias_by=bias) for bias in ("distance", "place"))
    assert_same(by_distance[0], by_place[0])
    place = np.arange(3) + KEYS - 3
    assert_same(by_place[1], by_distance[1] + place[:, np.newaxis] * given[3])
    silent = np.zeros((BATCH, 3, HEADS))
    one, other = (alibi_attention_vjp(*given, (into, silent), bias_by=bias) for bias in ("distance", "place"))
    assert_same(one[:3], other[:3])
    assert_same(one[3], other[3])


@proves(alibi_attention, alibi_attention_vjp, by="law")
def test_biases_of_distance_are_added_to_scores():
    query, key, value, slopes = map(carried, inputs(3))
    into = carried(normal("into y", BATCH, 3, HEADS, VALUES))
    distance = np.abs(np.arange(3)[:, np.newaxis] + 1 - np.arange(KEYS))
    bias = (0.0 - slopes[:, np.newaxis, np.newaxis] * distance)[np.newaxis]
    y, _ = alibi_attention(query, key, value, slopes, causal=False)
    assert_same(y, dot_product_attention(query, key, value, bias))
    *expected, into_bias = dot_product_attention_vjp(query, key, value, bias, None, into)
    got = alibi_attention_vjp(query, key, value, slopes, (into, np.zeros((BATCH, 3, HEADS))), causal=False)
    assert_same(got[:3], tuple(expected))
    assert_same(got[3], 0.0 - np.sum(into_bias[0] * distance, axis=(1, 2)))


def test_slopes_are_those_of_the_paper():
    for heads, first, exponents in (
        (8, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
        (16, 0, [0.5, 1, 1.5, 2]),
        (1, 0, [8]),
        (3, 0, [4, 8, 2]),
        (12, 8, [0.5, 1.5, 2.5, 3.5]),
    ):
        assert_same(alibi_slopes(heads)[first : first + len(exponents)], np.exp2(-np.array(exponents)))


def test_slopes_that_are_not_given_are_those_of_the_paper():
    query, key, value, _ = map(carried, inputs(3))
    into = normal("into y", BATCH, 3, HEADS, VALUES), normal("into lse", BATCH, 3, HEADS)
    own = alibi_slopes(HEADS)
    for got, expected in zip(
        alibi_attention(query, key, value), alibi_attention(query, key, value, own), strict=True
    ):
        assert_same(got, expected)
    *got, nothing = alibi_attention_vjp(query, key, value, None, into)
    *expected, _ = alibi_attention_vjp(query, key, value, own, into)
    assert nothing is None
    assert_same(tuple(got), tuple(expected))


# --- softmaxes ---

SHAPE = (BATCH, HEADS, 4, 5)


def masks():
    mask = normal("mask", BATCH, 1, *SHAPE[2:]) > -0.5
    mask[0, 0, 2] = False
    return mask


@proves(scaled_masked_softmax, by="high precision")
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("plus_one", [False, True])
def test_what_counts_is_divided_by_its_sum(causal, plus_one):
    x, mask = normal("x", *SHAPE), masks()
    y = scaled_masked_softmax(carried(x), mask, scale=0.3, causal=causal, plus_one=plus_one)
    with mpmath.workdps(40):
        for b, h, i in np.ndindex(*SHAPE[:3]):
            seen = [j for j in range(SHAPE[3]) if mask[b, 0, i, j] and not (causal and j > i)]
            powers = {j: mpmath.exp(mpmath.mpf(x[b, h, i, j]) * mpmath.mpf(0.3)) for j in seen}
            total = mpmath.fsum(powers.values()) + plus_one
            expected = [powers[j] / total if j in powers else mpmath.mpf(0) for j in range(SHAPE[3])]
            assert_same(y[b, h, i], np.array(expected))


@proves(scaled_masked_softmax, scaled_masked_softmax_vjp, by="law")
def test_without_a_mask_it_is_the_softmax():
    x, into = carried(normal("x", *SHAPE)), carried(normal("into", *SHAPE))
    assert_same(scaled_masked_softmax(x, scale=0.3), softmax(x * 0.3))
    (expected,) = softmax_vjp(x * 0.3, into)
    assert_same(scaled_masked_softmax_vjp(x, None, into, scale=0.3)[0], expected * 0.3)


@proves(scaled_masked_softmax, by="law")
def test_one_more_is_a_score_of_zero_that_is_left_out():
    x = carried(normal("x", *SHAPE))
    beside = np.concatenate([x * 0.3, np.zeros((*SHAPE[:3], 1))], axis=-1)
    assert_same(scaled_masked_softmax(x, scale=0.3, plus_one=True), softmax(beside)[..., :-1])


@pytest.mark.parametrize(("empty_row", "expected"), [("zero", 0.0), ("uniform", 0.2)])
def test_a_row_of_which_nothing_counts(empty_row, expected):
    x, into = normal("x", *SHAPE), normal("into", *SHAPE)
    y = scaled_masked_softmax(x, masks(), empty_row=empty_row)
    assert_same(y[0, :, 2], expected)
    (gradient,) = scaled_masked_softmax_vjp(x, masks(), into, empty_row=empty_row)
    assert_same(gradient[0, :, 2], 0.0)


# --- bad input ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slopes": np.ones(HEADS + 1)}, "slopes must have shape"),
        ({"alignment": "none"}, "alignment must be one of bottom_right, top_left; got 'none'"),
        ({"bias_by": "key"}, "bias_by must be one of distance, place; got 'key'"),
    ],
)
def test_refuses_biases_that_there_are_not(options, message):
    query, key, value, _ = inputs(3)
    with pytest.raises(ValueError, match=message):
        alibi_attention(query, key, value, **options)


@pytest.mark.parametrize(
    ("x", "mask", "options", "message"),
    [
        (np.ones((2, 3)), None, {}, r"x must have the axes \(batch, heads, queries, keys\)"),
        (np.ones(SHAPE), np.ones((BATCH, 1, 4, 6), bool), {}, "mask must have shape"),
        (np.ones(SHAPE), None, {"empty_row": "nan"}, "empty_row must be one of zero, uniform; got 'nan'"),
    ],
)
def test_refuses_scores_that_do_not_fit(x, mask, options, message):
    with pytest.raises(ValueError, match=message):
        scaled_masked_softmax(x, mask, **options)
