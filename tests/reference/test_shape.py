"""Shapes: the definition element by element, inverses, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, proves

from assay.numerics.generator import Stream
from assay.reference.shape import (
    channel_shuffle,
    channel_shuffle_vjp,
    depth_to_space,
    depth_to_space_vjp,
    fold,
    fold_vjp,
    permute,
    permute_vjp,
    repeat_vector,
    repeat_vector_vjp,
    reshape,
    reshape_vjp,
    space_to_batch,
    space_to_batch_vjp,
    space_to_depth,
    space_to_depth_vjp,
    unfold,
    unfold_vjp,
)

ORDERS = ("channel", "block")


def counted(*shape):
    """Each element its number."""
    return np.arange(float(np.prod(shape))).reshape(shape)


def integers(name, *shape):
    return Stream(f"shape/{name}").integers(-9, 10, shape).astype(np.float64)


def assert_adjoint(layer, gradient, x, **options):
    """That ⟨g, layer(x)⟩ = ⟨layerᵀ(g), x⟩, exactly: of integers."""
    y = layer(x, **options)
    cotangent = integers("g", *y.shape)
    (dx,) = gradient(x, cotangent, **options)
    assert_same(np.sum(cotangent * y), np.sum(dx * x))


@proves(depth_to_space, by="naive loop")
@pytest.mark.parametrize("channel_order", ORDERS)
@pytest.mark.parametrize("block", [1, 2, 3])
def test_depth_to_space_is_the_definition(block, channel_order):
    batch, height, width, channels = 2, 2, 3, 5
    x = counted(batch, height, width, channels * block**2)
    y = depth_to_space(x, block=block, channel_order=channel_order)
    expected = np.zeros((batch, height * block, width * block, channels))
    for b, h, w, i, j, c in np.ndindex(batch, height, width, block, block, channels):
        place = i * block + j
        depth = place * channels + c if channel_order == "channel" else c * block**2 + place
        expected[b, h * block + i, w * block + j, c] = x[b, h, w, depth]
    assert_same(y, expected)


@proves(depth_to_space, space_to_depth, depth_to_space_vjp, space_to_depth_vjp, by="law")
@pytest.mark.parametrize("channel_order", ORDERS)
@pytest.mark.parametrize("block", [2, 3])
def test_each_undoes_the_other_and_is_its_gradient(block, channel_order):
    options = {"block": block, "channel_order": channel_order}
    deep, wide = counted(2, 2, 3, 4 * block**2), counted(2, 2 * block, 3 * block, 4)
    assert_same(space_to_depth(depth_to_space(deep, **options), **options), deep)
    assert_same(depth_to_space(space_to_depth(wide, **options), **options), wide)
    assert_same(depth_to_space_vjp(deep, wide, **options)[0], space_to_depth(wide, **options))
    assert_same(space_to_depth_vjp(wide, deep, **options)[0], depth_to_space(deep, **options))


@proves(depth_to_space, space_to_depth, by="worked figures")
def test_two_channels_of_one_block():
    x = np.arange(8.0).reshape(1, 1, 1, 8)
    assert_same(depth_to_space(x)[0], [[[0, 1], [2, 3]], [[4, 5], [6, 7]]])
    assert_same(depth_to_space(x, channel_order="block")[0], [[[0, 4], [1, 5]], [[2, 6], [3, 7]]])
    y = np.array([[[[0.0, 1], [2, 3]], [[4, 5], [6, 7]]]])
    assert_same(space_to_depth(y)[0, 0, 0], [0, 1, 2, 3, 4, 5, 6, 7])
    assert_same(space_to_depth(y, channel_order="block")[0, 0, 0], [0, 2, 4, 6, 1, 3, 5, 7])


@pytest.mark.parametrize("layer", [depth_to_space, space_to_depth])
@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 4, 4), {}, r"x must have the axes \(batch, height, width, channels\)"),
        ((1, 3, 4, 6), {}, "x must have blocks of"),
        ((1, 4, 4, 4), {"block": 0}, "block must be at least 1; got 0"),
        ((1, 4, 4, 4), {"channel_order": "last"}, "channel_order must be channel or block"),
    ],
)
def test_shapes_refuse_bad_input(layer, shape, options, message):
    with pytest.raises(ValueError, match=message):
        layer(np.zeros(shape), **options)


@proves(reshape, reshape_vjp, by="worked figures")
def test_a_sample_is_laid_out_in_either_layout():
    x = np.array([[[1.0, 2], [3, 4], [5, 6]]])  # one sample of 3×2
    assert_same(reshape(x, target=(-1,)), [[1, 2, 3, 4, 5, 6]])
    assert_same(reshape(x, target=(2, -1)), [[[1, 2, 3], [4, 5, 6]]])
    assert_same(reshape(x, target=(-1,), layout="channels_first"), [[1, 3, 5, 2, 4, 6]])
    cotangent = np.array([[1.0, 2, 3, 4, 5, 6]])
    assert_same(reshape_vjp(x, cotangent, target=(-1,))[0], x)
    (gradient,) = reshape_vjp(x, cotangent, target=(-1,), layout="channels_first")
    assert_same(gradient, [[[1, 4], [2, 5], [3, 6]]])


@proves(reshape, permute, by="law")
def test_channels_first_is_a_permutation_and_then_channels_last():
    x = counted(2, 3, 4, 5)
    moved = permute(x, axes=(0, 2, 3, 1))
    assert_same(reshape(x, target=(-1,), layout="channels_first"), reshape(moved, target=(-1,)))


@proves(reshape, reshape_vjp, permute, permute_vjp, by="law")
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_what_is_laid_out_anew_has_its_inverse_as_gradient(layout):
    x = counted(2, 3, 4, 5)
    y = reshape(x, target=(6, -1), layout=layout)
    assert_same(reshape_vjp(x, y, target=(6, -1), layout=layout)[0], x)
    assert_same(permute_vjp(x, permute(x, axes=(2, 0, 3, 1)), axes=(2, 0, 3, 1))[0], x)


@proves(permute, by="naive loop")
def test_each_axis_of_a_permutation_is_the_one_named():
    x = counted(2, 3, 4)
    y = permute(x, axes=(2, 0, 1))
    assert y.shape == (4, 2, 3)
    for i, j, k in np.ndindex(2, 3, 4):
        assert_same(y[k, i, j], x[i, j, k])


@proves(repeat_vector, repeat_vector_vjp, by="worked figures")
def test_a_vector_is_repeated_and_its_gradients_add_up():
    x = np.array([[1.0, 2], [3, 4]])
    assert_same(repeat_vector(x, steps=3), [[[1, 2]] * 3, [[3, 4]] * 3])
    cotangent = np.array([[[1.0, 2], [4, 8]], [[0, 1], [1, 1]]])
    assert_same(repeat_vector_vjp(x, cotangent, steps=2)[0], [[5, 10], [1, 2]])


@proves(repeat_vector, repeat_vector_vjp, by="law")
def test_the_sum_over_steps_is_the_adjoint_of_repeating():
    assert_adjoint(repeat_vector, repeat_vector_vjp, integers("x", 3, 4), steps=5)


@proves(channel_shuffle, channel_shuffle_vjp, by="worked figures")
def test_six_channels_are_dealt_out():
    x = np.array([[0.0, 1, 2, 3, 4, 5]])
    assert_same(channel_shuffle(x, groups=2), [[0, 3, 1, 4, 2, 5]])
    assert_same(channel_shuffle(x, groups=3), [[0, 2, 4, 1, 3, 5]])
    assert_same(channel_shuffle_vjp(x, channel_shuffle(x, groups=2), groups=2)[0], x)


@proves(channel_shuffle, channel_shuffle_vjp, by="law")
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_dealing_out_is_undone_by_its_gradient(groups):
    x = integers("x", 2, 3, 6)
    assert_adjoint(channel_shuffle, channel_shuffle_vjp, x, groups=groups)
    assert_same(channel_shuffle(channel_shuffle(x, groups=groups), groups=6 // groups), x)


GEOMETRIES = (
    {"window": (2, 3)},
    {"window": (2, 2), "strides": (2, 1), "padding": ((1, 0), (0, 2))},
    {"window": (1, 2), "dilation": (1, 2), "padding": "same"},
)


@proves(unfold, by="naive loop")
@pytest.mark.parametrize("channel_order", ORDERS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_each_channel_of_an_unfolded_image_is_a_tap(geometry, channel_order):
    x = integers("x", 2, 4, 5, 3)
    y = unfold(x, **geometry, channel_order=channel_order)
    (rows, columns), (step, side) = geometry["window"], geometry.get("strides", (1, 1))
    down, right = geometry.get("dilation", (1, 1))
    padding = geometry.get("padding", ((0, 0), (0, 0)))
    (top, _), (left, _) = ((0, 0), (1, 1)) if padding == "same" else padding
    for b, o, p, i, j, c in np.ndindex(*y.shape[:3], rows, columns, 3):
        h, w, tap = step * o + down * i - top, side * p + right * j - left, i * columns + j
        expected = x[b, h, w, c] if 0 <= h < 4 and 0 <= w < 5 else 0.0
        place = tap * 3 + c if channel_order == "channel" else c * rows * columns + tap
        assert_same(y[b, o, p, place], expected)


@proves(unfold, unfold_vjp, fold, fold_vjp, by="law")
@pytest.mark.parametrize("channel_order", ORDERS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_fold_is_the_adjoint_of_unfold(geometry, channel_order):
    x, options = integers("x", 2, 4, 5, 3), geometry | {"channel_order": channel_order}
    assert_adjoint(unfold, unfold_vjp, x, **options)
    seen = unfold(x, **options)
    cotangent = integers("g", *seen.shape)
    folded = fold(cotangent, lengths=(4, 5), **options)
    assert_same(unfold_vjp(x, cotangent, **options)[0], folded)
    assert_same(fold_vjp(cotangent, x, **options)[0], seen)


@proves(fold, unfold, by="law")
def test_windows_that_meet_are_laid_back_in_their_places():
    x = integers("x", 2, 4, 6, 3)
    options = {"window": (2, 3), "strides": (2, 3)}
    assert_same(fold(unfold(x, **options), lengths=(4, 6), **options), x)


@proves(fold, by="worked figures")
def test_overlapping_windows_add_up():
    windows = np.array([[[[1.0, 2], [4, 8], [16, 32]]]])  # three windows of two, of one channel
    assert_same(fold(windows, lengths=(1, 4), window=(1, 2))[0, 0, :, 0], [1, 2 + 4, 8 + 16, 32])


@proves(space_to_batch, by="worked figures")
def test_every_second_place_becomes_a_sample():
    x = np.array([[[[1.0], [2]], [[3], [4]]], [[[5], [6]], [[7], [8]]]])  # two samples of 2×2
    assert_same(space_to_batch(x, block=(2, 2), widths=((0, 0), (0, 0))).ravel(), [1, 5, 2, 6, 3, 7, 4, 8])
    padded = space_to_batch(x[:1], block=(1, 2), widths=((0, 0), (1, 1)))
    assert_same(padded[..., 0], [[[0, 2], [0, 4]], [[1, 0], [3, 0]]])


@proves(space_to_batch, space_to_batch_vjp, by="law")
@pytest.mark.parametrize(
    ("block", "widths"), [((2, 3), ((0, 0), (0, 0))), ((2, 2), ((1, 1), (3, 1))), ((1, 1), ((2, 0), (0, 1)))]
)
def test_the_gradient_of_blocks_as_samples_is_their_adjoint(block, widths):
    x = integers("x", 2, 4, 6, 3)
    assert_adjoint(space_to_batch, space_to_batch_vjp, x, block=block, widths=widths)


@proves(space_to_batch, space_to_depth, by="law")
def test_the_places_of_a_block_are_samples_or_channels():
    x = counted(2, 4, 6, 3)
    samples = space_to_batch(x, block=(2, 2), widths=((0, 0), (0, 0)))
    channels = space_to_depth(x, block=2)
    together = np.moveaxis(np.reshape(samples, (4, 2, 2, 3, 3)), 0, -2)
    assert_same(np.reshape(together, channels.shape), channels)


IMAGE = np.zeros((1, 4, 5, 6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reshape(IMAGE, target=(7, -1)), r"120 numbers must fill target; got \(7, -1\)"),
        (lambda: reshape(IMAGE, target=(-1, -1)), "must fill target"),
        (lambda: reshape(IMAGE, target=(0, -1)), "must fill target"),
        (lambda: reshape(IMAGE, target=(119,)), "must fill target"),
        (lambda: reshape(IMAGE, target=(-1,), layout="last"), "layout must be channels_last or"),
        (lambda: reshape(np.zeros(3), target=(-1,)), "must have an axis beside the batch"),
        (lambda: permute(IMAGE, axes=(0, 1, 2)), "must name each of the 4 axes of x once"),
        (lambda: permute(IMAGE, axes=(0, 1, 2, 2)), "must name each of the 4 axes of x once"),
        (lambda: repeat_vector(np.zeros((2, 3)), steps=0), "steps must be at least 1; got 0"),
        (lambda: repeat_vector(IMAGE, steps=2), r"x must have the axes \(batch, features\)"),
        (lambda: channel_shuffle(IMAGE, groups=4), "groups must divide the 6 channels of x; got 4"),
        (lambda: channel_shuffle(IMAGE, groups=0), "groups must divide"),
        (lambda: unfold(IMAGE, window=(5, 1)), "must fit into the input"),
        (lambda: unfold(IMAGE, window=(2, 2), channel_order="x"), "channel_order must be channel or block"),
        (lambda: unfold(np.zeros((1, 4, 5)), window=(2, 2)), "two axes in space"),
        (lambda: fold(IMAGE, lengths=(5, 6), window=(2, 2)), "channels for each of 4 taps"),
        (lambda: fold(IMAGE, lengths=(5, 6), window=(2, 3)), r"must have \(4, 4\) places"),
        (lambda: space_to_batch(IMAGE, block=(3, 1), widths=((0, 0), (0, 0))), "blocks of 3×1 must fill x"),
        (lambda: space_to_batch(IMAGE, block=(2, 0), widths=((0, 0), (0, 0))), "block must be at least 1"),
        (lambda: space_to_batch(IMAGE, block=(1, 1), widths=((-1, 0), (0, 0))), "must not be negative"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
