"""Operators of ONNX that move elements: channels first."""

from __future__ import annotations

from .convolution import X, Y
from .convolution import pads as pads  # rows name it
from .framework import function

BLOCK = {"blocksize": "block"}

function(
    "depth_to_space",
    "onnx.DepthToSpace",
    BLOCK | {"mode": "'DCR' if channel_order == 'channel' else 'CRD'"},
    calls="node('DepthToSpace', 13)",
    on=X,
    returns=Y,
)
function(
    "space_to_depth",
    "onnx.SpaceToDepth",
    BLOCK,
    calls="node('SpaceToDepth', 13)",
    on=X,
    returns=Y,
    fixed={"channel_order": ("channel", "the channel runs fastest")},
)
function("permute", "onnx.Transpose", {"perm": "axes"}, calls="node('Transpose', 13)")
function(
    "reshape",
    "onnx.Reshape",
    calls="node('Reshape', 13)",
    on="x, np.array([len(x), *target])",
    fixed={"layout": ("channels_last", "lays out what it is given as it stands")},
)
function(
    "fold",
    "onnx.Col2Im",
    {"strides": "strides", "dilations": "dilation", "pads": "pads(padding)"},
    calls="node('Col2Im', 18)",
    on="np.moveaxis(x, -1, 1).reshape(len(x), x.shape[-1], -1), np.array(lengths), np.array(window)",
    returns=Y,
    fixed={"channel_order": ("block", "the place in the block runs fastest")},
)
