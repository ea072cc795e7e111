"""Embedding: worked figures, laws and bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.constraints import max_norm, max_norm_vjp
from assay.reference.dense import dense, dense_vjp
from assay.reference.embedding import (
    embedding,
    embedding_bag,
    embedding_bag_vjp,
    embedding_vjp,
    multi_hot,
    multi_hot_vjp,
    one_hot,
    one_hot_vjp,
    renormed_embedding,
    renormed_embedding_vjp,
    tied_embedding,
    tied_embedding_vjp,
)

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


BAGS = np.array([[0, 2, 2], [1, 1, 0]])
COUNTS = np.array([[True, True, False], [False, False, False]])
WEIGHTS = np.array([[3.0, 4.0, 5.0], [1.0, 1.0, 2.0]])


@proves(embedding_bag, by="worked figures")
def test_bags_of_three_rows():
    assert_same(embedding_bag(BAGS, TABLE, mode="sum"), [[11, 14], [7, 10]])
    assert_same(embedding_bag(BAGS, TABLE, mode="max"), [[5, 6], [3, 4]])
    assert_same(embedding_bag(BAGS, TABLE, COUNTS), [[3, 4], [0, 0]])
    assert_same(embedding_bag(BAGS, TABLE, COUNTS, mode="max"), [[5, 6], [0, 0]])
    assert_same(embedding_bag(BAGS, TABLE, mode="sum", padding_index=2), [[1, 2], [7, 10]])
    assert_same(embedding_bag(BAGS, TABLE, mode="sum", padding_index=1), [[11, 14], [1, 2]])
    weighed = embedding_bag(BAGS, TABLE, COUNTS, WEIGHTS, mode="sum")
    assert_same(weighed, [[3 + 20, 6 + 24], [0, 0]])
    assert_same(embedding_bag(BAGS, TABLE, COUNTS, WEIGHTS, mode="sqrtn"), weighed / 5)
    assert_same(embedding_bag(BAGS[:1], TABLE, COUNTS[:1], WEIGHTS[:1]), carried(weighed[:1]) / 7)


@proves(embedding_bag_vjp, by="worked figures")
def test_the_gradients_of_bags_of_three_rows():
    g = np.array([[2.0, 4.0], [6.0, 9.0]])
    assert_same(embedding_bag_vjp(BAGS, TABLE, None, None, g, mode="sum")[0], [[8, 13], [12, 18], [4, 8]])
    assert_same(embedding_bag_vjp(BAGS, TABLE, None, None, g, mode="max")[0], [[0, 0], [6, 9], [2, 4]])
    assert_same(embedding_bag_vjp(BAGS, TABLE, COUNTS, None, g)[0], [[1, 2], [0, 0], [1, 2]])
    (scaled, _) = embedding_bag_vjp(BAGS, TABLE, None, None, g, mode="sum", by_frequency=True)
    assert_same(scaled, [[4, 6.5], [6, 9], [2, 4]])
    _, of_weights = embedding_bag_vjp(BAGS, TABLE, COUNTS, WEIGHTS, g, mode="sum")
    assert_same(of_weights, [[2 + 8, 10 + 24, 0], [0, 0, 0]])


@proves(embedding_bag, embedding_bag_vjp, embedding, embedding_vjp, by="law")
def test_a_bag_of_one_is_a_lookup():
    indices, g = np.array([[2], [0], [2]]), np.array([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]])
    for mode in ("sum", "mean", "sqrtn", "max"):
        assert_same(embedding_bag(indices, TABLE, mode=mode), embedding(indices, TABLE)[:, 0])
        (gradient, _) = embedding_bag_vjp(indices, TABLE, None, None, g, mode=mode)
        assert_same(gradient, embedding_vjp(indices[:, 0], TABLE, g)[0])


@proves(embedding_bag, by="law")
def test_what_does_not_count_may_as_well_not_be_there():
    table = carried(Stream("bags").normal((6, 4)))
    indices, counts = np.array([[1, 5, 3, 0]]), np.array([[True, False, True, False]])
    for mode in ("sum", "mean", "sqrtn", "max"):
        assert_same(
            embedding_bag(indices, table, counts, mode=mode), embedding_bag(indices[:, ::2], table, mode=mode)
        )


@proves(renormed_embedding, renormed_embedding_vjp, by="worked figures")
def test_rows_that_are_looked_up_are_shortened_in_the_table_and_learn_as_they_are_then():
    # Rows of lengths 5, 1 and 10, of which the last is not looked up and the first is, twice.
    table, indices = np.array([[3.0, 4.0], [1.0, 0.0], [6.0, 8.0]]), np.array([[0, 1, 0]])
    g = np.array([[[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]]])
    short = np.array([[1.5, 2.0], [1.0, 0.0], [6.0, 8.0]])
    y, after = renormed_embedding(indices, table, max_value=2.5)
    assert_same(y, short[indices])
    assert_same(after, short)
    assert_same(renormed_embedding_vjp(indices, table, g, max_value=2.5)[0], [[17, 34], [4, 8], [0, 0]])
    total, _ = renormed_embedding(indices, table, max_value=2.5, mode="sum")
    assert_same(total, [[4.0, 4.0]])
    (bag,) = renormed_embedding_vjp(indices, table, 3.0 * g[:, 0], max_value=2.5, mode="mean")
    assert_same(bag, [[2.0, 4.0], [1.0, 2.0], [0.0, 0.0]])


@proves(renormed_embedding, by="worked figures")
@pytest.mark.parametrize(("norm_type", "scale"), [(1, 0.5), (2, 0.7), (float("inf"), 0.875)])
def test_the_norm_of_a_row_has_a_degree(norm_type, scale):
    # Of (3, 4): 7, 5 and 4, to come down to 3.5.
    _, after = renormed_embedding(
        np.array([[0]]), np.array([[3.0, -4.0]]), max_value=3.5, norm_type=norm_type
    )
    assert_same(carried(after), [[3.0 * scale, -4.0 * scale]])


@proves(
    renormed_embedding, renormed_embedding_vjp, embedding, embedding_vjp, max_norm, max_norm_vjp, by="law"
)
def test_a_table_that_stays_is_a_max_norm_and_a_lookup():
    table, g = (carried(Stream(f"renormed/{n}").normal(s)) for n, s in (("t", (6, 4)), ("g", (2, 3, 4))))
    indices, options = np.array([[1, 5, 3], [1, 0, 1]]), {"max_value": 1.5}
    short = max_norm(table, axis=1, **options)
    y, after = renormed_embedding(indices, table, in_place=False, **options)
    assert_same((y, after), (embedding(indices, short), table))
    (gradient,) = renormed_embedding_vjp(indices, table, g, in_place=False, **options)
    assert_same(gradient, max_norm_vjp(table, embedding_vjp(indices, short, g)[0], axis=1, **options)[0])
    (given,) = renormed_embedding_vjp(indices, table, g, **options)
    assert_same(given, embedding_vjp(indices, short, g)[0])


@proves(multi_hot, one_hot, embedding_bag, by="law")
def test_counts_of_classes_are_bags_of_their_units():
    indices = np.array([[0, 2, 2], [1, 1, 0]])
    assert_same(
        1.0 * multi_hot(indices, depth=4, mode="count"), embedding_bag(indices, np.eye(4), mode="sum")
    )
    assert_same(1.0 * multi_hot(indices, depth=4), embedding_bag(indices, np.eye(4), mode="max"))
    assert_same(1.0 * one_hot(indices, depth=4), embedding(indices, np.eye(4)))


@proves(one_hot, multi_hot, by="worked figures")
def test_classes_are_counted_and_those_that_are_none_are_passed_over():
    indices = np.array([[0, 2, 2], [-1, 3, 1]])
    zeros = {"depth": 3, "out_of_range": "zeros"}
    assert_same(one_hot(indices, **zeros)[0], [[1, 0, 0], [0, 0, 1], [0, 0, 1]])
    assert_same(one_hot(indices, **zeros)[1], [[0, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert_same(one_hot(indices[0], axis=0, **zeros), [[1, 0, 0], [0, 0, 0], [0, 1, 1]])
    assert_same(multi_hot(indices, **zeros), [[1, 0, 1], [0, 1, 0]])
    assert_same(multi_hot(indices, mode="count", **zeros), [[1, 0, 2], [0, 1, 0]])
    assert one_hot(indices, **zeros).dtype.kind == multi_hot(indices, **zeros).dtype.kind == "i"
    assert one_hot_vjp(indices, indices, depth=3) == multi_hot_vjp(indices, indices, depth=3) == ()


@proves(tied_embedding, tied_embedding_vjp, dense, dense_vjp, by="law")
def test_scores_of_rows_are_a_dense_layer_with_the_table_turned():
    x, table, g = (
        carried(Stream(f"tied/{n}").normal(s)) for n, s in (("x", (2, 3)), ("t", (5, 3)), ("g", (2, 5)))
    )
    assert_same(tied_embedding(x, table), dense(x, table.T))
    assert_same(tied_embedding(x, None, table.T), dense(x, table.T))
    dx, dkernel, _ = dense_vjp(x, table.T, None, g)
    for given, expected in (((table, None), (dx, dkernel.T, None)), ((None, table.T), (dx, None, dkernel))):
        for got, wanted in zip(tied_embedding_vjp(x, *given, g), expected, strict=True):
            assert (got is None) == (wanted is None)
            if got is not None:
                assert_same(got, wanted)


@proves(tied_embedding, tied_embedding_vjp, by="high precision")
def test_a_soft_cap_is_a_hyperbolic_tangent():
    x, table = np.array([[1.0]]), np.array([[0.25], [2.0]])
    y = tied_embedding(carried(x), carried(table), soft_cap=0.5)
    tangents = [mpmath.tanh(mpmath.mpf(1) / 2), mpmath.tanh(4)]
    assert_same(y, [[tangent / 2 for tangent in tangents]])
    dx, _, _ = tied_embedding_vjp(carried(x), carried(table), None, carried(np.ones((1, 2))), soft_cap=0.5)
    slopes = [1 - tangent**2 for tangent in tangents]
    assert_same(dx, [[slopes[0] / 4 + slopes[1] * 2]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: embedding_bag(BAGS, np.zeros(3)), "table must have the axes"),
        (lambda: embedding_bag(BAGS[0], TABLE), "indices must have the axes"),
        (lambda: embedding_bag(BAGS + 1, TABLE), r"indices must lie between 0 and 2; got \[3, 3\]"),
        (lambda: embedding_bag(BAGS - 1, TABLE), "indices must lie between 0 and 2"),
        (lambda: embedding_bag(BAGS, TABLE, mode="median"), "mode must be one of sum, mean, sqrtn, max"),
        (lambda: embedding_bag(BAGS, TABLE, None, WEIGHTS, mode="max"), "no weights of a maximum"),
        (lambda: embedding_bag(BAGS, TABLE, None, WEIGHTS[0]), "weights must have shape"),
        (lambda: embedding_bag(BAGS, TABLE, COUNTS[0]), "mask must have shape"),
        (lambda: renormed_embedding(BAGS, TABLE, max_value=0), "max_value must be positive; got 0"),
        (lambda: renormed_embedding(BAGS, TABLE, max_value=1, norm_type=3), "norm_type must be 1, 2 or inf"),
        (lambda: renormed_embedding(BAGS, TABLE, max_value=1, mode="max"), "mode must be rows, sum or mean"),
        (
            lambda: renormed_embedding(BAGS, TABLE, max_value=1, norm_type=1, in_place=False),
            "norm_type must be 2 of a table that stays",
        ),
        (lambda: tied_embedding(TABLE), "a table, or a kernel in its place"),
        (lambda: tied_embedding(TABLE, TABLE, TABLE.T), "a table, or a kernel in its place"),
        (lambda: tied_embedding(TABLE, TABLE[:, :1]), "the features must have shape"),
        (lambda: one_hot(BAGS, depth=2), r"indices must lie between 0 and 1; got \[2, 2\]"),
        (lambda: multi_hot(BAGS, depth=3, mode="sum"), "mode must be present or count; got 'sum'"),
        (lambda: multi_hot(BAGS[0], depth=3), "indices must have the axes"),
    ],
)
def test_bags_tables_and_classes_refuse_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
