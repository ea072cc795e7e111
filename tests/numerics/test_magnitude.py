"""Magnitudes: powers of two by which a formula is scaled without any rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assay.numerics.carried import carry, finish
from assay.numerics.magnitude import magnitude
from assay.numerics.profiles import profiles
from assay.reference.constraints import unit_norm
from assay.reference.reductions import share_out

(FLOAT32, *_) = profiles("float32")


def test_a_magnitude_is_the_power_of_two_below_the_largest_finite_size():
    x = np.array([[3.0, -4.0, np.nan], [0.0, -0.0, 0.0], [np.inf, 0.75, -np.inf], [5e-324, 0.0, 0.0]])
    assert magnitude(x, 1).tolist() == [[4.0], [1.0], [0.5], [5e-324]]
    assert magnitude(x).tolist() == [[4.0]]
    assert magnitude(np.array([np.finfo(float).max])).tolist() == [2.0**1023]


def test_the_magnitude_of_an_error_carrying_array_is_that_of_its_values():
    x = carry(np.array([3.0, 1.0], np.float32), FLOAT32) / 7.0
    assert magnitude(x).tolist() == [0.25]


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "float64"])
def test_a_mean_is_known_though_its_sum_overflows(name):
    for profile in (p for p in profiles(name) if p.declared):
        losses = carry(np.full(64, 0.75 * profile.dtype.largest), profile)
        mean = finish(share_out(losses, 64))
        assert mean.value == losses.value[0]
        assert mean.bound < math.sqrt(profile.dtype.u) * mean.value


def test_scaling_rounds_as_the_quotient_of_a_sum_does():
    losses = carry(np.float32([0.1, 2.3, 7.7, 0.4]), FLOAT32)
    plain, scaled = np.mean(losses), share_out(losses, 4)
    assert (scaled.value, scaled.bound, scaled.variance) == (plain.value, plain.bound, plain.variance)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "float64"])
def test_a_unit_vector_is_known_though_squares_underflow(name):
    for profile in profiles(name):
        x = carry(np.full((4, 1), 2.0 ** np.ceil(np.log2(profile.dtype.smallest_normal) / 2 - 4)), profile)
        y = finish(unit_norm(x, epsilon_at="none"))
        assert y.value.tolist() == [[0.5]] * 4
        assert np.all(y.bound < math.sqrt(profile.dtype.u) * y.value)
