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
    adaptive_pool,
    adaptive_pool_vjp,
    avg_pool,
    avg_pool_vjp,
    max_pool,
    max_pool_vjp,
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
