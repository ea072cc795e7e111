"""Sums, contractions and selection to the last digit: the formulas of ``_functions``, worked term by term."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from assay.numerics._moments import U_REFERENCE, Moments, rounded
from assay.numerics.carried import Carried, carry, carry_moments, finish
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import tolerance

SINGLE, TF32, _ = profiles("float32")
DOUBLE = profiles("float64")[0]
FUSED, OP_BY_OP, LOW = profiles("bfloat16")
PROFILES = pytest.mark.parametrize("profile", [SINGLE, DOUBLE], ids=lambda p: p.name)
DIGITS = {"rtol": 16 * np.finfo(np.float64).eps}
"""What the order of a few roundings in float64 may change."""


def known(value, bound, variance=None, profile=SINGLE) -> Carried:
    value = np.asarray(value, float)
    bound = np.broadcast_to(np.asarray(bound, float), value.shape)
    variance = bound**2 / 5 if variance is None else np.broadcast_to(np.asarray(variance, float), value.shape)
    return carry_moments(Moments(value, bound, variance), profile)


def leaf(value, profile=SINGLE) -> Carried:
    return carry(np.asarray(value, float), profile)


def power_of_two(x: float) -> bool:
    return x == 0 or math.frexp(abs(x))[0] == 1 / 2


def worked(profile, *factors: Carried, repeats=1):
    """Bound and variance of ``sum(prod(factors))`` by the formulas, term by term and in exact arithmetic."""
    terms = [
        [tuple(map(Fraction, (x.value[i], x.bound[i], repeats * x.variance[i]))) for x in factors]
        for i in range(len(factors[0]))
    ]
    value = sum(math.prod(v for v, _, _ in term) for term in terms)
    size = sum(math.prod(abs(v) for v, _, _ in term) for term in terms)
    largest = sum(math.prod(abs(v) + b for v, b, _ in term) for term in terms)
    square = sum(math.prod(v**2 for v, _, _ in term) for term in terms)
    spread = sum(math.prod(v**2 + w for v, _, w in term) for term in terms)

    u = Fraction(profile.u_acc) + Fraction(U_REFERENCE)
    nonzero = sum(all(v != 0 or b > 0 for v, b, _ in term) for term in terms)
    inexact = sum(not (x.exact and all(map(power_of_two, x.value))) for x in factors)
    roundings = max(nonzero - 1, 0) + max(inexact - 1, 0)
    own, own_variance = roundings * u * largest, roundings * u**2 / 3 * (value**2 / 3 + square / 2)
    lost = (1 + roundings) * Fraction(profile.accumulator.smallest_normal)
    if roundings and own < lost:
        own, own_variance = own + lost, own_variance + lost**2 / 3
    coherence = max(Fraction(1), value**2 / square)
    return float(own + largest - size), float(own_variance + coherence * (spread - square))


def assert_error(x, bound, variance):
    np.testing.assert_allclose(x.bound, bound, **DIGITS)
    np.testing.assert_allclose(x.variance, variance, **DIGITS)


# Thirds are no sums of few powers of two; the last element is far from the others.
MIXED = np.array([1, -2, 5, 7, -4, 10]) / 3
ONE_SIGN = np.abs(MIXED)
WEIGHTS = np.array([0.7, 1.1, -0.3, 0.9, 0.1, -1.3])
ERRORS = np.array([1e-3, 0.0, 1e-2, 2e-3, 1e-4, 5e-3])


@PROFILES
@pytest.mark.parametrize("values", [MIXED, ONE_SIGN, MIXED * [1, 0, 1, 1, 0, 1], MIXED[:1], MIXED[:2]])
@pytest.mark.parametrize("errors", [0.0, ERRORS])
def test_a_sum_rounds_once_for_each_addition(profile, values, errors):
    x = known(values, np.resize(errors, values.shape), profile=profile)
    assert_error(np.sum(x), *worked(profile, x))


@PROFILES
def test_terms_within_a_last_digit_of_each_other_lose_alike(profile):
    half_digit = profile.u_acc * 3
    losing = np.array([[0.3, 0.5, 1.5], [2.2, 3.5, 3.9], [-2.2, -3.9, 4.1], [0.0, -0.4, 10.1]]) * half_digit
    terms = np.concatenate([[1.0, 2.0], losing.ravel()])
    alone, together = worked(profile, leaf(terms, profile))[1], [(0.3, 0.5, 1.0), (1, 1, 1), (1, 1)]
    alike = sum(sum(group) ** 2 - sum(x**2 for x in group) for group in together) * half_digit**2 / 3
    total = np.sum(leaf([terms, np.roll(terms, 5), terms[::-1]], profile), axis=1)
    np.testing.assert_allclose(total.variance, alone + alike, rtol=1e-5)
    for axis, shape in ((None, (2, 7)), ((0, 2), (2, 1, 7)), (-1, (1, 14))):
        x = leaf(terms.reshape(shape), profile)
        for keepdims in (False, True):
            total = np.sum(x, axis=axis, keepdims=keepdims)
            np.testing.assert_allclose(total.variance, alone + alike, rtol=1e-5)


def test_equal_terms_beside_an_infinity_lose_nothing():
    total = np.sum(known([[np.inf, 1.1, 1.1], [np.inf, -np.inf, 1.1]], 1e-3), axis=1)
    assert total.variance.tolist() == [0, 0]


def test_equal_terms_that_add_exactly_lose_nothing():
    total = np.sum(known([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]], 0.0), axis=1)
    assert (total.bound > 0).tolist() == (total.variance > 0).tolist() == [False, True]


@PROFILES
@pytest.mark.parametrize("weights", [WEIGHTS, np.abs(WEIGHTS), np.array([1, 2, -4, 0.5, 0, 8]), MIXED[::-1]])
@pytest.mark.parametrize("errors", [(0.0, 0.0), (ERRORS, 0.0), (0.0, ERRORS), (ERRORS, ERRORS[::-1])])
def test_a_product_rounds_each_product_too_unless_it_is_exact(profile, weights, errors):
    x, w = known(MIXED, errors[0], profile=profile), known(weights, errors[1], profile=profile)
    for product in (np.einsum("i,i->", x, w), x @ w, np.dot(x, w), np.inner(x, w), np.tensordot(x, w, 1)):
        assert_error(product, *worked(profile, x, w))


def test_three_factors_have_two_products_and_those_with_powers_of_two_are_exact():
    x, w, v = leaf(MIXED), leaf(WEIGHTS), known(ONE_SIGN, ERRORS)
    powers = leaf([1.0, 2.0, -4.0, 0.5, 0.25, 8.0])
    for factors in ((x, w, v), (x, powers, v), (powers, x, powers)):
        assert_error(np.einsum("i,i,i->", *factors), *worked(SINGLE, *factors))


def test_products_with_zero_are_exact_however_many_factors():
    x = leaf([[0.0, 0.0], [1.1, 1.3]])
    product = np.einsum("ij,j,j->i", x, leaf([1.1, 1.7]), leaf([2.3, 2.9]))
    assert (product.bound > 0).tolist() == [False, True]


def test_a_power_of_two_that_is_not_certain_makes_an_inexact_product():
    x, w = known([1.0, 2.0, 4.0], [0.0, 1e-3, 0.0]), leaf([3.0, 5.0, 7.0])
    assert_error(x @ w, *worked(SINGLE, x, w))


@pytest.mark.parametrize("place", [0, 7, 8, 9])
def test_one_factor_that_is_no_power_of_two_makes_the_products_inexact(place):
    factor = np.ones(10)
    factor[place] = 1 / 3
    x, w = leaf(factor), leaf(np.arange(1.0, 11) / 7)
    assert_error(x @ w, *worked(SINGLE, x, w))


@pytest.mark.parametrize("times", [2, 3])
def test_an_array_that_is_a_factor_several_times_errs_alike_each_time(times):
    x = known(MIXED, ERRORS)
    repeated = np.einsum(",".join("i" * times) + "->", *[x] * times)
    assert_error(repeated, *worked(SINGLE, *[x] * times, repeats=times))


@pytest.mark.parametrize("power", range(-120, -96, 3))
def test_products_and_partial_sums_may_underflow(power):
    size = 2.0**power
    x, w = leaf(ONE_SIGN * 2.0**-20), leaf(np.abs(WEIGHTS) * size * 2.0**20)
    assert_error(x @ w, *worked(SINGLE, x, w))
    one = leaf([1 / 3]) @ leaf([3 * size])
    assert_error(one, *worked(SINGLE, leaf([1 / 3]), leaf([3 * size])))


@pytest.mark.parametrize("weight", [1.5, 1.1])
def test_hardware_that_flushes_each_product_to_zero_is_explained(weight):
    x, w = np.full((1, 100), 2.0**-100), np.full((100, 1), weight * 2.0**-30)
    for profile in (SINGLE, FUSED, OP_BY_OP):
        product = finish(leaf(x, profile) @ leaf(w, profile))
        assert product.value > profile.smallest_normal
        assert tolerance(product) >= product.value


# --- where sums are exact ---


@pytest.mark.parametrize(
    ("values", "exact"),
    [
        ([0.25, 0.5, 0.125], True),
        ([-0.25, -0.5], True),
        ([0.25, 0.5, -0.125], False),
        ([2.0**-30, 2.0**-31], True),
        ([-1.0, -(2.0**-30)], False),
        ([1.0, 2.0**-23], True),
        ([0.0] * 8 + [2.0**100, 2.0**99], True),
        ([1.0] * 8 + [2.0**-30], False),
        ([0.1, 0.2], False),
    ],
)
def test_a_sum_of_multiples_of_a_quantum_and_of_one_sign_is_exact(values, exact):
    assert np.sum(leaf(values)).exact == exact
    assert (leaf(values) @ leaf(np.ones(len(values)))).exact == exact


def test_one_row_that_is_infinite_leaves_the_others_their_error():
    rows = np.sum(leaf([[np.inf, 0.25, 0.5], [0.1, 0.2, 0.3]]), axis=1)
    assert rows.bound[0] == 0
    assert rows.bound[1] == np.sum(leaf([0.1, 0.2, 0.3])).bound


def test_a_sum_of_one_term_keeps_the_terms_error():
    x = known([3.0, 0.0], [1e-3, 0.0])
    for total in (np.sum(x[:1]), np.sum(x), x[:1] @ leaf([1.0])):
        assert (total.bound, total.variance) == (1e-3, 1e-3**2 / 5)


# --- half precision: partial sums in float32, then one rounding ---


@pytest.mark.parametrize("profile", [FUSED, OP_BY_OP, LOW], ids=lambda p: p.name)
def test_a_sum_in_a_wider_accumulator_is_rounded_at_its_end(profile):
    x = leaf([1 / 4, 3 / 8, 1 / 3, 1.0], profile)
    bound, variance = worked(profile, x)
    if profile.u > profile.u_acc:
        final = rounded(profile, x.value.sum(), bound, variance)
        bound, variance = final.bound, final.variance
    assert_error(np.sum(x), bound, variance)


def test_the_last_rounding_counts_though_the_reference_needs_none():
    total = np.sum(leaf([1.0, 2.0**-25, -(2.0**-25)], OP_BY_OP))
    assert total.value == 1
    assert total.bound > OP_BY_OP.u
    assert np.sum(leaf([1.0, 0.5], OP_BY_OP)).exact
    assert np.sum(leaf([1.0, 2.0**-10], OP_BY_OP)).bound >= OP_BY_OP.u


# --- inputs that are rounded on the way in ---


@pytest.mark.parametrize("error", [0.0, 1e-3])
def test_inputs_of_a_product_are_rounded_and_those_of_a_sum_are_not(error):
    third = np.array([1 / 3, -2 / 3, 0.5])
    x, ones = known(third, error, profile=TF32), leaf(np.array([1.0, 2.0, 0.5]), TF32)
    u, spared = TF32.u_in, np.array([1.0, 1.0, 0.0 if error == 0 else 1.0])
    step = u * np.abs(third) * spared
    held = np.where(spared, (1 + u) * error, error)
    entered = known(third, held + step, error**2 / 5 + step**2 / 3)
    assert_error(x @ ones, *worked(SINGLE, entered, leaf(ones.value)))
    assert_error(np.sum(x), *worked(SINGLE, known(third, error)))


def test_an_array_that_is_a_factor_twice_is_rounded_on_the_way_in_once():
    x = leaf(MIXED, TF32)
    step = TF32.u_in * np.abs(MIXED)
    entered = known(MIXED, step, step**2 / 3)
    assert_error(np.einsum("i,i->", x, x), *worked(SINGLE, entered, entered, repeats=2))


# --- partial sums that overflow ---


def test_partial_sums_overflow_past_the_largest_number_alone():
    largest = SINGLE.largest
    at = np.sum(leaf([largest / 2, -largest / 2, 0.0]))
    assert np.isfinite(at.bound)
    terms = [[largest, largest, -largest], [1.1, -1.3, 3.7], [largest / 2, -largest / 2, 0.0]]
    rows = np.sum(leaf(terms), axis=1)
    assert np.isinf(rows.bound).tolist() == np.isinf(rows.variance).tolist() == [True, False, False]
    assert rows.bound[1] == np.sum(leaf([1.1, -1.3, 3.7])).bound
    assert np.isinf(finish(np.sum(leaf([largest, largest]))).value)


def test_an_infinite_term_is_exact_unless_another_one_is_not_known():
    def of(*terms):
        return np.sum(known(terms, [np.inf if np.isnan(t) else 0.0 for t in terms]))

    assert (of(np.inf, 1.0).value, of(np.inf, 1.0).bound) == (np.inf, 0)
    unknown = known([np.inf, 1.0], [0.0, np.inf])
    assert np.sum(unknown).bound == np.inf
    opposed = np.sum(leaf([np.inf, -np.inf]))
    assert np.isnan(opposed.value)
    assert opposed.bound == 0


def test_the_overflow_of_a_sum_with_an_unknown_term_is_not_certain():
    largest = DOUBLE.largest
    assert np.isinf(finish(np.sum(known([largest, largest], [0.0, np.inf], profile=DOUBLE))).bound)


# --- other ways to write them ---


def assert_same(x, y):
    np.testing.assert_array_equal(x.value, y.value)
    np.testing.assert_array_equal(x.bound, y.bound)
    np.testing.assert_array_equal(x.variance, y.variance)


def test_a_scalar_factor_of_a_product_is_a_constant():
    x = known(MIXED, ERRORS)
    for product in (np.dot(x, 0.3), np.dot(0.3, x), np.inner(x, 0.3), np.inner(0.3, x)):
        assert_same(product, x * 0.3)


def test_two_axes_are_contracted_where_no_number_is_given():
    x, w = known(MIXED, ERRORS), leaf(WEIGHTS)
    twice = np.tensordot(x.reshape(2, 3), w.reshape(2, 3))
    assert_error(twice, *worked(SINGLE, x, w))
    x, w = known(np.ones((2, 2, 3)) / 3, 1e-3), leaf(np.ones((2, 3, 2)) / 7)
    cube = np.tensordot(x, w, axes=([1, 2], [0, 1]))
    six = known(np.ones(6) / 3, 1e-3), leaf(np.ones(6) / 7)
    assert_error(cube[0, 0], *worked(SINGLE, *six))


def test_a_norm_is_the_root_of_the_sum_of_squares_and_no_other_norm():
    x = known(MIXED, ERRORS).reshape(2, 3)
    root = np.sqrt(np.sum(np.square(x), axis=1))
    for norm in (np.linalg.norm(x, axis=1), np.linalg.norm(x, 2, axis=1)):
        assert_same(norm, root)
    for norm in (np.linalg.norm(x), np.linalg.norm(x, "fro")):
        assert_same(norm, np.sqrt(np.sum(np.square(x))))
    for ord, axis in ((2, None), (3, 1), (1, 1), (2, (0, 1)), (np.inf, 1)):
        with pytest.raises(TypeError, match="Euclidean norm only"):
            np.linalg.norm(x, ord, axis=axis)


def test_the_product_of_nothing_is_one():
    ones = np.prod(leaf(np.zeros((0, 2, 3))), axis=0)
    assert ones.value.tolist() == np.ones((2, 3)).tolist()
    assert ones.exact


def test_a_mean_over_axes_divides_by_their_lengths():
    x = leaf(np.arange(24.0).reshape(2, 3, 4) / 7)
    for axis, count in ((1, 3), (-1, 4), ((0, 2), 8), (None, 24)):
        assert_same(np.mean(x, axis=axis), np.sum(x, axis=axis) / count)


# --- extremes and selection ---


@pytest.mark.parametrize("extreme", [np.max, np.min])
def test_an_extreme_carries_the_largest_error_of_its_window(extreme):
    x = known([[1.0, 5.0], [3.0, np.inf], [2.0, -np.inf]], [[0.1, 0.2], [0.3, 0.4], [0.2, 0.1]])
    result = extreme(x, axis=0)
    assert_error(result, [0.3, 0.0], [0.3**2 / 5, 0.0])
    assert extreme(leaf([1.0, 2.0])).exact
    unknown = extreme(known([np.inf, -np.inf], [np.inf, np.inf]))
    assert (unknown.bound, unknown.variance) == (np.inf, np.inf)
    assert np.isnan(extreme(known([np.nan, 1.0], [0.1, 0.1])).value)
    assert extreme(known([np.nan, 1.0], [0.1, 0.1])).bound == 0


def test_a_selection_in_doubt_is_off_by_the_gap_and_the_larger_error():
    x = known([1.0, 1.0, 1.0, 4.0, np.nan], [0.1, 0.4, 0.1, 0.1, 0.1], 0.01)
    y = known([4.0, 4.0, 4.0, 4.0, 2.0], [0.3, 0.2, 0.3, 0.3, 0.1], 0.02)
    condition = known([0.0, 0.0, 1.0, 0.0, 0.0], 0.5) > 0.25
    assert condition.doubt.tolist() == [True, True, False, True, True]
    wanted = [3.3, 3.4, 0.1, 0.3, np.inf], [9.02, 9.02, 0.01, 0.02, np.inf]
    assert_error(np.where(condition, x, y), *wanted)
    assert_error(np.where(~condition, y, x), *wanted)


def test_between_branches_that_are_alike_a_doubt_costs_nothing():
    condition = known([0.0, 0.0], 0.5) > 0.25
    for same in (np.inf, 2.0):
        chosen = np.where(condition, leaf([same, 1.0]), leaf([same, 3.0]))
        assert chosen.bound.tolist() == [0.0, 2.0]


def test_an_overflow_is_certain_in_a_selection_that_is():
    beyond = leaf([SINGLE.largest] * 2) * 4.0
    condition = known([0.0, 1.0], 0.5) > 0.25
    assert np.isinf(finish(np.where(condition, beyond, beyond)).bound).tolist() == [True, False]
    both = finish(np.where(np.array([True, False]), beyond, 1.0))
    assert (both.value.tolist(), both.bound.tolist()) == ([np.inf, 1.0], [0.0, 0.0])


def test_an_overflow_moves_with_its_element():
    beyond = leaf([SINGLE.largest, 1.0]) * 4.0
    for moved in (np.concatenate([beyond, leaf([2.0])]), np.stack([beyond, leaf([2.0, 2.0])]).reshape(4)):
        finished = finish(moved)
        assert np.isinf(finished.value).tolist() == [True] + [False] * (finished.size - 1)
        assert not finished.bound.any()
    first, second = np.split(beyond, 2)
    assert (finish(first).value, finish(second).value) == ([np.inf], [4.0])
    exact = np.split(leaf([1.0, 2.0]), 2)
    assert [part.exact for part in exact] == [True, True]


def test_padding_is_exact_but_for_a_fill_that_is_rounded():
    tenth, x = leaf([1.0]) * 0.0 + 0.1, known([1.0], 0.5)
    padded = np.pad(x, 1, constant_values=0.1)
    assert_error(padded, [tenth.bound[0], 0.5, tenth.bound[0]], [tenth.variance[0], 0.05, tenth.variance[0]])
    assert np.pad(leaf([1.0]), 1, constant_values=0.1).bound.tolist() == [tenth.bound[0], 0.0, tenth.bound[0]]
    assert np.pad(leaf([1.0]), 1).exact
    assert np.pad(x, 1).bound.tolist() == [0.0, 0.5, 0.0]
    assert np.pad(x, 1, mode="wrap").bound.tolist() == [0.5, 0.5, 0.5]


def test_a_full_array_holds_what_it_is_filled_with():
    x = leaf(np.ones((2, 3)))
    tenth = leaf([1.0]) * 0.0 + 0.1
    full = np.full_like(x, 0.1)
    assert (full.shape, set(full.bound.flat)) == ((2, 3), {tenth.bound[0]})
    assert (np.zeros_like(x).value.tolist(), np.ones_like(x).shape) == (np.zeros((2, 3)).tolist(), (2, 3))


def test_clipping_takes_its_limits_by_position_or_by_name():
    x = known(MIXED, ERRORS)
    wanted = np.minimum(np.maximum(x, -0.3), 1.7)
    by_name, in_turn = np.clip(x, min=-0.3, max=1.7), np.clip(np.clip(x, -0.3, None), None, 1.7)
    for clipped in (np.clip(x, -0.3, 1.7), by_name, in_turn):
        assert_same(clipped, wanted)
    assert_same(np.clip(x, None, 1.7), np.minimum(x, 1.7))
    low, high = np.full(6, -0.3), np.full(6, 1.7)
    assert_same(np.clip(x, low, high), np.minimum(np.maximum(x, low), high))


def test_a_keyword_that_no_rule_covers_is_named():
    with pytest.raises(TypeError, match="sum of an error-carrying array does not take 'initial'"):
        np.sum(leaf(MIXED), initial=1.0)
    assert_same(np.sum(leaf(MIXED), initial=None), np.sum(leaf(MIXED)))
