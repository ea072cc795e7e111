"""Convolutions that pad with copies: figures by hand, loops over every element, laws, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.convolution_padded import padded_conv, padded_conv_vjp

ONES = {"strides": (1, 1, 1), "dilation": (1, 1, 1)}


def integers(name, *shape):
    return Stream(f"padded/{name}").integers(-9, 10, shape).astype(np.float64)


@proves(padded_conv, by="worked figures")
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("reflect", [212, 321, 432, 343]),
        ("circular", [214, 321, 432, 143]),
        ("replicate", [211, 321, 432, 443]),
    ],
)
def test_a_window_of_three_digits_shows_what_stands_beside_four(mode, expected):
    x, kernel = np.reshape([1.0, 2, 3, 4], (1, 4, 1)), np.reshape([1.0, 10, 100], (3, 1, 1))
    assert_same(padded_conv(x, kernel, widths="same", mode=mode, **ONES).ravel(), expected)


@proves(padded_conv, by="naive loop")
@pytest.mark.parametrize(
    ("mode", "named"), [("reflect", "reflect"), ("circular", "wrap"), ("replicate", "edge")]
)
@pytest.mark.parametrize(("strides", "dilation"), [((1, 1), (1, 1)), ((2, 1), (2, 1))])
def test_each_place_is_a_sum_over_its_window(mode, named, strides, dilation):
    x, kernel, bias = integers("x", 2, 6, 5, 2), integers("kernel", 3, 2, 2, 3), integers("bias", 3)
    whole = np.pad(x, ((0, 0), (1, 1), (2, 2), (0, 0)), mode=named)
    places = [
        (n - (k - 1) * d - 1) // s + 1 for n, k, d, s in zip((8, 9), (3, 2), dilation, strides, strict=True)
    ]
    expected = np.zeros((2, *places, 3))
    for b, i, j, f, s, t, c in np.ndindex(2, *places, 3, 3, 2, 2):
        row, column = i * strides[0] + s * dilation[0], j * strides[1] + t * dilation[1]
        expected[b, i, j, f] += whole[b, row, column, c] * kernel[s, t, c, f]
    options = {"widths": ((1, 1), (2, 2)), "mode": mode, "strides": strides, "dilation": dilation}
    assert_same(padded_conv(x, kernel, bias, **options), expected + bias)


@proves(padded_conv_vjp, by="law")
@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate"])
def test_a_convolution_is_linear_in_what_it_pads_and_in_its_kernel(mode):
    x, kernel = carried(integers("x", 1, 5, 4, 2)), carried(integers("kernel", 2, 3, 2, 3))
    options = ONES | {"widths": "same", "mode": mode}
    y = padded_conv(x, kernel, **options)
    g = carried(integers("g", *y.shape))
    of_x, of_kernel, of_bias = padded_conv_vjp(x, kernel, None, None, g, **options)
    assert of_bias is None
    assert_same((np.sum(x * of_x), np.sum(kernel * of_kernel)), (np.sum(g * y), np.sum(g * y)))


@proves(padded_conv, by="law")
def test_what_goes_round_is_moved_by_moving_it():
    x, kernel = integers("x", 1, 7, 2), integers("kernel", 3, 2, 4)
    options = ONES | {"widths": "same", "mode": "circular"}
    moved = padded_conv(np.roll(x, 2, axis=1), kernel, **options)
    assert_same(moved, np.roll(padded_conv(x, kernel, **options), 2, axis=1))


@proves(padded_conv, padded_conv_vjp, by="law")
def test_weights_that_a_mask_leaves_out_are_zeros_that_do_not_learn():
    x, kernel, mask = integers("x", 1, 5, 2), integers("kernel", 3, 2, 4), integers("mask", 3, 2, 4) > 0
    options = ONES | {"widths": "same", "mode": "reflect"}
    y = padded_conv(x, kernel, None, mask, **options)
    assert_same(y, padded_conv(x, kernel * mask, **options))
    g = integers("g", *y.shape)
    of_x, of_kernel, _ = padded_conv_vjp(x, kernel, None, mask, g, **options)
    other, all_of_it, _ = padded_conv_vjp(x, kernel * mask, None, None, g, **options)
    assert_same((of_x, of_kernel), (other, all_of_it * mask))


@pytest.mark.parametrize(
    ("kernel", "widths", "message"),
    [
        ((3, 2), "same", "kernel must have 3 axes"),
        ((3, 1, 2), ((4, 4),), "widths must be at most 3"),
        ((9, 1, 2), ((1, 1),), "must fit"),
    ],
)
def test_what_does_not_fit_is_refused(kernel, widths, message):
    with pytest.raises(ValueError, match=message):
        padded_conv(np.ones((1, 4, 1)), np.ones(kernel), widths=widths, mode="reflect", **ONES)
