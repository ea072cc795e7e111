"""Losses of all pairs of a batch: worked figures, and the definitions pair by pair."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_pairs import circle, circle_vjp, ntxent, ntxent_vjp

POINTS = Stream("points").normal((5, 3))
UNITS = POINTS / np.sqrt(np.sum(np.square(POINTS), axis=-1, keepdims=True))
LABELS = np.array([0, 1, 0, 2, 1])
ONE = np.array(1.0)


def products(points):
    """Inner products of all pairs, in many digits."""
    exact = [[mpmath.mpf(float(v)) for v in row] for row in points]
    return [[mpmath.fsum(a * b for a, b in zip(x, y, strict=True)) for y in exact] for x in exact]


@proves(ntxent, by="high precision")
@pytest.mark.parametrize("temperature", [0.5, 0.0078125])
def test_each_pair_against_all_that_are_unlike(temperature):
    with mpmath.workdps(40):
        inner = products(POINTS)
        score = lambda i, j: inner[i][j] / mpmath.sqrt(inner[i][i] * inner[j][j]) / temperature  # noqa: E731
        losses = []
        for i, j in ((0, 2), (2, 0), (1, 4), (4, 1)):
            rivals = [mpmath.exp(score(i, k)) for k in range(5) if LABELS[k] != LABELS[i]]
            losses.append(mpmath.log(mpmath.exp(score(i, j)) + mpmath.fsum(rivals)) - score(i, j))
        exact = mpmath.fsum(losses) / 4
    assert_same(ntxent(carried(POINTS), LABELS, temperature=temperature), exact, size=1)


@proves(ntxent, ntxent_vjp, by="worked figures")
def test_two_alike_at_a_right_angle_to_one_that_is_not():
    x, labels = carried(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])), np.array([4, 4, 7])
    assert_same(ntxent(x, labels, temperature=1.0), mpmath.log(1 + mpmath.exp(-1)))
    (gradient,) = ntxent_vjp(x, labels, ONE, temperature=1.0)
    # Each of the two is drawn to the third by σ(-1) / 2, divided by its own length.
    away = 1 / (1 + mpmath.e) / 2
    assert_same(gradient[:, 1][:2], [away, away / 2])
    assert_same(gradient[2, 0], 2 * away / 3)


@proves(ntxent, ntxent_vjp, by="law")
def test_the_length_of_an_embedding_counts_nothing():
    x, longer = carried(POINTS), np.array([1.0, 2.0, 0.5, 4.0, 8.0])[:, np.newaxis]
    assert_same(ntxent(longer * x, LABELS), ntxent(x, LABELS))
    (gradient,) = ntxent_vjp(x, LABELS, ONE)
    assert_same(ntxent_vjp(longer * x, LABELS, ONE)[0] * longer, gradient)
    assert_same(np.sum(gradient * x, axis=-1), np.zeros(5), size=1)


@proves(circle, by="high precision")
@pytest.mark.parametrize("remove_diagonal", [True, False])
def test_the_circle_loss_pair_by_pair(remove_diagonal):
    losses = []
    with mpmath.workdps(40):
        inner, m, gamma = products(UNITS), mpmath.mpf(0.25), mpmath.mpf(2)
        for i in range(5):
            apart = [max(1 - inner[i][j], mpmath.mpf(0)) for j in range(5)]
            mine = [j for j in range(5) if LABELS[j] == LABELS[i] and (j != i or not remove_diagonal)]
            near = mpmath.fsum(mpmath.exp(gamma * (m + apart[j]) * (apart[j] - m)) for j in mine)
            others = [apart[j] for j in range(5) if LABELS[j] != LABELS[i]]
            far = mpmath.fsum(mpmath.exp(gamma * max(1 + m - d, 0) * (1 - m - d)) for d in others)
            losses.append(mpmath.log(1 + near * far))
    options = {"gamma": 2.0, "margin": 0.25, "remove_diagonal": remove_diagonal, "reduction": "none"}
    assert_same(circle(carried(UNITS), LABELS, **options), losses, size=1)


@proves(circle, circle_vjp, by="worked figures")
def test_the_circle_loss_of_two_alike_and_one_at_a_right_angle():
    x, labels = carried(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), np.array([0, 0, 1])
    options = {"gamma": 1.0, "margin": 0.5}
    # Of the two that are alike d = 0, the third has d = 1: exponents -1/4 and -1/4. It is like nothing.
    loss = mpmath.log(1 + mpmath.exp(-mpmath.mpf(1) / 2))
    assert_same(circle(x, labels, reduction="none", **options), [loss, loss, 0])
    assert_same(circle(x, labels, reduction="sum", **options), 2 * loss)
    assert_same(circle(x, labels, **options), 2 * loss / 3)
    assert_same(circle(x, labels, reduction="mean_positive", **options), loss)
    (gradient,) = circle_vjp(x, labels, None, ONE, reduction="sum", **options)
    # Slopes 2 d of like ones and -2 (1 - d) of unlike ones are 0 there.
    assert_same(gradient, np.zeros((3, 2)), size=1)


@proves(circle_vjp, by="law")
def test_means_of_the_circle_loss_share_one_gradient():
    x = carried(UNITS)
    whole = circle_vjp(x, LABELS, None, ONE, reduction="sum")[0]
    assert_same(circle_vjp(x, LABELS, None, ONE)[0], whole / 5)
    # The fourth is like nothing.
    assert_same(circle_vjp(x, LABELS, None, ONE, reduction="mean_positive")[0], whole / 4)


@proves(circle, circle_vjp, by="law")
def test_weights_of_samples_multiply_their_circle_losses():
    x, weights = carried(UNITS), np.array([0.0, 0.5, 1.0, 2.0, 0.25])
    total = np.sum(weights * circle(x, LABELS, reduction="none"))
    assert_same(circle(x, LABELS, weights, reduction="sum"), total)
    # The fourth is like nothing: neither it nor its weight counts.
    assert_same(circle(x, LABELS, weights, reduction="mean_positive"), total / 4)
    assert_same(circle(x, LABELS, weights, reduction="mean_weights"), total / 1.75)
    (gradient,) = circle_vjp(x, LABELS, None, weights, reduction="none")
    assert_same(circle_vjp(x, LABELS, weights, ONE, reduction="mean_weights")[0], gradient / 1.75, size=1)


def test_pairs_that_do_not_fit_are_named():
    for loss in (ntxent, circle):
        with pytest.raises(ValueError, match="embeddings must have the axes"):
            loss(POINTS[0], LABELS)
        with pytest.raises(ValueError, match="labels must have shape"):
            loss(POINTS, LABELS[:1])
    with pytest.raises(ValueError, match="temperature must be positive; got 0"):
        ntxent(POINTS, LABELS, temperature=0.0)
    assert np.isnan(ntxent(POINTS[:2], np.array([0, 1])))
