"""Activations: figures, many digits from the middle to the far tails, and the symmetries that they have."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.elementwise import ABOVE_ZERO, OF_ONE_ELEMENT
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.activations import (
    SELU_ALPHA,
    SELU_SCALE,
    exponential,
    gelu,
    gelu_vjp,
    glu,
    glu_vjp,
    identity,
    log1mexp,
    log1mexp_vjp,
    log_sigmoid,
    mish,
    mish_vjp,
    relu,
    relu_vjp,
    selu,
    selu_vjp,
    sigmoid,
    silu,
    silu_vjp,
    softplus,
    softsign,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
)
from assay.reference.activations_piecewise import (
    bounded_relu,
    bounded_relu_vjp,
    celu,
    celu_vjp,
    crelu,
    crelu_vjp,
    elu,
    elu_vjp,
    hard_shrink,
    hard_shrink_vjp,
    hard_sigmoid,
    hard_sigmoid_vjp,
    hard_silu,
    hard_silu_vjp,
    hard_tanh,
    hard_tanh_vjp,
    leaky_relu,
    leaky_relu_vjp,
    prelu,
    prelu_vjp,
    relu6,
    relu6_vjp,
    soft_shrink,
    soft_shrink_vjp,
    sparse_plus,
    sparse_plus_vjp,
    sparse_sigmoid,
    sparse_sigmoid_vjp,
    threshold,
    threshold_vjp,
)
from assay.reference.softmax import (
    log_softmax,
    log_softmax_vjp,
    logsumexp,
    logsumexp_vjp,
    masked_log_softmax,
    masked_log_softmax_vjp,
    masked_softmax,
    masked_softmax_vjp,
    softmax,
    softmax_vjp,
    softmin,
    softmin_vjp,
    sparsemax,
    sparsemax_vjp,
)

X = 3.0 * Stream("activations").normal((5, 7))
ONES = np.ones(X.shape)
ODDS = np.log([1.0 / 3.0, 1.0, 3.0, 9.0])
TAILS = [-37.5, -20.0, -5.0, -1.0, -1e-8, 0.0, 2.0**-60, 0.5, 3.0, 40.0]
"""Where sums of one and something small lose their digits, and points between."""


# --- figures ---


@proves(relu, relu_vjp, by="worked figures")
def test_relu_of_worked_figures():
    x, g = np.array([-np.inf, -3.0, -0.0, 0.0, 0.25, 7.0]), np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    assert_same(relu(x), [0.0, 0.0, 0.0, 0.0, 0.25, 7.0])
    assert_same(relu_vjp(x, g), ([0.0, 0.0, 0.0, 0.0, 16.0, 32.0],))


@proves(gelu, by="published figures")
@pytest.mark.parametrize(
    ("x", "distribution"),
    [(1.0, "0.841344746068543"), (2.0, "0.977249868051821"), (3.0, "0.998650101968370")],
)
def test_gelu_is_x_times_the_normal_distribution_of_abramowitz_and_stegun_table_26_1(x, distribution):
    assert_same(gelu(carried(np.array(x))) / x, distribution)


@proves(silu, softmax, by="worked figures")
def test_odds_of_three_to_one_are_a_probability_of_three_quarters():
    x = np.log(carried(np.array([3.0, 1.0])))
    assert_same(softmax(x), [0.75, 0.25])
    assert_same(silu(x), [0.75 * mpmath.log(3), 0])


@proves(log_softmax, by="worked figures")
@pytest.mark.parametrize("level", [0.0, 1000.0, -1000.0])
def test_equal_logits_share_alike(level):
    assert_same(log_softmax(carried(np.full(8, level))), -mpmath.log(8))


@proves(silu_vjp, gelu_vjp, by="worked figures")
def test_smooth_gates_have_the_slope_one_half_at_zero():
    zero, g = carried(np.zeros(2)), carried(np.array([1.0, -6.0]))
    for gradient in (silu_vjp(zero, g), gelu_vjp(zero, g), gelu_vjp(zero, g, approximate=True)):
        assert_same(gradient, ([0.5, -3.0],))


@proves(softmax_vjp, log_softmax_vjp, by="worked figures")
def test_gradients_at_equal_logits():
    # softmax: (g - mean g) / 4; log softmax: g - mean g.
    x, g = carried(np.zeros(4)), carried(np.array([1.0, 0.0, 2.0, 5.0]))
    assert_same(softmax_vjp(x, g), ([-0.25, -0.5, 0.0, 0.75],))
    assert_same(log_softmax_vjp(x, g), ([-1.0, -2.0, 0.0, 3.0],))


@proves(log1mexp, log1mexp_vjp, by="worked figures")
def test_the_chance_of_what_a_quarter_of_all_trials_lacks():
    """exp(-log 4) = 1/4, so that log(3/4) is left, whose slope is 1 / (4 - 1)."""
    x = np.log(carried(np.array([4.0, 2.0])))
    assert_same(log1mexp(x), [mpmath.log(0.75), -mpmath.log(2)])
    assert_same(log1mexp_vjp(x, carried(np.array([6.0, -5.0]))), ([2.0, -5.0],))


@np.errstate(all="ignore")
def test_log1mexp_falls_without_end_at_zero_and_has_no_value_below():
    x, ones = np.array([0.0, -0.0, -1.0, -np.inf]), np.ones(4)
    assert_same(log1mexp(x)[:2], [-np.inf, -np.inf])
    assert np.isnan(log1mexp(x)[2:]).all()
    assert_same(log1mexp_vjp(x, ones)[0][:2], [np.inf, np.inf])


# --- many digits ---


def gelu_tanh(x):
    return x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf(0.044715) * x**3)))


@pytest.mark.parametrize("x", TAILS)
@pytest.mark.parametrize(
    ("activation", "exact"),
    [
        pytest.param(relu, lambda x: max(x, 0), marks=proves(relu, by="high precision")),
        pytest.param(silu, lambda x: x / (1 + mpmath.exp(-x)), marks=proves(silu, by="high precision")),
        pytest.param(gelu, lambda x: x * mpmath.ncdf(x), marks=proves(gelu, by="high precision")),
    ],
)
def test_an_activation_keeps_its_digits_in_the_tails(activation, exact, x):
    with mpmath.workdps(60):
        assert_same(activation(carried(np.array(x))), exact(mpmath.mpf(x)))


@proves(gelu, by="high precision")
@pytest.mark.parametrize("x", TAILS[1:])
def test_gelu_by_tanh_keeps_its_digits_in_the_tails(x):
    # It underflows at the first of them. Of 1 + tanh, 260 digits cancel at the second.
    with mpmath.workdps(400):
        assert_same(gelu(carried(np.array(x)), approximate=True), gelu_tanh(mpmath.mpf(x)))


@pytest.mark.parametrize("x", [x for x in TAILS if x != 0])
@pytest.mark.parametrize(
    ("vjp", "exact"),
    [
        pytest.param(
            silu_vjp, lambda x: x / (1 + mpmath.exp(-x)), marks=proves(silu_vjp, by="high precision")
        ),
        pytest.param(gelu_vjp, lambda x: x * mpmath.ncdf(x), marks=proves(gelu_vjp, by="high precision")),
    ],
)
def test_the_slope_of_an_activation_is_a_difference_quotient_in_many_digits(vjp, exact, x):
    with mpmath.workdps(400):
        slope = mpmath.diff(exact, mpmath.mpf(x))
    assert_same(vjp(carried(np.array(x)), carried(np.array(1.0)))[0], slope)


ALONG = np.array(
    [-40.0, -20.0, -5.0, -2.25, -1.25, -0.625, -0.125, 2.0**-20, 0.375, 0.75, 1.25, 2.25, 5.0, 40.0]
)
"""Points of every piece, from tail to tail, and none at a kink."""


def defined(place):
    """Each function of one element, or its vjp, with its definition, and points where it has values."""
    for label, row in OF_ONE_ELEMENT.items():
        points = ALONG[ALONG > 0] if label in ABOVE_ZERO else ALONG
        marks = proves(row[place], by="high precision")
        yield pytest.param(row[place], *row[2:], points, id=label, marks=marks)


@pytest.mark.parametrize(("activation", "options", "definition", "points"), list(defined(0)))
def test_a_function_of_one_element_is_what_it_is_defined_as(activation, options, definition, points):
    with mpmath.workdps(400):
        wanted = [definition(mpmath.mpf(x)) for x in points]
    assert_same(activation(carried(points), **options), wanted)


@pytest.mark.parametrize(("vjp", "options", "definition", "points"), list(defined(1)))
def test_the_slope_of_a_function_of_one_element_is_a_difference_quotient(vjp, options, definition, points):
    with mpmath.workdps(400):
        wanted = [mpmath.diff(definition, mpmath.mpf(x)) for x in points]
    assert_same(vjp(carried(points), carried(np.ones(points.shape)), **options)[0], wanted)


@proves(softmax, log_softmax, by="high precision")
@pytest.mark.parametrize("offset", [0.0, 1000.0, -1000.0])
@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_softmax_and_its_logarithm_agree_with_many_digits(spread, offset):
    row = spread * X[0] + offset
    with mpmath.workdps(60):
        powers = [mpmath.exp(mpmath.mpf(x)) for x in row]
        total = mpmath.fsum(powers)
        probabilities = [p / total for p in powers]
        logarithms = [mpmath.mpf(x) - mpmath.log(total) for x in row]
    assert_same(softmax(carried(row)), probabilities)
    assert_same(log_softmax(carried(row)), logarithms)


# --- laws ---


@pytest.mark.parametrize(
    ("activation", "options"),
    [
        pytest.param(relu, {}, marks=proves(relu, by="law")),
        pytest.param(silu, {}, marks=proves(silu, by="law")),
        pytest.param(gelu, {}, marks=proves(gelu, by="law")),
        pytest.param(gelu, {"approximate": True}, marks=proves(gelu, by="law")),
    ],
)
def test_what_an_activation_takes_from_x_it_leaves_of_minus_x(activation, options):
    x = carried(X)
    assert_same(activation(x, **options) - activation(-x, **options), X)


@pytest.mark.parametrize(
    "vjp", [pytest.param(f, marks=proves(f, by="law")) for f in (relu_vjp, silu_vjp, gelu_vjp)]
)
def test_the_slopes_at_x_and_minus_x_sum_to_one(vjp):
    x, ones = carried(X), carried(ONES)
    assert_same(vjp(x, ones)[0] + vjp(-x, ones)[0], 1.0)


@proves(silu, softmax, by="law")
def test_silu_is_x_times_its_softmax_beside_zero():
    x = carried(X)
    beside_zero = np.stack([x, carried(0 * X)], axis=-1)
    assert_same(silu(x), x * softmax(beside_zero)[..., 0])


@proves(log1mexp, by="law")
def test_what_log1mexp_leaves_is_the_chance_that_does_not_occur():
    """σ(x) = 1 - σ(-x), in logarithms."""
    x = carried(X)
    assert_same(log1mexp(-log_sigmoid(x)), log_sigmoid(-x))


def test_softmax_keeps_the_order_of_its_logits():
    x = Stream("activations/order").normal((5, 9))
    x[0, :3] = 1.0
    for row, y in zip(x, softmax(x), strict=True):
        assert_same(np.sign(y[:, None] - y), np.sign(row[:, None] - row))


@proves(softmax, log_softmax, by="law")
def test_softmax_does_not_see_a_shift():
    # Of few bits, so that the shift is exact.
    x = np.round(2.0**20 * X) / 2.0**20
    for function in (softmax, log_softmax):
        assert_same(function(carried(x)), function(carried(x + 1024.0)))


@proves(softmax, log_softmax, by="law")
def test_log_softmax_is_the_logarithm_of_softmax():
    assert_same(np.log(softmax(carried(X))), log_softmax(carried(X)))


@proves(softmax, by="law")
def test_probabilities_sum_to_one():
    assert_same(np.sum(softmax(carried(X)), axis=-1), 1.0)


@proves(softmax, log_softmax, by="law")
def test_another_axis_is_the_last_one_of_the_transposed_array():
    assert_same(softmax(X, axis=0), softmax(X.T).T)
    assert_same(log_softmax(X, axis=0), log_softmax(X.T).T)


@proves(softmax_vjp, log_softmax_vjp, by="law")
def test_no_gradient_moves_all_logits_alike():
    x, g = carried(X), carried(Stream("activations/g").normal(X.shape))
    for vjp in (softmax_vjp, log_softmax_vjp):
        (gradient,) = vjp(x, g)
        assert_same(np.sum(gradient, axis=-1), 0.0, size=np.max(np.abs(gradient.value)))


@proves(softmax_vjp, log_softmax_vjp, by="law")
def test_the_gradient_of_log_softmax_is_that_of_softmax_divided_by_the_probabilities():
    x, g = carried(X), carried(Stream("activations/g").normal(X.shape))
    assert_same(log_softmax_vjp(x, g), softmax_vjp(x, g / softmax(x)))


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_is_none_is_named(function, axis):
    with pytest.raises(ValueError, match=rf"axis must be an axis of an array of shape \(5, 7\); got {axis}"):
        function(X, axis=axis)


BOUNDED = {"max_value": 4.0, "negative_slope": 0.25, "threshold": 0.5}

FIGURES = [
    (identity, {}, [-3.0, 0.5], [-3.0, 0.5]),
    (sigmoid, {}, ODDS, [0.25, 0.5, 0.75, 0.9]),
    (tanh, {}, 0.5 * ODDS, [-0.5, 0.0, 0.5, 0.8]),
    (log_sigmoid, {}, ODDS, np.log([0.25, 0.5, 0.75, 0.9])),
    (softplus, {}, ODDS, np.log([4.0 / 3.0, 2.0, 4.0, 10.0])),
    (softplus, {"beta": 2.0}, 0.5 * ODDS, 0.5 * np.log([4.0 / 3.0, 2.0, 4.0, 10.0])),
    (softplus, {"threshold": 2.0}, [2.5, 40.0], [2.5, 40.0]),
    (softsign, {}, [-3.0, 0.0, 1.0], [-0.75, 0.0, 0.5]),
    (mish, {}, ODDS, ODDS * [7.0 / 25.0, 0.6, 15.0 / 17.0, 99.0 / 101.0]),
    (tanh_shrink, {}, 0.5 * ODDS, 0.5 * ODDS - [-0.5, 0.0, 0.5, 0.8]),
    (exponential, {}, ODDS, [1.0 / 3.0, 1.0, 3.0, 9.0]),
    (squareplus, {"b": 16.0}, [-3.0, 0.0, 3.0], [1.0, 2.0, 4.0]),
    (glu, {}, [[4.0, 4.0, -np.log(3.0), np.log(9.0)]], [[1.0, 3.6]]),
    (sparsemax, {}, [[0.5, 0.25, -1.0], [3.0, 1.0, 0.0]], [[0.625, 0.375, 0.0], [1.0, 0.0, 0.0]]),
    (leaky_relu, {"slope": 0.25}, [-4.0, 0.0, 3.0], [-1.0, 0.0, 3.0]),
    (elu, {"alpha": 3.0}, [-np.log(3.0), 2.0], [-2.0, 2.0]),
    (celu, {"alpha": 0.5}, [-0.5 * np.log(2.0), 2.0], [-0.25, 2.0]),
    (relu6, {}, [-1.0, 0.5, 7.0], [0.0, 0.5, 6.0]),
    (bounded_relu, BOUNDED, [-1.5, 0.5, 3.0, 7.0], [-0.5, 0.5, 3.0, 4.0]),
    (bounded_relu, {**BOUNDED, "at_threshold": "apart"}, [-1.5, 0.5, 3.0, 7.0], [-0.5, 0.0, 3.0, 4.0]),
    (softmin, {}, [[0.0, -np.log(3.0)]], [[0.25, 0.75]]),
    (hard_tanh, {"bounds": (-0.5, 2.0)}, [-1.0, 1.0, 3.0], [-0.5, 1.0, 2.0]),
    (hard_sigmoid, {}, [-4.0, -3.0, 0.0, 1.5, 3.0, 4.0], [0.0, 0.0, 0.5, 0.75, 1.0, 1.0]),
    (hard_silu, {}, [-4.0, -3.0, -1.5, 1.5, 3.0, 4.0], [0.0, 0.0, -0.375, 1.125, 3.0, 4.0]),
    (soft_shrink, {}, [-2.0, -0.5, 0.25, 0.5, 1.5], [-1.5, 0.0, 0.0, 0.0, 1.0]),
    (hard_shrink, {}, [-2.0, -0.5, 0.25, 0.5, 1.5], [-2.0, 0.0, 0.0, 0.0, 1.5]),
    (threshold, {"value": -2.0}, [-2.0, 0.5, 1.5], [-2.0, -2.0, 1.5]),
    (sparse_plus, {}, [-2.0, -1.0, 0.0, 0.5, 1.0, 3.0], [0.0, 0.0, 0.25, 0.5625, 1.0, 3.0]),
    (sparse_sigmoid, {}, [-2.0, -1.0, 0.0, 0.5, 1.0, 3.0], [0.0, 0.0, 0.5, 0.75, 1.0, 1.0]),
    (crelu, {}, [[-2.0, 0.0, 3.0]], [[0.0, 0.0, 3.0, 2.0, 0.0, 0.0]]),
]
"""Of odds 1 : 3, 1, 3 and 9: σ(log 3) = 3/4, tanh(log 3 / 2) = 1/2, tanh(log(1 + 3)) = 15/17 …"""


@pytest.mark.parametrize(
    ("activation", "options", "x", "wanted"),
    [pytest.param(*row, marks=proves(row[0], by="worked figures")) for row in FIGURES],
)
def test_activations_of_worked_figures(activation, options, x, wanted):
    assert_same(activation(carried(np.array(x)), **options), carried(np.array(wanted)))


KINKS = [
    (leaky_relu_vjp, {"slope": 0.25}, [0.0, np.nan], [0.25, 0.25]),
    (leaky_relu_vjp, {"slope": 0.25, "zero_gradient": "right"}, [0.0, np.nan], [1.0, 0.25]),
    (elu_vjp, {"alpha": 0.5}, [0.0, np.nan], [0.5, np.nan]),
    (elu_vjp, {"alpha": 0.5, "nan_gradient": "left"}, [0.0, np.nan], [0.5, 0.5]),
    (elu_vjp, {"alpha": 0.5, "nan_gradient": "right"}, [0.0, np.nan], [0.5, 1.0]),
    (celu_vjp, {"alpha": 0.5}, [0.0, np.nan], [1.0, np.nan]),
    (celu_vjp, {"alpha": 0.5, "nan_gradient": "zero"}, [0.0, np.nan], [1.0, 0.0]),
    (relu6_vjp, {}, [0.0, 1.0, 6.0, np.nan], [0.0, 1.0, 0.0, 0.0]),
    (bounded_relu_vjp, BOUNDED, [0.0, 0.5, 4.0, 5.0, np.nan], [0.25, 1.0, 1.0, 0.0, 0.0]),
    (
        bounded_relu_vjp,
        {**BOUNDED, "at_threshold": "apart", "kink_gradient": "outside"},
        [0.0, 0.5, 4.0, 5.0],
        [0.25, 0.0, 0.0, 0.0],
    ),
    (hard_tanh_vjp, {}, [-1.0, 0.0, 1.0, np.nan], [0.0, 1.0, 0.0, 1.0]),
    (
        hard_tanh_vjp,
        {"kink_gradient": "inside", "nan_gradient": "zero"},
        [-1.0, 1.0, np.nan],
        [1.0, 1.0, 0.0],
    ),
    (hard_sigmoid_vjp, {}, [-3.0, 3.0, np.nan], [0.0, 0.0, 0.0]),
    (hard_silu_vjp, {}, [-3.0, -1.5, 3.0, np.nan], [0.0, 0.0, 1.0, np.nan]),
    (soft_shrink_vjp, {}, [-0.5, 0.5, np.nan], [0.0, 0.0, 1.0]),
    (soft_shrink_vjp, {"nan": "lost"}, [np.nan], [0.0]),
    (hard_shrink_vjp, {}, [-0.5, 0.5, np.nan], [0.0, 0.0, 1.0]),
    (threshold_vjp, {}, [0.5, np.nan], [0.0, 1.0]),
    (threshold_vjp, {"nan": "lost"}, [np.nan], [0.0]),
    (sparse_plus_vjp, {}, [-1.0, 0.0, 1.0], [0.0, 0.5, 1.0]),
    (sparse_sigmoid_vjp, {}, [-1.0, 0.0, 1.0, np.nan], [0.0, 0.5, 0.0, 0.0]),
    (
        sparse_sigmoid_vjp,
        {"kink_gradient": "mean", "nan_gradient": "pass"},
        [-1.0, 1.0, np.nan],
        [0.25, 0.25, 0.5],
    ),
]


@pytest.mark.parametrize(
    ("vjp", "options", "x", "slopes"),
    [pytest.param(*row, marks=proves(row[0], by="worked figures")) for row in KINKS],
)
def test_slopes_at_kinks_and_nan(vjp, options, x, slopes):
    (gradient,) = vjp(np.array(x), np.full(len(x), 2.0), **options)
    assert_same(gradient, 2.0 * np.array(slopes))


@pytest.mark.parametrize("function", [soft_shrink, hard_shrink, threshold])
def test_nan_is_lost_where_a_comparison_decides(function):
    assert np.isnan(function(np.array([np.nan])))
    assert function(np.array([np.nan]), nan="lost") == 0.0


@proves(prelu, prelu_vjp, by="worked figures")
def test_prelu_of_worked_figures():
    x, slope, g = (
        np.array([[[-4.0, 0.0, np.nan], [-1.0, 2.0, -2.0]]]),
        np.array([0.25, -3.0]),
        np.ones((1, 2, 3)),
    )
    assert_same(prelu(x, slope), [[[-1.0, 0.0, np.nan], [3.0, 2.0, 6.0]]])
    of_x, of_slope = prelu_vjp(x, slope, g)
    assert_same(of_x, [[[0.25, 0.25, 0.25], [-3.0, 1.0, -3.0]]])
    assert_same(of_slope, [np.nan, -3.0])
    right = prelu_vjp(x, slope, g, zero_gradient="right")[0]
    gone = prelu_vjp(x, slope, g, zero_gradient="zero", nan_gradient="zero")[0]
    assert (right[0, 0].tolist(), gone[0, 0].tolist()) == ([0.25, 1.0, 0.25], [0.25, 0.0, 0.0])


@proves(prelu, prelu_vjp, leaky_relu, leaky_relu_vjp, by="law")
def test_prelu_of_one_slope_is_a_leaky_relu():
    x, g = carried(X), carried(Stream("activations/g").normal(X.shape))
    assert_same(prelu(x, np.array(0.25)), leaky_relu(x, slope=0.25))
    assert_same(prelu_vjp(x, np.array(0.25), g)[0], leaky_relu_vjp(x, g, slope=0.25)[0])


def test_slopes_of_another_length_are_refused():
    with pytest.raises(
        ValueError, match=r"slope must have shape \(7,\), as x has after the batch; got \(6,\)"
    ):
        prelu(X, np.ones(6))


@proves(mish_vjp, glu_vjp, sparsemax_vjp, crelu_vjp, by="worked figures")
def test_gradients_of_worked_figures():
    assert_same(mish_vjp(carried(np.zeros(1)), np.array([5.0]))[0], [3.0])
    halves = carried(np.array([8.0, 2.0, 0.0, np.log(3.0)]))
    assert_same(glu_vjp(halves, np.array([1.0, 16.0]))[0], [0.5, 12.0, 2.0, 6.0])
    x, g = carried(np.array([0.5, 0.25, -1.0])), np.array([1.0, 4.0, 8.0])
    assert_same(sparsemax_vjp(x, g)[0], [-1.5, 1.5, 0.0])
    assert_same(crelu_vjp(np.array([-2.0, 0.0, 3.0]), np.arange(6.0))[0], [-3.0, 0.0, 2.0])


@proves(logsumexp, log_softmax, by="law")
def test_log_softmax_is_what_is_left_of_the_logsumexp():
    x = carried(X)
    for axis in (-1, 0):
        assert_same(x - logsumexp(x, axis=axis, keepdims=True), log_softmax(x, axis=axis))
    assert_same(logsumexp(x, axis=None), logsumexp(np.reshape(x, (-1,))))


@proves(masked_softmax, masked_softmax_vjp, by="worked figures")
def test_a_masked_softmax_of_worked_figures():
    x, mask = np.log([[1.0, 3.0, 7.0], [1.0, 2.0, 5.0]]), np.array([[True, True, False], [False] * 3])
    assert_same(masked_softmax(carried(x), mask), [[0.25, 0.75, 0.0], [0.0, 0.0, 0.0]])
    (gradient,) = masked_softmax_vjp(carried(x), mask, np.array([[16.0, 0.0, 5.0], [1.0, 2.0, 3.0]]))
    assert_same(gradient, [[3.0, -3.0, 0.0], [0.0, 0.0, 0.0]])


@proves(masked_softmax, masked_softmax_vjp, by="law")
def test_what_does_not_count_might_as_well_not_be_there():
    x, g = carried(X), carried(Stream("activations/g").normal(X.shape))
    some = np.arange(X.shape[1]) % 3 > 0
    mask = np.broadcast_to(some, X.shape)
    assert_same(masked_softmax(x, mask)[:, some], softmax(x[:, some]))
    assert_same(masked_softmax_vjp(x, mask, g)[0][:, some], softmax_vjp(x[:, some], g[:, some])[0])
    flat = masked_softmax(np.reshape(x, (-1,)), np.reshape(mask, (-1,)))
    assert_same(np.reshape(masked_softmax(x, mask, axis=(0, 1)), (-1,)), flat)


@proves(masked_log_softmax, masked_log_softmax_vjp, by="worked figures")
@np.errstate(all="ignore")
def test_a_masked_log_softmax_of_worked_figures():
    x, mask = np.log([[1.0, 3.0, 7.0], [1.0, 2.0, 5.0]]), np.array([[True, True, False], [False] * 3])
    excluded = np.full(3, -np.inf)
    shares = [np.log(0.25), np.log(0.75), -np.inf]
    assert_same(masked_log_softmax(carried(x), mask), carried(np.array([shares, excluded])))
    assert np.isnan(masked_log_softmax(x, mask, masking="fill")[1]).all()
    assert np.isnan(masked_softmax(x, mask, masking="fill")[1]).all()
    (gradient,) = masked_log_softmax_vjp(carried(x), mask, np.array([[16.0, 0.0, 5.0], [1.0, 2.0, 3.0]]))
    assert_same(gradient, [[12.0, -12.0, 0.0], [0.0, 0.0, 0.0]])
    filled = masked_log_softmax_vjp(x[:1], mask[:1], np.array([[16.0, 0.0, 4.0]]), masking="fill")[0]
    assert_same(filled, [[11.0, -15.0, 0.0]])


@proves(masked_log_softmax, masked_log_softmax_vjp, by="law")
def test_a_logarithm_of_what_counts_might_as_well_not_know_of_the_rest():
    x, g = carried(X), carried(Stream("activations/g").normal(X.shape))
    some = np.arange(X.shape[1]) % 3 > 0
    mask = np.broadcast_to(some, X.shape)
    assert_same(masked_log_softmax(x, mask)[:, some], log_softmax(x[:, some]))
    assert_same(masked_log_softmax_vjp(x, mask, g)[0][:, some], log_softmax_vjp(x[:, some], g[:, some])[0])


CUBE = Stream("activations/cube").normal((3, 2, 4, 5))


@proves(softmax, softmax_vjp, log_softmax, log_softmax_vjp, masked_log_softmax, by="law")
@pytest.mark.parametrize("axes", [(1, 3), (3, 1), (0, 2), (0, 1, 2, 3), (-3,)])
def test_several_axes_are_one_that_is_as_long_as_all(axes):
    x, g = carried(CUBE), carried(Stream("activations/cube/g").normal(CUBE.shape))
    kept = [a for a in range(4) if a not in [b % 4 for b in axes]]

    def flat(array):
        return np.reshape(np.transpose(array, [*kept, *axes]), (*[CUBE.shape[a] for a in kept], -1))

    for function, vjp in ((softmax, softmax_vjp), (log_softmax, log_softmax_vjp)):
        assert_same(flat(function(x, axis=axes)), function(flat(x)))
        assert_same(flat(vjp(x, g, axis=axes)[0]), vjp(flat(x), flat(g))[0])
    everything = np.ones(CUBE.shape, bool)
    assert_same(masked_log_softmax(x, everything, axis=axes), log_softmax(x, axis=axes))


@proves(softmax, by="law")
def test_a_temperature_divides_the_logits():
    x, g = carried(X), carried(Stream("activations/g").normal(X.shape))
    assert_same(softmax(4.0 * x, temperature=4.0), softmax(x))
    assert_same(softmax_vjp(4.0 * x, g, temperature=4.0)[0], softmax_vjp(x, g)[0] / 4.0)
    with pytest.raises(ValueError, match="temperature must be positive; got 0"):
        softmax(X, temperature=0)


@proves(logsumexp, logsumexp_vjp, by="law")
def test_a_weight_is_the_logarithm_that_is_added():
    x, g = carried(X), carried(Stream("activations/g").normal(X.shape[:1]))
    weights = np.exp(Stream("activations/weights").normal(X.shape))
    assert_same(logsumexp(x, None, carried(weights)), logsumexp(x + carried(np.log(weights))))
    of_x, of_weights = logsumexp_vjp(x, None, carried(weights), g)
    assert_same(of_x, logsumexp_vjp(x + carried(np.log(weights)), None, None, g)[0])
    assert_same(of_weights * weights, of_x)


@proves(softmin, softmin_vjp, by="law")
def test_the_softmin_of_minus_x_is_the_softmax_of_x():
    x, g = carried(X), carried(Stream("activations/g").normal(X.shape))
    assert_same(softmin(-x), softmax(x))
    assert_same(softmin_vjp(-x, g)[0], -softmax_vjp(x, g)[0])


@proves(logsumexp_vjp, softmax, by="law")
def test_the_gradient_of_logsumexp_is_the_softmax():
    x, g = carried(X), carried(Stream("activations/g").normal((7,)))
    assert_same(logsumexp_vjp(x, None, None, g, axis=0)[0], softmax(x, axis=0) * g)


@proves(logsumexp, logsumexp_vjp, by="worked figures")
def test_logsumexp_of_worked_figures():
    x, mask = np.log([[1.0, 2.0, 5.0], [3.0, 1.0, 2.0]]), np.array([[True, True, True], [True, False, False]])
    assert_same(logsumexp(carried(x)), carried(np.log([8.0, 6.0])))
    assert_same(logsumexp(carried(x), mask, mean=True), carried(np.log([8.0 / 3.0, 3.0])))
    assert_same(logsumexp(carried(x), mask, axis=None, keepdims=True), carried(np.log([[11.0]])))
    gradient, _ = logsumexp_vjp(carried(x), mask, None, np.array([16.0, 5.0]))
    assert_same(gradient, [[2.0, 4.0, 10.0], [5.0, 0.0, 0.0]])


@np.errstate(all="ignore")
def test_a_sum_of_nothing_is_0_and_its_mean_is_not_a_number():
    nothing, x = np.zeros((2, 3), dtype=bool), np.zeros((2, 3))
    assert logsumexp(x, nothing).tolist() == [-np.inf, -np.inf]
    assert np.isnan(logsumexp(x, nothing, mean=True)).all()
    assert logsumexp_vjp(x, nothing, None, np.ones(2))[0].tolist() == np.zeros((2, 3)).tolist()
    infinite = np.array([[-np.inf, -np.inf], [np.inf, 1.0]])
    assert logsumexp(infinite).tolist() == [-np.inf, np.inf]
    gradient, _ = logsumexp_vjp(infinite, None, None, np.ones(2))
    assert (np.isnan(gradient).tolist(), gradient[1, 1]) == ([[True, True], [True, False]], 0.0)


@proves(sparsemax, by="law")
def test_of_two_classes_the_sparsemax_is_the_sparse_sigmoid_of_half_their_distance():
    x = carried(X)
    pair = sparsemax(np.stack([x, -x], axis=-1))
    assert_same(pair[..., 0], sparse_sigmoid(2.0 * x))


@proves(swish, silu, by="law")
def test_swish_is_a_silu_of_another_scale():
    x = carried(X)
    assert_same(swish(x, beta=0.5), 2.0 * silu(0.5 * x))


@proves(glu, by="law")
def test_a_gated_unit_of_the_same_halves_is_a_silu():
    x = carried(X)
    assert_same(glu(np.concatenate([x, x], axis=0), axis=0), silu(x))


@proves(crelu, by="law")
def test_the_halves_of_crelu_leave_x_and_its_magnitude():
    positive, negative = np.split(crelu(carried(X), axis=0), 2, axis=0)
    assert_same(positive - negative, X)
    assert_same(positive + negative, np.abs(X))


def test_a_softplus_of_what_is_rounded_does_not_doubt_which_of_its_forms_it_takes():
    total = carried(X) + carried(X / 3.0)
    assert (softplus(total).bound < np.abs(total.value)).all()


def test_a_softplus_that_does_not_rise_and_a_threshold_below_zero_are_refused():
    with pytest.raises(ValueError, match=r"beta must be positive; got 0\.0"):
        softplus(X, beta=0.0)
    with pytest.raises(ValueError, match=r"threshold must be at least 0; got -0\.5"):
        soft_shrink(X, threshold=-0.5)


def test_halves_that_are_not_equal_are_refused():
    with pytest.raises(ValueError, match="x must have an even length along axis -1; got 7"):
        glu(X)


# --- self-normalization ---


def test_the_constants_of_selu_are_the_printed_digits_of_what_they_solve():
    # Klambauer et al. (2017), equation 14: the moments of λ z, z > 0, and of λ α (exp(z) - 1) in closed form.
    with mpmath.workdps(60):
        half, two, e = mpmath.erfc(1 / mpmath.sqrt(2)), mpmath.erfc(mpmath.sqrt(2)), mpmath.e
        alpha = -mpmath.sqrt(2 / mpmath.pi) / (half * mpmath.sqrt(e) - 1)
        below = (two * e**2 - 2 * half * mpmath.sqrt(e) + 1) / 2
        scale = 1 / mpmath.sqrt(mpmath.mpf(1) / 2 + alpha**2 * below)
        printed = mpmath.nstr(alpha, 32), mpmath.nstr(scale, 32)
    assert printed == ("1.6732632423543772848170429916717", "1.0507009873554804934193349852946")
    assert (float(printed[0]), float(printed[1])) == (SELU_ALPHA, SELU_SCALE)


@proves(selu, by="law")
def test_mean_zero_and_variance_one_of_normal_inputs_are_kept():
    nodes, weights = np.polynomial.legendre.leggauss(100)
    z = carried(np.concatenate([6.0 * nodes - 6.0, 6.0 * nodes + 6.0]))
    density = np.exp(-0.5 * np.square(z)) * np.concatenate([weights, weights]) * 6.0 / np.sqrt(2 * np.pi)
    assert_same(np.sum(density * selu(z)), np.zeros(()), size=1.0)
    assert_same(np.sum(density * np.square(selu(z))), np.ones(()))


@proves(selu, selu_vjp, by="worked figures")
def test_selu_of_worked_figures():
    x, g = np.array([-np.inf, 0.0, 1.0, np.nan]), np.array([3.0, 2.0, 4.0, 8.0])
    scale, left = SELU_SCALE, SELU_SCALE * SELU_ALPHA
    assert_same(selu(carried(x)), [-left, 0.0, scale, np.nan])
    assert_same(selu_vjp(carried(x), g)[0], [0.0, 2.0 * left, 4.0 * scale, np.nan])
    right = selu_vjp(carried(x), g, zero_gradient="right", nan_gradient="pass")[0]
    assert_same(right, [0.0, 2.0 * scale, 4.0 * scale, 8.0 * scale])


@proves(selu, by="high precision")
def test_selu_keeps_its_digits_near_zero_and_far_below():
    x = np.array([-100.0, -5.0, -1.0, -1e-8, -1e-300, 0.5, 3.0])
    with mpmath.workdps(40):
        scale, alpha = mpmath.mpf(SELU_SCALE), mpmath.mpf(SELU_ALPHA)
        wanted = [scale * (v if v > 0 else alpha * mpmath.expm1(v)) for v in map(mpmath.mpf, x)]
    assert_same(selu(carried(x)), wanted)


@proves(selu_vjp, selu, by="law")
def test_below_zero_the_slope_of_selu_is_its_distance_from_its_least_value():
    x = carried(-np.abs(X))
    assert_same(selu_vjp(x, ONES)[0], selu(x) + SELU_SCALE * carried(np.array(SELU_ALPHA)))
