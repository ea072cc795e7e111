"""The rules of error-carrying arrays, one by one."""

from __future__ import annotations

import math
import operator
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

from assay.numerics._moments import Moments
from assay.numerics._ufuncs import _MONOTONE, LIBRARY_ULPS, UFUNCS
from assay.numerics.carried import Carried, Doubtful, carry, carry_moments, finish
from assay.numerics.dtypes import DTYPES, round_to
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles

SINGLE = profiles("float32")[0]
DOUBLE = profiles("float64")[0]
NORMAL = round_to(Stream("carried").normal((4, 6)), DTYPES["float32"])


def leaf(values: Any, profile=SINGLE) -> Carried:
    return carry(np.asarray(values, dtype=np.float64), profile)


def known(values: Any, bound: Any, variance: Any = None, profile=SINGLE) -> Carried:
    """An array with an error that is given."""
    value = np.asarray(values, dtype=np.float64)
    bound = np.broadcast_to(np.asarray(bound, dtype=np.float64), value.shape)
    variance = bound**2 / 3 if variance is None else np.broadcast_to(variance, value.shape)
    return carry_moments(Moments(value, bound, variance), profile)


def assert_same(x: Carried, y: Carried) -> None:
    np.testing.assert_array_equal(x.value, y.value)
    np.testing.assert_array_equal(x.bound, y.bound)
    np.testing.assert_array_equal(x.variance, y.variance)


# --- what is exact ---

EXACT = {
    "leaf": lambda x: x,
    "negation": lambda x: -x,
    "absolute value": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "maximum": lambda x: np.maximum(x, 0.0),
    "maximum along an axis": lambda x: np.max(x, axis=0),
    "clip": lambda x: np.clip(x, -0.5, 0.5),
    "selection": lambda x: np.where(x > 0, x, 0.0),
    "times a power of two": lambda x: -4 * x,
    "over a power of two": lambda x: x / 8.0,
    "times a mask": lambda x: x * (np.arange(6) % 2),
    "plus zero": lambda x: x + 0.0,
    "plus zeros": lambda x: np.zeros((4, 6)) - x,
    "structure": lambda x: np.concatenate([x.T.reshape(2, 12), np.zeros((1, 12))]),
    "sum of one element": lambda x: np.sum(x[:1], axis=0),
    "sum over a mask with one element": lambda x: np.sum(x * np.eye(4, 6), axis=1),
    "one-hot rows pick": lambda x: np.eye(3, 4) @ x,
    "one-hot rows pick in an einsum": lambda x: np.einsum("ij,jk->ik", np.eye(3, 4), x),
    "mean of one element": lambda x: np.mean(x[:1], axis=0),
    "first partial sum": lambda x: np.cumsum(x, axis=0)[0],
    "power 1": lambda x: x**1,
    "power 0": lambda x: x**0,
}


@pytest.mark.parametrize("operation", EXACT.values(), ids=EXACT)
@pytest.mark.parametrize("profile", [SINGLE, DOUBLE, profiles("bfloat16")[1]], ids=lambda p: p.name)
def test_exact_operations_make_no_error(operation, profile):
    x = leaf(round_to(NORMAL, profile.dtype), profile)
    result = operation(x)
    assert result.exact
    assert not result.variance.any()


INEXACT = {
    "sum": lambda x: x + x[::-1],
    "product": lambda x: x * x[::-1],
    "times a scalar that must be rounded": lambda x: 0.1 * x,
    "plus a scalar that must be rounded": lambda x: np.maximum(x, 0.1),
    "times 3": lambda x: 3 * x,
    "quotient": lambda x: x / 3,
    "sum along an axis": lambda x: np.sum(x, axis=0),
    "a fill value that must be rounded": lambda x: np.full_like(x, 0.1),
    "padding with a value that must be rounded": lambda x: np.pad(x, 1, constant_values=0.1),
    "exp": np.exp,
}


@pytest.mark.parametrize("operation", INEXACT.values(), ids=INEXACT)
def test_other_operations_make_an_error(operation):
    result = operation(leaf(NORMAL))
    assert not result.exact
    assert ((result.variance > 0) == (result.bound > 0)).all()


def test_one_rounding_of_either_side_is_the_unit_roundoff_of_each():
    assert (leaf([3.0]) * leaf([3.0])).bound.tolist() == [9 * (2.0**-24 + 2.0**-53)]
    assert (leaf([3.0], DOUBLE) * leaf([3.0], DOUBLE)).bound.tolist() == [9 * 2.0**-52]


