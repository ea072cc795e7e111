"""Layers of TensorFlow that compute nothing."""

from __future__ import annotations

from .framework import function

CHANNEL = {"channel_order": ("channel", "the channel runs fastest")}

for spec in ("depth_to_space", "space_to_depth"):
    function(spec, f"tf.nn.{spec}", {"block_size": "block"}, fixed=CHANNEL)
