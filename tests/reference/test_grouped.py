"""Products of groups of rows: loops in integers, laws of groups and of rows of nobody, and bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.dense import dense, dense_vjp
from assay.reference.grouped import grouped_matmul, grouped_matmul_vjp

SIZES = [sizes for sizes in itertools.product(range(4), repeat=3) if sum(sizes) <= 6]


def integers(name, *shape):
    return Stream(f"grouped/{name}").integers(-9, 10, shape).astype(float)


X, KERNEL, G = integers("x", 6, 4), integers("kernel", 3, 4, 2), integers("g", 6, 2)


@proves(grouped_matmul, grouped_matmul_vjp, by="naive loop")
def test_all_ways_to_deal_six_rows_to_three_groups_agree_with_a_loop():
    for sizes in SIZES:
        y, of_x, of_kernel = np.zeros((6, 2)), np.zeros((6, 4)), np.zeros((3, 4, 2))
        owners = [e for e, size in enumerate(sizes) for _ in range(size)]
        for t, e in enumerate(owners):
            for d, u in itertools.product(range(4), range(2)):
                y[t, u] += X[t, d] * KERNEL[e, d, u]
                of_x[t, d] += G[t, u] * KERNEL[e, d, u]
                of_kernel[e, d, u] += X[t, d] * G[t, u]
        given = carried(X), carried(KERNEL), np.array(sizes)
        assert_same(grouped_matmul(*given), y)
        assert_same(grouped_matmul_vjp(*given, carried(G)), (of_x, of_kernel))


@proves(grouped_matmul, grouped_matmul_vjp, by="law")
def test_one_group_of_all_rows_is_a_dense_layer():
    one = carried(KERNEL[:1])
    assert_same(grouped_matmul(carried(X), one, np.array([6])), dense(carried(X), carried(KERNEL[0])))
    of_x, of_kernel = grouped_matmul_vjp(carried(X), one, np.array([6]), carried(G))
    assert_same((of_x, of_kernel[0]), dense_vjp(carried(X), carried(KERNEL[0]), None, carried(G))[:2])


@proves(grouped_matmul, by="worked figures")
def test_the_second_row_meets_the_second_matrix():
    x, kernel = np.array([[1.0], [2.0], [5.0]]), np.array([[[3.0]], [[4.0]]])
    assert_same(
        grouped_matmul(carried(x), carried(kernel), np.array([1, 1])), np.array([[3.0], [8.0], [0.0]])
    )


def test_rows_of_nobody_reach_nothing():
    x, g = X.copy(), G.copy()
    x[4:], g[4:] = np.nan, np.inf
    sizes = np.array([3, 0, 1])
    np.testing.assert_array_equal(grouped_matmul(x, KERNEL, sizes), grouped_matmul(X, KERNEL, sizes))
    for got, wanted in zip(
        grouped_matmul_vjp(x, KERNEL, sizes, g), grouped_matmul_vjp(X, KERNEL, sizes, G), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            (X, KERNEL, np.array([3, 3, 1])),
            r"sizes must not be negative, nor above 6 together; got \[3, 3, 1\]",
        ),
        ((X, KERNEL, np.array([3, -1, 1])), r"sizes must not be negative, nor above 6 together"),
        ((X, KERNEL, np.array([3, 3])), r"sizes must have shape \(3,\) = \(groups\)"),
        ((X[:, :3], KERNEL, np.array([1, 1, 1])), "kernel must have the depth 3; got 4"),
        ((X[0], KERNEL, np.array([1, 1, 1])), r"x must have the axes \(rows, depth\)"),
        ((X, KERNEL[0], np.array([1, 1, 1])), r"kernel must have the axes \(groups, depth, units\)"),
    ],
)
def test_what_does_not_fit_is_refused(given, complaint):
    with pytest.raises(ValueError, match=complaint):
        grouped_matmul(*given)