def test_a_plain_array_is_exact_and_a_scalar_is_a_rounded_constant():
    tenth = 0.1
    by_array, by_scalar = leaf([3.0]) * np.array([tenth]), leaf([3.0]) * tenth
    assert by_array.value == by_scalar.value
    assert by_array.bound < by_scalar.bound
    assert_same(leaf([3.0]) * np.float64(tenth), by_scalar)
    assert_same(leaf([3.0]) * np.array(tenth), by_scalar)


# --- sums and contractions ---

CONTRACTIONS = {
    "matmul": lambda x, y: x @ y,
    "dot": np.dot,
    "inner": lambda x, y: np.inner(x, y.T),
    "tensordot": lambda x, y: np.tensordot(x, y, axes=1),
    "tensordot with axes": lambda x, y: np.tensordot(x, y, axes=([1], [0])),
    "einsum": lambda x, y: np.einsum("ij,jk->ik", x, y),
    "einsum, implicit output": lambda x, y: np.einsum("ij,jk", x, y),
    "einsum with an ellipsis": lambda x, y: np.einsum("...j,jk->...k", x, y),
    "einsum with a third factor of ones": lambda x, y: np.einsum("ij,jk,k->ik", x, y, np.ones(4)),
}


@pytest.mark.parametrize("contraction", CONTRACTIONS.values(), ids=CONTRACTIONS)
@pytest.mark.parametrize("profile", profiles("float32"), ids=lambda p: p.name)
def test_every_way_to_write_a_contraction_carries_the_same_error(contraction, profile):
    x, y = leaf(NORMAL, profile) / 3, leaf(NORMAL.T, profile)
    reference, result = x @ y, contraction(x, y)
    # They differ by the order in which BLAS and einsum sum, in float64.
    for got, wanted in ((result.bound, reference.bound), (result.variance, reference.variance)):
        np.testing.assert_allclose(got, wanted, rtol=1e2 * np.finfo(np.float64).eps)


def test_an_array_that_is_a_factor_twice_errs_the_same_way_twice():
    x = known(NORMAL, 1e-3)
    assert_same(x * x, np.square(x))
    twice, apart = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", x, known(NORMAL, 1e-3))
    assert (twice.variance > apart.variance).all()
    np.testing.assert_array_equal(twice.bound, apart.bound)


def test_padding_with_zeros_costs_nothing():
    x, w = leaf(NORMAL), leaf(NORMAL.T)
    padded = np.pad(x, ((0, 0), (3, 2))) @ np.pad(w, ((3, 2), (0, 0)))
    np.testing.assert_array_equal(padded.bound, (x @ w).bound)


def test_a_zero_that_may_be_another_number_counts_as_a_term():
    total = np.sum(known([0.0, 1.0], [1e-9, 0.0]))
    assert total.bound > 1e-9


def test_a_mean_is_the_sum_over_the_count():
    x = leaf(NORMAL)
    assert_same(np.mean(x, axis=1), np.sum(x, axis=1) / 6)
    assert_same(np.mean(x, axis=(0, 1), keepdims=True), np.sum(x, axis=(0, 1), keepdims=True) / 24)


def test_partial_sums_end_in_the_sum():
    x = leaf(NORMAL)
    assert_same(np.cumsum(x, axis=1)[:, -1], np.sum(x, axis=1))


def test_input_rounding_spares_what_the_input_format_can_hold():
    tf32 = profiles("float32")[1]
    coarse = round_to(NORMAL, DTYPES["bfloat16"]).astype(np.float64)
    np.testing.assert_array_equal(
        (leaf(coarse, tf32) @ leaf(coarse.T, tf32)).bound, (leaf(coarse) @ leaf(coarse.T)).bound
    )
    assert ((leaf(NORMAL, tf32) @ leaf(coarse.T, tf32)).bound > (leaf(NORMAL) @ leaf(coarse.T)).bound).all()


@pytest.mark.parametrize("width", [2.0**-20, 0.5, 4.0])
def test_the_bound_of_a_contraction_covers_both_factors_at_the_ends_of_their_intervals(width):
    x, y = np.round(NORMAL * 4), np.round(NORMAL.T * 4)
    carried = known(x, width) @ known(y, width / 2)
    for ends_x in (-width, width, np.where(x < 0, -width, width)):
        for ends_y in (-width / 2, width / 2, np.where(y < 0, -width / 2, width / 2)):
            assert (np.abs((x + ends_x) @ (y + ends_y) - carried.value) <= carried.bound).all()


def test_what_is_rounded_may_be_larger_than_the_value_by_the_bound():
    total = np.sum(known([1.0, 1.0], 1.0))
    assert total.bound >= 2 + 4 * SINGLE.u


def test_an_error_that_terms_share_moves_them_together():
    terms, factor = np.arange(1.0, 101.0), known([1.0], 1e-3)
    assert np.sum(terms * factor).variance >= np.sum(terms) ** 2 * factor.variance[0]


