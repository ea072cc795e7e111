"""Normalization of flax over axes of one's choice."""

from __future__ import annotations

from .modules import RNGS, linen_module, nnx_module
from .normalization import linen_norm, nnx_norm

NORM = {"epsilon": "epsilon", "dtype": "x.dtype"}
TWO_PASSES = {"use_fast_variance": "False"}
AXES = {
    "reduction_axes": "axes",
    "feature_axes": "axes if parameters_along == 'normalized' else -1",
}
CHANNELS = {"num_features": "x.shape[-1]", "reduction_axes": "axes"}
ALONG_CHANNELS = {"parameters_along": ("channels", "has one axis of parameters")}
WEIGHT, SCALE = {"scale": "scale", "bias": "bias"}, {"scale": "scale"}

linen_module("layer_norm_over_axes", "flax.linen.LayerNorm", NORM | TWO_PASSES | AXES, WEIGHT)
linen_module("rms_norm_over_axes", "flax.linen.RMSNorm", NORM | AXES, SCALE)
nnx_module(
    "layer_norm_over_axes",
    "flax.nnx.LayerNorm",
    NORM | TWO_PASSES | CHANNELS | RNGS,
    WEIGHT,
    fixed=ALONG_CHANNELS,
)
nnx_module("rms_norm_over_axes", "flax.nnx.RMSNorm", NORM | CHANNELS | RNGS, SCALE, fixed=ALONG_CHANNELS)

BATCH = NORM | {
    "axis": "axis",
    "momentum": "momentum",
    "use_running_average": "False",
    "use_fast_variance": "False",
    "use_scale": "scale is not None",
    "use_bias": "bias is not None",
}
RUNNING = WEIGHT | {"mean": "running_mean", "var": "running_variance"}
FEATURES = {"num_features": "x.shape[axis]"}
nnx_norm("batch_norm_over_axis", "flax.nnx.BatchNorm(axis)", FEATURES | BATCH | RNGS, RUNNING)
linen_norm("batch_norm_over_axis", "flax.linen.BatchNorm(axis)", BATCH, RUNNING)
