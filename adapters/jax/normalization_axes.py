"""Normalization of flax over axes of one's choice."""

from __future__ import annotations

from .modules import RNGS, linen_module, nnx_module

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
