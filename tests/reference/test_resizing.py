"""Resizing: fractions for every pair of small lengths, digits of kernels, laws between methods, bad input."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.pooling import adaptive_pool, avg_pool
from assay.reference.resizing import (
    affine_grid,
    affine_grid_vjp,
    grid_sample,
    grid_sample_vjp,
    resize,
    resize_vjp,
)

PAIRS = list(itertools.product(range(1, 13), repeat=2))
COORDINATES = ("half_pixel", "align_corners", "asymmetric")

METHODS = (
    {},
    {"method": "nearest"},
    {"method": "nearest", "coordinates": "asymmetric"},
    {"coordinates": "align_corners"},
    {"antialias": True},
    {"method": "cubic"},
    {"method": "cubic", "coefficient": -0.75, "border": "clamped"},
    {"method": "cubic", "coordinates": "align_corners", "border": "clamped"},
    {"method": "cubic", "antialias": True},
    {"method": "area"},
    {"method": "area", "bins": "whole"},
    {"method": "lanczos3"},
    {"method": "lanczos3", "antialias": True},
    {"method": "lanczos5"},
)


def integers(name, *shape):
    return Stream(f"resizing/{name}").integers(-9, 10, shape).astype(np.float64)


def line(*values):
    """One sample of one channel."""
    return np.array(values, dtype=np.float64)[None, :, None]


def matrix(n, m, **options):
    """The weights of n elements at m places, as ``(m, n)``: what becomes of each unit vector."""
    return resize(carried(np.eye(n)[:, :, None]), lengths=(m,), **options)[:, :, 0].T


def place(o, n, m, coordinates):
    """Where place o of m lies among n elements, in fractions."""
    if coordinates == "align_corners":
        return Fraction(o * (n - 1), m - 1) if m > 1 else Fraction(0)
    if coordinates == "asymmetric":
        return Fraction(o * n, m)
    return (o + Fraction(1, 2)) * n / m - Fraction(1, 2)


# --- every pair of small lengths, in fractions ---


@proves(resize, by="naive loop")
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_the_nearest_element_is_the_one_whose_cell_holds_the_place(coordinates):
    # Cells of half pixels and of aligned corners reach from i - ½, those of low ends from i.
    reach = 0 if coordinates == "asymmetric" else Fraction(1, 2)
    for n, m in PAIRS:
        x = line(*range(n))
        expected = [
            next(i for i in reversed(range(n)) if i - reach <= place(o, n, m, coordinates)) for o in range(m)
        ]
        y = resize(x, lengths=(m,), method="nearest", coordinates=coordinates)
        assert_same(y[0, :, 0], np.array(expected, np.float64))


@proves(resize, by="naive loop")
@pytest.mark.parametrize("border", ["renormalized", "clamped"])
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_linear_interpolation_is_that_of_fractions(coordinates, border):
    for n, m in PAIRS:
        expected = np.full((m, n), Fraction(0), dtype=object)
        for o in range(m):
            c = min(max(place(o, n, m, coordinates), Fraction(0)), Fraction(n - 1))
            low = c.numerator // c.denominator
            expected[o, low] += 1 - (c - low)
            expected[o, min(low + 1, n - 1)] += c - low
        assert_same(matrix(n, m, coordinates=coordinates, border=border), expected)


@proves(resize, by="naive loop")
def test_an_area_is_weighed_by_the_parts_that_are_covered():
    for n, m in PAIRS:
        low, size = [Fraction(o * n, m) for o in range(m)], Fraction(n, m)
        shared = [
            [max(min(a + size, Fraction(i + 1)) - max(a, Fraction(i)), Fraction(0)) / size for i in range(n)]
            for a in low
        ]
        assert_same(matrix(n, m, method="area"), np.array(shared, dtype=object))


@proves(resize, by="naive loop")
@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric"])
def test_a_factor_that_is_no_whole_length_moves_every_place(coordinates):
    whole = Fraction(3, 10)
    for n, m in PAIRS:
        low = [place(o, n, m + whole, coordinates) for o in range(m)]
        cells = [math.floor(c + (Fraction(1, 2) if coordinates == "half_pixel" else 0)) for c in low]
        options = {"coordinates": coordinates, "surplus": 0.3}
        assert_same(resize(line(*range(n)), lengths=(m,), method="nearest", **options)[0, :, 0], cells)
        expected = np.full((m, n), Fraction(0), dtype=object)
        for o, c in enumerate(min(max(c, Fraction(0)), Fraction(n - 1)) for c in low):
            expected[o, math.floor(c)] += 1 - (c - math.floor(c))
            expected[o, min(math.floor(c) + 1, n - 1)] += c - math.floor(c)
        assert_same(matrix(n, m, **options), expected)


# --- kernels ---


def keys(t, a):
    t = abs(t)
    if t < 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else Fraction(0)


def lanczos(t, radius):
    t = abs(t)
    if not t:
        return mpmath.mpf(1)
    return mpmath.sincpi(t) * mpmath.sincpi(mpmath.mpf(t) / radius) if t < radius else mpmath.mpf(0)


@proves(resize, by="naive loop")
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("a", [Fraction(-1, 2), Fraction(-3, 4)])
def test_cubic_weights_are_those_of_fractions(a, antialias):
    for n, m in PAIRS:
        stretch = max(Fraction(n, m), Fraction(1)) if antialias else Fraction(1)
        rows = [[keys((place(o, n, m, "half_pixel") - i) / stretch, a) for i in range(n)] for o in range(m)]
        expected = [[weight / sum(row) for weight in row] for row in rows]
        got = matrix(n, m, method="cubic", coefficient=float(a), antialias=antialias)
        assert_same(got, np.array(expected, dtype=object))


@proves(resize, by="naive loop")
@pytest.mark.parametrize("coordinates", ["half_pixel", "align_corners"])
def test_clamped_cubic_weights_fall_to_the_outermost_elements(coordinates):
    for n, m in PAIRS:
        expected = np.full((m, n), Fraction(0), dtype=object)
        for o, i in itertools.product(range(m), range(-2, n + 2)):
            weight = keys(place(o, n, m, coordinates) - i, Fraction(-3, 4))
            expected[o, min(max(i, 0), n - 1)] += weight
        options = {"method": "cubic", "coefficient": -0.75, "border": "clamped", "coordinates": coordinates}
        assert_same(matrix(n, m, **options), expected)


@proves(resize, by="high precision")
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("radius", [3, 5])
@pytest.mark.parametrize(("n", "m"), [(5, 3), (3, 5), (7, 4), (4, 7), (12, 5), (1, 3)])
def test_lanczos_weights_have_their_digits(n, m, radius, antialias):
    with mpmath.workdps(40):
        stretch = max(Fraction(n, m), Fraction(1)) if antialias else Fraction(1)
        offsets = [[(place(o, n, m, "half_pixel") - i) / stretch for i in range(n)] for o in range(m)]
        rows = [[lanczos(mpmath.mpf(t.numerator) / t.denominator, radius) for t in row] for row in offsets]
        expected = [[weight / mpmath.fsum(row) for weight in row] for row in rows]
    assert_same(
        matrix(n, m, method=f"lanczos{radius}", antialias=antialias), np.array(expected, dtype=object)
    )


@proves(resize, by="worked figures")
def test_methods_of_three_elements_to_five_places():
    x = line(0, 10, 40)
    assert_same(resize(x, lengths=(5,), method="nearest")[0, :, 0], [0, 0, 10, 40, 40])
    assert_same(
        resize(x, lengths=(5,), method="nearest", coordinates="asymmetric")[0, :, 0], [0, 0, 10, 10, 40]
    )
    assert_same(resize(carried(x), lengths=(5,))[0, :, 0], np.array([0.0, 4, 10, 28, 40]))
    aligned = resize(carried(x), lengths=(5,), coordinates="align_corners")
    assert_same(aligned[0, :, 0], np.array([0.0, 5, 10, 25, 40]))
    assert_same(resize(carried(x), lengths=(2,), method="area")[0, :, 0], ["3.333", "30.000"])
    assert_same(resize(carried(x), lengths=(2,), method="area", bins="whole")[0, :, 0], np.array([5.0, 25.0]))


# --- laws ---


@proves(resize, resize_vjp, by="law")
@pytest.mark.parametrize("options", METHODS, ids=str)
def test_resizing_to_its_own_lengths_is_the_identity(options):
    x = integers("x", 2, 4, 5, 3)
    assert_same(resize(carried(x), lengths=(4, 5), **options), x)
    assert_same(resize_vjp(carried(x), carried(x), lengths=(4, 5), **options)[0], x)


@proves(resize, by="law")
@pytest.mark.parametrize("options", METHODS, ids=str)
def test_weights_of_each_place_sum_to_one(options):
    for n, m in PAIRS:
        ones = carried(np.ones((1, n, 1)))
        assert_same(resize(ones, lengths=(m,), **options), np.ones((1, m, 1)))


@proves(resize, by="law")
@pytest.mark.parametrize("options", [o for o in METHODS if o.get("method") != "nearest"], ids=str)
def test_what_is_mirrored_is_resized_to_the_mirror_image(options):
    x = integers("x", 2, 7, 3)
    for m in (3, 5, 12):
        y = resize(carried(x), lengths=(m,), **options)
        assert_same(resize(carried(x[:, ::-1]), lengths=(m,), **options), y[:, ::-1])


@proves(resize, resize_vjp, by="law")
@pytest.mark.parametrize("options", METHODS, ids=str)
@pytest.mark.parametrize("lengths", [(7, 3, 2), (2, 9, 5)])
def test_the_gradient_is_the_adjoint(lengths, options):
    x = integers("x", 2, 4, 5, 3, 2)
    y = resize(carried(x), lengths=lengths, **options)
    g = integers("g", *y.shape)
    (dx,) = resize_vjp(carried(x), carried(g), lengths=lengths, **options)
    assert_same(np.sum(g * y), np.sum(dx * x), size=np.sum(np.abs(g * y.value)))


@proves(resize, avg_pool, by="law")
@pytest.mark.parametrize("bins", ["fractional", "whole"])
def test_an_area_of_whole_elements_is_their_mean(bins):
    x = integers("x", 2, 6, 8, 3)
    pooled = avg_pool(carried(x), window=(2, 4), strides=(2, 4))
    assert_same(resize(carried(x), lengths=(3, 2), method="area", bins=bins), pooled)


@proves(resize, adaptive_pool, by="law")
def test_an_area_of_whole_bins_is_adaptive_pooling():
    x = integers("x", 2, 7, 5, 3)
    options = {"lengths": (3, 8)}
    assert_same(
        resize(carried(x), method="area", bins="whole", **options), adaptive_pool(carried(x), **options)
    )


@proves(resize, by="law")
@pytest.mark.parametrize("method", ["linear", "cubic", "lanczos3", "lanczos5"])
def test_antialias_changes_nothing_where_lengths_grow(method):
    x = integers("x", 2, 4, 3)
    y = resize(x, lengths=(9,), method=method)
    assert_same(resize(x, lengths=(9,), method=method, antialias=True), y)


@proves(resize, by="law")
def test_a_straight_line_stays_one_between_aligned_corners():
    for n, m in itertools.product(range(2, 9), repeat=2):
        x = np.linspace(0.0, 1.0, n)[None, :, None]
        y = resize(carried(x), lengths=(m,), coordinates="align_corners")
        assert_same(y[0, :, 0], np.linspace(0.0, 1.0, m))


def test_nan_stays_where_the_nearest_element_is():
    y = resize(line(1, np.nan, 3), lengths=(6,), method="nearest")
    assert_same(y[0, :, 0], [1, 1, np.nan, np.nan, 3, 3])


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (line(1, 2), {"lengths": (0,)}, r"lengths must be 1 numbers of at least 1; got \(0,\)"),
        (line(1, 2), {"lengths": ()}, "lengths must be 1 numbers"),
        (line(1, 2), {"lengths": (2,), "method": "mitchell"}, "method must be nearest, area, .*'mitchell'"),
        (np.zeros((2, 3)), {"lengths": (2,)}, r"x must have the axes \(batch, …, channels\)"),
    ],
)
def test_resizing_refuses_bad_input(x, options, message):
    with pytest.raises(ValueError, match=message):
        resize(x, **options)


IDENTITY = np.eye(3)[np.newaxis, :2]


@proves(affine_grid, affine_grid_vjp, by="worked figures")
def test_the_places_of_two_rows_of_four():
    grid = affine_grid(IDENTITY, lengths=(2, 4))
    assert_same(grid[0, 0, :, 0], [-0.75, -0.25, 0.25, 0.75])
    assert_same(grid[0, :, 0, 1], [-0.5, 0.5])
    corners = affine_grid(2.0 * IDENTITY, lengths=(1, 5), align_corners=True)
    assert_same(corners[0, 0], [[-2, 0], [-1, 0], [0, 0], [1, 0], [2, 0]])
    cotangent = np.zeros((1, 2, 4, 2))
    cotangent[0, 1, 3] = [8.0, 16.0]
    assert_same(affine_grid_vjp(IDENTITY, cotangent, lengths=(2, 4))[0], [[[6, 4, 8], [12, 8, 16]]])


@proves(affine_grid, by="naive loop")
@pytest.mark.parametrize("align_corners", [False, True])
def test_each_place_is_its_fraction_transformed(align_corners):
    theta, lengths = Stream("resizing/theta").integers(-4, 5, (2, 3, 4)) * 1.0, (2, 3, 6)
    grid = affine_grid(carried(theta), lengths=lengths, align_corners=align_corners)
    for b, *place, c in np.ndindex(2, *lengths, 3):
        at = [
            Fraction(2 * i + 1 - n, n - 1 if align_corners else n)
            for i, n in zip(place[::-1], lengths[::-1], strict=True)
        ]
        row = [Fraction(int(value)) for value in theta[b, c]]
        terms = list(map(Fraction.__mul__, row, [*at, Fraction(1)]))
        assert_same(grid[(b, *place, c)], sum(terms), size=sum(map(abs, terms)))


@proves(affine_grid, affine_grid_vjp, by="law")
@pytest.mark.parametrize("rank", [2, 3])
def test_the_gradient_of_a_grid_is_its_adjoint(rank):
    theta = carried(Stream("resizing/theta").normal((2, rank, rank + 1)))
    y = affine_grid(theta, lengths=(4, 2, 8))
    g = carried(Stream("resizing/g").normal(y.shape))
    assert_same(np.sum(g * y), np.sum(affine_grid_vjp(theta, g, lengths=(4, 2, 8))[0] * theta))


@pytest.mark.parametrize(
    ("shape", "lengths", "message"),
    [
        ((2, 3), (2, 2), "theta must be"),
        ((1, 2, 4), (2, 2), "theta must have shape"),
        ((1, 2, 3), (2, 0), "lengths must be 2 numbers of at least 1"),
        ((1, 3, 4), (2, 2), "lengths must be 3 numbers"),
    ],
)
def test_grids_refuse_bad_input(shape, lengths, message):
    with pytest.raises(ValueError, match=message):
        affine_grid(np.ones(shape), lengths=lengths)


# --- read at any places ---

ROW = np.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 1, 4, 1)
"""An image of one row."""


def at(*places):
    """A grid of places along the row of an image, in its middle otherwise."""
    return np.array([[[(place, 0.0) for place in places]]])


@proves(grid_sample, by="worked figures")
@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, [0.5, 1.0, 3.0, 6.0, 4.0, 0.0]),
        ({"outside": "border"}, [1.0, 1.0, 3.0, 6.0, 8.0, 8.0]),
        ({"outside": "reflection"}, [1.0, 1.0, 3.0, 6.0, 8.0, 3.0]),
        ({"mode": "nearest"}, [1.0, 1.0, 4.0, 4.0, 0.0, 0.0]),
        ({"align_corners": True}, [1.0, 1.375, 3.0, 5.0, 8.0, 0.0]),
    ],
)
def test_a_row_is_read_between_its_elements_and_beyond(options, wanted):
    """Places -½, 0, 3/2, 5/2, 7/2 and 11/2 of 4 elements; with aligned corners 0, 3/8, 3/2, 9/4, 3 and 9/2.

    Halves are rounded to 0, 2, 2, 4 and 6; between mirrors at -½ and 7/2 the last lies at 3/2.
    """
    grid = at(-1.0, -0.75, 0.0, 0.5, 1.0, 2.0)
    assert_same(grid_sample(carried(ROW), carried(grid), **options)[0, 0, :, 0], wanted)


@proves(grid_sample_vjp, by="worked figures")
def test_places_take_slopes_and_elements_what_they_gave():
    """At 3/2, between 2 and 4, the slope is 2 for each element, and an element is half of the grid's unit."""
    g = carried(np.array([[[[6.0]]]]))
    of_x, of_grid = grid_sample_vjp(carried(ROW), carried(at(0.0)), g)
    assert_same(of_x[0, 0, :, 0], [0.0, 3.0, 3.0, 0.0])
    assert_same(of_grid[0, 0, 0, 0], 6.0 * 2.0 * 2.0)
    assert_same(grid_sample_vjp(carried(ROW), at(1.5), g, outside="border")[1][0, 0, 0, 0], 0.0)
    (_, of_grid) = grid_sample_vjp(carried(ROW), carried(at(1.5)), g, outside="reflection")
    assert_same(of_grid[0, 0, 0, 0], 6.0 * -4.0 * 2.0)


