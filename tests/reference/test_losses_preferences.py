"""Losses of preferences: worked figures, laws, and mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.special import expit
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_language import dpo_loss, dpo_loss_vjp
from assay.reference.losses_preferences import (
    cpo_loss,
    cpo_loss_vjp,
    kto_loss,
    kto_loss_vjp,
    orpo_loss,
    orpo_loss_vjp,
)

ONE = np.array(1.0)
CHOSEN, REJECTED, OTHERS = (
    Stream(f"preferences/{name}").normal((5,)) for name in ("chosen", "rejected", "others")
)
NLL = 0.25 + np.abs(CHOSEN), 0.25 + np.abs(REJECTED)
EACH = {"reduction": "none"}


@proves(cpo_loss, cpo_loss_vjp, dpo_loss, by="law")
def test_a_preference_without_a_reference_is_one_whose_reference_is_even():
    given, even = (carried(CHOSEN), carried(REJECTED)), (np.zeros(5), np.zeros(5))
    options = {"beta": 0.5, "label_smoothing": 0.25}
    assert_same(cpo_loss(*given, **options), dpo_loss(*given, *even, **options))
    assert_same(cpo_loss_vjp(*given, None, None, ONE, **options), dpo_loss_vjp(*given, *even, ONE, **options))


@proves(cpo_loss, cpo_loss_vjp, by="worked figures")
def test_an_answer_twice_as_likely_by_token_and_the_margin_that_it_keeps():
    # -2 over 1 token and -12 over 4: one ahead, and behind by the margin of 1: log 2, and -1 over σ' = 1/2.
    given = (carried(np.array([-2.0])), carried(np.array([-12.0])), np.array([1]), np.array([4]))
    options = {"beta": 1.0, "margin": 1.0, "nll_weight": 0.5}
    assert_same(cpo_loss(*given, **options), mpmath.log(2) + 1)
    assert_same(cpo_loss_vjp(*given, ONE, **options), ([-1.0], [0.125]))


@proves(orpo_loss, orpo_loss_vjp, by="high precision")
def test_the_odds_of_answers_in_forty_digits():
    losses, slopes = [], ([], [])
    with mpmath.workdps(40):
        for c, r in zip(*NLL, strict=True):

            def loss(a, b):
                p, q = mpmath.exp(-a), mpmath.exp(-b)
                odds = (p / (1 - p)) / (q / (1 - q))
                return a - mpmath.log(odds / (1 + odds)) / 4

            c, r = mpmath.mpf(float(c)), mpmath.mpf(float(r))
            losses.append(loss(c, r))
            slopes[0].append(mpmath.diff(loss, (c, r), (1, 0)))
            slopes[1].append(mpmath.diff(loss, (c, r), (0, 1)))
    given = tuple(map(carried, NLL))
    assert_same(orpo_loss(*given, weight=0.25, **EACH), losses)
    assert_same(orpo_loss_vjp(*given, np.ones(5), weight=0.25, **EACH), slopes, size=1)


@proves(orpo_loss, orpo_loss_vjp, by="worked figures")
def test_answers_of_even_odds():
    # Probabilities of 1/2 have odds of 1: log 2 for the likelihood, log 2 for the ratio; σ(0) / (1/2) = 1.
    half = carried(np.array([np.log(2.0)]))
    assert_same(orpo_loss(half, half, weight=1.0), 2 * mpmath.log(2))
    assert_same(orpo_loss_vjp(half, half, ONE, weight=1.0), ([2.0], [-1.0]))


@proves(kto_loss, kto_loss_vjp, by="worked figures")
def test_what_is_desirable_and_what_is_not_against_where_the_policy_stands():
    x, reference, labels = carried(np.array([1.0, 1.0])), np.array([0.0, -2.0]), np.array([1, 0])
    options = {"beta": 0.5, "desirable": 2.0, "undesirable": 3.0, **EACH}
    # The others stand at 1: 0 and 2 ahead, so λ σ(0) = 1 of the first, and 3 σ(1) of the second.
    found = kto_loss(x, reference, labels, np.array([0.0, 2.0]), **options)
    sigma = 1 / (1 + mpmath.exp(-1))
    assert_same(found, [mpmath.mpf(1), 3 * sigma])
    (gradient,) = kto_loss_vjp(x, reference, labels, np.array([0.0, 2.0]), np.ones(2), **options)
    assert_same(gradient, [-mpmath.mpf(1) / 4, 3 * sigma * (1 - sigma) / 2])


@proves(kto_loss, kto_loss_vjp, by="law")
def test_where_a_policy_stands_is_never_below_its_reference():
    labels = np.array([1, 0, 1, 0, 1])
    given = carried(CHOSEN), REJECTED, labels
    behind, even = -np.abs(OTHERS), np.zeros(5)
    assert_same(kto_loss(*given, behind), kto_loss(*given, even))
    assert_same(kto_loss_vjp(*given, behind, ONE), kto_loss_vjp(*given, even, ONE))
    # Both kinds of one answer share what there is.
    both = [kto_loss(*given[:2], np.full(5, kind), OTHERS, **EACH) for kind in (0, 1)]
    assert_same(both[0] + both[1], np.ones(5), size=10)
    ahead = 0.1 * (carried(CHOSEN) - REJECTED)
    assert_same(kto_loss(*given[:2], np.zeros(5, int), even, **EACH), expit(ahead))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cpo_loss(CHOSEN, REJECTED[:2]), "rejected must have shape"),
        (lambda: cpo_loss(CHOSEN, REJECTED, np.ones(5)), "give the lengths of both"),
        (lambda: cpo_loss(CHOSEN, REJECTED, np.ones(5), np.ones(2)), "rejected_lengths must have shape"),
        (lambda: orpo_loss(NLL[0], NLL[1][:2]), "rejected_nll must have shape"),
        (lambda: kto_loss(CHOSEN, REJECTED, np.full(5, 2), OTHERS), "labels must be 0 or 1"),
        (lambda: kto_loss(CHOSEN, REJECTED, np.ones(2), OTHERS), "labels must have shape"),
        (lambda: kto_loss(CHOSEN, REJECTED, np.ones(5), OTHERS[:, np.newaxis]), "other_log_ratios must have"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
