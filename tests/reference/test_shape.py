"""Shapes: the definition element by element, inverses, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, proves

from assay.reference.shape import depth_to_space, depth_to_space_vjp, space_to_depth, space_to_depth_vjp

ORDERS = ("channel", "block")


def counted(*shape):
    """Each element its number."""
    return np.arange(float(np.prod(shape))).reshape(shape)


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
