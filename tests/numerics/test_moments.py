"""What every error rule shares, to the last digit: one rounding, what is exact, the ends of the range."""

from __future__ import annotations

import numpy as np
import pytest

from assay.numerics._moments import (
    U_REFERENCE,
    Moments,
    Origin,
    Outcome,
    add,
    constant,
    exact_where,
    in_range,
    is_zero,
    operand,
    power_of_two,
    representable,
    rounded,
    scale,
)
from assay.numerics.profiles import profiles

SINGLE, DOUBLE = profiles("float32")[0], profiles("float64")[0]
OP_BY_OP = profiles("float16")[1]
DIGITS = {"rtol": 4 * np.finfo(np.float64).eps}
"""What the order of a few roundings in float64 may change."""


def moments(value, bound=None, variance=None):
    value = np.asarray(value, float)
    if bound is None:
        return Moments(value)
    bound = np.asarray(bound, float)
    return Moments(value, bound, bound**2 / 5 if variance is None else np.asarray(variance, float))


def assert_error(x, bound, variance):
    np.testing.assert_allclose(x.bound, bound, **DIGITS)
    np.testing.assert_allclose(x.variance, variance, **DIGITS)


# --- one rounding ---

VALUE = np.array([3.0, -0.1, 700.0])


@pytest.mark.parametrize("profile", [SINGLE, DOUBLE, OP_BY_OP], ids=lambda p: p.name)
@pytest.mark.parametrize("ulps", [0.5, 3.0])
def test_an_own_error_is_uniform_up_to_its_ulps(profile, ulps):
    # An ulp is at most two unit roundoffs; the reference's own rounding counts beside it.
    own = 2 * ulps * (profile.u + U_REFERENCE) * np.abs(VALUE)
    assert_error(rounded(profile, VALUE, None, None, ulps=ulps), own, own**2 / 3)


def test_a_rounding_is_of_half_an_ulp_by_default():
    default, half = (rounded(SINGLE, VALUE, None, None, **k) for k in ({}, {"ulps": 0.5}))
    assert_error(default, half.bound, half.variance)


def test_what_is_rounded_is_the_computed_result():
    u = SINGLE.u + U_REFERENCE
    bound, variance = np.array([1e-3, 1e-4, 0.0]), np.array([1e-7, 1e-9, 0.0])
    size = np.abs(VALUE)
    assert_error(
        rounded(SINGLE, VALUE, bound, variance),
        bound + u * (size + bound),
        variance + (u * size) ** 2 / 3,
    )


def test_where_an_operation_is_exact_it_only_passes_errors_on():
    bound, variance = np.full(3, 1e-3), np.full(3, 1e-7)
    some = rounded(SINGLE, VALUE, bound, variance, exact=np.array([True, False, True]))
    everywhere = rounded(SINGLE, VALUE, bound, variance)
    u = SINGLE.u + U_REFERENCE
    passed = (1 + u) * 1e-3
    assert_error(some, [passed, everywhere.bound[1], passed], [1e-7, everywhere.variance[1], 1e-7])
    assert_error(rounded(SINGLE, VALUE, bound, variance, exact=np.full(3, True)), bound, variance)
    none = rounded(SINGLE, VALUE, None, None, exact=np.full(3, True))
    assert (none.bound, none.variance) == (None, None)
    nowhere = rounded(SINGLE, VALUE, bound, variance, exact=np.full(3, False))
    assert_error(nowhere, everywhere.bound, everywhere.variance)


# --- what is exact ---


def test_exact_are_those_elements_alone_that_are_known_and_have_the_property():
    assert exact_where(moments([0.0, 1.0]), is_zero).tolist() == [True, False]
    some = moments([0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1e-30, 0.0])
    assert exact_where(some, is_zero).tolist() == [True, False, False, False]


def test_zero_is_zero_of_either_sign():
    assert is_zero(np.array([-1.0, -0.0, 0.0, 1.0, np.nan])).tolist() == [False, True, True, False, False]


def test_a_number_is_represented_by_as_many_bits_as_the_format_has():
    for profile in (SINGLE, DOUBLE, OP_BY_OP):
        u = profile.u
        # 1 + 2u has its last bit in the last place, 1 + u one place further on.
        numbers = np.array([0.0, 1.0, -1 - 2 * u, 2 - 2 * u, 1 + u if profile is not DOUBLE else 1.0])
        assert representable(numbers, u).tolist() == [True, True, True, True, profile is DOUBLE]
    assert power_of_two(np.array([0.0, -0.25, 8.0, 3.0, 1.5])).tolist() == [True, True, True, False, False]


