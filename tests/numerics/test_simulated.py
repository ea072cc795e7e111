"""Simulated arithmetic agrees with NumPy where NumPy has it, and rounds where it says."""

from __future__ import annotations

import numpy as np
import pytest

from assay.numerics._ufuncs import library_ulps
from assay.numerics.dtypes import DTYPES, round_to, widen
from assay.numerics.generator import Stream
from assay.numerics.simulated import ORDERS, Arithmetic, simulate

SINGLE = DTYPES["float32"]


def single(*shape, key="x"):
    return round_to(Stream(key).normal(shape), SINGLE)


def test_primitives_are_those_of_float32():
    x, y = single(100), single(100, key="y")
    got = np.sqrt(np.abs(simulate(x, Arithmetic(SINGLE)) * y - 0.1)) / y
    np.testing.assert_array_equal(got.value, np.sqrt(np.abs(x * y - np.float32(0.1))) / y)


def test_a_sum_in_order_is_that_of_a_loop():
    x = single(257)
    total = np.float32(0)
    for element in x:
        total = total + element
    assert np.sum(simulate(x, Arithmetic(SINGLE))).value == total


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("terms", [1, 2, 31, 32, 33, 100])
def test_every_order_adds_every_term_once(order, terms):
    # Powers of two up to the 24th: any sum of some of them is exact, and tells which.
    powers = np.ldexp(1.0, np.arange(terms) % 12)
    assert np.sum(simulate(powers, Arithmetic(SINGLE, order=order))).value == powers.sum()


@pytest.mark.parametrize("order", [o for o in ORDERS if o not in ("in order", "compensated")])
def test_orders_round_differently(order):
    x = single(20, 1000)
    sums = [np.sum(simulate(x, Arithmetic(SINGLE, order=o)), axis=1).value for o in (order, "in order")]
    assert (sums[0] != sums[1]).any()


def test_a_compensated_sum_is_right_where_others_are_not():
    x = np.array([1.0, *[2.0**-30] * 2**7, 2.0**23])
    exact = float(round_to(x.sum(), SINGLE))
    assert np.sum(simulate(x, Arithmetic(SINGLE, order="compensated"))).value == exact
    assert np.sum(simulate(x[::-1], Arithmetic(SINGLE))).value == 2.0**23 + 1


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_the_accumulator_rounds_every_partial_sum(name):
    ones = np.ones(2**12)
    stalls = 2.0 ** -np.log2(DTYPES[name].u)
    assert np.sum(simulate(ones, Arithmetic(DTYPES[name]))).value == stalls
    assert np.sum(simulate(ones, Arithmetic(DTYPES[name], SINGLE))).value == 2**12


def test_contractions_agree_with_each_other_and_with_exact_sums():
    x, w = np.arange(1.0, 13.0).reshape(3, 4), np.arange(8.0).reshape(4, 2)
    a, b = simulate(x, Arithmetic(SINGLE)), simulate(w, Arithmetic(SINGLE))
    for got in (a @ b, np.einsum("ik,kj->ij", a, b), np.tensordot(a, b, axes=1), np.matmul(x, b)):
        np.testing.assert_array_equal(got.value, x @ w)


def test_a_fused_multiply_add_does_not_round_the_product():
    x = simulate(np.float32([1 + 2.0**-11, 1 + 2.0**-12]), Arithmetic(SINGLE, fused_multiply_add=True))
    y = simulate(np.float32([-1.0, 1 + 2.0**-12]), x.arithmetic)
    assert (x @ y).value == 2.0**-24
    assert np.sum(x * y).value == 0.0


def test_inputs_of_contractions_lose_their_last_bits_where_asked():
    x = simulate(np.array([1 + 2.0**-10, 1 + 2.0**-11]), Arithmetic(SINGLE, bits_in=11))
    np.testing.assert_array_equal((x[:, None] @ np.ones((1, 1)))[:, 0].value, [1 + 2.0**-10, 1.0])


def test_results_below_the_normal_numbers_are_flushed_where_asked():
    x = np.array([-1.5, 3.0]) * SINGLE.smallest_normal
    half = simulate(x, Arithmetic(SINGLE, flush=True)) * 0.5
    np.testing.assert_array_equal(half.value, [0.0, x[1] / 2])
    assert np.signbit(half.value[0])


def test_library_functions_err_within_the_published_table_and_primitives_do_not():
    x = single(1000)
    exact, off = (simulate(x, Arithmetic(SINGLE, library=where)) for where in ("", "random"))
    np.testing.assert_array_equal((off * off).value, (exact * exact).value)
    with np.errstate(all="ignore"):
        ulps = np.abs(np.exp(off).value - np.exp(widen(x))) / np.spacing(np.exp(x))
    assert 1.0 < ulps.max() <= library_ulps("exp", SINGLE.u)


def test_the_exponential_of_zero_is_one_in_every_library():
    zeros = simulate(np.zeros(99), Arithmetic(SINGLE, library="upper"))
    np.testing.assert_array_equal(np.exp(zeros).value, 1.0)


def test_a_function_that_is_not_simulated_says_so():
    with pytest.raises(TypeError, match="partition is not simulated"):
        np.partition(simulate(single(5), Arithmetic(SINGLE)), 2)
