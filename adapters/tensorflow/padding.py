"""Paddings of TensorFlow, and the cropping of images."""

from __future__ import annotations

from .framework import function

function(
    "pad",
    "tf.pad",
    {"mode": "mode.upper()", "constant_values": "value"},
    on="x, [(0, 0), *widths[: len(x.shape) - 2], (0, 0)]",
    where={
        "mode in ('constant', 'reflect', 'symmetric')": "TensorFlow has no such padding",
        "min(widths[0]) >= 0": "TensorFlow crops by no negative width",
    },
)

function(
    "crop",
    "tf.image.crop_to_bounding_box",
    {
        "offset_height": "widths[0][0]",
        "offset_width": "widths[1][0]",
        "target_height": "x.shape[1] - sum(widths[0])",
        "target_width": "x.shape[2] - sum(widths[1])",
    },
    where={"spatial == 2": "is of images"},
)
