"""Losses of regression: worked figures, limits, and the laws that tie them to each other."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_regression import (
    huber,
    huber_vjp,
    mean_squared_error,
    mean_squared_error_vjp,
    smooth_l1,
    smooth_l1_vjp,
)

X = 3.0 * Stream("predictions").normal((3, 17))
T = Stream("targets").normal((3, 17))


@proves(mean_squared_error, mean_squared_error_vjp, by="worked figures")
def test_mean_squared_error_of_worked_figures():
    x, t = np.array([[1.0, 4.0], [2.0, -1.0]]), np.array([[0.0, 2.0], [2.0, 2.0]])
    assert_same(mean_squared_error(x, t), 3.5)
    assert_same(mean_squared_error(x, t, factor=0.5, reduction="sum"), 7.0)
    assert_same(mean_squared_error(x, t, reduction="none", row_mean=True), [2.5, 4.5])
    assert_same(mean_squared_error(x, t, reduction="sum", row_mean=True), 7.0)
    gradient, of_targets = mean_squared_error_vjp(x, t, np.array(2.0))
    assert_same(gradient, [[1.0, 2.0], [0.0, -3.0]])
    assert_same(of_targets, [[-1.0, -2.0], [0.0, 3.0]])


@proves(huber, huber_vjp, by="worked figures")
def test_huber_of_worked_figures():
    x, t = np.array([0.0, 0.5, 2.0, 5.0]), np.zeros(4)
    assert_same(huber(x, t, delta=2.0, reduction="none"), [0.0, 0.125, 2.0, 8.0])
    gradient, of_targets = huber_vjp(x, t, np.ones(4), delta=2.0, reduction="none")
    assert_same(gradient, [0.0, 0.5, 2.0, 2.0])
    assert_same(of_targets, [0.0, -0.5, -2.0, -2.0])


@proves(smooth_l1, smooth_l1_vjp, by="worked figures")
def test_smooth_l1_of_worked_figures():
    x, t = np.array([-3.0, 0.25, 0.5]), np.zeros(3)
    assert_same(smooth_l1(x, t, beta=0.5, reduction="none"), [2.75, 0.0625, 0.25])
    assert_same(smooth_l1(x, t, beta=0.0, reduction="none"), [3.0, 0.25, 0.5])
    gradient, of_targets = smooth_l1_vjp(x, t, np.ones(3), beta=0.5, reduction="none")
    assert_same(gradient, [-1.0, 0.5, 1.0])
    assert_same(of_targets, [1.0, -0.5, -1.0])


@proves(smooth_l1, huber, by="law")
@pytest.mark.parametrize("beta", [0.3, 1.0, 2.5])
def test_smooth_l1_is_huber_divided_by_its_threshold(beta):
    x, t = carried(X), carried(T)
    assert_same(smooth_l1(x, t, beta=beta), huber(x, t, delta=beta) / beta)


@proves(huber, mean_squared_error, by="law")
def test_huber_of_small_errors_is_half_the_squared_error():
    x, t = carried(1e-3 * X), carried(1e-3 * T)
    assert_same(huber(x, t, delta=1.0), mean_squared_error(x, t, factor=0.5))


@proves(huber, by="law")
def test_huber_of_large_errors_is_a_line():
    x, t = carried(X + 100.0), carried(T)
    line = np.mean(0.3 * np.abs(x - t) - 0.5 * 0.3 * 0.3)
    assert_same(huber(x, t, delta=0.3), line)


def test_huber_and_its_gradient_are_continuous_at_the_threshold():
    at, above = np.array([1.0]), np.array([np.nextafter(1.0, 2.0)])
    assert huber(above, np.zeros(1)) - huber(at, np.zeros(1)) == above - at
    assert np.all(
        huber_vjp(at, np.zeros(1), np.array(1.0))[0] == huber_vjp(above, np.zeros(1), np.array(1.0))[0]
    )


@proves(mean_squared_error, by="law")
def test_mean_of_row_means_is_the_mean():
    x, t = carried(X), carried(T)
    assert_same(mean_squared_error(x, t, row_mean=True), mean_squared_error(x, t))


@proves(mean_squared_error, huber, smooth_l1, by="high precision")
def test_losses_agree_with_many_digits():
    with mpmath.workdps(60):
        errors = [mpmath.mpf(x) - mpmath.mpf(t) for x, t in zip(X.ravel(), T.ravel(), strict=True)]
        square = sum(e**2 for e in errors) / len(errors)
        delta = mpmath.mpf(0.3)
        line = [e**2 / 2 if abs(e) <= delta else delta * (abs(e) - delta / 2) for e in errors]
        exact = square, sum(line) / len(line), sum(line) / len(line) / delta
    x, t = carried(X), carried(T)
    losses = mean_squared_error(x, t), huber(x, t, delta=0.3), smooth_l1(x, t, beta=0.3)
    for loss, digits in zip(losses, exact, strict=True):
        assert_same(loss, digits)


@pytest.mark.parametrize(("nan_sign", "expected"), [("nan", np.nan), ("zero", 0.0), ("negative", -1.0)])
def test_gradient_of_a_nan_error_is_what_the_facet_says(nan_sign, expected):
    gradient, _ = smooth_l1_vjp(np.array([np.nan]), np.zeros(1), np.array(1.0), nan_sign=nan_sign)
    assert_same(gradient, [expected])


@pytest.mark.parametrize("loss", [mean_squared_error, huber, smooth_l1])
def test_targets_are_never_broadcast(loss):
    with pytest.raises(ValueError, match=r"targets must have shape \(3, 17\)"):
        loss(X, T[:, :1])


def test_thresholds_and_reductions_out_of_range_are_named():
    with pytest.raises(ValueError, match="delta must be positive; got 0"):
        huber(X, T, delta=0.0)
    with pytest.raises(ValueError, match="beta must not be negative; got -1"):
        smooth_l1(X, T, beta=-1.0)
    with pytest.raises(ValueError, match="reduction must be one of mean, none, sum; got 'average'"):
        mean_squared_error(X, T, reduction="average")
