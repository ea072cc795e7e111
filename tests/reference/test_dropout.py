"""Dropout: worked figures, laws, what the mask can be read off, and bad input."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.activations import SELU_SATURATION
from assay.reference.dropout import (
    alpha_dropout,
    alpha_dropout_vjp,
    dropout,
    dropout_by_feature,
    dropout_by_feature_vjp,
    dropout_vjp,
    gaussian_dropout,
    gaussian_dropout_vjp,
    gaussian_noise,
    gaussian_noise_vjp,
)
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


def test_a_mask_shared_over_the_batch_multiplies_the_variance_of_a_gradient():
    """The gradient of w in the sum of w · dropout(x) over a batch, by the enumeration of all masks."""
    x = np.array([[1.0], [1.0], [1.0]])

    def variance(masks):
        found = [dropout(x, mask, rate=0.5).sum() for mask in masks]
        return np.var(found)

    own = [np.array(bits)[:, None] for bits in itertools.product((True, False), repeat=3)]
    shared = [np.array([[bit]]) for bit in (True, False)]
    assert_same(variance(own), 3.0)
    assert_same(variance(shared), 9.0)


@pytest.mark.parametrize("dropped", ["zero", "product"])
def test_the_mask_is_read_off_the_outputs(dropped):
    x = np.where(np.isnan(X), 7.0, X)
    with np.errstate(invalid="ignore"):
        y = dropout(x, MASK, rate=0.25, dropped=dropped)
    assert_same(read_mask({"x": x, "mask": MASK}, [(y,)])["mask"], MASK)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"rate must be a probability between 0 and 1; got 1\.5"):
        dropout(X, MASK, rate=1.5)
    with pytest.raises(ValueError, match=r"mask must be given at rate 0\.5 in training"):
        dropout(X)
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 3\)"):
        dropout(X, MASK[:, :2])


# --- rates of their own ---

ROWS, ROW_MASK = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([[True, False], [False, True]])
RATES = np.array([0.5, 0.75])


@proves(dropout_by_feature, dropout_by_feature_vjp, by="worked figures")
def test_features_without_a_rate_are_left_alone():
    assert_same(dropout_by_feature(ROWS, RATES, ROW_MASK), [[2.0, 0.0, 3.0], [0.0, 20.0, 6.0]])
    (gradient,) = dropout_by_feature_vjp(ROWS, RATES, ROW_MASK, np.ones((2, 3)))
    assert_same(gradient, [[2.0, 0.0, 1.0], [0.0, 4.0, 1.0]])


@proves(dropout_by_feature, dropout_by_feature_vjp, by="law")
def test_equal_rates_for_all_features_are_plain_dropout():
    mask = Stream("by_feature").uniform(ROWS.shape) < 0.75
    rates = np.full(3, 0.25)
    assert_same(dropout_by_feature(ROWS, rates, mask), dropout(ROWS, mask, rate=0.25))
    plain = dropout_vjp(ROWS, mask, ROWS, rate=0.25)
    assert_same(dropout_by_feature_vjp(ROWS, rates, mask, ROWS), plain)


def test_rates_and_masks_must_fit():
    with pytest.raises(ValueError, match=r"rates must be at most as many as features 3; got 4"):
        dropout_by_feature(ROWS, np.full(4, 0.5), ROW_MASK)
    with pytest.raises(ValueError, match=r"mask must have shape \(2, 2\) = \(batch, dropping\)"):
        dropout_by_feature(ROWS, RATES, ROW_MASK[:1])


# --- noise ---


@proves(gaussian_noise, gaussian_noise_vjp, gaussian_dropout, gaussian_dropout_vjp, by="worked figures")
def test_noise_is_added_or_multiplied():
    x, z, g = np.array([4.0, 2.0]), np.array([1.0, -0.5]), np.array([3.0, -1.0])
    assert_same(gaussian_noise(x, z, stddev=0.5), [4.5, 1.75])
    assert_same(gaussian_noise_vjp(x, z, g)[0], g)
    assert_same(gaussian_dropout(x, z, rate=0.8), [12.0, 0.0])
    assert_same(gaussian_dropout_vjp(x, z, g, rate=0.8)[0], [9.0, 0.0])


@proves(gaussian_dropout, gaussian_dropout_vjp, by="law")
def test_gaussian_dropout_has_the_mean_and_the_variance_of_dropout():
    x, rate = carried(np.array([3.0, -0.5])), 0.2
    signs = [np.full(2, sign) for sign in (1.0, -1.0)]
    (up, down), masks = (gaussian_dropout(x, z, rate=rate) for z in signs), [signs[0] > 0, signs[1] > 0]
    kept, lost = (dropout(x, mask, rate=rate) for mask in masks)
    assert_same((up + down) / 2, (1 - rate) * kept + rate * lost)
    spread = (1 - rate) * np.square(kept - x) + rate * np.square(lost - x)
    assert_same((np.square(up - x) + np.square(down - x)) / 2, spread)
    g = carried(np.array([1.0, 2.0]))
    assert_same(gaussian_dropout_vjp(x, signs[0], g, rate=rate)[0], gaussian_dropout(g, signs[0], rate=rate))


@proves(gaussian_noise, gaussian_noise_vjp, by="law")
def test_two_noises_add_up_to_one():
    x, one, two = (carried(Stream(f"noise/{n}").normal((3, 2))) for n in range(3))
    twice = gaussian_noise(gaussian_noise(x, one, stddev=0.3), two, stddev=0.4)
    assert_same(twice, gaussian_noise(x, 0.6 * one + 0.8 * two, stddev=0.5))
    assert_same(gaussian_noise_vjp(x, one, *gaussian_noise_vjp(x, two, one))[0], one)


@proves(gaussian_noise, gaussian_dropout, gaussian_dropout_vjp, alpha_dropout, alpha_dropout_vjp, by="law")
def test_noise_is_gone_at_inference_and_where_there_is_none():
    for layer in (gaussian_dropout, alpha_dropout):
        for options in ({"training": False}, {"rate": 0.0}):
            assert_same(layer(X, **options), X)
    for options in ({"training": False}, {"stddev": 0.0}):
        assert_same(gaussian_noise(X, **options), X)
    for vjp in (gaussian_dropout_vjp, alpha_dropout_vjp):
        assert_same(vjp(X, None, X, training=False)[0], X)


@proves(alpha_dropout, by="high precision")
def test_alpha_dropout_has_the_constants_of_selu():
    with mpmath.workdps(40):
        root2, half = mpmath.sqrt(2), mpmath.mpf("0.5")
        tail = mpmath.erfc(1 / root2) * mpmath.e**half
        alpha = -mpmath.sqrt(2 / mpmath.pi) / (tail - 1)
        scale = (1 - mpmath.erfc(1 / root2) * mpmath.sqrt(mpmath.e)) * mpmath.sqrt(2 * mpmath.pi)
        scale /= mpmath.sqrt(
            2 * mpmath.erfc(root2) * mpmath.e**2
            + mpmath.pi * mpmath.erfc(1 / root2) ** 2 * mpmath.e
            - 2 * (2 + mpmath.pi) * mpmath.erfc(1 / root2) * mpmath.sqrt(mpmath.e)
            + mpmath.pi
            + 2
        )
        wanted = -alpha * scale
        rate = mpmath.mpf("0.25")
        a = 1 / mpmath.sqrt((1 - rate) * (1 + rate * wanted**2))
        y = [a * 2 - a * rate * wanted, a * wanted - a * rate * wanted]
    assert float(wanted) == SELU_SATURATION
    mask = np.array([True, False])
    assert_same(alpha_dropout(carried(np.array([2.0, 2.0])), mask, rate=0.25), y)


@proves(alpha_dropout, alpha_dropout_vjp, by="law")
def test_alpha_dropout_preserves_mean_0_and_variance_1():
    rate, x = 0.3, carried(np.array([1.0, -1.0]))
    kept, lost = (alpha_dropout(x, np.full(2, state), rate=rate) for state in (True, False))
    mean = (1 - rate) * np.sum(kept) / 2 + rate * np.sum(lost) / 2
    assert_same(1 + mean, carried(np.array(1.0)))
    square = (1 - rate) * np.sum(np.square(kept)) / 2 + rate * np.sum(np.square(lost)) / 2
    assert_same(square, carried(np.array(1.0)))
    (slope,) = alpha_dropout_vjp(x, np.array([True, False]), x * x, rate=rate)
    assert_same(slope, np.stack([(kept[0] - kept[1]) / 2, 0 * x[0]]))


@proves(alpha_dropout, alpha_dropout_vjp, by="law")
def test_alpha_dropout_tends_to_zero_at_rate_one():
    none = np.zeros((2, 3), bool)
    nearly = [np.abs(alpha_dropout(ROWS, none, rate=1 - 4.0**-n)).max() for n in range(1, 9)]
    assert all(later < 0.6 * earlier for earlier, later in itertools.pairwise(nearly))
    assert_same(alpha_dropout(ROWS, rate=1.0), np.zeros((2, 3)))
    assert_same(alpha_dropout_vjp(ROWS, None, ROWS, rate=1.0)[0], np.zeros((2, 3)))


def test_noise_that_is_missing_or_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="noise must be given in training"):
        gaussian_noise(ROWS)
    with pytest.raises(ValueError, match=r"noise must have shape \(2, 3\)"):
        gaussian_dropout(ROWS, ROWS[:1])
    with pytest.raises(ValueError, match=r"stddev must not be negative; got -1"):
        gaussian_noise(ROWS, ROWS, stddev=-1)
    with pytest.raises(ValueError, match=r"rate must be at least 0 and below 1; got 1\.0"):
        gaussian_dropout(ROWS, ROWS, rate=1.0)
