"""Layers of Keras that compute nothing."""

from __future__ import annotations

from .layers import function

CHANNEL = {"channel_order": ("channel", "the channel runs fastest")}

for spec in ("depth_to_space", "space_to_depth"):
    function(
        spec, f"keras.ops.{spec}", {"block_size": "block", "data_format": "'channels_last'"}, fixed=CHANNEL
    )
