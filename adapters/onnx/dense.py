"""Dense layers of ONNX."""

from __future__ import annotations

from .framework import function

EQUATIONS = {"last": "btf,fhu->bthu", "two": "btf,tfu->bu", "each": "btf,tfu->btu"}

function("dense", "onnx.Gemm", calls="node('Gemm', 13)", on="x, kernel, bias", unused=("use_bias",))
function(
    "dense",
    "onnx.MatMul",
    calls="node('MatMul', 13)",
    on="x, kernel",
    unused=("bias",),
    fixed={"use_bias": (False, "adds nothing")},
)
function(
    "einsum_dense",
    "onnx.Einsum",
    {"equation": "EQUATIONS[contracts]"},
    calls="node('Einsum', 12)",
    on="x, kernel",
    unused=("bias",),
    fixed={"use_bias": (False, "adds nothing")},
)
