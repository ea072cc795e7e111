"""What a definition leaves open carries no bound, and the rest what it had."""

from __future__ import annotations

import numpy as np

from assay.numerics.carried import carry, finish
from assay.numerics.doubt import in_doubt
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import tolerance

SINGLE = profiles("float32")[0]


def test_nothing_is_known_where_doubt_is_and_all_else_is_kept():
    values = np.array([np.inf, 3.0, -np.inf, 1.0])
    squares = carry(values, SINGLE) * 3.0
    doubted = finish(in_doubt(squares, np.isinf(values)) + carry(np.ones(4), SINGLE))
    assert np.isinf(tolerance(doubted)).tolist() == [True, False, True, False]
    np.testing.assert_array_equal(doubted.bound[1::2], (squares + carry(np.ones(4), SINGLE)).bound[1::2])
    np.testing.assert_array_equal(doubted.value, values * 3 + 1)


def test_exact_numbers_and_plain_arrays_may_be_in_doubt():
    exact = in_doubt(carry(np.array([1.0, 2.0]), SINGLE), np.array([True, False]))
    assert exact.bound.tolist() == exact.variance.tolist() == [np.inf, 0.0]
    plain = np.array([1.0, np.nan])
    assert in_doubt(plain, np.isnan(plain)) is plain
