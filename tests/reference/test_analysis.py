"""Ranges of outputs: worked figures, exact ranges by enumeration in fractions, laws and bad input."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.activations import relu
from assay.reference.analysis import (
    conv_output_range,
    conv_output_range_vjp,
    output_range,
    output_range_vjp,
)
from assay.reference.convolution import conv
from assay.reference.dense import dense

UNIT = np.zeros((1, 2)), np.ones((1, 2))


def normal(name, *shape):
    return Stream(f"analysis/{name}").normal(shape)


def positive(name, *shape):
    return 0.5 + Stream(f"analysis/{name}").uniform(shape)


def integers(name, *shape):
    return Stream(f"analysis/{name}").integers(-9, 10, shape).astype(np.float64)


@proves(output_range, by="worked figures")
@pytest.mark.parametrize(
    ("kernels", "lower", "upper"),
    [
        (([[1.0], [1.0]],), 0.0, 2.0),
        (([[-0.5], [1.0]],), -0.5, 1.0),
        ((np.ones((2, 2)), np.ones((2, 1))), 0.0, 4.0),
        (([[1.0, -1.0], [0.0, 0.0]], np.ones((2, 1))), 0.0, 1.0),
    ],
)
def test_ranges_of_worked_figures(kernels, lower, upper):
    kernel, second = map(np.asarray, (*kernels, None)[:2]) if len(kernels) > 1 else (np.array(*kernels), None)
    assert_same(output_range(*UNIT, kernel, None, second), (np.array([[lower]]), np.array([[upper]])))


@proves(output_range, by="worked figures")
def test_hidden_units_that_cancel_are_exact_without_an_activation_and_sound_with_one():
    kernel, second = np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[1.0], [-1.0]])
    zero = np.zeros((1, 1))
    assert_same(output_range(*UNIT, kernel, None, second, activation="linear"), (zero, zero))
    assert_same(output_range(*UNIT, kernel, None, second), (zero - 1, zero + 1))


@proves(output_range_vjp, by="worked figures")
def test_gradients_of_worked_figures():
    kernel, g = np.array([[-0.5], [1.0]]), (np.array([[1.0]]), np.array([[10.0]]))
    low, width = np.array([[2.0, 3.0]]), np.array([[4.0, 5.0]])
    dlow, dwidth, dkernel, dbias, *_ = output_range_vjp(low, width, kernel, np.zeros(1), None, None, g)
    assert_same((dlow, dwidth), (np.array([[-5.5, 11.0]]), np.array([[-0.5, 10.0]])))
    assert_same(dkernel, [[26.0], [83.0]])
    assert_same(dbias, [11.0])


# --- exact ranges by enumeration ---


def exactly(array):
    return np.vectorize(Fraction, otypes=[object])(array)


def corners(low, width):
    for ends in itertools.product((0, 1), repeat=low.size):
        yield low + width * np.reshape(ends, low.shape)


def crossings(low, width, kernel, bias):
    """Points of a box in the plane at which the extremes of a network with one hidden layer must lie.

    Such a network is linear between the lines on which a hidden unit is zero; a linear function on a polygon
    is extreme in its vertices, where two of these lines and of the sides of the box meet.
    """
    sides = [
        (np.array(n, object), v) for n, x in (((1, 0), 0), ((0, 1), 1)) for v in (low[x], low[x] + width[x])
    ]
    lines = [*sides, *((kernel[:, unit], -bias[unit]) for unit in range(len(bias)))]
    for (a, p), (b, q) in itertools.combinations(lines, 2):
        determinant = a[0] * b[1] - a[1] * b[0]
        if determinant:
            point = np.array([p * b[1] - q * a[1], a[0] * q - b[0] * p], object) / determinant
            if ((low <= point) & (point <= low + width)).all():
                yield point


@proves(output_range, by="naive loop")
def test_one_layer_reaches_both_ends_of_its_range_in_corners_of_the_box():
    low, width, kernel, bias = (
        normal("low", 3),
        positive("width", 3),
        normal("kernel", 3, 4),
        normal("bias", 4),
    )
    reached = [
        exactly(corner) @ exactly(kernel) + exactly(bias) for corner in corners(exactly(low), exactly(width))
    ]
    ends = output_range(*map(carried, (low, width, kernel, bias)))
    assert_same(ends, (np.min(reached, axis=0), np.max(reached, axis=0)))


@proves(output_range, by="naive loop")
def test_two_layers_without_an_activation_reach_both_ends_in_corners_of_the_box():
    arrays = normal("low", 3), positive("width", 3), normal("kernel", 3, 4), normal("bias", 4)
    second = normal("second", 4, 2), normal("second bias", 2)
    low, width, kernel, bias, weight, more = map(exactly, (*arrays, *second))
    reached = [(corner @ kernel + bias) @ weight + more for corner in corners(low, width)]
    ends = output_range(*map(carried, (*arrays, *second)), activation="linear")
    assert_same(ends, (np.min(reached, axis=0), np.max(reached, axis=0)))


@proves(conv_output_range, by="naive loop")
def test_a_convolution_reaches_both_ends_of_its_range_in_corners_of_the_box():
    low, width, kernel, bias = normal("low", 4), positive("width", 4), normal("kernel", 3), normal("bias", 1)
    taps, offset = exactly(kernel), exactly(bias)[0]
    reached = [
        [corner[place : place + 3] @ taps + offset for place in (0, 1)]
        for corner in corners(exactly(low), exactly(width))
    ]
    box = carried(low.reshape(1, 4, 1)), carried(width.reshape(1, 4, 1))
    lower, upper = conv_output_range(*box, carried(kernel.reshape(3, 1, 1)), carried(bias))
    assert_same((lower[0, :, 0], upper[0, :, 0]), (np.min(reached, axis=0), np.max(reached, axis=0)))


@pytest.mark.parametrize("number", range(20))
def test_two_layers_with_relu_stay_inside_by_enumeration_of_all_pieces(number):
    arrays = (
        normal(f"low {number}", 2),
        positive("width", 2),
        normal(f"kernel {number}", 2, 4),
        normal("b", 4),
    )
    second = normal(f"second {number}", 4, 3), normal("c", 3)
    low, width, kernel, bias, weight, more = map(exactly, (*arrays, *second))
    points = list(crossings(low, width, kernel, bias))
    assert len(points) >= 4
    reached = [np.maximum(point @ kernel + bias, 0) @ weight + more for point in points]
    lower, upper = output_range(*map(carried, (*arrays, *second)))
    assert (exactly(lower.value - lower.bound) <= np.min(reached, axis=0)).all()
    assert (np.max(reached, axis=0) <= exactly(upper.value + upper.bound)).all()


@proves(output_range, conv_output_range, conv, dense, by="law")
def test_a_box_without_width_has_the_layer_itself_for_both_ends():
    x, kernel, bias = integers("x", 2, 6, 3), integers("kernel", 3, 3, 4), integers("bias", 4)
    nothing = np.zeros(x.shape)
    for options in ({}, {"strides": 2, "padding": "same"}):
        y = conv(x, kernel, bias, **options)
        assert_same(conv_output_range(x, nothing, kernel, bias, **options), (y, y))
    second = integers("second", 4, 2)
    y = dense(relu(dense(x, kernel[0], bias)), second)
    assert_same(output_range(x, nothing, kernel[0], bias, second), (y, y))


@proves(conv_output_range, conv_output_range_vjp, output_range, output_range_vjp, by="law")
def test_the_range_of_a_full_length_convolution_is_that_of_a_dense_layer():
    low, width = integers("low", 2, 5, 3), np.abs(integers("width", 2, 5, 3))
    kernel, bias = 10 * integers("kernel", 5, 3, 4) + 1, integers("bias", 4)
    flat = low.reshape(2, 15), width.reshape(2, 15), kernel.reshape(15, 4), bias
    ends = conv_output_range(low, width, kernel, bias)
    assert_same((ends[0][:, 0], ends[1][:, 0]), output_range(*flat))
    g = integers("lower", 2, 1, 4), integers("upper", 2, 1, 4)
    dlow, dwidth, dkernel, dbias = conv_output_range_vjp(low, width, kernel, bias, g)
    of_dense = output_range_vjp(*flat, None, None, (g[0][:, 0], g[1][:, 0]))[:4]
    assert_same((dlow.reshape(2, 15), dwidth.reshape(2, 15), dkernel.reshape(15, 4), dbias), of_dense)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            (np.zeros((2, 3)), np.zeros((2, 4)), np.ones((3, 5))),
            r"width must have the shape of low, \(2, 3\)",
        ),
        ((np.zeros((2, 3)), -np.ones((2, 3)), np.ones((3, 5))), "width must not be negative"),
        ((np.zeros((2, 4)), np.zeros((2, 4)), np.ones((3, 5))), "x must end in 3 features"),
    ],
)
def test_bad_input_is_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        output_range(*arrays)
