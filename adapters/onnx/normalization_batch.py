"""Batch normalization of ONNX."""

from __future__ import annotations

from .convolution import X, Y
from .framework import function
from .normalization import AFFINE, EPSILON
from .normalization import filled as filled  # rows name it

function(
    "batch_norm",
    "onnx.BatchNormalization",
    EPSILON | {"momentum": "momentum", "training_mode": "1"},
    calls="node('BatchNormalization', 15, 3)",
    on=f"{X}, {AFFINE}, running_mean, running_variance",
    gives="y, mean, variance",
    returns=f"{Y}, mean, variance",
    fixed={
        "bessel": (False, "updates the running variance with that of the batch as a whole"),
        "lone_value": ("bias", "gives the bias for a single value per channel"),
        "infinite_mean": ("sum", "divides a sum by the count"),
    },
)
function(
    "batch_norm_inference",
    "onnx.BatchNormalization",
    EPSILON,
    calls="node('BatchNormalization', 15)",
    on=f"{X}, {AFFINE}, mean, variance",
    returns=Y,
    unused=("constant_statistics", "centred"),
)
