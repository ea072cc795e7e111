"""Merging of ONNX."""

from __future__ import annotations

from .framework import function

function(
    "concatenate",
    "onnx.Concat",
    {"axis": "axis"},
    calls="node('Concat', 13)",
    on="*(array for array in (x, y, z) if array is not None)",
    unused=("inputs",),
)
