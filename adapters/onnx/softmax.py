"""Softmaxes of ONNX."""

from __future__ import annotations

from .framework import function

ONE = {"axis != (1, 3)": "takes one axis"}
SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
AS_THEY_ARE = {"temperature": (1.0, "has no temperature")}
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
