"""The gradient of a composition is that of its parts, chained; what no part computes is a constant."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from assay.reference.chain import add, chained, part, reshape
from assay.reference.dense import dense, dense_vjp

X, W, V = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4) - 5.0, np.arange(8.0).reshape(4, 2)
G = np.array([[1.0, -2.0], [0.5, 3.0]])


def halves(x):
    """Two outputs, one of which a composition may leave unused."""
    return x[:, :2], x[:, 2:]


def halves_vjp(x, cotangents):
    return (np.concatenate(cotangents, axis=1),)


def two_layers(x, w, v, bias=None, *, scale=1.0):
    hidden = part(dense, x, w * scale, None)
    return part(dense, hidden, v, bias)


def test_it_is_the_chain_rule_by_hand():
    dx, dw, dv, dbias = chained(two_layers)(X, W, V, None, G)
    dhidden, wanted, _ = dense_vjp(X @ W, V, None, G)
    assert (dx == dhidden @ W.T).all()
    assert (dv == wanted).all()
    assert dbias is None
    assert (dw == 0).all(), "times the scale is computed outside of any part"


def test_an_array_that_is_used_twice_gets_both_shares():
    def twice(x):
        return part(add, x, part(add, x, x))

    assert (chained(twice)(X, np.ones_like(X))[0] == 3).all()


def test_outputs_that_nothing_goes_on_from_have_a_cotangent_of_zeros():
    def first(x):
        return part(halves, x)[0]

    assert (chained(first)(X, np.ones((2, 2)))[0] == [[1, 1, 0], [1, 1, 0]]).all()


def test_several_outputs_take_a_tuple_of_cotangents():
    def both(x):
        one, other = part(halves, x)
        return other, part(reshape, one, shape=(4,))

    (dx,) = chained(both)(X, (np.full((2, 1), 7.0), np.arange(4.0)))
    assert (dx == [[0, 1, 7], [2, 3, 7]]).all()


def test_it_is_asked_for_the_first_arrays_alone_and_knows_the_keywords():
    vjp = chained(two_layers, wrt=1)
    assert len(vjp(X, W, V, None, G)) == 1
    assert list(inspect.signature(vjp).parameters) == ["x", "w", "v", "bias", "cotangent", "scale"]
    assert (vjp(X, W, V, None, G, scale=2.0)[0] == 2 * vjp(X, W, V, None, G)[0]).all()


def test_a_composition_that_raises_leaves_nothing_behind():
    with pytest.raises(ValueError, match="kernel"):
        chained(two_layers)(X, W[:2], V, None, G)
    assert (chained(two_layers)(X, W, V, None, G)[0] == G @ V.T @ W.T).all()


def halved_sum(x, y):
    one, _ = part(halves, part(add, x, y))
    return one


halved_sum_vjp = chained(halved_sum)


def test_a_composition_is_a_part_of_others():
    def outer(x):
        return part(halved_sum, part(add, x, x), x)

    assert (chained(outer)(X, np.ones((2, 2)))[0] == [[3, 3, 0], [3, 3, 0]]).all()
