"""What PyTorch makes of several arrays."""

from __future__ import annotations

from typing import Any

from ..binding import takes
from .modules import function

Fixed = dict[str, tuple[Any, str]]
EXTREMES = takes("tie_gradient", "split", "splits the gradient of a tie", "ties") | takes(
    "nan_gradient", "both", "gives both the gradient of NaN", "nan"
)
PLAIN: Fixed = {"tie_gradient": ("split", "knows no tie"), "nan_gradient": ("both", "compares nothing")}
TWO: Fixed = {"inputs": (2, "takes two")}

for operation in ("maximum", "minimum"):
    fixed: Fixed = {"operation": (operation, "is another operation"), **TWO}
    function("merge", f"torch.{operation}", on="x, y", unused=("z",), fixed=fixed, where=EXTREMES)
for operation, name in (("add", "add"), ("multiply", "mul")):
    fixed = {"operation": (operation, "is another operation"), **TWO, **PLAIN}
    function("merge", f"torch.{name}", on="x, y", unused=("z",), fixed=fixed)
function("concatenate", "torch.cat", {"dim": "axis"}, on="[x, y, z][:inputs]")
EQUATIONS = {(2, 2): "bik,bjk->bij", (1, 1): "bki,bkj->bij", (1, 2): "bki,bjk->bij"}
SUMS = {"normalize": (False, "takes no norms")}
function("dot_merge", "torch.einsum", on="EQUATIONS[axes], x, y", fixed=SUMS)
