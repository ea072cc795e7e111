"""Resizing of ONNX: channels first."""

from __future__ import annotations

from .convolution import X, Y
from .framework import function

NEAREST = {"half_pixel": "round_prefer_ceil", "align_corners": "round_prefer_ceil", "asymmetric": "floor"}

function(
    "resize",
    "onnx.Resize",
    {
        "mode": "method",
        "coordinate_transformation_mode": "coordinates",
        "nearest_mode": "NEAREST[coordinates] if method == 'nearest' else None",
        "cubic_coeff_a": "coefficient if method == 'cubic' else None",
        "exclude_outside": "border == 'renormalized' if method == 'cubic' or antialias else None",
        "antialias": "antialias",
    },
    calls="node('Resize', 19)",
    on=f"{X}, None, None, np.array([*x.shape[:1], *x.shape[-1:], *lengths[: x.ndim - 2]])",
    returns=Y,
    where={
        "method in ('nearest', 'linear', 'cubic')": "has three methods",
        "method != 'nearest' or not antialias": "stretches no kernel of the nearest",
    },
    fixed={"surplus": (0.0, "is given lengths"), "bins": ("fractional", "has no areas")},
)
function(
    "affine_grid",
    "onnx.AffineGrid",
    {"align_corners": "align_corners"},
    calls="node('AffineGrid', 20)",
    on="theta, np.array([len(theta), 1, *lengths[: theta.shape[1]]])",
)
function(
    "grid_sample",
    "onnx.GridSample",
    {
        "mode": "{'bilinear': 'linear', 'bicubic': 'cubic'}.get(mode, mode)",
        "padding_mode": "outside",
        "align_corners": "align_corners",
    },
    calls="node('GridSample', 20)",
    on=f"{X}, grid",
    returns=Y,
    where={
        "mode != 'bicubic' or outside != 'border'": "moves a place to the border before it reads around it"
    },
)
