"""Numbers of eight bits: codes by fractions, products by whole numbers, laws of scales, and bad input."""

from __future__ import annotations

import itertools
from fractions import Fraction

import ml_dtypes
import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.quantization import FORMATS, microscaling, quantize, quantized_matmul, scaled_matmul

FLOATS = ("float8_e4m3fn", "float8_e5m2", "float4_e2m1fn")
X = Stream("quantization").normal((3, 64))


def numbers(name):
    """Every finite number that a format has, from its 2 ** bits patterns, read by its definition."""
    largest, fraction, least = FORMATS[name]
    found = {Fraction(0)}
    for power in itertools.count(least):
        for share in range(2**fraction):
            found.add((Fraction(share, 2**fraction) + 1) * Fraction(2) ** power)
        if 2.0 ** (power + 1) > largest:
            break
    found |= {Fraction(share, 2**fraction) * Fraction(2) ** least for share in range(2**fraction)}
    sizes = sorted(number for number in found if number <= largest)
    return [-n for n in reversed(sizes[1:])] + sizes


def nearest(x, name):
    """The nearest number of a format, of two the one whose place among all of them is even."""
    known = numbers(name)
    zero = known.index(0)
    best = min(range(len(known)), key=lambda i: (abs(known[i] - Fraction(x)), (i - zero) % 2))
    return known[best]


@proves(quantize, microscaling, by="naive loop")
@pytest.mark.parametrize("name", FLOATS)
def test_codes_are_the_nearest_numbers_that_fractions_find(name):
    points = {float(n) for n in numbers(name)}
    middles = {(a + b) / 2 for a, b in itertools.pairwise(sorted(points))}
    # The greatest comes first: its exponent, shared by all, is that of the format, and scales nothing.
    every = sorted(points | middles, key=lambda n: -abs(n))
    blocks = [[every[0], *every[i : i + 31]] for i in range(1, len(every), 31)]
    x = np.array([[*block, *[0.0] * (32 - len(block))] for block in blocks])
    codes, exponents = microscaling(carried(x), format=name)
    assert not exponents.any()
    assert_same(codes, np.array([[nearest(n, name) for n in row] for row in x], dtype=object))
    if name != "float4_e2m1fn":
        of_rows, scale = quantize(carried(x), format=name)
        assert_same(scale, np.ones(len(x)))
        assert_same(of_rows, codes)


