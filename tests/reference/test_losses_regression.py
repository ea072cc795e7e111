"""Losses of regression: worked figures, limits, and the laws that tie them to each other."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from assay.numerics.carried import carry
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import tolerance
from assay.reference.losses_regression import huber, huber_vjp, mean_squared_error, smooth_l1, smooth_l1_vjp

(FLOAT64,) = profiles("float64")
X = 3.0 * Stream("predictions").normal((3, 17))
T = Stream("targets").normal((3, 17))


def agree(left, right):
    """Whether two error-carrying results may be the same number."""
    gap = np.abs(left.value - right.value)
    return np.all(gap <= tolerance(left, independent=False) + tolerance(right, independent=False))


def test_mean_squared_error_of_worked_figures():
    x, t = np.array([[1.0, 4.0], [2.0, -1.0]]), np.array([[0.0, 2.0], [2.0, 2.0]])
    assert mean_squared_error(x, t) == 3.5
    assert mean_squared_error(x, t, factor=0.5, reduction="sum") == 7.0
    assert mean_squared_error(x, t, reduction="none", row_mean=True).tolist() == [2.5, 4.5]
    assert mean_squared_error(x, t, reduction="sum", row_mean=True) == 7.0


def test_huber_of_worked_figures():
    x, t = np.array([0.0, 0.5, 2.0, 5.0]), np.zeros(4)
    assert huber(x, t, delta=2.0, reduction="none").tolist() == [0.0, 0.125, 2.0, 8.0]
    assert huber_vjp(x, t, np.ones(4), delta=2.0, reduction="none")[0].tolist() == [0.0, 0.5, 2.0, 2.0]


def test_smooth_l1_of_worked_figures():
    x, t = np.array([-3.0, 0.25, 0.5]), np.zeros(3)
    assert smooth_l1(x, t, beta=0.5, reduction="none").tolist() == [2.75, 0.0625, 0.25]
    assert smooth_l1(x, t, beta=0.0, reduction="none").tolist() == [3.0, 0.25, 0.5]


@pytest.mark.parametrize("beta", [0.3, 1.0, 2.5])
def test_smooth_l1_is_huber_divided_by_its_threshold(beta):
    x, t = carry(X, FLOAT64), carry(T, FLOAT64)
    assert agree(smooth_l1(x, t, beta=beta), huber(x, t, delta=beta) / beta)


def test_huber_of_small_errors_is_half_the_squared_error():
    x, t = carry(1e-3 * X, FLOAT64), carry(1e-3 * T, FLOAT64)
    assert agree(huber(x, t, delta=1.0), mean_squared_error(x, t, factor=0.5))


def test_huber_of_large_errors_is_a_line():
    x, t = carry(X + 100.0, FLOAT64), carry(T, FLOAT64)
    line = np.mean(0.3 * np.abs(x - t) - 0.5 * 0.3 * 0.3)
    assert agree(huber(x, t, delta=0.3), line)


def test_huber_and_its_gradient_are_continuous_at_the_threshold():
    at, above = np.array([1.0]), np.array([np.nextafter(1.0, 2.0)])
    assert huber(above, np.zeros(1)) - huber(at, np.zeros(1)) == above - at
    assert np.all(
        huber_vjp(at, np.zeros(1), np.array(1.0))[0] == huber_vjp(above, np.zeros(1), np.array(1.0))[0]
    )


def test_mean_of_row_means_is_the_mean():
    x, t = carry(X, FLOAT64), carry(T, FLOAT64)
    assert agree(mean_squared_error(x, t, row_mean=True), mean_squared_error(x, t))


def test_losses_agree_with_many_digits():
    with mpmath.workdps(60):
        errors = [mpmath.mpf(x) - mpmath.mpf(t) for x, t in zip(X.ravel(), T.ravel(), strict=True)]
        square = sum(e**2 for e in errors) / len(errors)
        delta = mpmath.mpf(0.3)
        line = [e**2 / 2 if abs(e) <= delta else delta * (abs(e) - delta / 2) for e in errors]
        exact = float(square), float(sum(line) / len(line))
    x, t = carry(X, FLOAT64), carry(T, FLOAT64)
    for expected, got in zip(exact, (mean_squared_error(x, t), huber(x, t, delta=0.3)), strict=True):
        assert abs(got.value - expected) <= tolerance(got, independent=False)


@pytest.mark.parametrize(("nan_sign", "expected"), [("nan", np.nan), ("zero", 0.0), ("negative", -1.0)])
def test_gradient_of_a_nan_error_is_what_the_facet_says(nan_sign, expected):
    gradient, _ = smooth_l1_vjp(np.array([np.nan]), np.zeros(1), np.array(1.0), nan_sign=nan_sign)
    np.testing.assert_array_equal(gradient, [expected])


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
