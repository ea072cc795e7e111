"""Routing: figures by hand, 40 digits, laws of softmax and balance, and bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.routing import (
    load_balancing_loss,
    load_balancing_loss_vjp,
    router_z_loss,
    router_z_loss_vjp,
    topk_router,
    topk_router_vjp,
)
from assay.reference.softmax import softmax, softmax_vjp

LOGITS = Stream("routing/logits").normal((5, 4))
BIAS = np.array([-3.0, -1.5, -4.0, -2.0])


@proves(topk_router, by="worked figures")
def test_weights_of_two_experts_in_fractions():
    logits = np.log(np.array([[1.0, 2.0, 5.0, 2.0]]))
    weights, experts = topk_router(carried(logits))
    assert_same(weights[0], ["0.71428571428571", "0.28571428571429"])
    assert experts.tolist() == [[2, 1]]
    weights, experts = topk_router(carried(logits), renormalise=False, factor=2.0)
    assert_same(weights[0], ["1.00000000000000", "0.40000000000000"])
    weights, experts = topk_router(carried(logits), np.array([0.9, 0.0, 0.0, 0.35]), renormalise=False)
    assert experts.tolist() == [[0, 3]]
    assert_same(weights[0], ["0.10000000000000", "0.20000000000000"])


@proves(topk_router, by="high precision")
@pytest.mark.parametrize("renormalise", [True, False])
@pytest.mark.parametrize("score", ["softmax", "sigmoid"])
@pytest.mark.parametrize("bias", [None, BIAS])
def test_agrees_with_its_definition_in_40_digits(bias, score, renormalise):
    weights, experts = topk_router(carried(LOGITS), bias, score=score, renormalise=renormalise, factor=2.5)
    with mpmath.workdps(40):
        for row, got, chosen in zip(LOGITS, weights, experts, strict=True):
            powers = [mpmath.exp(mpmath.mpf(v)) for v in row]
            scores = [p / sum(powers) if score == "softmax" else p / (1 + p) for p in powers]
            keys = [
                s + mpmath.mpf(b) for s, b in zip(scores, [0.0] * 4 if bias is None else bias, strict=True)
            ]
            order = sorted(range(4), key=lambda e: -keys[e])[:2]
            total = sum(scores[e] for e in order) if renormalise else 1
            assert chosen.tolist() == order
            assert_same(got, np.array([mpmath.mpf(2.5) * scores[e] / total for e in order], dtype=object))


@proves(topk_router, topk_router_vjp, by="law")
def test_of_all_experts_the_weights_are_the_softmax_in_order():
    weights, experts = topk_router(carried(LOGITS), k=4)
    assert_same(weights, np.take_along_axis(softmax(carried(LOGITS)), experts.astype(int), axis=-1))
    g = Stream("routing/g").normal((5, 4))
    (through,) = topk_router_vjp(
        carried(LOGITS), None, carried(np.take_along_axis(g, experts.astype(int), -1)), k=4
    )
    assert_same(through, softmax_vjp(carried(LOGITS), carried(g))[0])


@proves(topk_router, by="law")
def test_renormalised_weights_are_the_softmax_of_what_is_chosen():
    weights, experts = topk_router(carried(LOGITS), k=3)
    assert_same(weights, softmax(np.take_along_axis(carried(LOGITS), experts.astype(int), axis=-1)))


def test_of_equals_the_first_is_chosen():
    logits = np.array([[1.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    assert topk_router(logits)[1].tolist() == [[1, 2], [0, 1]]
    assert topk_router(logits, np.array([1.0, 1.0, 0.0, 1.0]))[1].tolist() == [[1, 3], [0, 1]]


@proves(load_balancing_loss, by="worked figures")
def test_the_loss_of_two_tokens_in_fractions():
    logits = np.log(np.array([[1.0, 3.0], [2.0, 3.0]]))
    assert_same(load_balancing_loss(carried(logits), k=1), "1.350000000000")
    assert_same(load_balancing_loss(carried(logits), k=2), "2.000000000000")
    assert_same(load_balancing_loss(carried(logits), k=2, share="choices"), "1.000000000000")


@proves(load_balancing_loss, load_balancing_loss_vjp, by="law")
def test_in_balance_the_loss_is_k_and_has_no_gradient():
    logits = np.log(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert_same(load_balancing_loss(carried(logits), k=1), 1.0)
    assert_same(
        load_balancing_loss_vjp(carried(logits), carried(np.array(1.0)), k=1)[0], np.zeros((2, 2)), size=1
    )


@proves(load_balancing_loss, by="high precision")
@pytest.mark.parametrize("share", ["tokens", "choices"])
def test_the_loss_agrees_with_its_definition_in_40_digits(share):
    with mpmath.workdps(40):
        exact = mpmath.mpf(0)
        powers = [[mpmath.exp(mpmath.mpf(v)) for v in row] for row in LOGITS]
        for e in range(4):
            picked = sum(sorted(range(4), key=lambda i: -row[i]).index(e) < 2 for row in LOGITS)
            mean = sum(row[e] / sum(row) for row in powers) / 5
            exact += 4 * mpmath.mpf(picked) / (5 * (2 if share == "choices" else 1)) * mean
    assert_same(load_balancing_loss(carried(LOGITS), share=share), np.array(exact, dtype=object))


@proves(router_z_loss, by="worked figures")
def test_logits_whose_exponentials_sum_to_one_cost_nothing():
    logits = np.log(np.array([[0.25, 0.75], [0.5, 0.5]]))
    assert_same(router_z_loss(carried(logits)), 0.0, size=1)
    assert_same(router_z_loss(carried(np.array([[2.0], [4.0]]))), 10.0)


@proves(router_z_loss, by="high precision")
def test_the_z_loss_agrees_with_its_definition_in_40_digits():
    with mpmath.workdps(40):
        logs = [mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(v)) for v in row)) for row in LOGITS]
        exact = mpmath.fsum(z**2 for z in logs) / 5
    assert_same(router_z_loss(carried(LOGITS)), np.array(exact, dtype=object))


@proves(router_z_loss_vjp, by="law")
def test_the_gradient_of_a_token_sums_to_twice_its_logarithm():
    (gradient,) = router_z_loss_vjp(carried(LOGITS), carried(np.array(5.0)))
    logs = np.log(np.sum(np.exp(carried(LOGITS)), axis=-1))
    assert_same(np.sum(gradient, axis=-1), 2.0 * logs)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: topk_router(LOGITS, k=5), "k must be from 0 to the 4 features; got 5"),
        (lambda: topk_router(LOGITS, BIAS[:3]), r"bias must have shape \(4,\)"),
        (lambda: topk_router(LOGITS, score="tanh"), "score must be softmax or sigmoid; got 'tanh'"),
        (lambda: topk_router(LOGITS[0]), r"logits must have the axes \(tokens, experts\)"),
        (lambda: load_balancing_loss(LOGITS, k=5), "k must be from 0 to the 4 features; got 5"),
        (lambda: load_balancing_loss(LOGITS, share="x"), "share must be tokens or choices; got 'x'"),
        (lambda: load_balancing_loss(LOGITS[0]), r"logits must have the axes \(tokens, experts\)"),
        (lambda: router_z_loss(LOGITS[0]), r"logits must have the axes \(tokens, experts\)"),
    ],
)
def test_what_cannot_be_routed_is_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