def read_at(x, place, outside, align_corners):
    """One number of an image, at a place in fractions, from the integers around it."""
    total = Fraction(0)
    moved = [move(c, n, outside, align_corners) for c, n in zip(place, x.shape, strict=True)]
    for index in np.ndindex(x.shape):
        shares = [max(1 - abs(c - i), 0) for c, i in zip(moved, index, strict=True)]
        total += math.prod(shares) * Fraction(x[index])
    return total


def move(c, n, outside, align_corners):
    """A place moved into the image, one mirror after the other."""
    low, high = (Fraction(0), Fraction(n - 1)) if align_corners else (Fraction(-1, 2), Fraction(2 * n - 1, 2))
    while outside == "reflection" and not low <= c <= high:
        c = 2 * low - c if c < low else 2 * high - c
    return c if outside == "zeros" else min(max(c, Fraction(0)), Fraction(n - 1))


@proves(grid_sample, by="naive loop")
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("outside", ["zeros", "border", "reflection"])
def test_every_place_agrees_with_a_loop_in_fractions(outside, align_corners):
    x = Stream("resizing/read").integers(-9, 10, (1, 3, 2, 4, 1)) * 1.0
    grid = Stream("resizing/places").integers(-24, 25, (1, 2, 3, 2, 3)) / 8.0
    y = grid_sample(carried(x), carried(grid), outside=outside, align_corners=align_corners)
    for place in np.ndindex(2, 3, 2):
        parts = zip(grid[(0, *place)][::-1], x.shape[1:-1], strict=True)
        wanted = [
            (Fraction(g) + 1) * (n - 1) / 2 if align_corners else ((Fraction(g) + 1) * n - 1) / 2
            for g, n in parts
        ]
        exact = read_at(x[0, ..., 0], wanted, outside, align_corners)
        assert_same(y[(0, *place, 0)], exact, size=9.0)


