"""Embedding: worked figures, laws and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.dense import dense, dense_vjp
from assay.reference.embedding import embedding, embedding_vjp

TABLE = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


@proves(embedding_vjp, by="worked figures")
def test_repeated_indices_add_up_their_gradients():
    (gradient,) = embedding_vjp(np.array([2, 0, 2]), TABLE, np.array([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]]))
    assert_same(gradient, [[4.0, 8.0], [0.0, 0.0], [17.0, 34.0]])


@proves(embedding, embedding_vjp, by="worked figures")
def test_the_padding_row_is_looked_up_but_gets_no_gradient():
    indices, g = np.array([2, 0, 2]), np.ones((3, 2))
    (gradient,) = embedding_vjp(indices, TABLE, g, padding_index=2)
    assert_same(embedding(indices, TABLE), TABLE[[2, 0, 2]])
    assert_same(gradient, [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])


@proves(embedding, embedding_vjp, by="worked figures")
def test_a_padding_row_that_is_read_as_zeros_gets_no_gradient_either():
    indices, g = np.array([2, 0, -1]), np.ones((3, 2))
    rule = {"negative": "wrap", "padding_index": 2}
    assert_same(embedding(indices, TABLE, padding="zeroed", **rule), [[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    assert_same(embedding(indices, TABLE, **rule), [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]])
    assert_same(embedding_vjp(indices, TABLE, g, **rule)[0], [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])


@proves(embedding, embedding_vjp, by="naive loop")
@pytest.mark.parametrize(
    ("out_of_range", "negative", "rows"),
    [
        ("clamp", "out_of_range", [0, 0, 1, 2, 2]),
        ("clamp", "wrap", [0, 2, 1, 2, 2]),
        ("nan", "out_of_range", [None, None, 1, None, None]),
        ("nan", "wrap", [None, 2, 1, None, None]),
        ("zero", "wrap", [None, 2, 1, None, None]),
        ("modulo", "wrap", [2, 2, 1, 0, 0]),
    ],
)
def test_an_index_that_is_no_row_follows_the_rule_in_value_and_gradient(out_of_range, negative, rows):
    indices, g = np.array([-4, -1, 1, 3, 9]), np.array([[1.0], [2.0], [4.0], [8.0], [16.0]])
    rule = {"out_of_range": out_of_range, "negative": negative}
    wanted, gradient = np.full((5, 1), 0.0 if out_of_range == "zero" else np.nan), np.zeros((3, 1))
    for place, row in enumerate(rows):
        if row is not None:
            wanted[place] = TABLE[row, :1]
            gradient[row] += g[place]
    assert_same(embedding(indices, TABLE[:, :1], **rule), wanted)
    assert_same(embedding_vjp(indices, TABLE[:, :1], g, **rule)[0], gradient)


@proves(embedding, embedding_vjp, dense, dense_vjp, by="law")
def test_lookup_is_a_dense_layer_on_one_hot_rows():
    indices = np.array([[1, 0, 2], [2, 2, 1]])
    one_hot = np.eye(3)[indices]
    g = Stream("embedding/g").normal((2, 3, 2))
    assert_same(embedding(indices, TABLE), dense(one_hot, TABLE))
    (gradient,) = embedding_vjp(indices, TABLE, carried(g))
    other = dense_vjp(one_hot, TABLE, None, carried(g))[1]
    assert_same(gradient, other)


def test_lookup_moves_bits_and_adds_no_error():
    assert embedding(np.array([2, 0]), carried(TABLE / 3.0)).exact


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"indices must lie between 0 and 2; got \[3, -1\]"):
        embedding(np.array([0, 3, -1]), TABLE)
    with pytest.raises(ValueError, match=r"table must have the axes \(rows, features\); got shape \(3,\)"):
        embedding(np.array([0]), TABLE[:, 0])
