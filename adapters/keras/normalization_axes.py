"""Normalization of Keras over axes of one's choice, and by norms."""

from __future__ import annotations

from .layers import DTYPE, function, layer

AXES = {"axis": "axes", "epsilon": "epsilon"}
OWN = {"parameters_along": ("normalized", "has parameters for each place that is normalized")}
WEIGHTS = {"gamma": "scale", "beta": "bias"}
NORMS = {"power != 'max'": "takes a power", "len(axes) == 1 or power == 2": "takes one axis of other norms"}
EUCLIDEAN = {"power": (2, "takes the Euclidean norm"), "epsilon": (1e-12, "has no other")}

layer("layer_norm_over_axes", "keras.layers.LayerNormalization", AXES | DTYPE, WEIGHTS, fixed=OWN)
function(
    "layer_norm_over_axes",
    "keras.ops.layer_normalization",
    AXES,
    {"gamma": "scale", "beta": "bias"},
    fixed=OWN,
)
layer("rms_norm_over_axes", "keras.layers.RMSNormalization", AXES | DTYPE, {"scale": "scale"}, fixed=OWN)
function("rms_norm_over_axes", "keras.ops.rms_normalization", AXES, {"scale": "scale"}, fixed=OWN)
function(
    "normalize",
    "keras.ops.normalize",
    {"axis": "axes if len(axes) > 1 else axes[0]", "order": "power", "epsilon": "epsilon"},
    where=NORMS,
)
layer("normalize", "keras.layers.UnitNormalization", {"axis": "axes"} | DTYPE, fixed=EUCLIDEAN)

BATCH = {
    "axis": "axis",
    "momentum": "momentum",
    "epsilon": "epsilon",
    "center": "bias is not None",
    "scale": "scale is not None",
}
RUNNING = WEIGHTS | {"moving_mean": "running_mean", "moving_variance": "running_variance"}
layer(
    "batch_norm_over_axis",
    "keras.layers.BatchNormalization(axis)",
    BATCH | DTYPE,
    RUNNING,
    on="x, training=True",
    gives="y, kept",
    returns="y, kept['moving_mean'], kept['moving_variance']",
)
