"""Losses of regression: worked figures, limits, and the laws that tie them to each other."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_regression import (
    cosine_similarity,
    cosine_similarity_vjp,
    gaussian_nll,
    gaussian_nll_vjp,
    huber,
    huber_vjp,
    log_cosh,
    log_cosh_vjp,
    mean_absolute_error,
    mean_absolute_error_vjp,
    mean_absolute_percentage_error,
    mean_absolute_percentage_error_vjp,
    mean_squared_error,
    mean_squared_error_vjp,
    mean_squared_logarithmic_error,
    mean_squared_logarithmic_error_vjp,
    poisson_nll,
    poisson_nll_vjp,
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


@proves(mean_absolute_error, mean_absolute_error_vjp, by="worked figures")
def test_mean_absolute_error_of_worked_figures():
    x, t, w = np.array([[1.0, 4.0], [2.0, -1.0]]), np.array([[0.0, 2.0], [2.0, 2.0]]), np.array([2.0, 0.0])
    assert_same(mean_absolute_error(x, t), 1.5)
    assert_same(mean_absolute_error(x, t, w), 1.5)
    assert_same(mean_absolute_error(x, t, np.array([3.0, 1.0]), reduction="mean_weights"), 1.5)
    assert_same(mean_absolute_error(x, t, w, reduction="mean_counted"), 3.0)
    assert_same(mean_absolute_error(x, t, w, reduction="none", row_mean=True), [3.0, 0.0])
    ones = [[1.0, 1.0], [0.0, -1.0]]
    assert_same(mean_absolute_error_vjp(x, t, np.array(4.0))[0], ones)
    gradient, of_targets = mean_absolute_error_vjp(x, t, w, np.array(1.0), reduction="mean_counted")
    assert_same(gradient, [[1.0, 1.0], [0.0, 0.0]])
    assert_same(of_targets, -gradient)


@proves(mean_absolute_error, by="law")
def test_weights_of_one_are_none_and_a_weight_of_two_is_a_sample_twice():
    x, t, ones = carried(X), carried(T), np.ones(3)
    for reduction in ("mean", "mean_weights", "mean_counted"):
        assert_same(mean_absolute_error(x, t, ones, reduction=reduction), mean_absolute_error(x, t))
    twice = mean_absolute_error(x, t, np.array([2.0, 1.0, 1.0]), reduction="mean_weights")
    assert_same(twice, mean_absolute_error(carried(X[[0, 0, 1, 2]]), carried(T[[0, 0, 1, 2]])))


@proves(mean_absolute_error, smooth_l1, by="law")
def test_mean_absolute_error_is_smooth_l1_without_a_curve():
    assert_same(mean_absolute_error(carried(X), carried(T)), smooth_l1(carried(X), carried(T), beta=0.0))


@proves(log_cosh, log_cosh_vjp, by="high precision")
def test_log_cosh_keeps_its_digits_near_zero_and_far_out():
    errors = np.array([1e-9, -1e-4, 0.3, 0.999, 1.0, -5.0, 800.0, 1e300])
    with mpmath.workdps(60):
        exact = [mpmath.log(mpmath.cosh(e)) if abs(e) < 1e4 else abs(e) - mpmath.log(2) for e in errors]
        slopes = [mpmath.tanh(mpmath.mpf(e)) for e in errors[:-1]]
    for error, value in zip(errors, exact, strict=True):
        assert_same(log_cosh(carried(np.array([error])), np.zeros(1)), value)
    for error, slope in zip(errors, slopes, strict=False):
        (gradient, _) = log_cosh_vjp(carried(np.array([error])), np.zeros(1), np.array(1.0))
        assert_same(gradient, slope)


@proves(log_cosh, by="law")
def test_log_cosh_is_even_and_below_half_the_square():
    x, t = carried(X), carried(T)
    assert_same(log_cosh(x, t), log_cosh(t, x))
    assert np.all(log_cosh(X, T, reduction="none") <= mean_squared_error(X, T, factor=0.5, reduction="none"))


@proves(log_cosh_vjp, mean_absolute_error_vjp, by="worked figures")
def test_an_infinite_error_pulls_with_the_slope_of_the_absolute_value():
    x, t = np.array([np.inf, -np.inf]), np.zeros(2)
    for loss, vjp in ((log_cosh, log_cosh_vjp), (mean_absolute_error, mean_absolute_error_vjp)):
        assert_same(loss(x, t, reduction="none"), [np.inf, np.inf])
        assert_same(vjp(x, t, np.ones(2), reduction="none"), ([1.0, -1.0], [-1.0, 1.0]))


@proves(mean_absolute_percentage_error, mean_absolute_percentage_error_vjp, by="worked figures")
def test_mean_absolute_percentage_error_of_worked_figures():
    x, t = np.array([1.0, 3.0, 1.0]), np.array([2.0, -4.0, 0.0])
    losses = mean_absolute_percentage_error(x, t, epsilon=0.5, reduction="none")
    assert_same(losses, [50.0, 175.0, 200.0])
    gradient, of_targets = mean_absolute_percentage_error_vjp(x, t, np.ones(3), epsilon=0.5, reduction="none")
    assert_same(gradient, [-50.0, 25.0, 200.0])
    assert_same(of_targets, [25.0, 18.75, -200.0])


@proves(mean_absolute_percentage_error, by="law")
def test_percentages_have_no_unit():
    x, t = carried(X), carried(T)
    assert_same(mean_absolute_percentage_error(4 * x, 4 * t), mean_absolute_percentage_error(x, t))


@proves(mean_squared_logarithmic_error, mean_squared_logarithmic_error_vjp, by="worked figures")
def test_mean_squared_logarithmic_error_of_worked_figures():
    x, t = np.array([1.0, -5.0, 0.0]), np.array([1.0, 0.0, -1.0])
    assert_same(mean_squared_logarithmic_error(x, t, epsilon=0.0, reduction="none"), np.zeros(3))
    x, t = carried(np.array([np.e - 1.0])), np.zeros(1)
    assert_same(mean_squared_logarithmic_error(x, t, epsilon=0.0), 1.0)
    gradient, of_targets = mean_squared_logarithmic_error_vjp(x, t, np.array(1.0), epsilon=0.0)
    assert_same(gradient, [2.0 / np.e], size=1)
    assert_same(of_targets, [0.0])


@proves(mean_squared_logarithmic_error, mean_squared_error, by="law")
def test_squared_logarithmic_error_is_the_squared_error_of_logarithms():
    x, t = carried(np.abs(X)), carried(np.abs(T))
    logarithmic = mean_squared_logarithmic_error(x, t, epsilon=0.0)
    assert_same(logarithmic, mean_squared_error(np.log1p(x), np.log1p(t)))


@proves(poisson_nll, poisson_nll_vjp, by="worked figures")
def test_poisson_nll_of_worked_figures():
    rates, t = np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.0, 2.0])
    losses = poisson_nll(None, carried(rates), t, epsilon=0.0, reduction="none")
    with mpmath.workdps(40):
        assert_same(losses[2], 4 - 2 * mpmath.log(4))
        stirling = 2 * mpmath.log(2) - 2 + mpmath.log(4 * mpmath.pi) / 2
        full = poisson_nll(None, carried(rates), t, epsilon=0.0, full=True, reduction="none")
        assert_same(full[2], 4 - 2 * mpmath.log(4) + stirling)
    assert_same(losses[:2], [1.0, 2.0])
    assert_same(full[:2], [1.0, 2.0])
    _, gradient, _ = poisson_nll_vjp(None, rates, t, np.ones(3), epsilon=0.0, reduction="none")
    assert_same(gradient, [0.0, 1.0, 0.5])


@proves(poisson_nll, poisson_nll_vjp, by="law")
@pytest.mark.parametrize("full", [False, True])
def test_a_rate_and_its_logarithm_have_one_likelihood(full):
    x, t = carried(X), carried(np.abs(T) + 0.5)
    options = {"epsilon": 0.0, "full": full}
    assert_same(poisson_nll(x, None, t, **options), poisson_nll(None, np.exp(x), t, **options))
    of_logarithms, _, of_targets = poisson_nll_vjp(x, None, t, np.array(1.0), **options)
    _, of_rates, same = poisson_nll_vjp(None, np.exp(x), t, np.array(1.0), **options)
    assert_same(of_logarithms, np.exp(x) * of_rates)
    assert_same(of_targets, same)


@np.errstate(all="ignore")
def test_an_infinite_logarithm_of_a_rate_costs_infinitely_much():
    """exp(x) - t x → ∞ as x → ±∞ for every t > 0."""
    x, t = np.array([np.inf, -np.inf]), np.ones(2)
    assert_same(poisson_nll(x, None, t, reduction="none"), [np.inf, np.inf])
    gradient, _, of_targets = poisson_nll_vjp(x, None, t, np.ones(2), reduction="none")
    assert_same((gradient, of_targets), ([np.inf, -1.0], [-np.inf, np.inf]))


@proves(gaussian_nll, gaussian_nll_vjp, by="worked figures")
def test_gaussian_nll_of_worked_figures():
    x, t, v = np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([1.0, 0.0])
    assert_same(gaussian_nll(x, t, v, epsilon=1.0, reduction="none"), [2.0, 0.0])
    given = (x, t, v, np.ones(2))
    gradients = gaussian_nll_vjp(*given, epsilon=1.0, reduction="none")
    assert_same(gradients, ([2.0, 0.0], [-2.0, 0.0], [-1.5, 0.0]))
    passed = gaussian_nll_vjp(*given, epsilon=1.0, floor_gradient="passed", reduction="none")
    assert_same(passed[2], [-1.5, 0.5])


@proves(gaussian_nll, by="high precision")
def test_gaussian_nll_is_minus_the_logarithm_of_the_density():
    v = np.abs(T) + 0.25
    with mpmath.workdps(40):
        points = zip(X.ravel(), T.ravel(), v.ravel(), strict=True)
        exact = -sum(mpmath.log(mpmath.npdf(x, t, mpmath.sqrt(v))) for x, t, v in points)
    assert_same(gaussian_nll(carried(X), carried(T), carried(v), full=True, reduction="sum"), exact)


@proves(gaussian_nll, mean_squared_error, by="law")
def test_gaussian_nll_of_variance_one_is_half_the_squared_error():
    x, t = carried(X), carried(T)
    assert_same(gaussian_nll(x, t, np.ones(X.shape)), mean_squared_error(x, t, factor=0.5))


@proves(cosine_similarity, cosine_similarity_vjp, by="worked figures")
def test_cosines_of_worked_figures():
    x, t = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])
    assert_same(cosine_similarity(carried(x), t, reduction="none"), [0.6, 0.0])
    assert_same(cosine_similarity(carried(x), t, form="distance", reduction="sum"), 1.4)
    gradient, of_targets = cosine_similarity_vjp(
        carried(x), carried(t), np.ones(2), epsilon=0.5, reduction="none"
    )
    assert_same(gradient, [[0.128, -0.096], [0.0, 2.0]])
    assert_same(of_targets, [[0.0, 0.8], [0.0, 0.0]])


def test_the_least_norm_may_pass_a_gradient_on_as_larger_ones_do():
    x, t = np.array([[0.5, 0.0]]), np.array([[3.0, 4.0]])
    passed, _ = cosine_similarity_vjp(
        carried(x), carried(t), np.array(1.0), epsilon=1.0, floor_gradient="passed"
    )
    assert_same(passed, [[0.6 - 0.3, 0.8]])


@proves(cosine_similarity, cosine_similarity_vjp, by="law")
@pytest.mark.parametrize("axis", [-1, 0])
def test_lengths_do_not_matter_and_the_gradient_is_at_a_right_angle(axis):
    x, t = carried(X), carried(T)
    near = cosine_similarity(x, t, axis=axis)
    assert_same(cosine_similarity(2.0**600 * x, 2.0**-20 * t, axis=axis), near)
    assert_same(cosine_similarity(x, t, axis=axis, form="negative"), -near)
    gradient, _ = cosine_similarity_vjp(x, t, np.array(1.0), axis=axis)
    assert_same(np.sum(gradient * x, axis=axis), np.zeros(X.shape[1 + axis]), size=1)


@proves(cosine_similarity, by="high precision")
def test_cosines_agree_with_many_digits():
    with mpmath.workdps(40):
        x, t = ([mpmath.mpf(v) for v in row] for row in (X[0], T[0]))
        dot = mpmath.fsum(a * b for a, b in zip(x, t, strict=True))
        exact = dot / mpmath.sqrt(mpmath.fsum(a * a for a in x) * mpmath.fsum(b * b for b in t))
    assert_same(cosine_similarity(carried(X[:1]), carried(T[:1])), exact)


@np.errstate(all="ignore")
def test_a_vector_of_zeros_has_no_cosine_unless_there_is_a_least_norm():
    x, t = np.zeros((1, 2)), np.ones((1, 2))
    assert np.isnan(cosine_similarity(x, t, epsilon=0.0))
    assert cosine_similarity(x, t) == 0


@pytest.mark.parametrize(("nan_sign", "expected"), [("nan", np.nan), ("zero", 0.0), ("negative", -1.0)])
def test_gradient_of_a_nan_error_is_what_the_facet_says(nan_sign, expected):
    gradient, _ = smooth_l1_vjp(np.array([np.nan]), np.zeros(1), np.array(1.0), nan_sign=nan_sign)
    assert_same(gradient, [expected])


@pytest.mark.parametrize(
    "loss",
    [
        cosine_similarity,
        huber,
        log_cosh,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        mean_squared_logarithmic_error,
        smooth_l1,
    ],
)
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
