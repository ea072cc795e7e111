"""Convolutions: naive loops in exact integers, laws between operations, worked figures and bad input.

Integers of this size and their products and sums are exact in float64, so most comparisons are for equality.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.convolution import (
    conv,
    conv_transpose,
    conv_transpose_vjp,
    conv_vjp,
    depthwise_conv,
    depthwise_conv_vjp,
    locally_connected,
    locally_connected_vjp,
    separable_conv,
    separable_conv_vjp,
    tied_conv_transpose,
    tied_conv_transpose_vjp,
)
from assay.reference.dense import dense, dense_vjp


def integers(name, *shape):
    return Stream(f"convolution/{name}").integers(-9, 10, shape).astype(np.float64)


def normal(name, *shape):
    return carried(Stream(f"convolution/{name}").normal(shape))


# --- naive loops ---


def naive_widths(padding, length, kernel, stride, dilation):
    """Padding of one axis by search: the least that lets as many windows fit as strides do."""
    extent = (kernel - 1) * dilation + 1
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return extent - 1, 0
    if not isinstance(padding, str):
        return padding
    wanted = len(range(0, length, stride))
    fits = (p for p in itertools.count() if len(range(0, length + p - extent + 1, stride)) >= wanted)
    total = next(fits)
    return (total // 2, total - total // 2) if padding == "same" else (total - total // 2, total // 2)


def naive_conv(x, kernel, cotangent, strides, widths, dilation, groups):
    """Value and gradients of x and kernel of a 2-D convolution, by the definition, in integers."""
    batch, height, width, channels = x.shape
    kernel_height, kernel_width, _, filters = kernel.shape
    each, own = channels // groups, filters // groups
    (top, bottom), (left, right) = widths
    rows = range(-top, height + bottom - (kernel_height - 1) * dilation[0], strides[0])
    columns = range(-left, width + right - (kernel_width - 1) * dilation[1], strides[1])
    y = np.zeros((batch, len(rows), len(columns), filters), dtype=object)
    dx, dkernel = np.zeros(x.shape, dtype=object), np.zeros(kernel.shape, dtype=object)
    for (oy, row), (ox, column), ty, tx in itertools.product(
        enumerate(rows), enumerate(columns), range(kernel_height), range(kernel_width)
    ):
        iy, ix = row + ty * dilation[0], column + tx * dilation[1]
        if not (0 <= iy < height and 0 <= ix < width):
            continue
        for b, f, c in itertools.product(range(batch), range(filters), range(each)):
            channel = f // own * each + c
            seen, weight = int(x[b, iy, ix, channel]), int(kernel[ty, tx, c, f])
            y[b, oy, ox, f] += seen * weight
            if cotangent is not None:
                dx[b, iy, ix, channel] += int(cotangent[b, oy, ox, f]) * weight
                dkernel[ty, tx, c, f] += int(cotangent[b, oy, ox, f]) * seen
    return y.astype(np.float64), dx.astype(np.float64), dkernel.astype(np.float64)


PADDINGS = ("valid", "same", "same_lower", "causal", (1, 0), (0, 2), (3, 1))


@proves(conv, conv_vjp, by="naive loop")
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_convolution_is_the_naive_loop_on_an_exhaustive_grid(kernel, padding):
    weights = integers("kernel", kernel, 2, 3)
    for length, stride, dilation in itertools.product(range(1, 8), (1, 2, 3, 5), (1, 2, 3)):
        low, high = naive_widths(padding, length, kernel, stride, dilation)
        if length + low + high < (kernel - 1) * dilation + 1:
            continue
        x = integers(f"x{length}", 2, length, 2)
        chosen = padding if isinstance(padding, str) else (padding,)
        options = {"strides": stride, "padding": chosen, "dilation": dilation}
        y = conv(x, weights, **options)
        cotangent = integers("cotangent", *y.shape)
        expected = naive_conv(
            x[:, None],
            weights[None],
            cotangent[:, None],
            (1, stride),
            ((0, 0), (low, high)),
            (1, dilation),
            groups=1,
        )
        got = (y, *conv_vjp(x, weights, None, cotangent, **options)[:2])
        assert_same(got[0], expected[0][:, 0])
        assert_same(got[1], expected[1][:, 0])
        assert_same(got[2], expected[2][0])


@proves(conv, conv_vjp, by="naive loop")
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding", ["valid", "same", ((2, 0), (1, 3))])
@pytest.mark.parametrize(("strides", "dilation"), [((1, 1), (1, 1)), ((2, 1), (1, 3)), ((3, 2), (2, 1))])
def test_two_axes_and_groups_are_the_naive_loop(strides, dilation, padding, groups):
    x, kernel = integers("x", 2, 6, 7, 4), integers("kernel", 3, 2, 4 // groups, 6)
    widths = [
        naive_widths(
            padding if isinstance(padding, str) else padding[i], x.shape[i + 1], kernel.shape[i], s, d
        )
        for i, (s, d) in enumerate(zip(strides, dilation, strict=True))
    ]
    options = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    y = conv(x, kernel, **options)
    cotangent = integers("cotangent", *y.shape)
    expected = naive_conv(x, kernel, cotangent, strides, widths, dilation, groups)
    for got, wanted in zip((y, *conv_vjp(x, kernel, None, cotangent, **options)), expected, strict=False):
        assert_same(got, wanted)


def naive_transpose(x, kernel, stride, dilation, low, length):
    """Transposed convolution along one axis: every input adds its kernel where it falls into the output."""
    y = np.zeros((x.shape[0], length, kernel.shape[1]))
    for i, t in itertools.product(range(x.shape[1]), range(kernel.shape[0])):
        place = i * stride + t * dilation - low
        if 0 <= place < length:
            y[:, place] += np.einsum("bc,fc->bf", x[:, i], kernel[t])
    return y


CROPS = ("valid", "same", (0, 0), (1, 0), (0, 1), (2, 1), (0, -2), (1, -1))


@proves(conv_transpose, by="naive loop")
@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_transposed_convolution_is_the_naive_scatter_on_an_exhaustive_grid(kernel, crop):
    weights = integers("kernel", kernel, 3, 2)
    for n, stride, dilation in itertools.product(range(1, 6), (1, 2, 3, 5), (1, 2, 3)):
        extent = (kernel - 1) * dilation + 1
        full = (n - 1) * stride + extent
        if crop == "valid":
            low, length = 0, n * stride + max(extent - stride, 0)
        elif crop == "same":
            low, length = max(extent - stride, 0) // 2, n * stride
        else:
            low, length = crop[0], full - sum(crop)
        if length < 1:
            continue
        x = integers(f"x{n}", 2, n, 2)
        chosen = crop if isinstance(crop, str) else (crop,)
        y = conv_transpose(x, weights, strides=stride, padding=chosen, dilation=dilation)
        assert_same(y, naive_transpose(x, weights, stride, dilation, low, length))


# --- worked figures ---


@proves(conv, by="worked figures")
def test_correlation_of_worked_figures():
    # 1·1 + 2·10, 2·1 + 3·10, 3·1 + 4·10.
    x, kernel = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 10.0])
    assert_same(conv(x[None, :, None], kernel[:, None, None])[0, :, 0], [21.0, 32.0, 43.0])


@proves(conv, by="worked figures")
@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        # An even kernel pads by one: the odd element lies above, below, or all of it before.
        ("same", [21.0, 32.0, 43.0, 4.0]),
        ("same_lower", [10.0, 21.0, 32.0, 43.0]),
        ("causal", [10.0, 21.0, 32.0, 43.0]),
    ],
)
def test_same_padding_of_an_even_kernel(padding, expected):
    x, kernel = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 10.0])
    y = conv(x[None, :, None], kernel[:, None, None], padding=padding)
    assert_same(y[0, :, 0], expected)


@proves(conv_transpose, by="worked figures")
def test_transposed_convolution_of_worked_figures():
    x, kernel = np.array([1.0, 2.0]), np.array([1.0, 10.0, 100.0])
    shaped = x[None, :, None], kernel[:, None, None]
    full = conv_transpose(*shaped, strides=2)
    assert_same(full[0, :, 0], [1.0, 10.0, 102.0, 20.0, 200.0])
    same = conv_transpose(*shaped, strides=2, padding="same")
    assert_same(same[0, :, 0], [1.0, 10.0, 102.0, 20.0])
    reversed_taps = conv_transpose(*shaped, strides=2, flip=False)
    assert_same(reversed_taps[0, :, 0], [100.0, 10.0, 201.0, 20.0, 2.0])


@proves(depthwise_conv, by="worked figures")
def test_depthwise_output_channels_run_through_the_multiplier_first():
    x, kernel = np.array([[[1.0, 10.0]]]), np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    assert_same(depthwise_conv(x, kernel)[0, 0], [1.0, 2.0, 3.0, 40.0, 50.0, 60.0])


@proves(conv, by="published figures")
def test_convolution_of_dumoulin_and_visin_figure_1_1():
    # arXiv:1603.07285.
    x = [[3.0, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    kernel = [[0.0, 1, 2], [2, 2, 0], [0, 1, 2]]
    y = conv(np.array(x)[None, :, :, None], np.array(kernel)[:, :, None, None])
    assert_same(y[0, :, :, 0], [[12, 12, 17], [10, 17, 19], [9, 6, 14]])


@proves(conv_vjp, by="worked figures")
def test_gradients_of_a_convolution_of_worked_figures():
    x, kernel = np.array([1.0, 2.0, 3.0])[None, :, None], np.array([1.0, 10.0])[:, None, None]
    dx, dkernel, dbias = conv_vjp(x, kernel, np.zeros(1), np.array([2.0, 5.0])[None, :, None])
    assert_same(dx[0, :, 0], [2.0, 20.0 + 5.0, 50.0])
    assert_same(dkernel[:, 0, 0], [1 * 2.0 + 2 * 5.0, 2 * 2.0 + 3 * 5.0])
    assert_same(dbias, [7.0])


@proves(conv_transpose_vjp, by="worked figures")
def test_gradients_of_a_transposed_convolution_of_worked_figures():
    # The output is x₀, 10 x₀ + x₁, 10 x₁.
    x, kernel = np.array([3.0, 7.0])[None, :, None], np.array([1.0, 10.0])[:, None, None]
    cotangent = np.array([1.0, 2.0, 4.0])[None, :, None]
    dx, dkernel, dbias = conv_transpose_vjp(x, kernel, np.zeros(1), cotangent)
    assert_same(dx[0, :, 0], [1.0 + 20.0, 2.0 + 40.0])
    assert_same(dkernel[:, 0, 0], [3 * 1.0 + 7 * 2.0, 3 * 2.0 + 7 * 4.0])
    assert_same(dbias, [7.0])


# --- laws ---


@proves(conv, by="law")
def test_convolution_with_a_kernel_that_is_an_outer_product_is_one_convolution_per_axis():
    x, (a, b, c) = integers("x", 2, 5, 6, 7, 1), (integers(name, 3) for name in "abc")
    options = {"strides": (2, 1, 3), "padding": ((1, 0), (2, 1), (0, 1)), "dilation": (1, 2, 1)}
    y = x
    for axis, taps in enumerate((a, b, c)):
        shape = [3 if axis == other else 1 for other in range(3)]
        own = {
            "strides": [n if axis == other else 1 for other, n in enumerate(options["strides"])],
            "padding": [p if axis == other else (0, 0) for other, p in enumerate(options["padding"])],
            "dilation": [n if axis == other else 1 for other, n in enumerate(options["dilation"])],
        }
        y = conv(y, np.reshape(taps, (*shape, 1, 1)), **own)
    outer = np.einsum("i,j,k->ijk", a, b, c)[..., None, None]
    assert_same(conv(x, outer, **options), y)


@proves(conv_transpose, by="law")
def test_transposed_convolution_with_an_outer_product_is_one_along_each_axis():
    x, (a, b, c) = integers("x", 2, 3, 2, 4, 1), (integers(name, 3) for name in "abc")
    options = {"strides": (2, 1, 3), "padding": ((1, 0), (2, -1), (0, 1)), "dilation": (1, 2, 1)}
    y = x
    for axis, taps in enumerate((a, b, c)):
        own = {
            name: [each if axis == other else neutral for other, each in enumerate(options[name])]
            for name, neutral in (("strides", 1), ("padding", (0, 0)), ("dilation", 1))
        }
        y = conv_transpose(y, np.reshape(taps, [3 if axis == i else 1 for i in range(5)]), **own)
    outer = np.einsum("i,j,k->ijk", a, b, c)[..., None, None]
    assert_same(conv_transpose(x, outer, **options), y)


@proves(conv, dense, by="law")
def test_convolution_with_a_kernel_of_one_tap_is_a_dense_layer():
    x, kernel, bias = normal("x", 2, 5, 4, 3), normal("kernel", 1, 1, 3, 7), normal("bias", 7)
    assert_same(conv(x, kernel, bias), dense(x, np.reshape(kernel, (3, 7)), bias))


@proves(conv, dense, by="law")
def test_convolution_over_a_single_step_is_a_dense_layer():
    x, kernel, bias = normal("x", 6, 1, 3), normal("kernel", 3, 3, 7), normal("bias", 7)
    assert_same(conv(x, kernel, bias, padding="same")[:, 0], dense(x[:, 0], kernel[1], bias))
    assert_same(conv(x, kernel, bias, padding="causal")[:, 0], dense(x[:, 0], kernel[2], bias))


@proves(conv, conv_transpose, by="law")
def test_dilation_is_a_kernel_stuffed_with_zeros():
    x, kernel = integers("x", 2, 9, 11, 3), integers("kernel", 3, 2, 3, 5)
    stuffed = np.zeros((5, 4, 3, 5))
    stuffed[::2, ::3] = kernel
    assert_same(conv(x, kernel, dilation=(2, 3)), conv(x, stuffed))
    assert_same(
        conv_transpose(x, np.swapaxes(kernel, 2, 3)[..., :3], dilation=(2, 3)),
        conv_transpose(x, np.swapaxes(stuffed, 2, 3)[..., :3]),
    )


@proves(conv, by="law")
def test_padding_by_hand_is_padding():
    x, kernel = integers("x", 2, 5, 6, 3), integers("kernel", 3, 2, 3, 5)
    by_hand = np.pad(x, ((0, 0), (2, 1), (0, 3), (0, 0)))
    assert_same(conv(x, kernel, strides=2, padding=((2, 1), (0, 3))), conv(by_hand, kernel, strides=2))


@proves(conv, by="law")
def test_groups_are_convolutions_side_by_side():
    x, kernel, bias = integers("x", 2, 5, 6, 6), integers("kernel", 3, 2, 2, 9), integers("bias", 9)
    apart = [
        conv(x[..., 2 * g : 2 * g + 2], kernel[..., 3 * g : 3 * g + 3], bias[3 * g : 3 * g + 3])
        for g in range(3)
    ]
    assert_same(conv(x, kernel, bias, groups=3), np.concatenate(apart, axis=-1))


@proves(depthwise_conv, conv, by="law")
def test_depthwise_is_one_convolution_per_channel():
    x, kernel = integers("x", 2, 5, 6, 3), integers("kernel", 3, 2, 3, 4)
    apart = [conv(x[..., c : c + 1], kernel[:, :, c : c + 1]) for c in range(3)]
    assert_same(depthwise_conv(x, kernel), np.concatenate(apart, axis=-1))


@proves(conv_transpose, conv, by="law")
@pytest.mark.parametrize("crop", ["valid", "same", ((1, 0), (0, 2)), ((0, -1), (1, -2))])
@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution_is_the_adjoint(groups, crop):
    y, kernel = integers("y", 2, 4, 3, 6), integers("kernel", 3, 2, 4 // groups, 6)
    options = {"strides": (2, 3), "dilation": (1, 2), "groups": groups}
    up = conv_transpose(y, kernel, padding=crop, **options)
    x = integers("x", *up.shape)
    if isinstance(crop, str):
        # Extent and stride are 3 and 2, then 3 and 3.
        crop = ((0, 0), (0, 0)) if crop == "valid" else ((0, 1), (0, 0))
    down = conv(np.pad(x, ((0, 0), *((a, max(b, 0)) for a, b in crop), (0, 0))), kernel, **options)
    assert_same(np.sum(down[:, :4, :3] * y), np.sum(x * up))


@proves(conv_transpose, conv, by="law")
def test_transposed_convolution_without_flip_correlates_the_stuffed_input():
    x, kernel = integers("x", 2, 4, 3), integers("kernel", 3, 5, 3)
    stuffed = np.zeros((2, 7, 3))
    stuffed[:, ::2] = x
    assert_same(
        conv_transpose(x, kernel, strides=2, flip=False),
        conv(stuffed, np.swapaxes(kernel, 1, 2), padding=((2, 2),)),
    )


@proves(conv, by="law")
def test_a_shift_of_the_input_shifts_the_output():
    x, kernel = integers("x", 2, 9, 3), integers("kernel", 3, 3, 5)
    shifted = np.roll(x, 2, axis=1)
    assert_same(conv(shifted, kernel)[:, 2:], conv(x, kernel)[:, :-2])


def test_nan_reaches_the_windows_that_see_it_and_no_other():
    x, kernel = integers("x", 1, 9, 4), np.ones((2, 2, 6))
    x[0, 4, 1] = np.nan
    y = conv(x, kernel, dilation=3, groups=2)
    dx, dkernel, _ = conv_vjp(x, kernel, None, np.ones(y.shape), dilation=3, groups=2)
    expected = np.zeros(y.shape, bool)
    expected[0, [1, 4], :3] = True
    assert_same(np.isnan(y), expected)
    assert not np.isnan(dx).any()
    assert_same(np.isnan(dkernel).any(axis=(0, 2)), [False, True])


def test_what_is_cropped_has_no_part_in_the_gradient_of_the_kernel():
    x, kernel = np.array([[[np.nan], [2.0]]]), np.array([[[1.0]], [[3.0]]])
    cotangent = np.array([[[5.0], [7.0]]])
    _, absent, _ = conv_transpose_vjp(x, kernel, None, cotangent, padding=((1, 0),))
    # The first input's first tap is cropped: that tap meets the second input only.
    assert_same(absent[:, 0, 0], [10.0, np.nan])
    _, zero, _ = conv_transpose_vjp(x, kernel, None, cotangent, padding=((1, 0),), cropped="zero")
    assert np.isnan(zero).all()


@proves(conv_transpose, conv_transpose_vjp, by="law")
@pytest.mark.parametrize("cropped", ["absent", "zero"])
@pytest.mark.parametrize("flip", [True, False])
def test_both_conventions_of_cropping_agree_on_finite_input(flip, cropped):
    x, kernel = integers("x", 2, 4, 3, 6), integers("kernel", 3, 2, 2, 6)
    options = {"strides": (2, 1), "padding": ((1, -1), (0, 1)), "groups": 2, "flip": flip}
    y = conv_transpose(x, kernel, **options)
    cotangent, direction = integers("cotangent", *y.shape), integers("direction", *kernel.shape)
    _, dkernel, _ = conv_transpose_vjp(x, kernel, None, cotangent, **options, cropped=cropped)
    assert_same(np.sum(dkernel * direction), np.sum(cotangent * conv_transpose(x, direction, **options)))


@proves(depthwise_conv_vjp, conv_vjp, by="law")
def test_depthwise_gradients_are_those_of_the_single_channels():
    x, kernel, bias = integers("x", 2, 5, 3), integers("kernel", 2, 3, 4), integers("bias", 12)
    cotangent = integers("cotangent", 2, 4, 12)
    dx, dkernel, dbias = depthwise_conv_vjp(x, kernel, bias, cotangent)
    for c in range(3):
        part = cotangent[..., 4 * c : 4 * c + 4]
        one = conv_vjp(x[..., c : c + 1], kernel[:, c : c + 1], None, part)
        assert_same(dx[..., c : c + 1], one[0])
        assert_same(dkernel[:, c : c + 1], one[1])
    assert_same(dbias, cotangent.sum(axis=(0, 1)))


@proves(separable_conv, separable_conv_vjp, by="worked figures")
def test_a_separable_convolution_of_worked_figures():
    x, kernel = np.array([[[1.0, 2.0], [3.0, 5.0]]]), np.array([[[1.0, 10.0], [2.0, 0.0]]])
    # The depthwise channels are x₀, 10 x₀, 2 x₁ and 0.
    pointwise, bias = np.array([[1.0], [1.0], [3.0], [7.0]]), np.array([0.5])
    assert_same(separable_conv(x, kernel, pointwise, bias), [[[23.5], [63.5]]])
    dx, dkernel, dpointwise, dbias = separable_conv_vjp(
        x, kernel, pointwise, bias, np.array([[[1.0], [2.0]]])
    )
    assert_same(dx, [[[11.0, 6.0], [22.0, 12.0]]])
    assert_same(dkernel, [[[7.0, 7.0], [36.0, 84.0]]])
    assert_same(dpointwise[:, 0], [7.0, 70.0, 24.0, 0.0])
    assert_same(dbias, [3.0])


@proves(separable_conv, separable_conv_vjp, conv, conv_vjp, by="law")
@pytest.mark.parametrize("padding", ["valid", "same", ((1, 0), (0, 2))])
def test_a_separable_convolution_is_one_with_the_product_of_its_kernels(padding):
    x, kernel = integers("x", 2, 5, 6, 3), integers("kernel", 3, 2, 3, 2)
    pointwise, bias = integers("pointwise", 6, 4), integers("bias", 4)
    options = {"strides": (2, 1), "padding": padding, "dilation": (1, 2)}
    whole = np.einsum("hwcm,cmf->hwcf", kernel, pointwise.reshape(3, 2, 4))
    y = separable_conv(x, kernel, pointwise, bias, **options)
    assert_same(y, conv(x, whole, bias, **options))
    g = integers("g", *y.shape)
    dx, dkernel, dpointwise, dbias = separable_conv_vjp(x, kernel, pointwise, bias, g, **options)
    wx, dwhole, wbias = conv_vjp(x, whole, bias, g, **options)
    assert_same((dx, dbias), (wx, wbias))
    assert_same(dkernel, np.einsum("hwcf,cmf->hwcm", dwhole, pointwise.reshape(3, 2, 4)))
    assert_same(dpointwise, np.einsum("hwcf,hwcm->cmf", dwhole, kernel).reshape(6, 4))


# --- a kernel tied to both uses ---


@proves(tied_conv_transpose, conv, by="law")
@pytest.mark.parametrize(("strides", "padding"), [(1, "valid"), ((2, 1), "same"), (2, "valid")])
def test_a_tied_transpose_is_the_adjoint_so_that_the_product_is_a_squared_norm(strides, padding):
    x, kernel = integers("x", 2, 6, 4, 3), integers("kernel", 2, 3, 3, 5)
    hidden = conv(x, kernel, strides=strides, padding=padding)
    y = tied_conv_transpose(x, kernel, strides=strides, padding=padding)
    # Input that no window reached whole has no place in the output.
    seen = x[:, : y.shape[1], : y.shape[2]]
    assert_same(np.sum(seen * y), np.sum(hidden * hidden))


@proves(tied_conv_transpose, tied_conv_transpose_vjp, by="worked figures")
def test_a_tied_transpose_of_worked_figures():
    x, kernel = np.array([[[1.0], [2.0], [4.0]]]), np.array([[[10.0]], [[1.0]]])
    assert_same(tied_conv_transpose(x, kernel)[0, :, 0], [120.0, 252.0, 24.0])
    assert_same(tied_conv_transpose(x, kernel, flip=False)[0, :, 0], [12.0, 144.0, 240.0])
    dx, dkernel = tied_conv_transpose_vjp(x, kernel, np.array([[[1.0], [0.0], [0.0]]]))
    assert_same(dx[0, :, 0], [100.0, 10.0, 0.0])
    # y₀ = W₀ (W₀ x₀ + W₁ x₁)
    assert_same(dkernel[:, 0, 0], [22.0, 20.0])


@proves(tied_conv_transpose_vjp, conv_vjp, conv_transpose_vjp, by="law")
def test_the_gradient_of_a_tied_kernel_is_the_sum_over_both_uses():
    x, kernel = integers("x", 2, 6, 3), integers("kernel", 2, 3, 4)
    hidden, g = conv(x, kernel), integers("g", 2, 6, 3)
    dhidden, second, _ = conv_transpose_vjp(hidden, kernel, None, g)
    dx, first, _ = conv_vjp(x, kernel, None, dhidden)
    assert_same(tied_conv_transpose_vjp(x, kernel, g), (dx, first + second))


# --- locally connected layers ---


@proves(locally_connected, locally_connected_vjp, by="worked figures")
def test_a_locally_connected_layer_of_worked_figures():
    x = np.array([[[1.0], [2.0], [4.0]]])
    kernel, bias = np.array([[1.0, 10.0], [3.0, -1.0]]).reshape(2, 2, 1, 1), np.array([[0.5], [0.25]])
    assert_same(locally_connected(x, kernel, bias), [[[21.5], [2.25]]])
    dx, dkernel, dbias = locally_connected_vjp(x, kernel, bias, np.array([[[1.0], [2.0]]]))
    assert_same(dx, [[[1.0], [16.0], [-2.0]]])
    assert_same(dkernel[..., 0, 0], [[1.0, 2.0], [4.0, 8.0]])
    assert_same(dbias, [[1.0], [2.0]])


@proves(locally_connected, locally_connected_vjp, conv, conv_vjp, by="law")
@pytest.mark.parametrize("padding", ["valid", "same", "same_lower", ((1, 0), (0, 2))])
def test_with_one_kernel_for_all_places_it_is_the_convolution(padding):
    x, kernel, bias = integers("x", 2, 5, 7, 3), integers("kernel", 2, 3, 3, 4), integers("bias", 4)
    options = {"strides": (2, 1), "padding": padding}
    y = conv(x, kernel, bias, **options)
    places = y.shape[1:3]
    own = np.broadcast_to(kernel, (*places, *kernel.shape)), np.broadcast_to(bias, (*places, 4))
    assert_same(locally_connected(x, *own, **options), y)
    g = integers("g", *y.shape)
    dx, dkernel, dbias = locally_connected_vjp(x, *own, g, **options)
    shared = conv_vjp(x, kernel, bias, g, **options)
    assert_same((dx, dkernel.sum(axis=(0, 1)), dbias.sum(axis=(0, 1))), shared)


@proves(locally_connected, locally_connected_vjp, dense, dense_vjp, by="law")
@pytest.mark.parametrize(("strides", "padding", "places"), [(1, "valid", 5), (2, "same", 4)])
def test_a_locally_connected_layer_is_a_dense_one_with_a_banded_matrix(strides, padding, places):
    x, kernel = integers("x", 3, 7, 2), integers("kernel", places, 3, 2, 4)
    options = {"strides": strides, "padding": padding}
    units = np.eye(14).reshape(14, 7, 2)
    matrix = locally_connected(units, kernel, **options).reshape(14, places * 4)
    rows, columns = np.nonzero(matrix)
    low = 1 if padding == "same" else 0
    tap = rows // 2 + low - strides * (columns // 4)
    assert_same(np.unique(tap), [0, 1, 2])
    y = locally_connected(x, kernel, **options)
    assert_same(y, dense(x.reshape(3, 14), matrix).reshape(3, places, 4))
    g = integers("g", *y.shape)
    dx, dmatrix, _ = dense_vjp(x.reshape(3, 14), matrix, None, g.reshape(3, -1))
    got, dkernel, _ = locally_connected_vjp(x, kernel, None, g, **options)
    assert_same(got, dx.reshape(x.shape))
    direction = integers("direction", *kernel.shape)
    towards = locally_connected(units, direction, **options).reshape(matrix.shape)
    assert_same(np.sum(dkernel * direction), np.sum(dmatrix * towards))


# --- a convolution beside a dense layer, and what a call leaves alone ---


@proves(conv, conv_vjp, dense, dense_vjp, by="law")
def test_a_convolution_over_one_step_is_a_dense_layer():
    x, kernel, bias = integers("x", 3, 1, 4), integers("kernel", 1, 4, 6), integers("bias", 6)
    assert_same(conv(x, kernel, bias)[:, 0], dense(x[:, 0], kernel[0], bias))
    g = integers("g", 3, 1, 6)
    dx, dkernel, dbias = conv_vjp(x, kernel, bias, g)
    assert_same((dx[:, 0], dkernel[0], dbias), dense_vjp(x[:, 0], kernel[0], bias, g[:, 0]))


@proves(conv, conv_vjp, dense, dense_vjp, by="law")
def test_a_convolution_with_a_kernel_as_long_as_its_input_is_a_dense_layer_on_all_steps():
    x, kernel, bias = integers("x", 3, 5, 4), integers("kernel", 5, 4, 6), integers("bias", 6)
    flat, matrix = x.reshape(3, 20), kernel.reshape(20, 6)
    assert_same(conv(x, kernel, bias)[:, 0], dense(flat, matrix, bias))
    g = integers("g", 3, 1, 6)
    dx, dkernel, dbias = conv_vjp(x, kernel, bias, g)
    of_dense = dense_vjp(flat, matrix, bias, g[:, 0])
    assert_same((dx.reshape(3, 20), dkernel.reshape(20, 6), dbias), of_dense)


@proves(conv, dense, by="law")
def test_with_same_padding_one_step_sees_one_tap_alone():
    x, kernel = integers("x", 3, 1, 4), integers("kernel", 3, 4, 6)
    assert_same(conv(x, kernel, padding="same")[:, 0], dense(x[:, 0], kernel[1]))
    assert_same(conv(x, kernel[:2], padding="same")[:, 0], dense(x[:, 0], kernel[0]))
    assert_same(conv(x, kernel, padding="causal")[:, 0], dense(x[:, 0], kernel[2]))


@proves(conv_vjp, by="law")
def test_the_tap_that_sees_padding_alone_has_no_gradient():
    x, kernel, g = integers("x", 3, 1, 4), integers("kernel", 2, 4, 6), integers("g", 3, 1, 6)
    _, dkernel, _ = conv_vjp(x, kernel, np.zeros(6), g, padding="same")
    assert_same(dkernel, np.stack([x[:, 0].T @ g[:, 0], np.zeros((4, 6))]))


@proves(conv, by="worked figures")
def test_a_kernel_of_columns_sees_what_changes_along_a_row():
    kernel = np.repeat([[-1.0, 0.0, 1.0]], 3, axis=0)[:, :, None, None]
    upright, level = np.zeros((1, 3, 5, 1)), np.zeros((1, 3, 5, 1))
    upright[0, :, 2], level[0, 1] = 1.0, 1.0
    assert_same(conv(upright, kernel)[0, 0, :, 0], [3.0, 0.0, -3.0])
    assert_same(conv(level, kernel)[0, 0, :, 0], np.zeros(3))


@proves(conv, by="worked figures")
@pytest.mark.parametrize(
    ("length", "window", "stride", "low", "high"),
    [
        (5, 2, 1, 0, 1),
        (5, 4, 1, 1, 2),
        (6, 3, 2, 0, 1),
        (5, 3, 2, 1, 1),
        (6, 4, 2, 1, 1),
        (5, 4, 3, 1, 1),
        (6, 2, 3, 0, 0),
    ],
)
def test_same_puts_the_odd_element_of_an_even_kernel_on_the_high_side(length, window, stride, low, high):
    x, kernel = integers("x", 2, length, 3), integers("kernel", window, 3, 4)
    padded = conv(x, kernel, strides=stride, padding=((low, high),))
    assert_same(conv(x, kernel, strides=stride, padding="same"), padded)
    mirrored = conv(x, kernel, strides=stride, padding=((high, low),))
    assert_same(conv(x, kernel, strides=stride, padding="same_lower"), mirrored)


# --- bad input ---

X, KERNEL = np.zeros((2, 6, 4)), np.zeros((3, 2, 6))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X[0], KERNEL), {}, r"x must have the axes \(batch, …, channels\); got shape \(6, 4\)"),
        ((X, KERNEL[0]), {}, "kernel must have the axes"),
        ((X, KERNEL), {}, r"x must have 1 groups of 2 channels as the kernel has; got shape \(2, 6, 4\)"),
        ((X, KERNEL), {"groups": 4}, "groups must divide the 6 filters; got 4"),
        ((X, KERNEL), {"groups": 0}, "groups must divide the 6 filters; got 0"),
        ((X, KERNEL, np.zeros(1)), {"groups": 2}, r"bias must have shape \(6,\)"),
        ((X, KERNEL), {"groups": 2, "strides": 0}, "strides must be at least 1; got 0"),
        ((X, KERNEL), {"groups": 2, "strides": (1, 1)}, "strides must be one number or 1"),
        ((X, KERNEL), {"groups": 2, "dilation": -1}, "dilation must be at least 1; got -1"),
        ((X, KERNEL), {"groups": 2, "dilation": 3}, r"must fit into the input, padded to \(6,\)"),
        ((X, KERNEL), {"groups": 2, "padding": "full"}, "padding must be valid, same, .*; got 'full'"),
        ((X, KERNEL), {"groups": 2, "padding": ((0, 0), (0, 0))}, "padding must be valid, same"),
    ],
)
def test_convolution_refuses_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        conv(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[0, 0], KERNEL), r"x must have the axes \(batch, …, channels\); got shape \(4,\)"),
        ((X, KERNEL), "kernel must have the axes"),
        ((X, np.zeros((4, 3, 2, 6))), r"x must have 2 channels as the kernel has; got shape \(2, 6, 4\)"),
        ((X, np.zeros((6, 3, 4, 5))), r"kernel must begin with the places \(4,\); got \(6, 3, 4, 5\)"),
        ((X, np.zeros((4, 3, 4, 5)), np.zeros(5)), r"bias must have shape \(4, 5\)"),
        ((X, np.zeros((4, 7, 4, 5))), "must fit into the input"),
    ],
)
def test_a_locally_connected_layer_refuses_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        locally_connected(*arguments)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X, KERNEL), {}, "x must have 6 channels as the kernel has"),
        ((X, KERNEL[..., :4]), {"groups": 3}, "groups must divide the 4 channels; got 3"),
        ((X, KERNEL[..., :4]), {"padding": "causal"}, "padding must be valid, same or pairs"),
        ((X, KERNEL[..., :4]), {"padding": ((4, 4),)}, "padding must leave something of the output"),
        ((X, KERNEL[..., :4]), {"padding": ()}, r"padding must have a pair \(low, high\) per axis"),
        ((X, KERNEL[..., :4], np.zeros(3)), {}, r"bias must have shape \(2,\)"),
        ((X, KERNEL[..., :4]), {"strides": 0}, "strides must be at least 1"),
        ((X, KERNEL[..., :4]), {"dilation": 0}, "dilation must be at least 1"),
    ],
)
def test_transposed_convolution_refuses_bad_input(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        conv_transpose(*arguments, **options)
