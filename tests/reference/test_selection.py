"""Selection: every small row by loops or in fractions, laws of order, ties and NaN, and bad input."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.selection import (
    isotonic_regression,
    isotonic_regression_vjp,
    top_k,
    top_k_vjp,
)

ROWS = np.array(list(itertools.product((-1.0, 0.0, 2.0, np.inf, -np.inf), repeat=4)))


def chosen(row, k, largest):
    """Places, one after the other: of what is left the first that nothing exceeds."""
    left = list(range(len(row)))
    found = []
    for _ in range(k):
        sign = 1 if largest else -1
        best = next(i for i in left if not any(sign * row[j] > sign * row[i] for j in left))
        left.remove(best)
        found.append(best)
    return found


@proves(top_k, by="naive loop")
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("k", [0, 1, 3, 4])
def test_every_row_of_few_numbers_agrees_with_a_loop(k, largest):
    values, places = top_k(ROWS, k=k, largest=largest)
    expected = np.array([chosen(row, k, largest) for row in ROWS], int).reshape(len(ROWS), k)
    np.testing.assert_array_equal(places, expected)
    if k:
        assert_same(values, np.take_along_axis(ROWS, expected, axis=-1))
    else:
        assert_same(np.array(values.shape), [len(ROWS), 0])


@proves(top_k, top_k_vjp, by="worked figures")
def test_two_of_five():
    x, g = np.array([3.0, 1.0, 4.0, 1.0, 5.0]), np.array([10.0, 20.0])
    values, places = top_k(carried(x))
    assert_same(values, np.array([5.0, 4.0]))
    assert places.tolist() == [4, 2]
    assert_same(top_k_vjp(carried(x), carried(g))[0], np.array([0.0, 0.0, 20.0, 0.0, 10.0]))
    values, places = top_k(carried(x), largest=False)
    assert_same(values, np.array([1.0, 1.0]))
    assert places.tolist() == [1, 3]


@proves(top_k, top_k_vjp, by="law")
def test_all_of_a_row_are_the_row_in_order_and_its_gradient_the_cotangent_out_of_order():
    x = np.array([[0.3, -2.0, 7.0, 1.0], [9.0, 8.0, 7.0, 6.0]])
    values, places = top_k(carried(x), k=4)
    assert_same(values, np.sort(x)[:, ::-1])
    (gradient,) = top_k_vjp(carried(x), values, k=4)
    assert_same(gradient, x)
    assert places.dtype == np.int32


@pytest.mark.parametrize("largest", [True, False])
def test_nan_stands_where_it_is_asked_to(largest):
    x = np.array([1.0, np.nan, np.inf, -np.inf, np.nan])
    rest = [2, 0, 3] if largest else [3, 0, 2]
    greatest = [1, 4, *rest] if largest else [*rest, 1, 4]
    assert top_k(x, k=5, largest=largest)[1].tolist() == greatest
    assert top_k(x, k=5, largest=largest, nan="last")[1].tolist() == [*rest, 1, 4]


@pytest.mark.parametrize("k", [5, -1])
def test_more_than_there_are_or_fewer_than_none_cannot_be_chosen(k):
    with pytest.raises(ValueError, match=f"k must be from 0 to the 4 features; got {k}"):
        top_k(ROWS, k=k)


def test_an_order_of_nan_that_is_unknown_is_refused():
    with pytest.raises(ValueError, match="nan must be greatest or last; got 'least'"):
        top_k(ROWS, nan="least")


# --- nearest in order ---

X = Stream("isotonic").normal((4, 9))


def pooled(row):
    """Segments of a row that may fall, each with its mean: neighbours are joined while they rise."""
    found = []
    for value in row:
        found.append([Fraction(value)])
        while len(found) > 1 and mean(found[-2]) < mean(found[-1]):
            found[-2:] = [found[-2] + found[-1]]
    return found


def mean(segment):
    return sum(segment) / len(segment)


@proves(isotonic_regression, by="naive loop")
def test_every_row_of_small_integers_is_pooled_as_neighbours_are():
    rows = np.array(list(itertools.product((-1.0, 0.0, 1.0, 3.0), repeat=5)))
    y, segments = isotonic_regression(rows)
    expected = [pooled(row) for row in rows]
    assert_same(y, [[float(mean(part)) for part in row for _ in part] for row in expected])
    numbers = [[i for i, part in enumerate(row) for _ in part] for row in expected]
    np.testing.assert_array_equal(segments, numbers)


@proves(isotonic_regression, isotonic_regression_vjp, by="worked figures")
def test_one_and_three_and_two_lie_nearest_to_two():
    """1 and 3 rise, and are pooled; their mean is not below 2. To rise, 3 and 2 are pooled."""
    x, g = np.array([1.0, 3.0, 2.0]), np.array([1.0, 2.0, 6.0])
    y, segments = isotonic_regression(carried(x))
    assert_same(y, [2.0, 2.0, 2.0])
    assert segments.tolist() == [0, 0, 1]
    assert_same(isotonic_regression_vjp(carried(x), carried(g)), ([1.5, 1.5, 6.0],))
    y, segments = isotonic_regression(carried(x), decreasing=False)
    assert_same(y, [1.0, 2.5, 2.5])
    assert segments.tolist() == [0, 1, 1]
    assert_same(isotonic_regression_vjp(carried(x), carried(g), decreasing=False), ([1.0, 4.0, 4.0],))


@proves(isotonic_regression, by="law")
def test_what_is_nearest_in_order_is_a_projection_on_a_cone():
    """It falls, keeps the sum, is its own nearest; x - y is orthogonal to it and faces away from the cone."""
    x = carried(X)
    y, _ = isotonic_regression(x)
    assert (y.value[:, :-1] >= y.value[:, 1:] - y.bound[:, 1:]).all()
    assert_same(np.sum(y, axis=-1), np.sum(x, axis=-1))
    assert_same(isotonic_regression(y)[0], y.value)
    assert_same(np.sum((x - y) * y, axis=-1), np.zeros(4), size=np.sum(X * X))
    falling = -np.cumsum(np.abs(Stream("isotonic/cone").normal(X.shape)), axis=-1)
    assert (np.sum((X - y.value) * falling, axis=-1) <= 0).all()


@proves(isotonic_regression, isotonic_regression_vjp, by="law")
def test_to_rise_is_to_fall_backwards_and_upside_down():
    x, g = carried(X), carried(Stream("isotonic/g").normal(X.shape))
    y, _ = isotonic_regression(x, decreasing=False)
    assert_same(isotonic_regression(np.flip(x, -1))[0], np.flip(y.value, -1))
    assert_same(isotonic_regression(-x)[0], -y.value)
    assert_same(isotonic_regression(x.T, decreasing=False, axis=0)[0], y.value.T)
    (gradient,) = isotonic_regression_vjp(x, g, decreasing=False)
    assert_same(isotonic_regression_vjp(-x, g)[0], gradient.value)


def test_an_axis_that_x_has_not_is_refused():
    with pytest.raises(ValueError, match=r"axis must be an axis of x, of shape \(4, 9\); got 2"):
        isotonic_regression(X, axis=2)