@proves(quantize, by="worked figures")
def test_the_greatest_becomes_127_and_halves_the_even_code():
    x = np.array([[127.0, 0.5, 1.5, -2.5, -127.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    codes, scale = quantize(carried(x), epsilon=127.0)
    assert_same(codes, np.array([[127.0, 0.0, 2.0, -2.0, -127.0], [0.0] * 5]))
    assert_same(scale, np.ones(2))
    _, added = quantize(carried(x), epsilon=127.0, epsilon_at="added", scope="tensor")
    assert_same(added, np.array(2.0))


@proves(quantize, by="high precision")
@pytest.mark.parametrize("scope", ["row", "tensor"])
def test_quotients_of_forty_digits_are_rounded_to_the_same_codes(scope):
    with mpmath.workdps(40):
        groups = [list(row) for row in X] if scope == "row" else [list(X.ravel())]
        scales = [max(abs(mpmath.mpf(n)) for n in group) / 127 for group in groups]
        wanted = [
            mpmath.nint(mpmath.mpf(n) / s) for group, s in zip(groups, scales, strict=True) for n in group
        ]
        codes, scale = quantize(carried(X), scope=scope)
        assert_same(codes, np.array(wanted, dtype=object).reshape(X.shape))
        assert_same(scale, np.array(scales if scope == "row" else scales[0], dtype=object))


@proves(microscaling, by="worked figures")
def test_the_standard_holds_what_the_other_rule_scales():
    x = np.zeros((1, 64))
    x[0, :2] = 7.5, 1.0
    codes, exponents = microscaling(carried(x), format="float4_e2m1fn")
    assert exponents.tolist() == [[0, -127]]
    assert_same(codes[0, :2], np.array([6.0, 1.0]))
    codes, exponents = microscaling(carried(x), format="float4_e2m1fn", exponent="up")
    assert exponents.tolist() == [[1, -127]]
    assert_same(codes[0, :2], np.array([4.0, 0.5]))


@proves(scaled_matmul, by="law")
@pytest.mark.parametrize("scope", ["tensor", "row", "block"])
def test_scales_may_be_multiplied_in_first(scope):
    kernel = np.asarray(X.reshape(64, 3), ml_dtypes.float8_e4m3fn).astype(float)
    x, bias = np.asarray(X, ml_dtypes.float8_e4m3fn).astype(float), np.arange(3.0)
    shape = {"tensor": ((), ()), "row": ((3,), (3,)), "block": ((3, 2), (2, 3))}[scope]
    s, t = (0.5 + Stream(f"scale {n}").uniform(each) for n, each in enumerate(shape))
    wide = {
        "tensor": lambda: (s, t),
        "row": lambda: (s[:, np.newaxis], t),
        "block": lambda: (np.repeat(s, 32, axis=1), np.repeat(t, 32, axis=0)),
    }[scope]()
    wanted = np.matmul(carried(x) * wide[0], carried(kernel) * wide[1]) + bias
    assert_same(
        scaled_matmul(carried(X), carried(X.reshape(64, 3)), carried(s), carried(t), carried(bias)), wanted
    )


@proves(scaled_matmul, by="worked figures")
def test_a_product_of_a_row_of_two_blocks():
    x, kernel = np.ones((1, 64)), np.full((64, 1), 3.0)
    y = scaled_matmul(*map(carried, (x, kernel, np.array([[1.0, 2.0]]), np.array([[10.0], [0.5]]))))
    assert_same(y, np.array([[1056.0]]))


@proves(quantized_matmul, by="naive loop")
@pytest.mark.parametrize(("zero", "of_kernel"), [(128, 0), (3, 128), (0, 255)])
def test_codes_are_summed_as_whole_numbers(zero, of_kernel):
    stream = Stream("codes")
    x, kernel = stream.integers(0, 256, (2, 5)), stream.integers(0, 256, (5, 3))
    s, t, bias = np.array([0.5, 2.0]), np.array([1.0, 0.25, 4.0]), np.array([1.0, -2.0, 0.0])
    wanted = np.zeros((2, 3), dtype=object)
    for r, c in itertools.product(range(2), range(3)):
        total = sum((int(x[r, d]) - zero) * (int(kernel[d, c]) - of_kernel) for d in range(5))
        wanted[r, c] = Fraction(s[r]) * Fraction(t[c]) * total + Fraction(bias[c])
    given = x, kernel, carried(s), carried(t), carried(bias)
    assert_same(quantized_matmul(*given, zero_point=zero, kernel_zero_point=of_kernel), wanted)


@proves(quantized_matmul, by="worked figures")
def test_two_codes_beside_their_zero():
    y = quantized_matmul(np.array([[130, 127]]), np.array([[3], [5]]), *map(carried, np.ones((2, 1))))
    assert_same(y, np.array([[2.0 * -125.0 + 123.0]]))


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: quantize(X[0]), r"x must have the axes \(rows, features\)"),
        (lambda: quantize(X, format="int4"), "format must be one of int8, float8_e4m3fn, float8_e5m2"),
        (lambda: quantize(X, scope="column"), "scope must be row or tensor"),
        (lambda: quantize(X, epsilon_at="none"), "epsilon_at must be floor or added"),
        (lambda: microscaling(X[:, :63]), "x must have a multiple of 32 features; got 63"),
        (lambda: microscaling(X, format="int8"), "format must be one of float8_e4m3fn"),
        (lambda: microscaling(X, exponent="down"), "exponent must be floor or up"),
        (lambda: scaled_matmul(X, X, np.ones(()), np.ones(())), "kernel must have the depth 64; got 3"),
        (lambda: scaled_matmul(X, X.T, np.ones(2), np.ones(())), "x_scale must have one of the shapes"),
        (lambda: scaled_matmul(X, X.T, np.ones(()), np.ones(()), np.ones(2)), r"bias must have shape \(3,\)"),
        (
            lambda: quantized_matmul(np.array([[256]]), np.array([[0]]), np.ones(1), np.ones(1)),
            "x must lie between 0 and 255",
        ),
        (
            lambda: quantized_matmul(np.array([[1]]), np.array([[0]]), np.ones(1), np.ones(1), zero_point=-1),
            "zero_point must lie between 0 and 255",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
