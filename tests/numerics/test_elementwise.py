"""Elementwise rules to the last digit: the formulas of ``_ufuncs``, worked element by element."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import special

from assay.numerics._moments import U_REFERENCE, Moments
from assay.numerics._ufuncs import _FAR, _MONOTONE, LIBRARY_ULPS, ONE_AT_ZERO, library_ulps
from assay.numerics.carried import Carried, Doubtful, carry, carry_moments, finish
from assay.numerics.dtypes import DTYPES
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import CHECKS_PER_RUN, FALSE_ALARMS_PER_RUN, confidence

SINGLE, DOUBLE = profiles("float32")[0], profiles("float64")[0]
OP_BY_OP = profiles("bfloat16")[1]
PROFILES = pytest.mark.parametrize("profile", [SINGLE, DOUBLE, OP_BY_OP], ids=lambda p: p.name)
DIGITS = {"rtol": 64 * np.finfo(np.float64).eps}
"""What the order of a few roundings in float64 may change."""


def known(value, bound, variance=None, profile=SINGLE) -> Carried:
    value = np.asarray(value, float)
    bound = np.broadcast_to(np.asarray(bound, float), value.shape)
    variance = bound**2 / 500 if variance is None else np.broadcast_to(variance, value.shape)
    return carry_moments(Moments(value, bound, variance), profile)


def leaf(value, profile=SINGLE) -> Carried:
    return carry(np.asarray(value, float), profile)


def rounding(profile, value, bound, variance, ulps=0.5):
    """Bound and variance with one rounding of ``ulps`` ulps, an ulp being two unit roundoffs."""
    u = 2 * ulps * (profile.u + U_REFERENCE)
    own = u * np.abs(value)
    return (1 + u) * bound + own, variance + own**2 / 3


def assert_error(x, bound, variance, **digits):
    np.testing.assert_allclose(x.bound, bound, **(digits or DIGITS))
    np.testing.assert_allclose(x.variance, variance, **(digits or DIGITS))


def assert_same(x, y):
    np.testing.assert_array_equal(x.value, y.value)
    np.testing.assert_array_equal(x.bound, y.bound)
    np.testing.assert_array_equal(x.variance, y.variance)


# --- arithmetic ---

X, BX, VX = np.array([3.0, -0.7, 5.5]), np.array([1e-2, 2e-3, 0.3]), np.array([1e-5, 4e-7, 1e-3])
Y, BY, VY = np.array([-1.1, 0.9, 7.3]), np.array([4e-3, 1e-3, 0.2]), np.array([3e-6, 2e-7, 5e-3])
SIZE_X, SIZE_Y = np.abs(X), np.abs(Y)

ARITHMETIC = {
    np.add: (lambda bx, by: bx + by, lambda vx, vy: vx + vy, 0.5),
    np.subtract: (lambda bx, by: bx + by, lambda vx, vy: vx + vy, 0.5),
    np.multiply: (
        lambda bx, by: SIZE_X * by + SIZE_Y * bx + bx * by,
        lambda vx, vy: X**2 * vy + Y**2 * vx + vx * vy,
        0.5,
    ),
    np.divide: (
        lambda bx, by: (bx + SIZE_X / SIZE_Y * by) / (SIZE_Y - by),
        lambda vx, vy: (vx + (X / Y) ** 2 * vy) / Y**2,
        None,
    ),
    np.hypot: (
        lambda bx, by: np.hypot(bx, by),
        lambda vx, vy: (X**2 * vx + Y**2 * vy) / (X**2 + Y**2),
        None,
    ),
}


@PROFILES
@pytest.mark.parametrize("function", ARITHMETIC, ids=lambda f: f.__name__)
@pytest.mark.parametrize("inexact", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_errors_of_both_operands_go_through_arithmetic(function, inexact, profile):
    bounds, variances, ulps = ARITHMETIC[function]
    if ulps is None:
        ulps = max(library_ulps(function.__name__, profile.u), 1.0)
    i, j = inexact
    x = known(X, BX, VX, profile) if i else leaf(X, profile)
    y = known(Y, BY, VY, profile) if j else leaf(Y, profile)
    wanted = rounding(profile, function(X, Y), bounds(i * BX, j * BY), variances(i * VX, j * VY), ulps)
    assert_error(function(x, y), *wanted)


def test_a_product_of_cancelled_factors_varies_as_far_as_its_bound():
    x = known([0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.04, 1.0, 0.25, 0.3])
    y = known([0.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.5, 0.5], [0.01, 1.0, 0.04, 0.04])
    first_order = np.array([0.0, 0.0, 0.01, 0.01])
    both = np.array([4e-4, 1.0, 0.01, 0.012])
    wanted = first_order + both
    wanted[[0, 3]] = np.array([0.125, 0.75]) ** 2
    product = x * y
    np.testing.assert_allclose(product.variance, wanted, **DIGITS)


@PROFILES
def test_a_square_is_the_product_with_itself(profile):
    x = known(X, BX, VX, profile)
    wanted = rounding(profile, X**2, 2 * SIZE_X * BX + BX**2, 4 * X**2 * VX)
    for square in (np.square(x), x * x, x**2):
        assert_error(square, *wanted)
    assert_error(np.square(leaf(X, profile)), *rounding(profile, X**2, 0 * X, 0 * X))


def test_a_reciprocal_is_a_quotient():
    x = known(X, BX, VX)
    for reciprocal in (np.reciprocal(x), x**-1.0):
        assert_same(reciprocal, np.ones(3) / x)
    assert_same(x**-0.5, np.ones(3) / np.sqrt(x))


def test_adding_exact_zeros_and_multiplying_by_exact_powers_of_two_rounds_nothing():
    x = known([3.0, 3.0, 3.0], [0.0, 0.1, 0.1], [0.0, 0.01, 0.01])
    zero = known([0.0, 0.0, 0.0], [0.0, 0.0, 0.1], [0.0, 0.0, 0.01])
    u = SINGLE.u + U_REFERENCE
    for total in (x + zero, zero + x, x - zero):
        np.testing.assert_allclose(total.bound, [0, 0.1 * (1 + u), 0.2 * (1 + u) + 3 * u], **DIGITS)
    two = known([2.0, 2.0, 2.0], [0.0, 0.0, 0.1], [0.0, 0.0, 0.01])
    for product in (x * two, two * x):
        np.testing.assert_allclose(product.bound, [0, 0.2 * (1 + u), 0.51 * (1 + u) + 6 * u], **DIGITS)
    u *= 2 * library_ulps("divide", SINGLE.u)
    np.testing.assert_allclose(
        (x / two).bound, [0, 0.05 * (1 + u), (0.1 + 1.5 * 0.1) / (2 - 0.1) * (1 + u) + 1.5 * u], **DIGITS
    )
    square = np.square(known([4.0, 4.0], [0.0, 0.1]))
    assert square.bound[0] == 0
    assert square.bound[1] > 0.81


def test_powers_of_two_multiply_and_divide_exactly():
    two, four = leaf([2.0, 0.5]), leaf([4.0, 8.0])
    assert (two * four).exact
    assert (two / four).exact


def test_what_vanishes_below_float64_has_underflowed():
    small, large = leaf([1e-200], DOUBLE), leaf([1e200], DOUBLE)
    for result in (np.square(small), small / large, small * small[::-1], small**2.5):
        assert (result.value, result.bound) == (0, DOUBLE.underflow)
    for overflow in (large / small, large / -small):
        assert overflow.bound == np.inf


def test_an_error_has_the_shape_of_its_result():
    zeros = leaf(np.zeros((2, 3)))
    for x in (known(X, BX, VX), known(X[np.newaxis], BX, VX)):
        for total in (x + zeros, zeros + x, x - zeros):
            assert total.bound.shape == total.variance.shape == (2, 3)
            assert total._content.bound.shape == (2, 3)


def test_a_quotient_is_unresolved_where_the_divisor_may_be_zero():
    x = leaf([1.0, 1.0, 1.0, 0.0]) / known([0.5, 0.25, -0.25, 0.0], [0.25, 0.25, 0.5, 0.0])
    assert np.isinf(x.bound).tolist() == [False, True, True, False]
    narrow = leaf([[1.0], [2.0]]) / known([0.25, 0.5], [0.25, 0.25])
    assert np.isinf(narrow.bound).tolist() == [[True, False]] * 2
    by_zero = leaf([1.0, -1.0, 0.0]) / leaf([0.0, 0.0, 0.0])
    assert not by_zero.bound.any()
    assert finish(leaf([1.0]) / leaf([-0.0])).value == -np.inf


# --- what no implementation computes less than ---

VARIANCE, FLOOR = 0.01, 2.0**-10
"""A variance whose rounding error may exceed it, and what is added to it inside the root."""


def squares(bound, value=VARIANCE, profile=SINGLE):
    """A mean of squares, of which half the bound is that of its terms."""
    root = math.sqrt(value)
    return np.mean(np.square(known([root, -root], math.sqrt(value + bound) - root, None, profile)))


@pytest.mark.parametrize("profile", [SINGLE, DOUBLE, OP_BY_OP], ids=lambda p: p.name)
@pytest.mark.parametrize("value", [0.0, VARIANCE, 4.0])
@pytest.mark.parametrize("bound", [2.0**-20, 2.0**-6, 1.0, 2.0**40])
def test_a_variance_is_not_negative_however_it_is_rounded(bound, value, profile):
    variance = squares(bound, value, profile)
    factor = 1.0 / np.sqrt(variance + FLOOR)
    low, high = max(float(variance.value - variance.bound), 0.0), float(variance.value + variance.bound)
    computed = np.linspace(low, high, 10_001)
    moved = np.abs(1 / np.sqrt(computed + FLOOR) - factor.value)
    assert moved.max() <= factor.bound
    most = max(1 / np.sqrt(FLOOR) - factor.value, factor.value)
    few_ulps = 32 * library_ulps("sqrt", profile.u) * (profile.u + U_REFERENCE)
    assert factor.bound <= most * (1 + few_ulps)
    assert factor.variance <= factor.bound**2


def test_what_is_not_negative_stays_so_in_sums_products_quotients_and_selections():
    square = np.square(known([0.0, 0.25], 0.5))
    for kept in (
        np.sum(square),
        np.mean(square, keepdims=True),
        square * np.array([2.0, 0.0]),
        square / 3.0,
        np.where(np.array([True, False]), square, 0.0),
        0.75 * square + 0.25 * square,
        np.reshape(square, (2, 1)),
    ):
        assert kept._content.least.tolist() == np.zeros(kept.shape).tolist()
    assert square[1]._content.least == 0


def test_what_may_be_negative_is_taken_for_no_more_than_its_interval():
    square, sign = np.square(known([0.0, 0.0], 0.5)), known([1.0, 0.0], 0.5)
    for lost in (square - sign, np.negative(square), square * sign, square / (sign - 0.5)):
        assert lost._content.least is None or (lost._content.least <= lost.value - lost.bound).any()
    assert np.isinf((1.0 / np.sqrt(square)).bound).all()
    assert np.isinf((1.0 / (square + known([-0.1, -0.1], 0.0))).bound).all()


def test_the_least_root_is_rounded_like_any_other():
    for profile in (SINGLE, OP_BY_OP):
        variance = squares(1.0, 0.0, profile) + FLOOR
        root = np.sqrt(variance)
        ulps = library_ulps("sqrt", profile.u)
        u = profile.u + U_REFERENCE
        assert variance._content.least == FLOOR * (1 - u)
        assert root._content.least == np.sqrt(FLOOR * (1 - u)) * (1 - 2 * ulps * u)
    half = profiles("float16")[1]
    tiny = squares(1.0, 0.0, half) + 2.0**-20
    assert tiny._content.least == 2.0**-20 * (1 - (half.u + U_REFERENCE)) - half.underflow


def test_operands_are_broadcast():
    x, y = known([[1.5], [2.5]], [[0.1], [0.2]]), known([3.5, 4.5, 5.5], 0.3)
    full = [known(np.broadcast_to(t.value, (2, 3)), t.bound, t.variance) for t in (x, y)]
    for function in (*ARITHMETIC, np.power, np.maximum, special.xlogy):
        assert_same(function(x, y), function(*full))
        assert function(x, leaf([3.0])).shape == (2, 1)
        assert function(leaf([[1.0], [2.0]]), y).bound.shape == (2, 3)


# --- no error of their own ---


def test_signs_keep_error_and_overflow():
    beyond = leaf([SINGLE.largest, 1.5]) * 4.0
    for function in (np.negative, np.positive, np.abs, np.fabs):
        x = known(X, BX, VX)
        assert_error(function(x), BX, VX)
        finished = finish(function(beyond))
        assert np.isinf(finished.value).tolist() == [True, False]
        assert finished.bound[0] == 0


def test_an_extreme_carries_the_error_of_the_one_that_wins_and_the_larger_in_a_near_tie():
    # The intervals overlap, are apart either way, and touch.
    x = known([1.0, 2.0, 1.0, 1.0], [0.1, 0.1, 0.1, 0.25], [1e-3, 1e-3, 1e-3, 1e-3])
    y = known([1.25, 1.5, 1.5, 1.5], [0.2, 0.2, 0.2, 0.25], [2e-3, 2e-3, 2e-3, 2e-3])
    for maximum in (np.maximum, np.fmax):
        assert_error(maximum(x, y), [0.2, 0.1, 0.2, 0.25], [2e-3, 1e-3, 2e-3, 2e-3])
    for minimum in (np.minimum, np.fmin):
        assert_error(minimum(x, y), [0.2, 0.2, 0.1, 0.25], [2e-3, 2e-3, 1e-3, 2e-3])
    assert np.maximum(leaf(X), leaf(Y)).exact
    assert_error(np.maximum(x, leaf([5.0, 0.0, 5.0, 0.0])), [0, 0.1, 0, 0.25], [0, 1e-3, 0, 1e-3])


def test_an_infinite_extreme_is_certain_unless_its_operand_is_not_known():
    x = known([np.inf, np.inf, np.nan, 1.0], [0.5, np.inf, 0.5, 0.5])
    for extreme in (np.maximum, np.fmax):
        result = extreme(x, known([0.0, 0.0, np.nan, np.inf], 0.25))
        assert result.bound.tolist() == [0.0, np.inf, 0.0, 0.0]
        assert result.variance.tolist()[::2] == [0.0, 0.0]


STEPS = {
    np.sign: ([0.25, -0.25, 0.75], [2.0, 2.0, 0.0]),
    np.floor: ([0.25, 0.75, 1.5], [1.0, 1.0, 0.0]),
    np.ceil: ([0.25, 0.75, 1.5], [1.0, 1.0, 0.0]),
    np.trunc: ([-0.75, 0.75, 0.25], [1.0, 1.0, 0.0]),
    np.rint: ([0.25, 0.75, 1.0], [1.0, 1.0, 0.0]),
}


@pytest.mark.parametrize("function", STEPS, ids=lambda f: f.__name__)
def test_a_step_is_off_by_the_whole_of_it_where_rounding_may_cross_it(function):
    points, jumps = STEPS[function]
    points = np.array(points)
    width = np.array([0.3, 0.3, 0.125])
    reached = function(points + [[-1], [0], [1]] * width)
    wanted = np.max(np.abs(reached - reached[1]), axis=0)
    stepped = function(known(points, width))
    assert wanted.tolist() == stepped.bound.tolist() == jumps
    assert stepped.variance.tolist() == [jump**2 for jump in jumps]
    assert function(leaf(points)).exact
    assert function(known([np.inf, np.nan], [1.0, 1.0])).bound.tolist() == [0.0, 0.0]


# --- functions of a library ---


def test_the_published_error_is_that_of_the_format():
    for name, by_format in LIBRARY_ULPS.items():
        formats = ("float64", "float32", "float16")
        assert tuple(library_ulps(name, DTYPES[one].u) for one in formats) == by_format
        assert library_ulps(name, DTYPES["bfloat16"].u) == by_format[-1]


@pytest.mark.parametrize("name", DTYPES)
def test_functions_that_no_table_has_add_up_their_steps(name):
    u = DTYPES[name].u
    assert library_ulps("expit", u) == library_ulps("exp", u) + 0.5 + library_ulps("divide", u)
    assert library_ulps("log_expit", u) == library_ulps("exp", u) + library_ulps("log1p", u) + 0.5


def test_a_likely_error_reaches_as_far_as_the_tolerance_for_a_hundred_elements():
    assert round(confidence(FALSE_ALARMS_PER_RUN / CHECKS_PER_RUN, 100)) == _FAR


DERIVATIVES = {
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "tanh": mpmath.tanh,
    "sinh": mpmath.sinh,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arcsinh": mpmath.asinh,
    "arccosh": lambda x: mpmath.acosh(1 + x),
    "arctanh": mpmath.atanh,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "log_expit": lambda x: -mpmath.log1p(mpmath.exp(-x)),
}


@pytest.mark.parametrize("function", _MONOTONE, ids=lambda f: f.__name__)
def test_the_derivative_of_each_monotone_function_is_right(function):
    points = np.array([0.01, 0.2, 0.5, 0.9])
    shift = 1.0 if function is np.arccosh else 0.0
    slopes = _MONOTONE[function].derivative(points + shift, function(points + shift))
    wanted = [float(mpmath.diff(DERIVATIVES[function.__name__], x)) for x in points]
    np.testing.assert_allclose(slopes, wanted, rtol=np.sqrt(np.finfo(np.float64).eps))


DOMAINS = {
    **dict.fromkeys((np.log, np.log2, np.log10, np.sqrt), (0.0, np.inf)),
    **dict.fromkeys((np.arcsin, np.arccos, np.arctanh), (-1.0, 1.0)),
    np.log1p: (-1.0, np.inf),
    np.arccosh: (1.0, np.inf),
}


@pytest.mark.parametrize("function", _MONOTONE, ids=lambda f: f.__name__)
def test_the_domain_of_each_monotone_function_is_where_it_is_a_number(function):
    low, high = _MONOTONE[function].domain
    assert (low, high) == DOMAINS.get(function, (-np.inf, np.inf))
    with np.errstate(invalid="ignore"):
        outside = function(np.array([np.nextafter(low, -np.inf), np.nextafter(high, np.inf)]))
    assert np.isnan(outside[np.isfinite([low, high])]).all()


@pytest.mark.parametrize(
    ("function", "far"),
    [
        (np.exp, -800.0),
        (np.exp2, -2000.0),
        (special.erfc, 40.0),
        (special.expit, -800.0),
        (special.log_expit, 800.0),
    ],
)
def test_a_positive_function_that_comes_out_as_zero_has_underflowed(function, far):
    vanished = function(leaf([far], DOUBLE))
    assert (vanished.value, vanished.bound) == (0, DOUBLE.underflow)


@pytest.mark.parametrize("function", [np.log, np.log2, np.log10, np.arccosh])
def test_a_function_that_is_zero_at_one_is_exact_there(function):
    assert function(leaf([1.0])).exact


def worked_monotone(function, x, b, v):
    about, (low, high) = _MONOTONE[function], DOMAINS.get(function, (-np.inf, np.inf))
    with np.errstate(all="ignore"):
        value = function(x)
        slope = abs(about.derivative(x, value))

        def reach(width):
            ends = function(max(x - width, low)), function(min(x + width, high))
            return max(abs(end - value) for end in ends)

        bound = reach(b)
        if low <= x - b and x + b <= high:
            too_close = 8 * U_REFERENCE * (2 * abs(value) + bound + slope * abs(x))
            bound = max(bound, min(slope * b, bound + too_close))
        far = min(_FAR * math.sqrt(v), b)
        chord = max(slope, reach(far) / far) if far else slope
        return value, bound, min(chord**2 * v, bound**2)


INSIDE_ALL = [0.25, 0.5, 0.75]
ARGUMENTS = [-12.0, -3.0, -0.5, *INSIDE_ALL, 1.0, 1.5, 6.0]


@pytest.mark.parametrize("width", [2.0**-30, 2.0**-6, 0.25])
@pytest.mark.parametrize("spread", [2.0**-10, 2.0**-2])
@pytest.mark.parametrize("function", _MONOTONE, ids=lambda f: f.__name__)
@PROFILES
def test_a_monotone_function_is_worked_at_both_ends(function, width, spread, profile):
    low, high = _MONOTONE[function].domain
    points = [x for x in ARGUMENTS if low < x - width and x + width < high]
    variance = (spread * width) ** 2
    carried = function(known(points, width, variance, profile))
    ulps = library_ulps(function.__name__, profile.u)
    for i, x in enumerate(points):
        wanted = rounding(profile, *worked_monotone(function, x, width, variance), ulps)
        if abs(carried.value[i]) > 2 * wanted[0] + profile.smallest_normal and np.isfinite(carried.bound[i]):
            assert_error(carried[i], *wanted)


@pytest.mark.parametrize("function", [np.tanh, special.erf, special.expit], ids=lambda f: f.__name__)
def test_a_function_strays_no_further_than_its_values_lie_apart(function):
    # The slope at 0 would promise an error of 64 and more.
    carried = function(known([0.0], 64.0))
    apart = max(abs(function(end) - function(0.0)) for end in (-64.0, 64.0))
    bound, _ = rounding(SINGLE, carried.value, apart, 0.0, library_ulps(function.__name__, SINGLE.u))
    np.testing.assert_allclose(carried.bound, bound, **DIGITS)


@pytest.mark.parametrize("function", _MONOTONE, ids=lambda f: f.__name__)
def test_an_exact_argument_leaves_the_functions_own_error(function):
    points = np.array(INSIDE_ALL) + (1 if function is np.arccosh else 0)
    value = function(points)
    wanted = rounding(SINGLE, value, 0, 0, library_ulps(function.__name__, SINGLE.u))
    assert_error(function(leaf(points)), *wanted)


def test_the_exponential_of_zero_is_exact():
    for function in ONE_AT_ZERO:
        assert function(leaf([0.0, -0.0])).exact
        assert function(known([0.0, 0.0], [0.0, 0.1])).bound.tolist()[0] == 0
        assert not function(leaf([0.5])).exact
    assert not special.expit(leaf([0.0])).exact


@pytest.mark.parametrize(
    ("function", "end", "inward"),
    [
        (np.sqrt, 0.0, 1),
        (np.arcsin, 1.0, -1),
        (np.arcsin, -1.0, 1),
        (np.arccos, 1.0, -1),
        (np.arccosh, 1.0, 1),
    ],
)
def test_an_argument_near_the_end_of_the_domain_is_held_inside(function, end, inward):
    for x in (end, end + inward * 2.0**-10):
        carried = function(known([x], 2.0**-8, 2.0**-24))
        _, bound, variance = worked_monotone(function, x, 2.0**-8, 2.0**-24)
        ulps = library_ulps(function.__name__, SINGLE.u)
        wanted = rounding(SINGLE, carried.value, bound, variance, ulps)
        assert_error(carried, *wanted)


def test_at_the_pole_of_a_function_what_rounding_decides_is_unresolved():
    poles = {np.log: 0.0, np.log2: 0.0, np.log10: 0.0, np.log1p: -1.0, np.arctanh: 1.0}
    for function, pole in poles.items():
        exact = function(leaf([pole]))
        assert np.isinf(exact.value)
        assert exact.bound == exact.variance == 0
        inexact = function(known([pole, pole], [0.0, 2.0**-8]))
        assert inexact.bound.tolist() == inexact.variance.tolist() == [0.0, np.inf]
    overflow = np.exp(leaf([1000.0]))
    assert finish(overflow).value == np.inf
    assert overflow.bound == np.inf


@PROFILES
@pytest.mark.parametrize(("function", "derivative"), [(np.sin, np.cos), (np.cos, np.sin)])
def test_a_sine_errs_by_its_slope_and_half_the_square(function, derivative, profile):
    slope = np.abs(derivative(X))
    ulps = library_ulps(function.__name__, profile.u)
    wanted = rounding(profile, function(X), slope * BX + BX**2 / 2, slope**2 * VX, ulps)
    assert_error(function(known(X, BX, VX, profile)), *wanted)
    assert_error(function(leaf(X, profile)), *rounding(profile, function(X), 0, 0, ulps))
    far = function(known([1.0], 3.0, 1.0, profile))
    assert_error(far, *rounding(profile, function(1.0), 2.0, derivative(1.0) ** 2, ulps))


@PROFILES
def test_a_hyperbolic_cosine_errs_outward(profile):
    ulps, size = library_ulps("cosh", profile.u), SIZE_X
    wanted = rounding(profile, np.cosh(X), np.cosh(size + BX) - np.cosh(X), np.sinh(size) ** 2 * VX, ulps)
    assert_error(np.cosh(known(X, BX, VX, profile)), *wanted, rtol=1e4 * np.finfo(float).eps)
    assert_error(np.cosh(leaf(X, profile)), *rounding(profile, np.cosh(X), 0, 0, ulps))


def test_an_interval_of_a_hyperbolic_cosine_too_narrow_for_float64_counts_by_its_slope():
    narrow, none = np.cosh(known([3.0], 2.0**-53, 2.0**-110, DOUBLE)), np.cosh(leaf([3.0], DOUBLE))
    assert narrow.bound - none.bound == pytest.approx(np.sinh(3.0) * 2.0**-53, rel=2.0**-10, abs=0)


def test_the_hypotenuse_of_nothing_errs_as_both_legs():
    x = np.hypot(known([0.0], 0.3, 0.01), known([0.0], 0.4, 0.02))
    assert_error(x, [0.5 * (1 + 2 * library_ulps("hypot", SINGLE.u) * (SINGLE.u + U_REFERENCE))], [0.03])


# --- powers ---


def worked_power(x, bx, vx, y, by, vy):
    value = x**y
    slopes = abs(y * x ** (y - 1)), abs(value * math.log(x))
    corners = [max(x + i * bx, 0.0) ** (y + j * by) for i in (-1, 1) for j in (-1, 1)]
    reach = max(abs(corner - value) for corner in corners)
    bound = max(reach, slopes[0] * bx + slopes[1] * by)
    return value, bound, min(slopes[0] ** 2 * vx + slopes[1] ** 2 * vy, bound**2)


@PROFILES
@pytest.mark.parametrize("bx", [0.0, 1e-3, 0.25])
@pytest.mark.parametrize("by", [0.0, 1e-3, 0.25])
def test_a_power_is_worked_at_the_corners(bx, by, profile):
    for x, y in ((3.5, 1.7), (0.7, 2.3), (3.5, -1.7), (0.7, 0.3), (1.0, 2.5)):
        carried = np.power(known([x], bx, bx**2 / 7, profile), known([y], by, by**2 / 9, profile))
        exact_base = x == 1 and bx == 0
        ulps = library_ulps("power", profile.u)
        worked = worked_power(x, bx, bx**2 / 7, y, by, by**2 / 9)
        wanted = rounding(profile, *worked, ulps)
        if exact_base:
            wanted = (1 + 2 * ulps * (profile.u + U_REFERENCE)) * worked[1], worked[2]
        assert_error(carried, *wanted, rtol=1e4 * np.finfo(float).eps)


def test_a_power_spreads_no_further_than_its_bound():
    x, y, bound, variance = 4.0, 0.3, 1.0, 100.0
    value, bound, variance = worked_power(x, bound, variance, y, 0.0, 0.0)
    assert variance == bound**2
    carried = np.power(known([x], 1.0, 100.0), leaf([y]))
    assert_error(carried, *rounding(SINGLE, value, bound, variance, library_ulps("power", SINGLE.u)))


def test_intervals_of_a_power_too_narrow_for_float64_count_by_their_slopes():
    x, y, narrow = 3.0, 2.5, 2.0**-60
    carried = np.power(known([x], narrow, profile=DOUBLE), known([y], narrow, profile=DOUBLE))
    none = np.power(leaf([x], DOUBLE), leaf([y], DOUBLE))
    linear = (y * x ** (y - 1) + x**y * np.log(x)) * narrow
    assert carried.bound - none.bound == pytest.approx(linear, rel=2.0**-10, abs=0)


def test_a_power_that_overflows_is_certain_and_no_pole():
    for base, exponent in ((1e200, 2.5), (1e-200, -3.0), (-1e200, 3.0)):
        for x in (leaf([base], DOUBLE), known([base], abs(base) * 2.0**-20, 1.0, DOUBLE)):
            beyond = np.power(x, leaf([exponent], DOUBLE))
            assert beyond.bound == np.inf
            assert (finish(beyond).value, finish(beyond).bound) == (np.copysign(np.inf, base), 0)


def test_powers_with_a_name_are_what_they_are_called():
    x = known(SIZE_X, BX, VX)
    for power, named in (
        (x**1.0, x),
        (x**2.0, np.square(x)),
        (x**0.5, np.sqrt(x)),
        (x**-1.0, np.reciprocal(x)),
        (x**0.0, leaf(np.ones(3))),
        (np.float_power(x, 2.0), np.square(x)),
    ):
        assert_same(power, named)
    array = np.power(x, leaf([2.0, 2.0, 2.0]))
    assert (array.bound != np.square(x).bound).all()
    assert (np.power(x, known(2.0, 1e-9)).bound > np.square(x).bound).all()


def test_a_power_that_rounding_may_take_through_a_pole_is_unresolved():
    x = known([0.0, 0.0, 0.25, 0.25, 2.0], [0.0, 0.5, 0.25, 0.5, 0.5])
    assert np.isinf(np.power(x, leaf([-3.0] * 5)).bound).tolist() == [False, True, True, True, False]
    assert np.isinf(np.power(x, leaf([3.0] * 5)).bound).tolist() == [False] * 5
    assert np.power(leaf([0.0, 1.0]), leaf([3.0, -3.0])).exact
    assert np.power(leaf([0.0, 1.0]), leaf([0.0, 0.0])).exact
    assert not np.power(leaf([-1.5]), leaf([3.0])).exact
    assert np.power(known([0.0], 0.5), leaf([-0.5])).bound == np.inf
    pole = np.power(leaf([0.0]), leaf([-3.0]))
    assert (pole.value, pole.bound) == (np.inf, 0)


# --- compositions ---


def test_compositions_are_their_formulas():
    x, y = known(X, BX, VX), known(SIZE_Y, BY, VY)
    half = np.sqrt(0.5)
    together = np.maximum(x, y) + np.log1p(np.exp(-np.abs(x - y)))
    inside = known([0.25, 0.5, 0.75], 1e-3)
    pairs = {
        "logaddexp": (np.logaddexp(x, y), together),
        "ndtr": (special.ndtr(x), special.erfc(x * -half) * 0.5),
        "xlogy": (special.xlogy(x, y), x * np.log(y)),
        "xlog1py": (special.xlog1py(x, y), x * np.log1p(y)),
        "entr": (special.entr(y), -(y * np.log(y))),
        "logit": (special.logit(inside), np.log(inside / (1.0 - inside))),
    }
    for name, (function, formula) in pairs.items():
        np.testing.assert_allclose(function.value, formula.value, **DIGITS, err_msg=name)
        np.testing.assert_array_equal(function.bound, formula.bound, name)
        np.testing.assert_array_equal(function.variance, formula.variance, name)


def test_the_logarithm_of_the_normal_distribution_changes_its_formula_at_minus_one():
    def upper(x):
        return np.log1p(special.erfc(x * np.sqrt(0.5)) * -0.5)

    def lower(x):
        t = x * np.sqrt(0.5)
        return np.log(special.erfcx(-t) * 0.5) - np.square(t)

    for points, formula in (([-0.75, 0.5, 3.0], upper), ([-1.0, -1.25, -6.0], lower)):
        x = known(points, 1e-3)
        np.testing.assert_array_equal(special.log_ndtr(x).bound, formula(x).bound)
        np.testing.assert_array_equal(special.log_ndtr(x).variance, formula(x).variance)


def test_a_logarithm_times_an_exact_zero_is_zero_and_times_another_is_not():
    x = known([0.0, 0.0, 0.0], [0.0, 0.5, 0.0])
    product = special.xlogy(x, leaf([0.0, 3.0, np.nan]))
    assert product.value.tolist()[:2] == [0.0, 0.0]
    assert np.isnan(product.value[2])
    assert product.bound[0] == 0
    assert product.bound[1] >= 0.5 * np.log(3.0)


def test_special_values_of_a_composition_are_exact_unless_they_hang_on_what_is_not_known():
    minus = np.logaddexp(known([-np.inf, -np.inf], [0.5, np.inf]), known([-np.inf, -np.inf], [0.0, 0.5]))
    assert minus.value.tolist() == [-np.inf, -np.inf]
    assert minus.bound.tolist() == minus.variance.tolist() == [0.0, np.inf]
    assert np.logaddexp(leaf([-np.inf]), leaf([-np.inf])).bound == 0
    assert special.entr(leaf([-1.0])).bound == 0
    lost = special.entr(known([0.0, 0.5], 2.0**-10))
    assert lost.value[0] == 0
    assert np.isinf(lost.bound).tolist() == np.isinf(lost.variance).tolist() == [True, False]


def test_a_selection_keeps_an_overflow_with_its_element():
    beyond, plain = leaf([SINGLE.largest, SINGLE.largest]) * 4.0, known([1.0, 2.0], 0.5)
    choose = np.array([True, False])
    first, second = np.where(choose, beyond, plain), np.where(choose, plain, beyond)
    for chosen, overflows in ((first, [True, False]), (second, [False, True])):
        finished = finish(chosen)
        assert np.isinf(finished.value).tolist() == overflows
        assert np.where(overflows, 0.0, 0.5).tolist() == finished.bound.tolist()


FACTORS = {
    "grows": (leaf([1.5]), 0.0),
    "stays": (leaf([1.0]), 0.0),
    "shrinks": (leaf([0.75]), np.inf),
    "grows for certain": (known([1.5], 0.25), 0.0),
    "may shrink": (known([1.0], 0.25), np.inf),
    "may shrink a large number": (known([4.0], 3.5), np.inf),
}


@pytest.mark.parametrize(("factor", "bound"), FACTORS.values(), ids=FACTORS)
def test_a_product_overflows_where_one_factor_has_and_the_other_makes_it_no_smaller(factor, bound):
    beyond = leaf([SINGLE.largest]) * 1.25
    for product in (beyond * factor, factor * beyond, beyond * -factor):
        assert finish(product).bound == bound


TERMS = {
    "outward": (0.5, 0.0),
    "nothing": (0.0, 0.0),
    "farther out than itself": (2.5, 0.0),
    "out of the other end": (-2.5, np.inf),
    "back into the range": (-0.5, np.inf),
    "past zero": (-1.5, np.inf),
}


@pytest.mark.parametrize(("term", "bound"), TERMS.values(), ids=TERMS)
def test_a_sum_overflows_where_one_term_has_and_the_other_leads_no_nearer_to_zero(term, bound):
    beyond, other = leaf([SINGLE.largest]) * 1.25, np.float64(SINGLE.largest) * (term * 1.25)
    for total in (beyond + other, other + beyond, beyond - -other):
        assert finish(total).bound == bound


# --- comparisons ---


@pytest.mark.parametrize("function", [np.equal, np.not_equal, np.less, np.greater_equal])
def test_a_number_compared_with_itself_is_never_in_doubt(function):
    x = known([1.0, np.nan], [0.5, 0.5])
    assert not isinstance(function(x, x), Doubtful)
    assert isinstance(function(x, x + 0.0), Doubtful)


def test_a_comparison_is_in_doubt_up_to_the_sum_of_the_bounds():
    x, y = known([1.0, 1.0, 1.0], 0.25), known([1.5, np.nextafter(1.5, 2), 1.25], 0.25)
    assert (x > y).doubt.tolist() == [True, False, True]
    ties = known([1.0, 1.0], [0.0, 0.25]) > leaf([1.0, 1.0])
    assert ties.doubt.tolist() == [False, True]
    assert type(known([1.0], 0.25) > 2.0) is np.ndarray
    for value in (1.25, 1.75):
        doubtful, certain = known([value], 0.5) > 1.5, np.array([True])
        assert (doubtful & certain).doubt.tolist() == (doubtful ^ certain).doubt.tolist() == [True]
        assert (~doubtful).doubt.tolist() == [True]
    assert type(known([1.0], 0.0) >= 1.0) is np.ndarray
