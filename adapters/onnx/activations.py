"""Activations of ONNX."""

from __future__ import annotations

from .framework import function

GRADIENT = {"unused": ("nan_gradient",)}
GELU = {"approximate": "'tanh' if approximate else 'none'"}
ONE = {"axis != (1, 3)": "takes one axis"}
SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
AS_THEY_ARE = {"temperature": (1.0, "has no temperature")}
PLAIN = {"beta": (1.0, "has no slope"), "threshold": (None, "has no threshold")}

function("relu", "onnx.Relu", calls="node('Relu', 14)", **GRADIENT)
function("gelu", "onnx.Gelu", GELU, calls="node('Gelu', 20)")
function("silu", "onnx.Swish", calls="node('Swish', 24)")
function("swish", "onnx.Swish", {"alpha": "beta"}, calls="node('Swish', 24)")
function("selu", "onnx.Selu", calls="node('Selu', 6)", unused=("zero_gradient", "nan_gradient"))
function(
    "softmax",
    "onnx.Softmax",
    {"axis": "axis"},
    calls="node('Softmax', 13)",
    where=ONE,
    fixed=SHIFTED | AS_THEY_ARE,
)
function(
    "log_softmax",
    "onnx.LogSoftmax",
    {"axis": "axis"},
    calls="node('LogSoftmax', 13)",
    where=ONE,
    fixed=SHIFTED,
)
function("identity", "onnx.Identity", calls="node('Identity', 14)")
function("sigmoid", "onnx.Sigmoid", calls="node('Sigmoid', 13)")
function("tanh", "onnx.Tanh", calls="node('Tanh', 13)")
function("exponential", "onnx.Exp", calls="node('Exp', 13)")
function("softplus", "onnx.Softplus", calls="node('Softplus', 1)", fixed=PLAIN)
function("softsign", "onnx.Softsign", calls="node('Softsign', 1)")
function("mish", "onnx.Mish", calls="node('Mish', 18)")
function(
    "logsumexp",
    "onnx.ReduceLogSumExp",
    {"keepdims": "keepdims"},
    calls="node('ReduceLogSumExp', 18)",
    on="x, None if axis is None else np.array([axis])",
    unused=("mask", "weights"),
    fixed={
        "mean": (False, "has no mean"),
        "masked": (False, "takes no mask"),
        "weighted": (False, "takes no weights"),
    },
)
