"""Linear attention: loops in 40 digits, laws of pieces, gates and triangles, and bad input."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.linear_attention import (
    gated_delta_rule,
    gated_delta_rule_vjp,
    gated_linear_attention,
    gated_linear_attention_vjp,
)

BATCH, STEPS, HEADS, DEPTH, VALUES = 1, 4, 2, 3, 2
ONE = (BATCH, STEPS, HEADS)


def drawn(name, *shape):
    return Stream(f"linear_attention/{name}").normal(shape)


QUERY, KEY, VALUE = drawn("q", *ONE, DEPTH), drawn("k", *ONE, DEPTH), drawn("v", *ONE, VALUES)
GATE, BETA = -np.abs(drawn("g", *ONE, DEPTH)), 1 / (1 + np.exp(drawn("β", *ONE)))
STATE = drawn("s", BATCH, HEADS, DEPTH, VALUES)
G = drawn("gy", *ONE, VALUES), drawn("gs", BATCH, HEADS, DEPTH, VALUES)


def exactly(array):
    """The numbers of an array in 40 digits."""
    return np.frompyfunc(mpmath.mpf, 1, 1)(array)


def looped(query, key, value, gate, state, scale, beta=None):
    """The definitions for each element by itself, in 40 digits; with β the delta rule."""
    q, k, v, g, held = (exactly(array) for array in (query, key, value, gate, state))
    y = np.full(value.shape, mpmath.mpf(0), dtype=object)
    for b, t, h in itertools.product(range(BATCH), range(STEPS), range(HEADS)):
        for d, u in itertools.product(range(DEPTH), range(VALUES)):
            held[b, h, d, u] *= mpmath.exp(g[b, t, h, d])
        for u in range(VALUES):
            written = v[b, t, h, u]
            if beta is not None:
                known = mpmath.fsum(held[b, h, d, u] * k[b, t, h, d] for d in range(DEPTH))
                written = mpmath.mpf(beta[b, t, h]) * (written - known)
            for d in range(DEPTH):
                held[b, h, d, u] += k[b, t, h, d] * written
            y[b, t, h, u] = scale * mpmath.fsum(q[b, t, h, d] * held[b, h, d, u] for d in range(DEPTH))
    return y, held


def of_length_one(x, epsilon):
    """Rows over the root of their sum of squares, in 40 digits."""
    rows = exactly(x)
    squares = np.sum(rows * rows, axis=-1, keepdims=True) + mpmath.mpf(epsilon)
    return rows / np.frompyfunc(mpmath.sqrt, 1, 1)(squares)


@proves(gated_linear_attention, by="high precision")
@pytest.mark.parametrize("scale", [None, 1.0])
def test_gated_sums_agree_with_loops_in_40_digits(scale):
    with mpmath.workdps(40):
        factor = 1 / mpmath.sqrt(DEPTH) if scale is None else mpmath.mpf(scale)
        wanted = looped(QUERY, KEY, VALUE, GATE, STATE, factor)
        got = gated_linear_attention(*map(carried, (QUERY, KEY, VALUE, GATE, STATE)), scale=scale)
        assert_same(got, wanted)


@proves(gated_delta_rule, by="high precision")
@pytest.mark.parametrize("normalise", [True, False])
def test_corrected_sums_agree_with_loops_in_40_digits(normalise):
    with mpmath.workdps(40):
        rows = (of_length_one(x, 1e-3) if normalise else x for x in (QUERY, KEY))
        wanted = looped(*rows, VALUE, GATE, STATE, 1 / mpmath.sqrt(DEPTH), BETA)
        given = map(carried, (QUERY, KEY, VALUE, BETA, GATE, STATE))
        assert_same(gated_delta_rule(*given, normalise=normalise, epsilon=1e-3), wanted)


@proves(gated_linear_attention, by="worked figures")
def test_three_steps_of_one_feature_that_keeps_half():
    ones, half = np.ones((1, 3, 1, 1)), np.full((1, 3, 1), np.log(0.5))
    value = np.array([8.0, 4.0, 2.0]).reshape(1, 3, 1, 1)
    y, state = gated_linear_attention(carried(ones), carried(ones), carried(value), carried(half))
    assert_same(y[0, :, 0, 0], np.array([8.0, 8.0, 6.0]))
    assert_same(state[0, 0], np.array([[6.0]]))


@proves(gated_delta_rule, by="worked figures")
def test_a_key_that_comes_again_is_given_a_new_value():
    key = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0]).reshape(1, 3, 1, 2)
    value, beta = np.array([8.0, 5.0, 2.0]).reshape(1, 3, 1, 1), np.array([1.0, 1.0, 0.5]).reshape(1, 3, 1)
    given = map(carried, (key, key, value, beta))
    y, state = gated_delta_rule(*given, normalise=False, scale=1.0)
    assert_same(y[0, :, 0, 0], np.array([8.0, 5.0, 5.0]))
    assert_same(state[0, 0], np.array([[5.0], [5.0]]))


@proves(gated_linear_attention, by="law")
def test_without_gates_it_is_causal_attention_without_a_softmax():
    y, state = gated_linear_attention(carried(QUERY), carried(KEY), carried(VALUE), scale=1.0)
    products = np.einsum("bthd,bshd->bhts", carried(QUERY), carried(KEY))
    assert_same(y, np.einsum("bhts,bshv->bthv", np.tril(products), carried(VALUE)))
    assert_same(state, np.einsum("bthd,bthv->bhdv", carried(KEY), carried(VALUE)))


@proves(gated_linear_attention, gated_linear_attention_vjp, by="law")
def test_a_gate_of_a_head_is_that_of_each_of_its_features():
    gate, rows = GATE[..., 0], map(carried, (QUERY, KEY, VALUE))
    rows = tuple(rows)
    wide = carried(np.repeat(gate[..., np.newaxis], DEPTH, axis=-1))
    given, repeated = (*rows, carried(gate), carried(STATE)), (*rows, wide, carried(STATE))
    assert_same(gated_linear_attention(*given), gated_linear_attention(*repeated))
    got = gated_linear_attention_vjp(*given, None, tuple(map(carried, G)))
    wanted = list(gated_linear_attention_vjp(*repeated, None, tuple(map(carried, G))))
    wanted[3] = np.sum(wanted[3], axis=-1)
    assert_same(got, tuple(wanted))


@proves(gated_linear_attention, gated_delta_rule, by="law")
@pytest.mark.parametrize("cut", [1, 3])
def test_two_pieces_with_the_state_between_them_are_the_whole(cut):
    for mixer, sequences in (
        (gated_linear_attention, (QUERY, KEY, VALUE, GATE)),
        (gated_delta_rule, (QUERY, KEY, VALUE, BETA, GATE)),
    ):
        whole, last = mixer(*map(carried, sequences), carried(STATE))
        first, state = mixer(*(carried(x[:, :cut]) for x in sequences), carried(STATE))
        second, end = mixer(*(carried(x[:, cut:]) for x in sequences), state)
        assert_same(np.concatenate([first, second], axis=1), whole)
        assert_same(end, last)


@proves(gated_delta_rule, gated_delta_rule_vjp, by="law")
def test_a_shared_key_has_the_gradients_of_all_that_share_it():
    query, key = QUERY[:, :, :1], KEY[:, :, :1]
    rest = tuple(map(carried, (VALUE, BETA, GATE, STATE)))
    alone = carried(query), carried(key), *rest
    copied = carried(np.repeat(query, HEADS, axis=2)), carried(np.repeat(key, HEADS, axis=2)), *rest
    assert_same(gated_delta_rule(*alone), gated_delta_rule(*copied))
    got = gated_delta_rule_vjp(*alone, None, tuple(map(carried, G)))
    wanted = gated_delta_rule_vjp(*copied, None, tuple(map(carried, G)))
    assert_same(got[:2], tuple(np.sum(of, axis=2, keepdims=True) for of in wanted[:2]))
    assert_same(got[2:], wanted[2:])


@proves(gated_delta_rule, by="law")
def test_where_keys_are_orthogonal_nothing_is_replaced():
    key = np.eye(3)[np.newaxis, :, np.newaxis] + np.zeros((BATCH, 3, HEADS, DEPTH))
    query, value, ones = QUERY[:, :3], VALUE[:, :3], np.ones((BATCH, 3, HEADS))
    got = gated_delta_rule(*map(carried, (query, key, value, ones)), normalise=False)
    assert_same(got, gated_linear_attention(*map(carried, (query, key, value))))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ((QUERY[0], KEY, VALUE), r"query must have the axes \(batch, steps, heads, depth\)"),
        ((QUERY, KEY[:, :2], VALUE), r"key must have shape \(1, 4, 2, 3\)"),
        ((QUERY, KEY, VALUE[0]), r"value must have the axes \(batch, steps, heads, values\)"),
        ((QUERY, KEY, VALUE[:, :3]), "value must have batch 1 and 4 steps"),
        ((QUERY[:, :0], KEY[:, :0], VALUE[:, :0]), "query must have at least one step"),
        ((QUERY, KEY, np.repeat(VALUE, 2, axis=2)), "value must have 2 heads; got 4"),
        ((QUERY, KEY, VALUE, GATE[..., :2]), r"gate must have shape \(1, 4, 2\) or \(1, 4, 2, 3\)"),
        ((QUERY, KEY, VALUE, None, STATE[:, :1]), r"state must have shape \(1, 2, 3, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused(given, complaint):
    with pytest.raises(ValueError, match=complaint):
        gated_linear_attention(*given)


def test_the_delta_rule_refuses_shares_and_heads_that_do_not_fit():
    with pytest.raises(ValueError, match=r"beta must have shape \(1, 4, 2\)"):
        gated_delta_rule(QUERY, KEY, VALUE, BETA[:, :1])
    with pytest.raises(ValueError, match="heads of value must be a multiple of 2; got 1"):
        gated_delta_rule(QUERY, KEY, VALUE[:, :, :1], BETA[:, :, :1])
