"""Paddings: numpy.pad on every small width, adjoints, worked figures and bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.padding import crop, crop_vjp, pad, pad_vjp

MODES = ("constant", "reflect", "symmetric", "replicate", "circular")
NAMES = {"replicate": "edge", "circular": "wrap"}


def integers(name, *shape):
    return Stream(f"padding/{name}").integers(-9, 10, shape).astype(np.float64)


def line(*values):
    """One sample of one channel."""
    return np.array(values, dtype=np.float64)[None, :, None]


@proves(pad, by="worked figures")
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("constant", (7, 7, 1, 2, 3, 7)),
        ("reflect", (3, 2, 1, 2, 3, 2)),
        ("symmetric", (2, 1, 1, 2, 3, 3)),
        ("replicate", (1, 1, 1, 2, 3, 3)),
        ("circular", (2, 3, 1, 2, 3, 1)),
    ],
)
def test_every_mode_of_a_line_of_three(mode, expected):
    assert_same(pad(line(1, 2, 3), widths=((2, 1),), mode=mode, value=7.0), line(*expected))


@pytest.mark.parametrize("mode", MODES)
def test_padding_is_that_of_numpy_for_every_small_width(mode):
    x = integers("x", 2, 3, 4, 2)
    for widths in itertools.product(itertools.product(range(3), repeat=2), repeat=2):
        expected = np.pad(x, ((0, 0), *widths, (0, 0)), mode=NAMES.get(mode, mode))
        assert_same(pad(x, widths=widths, mode=mode), expected)


@proves(pad, pad_vjp, by="law")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(2, 3, 2), (1, 4, 3, 2), (2, 3, 4, 3, 1)])
def test_the_gradient_is_the_adjoint(mode, shape):
    # ⟨g, pad(x)⟩ = ⟨padᵀ(g), x⟩, exactly: of integers.
    x, widths = integers("x", *shape), ((2, 1), (0, 2), (1, 1))
    y = pad(x, widths=widths, mode=mode)
    cotangent = integers("g", *y.shape)
    (dx,) = pad_vjp(x, cotangent, widths=widths, mode=mode)
    assert_same(np.sum(cotangent * y), np.sum(dx * x))


@proves(pad, by="law")
def test_a_negative_width_undoes_a_positive_one():
    x, widths = integers("x", 2, 3, 4, 2), ((1, 2), (3, 0))
    padded = pad(x, widths=widths, value=5.0)
    assert_same(pad(padded, widths=((-1, -2), (-3, 0))), x)


@proves(pad_vjp, by="worked figures")
def test_copies_add_up_in_what_they_are_copies_of():
    x, cotangent = line(1, 2, 3), line(1, 2, 4, 8, 16, 32)
    gradient = {mode: pad_vjp(x, cotangent, widths=((2, 1),), mode=mode)[0][0, :, 0] for mode in MODES}
    assert_same(gradient["constant"], [4, 8, 16])
    assert_same(gradient["reflect"], [4, 2 + 8 + 32, 1 + 16])
    assert_same(gradient["symmetric"], [2 + 4, 1 + 8, 16 + 32])
    assert_same(gradient["replicate"], [1 + 2 + 4, 8, 16 + 32])
    assert_same(gradient["circular"], [4 + 32, 1 + 8, 2 + 16])


@proves(crop, crop_vjp, by="worked figures")
def test_a_crop_of_a_line_of_five():
    x = line(1, 2, 3, 4, 5)
    assert_same(crop(x, widths=((1, 2),)), line(2, 3))
    assert_same(crop_vjp(x, line(7, 8), widths=((1, 2),))[0], line(0, 7, 8, 0, 0))


@proves(crop, pad, by="law")
def test_cropping_undoes_padding_and_is_padding_by_negative_widths():
    x = integers("x", 2, 3, 4, 2)
    for widths in itertools.product(itertools.product(range(3), repeat=2), repeat=2):
        padded = pad(x, widths=widths, value=5.0)
        assert_same(crop(padded, widths=widths), x)
        negative = tuple((-low, -high) for low, high in widths)
        assert_same(crop(padded, widths=widths), pad(padded, widths=negative))


@proves(crop, crop_vjp, by="law")
@pytest.mark.parametrize("shape", [(2, 5, 2), (1, 5, 3, 2), (2, 4, 3, 4, 1)])
def test_the_gradient_of_a_crop_is_the_adjoint(shape):
    x, widths = integers("x", *shape), ((2, 1), (0, 2), (1, 1))
    y = crop(x, widths=widths)
    cotangent = integers("g", *y.shape)
    (dx,) = crop_vjp(x, cotangent, widths=widths)
    assert_same(np.sum(cotangent * y), np.sum(dx * x))


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        (((2, 1),), r"must leave something of each axis; got \(\(2, 1\),\), which leaves \(0,\)"),
        (((-1, 0),), "must not be negative"),
        ((), "widths must have a pair"),
    ],
)
def test_cropping_refuses_bad_input(widths, message):
    with pytest.raises(ValueError, match=message):
        crop(line(1, 2, 3), widths=widths)


def test_carried_arrays_are_padded_without_error():
    x = carried(integers("x", 2, 3, 2))
    for mode in MODES:
        assert_same(pad(x, widths=((1, 1),), mode=mode), pad(x.value, widths=((1, 1),), mode=mode))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "mirror", "widths": ((1, 1),)}, "mode must be constant, .*; got 'mirror'"),
        ({"widths": ()}, "widths must have a pair"),
        ({"mode": "reflect", "widths": ((3, 0),)}, "at most 2 of 3 elements with mode reflect"),
        ({"mode": "symmetric", "widths": ((0, 4),)}, "at most 3 of 3 elements with mode symmetric"),
        ({"mode": "circular", "widths": ((4, 0),)}, "at most 3 of 3 elements with mode circular"),
        ({"mode": "replicate", "widths": ((-1, 0),)}, "must not be negative with mode replicate"),
    ],
)
def test_padding_refuses_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        pad(line(1, 2, 3), **options)
