"""Poolings: naive loops in exact fractions, laws, the rules of ties and NaN, and bad input."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.convolution import depthwise_conv
from assay.reference.pooling import (
    adaptive_max_pool_with_argmax,
    adaptive_max_pool_with_argmax_vjp,
    adaptive_pool,
    adaptive_pool_vjp,
    avg_pool,
    avg_pool_vjp,
    global_pool,
    global_pool_vjp,
    lp_pool,
    lp_pool_vjp,
    max_pool,
    max_pool_vjp,
    max_pool_with_argmax,
    max_pool_with_argmax_vjp,
    max_unpool,
    max_unpool_vjp,
    morphology2d,
    morphology2d_vjp,
)


def integers(name, *shape):
    return Stream(f"pooling/{name}").integers(-9, 10, shape).astype(np.float64)


def line(*values):
    """One sample of one channel."""
    return np.array(values, dtype=np.float64)[None, :, None]


def starts(length, window, stride, low, high, dilation, ceil_mode):
    """Places of the first taps, walked through one by one."""
    extent, places, place = (window - 1) * dilation + 1, [], -low
    while place + extent <= length + high:
        places.append(place)
        place += stride
    reached = places[-1] + extent
    if ceil_mode and reached < length + high and place < length:
        places.append(place)
    return places


GRID = list(
    itertools.product(range(1, 8), (1, 2, 3), (1, 2, 3, 4), ((0, 0), (1, 1), (0, 1), (2, 1)), (False, True))
)


def grid(dilation):
    """Small lengths, windows, strides, widths and ceil rules for which windows fit and see the input."""
    for length, window, stride, (low, high), ceil_mode in GRID:
        extent = (window - 1) * dilation + 1
        if extent <= length + low + high and max(low, high) < extent:
            yield length, window, stride, (low, high), ceil_mode


@proves(max_pool, by="naive loop")
@pytest.mark.parametrize("dilation", [1, 2])
def test_max_pool_is_the_naive_loop_on_an_exhaustive_grid(dilation):
    for length, window, stride, (low, high), ceil_mode in grid(dilation):
        x = integers(f"x{length}", 2, length, 3)
        y = max_pool(
            x, window=window, strides=stride, padding=((low, high),), dilation=dilation, ceil_mode=ceil_mode
        )
        places = starts(length, window, stride, low, high, dilation, ceil_mode)
        assert y.shape == (2, len(places), 3)
        for o, place in enumerate(places):
            seen = [x[:, i] for i in range(place, place + window * dilation, dilation) if 0 <= i < length]
            expected = np.max(seen, axis=0) if seen else np.full((2, 3), -np.inf)
            assert_same(y[:, o], expected)


@proves(avg_pool, avg_pool_vjp, by="naive loop")
@pytest.mark.parametrize("count_padding", [False, True])
def test_avg_pool_is_the_naive_loop_on_an_exhaustive_grid(count_padding):
    for length, window, stride, (low, high), ceil_mode in grid(1):
        x = integers(f"x{length}", 1, length, 1)
        options = {
            "window": window,
            "strides": stride,
            "padding": ((low, high),),
            "ceil_mode": ceil_mode,
            "count_padding": count_padding,
        }
        places = starts(length, window, stride, low, high, 1, ceil_mode)
        y, cotangent = avg_pool(x, **options), np.ones((1, len(places), 1))
        wanted, dx = [], [Fraction(0)] * length
        for place in places:
            taps = range(place, place + window)
            inside = [i for i in taps if 0 <= i < length]
            counted = [i for i in taps if -low <= i < length + high] if count_padding else inside
            # Division is correctly rounded, so the float of the exact fraction is what it gives.
            wanted.append(float(Fraction(sum(int(x[0, i, 0]) for i in inside), len(counted))))
            for i in inside:
                dx[i] += Fraction(1, len(counted))
        assert_same(y[0, :, 0], wanted)
        (gradient,) = avg_pool_vjp(carried(x), carried(cotangent), **options)
        assert_same(gradient[0, :, 0], dx)


@proves(avg_pool, depthwise_conv, by="law")
@pytest.mark.parametrize("padding", ["valid", "same", "same_lower", ((0, 1), (1, 0))])
def test_average_is_a_depthwise_convolution_with_a_constant_kernel(padding):
    x, kernel = integers("x", 2, 7, 9, 3), np.full((2, 4, 3, 1), 1 / 8)
    counted = avg_pool(x, window=(2, 4), strides=(3, 2), padding=padding, count_padding=True)
    assert_same(counted, depthwise_conv(x, kernel, strides=(3, 2), padding=padding))


@proves(avg_pool, by="law")
def test_average_of_ones_is_one_where_padding_does_not_count():
    y = avg_pool(np.ones((1, 5, 6, 2)), window=(3, 2), strides=(2, 3), padding="same")
    assert_same(y, np.ones((1, 3, 2, 2)))


@proves(max_pool, by="law")
def test_maxima_of_maxima_are_maxima_of_larger_windows():
    x = integers("x", 2, 8, 12, 3)
    twice = max_pool(max_pool(x, window=(2, 3), strides=(2, 3)), window=2, strides=2)
    assert_same(twice, max_pool(x, window=(4, 6), strides=(4, 6)))


@proves(max_pool, avg_pool, by="law")
def test_a_window_over_everything_is_global_pooling():
    x = integers("x", 2, 4, 5, 3)
    assert_same(max_pool(x, window=(4, 5))[:, 0, 0], x.max(axis=(1, 2)))
    assert_same(avg_pool(x, window=(4, 5))[:, 0, 0], x.sum(axis=(1, 2)) / 20)


@proves(max_pool, avg_pool, max_pool_vjp, avg_pool_vjp, by="law")
@pytest.mark.parametrize(("pool", "vjp"), [(max_pool, max_pool_vjp), (avg_pool, avg_pool_vjp)])
def test_pooling_over_an_axis_of_length_one_is_pooling_over_the_others(pool, vjp):
    x = carried(integers("x", 2, 5, 7, 3))
    plane = {"window": (2, 3), "strides": (1, 2), "padding": ((1, 0), (1, 1))}
    volume = {"window": (2, 1, 3), "strides": (1, 1, 2), "padding": ((1, 0), (0, 0), (1, 1))}
    y = pool(x, **plane)
    cotangent = carried(integers("cotangent", *y.shape))
    assert_same(pool(x[:, :, None], **volume)[:, :, 0], y)
    (dx,) = vjp(x[:, :, None], cotangent[:, :, None], **volume)
    assert_same(dx[:, :, 0], vjp(x, cotangent, **plane)[0])


@proves(max_pool, avg_pool, by="law")
@pytest.mark.parametrize("pool", [max_pool, avg_pool])
def test_pooling_a_volume_is_pooling_its_axes_one_after_the_other(pool):
    x = carried(integers("x", 2, 4, 6, 9, 2))
    whole = pool(x, window=(2, 3, 1), strides=(2, 1, 4))
    for options in axis_by_axis((2, 3, 1), (2, 1, 4)):
        x = pool(x, **options)
    assert_same(x, whole)


def axis_by_axis(window, strides):
    """Options of a pooling over each axis alone."""
    for axis in range(3):
        yield {
            "window": tuple(k if i == axis else 1 for i, k in enumerate(window)),
            "strides": tuple(s if i == axis else 1 for i, s in enumerate(strides)),
        }


@proves(max_pool_vjp, by="law")
@pytest.mark.parametrize("nan", ["hold", "keep", "pass", "ignore"])
def test_the_gradient_of_a_maximum_hands_on_the_whole_cotangent(nan):
    x = integers("x", 2, 6, 7, 3)
    options = {"window": (3, 2), "strides": (1, 2), "padding": "same", "nan": nan}
    cotangent = integers("cotangent", *max_pool(x, **options).shape)
    (dx,) = max_pool_vjp(x, cotangent, **options)
    assert_same(np.sum(dx), np.sum(cotangent))


@proves(max_pool_vjp, by="worked figures")
@pytest.mark.parametrize("nan", ["hold", "keep", "pass", "ignore"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((5, 5, 1), (1, 0, 0)),
        ((1, 5, 5), (0, 1, 0)),
        ((0.0, -0.0, 0.0), (1, 0, 0)),
        ((-np.inf, -np.inf, -np.inf), (1, 0, 0)),
    ],
)
def test_the_first_of_equal_maxima_takes_the_gradient(values, expected, nan):
    (dx,) = max_pool_vjp(line(*values), line(1.0), window=3, strides=3, nan=nan)
    assert_same(dx[0, :, 0], expected)


@pytest.mark.parametrize(
    ("nan", "values", "maximum", "expected"),
    [
        ("hold", (np.nan, 1, 2), np.nan, (1, 0, 0)),
        ("hold", (np.nan, 1, np.nan), np.nan, (0, 0, 1)),
        ("keep", (np.nan, 1, 2), np.nan, (1, 0, 0)),
        ("keep", (np.nan, 1, np.nan), np.nan, (1, 0, 0)),
        ("keep", (2, np.nan, np.nan), np.nan, (0, 1, 0)),
        ("pass", (np.nan, 1, 2), np.nan, (0, 0, 1)),
        ("pass", (np.nan, 2, 1), np.nan, (0, 1, 0)),
        ("pass", (1, 2, np.nan), np.nan, (0, 0, 1)),
        ("ignore", (1, np.nan, 2), 2, (0, 0, 1)),
        ("ignore", (2, np.nan, 1), 2, (1, 0, 0)),
        ("ignore", (np.nan, 1, 2), 2, (1, 0, 0)),
        ("ignore", (np.nan, np.nan, np.nan), -np.inf, (1, 0, 0)),
    ],
)
def test_the_rules_of_nan(nan, values, maximum, expected):
    assert_same(max_pool(line(*values), window=3, nan=nan), line(maximum))
    (dx,) = max_pool_vjp(line(*values), line(1.0), window=3, nan=nan)
    assert_same(dx[0, :, 0], expected)


@pytest.mark.parametrize("nan", ["hold", "keep", "pass", "ignore"])
def test_padding_takes_no_gradient(nan):
    # The second window sees the padding first: what it holds is its first tap on the input.
    x = line(3, -np.inf) if nan != "ignore" else line(3, np.nan)
    (dx,) = max_pool_vjp(x[:, ::-1], line(5, 7, 11), window=2, strides=1, padding=((1, 1),), nan=nan)
    assert_same(dx[0, :, 0], [5, 18] if nan != "ignore" else [12, 11])


@proves(max_pool, avg_pool, by="worked figures")
def test_ceil_mode_adds_a_last_window_that_begins_inside():
    x = line(1, 2, 3, 4, 5)
    assert_same(max_pool(x, ceil_mode=True)[0, :, 0], [2, 4, 5])
    # The third window holds one element and, without ceil_mode, would not exist.
    assert_same(avg_pool(x, ceil_mode=True, count_padding=True)[0, :, 0], [1.5, 3.5, 5.0])
    # A window that would begin in the high padding is left out.
    assert_same(max_pool(line(1, 2), window=2, strides=3, padding=((1, 1),), ceil_mode=True), line(1))


@proves(max_pool, by="published figures")
def test_maximum_pooling_of_dumoulin_and_visin_figure_1_6():
    # arXiv:1603.07285.
    x = [[3.0, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    y = max_pool(np.array(x)[None, :, :, None], window=3, strides=1)
    assert_same(y[0, :, :, 0], [[3, 3, 3], [3, 3, 3], [3, 2, 3]])


@proves(avg_pool, avg_pool_vjp, by="worked figures")
def test_a_divisor_stands_in_the_place_of_all_counts():
    x, options = (
        np.reshape([1.0, 2, 3], (1, 3, 1)),
        {"window": 2, "strides": 2, "ceil_mode": True, "divisor": 4},
    )
    assert_same(avg_pool(x, **options).ravel(), [0.75, 0.75])
    assert_same(avg_pool(x, padding=((1, 0),), **options).ravel(), [0.25, 1.25])
    (shared,) = avg_pool_vjp(x, np.reshape([4.0, 8], (1, 2, 1)), **options)
    assert_same(shared.ravel(), [1, 1, 2])
    with pytest.raises(ValueError, match="divisor must not be 0"):
        avg_pool(x, divisor=0)


@proves(avg_pool_vjp, max_pool_vjp, by="worked figures")
def test_gradients_of_windows_that_overlap_add_up():
    x, cotangent = line(1, 5, 2, 4), line(2, 8, 32)
    (shared,) = avg_pool_vjp(x, cotangent, window=2, strides=1)
    (taken,) = max_pool_vjp(x, cotangent, window=2, strides=1)
    assert_same(shared[0, :, 0], [1, 1 + 4, 4 + 16, 16])
    assert_same(taken[0, :, 0], [0, 2 + 8, 0, 32])


@proves(adaptive_pool, by="naive loop")
def test_adaptive_pool_of_every_pair_of_small_lengths():
    for n, m in itertools.product(range(1, 9), repeat=2):
        x = integers(f"x{n}", 1, n, 1)
        # Place o sees element i if their shares of the axis, [o n, (o + 1) n) and [i m, (i + 1) m), meet.
        seen = [
            [x[0, i, 0] for i in range(n) if i * m < (o + 1) * n and o * n < (i + 1) * m] for o in range(m)
        ]
        means = [float(Fraction(sum(map(int, taken)), len(taken))) for taken in seen]
        assert_same(adaptive_pool(x, lengths=(m,))[0, :, 0], means)
        assert_same(adaptive_pool(x, lengths=(m,), operation="max")[0, :, 0], [max(taken) for taken in seen])


@proves(adaptive_pool, adaptive_pool_vjp, by="law")
@pytest.mark.parametrize(
    ("operation", "pool", "vjp"), [("mean", avg_pool, avg_pool_vjp), ("max", max_pool, max_pool_vjp)]
)
def test_adaptive_pool_to_a_divisor_is_pooling(operation, pool, vjp):
    x = integers("x", 2, 6, 4, 3)
    x[0, 2, 1, 0] = x[0, 3, 1, 0] = x[0, 3, 0, 0] = np.nan
    cotangent, windows = integers("cotangent", 2, 2, 2, 3), {"window": (3, 2), "strides": (3, 2)}
    x, cotangent = (x, cotangent) if operation == "max" else (carried(x), carried(cotangent))
    adaptive = {"lengths": (2, 2), "operation": operation}
    assert_same(adaptive_pool(x, **adaptive), pool(x, **windows))
    assert_same(adaptive_pool_vjp(x, cotangent, **adaptive)[0], vjp(x, cotangent, **windows)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": (2,)}, r"lengths must be 2 numbers of at least 1; got \(2,\)"),
        ({"lengths": (0, 2)}, r"lengths must be 2 numbers of at least 1; got \(0, 2\)"),
        ({"lengths": (2, 2), "operation": "sum"}, "operation must be mean or max; got 'sum'"),
    ],
)
def test_adaptive_pool_refuses_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        adaptive_pool(X, **options)


# --- bad input ---

X = np.zeros((2, 5, 6, 3))


@pytest.mark.parametrize("pool", [max_pool, avg_pool])
@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (X[0, 0], {}, r"x must have the axes \(batch, …, channels\)"),
        (X, {"window": 0}, "window must be at least 1; got 0"),
        (X, {"strides": (1, -1)}, "strides must be at least 1"),
        (
            X,
            {"window": (2, 7)},
            r"windows that reach over \(2, 7\) must fit into the input, padded to \(5, 6\)",
        ),
        (X, {"window": 2, "padding": ((0, 0), (0, 2))}, "padding must be less than a window"),
        (X, {"padding": "full"}, "padding must be valid, same, .*; got 'full'"),
        (X, {"window": (2, 2, 2)}, "window must be one number or 2"),
    ],
)
def test_poolings_refuse_bad_input(pool, x, options, message):
    with pytest.raises(ValueError, match=message):
        pool(x, **options)


# --- all of space, places, powers, kernels ---


@proves(global_pool, global_pool_vjp, by="worked figures")
def test_the_mean_and_the_maximum_of_a_line():
    x, g = line(1, 4, 4, -1), np.array([[12.0]])
    assert_same(global_pool(x), [[2]])
    assert_same(global_pool(x, operation="max", keepdims=True), [[[4]]])
    assert_same(global_pool_vjp(x, g)[0], line(3, 3, 3, 3))
    assert_same(global_pool_vjp(x, g, operation="max")[0], line(0, 6, 6, 0))
    assert_same(global_pool_vjp(x, g, operation="max", tie_gradient="first")[0], line(0, 12, 0, 0))


@proves(global_pool, global_pool_vjp, adaptive_pool, by="law")
@pytest.mark.parametrize("operation", ["mean", "max"])
@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 3, 4, 3), (1, 2, 3, 2, 2)])
def test_pooling_all_of_space_is_adaptive_pooling_to_one_place(operation, shape):
    x, options = carried(integers("x", *shape)), {"operation": operation}
    y = adaptive_pool(x, lengths=(1, 1, 1), **options)
    assert_same(global_pool(x, keepdims=True, **options), y)
    g = carried(integers("g", *y.shape))
    (expected,) = adaptive_pool_vjp(x, g, lengths=(1, 1, 1), **options)
    assert_same(global_pool_vjp(x, g, keepdims=True, tie_gradient="first", **options)[0], expected)


@proves(max_pool_with_argmax, max_pool_with_argmax_vjp, max_pool, max_pool_vjp, by="law")
@pytest.mark.parametrize("padding", ["valid", "same", ((1, 1), (0, 0))])
def test_indices_are_the_places_that_a_max_pooling_takes(padding):
    x, options = integers("x", 2, 5, 6, 3), {"window": (3, 2), "strides": (1, 2), "padding": padding}
    y, indices = max_pool_with_argmax(x, **options)
    assert_same(y, max_pool(x, **options))
    planes = np.reshape(x, (2, 30, 3))
    assert_same(np.take_along_axis(planes, np.reshape(indices, (2, -1, 3)), 1).reshape(y.shape), y)
    g = integers("g", *y.shape)
    (gradient,) = max_pool_with_argmax_vjp(x, g, **options)
    assert_same(gradient, max_pool_vjp(x, g, **options)[0])
    for b, c in np.ndindex(2, 3):
        expected = np.bincount(indices[b, ..., c].ravel(), g[b, ..., c].ravel(), minlength=30)
        assert_same(gradient[b, ..., c].ravel(), expected)


@proves(max_pool_with_argmax, by="worked figures")
def test_indices_are_counted_in_three_ways():
    x = np.array([[[1.0, 5], [2, 5]], [[4, 0], [3, 9]]])  # two samples of two places of two channels
    options = {"window": (2,), "strides": (2,)}
    counted = {"plane": [[[1, 0]], [[0, 1]]], "image": [[[2, 1]], [[0, 3]]], "batch": [[[2, 1]], [[4, 7]]]}
    for index, expected in counted.items():
        assert_same(max_pool_with_argmax(x, **options, index=index)[1], expected)


@proves(adaptive_max_pool_with_argmax, adaptive_max_pool_with_argmax_vjp, adaptive_pool, by="law")
@pytest.mark.parametrize("lengths", [(1, 1, 1), (2, 3, 2), (4, 7, 3)])
@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 3, 4, 3), (1, 2, 3, 2, 2)])
def test_adaptive_indices_are_the_places_that_adaptive_pooling_takes(shape, lengths):
    x = integers("x", *shape)
    y, indices = adaptive_max_pool_with_argmax(x, lengths=lengths)
    assert_same(y, adaptive_pool(x, lengths=lengths, operation="max"))
    planes = np.reshape(x, (len(x), -1, x.shape[-1]))
    assert_same(
        np.take_along_axis(planes, np.reshape(indices, (len(x), -1, x.shape[-1])), 1),
        np.reshape(y, (len(x), -1, x.shape[-1])),
    )
    g = integers("g", *y.shape)
    expected = adaptive_pool_vjp(x, g, lengths=lengths, operation="max")
    assert_same(adaptive_max_pool_with_argmax_vjp(x, g, lengths=lengths)[0], expected[0])


@proves(adaptive_max_pool_with_argmax, by="worked figures")
def test_the_places_of_the_maxima_of_five():
    y, indices = adaptive_max_pool_with_argmax(line(3, 1, 4, 4, 2), lengths=(2,))
    assert_same(y, line(4, 4))
    assert_same(indices, line(2, 2))


@proves(max_unpool, max_unpool_vjp, by="worked figures")
def test_numbers_go_to_their_places_and_cotangents_come_from_there():
    x, taps = line(5, 6), line(1, 0).astype(int)
    assert_same(max_unpool(x, taps, window=(2,), rest=(1,)), line(0, 5, 6, 0, 0))
    assert_same(max_unpool_vjp(x, taps, line(1, 2, 4, 8, 16), window=(2,), rest=(1,))[0], line(2, 4))


@proves(max_unpool, max_unpool_vjp, max_pool_with_argmax, by="law")
@pytest.mark.parametrize("shape", [(2, 3, 2), (1, 2, 3, 2), (2, 1, 3, 2, 1)])
def test_what_is_unpooled_is_pooled_again_and_its_gradient_is_the_adjoint(shape):
    window, rest = (2, 3, 2), (1, 0, 1)
    x = np.abs(integers("x", *shape)) + 1.0
    taps = Stream("pooling/taps").integers(0, int(np.prod(window[: x.ndim - 2])), shape)
    y = max_unpool(x, taps, window=window, rest=rest)
    assert_same(max_pool_with_argmax(y, window=window, strides=window)[0], x)
    g = integers("g", *y.shape)
    (dx,) = max_unpool_vjp(x, taps, g, window=window, rest=rest)
    assert_same(np.sum(g * y), np.sum(dx * x))


@proves(lp_pool, lp_pool_vjp, by="worked figures")
def test_the_norm_of_three_and_four_is_five():
    x, options = line(3, 4, 0, 0, -1), {"window": (2,), "strides": (2,)}
    assert_same(lp_pool(x, **options), line(5, 0))
    assert_same(lp_pool(x, **options, power=1, ceil_mode=True), line(7, 0, -1))
    assert_same(lp_pool(line(-3, -4), **options, power=1), line(-7))
    assert_same(lp_pool(line(0, -2), **options, power=4), line(2))
    # 27 + 64 + 125 = 216, and 1 + 216 + 512 = 729.
    cubes = {"window": (3,), "strides": (3,), "power": 3}
    assert_same(lp_pool(carried(line(3, 4, 5, -1, -6, -8)), **cubes), line(6, -9))
    (slopes,) = lp_pool_vjp(carried(line(3, 4, 5, -1, -6, -8)), carried(line(36, 81)), **cubes)
    assert_same(slopes, line(9, 16, 25, 1, 36, 64))
    largest = options | {"power": np.inf}
    assert_same(lp_pool(line(3, -4, 0, 0, -1), **largest, ceil_mode=True), line(4, 0, 1))
    assert_same(lp_pool_vjp(line(3, -4, -2, 2), line(5, 7), **largest)[0], line(0, -5, -7, 0))
    gradient = lp_pool_vjp(carried(x), carried(line(5, 7)), **options)[0]
    assert_same(gradient, line(3, 4, 0, 0, 0))


@proves(lp_pool, lp_pool_vjp, avg_pool, avg_pool_vjp, by="law")
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_power_of_one_is_a_sum(ceil_mode):
    x, options = integers("x", 2, 5, 7, 3), {"window": (2, 3), "strides": (2, 3), "ceil_mode": ceil_mode}
    counts = avg_pool(x, **options, count_padding=True)
    y = lp_pool(x, **options, power=1)
    taps = lp_pool(np.ones(x.shape), **options, power=1)
    assert_same(y, carried(counts) * taps)
    g = integers("g", *y.shape)
    assert_same(
        lp_pool_vjp(x, g, **options, power=1)[0], avg_pool_vjp(carried(x), carried(g) * taps, **options)[0]
    )


@proves(morphology2d, morphology2d_vjp, max_pool, max_pool_vjp, by="law")
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_dilation_by_zeros_is_a_max_pooling(padding):
    x, kernel = integers("x", 2, 5, 6, 3), np.zeros((3, 2, 3))
    options = {"strides": (2, 1), "dilation": (1, 2), "padding": padding}
    pooled = {"window": (3, 2), **options}
    y = morphology2d(x, kernel, **options)
    assert_same(y, max_pool(x, **pooled))
    assert_same(morphology2d(x, kernel, operation="erosion", **options), -max_pool(-x, **pooled))
    g = integers("g", *y.shape)
    dx, dkernel = morphology2d_vjp(x, kernel, g, **options)
    assert_same(dx, max_pool_vjp(x, g, **pooled)[0])
    assert_same(np.sum(dkernel), np.sum(g))


@proves(morphology2d, morphology2d_vjp, by="worked figures")
def test_a_dilation_and_an_erosion_of_a_line():
    x, kernel = np.reshape([1.0, 5, 2], (1, 1, 3, 1)), np.reshape([0.0, 4], (1, 2, 1))
    assert_same(morphology2d(x, kernel).ravel(), [9, 6])
    assert_same(morphology2d(x, kernel, operation="erosion").ravel(), [-3, 1])
    g = np.reshape([1.0, 2], (1, 1, 2, 1))
    dx, dkernel = morphology2d_vjp(x, kernel, g)
    assert_same(dx.ravel(), [0, 1, 2])
    assert_same(dkernel.ravel(), [0, 3])
    dx, dkernel = morphology2d_vjp(x, kernel, g, operation="erosion")
    assert_same(dx.ravel(), [1, 2, 0])
    assert_same(dkernel.ravel(), [0, -3])


PLANE = np.zeros((1, 4, 5, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: global_pool(PLANE, operation="sum"), "operation must be mean or max; got 'sum'"),
        (lambda: global_pool(PLANE[0, 0]), "x must have the axes"),
        (lambda: global_pool(PLANE[:, :0]), "x must have a place in space"),
        (lambda: max_pool_with_argmax(PLANE, window=(5, 1), strides=(1, 1)), "must fit into the input"),
        (lambda: max_pool_with_argmax(PLANE, window=(2, 2), strides=(0, 1)), "strides must be at least 1"),
        (
            lambda: max_pool_with_argmax(PLANE, window=(2, 2), strides=(1, 1), index="row"),
            "index must be plane, image or batch; got 'row'",
        ),
        (lambda: adaptive_max_pool_with_argmax(PLANE, lengths=(0, 1)), "at least 1"),
        (lambda: max_unpool(PLANE, np.zeros((1, 4, 5), int), window=(2, 2)), "taps must have shape"),
        (lambda: max_unpool(PLANE, np.full(PLANE.shape, 4), window=(2, 2)), "taps must lie between 0 and 3"),
        (
            lambda: lp_pool(PLANE, window=(2, 2), strides=(1, 1), power=5),
            "power must be 1, 2, 3, 4 or infinity",
        ),
        (lambda: lp_pool(PLANE, window=(5, 2), strides=(1, 1)), "must fit into the input"),
        (lambda: morphology2d(PLANE, np.zeros((2, 2, 3))), r"kernel must be \(height, width, 2\)"),
        (
            lambda: morphology2d(PLANE, np.zeros((2, 2, 2)), operation="open"),
            "dilation or erosion; got 'open'",
        ),
        (lambda: morphology2d(PLANE, np.zeros((5, 2, 2))), "must fit into the input"),
    ],
)
def test_what_cannot_be_pooled_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
