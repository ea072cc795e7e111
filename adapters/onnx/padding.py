"""Padding of ONNX."""

from __future__ import annotations

import numpy as np

from .framework import function

MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pads(widths, axes):
    """Widths of all low sides, then of all high ones: none of samples and channels."""
    inner = widths[: axes - 2]
    return np.array([0, *(low for low, _ in inner), 0, 0, *(high for _, high in inner), 0])


function(
    "pad",
    "onnx.Pad",
    {"mode": "MODES[mode]"},
    calls="node('Pad', 19)",
    on="x, pads(widths, x.ndim), np.array(value, x.dtype)",
    where={"mode != 'symmetric'": "has no such mode"},
)
