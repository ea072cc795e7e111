"""Losses that are given probabilities: worked figures, many digits, and laws."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.special import expit
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_classification import (
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    softmax_cross_entropy_vjp,
)
from assay.reference.losses_probabilities import (
    binary_cross_entropy,
    binary_cross_entropy_vjp,
    categorical_cross_entropy,
    categorical_cross_entropy_vjp,
)
from assay.reference.softmax import softmax, softmax_vjp

LOGITS = 4.0 * Stream("logits").normal((5, 3, 7))
LABELS = Stream("labels").integers(0, 7, (5, 3))
TARGETS = Stream("targets").uniform((5, 3, 7))
ONE_HOT = np.eye(7)[LABELS]

P = carried(np.array([[0.5, 0.25, 0.0], [0.25, 0.25, 1.0]]))
T = carried(np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]))
ROW_COTANGENT = carried(np.array([2.0, 4.0]))
LOG_2 = mpmath.log(2)


@proves(categorical_cross_entropy, categorical_cross_entropy_vjp, by="worked figures")
def test_categorical_cross_entropy_of_worked_figures():
    assert_same(categorical_cross_entropy(P, T), [3 * LOG_2 / 2, 2 * LOG_2])
    of_predictions, _ = categorical_cross_entropy_vjp(P, T, None, ROW_COTANGENT)
    assert_same(of_predictions, [[-2.0, -4.0, 0.0], [0.0, -16.0, 0.0]])


@proves(categorical_cross_entropy, categorical_cross_entropy_vjp, by="worked figures")
def test_labels_and_rows_of_any_sum_of_worked_figures():
    # Divided by their sums, the probabilities of the labels are 2/3 and 1/6.
    labels = np.array([0, 1])
    losses = categorical_cross_entropy(P, None, labels, normalized="before")
    assert_same(losses, [mpmath.log(mpmath.mpf(3) / 2), mpmath.log(6)])
    of_predictions, of_targets = categorical_cross_entropy_vjp(
        P, None, labels, ROW_COTANGENT, normalized="before"
    )
    third = mpmath.mpf(8) / 3
    assert_same(of_predictions, [[third - 4, third, third], [third, third - 16, third]])
    assert of_targets is None


@proves(binary_cross_entropy, binary_cross_entropy_vjp, by="worked figures")
def test_binary_cross_entropy_of_worked_figures():
    p, t = carried(np.array([[0.5, 0.25]])), carried(np.array([[1.0, 0.5]]))
    assert_same(binary_cross_entropy(p, t), [[LOG_2, 2 * LOG_2 - mpmath.log(3) / 2]])
    of_predictions, of_targets = binary_cross_entropy_vjp(p, t, carried(np.array([[3.0, 3.0]])))
    assert_same(of_predictions, [[-6.0, -4.0]])
    assert_same(of_targets, [[0.0, 3 * mpmath.log(3)]])


@proves(categorical_cross_entropy, binary_cross_entropy, by="high precision")
@pytest.mark.parametrize("epsilon", [1e-7, 1e-3])
def test_clipped_losses_agree_with_many_digits(epsilon):
    p, t = np.array([0.0, 1e-5, 0.3, 0.75, 1.0]), np.array([1.0, 0.25, 0.5, 0.0, 0.125])
    with mpmath.workdps(60):
        low, high = mpmath.mpf(epsilon), mpmath.mpf(1.0 - epsilon)
        held = [min(max(mpmath.mpf(q), low), high) for q in p]
        terms = [
            -share * mpmath.log(q) - (1 - share) * mpmath.log(1 - q) for share, q in zip(t, held, strict=True)
        ]
        exact = -mpmath.fsum(share * mpmath.log(q) for share, q in zip(t, held, strict=True))
    rows = carried(p[np.newaxis]), carried(t[np.newaxis])
    assert_same(categorical_cross_entropy(*rows, epsilon=epsilon), [exact])
    assert_same(binary_cross_entropy(*rows, guard="clip", epsilon=epsilon), [terms])


@proves(categorical_cross_entropy, softmax_cross_entropy, by="law")
@pytest.mark.parametrize("normalized", ["none", "before"])
def test_cross_entropy_of_logits_is_that_of_their_softmax(normalized):
    logits, targets = carried(LOGITS[0]), carried(TARGETS[0])
    after = categorical_cross_entropy(softmax(logits), targets, normalized=normalized)
    assert_same(after, softmax_cross_entropy(logits, targets, reduction="none"))


@proves(categorical_cross_entropy_vjp, softmax_cross_entropy_vjp, by="law")
def test_gradient_through_the_softmax_is_that_of_the_logits():
    logits, targets, rows = carried(LOGITS[0]), carried(TARGETS[0]), carried(np.array([1.0, -2.0, 0.5]))
    of_p, of_targets = categorical_cross_entropy_vjp(softmax(logits), targets, None, rows)
    expected = softmax_cross_entropy_vjp(logits, targets, None, rows, reduction="none")
    assert_same((*softmax_vjp(logits, of_p), of_targets), expected)


@proves(binary_cross_entropy, sigmoid_cross_entropy, by="law")
def test_binary_cross_entropy_of_logits_is_that_of_their_sigmoid():
    logits, targets = carried(LOGITS[0]), carried(TARGETS[0])
    losses = binary_cross_entropy(expit(logits), targets)
    assert_same(losses, sigmoid_cross_entropy(logits, targets, reduction="none"))


@proves(binary_cross_entropy_vjp, by="law")
def test_bounded_gradient_of_binary_cross_entropy_is_exact_away_from_the_ends():
    p, t, g = carried(expit(LOGITS[0])), carried(TARGETS[0]), carried(LOGITS[1])
    bounded = binary_cross_entropy_vjp(p, t, g, guard="log", gradient="bounded")
    assert_same(bounded, binary_cross_entropy_vjp(p, t, g))


@proves(categorical_cross_entropy, by="law")
def test_one_class_is_a_distribution_with_one_share():
    p = carried(softmax(LOGITS[0]) * 0.5)
    for normalized in ("none", "before"):
        of_labels = categorical_cross_entropy(p, None, LABELS[0], normalized=normalized)
        assert_same(of_labels, categorical_cross_entropy(p, carried(ONE_HOT[0]), normalized=normalized))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"guard": "none"}, np.inf),
        ({"guard": "log"}, 100.0),
        ({"guard": "clip"}, -np.log(1e-7)),
        ({"guard": "add", "epsilon": 1e-3}, -np.log(1e-3)),
    ],
)
def test_what_an_impossible_target_costs_depends_on_the_guard(options, expected):
    with np.errstate(divide="ignore", invalid="ignore"):
        assert binary_cross_entropy(np.zeros((1, 1)), np.ones((1, 1)), **options) == expected
        assert categorical_cross_entropy(np.array([[0.0, 1.0]]), None, np.array([0])) == np.inf


@pytest.mark.parametrize(("zero_target", "expected"), [("zero", 0.0), ("nan", np.nan)])
def test_gradient_of_a_class_without_share_and_probability_is_what_the_facet_says(zero_target, expected):
    with np.errstate(divide="ignore", invalid="ignore"):
        (gradient, _) = categorical_cross_entropy_vjp(
            np.array([[0.0, 1.0]]), None, np.array([1]), np.ones(1), zero_target=zero_target
        )
    assert_same(gradient, [[expected, -1.0]])


def test_clipped_probabilities_have_no_gradient():
    p, t = np.array([[0.0, 1.0, 0.5]]), np.array([[1.0, 1.0, 0.0]])
    gradient, _ = categorical_cross_entropy_vjp(p, t, None, np.ones(1), epsilon=1e-3)
    assert not gradient.any()
    gradient, _ = binary_cross_entropy_vjp(p, 1.0 - t, np.ones((1, 3)), guard="clip")
    assert_same(gradient, [[0.0, 0.0, -2.0]])
