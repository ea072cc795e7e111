"""Layers of Keras that make one array of several."""

from __future__ import annotations

from typing import Any

from ..binding import takes
from .framework import keras
from .layers import DTYPE, dtype_of, function, layer

ALL, AXIS = "[x, y, z][:inputs]", {"axis": "axis"}
Fixed = dict[str, tuple[Any, str]]
EXTREMES = takes("tie_gradient", "first", "gives the first the gradient of a tie", "ties") | takes(
    "nan_gradient", "second", "gives the second the gradient of NaN", "nan"
)
PLAIN: Fixed = {"tie_gradient": ("split", "knows no tie"), "nan_gradient": ("both", "compares nothing")}

for name in ("Maximum", "Minimum"):
    fixed: Fixed = {"operation": (name.lower(), "is another operation")}
    layer("merge", f"keras.layers.{name}", DTYPE, on=ALL, fixed=fixed, where=EXTREMES)
for name in ("Add", "Multiply", "Average"):
    fixed = {"operation": (name.lower(), "is another operation"), **PLAIN}
    layer("merge", f"keras.layers.{name}", DTYPE, on=ALL, fixed=fixed)
fixed = {"operation": ("subtract", "is another operation"), "inputs": (2, "takes two"), **PLAIN}
layer("merge", "keras.layers.Subtract", DTYPE, on="[x, y]", unused=("z",), fixed=fixed)


def masked(x, mask):
    """An array that carries a mask, as sequences do that come from a layer for padding."""
    return keras.layers.Masking(dtype=dtype_of(x))(keras.ops.where(mask[..., None], x, 0))


EACH = "[masked(*each) for each in [(x, x_mask), (y, y_mask), (z, z_mask)][:inputs]]"
for name, excluded in (
    ("Add", "zero"),
    ("Average", "zero"),
    ("Multiply", "left_out"),
    ("Maximum", "left_out"),
    ("Minimum", "left_out"),
):
    words = (
        "leaves out what is masked" if excluded == "left_out" else "takes the zeros of padding as they are"
    )
    fixed = {"operation": (name.lower(), "is another operation"), "excluded": (excluded, words)}
    layer("masked_merge", f"keras.layers.{name}(mask)", DTYPE, on=EACH, fixed=fixed)
layer("concatenate", "keras.layers.Concatenate", AXIS | DTYPE, on=ALL)
function("concatenate", "keras.ops.concatenate", AXIS, on=ALL)
layer("dot_merge", "keras.layers.Dot", {"axes": "axes", "normalize": "normalize"} | DTYPE, on="[x, y]")
