"""Layers that compute nothing, as jax.numpy writes them."""

from __future__ import annotations

from .framework import binds, jnp
from .modules import function

IN_ORDER = {"layout": ("channels_last", "lays out what it is given as it stands")}

function("reshape", "jax.numpy.reshape", on="x, (x.shape[0], *target)", fixed=IN_ORDER)
function("permute", "jax.numpy.transpose", {"axes": "axes"})
function(
    "unfold",
    "jax.lax.conv_general_dilated_patches",
    {
        "filter_shape": "window",
        "window_strides": "strides",
        "rhs_dilation": "dilation",
        "padding": "padding.upper() if isinstance(padding, str) else padding",
        "dimension_numbers": "('NHWC', 'HWIO', 'NHWC')",
    },
    where={"data != 'specials'": "a convolution with ones and zeros spreads NaN and infinity"},
    fixed={"channel_order": ("block", "the place in a block runs fastest")},
)


@binds("depth_to_space", "jax.numpy.transpose", composition=True)
def depth_to_space(x, *, block, channel_order):
    batch, height, width, _ = x.shape
    if channel_order == "channel":
        places = jnp.reshape(x, (batch, height, width, block, block, -1)).transpose(0, 1, 3, 2, 4, 5)
    else:
        places = jnp.reshape(x, (batch, height, width, -1, block, block)).transpose(0, 1, 4, 2, 5, 3)
    return jnp.reshape(places, (batch, height * block, width * block, -1))


@binds("space_to_depth", "jax.numpy.transpose", composition=True)
def space_to_depth(x, *, block, channel_order):
    batch, height, width, channels = x.shape
    blocks = jnp.reshape(x, (batch, height // block, block, width // block, block, channels))
    order = (0, 1, 3, 2, 4, 5) if channel_order == "channel" else (0, 1, 3, 5, 2, 4)
    return jnp.reshape(blocks.transpose(order), (batch, height // block, width // block, -1))
