"""Dense layers: worked figures, exact fractions, laws and bad input."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.dense import dense, dense_vjp


def normal(name, *shape):
    return Stream(f"dense/{name}").normal(shape)


@proves(dense, dense_vjp, by="worked figures")
def test_dense_of_worked_figures():
    x, kernel = np.array([[1.0, 2.0]]), np.array([[1.0, 10.0, 0.0], [3.0, 0.0, -1.0]])
    bias = np.array([0.5, 1.0, 2.0])
    assert_same(dense(x, kernel, bias), [[7.5, 11.0, 0.0]])
    dx, dkernel, dbias = dense_vjp(x, kernel, bias, np.array([[1.0, 2.0, 4.0]]))
    assert_same(dx, [[21.0, -1.0]])
    assert_same(dkernel, [[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]])
    assert_same(dbias, [1.0, 2.0, 4.0])


@proves(dense, dense_vjp, by="naive loop")
def test_dense_is_the_naive_loop_in_fractions():
    arrays = {"x": normal("x", 4, 33), "kernel": normal("kernel", 33, 5), "bias": normal("bias", 5)}
    x, kernel, bias = ([[Fraction(v) for v in row] for row in np.atleast_2d(a)] for a in arrays.values())
    y = [
        [sum(a * w[f] for a, w in zip(row, kernel, strict=True)) + bias[0][f] for f in range(5)] for row in x
    ]
    cotangent = normal("cotangent", 4, 5)
    g = [[Fraction(v) for v in row] for row in cotangent]
    dx = [[sum(a * b for a, b in zip(row, weights, strict=True)) for weights in kernel] for row in g]
    dkernel = [[sum(x[b][c] * g[b][f] for b in range(4)) for f in range(5)] for c in range(33)]
    dbias = [sum(row[f] for row in g) for f in range(5)]
    given = carried(arrays).values()
    assert_same(dense(*given), y)
    assert_same(dense_vjp(*given, carried(cotangent)), (dx, dkernel, dbias))


@proves(dense, by="law")
def test_two_dense_layers_are_one_with_the_product_of_their_kernels():
    x, first, second = map(carried, (normal("x", 4, 6), normal("kernel", 6, 5), normal("second", 5, 3)))
    assert_same(dense(dense(x, first), second), dense(x, dense(first, second)))


@proves(dense_vjp, by="law")
def test_exchanging_input_and_kernel_exchanges_their_gradients():
    x, kernel, g = normal("x", 4, 6), normal("kernel", 6, 5), normal("g", 4, 5)
    dx, dkernel, _ = dense_vjp(*map(carried, (x, kernel)), None, carried(g))
    of_kernel, of_x, _ = dense_vjp(*map(carried, (kernel.T, x.T)), None, carried(g.T))
    assert_same((dx, dkernel), (of_x.T, of_kernel.T))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.ones((2, 3)), np.ones((4, 5))), r"x must end in 4 features as the kernel has; got \(2, 3\)"),
        ((np.ones((2, 4)), np.ones((4, 5)), np.ones(4)), r"bias must have shape \(5,\) = \(units\)"),
    ],
)
def test_what_does_not_fit_is_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        dense(*arrays)
