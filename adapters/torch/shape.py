"""Layers of PyTorch that compute nothing; its channels come first."""

from __future__ import annotations

from .modules import function, module

FORM = {
    "on": "x.movedim(-1, 1)",
    "returns": "y.movedim(1, -1)",
    "fixed": {"channel_order": ("block", "the place in a block runs fastest")},
}

for spec, way, name, option in (
    ("depth_to_space", "shuffle", "PixelShuffle", "upscale_factor"),
    ("space_to_depth", "unshuffle", "PixelUnshuffle", "downscale_factor"),
):
    function(spec, f"torch.nn.functional.pixel_{way}", {option: "block"}, **FORM)
    module(spec, f"torch.nn.{name}", {option: "block"}, **FORM)
