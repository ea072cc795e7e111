"""Normalization of ONNX: channels are axis 1, and what scales or shifts nothing is given as 1 or 0."""

from __future__ import annotations

import numpy as np

from .convolution import X, Y
from .framework import function

AFFINE = "filled(scale, x, 1), filled(bias, x, 0)"
EPSILON = {"epsilon": "epsilon"}


def filled(weight, x, value):
    """A weight of each channel, or the value for it that changes nothing."""
    return np.full(x.shape[-1], value, x.dtype) if weight is None else weight


function(
    "instance_norm",
    "onnx.InstanceNormalization",
    EPSILON,
    calls="node('InstanceNormalization', 6)",
    on=f"{X}, {AFFINE}",
    returns=Y,
    fixed={"lone_value": ("bias", "gives the bias for a single value")},
)
function(
    "group_norm",
    "onnx.GroupNormalization",
    EPSILON | {"num_groups": "groups"},
    calls="node('GroupNormalization', 21)",
    on=f"{X}, {AFFINE}",
    returns=Y,
)
function(
    "layer_norm",
    "onnx.LayerNormalization",
    EPSILON,
    calls="node('LayerNormalization', 17)",
    on="x, filled(scale, x, 1), bias",
)
function(
    "rms_norm",
    "onnx.RMSNormalization",
    EPSILON,
    calls="node('RMSNormalization', 23)",
    on="x, filled(scale, x, 1)",
)
function(
    "local_response_norm",
    "onnx.LRN",
    {"size": "window", "alpha": "alpha", "beta": "beta", "bias": "offset"},
    calls="node('LRN', 13)",
    on=X,
    returns=Y,
    where={"window % 2": "of an even number of channels, one more lies above than below"},
    fixed={"alpha_of": ("mean", "divides alpha by the number of channels")},
)
