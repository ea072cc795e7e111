"""The spacing of a format, and distances measured in it."""

import numpy as np
import pytest

from assay.numerics.dtypes import DTYPES, round_to, widen
from assay.numerics.generator import Stream
from assay.numerics.ulps import ulp, ulp_distance

FORMATS = pytest.mark.parametrize("format", DTYPES.values(), ids=DTYPES)
NARROW = pytest.mark.parametrize("format", [DTYPES[n] for n in ("float32", "bfloat16", "float16")])


@FORMATS
def test_ulp_is_the_gap_to_the_next_number(format):
    numbers = round_to(np.array([1.0, 1.5, 0.75, -3.0, 0.0, format.smallest_normal, 5 * format.u]), format)
    outward = np.nextafter(np.abs(numbers), np.array(np.inf, format.storage))
    assert ulp(widen(numbers), format).tolist() == (widen(outward) - np.abs(widen(numbers))).tolist()


@FORMATS
def test_ulp_beyond_the_largest_number_is_that_of_the_top_binade(format):
    below = widen(np.nextafter(round_to(format.largest, format), np.zeros((), format.storage)))
    assert float(ulp(np.inf, format)) == format.largest - float(below)


@NARROW
def test_a_correct_rounding_is_half_an_ulp_away_at_most(format):
    exact = np.ldexp(Stream("ulps").normal((10_000,)), Stream("exponents").integers(-20, 15, (10_000,)))
    distance = ulp_distance(round_to(exact, format), exact, format)
    assert 0 < np.max(distance) <= 0.5


@FORMATS
def test_the_next_number_is_one_ulp_away(format):
    one = np.ones((3,), format.storage)
    after = np.nextafter(one, np.full((3,), 2, format.storage))
    assert ulp_distance(after, widen(one), format).tolist() == [1.0, 1.0, 1.0]


@FORMATS
def test_equal_specials_are_no_distance_apart_and_unequal_ones_infinitely_far(format):
    specials = round_to(np.array([np.nan, np.inf, -np.inf]), format)
    expected = np.array([np.nan, np.inf, -np.inf])
    assert ulp_distance(specials, expected, format).tolist() == [0.0, 0.0, 0.0]
    assert ulp_distance(specials, np.roll(expected, 1), format).tolist() == [np.inf, np.inf, np.inf]
    assert ulp_distance(np.ones(3, format.storage), expected, format).tolist() == [np.inf, np.inf, np.inf]
    assert float(ulp_distance(specials[0], 1.0, format)) == np.inf


@NARROW
def test_infinity_is_close_to_what_rounds_to_it(format):
    threshold = format.largest + float(ulp(format.largest, format)) / 2
    assert float(ulp_distance(round_to(threshold, format), threshold, format)) == 0.5
