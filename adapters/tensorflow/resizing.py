"""Resizing of TensorFlow, which is of images."""

from __future__ import annotations

from .framework import function

NAMES = {"linear": "bilinear", "cubic": "bicubic"}

function(
    "resize",
    "tf.image.resize",
    {"method": "NAMES.get(method, method)", "antialias": "antialias"},
    on="x, lengths[:2]",
    returns="tf.cast(y, x.dtype)",
    fixed={
        "coordinates": ("half_pixel", "TensorFlow takes centres of places"),
        "coefficient": (-0.5, "TensorFlow's a is -0.5"),
        "border": ("renormalized", "TensorFlow leaves out what is outside"),
        "bins": ("fractional", "TensorFlow weighs an element by the part that is covered"),
    },
    where={
        "surplus == 0": "takes lengths",
        "spatial == 2": "is of images",
        "dtype != 'float64' or method == 'nearest'": "TensorFlow resizes in float32",
    },
)
