"""Dropout: worked figures, laws, what the mask can be read off, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, proves

from assay.numerics.generator import Stream
from assay.reference.dropout import dropout, dropout_vjp
from assay.specs.dropout import read_mask

X = np.array([[1.0, -2.0, 3.0], [np.inf, 5.0, np.nan]])
MASK = np.array([[True, False, True], [False, True, False]])


@proves(dropout, dropout_vjp, by="worked figures")
def test_survivors_are_scaled_and_the_rest_is_zero():
    assert_same(dropout(X, MASK, rate=0.75), [[4.0, 0.0, 12.0], [0.0, 20.0, 0.0]])
    assert_same(dropout_vjp(X, MASK, np.ones((2, 3)), rate=0.75)[0], 4.0 * MASK)


def test_a_product_leaves_nan_where_the_dropped_element_is_not_finite():
    with np.errstate(invalid="ignore"):
        y = dropout(X, MASK, rate=0.75, dropped="product")
    assert_same(y, [[4.0, 0.0, 12.0], [np.nan, 20.0, np.nan]])


@proves(dropout, dropout_vjp, by="law")
def test_inference_and_rate_zero_are_the_identity_in_value_and_gradient():
    g = Stream("dropout/g").normal((2, 3))
    for options in ({"training": False}, {"rate": 0.0}):
        assert_same(dropout(X, **options), X)
        assert_same(dropout_vjp(X, None, g, **options)[0], g)


@proves(dropout, dropout_vjp, by="law")
def test_rate_one_drops_everything_in_value_and_gradient():
    assert_same(dropout(X, rate=1.0), np.zeros((2, 3)))
    assert_same(dropout_vjp(X, None, X, rate=1.0)[0], np.zeros((2, 3)))


@proves(dropout, by="law")
def test_the_expectation_over_all_masks_is_the_input():
    x = np.array([[1.0, -2.0]])
    masks = [np.array([[a, b]]) for a in (True, False) for b in (True, False)]
    weights = [0.25 ** m.sum() * 0.75 ** (2 - m.sum()) for m in masks]
    mean = sum(w * dropout(x, m, rate=0.75) for w, m in zip(weights, masks, strict=True))
    assert_same(mean, x)


@proves(dropout, by="worked figures")
def test_a_mask_of_length_one_is_shared_along_the_axis():
    x = np.ones((2, 3, 2))
    y = dropout(x, np.array([[[True, False]], [[False, False]]]), rate=0.5)
    assert_same(y[0], [[2.0, 0.0]] * 3)
    assert_same(y[1], np.zeros((3, 2)))


@pytest.mark.parametrize("dropped", ["zero", "product"])
def test_the_mask_is_read_off_the_outputs(dropped):
    x = np.where(np.isnan(X), 7.0, X)
    with np.errstate(invalid="ignore"):
        y = dropout(x, MASK, rate=0.25, dropped=dropped)
    assert_same(read_mask({"x": x}, [(y,)])["mask"], MASK)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"rate must be a probability between 0 and 1; got 1\.5"):
        dropout(X, MASK, rate=1.5)
    with pytest.raises(ValueError, match=r"mask must be given at rate 0\.5 in training"):
        dropout(X)
    with pytest.raises(ValueError, match=r"mask must have the axes of x, \(2, 3\)"):
        dropout(X, MASK[:, :2])