def test_every_term_may_underflow():
    products = leaf(np.full(100, 1e-30)) @ leaf(np.full(100, 1e-9))
    assert products.bound >= products.value


def test_the_sum_of_nothing_is_an_exact_zero():
    for empty in (np.sum(leaf(np.zeros((3, 0))), axis=1), leaf(np.zeros((3, 0))) @ leaf(np.zeros((0, 3)))):
        assert empty.exact
        assert not empty.value.any()


# --- elementwise functions ---

# Binary fractions, so that the ends of the intervals and what lies between are exact.
POINTS = np.array([-30.0, -5.0, -1.5, -0.75, -(2.0**-10), 0.0, 2.0**-10, 0.375, 0.75, 1.0, 1.5, 5.0, 30.0])
WIDTHS = [2.0**-30, 2.0**-10, 0.5]
INSIDE = np.linspace(-1, 1, 65)
SMOOTH = sorted(
    (f for f in UFUNCS if f.nin == 1 and f not in (np.sign, np.floor, np.ceil, np.trunc, np.rint)),
    key=lambda f: f.__name__,
)


@pytest.mark.parametrize("function", SMOOTH, ids=lambda f: f.__name__)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_bound_covers_every_argument_within_the_arguments_bound(function, width):
    carried = function(known(POINTS, width, profile=DOUBLE))
    with np.errstate(all="ignore"):
        reached = function(POINTS[:, np.newaxis] + width * INSIDE)
        moved = np.abs(reached - carried.value[:, np.newaxis])
    inside = np.isfinite(carried.value)[:, np.newaxis] & ~np.isnan(reached)
    assert (moved <= carried.bound[:, np.newaxis])[inside].all()


def test_an_interval_too_narrow_for_float64_still_counts():
    for function in (np.log, np.arctan, np.sqrt, np.log1p):
        narrow, exact = function(known([1e8], 2.0**-40, profile=DOUBLE)), function(leaf([1e8], DOUBLE))
        assert narrow.bound > exact.bound


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "function", [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.hypot, np.power]
)
def test_the_bound_covers_both_arguments_within_their_bounds(function, width):
    x, y = (grid.ravel() for grid in np.meshgrid(POINTS, POINTS))
    if function is np.power:
        x = np.abs(x)
    carried = function(known(x, width, profile=DOUBLE), known(y, width / 4, profile=DOUBLE))
    for left in INSIDE[::16]:
        for right in INSIDE[::16]:
            with np.errstate(all="ignore"):
                reached = function(x + width * left, y + width / 4 * right)
                moved = np.abs(reached - carried.value)
            inside = np.isfinite(carried.value) & ~np.isnan(reached)
            assert (moved <= carried.bound)[inside].all()


def test_every_library_function_has_its_published_error():
    needed = {f.__name__ for f in _MONOTONE} - {"expit", "log_expit"}
    assert needed <= set(LIBRARY_ULPS)
    for name, ulps in LIBRARY_ULPS.items():
        assert min(ulps) >= 0.5, name


