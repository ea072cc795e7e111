"""Each pattern of wrong elements is told where a kernel makes it, and by no other kernel."""

from __future__ import annotations

import numpy as np
import pytest

from assay.harness.checking.patterns import Wrong, patterns
from assay.numerics.generator import Stream

SHAPE = (5, 40)
UNIT = 2.0**-24


def right(shape=SHAPE):
    return Stream("patterns").normal(shape)


def told(change, shape=SHAPE, **more):
    """Patterns in what ``change`` makes of the right values."""
    expected = right(shape)
    got = change(expected.copy())
    tolerance = UNIT * (1 + np.abs(expected))
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(got - expected) <= tolerance)
    return " | ".join(patterns(Wrong(got, expected, tolerance, wrong, **more)))


def put(index, value):
    def change(y):
        y[index] = value(y[index]) if callable(value) else value
        return y

    return change


MASK = Stream("mask").bits(SHAPE) % 2 == 0
FAULTS = {
    "last partial tile": (put(np.s_[:, 32:], 0.0), {}, "only the last, partial tile of 32 along axis 1"),
    "last whole tile": (put(np.s_[:, 20:], lambda y: y + 1), {"tiles": (20,)}, "only the last tile of 20"),
    "tile of the user": (put(np.s_[:, 36:], 0.0), {"tiles": (12,)}, "partial tile of 12 along axis 1"),
    "everything behind a tile": (put(np.s_[:, 16:], 0.0), {"tiles": (16,)}, "behind the first 1 tiles of 16"),
    "one column": (put(np.s_[:, 7], 9.0), {}, "only index 7 of axis 1 is wrong, of 40"),
    "the last row": (put(np.s_[4], 9.0), {}, "only index 4 of axis 0 is wrong, the last"),
    "some rows": (put(np.s_[1:3], 9.0), {}, "only indices 1 to 2 of axis 0 are wrong"),
    "masked places": (lambda y: np.where(MASK, y, 7.0), {"inputs": {"mask": MASK}}, "mask is False (masked)"),
    "unmasked places": (lambda y: np.where(MASK, 7.0, y), {"inputs": {"mask": MASK}}, "mask is True"),
    "negative inputs": (
        lambda y: np.where(right() < 0, 0.1, y),
        {"inputs": {"x": right()}},
        "where x is negative",
    ),
    "one factor": (lambda y: 1.25 * y, {}, "off by one factor: 1.25"),
    "a factor in one tile": (put(np.s_[:, 32:], lambda y: 3 * y), {}, "off by one factor: 3"),
    "negated": (np.negative, {}, "the sign is wrong"),
    "a factor per row": (
        lambda y: y * np.arange(2, 7)[:, None],
        {},
        "each line along axis 1 is off by a factor of its own",
    ),
    "one constant": (lambda y: y + 0.5, {}, "off by one constant: +0.5"),
    "a constant per column": (
        lambda y: y + np.arange(1, 41),
        {},
        "each line along axis 0 is off by a constant of its own",
    ),
    "shifted": (lambda y: np.roll(y, 1, 1), {}, "one place before it along axis 1"),
    "transposed order": (lambda y: y.T.copy().reshape(SHAPE), {}, "in the order of the transposed array"),
    "NaN": (put(np.s_[2, 3:9], np.nan), {}, "NaN stands in every wrong place"),
    "infinite": (put(np.s_[2, 3:9], np.inf), {}, "infinity stands in every wrong place"),
    "zeros": (np.zeros_like, {}, "0 stands in every wrong place"),
    "one value": (put(np.s_[::2, ::3], 8.0), {}, "8 stands in every wrong place"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_pattern_of_a_fault_is_told(fault):
    change, more, words = FAULTS[fault]
    assert words in told(change, **more)


def test_errors_without_a_pattern_have_none():
    noise = Stream("noise").normal(SHAPE)
    places = Stream("places").uniform(SHAPE) < 0.5
    assert told(lambda y: np.where(places, y + noise, y)) == ""


def test_square_arrays_that_are_transposed_are_told():
    assert "the last two axes are exchanged" in told(lambda y: y.T.copy(), shape=(6, 6))


def test_a_factor_that_only_most_elements_share_is_not_told():
    def change(y):
        y *= 1.25
        y[2, 2] += 1.0
        return y

    assert "factor" not in told(change)


def test_the_first_wrong_index_is_in_row_major_order():
    wrong = np.zeros((3, 4), bool)
    wrong[1, 3] = wrong[2, 0] = True
    ones = np.ones((3, 4))
    assert Wrong(ones, ones, ones, wrong).first == (1, 3)


def test_an_array_without_axes_is_described():
    assert "every element is wrong" in told(lambda y: y + 1, shape=())
