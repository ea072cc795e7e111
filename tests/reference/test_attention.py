"""Attention: figures by hand and in 40 digits, laws of the keys and of masks, and bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.attention import dot_product_attention, dot_product_attention_vjp

BATCH, QUERIES, KEYS, HEADS, DEPTH, VALUES = 2, 3, 5, 4, 7, 6


def normal(name, *shape):
    return Stream(f"attention/{name}").normal(shape)


def inputs(**changed):
    drawn = {
        "query": normal("query", BATCH, QUERIES, HEADS, DEPTH),
        "key": normal("key", BATCH, KEYS, HEADS, DEPTH),
        "value": normal("value", BATCH, KEYS, HEADS, VALUES),
    }
    return drawn | changed


def ones_where(condition):
    return np.broadcast_to(condition, (BATCH, 1, QUERIES, KEYS))


# --- figures ---


@proves(dot_product_attention, by="worked figures")
def test_two_keys_are_weighed_by_the_logistic_of_their_difference():
    query, key = np.ones((1, 1, 1, 1)), np.array([np.log(3.0), 0.0]).reshape(1, 2, 1, 1)
    value = np.array([4.0, 8.0]).reshape(1, 2, 1, 1)
    y = dot_product_attention(*(carried(a) for a in (query, key, value)), scale=1.0)
    assert_same(y, 5.0)


@proves(dot_product_attention, by="high precision")
def test_agrees_with_its_definition_in_40_digits():
    given = inputs()
    y = dot_product_attention(**carried(given))
    with mpmath.workdps(40):
        logits = [mpmath.fdot(given["query"][1, 2, 3], k) / mpmath.sqrt(DEPTH) for k in given["key"][1, :, 3]]
        powers = [mpmath.exp(logit) for logit in logits]
        exact = [mpmath.fdot(powers, v) / sum(powers) for v in given["value"][1, :, 3].T]
    assert_same(y[1, 2, 3], exact)


@proves(dot_product_attention, by="law")
def test_a_query_that_fits_no_key_averages_the_values():
    given = inputs(query=np.zeros((BATCH, QUERIES, HEADS, DEPTH)))
    y, mean = dot_product_attention(**carried(given)), np.mean(carried(given)["value"], axis=1)
    for q in range(QUERIES):
        assert_same(y[:, q], mean)


# --- laws ---


@proves(dot_product_attention, by="law")
def test_a_single_key_returns_its_value():
    given = inputs(key=normal("key", BATCH, 1, HEADS, DEPTH), value=normal("value", BATCH, 1, HEADS, VALUES))
    expected = np.repeat(given["value"], QUERIES, axis=1)
    assert_same(dot_product_attention(**given), expected)


@proves(dot_product_attention, by="law")
def test_the_first_query_of_causal_attention_gets_the_first_value():
    given = inputs()
    y = dot_product_attention(**given, causal="top_left")
    assert_same(y[:, 0], given["value"][:, 0])


@proves(dot_product_attention, by="law")
def test_the_last_query_attends_to_everything_when_the_diagonal_ends_with_it():
    given = inputs()
    expected = dot_product_attention(**given)[:, -1]
    assert_same(dot_product_attention(**given, causal="bottom_right")[:, -1], expected)


@proves(dot_product_attention, by="law")
def test_both_diagonals_are_one_where_there_are_as_many_queries_as_keys():
    given = inputs(query=normal("query", BATCH, KEYS, HEADS, DEPTH))
    first, second = (dot_product_attention(**given, causal=causal) for causal in ("top_left", "bottom_right"))
    assert_same(first, second)


@proves(dot_product_attention, by="law")
def test_causal_attention_is_attention_under_a_triangular_mask():
    given, mask = inputs(), ones_where(np.tri(QUERIES, KEYS, dtype=bool))
    assert_same(dot_product_attention(**given, mask=mask), dot_product_attention(**given, causal="top_left"))


@proves(dot_product_attention, by="law")
def test_the_order_of_the_keys_does_not_matter():
    given, order = carried(inputs()), [3, 0, 4, 2, 1]
    moved = given | {"key": given["key"][:, order], "value": given["value"][:, order]}
    assert_same(dot_product_attention(**given), dot_product_attention(**moved))


@proves(dot_product_attention, by="law")
@pytest.mark.parametrize("masking", ["select", "add"])
def test_masking_a_key_is_removing_it(masking):
    given, mask = carried(inputs()), ones_where(np.arange(KEYS) != 2)
    kept = [0, 1, 3, 4]
    shorter = given | {"key": given["key"][:, kept], "value": given["value"][:, kept]}
    masked = dot_product_attention(**given, mask=mask, masking=masking)
    assert_same(masked, dot_product_attention(**shorter))


@proves(dot_product_attention_vjp, by="law")
def test_a_masked_key_and_its_value_get_no_gradient():
    given, mask = inputs(), ones_where(np.arange(KEYS) != 2)
    cotangent = normal("cotangent", BATCH, QUERIES, HEADS, VALUES)
    _, key, value, _ = dot_product_attention_vjp(*given.values(), None, mask, cotangent)
    assert_same(key[:, 2], 0.0)
    assert_same(value[:, 2], 0.0)
    assert key[:, [0, 1, 3, 4]].all()


@proves(dot_product_attention, by="law")
def test_a_bias_of_minus_infinity_masks():
    given, mask = inputs(), ones_where(np.arange(KEYS) != 2)
    bias = np.where(mask, 0.0, -np.inf)
    assert_same(dot_product_attention(**given, bias=bias), dot_product_attention(**given, mask=mask))


@proves(dot_product_attention, by="law")
def test_a_bias_that_is_the_same_for_all_keys_changes_nothing():
    given, bias = carried(inputs()), normal("bias", BATCH, HEADS, QUERIES, 1)
    assert_same(dot_product_attention(**given), dot_product_attention(**given, bias=carried(bias)))


@proves(dot_product_attention, by="law")
def test_heads_do_not_see_each_other():
    given = carried(inputs())
    alone = {name: array[:, :, 1:2] for name, array in given.items()}
    assert_same(dot_product_attention(**alone), dot_product_attention(**given)[:, :, 1:2])


@pytest.mark.parametrize(("empty_row", "expected"), [("zero", 0.0), ("nan", np.nan)])
def test_a_query_that_may_attend_to_nothing(empty_row, expected):
    given, mask = inputs(), ones_where((np.arange(QUERIES) != 1)[:, np.newaxis])
    y = dot_product_attention(**given, mask=mask, empty_row=empty_row)
    assert_same(y[:, 1], expected)
    assert_same(y[:, [0, 2]], dot_product_attention(**given)[:, [0, 2]])


@proves(dot_product_attention, by="law")
def test_a_query_that_may_attend_to_nothing_averages_the_values_if_the_row_is_uniform():
    given, mask = carried(inputs()), ones_where((np.arange(QUERIES) != 1)[:, np.newaxis])
    y = dot_product_attention(**given, mask=mask, empty_row="uniform")
    assert_same(y[:, 1], np.mean(given["value"], axis=1))


@proves(dot_product_attention_vjp, by="law")
def test_where_masks_are_added_an_empty_row_has_the_gradient_of_a_query_that_fits_no_key():
    # A large negative number, added to all products of a row, drowns them: the weights are equal, and yet
    # what is added passes the gradient on, which selection does not.
    given, empty = carried(inputs()), (np.arange(QUERIES) == 1)[:, np.newaxis]
    cotangent = carried(normal("cotangent", BATCH, QUERIES, HEADS, VALUES))
    zero = given | {"query": carried(np.zeros((BATCH, QUERIES, HEADS, DEPTH)))}
    options = {"masking": "add", "empty_row": "uniform"}
    masked = dot_product_attention_vjp(*given.values(), None, ones_where(~empty), cotangent, **options)
    unmasked = dot_product_attention_vjp(*zero.values(), None, None, cotangent)
    assert_same(masked[0][:, 1], unmasked[0][:, 1])
    selected = dot_product_attention_vjp(*given.values(), None, ones_where(~empty), cotangent)
    assert_same(selected[0][:, 1], 0.0)


def test_a_masked_nan_stays_only_where_masking_adds():
    given, mask = inputs(), ones_where(np.arange(KEYS) != 2)
    given["key"][:, 2] = np.nan
    assert np.isfinite(dot_product_attention(**given, mask=mask, masking="select")).all()
    assert np.isnan(dot_product_attention(**given, mask=mask, masking="add")).all()


# --- bad input ---


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"query": np.ones((QUERIES, HEADS, DEPTH))}, "query must have the axes"),
        ({"key": np.ones((BATCH, KEYS, HEADS, DEPTH + 1))}, "key must share batch, heads and depth"),
        ({"value": np.ones((BATCH, KEYS + 1, HEADS, VALUES))}, "value must share batch, keys and heads"),
        ({"causal": "left"}, "causal must be one of none, top_left, bottom_right; got 'left'"),
        ({"empty_row": "inf"}, "empty_row must be one of uniform, zero, nan; got 'inf'"),
        ({"masking": "multiply"}, "masking must be one of select, drop, add; got 'multiply'"),
    ],
)
def test_refuses_what_does_not_fit(changed, message):
    with pytest.raises(ValueError, match=message):
        dot_product_attention(**inputs() | changed)


@proves(dot_product_attention, dot_product_attention_vjp, by="law")
def test_a_dropped_value_has_no_influence_whatever_it_is():
    """Its NaN reaches neither outputs nor gradients, where selection of the products alone lets it."""
    query, key, value, g = (Stream(f"dropped/{n}").normal((2, 4, 3, 5)) for n in ("q", "k", "v", "g"))
    mask = np.ones((2, 1, 4, 4), bool)
    mask[..., 2] = False
    spoiled = np.where(np.arange(4)[:, np.newaxis, np.newaxis] == 2, np.nan, value)
    assert np.isnan(dot_product_attention(query, key, spoiled, None, mask)).all()
    wanted = dot_product_attention(*map(carried, (query, key, value)), None, mask)
    assert_same(dot_product_attention(query, key, spoiled, None, mask, masking="drop"), wanted)
    *wanted, _ = dot_product_attention_vjp(*map(carried, (query, key, value)), None, mask, carried(g))
    *got, _ = dot_product_attention_vjp(query, key, spoiled, None, mask, g, masking="drop")
    assert_same(tuple(got), tuple(wanted))