def test_a_constant_is_rounded_unless_the_format_has_it():
    tenth = np.asarray(0.1)
    wanted = rounded(SINGLE, tenth, None, None)
    assert_error(constant(tenth, SINGLE), wanted.bound, wanted.variance)
    for held in (0.5, np.inf, np.nan):
        assert constant(np.asarray(held), SINGLE).bound is None
    assert constant(tenth, DOUBLE).bound is None


def test_a_scalar_is_a_constant_an_array_is_exact_and_a_doubtful_comparison_an_indicator():
    assert operand(0.1, SINGLE).bound is not None
    assert operand([0.1], SINGLE).bound is None
    x = moments([1.0])
    assert operand(x, SINGLE) is x
    indicator = operand(Outcome(np.array([True, False]), np.array([True, False])), SINGLE)
    assert (indicator.value.tolist(), indicator.bound.tolist(), indicator.variance.tolist()) == (
        [1.0, 0.0],
        [1.0, 0.0],
        [1.0, 0.0],
    )


def test_errors_add_and_scale_where_they_are():
    x, y = np.array([1.0]), np.array([2.0])
    assert (add(None, None), add(x, None), add(None, y)) == (None, x, y)
    assert add(x, y).tolist() == [3.0]
    assert scale(y, None) is None
    assert scale(y, np.array([3.0])).tolist() == [6.0]


# --- the ends of the range ---


def ranged(profile, value, bound=None, variance=None, origin=None):
    x = moments(value, bound, variance)
    return in_range(profile, x.value, x.bound, x.variance, origin or Origin())


@pytest.mark.parametrize("profile", [SINGLE, DOUBLE, OP_BY_OP], ids=lambda p: p.name)
def test_between_the_ends_of_the_range_nothing_changes(profile):
    ends = np.array([profile.smallest_normal, -profile.largest, 1.0])
    assert ranged(profile, ends).bound is None
    bound = np.array([0.0, 0.0, 0.5])
    within = ranged(profile, ends, bound)
    assert (within.bound.tolist(), within.variance.tolist()) == (bound.tolist(), (bound**2 / 5).tolist())
    assert within.overflow is None
    assert ranged(profile, np.zeros((0, 2))).value.shape == (0, 2)


@pytest.mark.parametrize("profile", [SINGLE, DOUBLE, OP_BY_OP], ids=lambda p: p.name)
def test_below_the_smallest_normal_number_an_absolute_error_is_added(profile):
    smallest, flush = profile.smallest_normal, profile.underflow
    x = ranged(profile, [smallest, -smallest / 2, 0.0, 1.0])
    assert_error(x, [0, flush, 0, 0], [0, flush**2 / 3, 0, 0])
    bound = np.array([1.5, 0.5, 1.0, 0.0]) * smallest
    x = ranged(profile, np.array([2.0, 2.0, 0.0, 4.0]) * smallest, bound)
    lost = np.array([flush, 0, flush, 0])
    assert_error(x, bound + lost, bound**2 / 5 + lost**2 / 3)
    alone = ranged(profile, [2 * smallest], [1.5 * smallest])
    assert alone.bound == x.bound[0]


def test_a_result_that_vanished_below_float64_may_be_anything_there():
    factor = moments([1e-200, 0.0, np.inf])
    origin = Origin((factor,), nonzero=True)
    flush = DOUBLE.underflow
    assert_error(ranged(DOUBLE, np.zeros(3), origin=origin), [flush, 0, 0], [flush**2 / 3, 0, 0])
    known = ranged(DOUBLE, np.zeros(3), [1e-300] * 3, [0] * 3, origin)
    assert_error(known, [1e-300 + flush] * 3, [flush**2 / 3] * 3)
    assert ranged(DOUBLE, np.zeros(3), origin=Origin((factor,))).bound is None


@pytest.mark.parametrize("sign", [1, -1])
def test_past_the_largest_number_nothing_is_known_and_the_result_may_be_certain(sign):
    largest, u = OP_BY_OP.largest, OP_BY_OP.u
    certain = largest * (1 + u)
    x = ranged(OP_BY_OP, sign * np.array([largest, np.nextafter(largest, np.inf), certain, certain + 1, 1.0]))
    assert np.isinf(x.bound).tolist() == np.isinf(x.variance).tolist() == [False, True, True, True, False]
    assert x.overflow.tolist() == [False, False, False, True, False]
    bound = np.array([0.0, 0.25, 0.25, 1.0])
    x = ranged(OP_BY_OP, sign * np.array([largest, largest, certain + 1, certain + 1]), bound)
    assert np.isinf(x.bound).tolist() == np.isinf(x.variance).tolist() == [False, True, True, True]
    assert x.overflow.tolist() == [False, False, True, False]
    alone = ranged(OP_BY_OP, [sign * largest], [0.25])
    assert (alone.bound, alone.variance, alone.overflow) == (np.inf, np.inf, None)


