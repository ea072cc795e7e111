"""Activations that draw: worked figures, many digits, laws, and what can be read off the outputs."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.complex_step import directional_derivative
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.activations_piecewise import leaky_relu, leaky_relu_vjp
from assay.reference.activations_random import (
    gumbel_softmax,
    gumbel_softmax_hard,
    gumbel_softmax_hard_vjp,
    gumbel_softmax_vjp,
    rrelu,
    rrelu_vjp,
)
from assay.reference.softmax import softmax, softmax_vjp
from assay.specs.activations_random import read_drawn, read_noise

X = Stream("random/x").normal((4, 5))
G = Stream("random/g").normal((4, 5))
NOISE = -np.log(-np.log(Stream("random/noise").uniform((4, 5))))

# --- rrelu ---


@proves(rrelu, rrelu_vjp, by="worked figures")
def test_each_element_has_a_slope_of_its_own_and_at_inference_their_mean():
    x, drawn = np.array([-2.0, -2.0, 0.0, 4.0]), np.array([0.0, 0.5, 1.0, 0.25])
    g, bounds = np.array([1.0, 1.0, 8.0, 3.0]), {"lower": 0.25, "upper": 0.75}
    assert_same(rrelu(carried(x), drawn, **bounds, training=True), [-0.5, -1.0, 0.0, 4.0])
    assert_same(rrelu_vjp(carried(x), drawn, carried(g), **bounds, training=True), ([0.25, 0.5, 6.0, 3.0],))
    assert_same(rrelu(carried(x), **bounds), [-1.0, -1.0, 0.0, 4.0])
    assert_same(rrelu_vjp(carried(x), None, carried(g), **bounds), ([0.5, 0.5, 4.0, 3.0],))


@proves(rrelu, rrelu_vjp, by="law")
def test_where_all_slopes_are_one_it_is_the_leaky_unit():
    x, g, drawn = carried(X), carried(G), np.full(X.shape, 0.5)
    for given in (drawn, None):
        options = {"lower": 0.125, "upper": 0.375, "training": given is not None}
        assert_same(rrelu(x, given, **options), leaky_relu(x, slope=0.25))
        assert_same(rrelu_vjp(x, given, g, **options), leaky_relu_vjp(x, g, slope=0.25))


def test_places_are_read_off_what_is_negative_and_are_some_elsewhere():
    drawn = Stream("random/drawn").uniform(X.shape)
    bounds = {"lower": 0.125, "upper": 0.375}
    found = read_drawn({"x": X, **bounds}, [(rrelu(X, drawn, **bounds, training=True),)])["drawn"]
    np.testing.assert_allclose(found[X < 0], drawn[X < 0], rtol=1e-14)
    assert ((found >= 0) & (found < 1)).all()


def test_bounds_out_of_order_and_slopes_that_are_missing_are_refused():
    with pytest.raises(ValueError, match=r"lower must be at most upper, 0\.1; got 0\.2"):
        rrelu(X, lower=0.2, upper=0.1)
    with pytest.raises(ValueError, match="drawn must be given in training"):
        rrelu(X, training=True)
    with pytest.raises(ValueError, match="drawn"):
        rrelu(X, np.ones(5), training=True)


# --- Gumbel softmax ---


@proves(gumbel_softmax, by="high precision")
@pytest.mark.parametrize("tau", [0.5, 1.0, 3.0])
def test_shares_agree_with_many_digits(tau):
    with mpmath.workdps(60):
        powers = [
            mpmath.exp((mpmath.mpf(a) + mpmath.mpf(b)) / tau) for a, b in zip(X[0], NOISE[0], strict=True)
        ]
        wanted = [p / mpmath.fsum(powers) for p in powers]
    assert_same(gumbel_softmax(carried(X[0]), NOISE[0], tau=tau), wanted)


@proves(gumbel_softmax, gumbel_softmax_vjp, by="law")
def test_without_noise_it_is_the_softmax_and_noise_for_all_makes_no_difference():
    x, g, none = carried(X), carried(G), np.zeros(X.shape)
    assert_same(gumbel_softmax(x, none), softmax(x))
    assert_same(gumbel_softmax_vjp(x, none, g), softmax_vjp(x, g))
    assert_same(gumbel_softmax(x, NOISE + 8.0, tau=0.5), gumbel_softmax(x, NOISE, tau=0.5))


@proves(gumbel_softmax_hard, gumbel_softmax_hard_vjp, by="worked figures")
def test_the_greatest_share_is_taken_for_all_and_its_gradient_for_that_of_the_shares():
    """Shares 3/4 and 1/4: y (g - Σ g y) of g = (1, 0) is ± 3/16; with that of the shares twice as much."""
    x, noise = np.log(carried(np.array([[3.0, 1.0]]))), np.zeros((1, 2))
    y, soft = gumbel_softmax_hard(x, noise)
    assert_same(y, [[1.0, 0.0]])
    assert_same(soft, [[0.75, 0.25]])
    g, none = carried(np.array([[1.0, 0.0]])), carried(np.zeros((1, 2)))
    assert_same(gumbel_softmax_hard_vjp(x, noise, (g, none)), ([[0.1875, -0.1875]],))
    assert_same(gumbel_softmax_hard_vjp(x, noise, (g, g)), ([[0.375, -0.375]],))


@proves(gumbel_softmax_hard_vjp, by="complex step")
@pytest.mark.parametrize("axis", [-1, 0])
def test_the_gradient_of_the_one_hot_is_the_derivative_of_the_shares(axis):
    own, v = Stream("random/own").normal(X.shape), Stream("random/v").normal(X.shape)
    (tangent,) = directional_derivative(lambda x: (gumbel_softmax(x, NOISE, tau=0.5, axis=axis),), [X], [v])
    cotangents = (carried(G), carried(own))
    (gradient,) = gumbel_softmax_hard_vjp(carried(X), NOISE, cotangents, tau=0.5, axis=axis)
    assert_same(np.sum(gradient * v), np.sum((G + own) * tangent))


@proves(gumbel_softmax_hard, gumbel_softmax_hard_vjp, by="law")
@pytest.mark.parametrize("axis", [-1, 0])
def test_one_hot_is_what_shares_tend_to_as_the_temperature_falls(axis):
    x, g = carried(X), carried(G)
    y, soft = gumbel_softmax_hard(x, NOISE, tau=2.0, axis=axis)
    assert_same(soft, gumbel_softmax(x, NOISE, tau=2.0, axis=axis))
    np.testing.assert_array_equal(y.value, np.round(gumbel_softmax(X, NOISE, tau=1e-4, axis=axis)))
    (gradient,) = gumbel_softmax_hard_vjp(x, NOISE, (g, 0.0 * g), tau=2.0, axis=axis)
    assert_same(gumbel_softmax_vjp(x, NOISE, g, tau=2.0, axis=axis)[0], gradient.value)


@pytest.mark.parametrize("axis", [-1, 0])
def test_noise_is_read_off_shares_up_to_a_number_for_each_line(axis):
    soft = gumbel_softmax(X, NOISE, tau=0.5, axis=axis)
    found = read_noise({"x": X, "tau": 0.5}, [(soft,)])["noise"] - NOISE
    np.testing.assert_allclose(found, np.broadcast_to(found.take([0], axis), found.shape), atol=1e-14)


@pytest.mark.parametrize("tau", [0.0, -1.0])
def test_a_temperature_that_is_not_positive_is_refused(tau):
    with pytest.raises(ValueError, match=f"tau must be positive; got {tau}"):
        gumbel_softmax(X, NOISE, tau=tau)
