"""Pictures of axes: what an API's arrays look like, read off the expressions of its row."""

from __future__ import annotations

import pytest

from assay.adapters.binding import bindings
from assay.reports.axes import Array, arrays_of, letters, picture
from assay.specs import all_specs

SPECS = all_specs()


@pytest.mark.parametrize(
    ("spec", "api", "told"),
    [
        ("conv2d", "torch.nn.Conv2d", {"x": "NCHW", "weight": "OIhw"}),
        ("conv2d", "keras.layers.Conv2D", {"x": "NHWC", "kernel": "hwIO"}),
        ("conv2d", "flax.linen.Conv", {"x": "NHWC", "kernel": "hwIO"}),
        ("dense", "torch.nn.Linear", {"x": "NF", "weight": "OI"}),
        ("dense", "keras.layers.Dense", {"x": "NF", "kernel": "IO"}),
        (
            "dot_product_attention",
            "torch.nn.functional.scaled_dot_product_attention",
            {"query": "NAQD", "key": "NAKD", "value": "NAKV"},
        ),
        ("conv2d", "jax.lax.conv_general_dilated", {}),
    ],
)
def test_axes_are_told_in_the_order_that_the_api_has(spec, api, told):
    arrays = arrays_of(bindings()[f"{spec}:{api}"], SPECS[spec])
    assert {one.name: letters(one) for one in arrays} == told


def test_what_does_more_than_to_move_axes_has_no_picture():
    binding = bindings()["conv2d:torch.nn.Conv2d(torch.nn.functional.pad)"]
    assert [one.name for one in arrays_of(binding, SPECS["conv2d"])] == ["weight"]


def test_a_picture_says_names_and_an_axis_has_one_colour_everywhere():
    first = picture(Array("x", ("batch", "channels", "width")))
    last = picture(Array("x", ("batch", "width", "channels")))
    assert 'aria-label="x: batch, channels, width"' in first
    for axis, letter in (("channels", "C"), ("width", "W")):
        box = f'<span class="axis {axis}" title="{axis}">{letter}</span>'
        assert box in first
        assert box in last