COMPOSED = {
    "ndtr": (special.ndtr, mpmath.ncdf),
    "log_ndtr": (special.log_ndtr, lambda x: mpmath.log(mpmath.ncdf(x))),
    "expit": (special.expit, lambda x: 1 / (1 + mpmath.exp(-x))),
    "log_expit": (special.log_expit, lambda x: -mpmath.log1p(mpmath.exp(-x))),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_functions_cover_scipy_in_float32_and_mpmath(name):
    function, exact = COMPOSED[name]
    points = np.linspace(-12, 9, 200).astype(np.float32)
    carried = function(leaf(points))
    with mpmath.workdps(40):
        truth = np.array([float(exact(mpmath.mpf(float(x)))) for x in points])
    assert (np.abs(function(points).astype(np.float64) - carried.value) <= carried.bound).all()
    assert (np.abs(truth - carried.value) <= carried.bound).all()


@pytest.mark.parametrize("exponent", [2, -1, 0.5, -0.5, 3, 4, 1.7, -2, -3])
def test_powers_cover_the_powers_of_both_ends(exponent):
    whole = exponent == round(exponent)
    x = known([0.3, 1.0, 4.0, -0.25 if whole else 0.25], [1e-3, 0.1, 2.0, 1.0], profile=DOUBLE)
    carried = x**exponent
    for end in (x.value - x.bound, x.value + x.bound):
        with np.errstate(invalid="ignore"):
            moved = np.abs(end**exponent - carried.value)
        assert ((moved <= carried.bound) | np.isnan(moved)).all()


def test_special_cases_of_composed_functions_keep_their_values():
    infinite = leaf([-np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(
        np.logaddexp(infinite, leaf([-np.inf] * 3)).value, [-np.inf, np.inf, np.nan]
    )
    np.testing.assert_array_equal(
        special.xlogy(leaf([0.0, 0.0, 2.0]), leaf([0.0, np.nan, 1.0])).value, [0, np.nan, 0]
    )
    np.testing.assert_array_equal(special.entr(leaf([0.0, 1.0, -1.0])).value, [0, 0, -np.inf])
    np.testing.assert_array_equal(special.ndtr(infinite).value, [0, 1, np.nan])


# --- the ends of the range ---


def test_what_may_overflow_is_unresolved():
    largest = DTYPES["float32"].largest
    for carried in (leaf([3e38]) * 2, np.exp(leaf([100.0])), leaf([largest]) * (1 + 2**-23)):
        assert carried.bound.tolist() == carried.variance.tolist() == [np.inf]


def test_a_bound_makes_an_overflow_possible_only_up_to_the_size_of_its_value():
    assert (known([3e38], 1e38) * 1.0).bound == np.inf
    assert (known([1.0], 1e39) * 1.0).bound == 1e39


def test_an_infinity_that_meets_what_is_not_known_is_not_known():
    assert (leaf([np.inf]) + np.exp(leaf([100.0]))).bound == np.inf
    assert (leaf([np.inf]) + leaf([100.0])).bound == 0


def test_a_final_result_that_overflows_is_infinite_and_what_comes_of_it_is_not_known():
    beyond = np.exp(leaf([100.0, 1000.0, 1.0]))
    finished = finish(beyond)
    assert finished.value.tolist()[:2] == [np.inf, np.inf]
    assert finished.bound.tolist()[:2] == finished.variance.tolist()[:2] == [0, 0]
    assert np.isinf((1.0 / beyond).bound).tolist() == [True, True, False]
    assert np.isinf(finish(1.0 / beyond).bound).tolist() == [True, True, False]


OVERFLOWS = {
    "product": lambda x: x * x,
    "negative": lambda x: -(x * x),
    "structure": lambda x: np.reshape(np.concatenate([x * x, x * x]), (2, -1))[0],
    "selection": lambda x: np.where(x > 0, x * x, 0.0),
    "quotient": lambda x: x / 1e-3,
}


@pytest.mark.parametrize("operation", OVERFLOWS.values(), ids=OVERFLOWS)
@pytest.mark.parametrize("name", DTYPES)
def test_every_format_overflows_alike(operation, name):
    for profile in profiles(name):
        x = leaf([DTYPES[name].largest * 0.75, 1.0], profile)
        finished = finish(operation(x))
        assert np.isinf(finished.value).tolist() == [True, False]
        assert finished.bound[0] == 0


def test_a_sum_of_one_sign_overflows_and_one_of_both_may():
    large = leaf([3e38, 3e38, 1e38])
    assert finish(np.sum(large)).value == np.inf
    assert finish(np.sum(-large)).value == -np.inf
    assert np.sum(leaf([3e38, 3e38, 3e38, -1e38])).bound == np.inf
    assert finish(np.sum(leaf([3e38, 3e38, 3e38, -1e38]))).bound == np.inf


def test_the_overflow_of_the_reference_itself_is_no_definition():
    large = leaf([1e200, -1e200], DOUBLE)
    norm = np.sqrt(np.sum(np.square(large)))
    assert (norm.value, norm.bound, norm.variance) == (np.inf, np.inf, np.inf)
    both_signs = np.sum(leaf(np.tile([1.5e308] * 4 + [-1.5e308] * 4, 2), DOUBLE))
    assert both_signs.bound == np.inf
    vanished = leaf([1e-200], DOUBLE) * leaf([1e-200], DOUBLE)
    assert (vanished.value, vanished.bound) == (0.0, DTYPES["float64"].smallest_normal)


def test_an_infinite_term_makes_a_sum_infinite_unless_another_is_not_known():
    terms = np.concatenate([leaf([np.inf, 1.0]), np.exp(leaf([100.0, 1.0]))]).reshape(2, 2)
    totals = np.sum(terms, axis=1)
    assert totals.value[0] == np.inf
    assert totals.bound.tolist() == [0.0, np.inf]
    assert np.isinf(np.sum(np.stack([terms[0], terms[1]]), axis=0).bound).tolist() == [True, False]


def test_a_partial_sum_that_may_overflow_leaves_the_sum_unresolved():
    assert np.sum(leaf([3e38, 3e38, -3e38, -3e38])).bound == np.inf
    assert np.isfinite(np.sum(leaf([1e38, 1e38, -1e38])).bound)


def test_float16_overflows_between_operations_only_where_they_round_to_it():
    fused, op_by_op, _ = profiles("float16")
    assert np.isfinite((leaf([300.0], fused) * leaf([300.0], fused)).bound).all()
    assert np.isinf((leaf([300.0], op_by_op) * leaf([300.0], op_by_op)).bound).all()


def test_underflow_may_cost_everything_where_hardware_flushes():
    smallest = DTYPES["float32"].smallest_normal
    product = leaf([smallest]) * leaf([0.75])
    assert product.bound >= smallest
    vanished = np.exp(leaf([-1000.0]))
    assert vanished.value == 0
    assert vanished.bound == smallest


def test_a_subnormal_input_may_count_as_zero_where_hardware_flushes():
    for name in ("float64", "float32", "bfloat16"):
        subnormal = DTYPES[name].smallest_subnormal * 3
        assert carry(np.array([subnormal]), profiles(name)[0]).bound == subnormal
    assert carry(np.array([DTYPES["float16"].smallest_subnormal]), profiles("float16")[1]).exact


def test_an_exact_zero_is_no_underflow():
    assert (leaf([0.0, 2.0]) * leaf([3.0, 0.0])).exact
    assert np.exp(leaf([-np.inf])).bound == 0


def test_nan_and_infinity_are_exact():
    x = leaf([np.nan, np.inf, -np.inf])
    for carried in (x * 3.1, np.exp(x), x + leaf([1.1, 1.1, 1.1]), x / 3.1, np.max(np.exp(x)), x - x):
        special_values = ~np.isfinite(carried.value)
        assert not carried.bound[special_values].any()
        assert not carried.variance[special_values].any()


def test_nan_is_nan_whatever_divides_it():
    quotient = leaf([np.nan, 1.0]) / known([0.0, 0.0], 1e-7)
    assert quotient.bound.tolist() == [0.0, np.inf]
    assert quotient.variance.tolist() == [0.0, np.inf]


def test_an_infinity_that_rounding_decides_is_unresolved():
    doubtful_zero = known([0.0], 1e-7)
    for carried in (1.0 / doubtful_zero, np.log(doubtful_zero), doubtful_zero**-3.0):
        assert carried.bound == np.inf
        assert carried.variance == np.inf


def test_across_a_pole_the_bound_is_lost_and_the_variance_stays():
    near_zero = known([1e-3], 1.0, 1e-10)
    for carried in (1.0 / near_zero, np.log(near_zero), near_zero**-3.0):
        assert carried.bound == np.inf
        assert np.isfinite(carried.variance)


def test_an_exact_pole_is_exact():
    for carried in (1.0 / leaf([0.0]), np.log(leaf([0.0])), leaf([0.0]) / leaf([0.0])):
        assert not np.isfinite(carried.value).any()
        assert not carried.bound.any()


def test_the_root_of_what_may_be_zero_is_bounded():
    root = np.sqrt(known([0.0, 1e-9], 1e-8))
    assert root.bound[0] >= np.sqrt(1e-8)
    assert (root.variance <= root.bound**2).all()
    assert np.isfinite(root.bound).all()


# --- finishing ---


def test_finishing_rounds_a_fused_half_once():
    fused = profiles("bfloat16")[0]
    third = leaf([1.0], fused) / leaf([3.0], fused)
    finished = finish(third)
    assert finished.bound > fused.u_out / 3 > third.bound
    assert_same(finish(leaf([1.0, -0.0, np.nan], fused)), leaf([1.0, -0.0, np.nan], fused))


def test_what_finishing_rounds_may_be_larger_than_the_value_by_the_bound():
    fused = profiles("bfloat16")[0]
    assert finish(known([1.0], 0.5, profile=fused)).bound >= 0.5 + 1.5 * fused.u_out


@pytest.mark.parametrize("profile", [SINGLE, DOUBLE, profiles("float16")[1]], ids=lambda p: p.name)
def test_finishing_adds_nothing_where_every_primitive_rounds(profile):
    x = np.exp(leaf([0.5, 1.5], profile))
    assert_same(finish(x), x)


def test_finishing_overflows_to_infinity_where_the_output_must_and_gives_up_where_it_may():
    fused = profiles("float16")[0]
    finished = finish(leaf([300.0, -300.0, 255.93, 10.0], fused) * leaf([300.0, 300.0, 256.0, 10.0], fused))
    np.testing.assert_array_equal(finished.value[:2], [np.inf, -np.inf])
    np.testing.assert_array_equal(np.isinf(finished.bound), [False, False, True, False])


def test_finishing_keeps_the_subnormals_of_float16():
    fused = profiles("float16")[0]
    finished = finish(leaf([3e-4], fused) * leaf([0.01], fused))
    assert 0 < finished.bound < 2 * DTYPES["float16"].smallest_subnormal


# --- comparisons ---


def test_a_comparison_of_exact_values_is_a_plain_array():
    outcome = leaf([1.0, 2.0]) > 1.5
    assert type(outcome) is np.ndarray
    assert outcome.tolist() == [False, True]


def test_a_comparison_within_the_bounds_is_in_doubt():
    outcome = known([1.0, 2.0, np.inf, np.nan], [0.1, 0.1, 0, 0]) > 1.05
    assert isinstance(outcome, Doubtful)
    assert outcome.value.tolist() == [False, True, True, False]
    assert outcome.doubt.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    "compare", [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]
)
def test_no_outcome_turns_where_there_is_no_doubt(compare):
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)))
    outcome = compare(known(x, 0.3), known(y, 0.1))
    for left in (-0.3, 0.3):
        for right in (-0.1, 0.1):
            assert ((compare(x + left, y + right) == outcome.value) | outcome.doubt).all()


