"""What TensorFlow makes of several arrays."""

from __future__ import annotations

from ..binding import takes
from .framework import function

EXTREMES = takes("tie_gradient", "first", "gives the first the gradient of a tie", "ties") | takes(
    "nan_gradient", "second", "gives the second the gradient of NaN", "nan"
)
ADDS = {
    "operation": ("add", "adds"),
    "broadcast": (False, "takes equal shapes"),
    "tie_gradient": ("split", "knows no tie"),
    "nan_gradient": ("both", "compares nothing"),
}

for operation in ("maximum", "minimum"):
    fixed = {"operation": (operation, "is another operation"), "inputs": (2, "takes two")}
    function("merge", f"tf.{operation}", on="x, y", unused=("z",), fixed=fixed, where=EXTREMES)
function("merge", "tf.add_n", on="[x, y, z][:inputs]", fixed=ADDS)
function("concatenate", "tf.concat", {"axis": "axis"}, on="[x, y, z][:inputs]")
EQUATIONS = {(2, 2): "bik,bjk->bij", (1, 1): "bki,bkj->bij", (1, 2): "bki,bjk->bij"}
SUMS = {"normalize": (False, "takes no norms")}
function("dot_merge", "tf.einsum", on="EQUATIONS[axes], x, y", fixed=SUMS)