def test_a_bound_counts_no_further_than_the_size_of_its_value():
    largest = SINGLE.largest
    below = largest / 4
    x = ranged(SINGLE, [below, 3 * below], [4 * largest, below])
    assert x.bound.tolist() == [4 * largest, below]
    assert np.isinf(ranged(SINGLE, [3 * below], [1.5 * below]).bound)
    half = largest / 2
    assert ranged(SINGLE, [half], [2 * largest]).bound == 2 * largest
    assert np.isinf(ranged(SINGLE, [np.nextafter(half, np.inf)], [2 * largest]).bound)


def test_an_error_that_is_not_a_number_is_unknown():
    x = ranged(SINGLE, [1.0, 1.0], [np.nan, 1.0], [1.0, np.nan])
    assert (x.bound.tolist(), x.variance.tolist()) == ([np.inf, 1.0], [1.0, np.inf])
    assert ranged(SINGLE, [2 * SINGLE.largest], [1.0], [np.nan]).variance == np.inf


def test_special_values_of_special_operands_are_exact():
    infinite, number = moments([np.inf, np.inf]), moments([1.0, 2.0])
    for operands in ((infinite,), (infinite, number), (infinite, infinite)):
        x = ranged(SINGLE, [np.inf, np.nan], [1.0, 1.0], origin=Origin(operands))
        assert (x.bound.tolist(), x.variance.tolist(), x.overflow) == ([0.0, 0.0], [0.0, 0.0], None)
        assert ranged(SINGLE, [np.inf, np.nan], origin=Origin(operands)).bound is None


def test_an_infinity_at_a_pole_is_exact_and_another_an_overflow():
    origin = Origin((moments([1.0, 1.0, 1.0]),), pole=np.array([True, False, True]))
    x = ranged(SINGLE, [np.inf, -np.inf, 2.0], origin=origin)
    assert (x.bound.tolist(), x.variance.tolist()) == ([0, np.inf, 0], [0, np.inf, 0])
    assert x.overflow.tolist() == [False, True, False]
    both = Origin((moments([np.inf]),), pole=np.array([True]))
    assert ranged(SINGLE, [np.inf], origin=both).bound is None


def test_a_special_value_that_hangs_on_what_is_not_known_is_unresolved():
    doubt = Origin((moments([np.inf] * 3),), doubt=np.array([True, False, True]))
    x = ranged(SINGLE, [np.inf, np.inf, 1.0], origin=doubt)
    assert (x.bound.tolist(), x.variance.tolist()) == ([np.inf, 0, 0], [np.inf, 0, 0])
    unknown = moments([np.inf, np.inf, 1.0], [np.inf, 0.0, np.inf])
    for operands in ((unknown, moments([np.inf] * 3)), (unknown, unknown)):
        x = ranged(SINGLE, [np.nan, np.inf, 1.0], [1.0] * 3, [1.0] * 3, origin=Origin(operands))
        assert x.bound.tolist() == x.variance.tolist() == [np.inf, 0, 1]
        assert x.overflow is None
    overflowing = Origin((moments([2.0, 2.0], [np.inf, 0.0]),))
    with np.errstate(invalid="ignore"):
        x = ranged(SINGLE, [np.inf, np.inf], [np.inf] * 2, origin=overflowing)
    assert np.isinf(x.bound).all()
    assert x.overflow.tolist() == [False, True]


def test_structure_moves_all_that_is_known():
    x = Moments(*(np.array([[i, -i]]) for i in (1.0, 2.0, 3.0)), np.array([[True, False]]))
    moved = x.map(np.ravel)
    assert [t.tolist() for t in (moved.value, moved.bound, moved.variance, moved.overflow)] == [
        [1.0, -1.0],
        [2.0, -2.0],
        [3.0, -3.0],
        [True, False],
    ]
    assert moments([[1.0]]).map(np.ravel).bound is None
    assert moments([[1.0]], [[2.0]]).map(np.ravel).overflow is None