def test_in_doubt_either_branch_may_be_taken():
    x = known([0.0, 0.5], 0.1, 0.001)
    chosen = np.where(x > 0.05, 10 * x, leaf([1.0, 1.0]))
    taken = 10 * x
    assert chosen.value.tolist() == [1.0, 5.0]
    assert chosen.bound[0] >= 1.0 + taken.bound[0]
    assert chosen.variance[0] >= 1.0 + taken.variance[0]
    assert (chosen.bound[1], chosen.variance[1]) == (taken.bound[1], taken.variance[1])


def test_doubt_goes_through_logic_only_where_it_matters():
    doubtful = known([0.0, 0.0, 0.0], 0.1) > 0.05
    true, false = np.array([True, True, True]), np.array([False, False, False])
    assert type(doubtful & false) is np.ndarray
    assert type(doubtful | true) is np.ndarray
    assert (doubtful & true).doubt.all()
    assert (false | doubtful).doubt.all()
    assert (~doubtful).value.all()
    assert (doubtful ^ doubtful).doubt.all()
    assert np.logical_and(doubtful, doubtful).doubt.all()


def test_a_doubtful_comparison_counts_as_zero_or_one_in_arithmetic():
    doubtful = known([0.0, 1.0], 0.1) > 0.05
    for indicator in (
        doubtful * leaf([3.0, 3.0]),
        leaf([3.0, 3.0]) * doubtful,
        doubtful * np.array([3.0, 3.0]),
    ):
        assert indicator.value.tolist() == [0.0, 3.0]
        assert indicator.bound[0] >= 3.0
        assert indicator.bound[1] < 1e-6
    assert doubtful.astype(float).bound.tolist() == [1.0, 0.0]
    assert doubtful[np.newaxis].reshape(2).T.doubt.tolist() == [True, False]


