"""Merging: worked figures of every operation, and the laws that hold between them."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.merging import (
    OPERATIONS,
    concatenate,
    concatenate_vjp,
    dot_merge,
    dot_merge_vjp,
    masked_merge,
    masked_merge_vjp,
    merge,
    merge_vjp,
)

X, Y, G = (Stream(f"merging/{name}").normal((3, 4)) for name in "xyg")

FIGURES = [
    ("add", [2.0, 8.0, 1.5], [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
    ("multiply", [-6.0, 18.0, 0.125], [[-2.0, 9.0, 0.25], [-6.0, 6.0, 0.25], [3.0, 6.0, 0.25]]),
    ("average", [2.0 / 3.0, 8.0 / 3.0, 0.5], np.full((3, 3), 1.0 / 3.0)),
    ("maximum", [3.0, 3.0, 0.5], [[1.0, 0.0, 0.25], [0.0, 0.5, 0.25], [0.0, 0.5, 0.5]]),
    ("minimum", [-2.0, 2.0, 0.5], [[0.0, 1.0, 0.25], [0.0, 0.0, 0.25], [1.0, 0.0, 0.5]]),
]
ARRAYS = np.array([[3.0, 2.0, 0.5], [1.0, 3.0, 0.5], [-2.0, 3.0, 0.5]])


@proves(merge, merge_vjp, by="worked figures")
@pytest.mark.parametrize(("operation", "wanted", "gradients"), FIGURES)
def test_three_arrays_of_worked_figures(operation, wanted, gradients):
    arrays = [carried(array) for array in ARRAYS]
    assert_same(merge(*arrays, operation=operation), carried(np.array(wanted)))
    assert_same(merge_vjp(*arrays, np.ones(3), operation=operation), tuple(carried(np.array(gradients))))


@proves(merge, merge_vjp, by="law")
def test_the_difference_of_the_extremes_is_the_distance():
    x, y = carried(X), carried(Y)
    greatest, least = merge(x, y, operation="maximum"), merge(x, y, operation="minimum")
    assert_same(greatest - least, np.abs(merge(x, y, operation="subtract")))
    assert_same(greatest + least, merge(x, y))
    of_both = (merge_vjp(x, y, None, G, operation=each)[0] for each in ("maximum", "minimum"))
    assert_same(sum(of_both), merge_vjp(x, y, None, G)[0])


@proves(merge_vjp, by="law")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_gradient_of_one_element_that_stands_for_many_is_the_sum(operation):
    x, one = carried(X), carried(Y[:, :1])
    narrow = merge_vjp(x, one, None, carried(G), operation=operation)[1]
    wide = merge_vjp(x, np.broadcast_to(one, X.shape), None, carried(G), operation=operation)[1]
    assert_same(narrow, np.sum(wide, axis=-1, keepdims=True))


@pytest.mark.parametrize(("tie", "shares"), [("split", (0.5, 0.5)), ("first", (1.0, 0.0))])
@pytest.mark.parametrize(
    ("nan", "unknown"), [("both", (1.0, 1.0)), ("neither", (0.0, 0.0)), ("second", (0.0, 1.0))]
)
def test_the_gradient_of_a_tie_and_of_nan_is_whose_it_is_said_to_be(tie, shares, nan, unknown):
    x, y = np.array([2.0, np.nan, 1.0]), np.array([2.0, 1.0, np.nan])
    found = merge_vjp(x, y, None, np.ones(3), operation="maximum", tie_gradient=tie, nan_gradient=nan)
    assert [list(each) for each in found[:2]] == [
        [share, lost, lost] for share, lost in zip(shares, unknown, strict=True)
    ]
    assert found[2] is None


def test_a_mean_does_not_overflow_where_its_sum_would():
    assert merge(np.array([1.5e308]), np.array([1.5e308]), operation="average") == 1.5e308


@proves(concatenate, concatenate_vjp, by="worked figures")
def test_arrays_of_worked_figures_one_after_the_other():
    x, y, nothing = np.array([[1.0, 2.0]]), np.array([[3.0]]), np.zeros((1, 0))
    assert_same(concatenate(x, y), [[1.0, 2.0, 3.0]])
    assert_same(concatenate(x, nothing, y), [[1.0, 2.0, 3.0]])
    first, second, third = concatenate_vjp(x, nothing, y, np.array([[4.0, 5.0, 6.0]]))
    assert_same((first, third), ([[4.0, 5.0]], [[6.0]]))
    assert second.shape == (1, 0)


@proves(concatenate, concatenate_vjp, by="law")
def test_joined_rows_are_joined_columns_of_the_transposed_arrays():
    assert_same(concatenate(X, Y, axis=0), concatenate(X.T, Y.T).T)
    cotangent = np.concatenate([G, X], axis=0)
    of_x, of_y, _ = concatenate_vjp(X, Y, None, cotangent, axis=0)
    assert_same((of_x, of_y), (G, X))


@proves(dot_merge, dot_merge_vjp, by="worked figures")
def test_products_and_cosines_of_worked_figures():
    x, y = np.array([[[3.0, 4.0], [0.0, 0.0]]]), np.array([[[8.0, 6.0], [5.0, 0.0]]])
    assert_same(dot_merge(x, y), [[[48.0, 15.0], [0.0, 0.0]]])
    assert_same(dot_merge(carried(x), carried(y), normalize=True), [[[0.96, 0.6], [0.0, 0.0]]])
    of_x, of_y = dot_merge_vjp(x, y, np.array([[[1.0, 2.0], [0.0, 4.0]]]))
    assert_same((of_x, of_y), ([[[18.0, 6.0], [20.0, 0.0]]], [[[3.0, 4.0], [6.0, 8.0]]]))
    held, _ = dot_merge_vjp(x, y, np.array([[[0.0, 0.0], [0.0, 1e-7]]]), normalize=True)
    assert_same(held, [[[0.0, 0.0], [1.0, 0.0]]])


@proves(dot_merge, dot_merge_vjp, by="law")
def test_no_length_of_a_row_changes_a_cosine():
    x, y = carried(np.stack([X, G])), carried(np.stack([Y, X]))
    cosines = dot_merge(x, y, normalize=True)
    assert_same(dot_merge(4.0 * x, y, normalize=True), cosines)
    of_x, _ = dot_merge_vjp(x, y, np.ones(cosines.shape), normalize=True)
    assert_same(np.sum(of_x * x, axis=-1), 0.0, size=np.max(np.abs(of_x.value)))
    transposed = dot_merge(np.swapaxes(np.stack([X, G]), 1, 2), np.stack([Y, X]), axes=(1, 2))
    assert_same(transposed, dot_merge(np.stack([X, G]), np.stack([Y, X])))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: merge(X, Y, operation="divide"), "operation must be one of add, .*; got 'divide'"),
        (lambda: merge(X, X, X, operation="subtract"), "'subtract' takes two arrays"),
        (lambda: merge(X, Y[:2]), r"y must have the shape \(3, 4\) of x, or 1 in places; got \(2, 4\)"),
        (lambda: concatenate(X, Y[:2]), r"y must have the shape \(3, 4\) of x but for axis -1; got \(2, 4\)"),
        (lambda: dot_merge(X[None], Y[None], axes=(1, 2)), "as many features; got 3 and 4"),
        (lambda: concatenate(X, Y, axis=2), "axis must be an axis of an array"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


MASKS = [np.array([[True, True, False]]), np.array([[True, False, False]])]
PADDED = [np.array([[[3.0], [2.0], [9.0]]]), np.array([[[5.0], [7.0], [8.0]]])]


@proves(masked_merge, masked_merge_vjp, by="worked figures")
@pytest.mark.parametrize(
    ("operation", "wanted", "with_zeros", "gradients"),
    [
        ("add", [8.0, 2.0, 0.0], [8.0, 2.0, 0.0], ([1.0, 1.0], 1.0)),
        ("average", [4.0, 2.0, 0.0], [4.0, 1.0, 0.0], ([0.5, 1.0], 0.5)),
        ("multiply", [15.0, 2.0, 0.0], [15.0, 0.0, 0.0], ([5.0, 1.0], 3.0)),
        ("maximum", [5.0, 2.0, 0.0], [5.0, 2.0, 0.0], ([0.0, 1.0], 1.0)),
        ("minimum", [3.0, 2.0, 0.0], [3.0, 0.0, 0.0], ([1.0, 1.0], 0.0)),
    ],
)
def test_padding_is_left_out_or_merged_as_zeros(operation, wanted, with_zeros, gradients):
    given = (*PADDED, None, *MASKS, None)
    assert_same(masked_merge(*given, operation=operation)[0, :, 0], wanted)
    assert_same(masked_merge(*given, operation=operation, excluded="zero")[0, :, 0], with_zeros)
    of_x, of_y, _ = masked_merge_vjp(*given, np.ones((1, 3, 1)), operation=operation)
    assert_same(of_x[0, :, 0], [*gradients[0], 0.0])
    assert_same(of_y[0, :, 0], [gradients[1], 0.0, 0.0])


@proves(masked_merge, masked_merge_vjp, by="law")
@pytest.mark.parametrize("operation", ["add", "average", "multiply", "maximum", "minimum"])
def test_where_all_steps_count_masks_make_no_difference(operation):
    arrays = [carried(Stream(f"merging/masked/{name}").normal((2, 3, 4))) for name in "xyzg"]
    everywhere = [np.ones((2, 3), bool)] * 3
    assert_same(
        masked_merge(*arrays[:3], *everywhere, operation=operation), merge(*arrays[:3], operation=operation)
    )
    found = masked_merge_vjp(*arrays[:3], *everywhere, arrays[3], operation=operation)
    assert_same(found, merge_vjp(*arrays, operation=operation))