@proves(grid_sample, grid_sample_vjp, resize, by="law")
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("mode", "method"), [("bilinear", "linear"), ("bicubic", "cubic")])
def test_reading_at_the_places_of_the_identity_is_resizing(mode, method, align_corners):
    x = carried(Stream("resizing/image").normal((1, 4, 5, 2)))
    grid = affine_grid(carried(IDENTITY), lengths=(3, 7), align_corners=align_corners)
    resizing = {
        "lengths": (3, 7),
        "method": method,
        "coordinates": "align_corners" if align_corners else "half_pixel",
        "coefficient": -0.75,
        "border": "clamped",
    }
    options = {"mode": mode, "outside": "border", "align_corners": align_corners}
    y = resize(x, **resizing)
    assert_same(grid_sample(x, grid, **options), y)
    g = carried(Stream("resizing/cotangent").normal(y.shape))
    assert_same(grid_sample_vjp(x, grid, g, **options)[0], resize_vjp(x, g, **resizing)[0])


@proves(grid_sample, grid_sample_vjp, by="law")
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_reading_backwards_is_reading_the_image_in_reverse(mode):
    x = carried(Stream("resizing/image").normal((1, 4, 5, 2)))
    grid = Stream("resizing/grid").normal((1, 3, 2, 2))
    g = carried(Stream("resizing/cotangent").normal((1, 3, 2, 2)))
    for outside in ("zeros", "border", "reflection"):
        options = {"mode": mode, "outside": outside}
        y = grid_sample(x, carried(grid), **options)
        assert_same(grid_sample(np.flip(x, (1, 2)), carried(-grid), **options), y)
        of_x, of_grid = grid_sample_vjp(x, carried(grid), g, **options)
        reverse = grid_sample_vjp(np.flip(x, (1, 2)), carried(-grid), g, **options)
        assert_same(reverse, (np.flip(of_x, (1, 2)), -of_grid))


@pytest.mark.parametrize(
    ("shape", "places", "options", "message"),
    [
        ((1, 4, 1), (1, 2, 1), {}, "x must have two or three axes in space"),
        ((1, 4, 4, 1), (1, 2, 2, 3), {}, "grid must have shape"),
        ((1, 2, 4, 4, 1), (1, 2, 2, 2, 3), {"mode": "bicubic"}, "mode must be one of bilinear, nearest; got"),
        ((1, 4, 4, 1), (1, 2, 2, 2), {"outside": "wrap"}, "outside must be one of zeros, border, reflection"),
    ],
)
def test_reading_refuses_bad_input(shape, places, options, message):
    with pytest.raises(ValueError, match=message):
        grid_sample(np.ones(shape), np.ones(places), **options)