def test_questions_about_values_have_plain_answers():
    x = leaf([[1.0, np.nan], [np.inf, -2.0]]) * 1.1
    assert np.isnan(x).tolist() == [[False, True], [False, False]]
    assert np.isinf(x).tolist() == [[False, False], [True, False]]
    assert np.isfinite(x).tolist() == [[True, False], [False, True]]
    assert np.signbit(x).tolist() == [[False, False], [False, True]]
    assert (np.argmax(x[1]), np.argmin(x[1], axis=0), np.argsort(x[1]).tolist()) == (0, 1, [1, 0])
    assert (np.shape(x), np.ndim(x), np.size(x), x.shape, x.ndim, x.size, len(x)) == (
        (2, 2),
        2,
        4,
        (2, 2),
        2,
        4,
        2,
    )
    assert x.dtype == np.float64


# --- structure ---

STRUCTURE = {
    "reshape": lambda x: np.reshape(x, (6, 4)),
    "ravel": np.ravel,
    "copy": np.copy,
    "transpose": lambda x: np.transpose(x, (1, 0)),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "squeeze": lambda x: np.squeeze(np.expand_dims(x, 1), axis=1),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 4, 6)),
    "flip": lambda x: np.flip(x, axis=1),
    "roll": lambda x: np.roll(x, 2, axis=0),
    "rot90": np.rot90,
    "take": lambda x: np.take(x, [0, 0, 3], axis=0),
    "take_along_axis": lambda x: np.take_along_axis(x, np.array([[1], [0], [2], [5]]), axis=1),
    "tile": lambda x: np.tile(x, (2, 1)),
    "repeat": lambda x: np.repeat(x, 3, axis=1),
    "diagonal": np.diagonal,
    "tril": np.tril,
    "triu": np.triu,
    "atleast_1d": np.atleast_1d,
    "sliding_window_view": lambda x: np.lib.stride_tricks.sliding_window_view(x, 3, axis=1),
    "concatenate": lambda x: np.concatenate([x, x], axis=1),
    "stack": lambda x: np.stack((x, x), axis=-1),
    "split": lambda x: np.split(x, 2, axis=1)[1],
    "array_split": lambda x: np.array_split(x, 4, axis=1)[0],
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, np.zeros((2, 1, 1)))[0],
    "pad with zeros": lambda x: np.pad(x, ((1, 0), (0, 2))),
    "pad by reflection": lambda x: np.pad(x, 2, mode="reflect"),
    "pad by the edge": lambda x: np.pad(x, 2, mode="edge"),
    "pad symmetrically": lambda x: np.pad(x, 2, mode="symmetric"),
    "method reshape": lambda x: x.reshape(3, -1),
    "method reshape to a tuple": lambda x: x.reshape((3, 8)),
    "method transpose": lambda x: x.transpose(1, 0),
    "method swapaxes": lambda x: x.swapaxes(0, 1),
    "method squeeze": lambda x: x[np.newaxis].squeeze(0),
    "method ravel": lambda x: x.ravel(),
    "method copy": lambda x: x.copy(),
    "T": lambda x: x.T,
    "slices": lambda x: x[1:, ::-2],
    "a new axis": lambda x: x[..., np.newaxis, :],
    "fancy indices": lambda x: x[np.array([0, 3]), np.array([[1], [2]])],
    "a mask": lambda x: x[np.arange(24).reshape(4, 6) % 3 == 0],
    "rows": lambda x: np.stack(list(x)),
}


