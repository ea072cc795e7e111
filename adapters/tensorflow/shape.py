"""Layers of TensorFlow that compute nothing."""

from __future__ import annotations

from .framework import function

CHANNEL = {"channel_order": ("channel", "the channel runs fastest")}

for spec in ("depth_to_space", "space_to_depth"):
    function(spec, f"tf.nn.{spec}", {"block_size": "block"}, fixed=CHANNEL)

IN_ORDER = {"layout": ("channels_last", "lays out what it is given as it stands")}

function("reshape", "tf.reshape", on="x, (x.shape[0], *target)", fixed=IN_ORDER)
function("permute", "tf.transpose", {"perm": "axes"})
function("space_to_batch", "tf.nn.space_to_batch", {"block_shape": "block", "paddings": "widths"})
function(
    "unfold",
    "tf.image.extract_patches",
    {
        "sizes": "(1, *window, 1)",
        "strides": "(1, *strides, 1)",
        "rates": "(1, *dilation, 1)",
        "padding": "padding.upper()",
    },
    where={"padding in ('valid', 'same')": "pads by name, 'VALID' or 'SAME'"},
    fixed=CHANNEL,
)
