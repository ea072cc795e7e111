"""Normalization layers of Keras."""

from __future__ import annotations

from .layers import DTYPE, function, layer

LONE_VALUE = {"lone_value": ("bias", "gives the bias for a single value per channel")}
AFFINE = {"center": "bias is not None", "scale": "scale is not None"}
WEIGHTS = {"gamma": "scale", "beta": "bias"}


NORM = {"axis": "-1", "epsilon": "epsilon"}
SCALED = {"use_scale": (True, "always scales")}

layer("layer_norm", "keras.layers.LayerNormalization", NORM | AFFINE | DTYPE, WEIGHTS)
function("layer_norm", "keras.ops.layer_normalization", NORM, on="x, scale, bias")
layer("group_norm", "keras.layers.GroupNormalization", {"groups": "groups"} | NORM | AFFINE | DTYPE, WEIGHTS)
layer(
    "instance_norm",
    "keras.layers.GroupNormalization(groups=-1)",
    {"groups": "-1"} | NORM | AFFINE | DTYPE,
    WEIGHTS,
    fixed=LONE_VALUE,
)
layer("rms_norm", "keras.layers.RMSNormalization", NORM | DTYPE, {"scale": "scale"}, fixed=SCALED)
function("rms_norm", "keras.ops.rms_normalization", NORM, on="x, scale")