@pytest.mark.parametrize("move", STRUCTURE.values(), ids=STRUCTURE)
def test_structure_moves_value_bound_and_variance_together(move):
    x = known(NORMAL, np.abs(NORMAL) / 7, np.abs(NORMAL) / 9)
    moved = move(x)
    np.testing.assert_array_equal(moved.value, move(x.value))
    np.testing.assert_array_equal(moved.bound, move(x.bound))
    np.testing.assert_array_equal(moved.variance, move(x.variance))


@pytest.mark.parametrize("move", STRUCTURE.values(), ids=STRUCTURE)
def test_structure_keeps_exact_arrays_exact(move):
    moved = move(leaf(NORMAL))
    np.testing.assert_array_equal(moved.value, move(NORMAL.astype(np.float64)))
    assert moved.exact


def test_exact_and_inexact_parts_join():
    joined = np.concatenate([leaf([1.0]), known([2.0], 0.5), np.zeros(1)])
    assert joined.bound.tolist() == [0.0, 0.5, 0.0]
    assert np.zeros_like(joined).exact
    assert np.ones_like(joined).value.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("extreme", ["max", "min", "amax", "amin"])
def test_an_extreme_is_off_by_the_worst_of_its_window(extreme):
    x = known([[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]], [[0.1, 0.2, 0.3], [0.6, 0.5, 0.4]])
    result = getattr(np, extreme)(x, axis=1, keepdims=True)
    np.testing.assert_array_equal(result.value, getattr(np, extreme)(x.value, axis=1, keepdims=True))
    assert result.bound.tolist() == [[0.3], [0.6]]


def test_methods_are_the_functions():
    x = known(NORMAL, 1e-3)
    for method in ("sum", "mean", "max", "min"):
        assert_same(getattr(x, method)(axis=1, keepdims=True), getattr(np, method)(x, axis=1, keepdims=True))
        assert_same(getattr(x, method)(), getattr(np, method)(x))
    assert_same(np.add.reduce(x), np.sum(x, axis=0))
    assert_same(np.maximum.reduce(x, axis=1), np.max(x, axis=1))
    assert_same(np.add.accumulate(x), np.cumsum(x, axis=0))
    assert x.astype(float) is x


def test_products_and_norms_are_what_they_say():
    x = known(NORMAL, 1e-3)
    assert_same(np.prod(x[:, :2], axis=1), x[:, 0] * x[:, 1])
    assert_same(np.linalg.norm(x, axis=1), np.sqrt(np.sum(np.square(x), axis=1)))
    assert_same(np.outer(x[0], x[1]), x[0][:, np.newaxis] * x[1])
    assert_same(np.clip(x, -0.5, None), np.maximum(x, -0.5))


def test_in_place_arithmetic_rebinds_and_changes_nothing_else():
    x = leaf([1.0, 2.0])
    y = x
    y += 3
    assert (x.value.tolist(), y.value.tolist()) == ([1.0, 2.0], [4.0, 5.0])


# --- nothing falls back to plain arrays ---

