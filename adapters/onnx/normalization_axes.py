"""Normalization of ONNX over the last axes, from one on."""

from __future__ import annotations

from .framework import function

OPTIONS = {"epsilon": "epsilon", "axis": "axes[0]"}
LAST = {
    "axes in ((1, 2, 3), (2, 3))": "normalizes all axes from one on",
    "parameters_along == 'normalized'": "has parameters for each place along these axes",
}

function(
    "layer_norm_over_axes",
    "onnx.LayerNormalization",
    OPTIONS,
    calls="node('LayerNormalization', 17)",
    on="x, scale, bias",
    where=LAST,
)
function(
    "rms_norm_over_axes",
    "onnx.RMSNormalization",
    OPTIONS,
    calls="node('RMSNormalization', 23)",
    on="x, scale",
    where=LAST,
)
