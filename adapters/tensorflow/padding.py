"""Paddings of TensorFlow."""

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