UNSUPPORTED = {
    "numpy.asarray": np.asarray,
    "numpy.array": lambda x: np.array([x, x]),
    "float": lambda x: float(x[0, 0]),
    "bool": bool,
    "math": lambda x: math.exp(x[0, 0]),
    "assignment": lambda x: operator.setitem(x, 0, 1.0),
    "an index": lambda x: np.arange(3)[x],
    "itself as an index": lambda x: x[x],
    "sort": np.sort,
    "median": np.median,
    "nan_to_num": np.nan_to_num,
    "isclose": lambda x: np.isclose(x, x),
    "inv": lambda x: np.linalg.inv(x[:, :4]),
    "norm of another order": lambda x: np.linalg.norm(x, ord=1, axis=0),
    "gamma": special.gamma,
    "remainder": lambda x: x % 2,
    "outer": lambda x: np.add.outer(x, x),
    "output": lambda x: np.add(x, x, out=np.zeros((4, 6))),
    "sum with where": lambda x: np.sum(x, where=np.ones((4, 6), dtype=bool)),
    "sum with initial": lambda x: np.sum(x, initial=1.0),
    "sum in another type": lambda x: np.sum(x, dtype=np.float32),
    "pad with means": lambda x: np.pad(x, 1, mode="mean"),
    "where with itself as condition": lambda x: np.where(x, x, x),
    "where with the condition alone": lambda x: np.where(0.1 * x - 0.1 * x > 0),
    "logic on numbers": lambda x: np.logical_and(x, x),
    "any of what is in doubt": lambda x: np.any(0.1 * x - 0.1 * x > 0),
    "truth of what is in doubt": lambda x: bool((0.1 * x - 0.1 * x)[0, 0] > 0),
    "astype": lambda x: x.astype(np.float32),
    "ufunc.at": lambda x: np.add.at(x, [0], 1.0),
}


@pytest.mark.parametrize("operation", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_no_rule_covers_is_refused(operation):
    with pytest.raises(TypeError):
        operation(leaf(NORMAL) * 1.1)


@pytest.mark.parametrize(("operation", "name"), [(np.sort, "numpy.sort"), (special.gamma, "gamma")])
def test_a_refusal_names_the_function(operation, name):
    with pytest.raises(TypeError, match=f"no error rule for {name}"):
        operation(leaf(NORMAL))


def test_profiles_do_not_mix():
    with pytest.raises(ValueError, match="'float32' and 'float64' are mixed"):
        leaf([1.0]) + leaf([1.0], DOUBLE)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_sums_of_small_integers_are_exact_in_any_order(name):
    for profile in [p for p in profiles(name) if not p.u_in]:
        limit = 1 / max(profile.u_acc, profile.u)
        for largest, exact in ((limit - 1, True), (limit, False)):
            total = np.sum(carry(np.array([1.0, largest]), profile))
            assert (total.bound == 0) == exact, (profile.name, largest)


def test_a_sum_that_one_finer_term_makes_inexact_carries_its_error():
    profile = profiles("float32")[0]
    x = np.ones(64)
    assert np.sum(carry(x, profile)).bound == 0
    x[63] += 2.0**-23
    assert np.sum(carry(x, profile)).bound > 0


def test_a_product_of_small_integers_is_exact():
    profile = profiles("float32")[0]
    x, w = np.arange(12.0).reshape(3, 4), np.arange(8.0).reshape(4, 2) / 8
    assert np.max((carry(x, profile) @ carry(w, profile)).bound) == 0
    assert np.max((carry(x, profile) @ carry(w + 2.0**-22, profile)).bound) > 0


def test_a_product_with_an_infinity_given_is_infinite_whatever_the_shape():
    profile = profiles("float32")[0]
    for features in (1, 3):
        x = np.ones((1, features))
        x[0, 0] = -np.inf
        y = finish(carry(x, profile) @ carry(np.full((features, 1), 0.3), profile) + 1.0)
        assert (y.value, y.bound) == (-np.inf, 0), features


def test_a_saturating_function_is_known_where_its_argument_overflows():
    profile = profiles("float32")[0]
    x = carry(np.array([1e30, -1e30]), profile)
    gate = special.expit(x + 2.0 * x * np.square(x))
    np.testing.assert_array_equal(gate.value, [1.0, 0.0])
    assert gate.bound[0] < 1e-5
    assert gate.bound[1] <= profile.smallest_normal
    assert np.isinf(np.log(np.abs(x * x * x)).bound).all()


def test_a_product_of_two_cancelled_factors_varies_by_both_errors():
    profile = profiles("float32")[0]
    x = carry(np.array([30.0]), profile)
    vanished = 1.0 - np.tanh(x)
    assert vanished.value == 0
    product = vanished * vanished.reshape(1)[::-1]
    assert product.bound > 0
    assert 10 * np.sqrt(product.variance) > product.bound
