"""Activations of PyTorch."""

from __future__ import annotations

from .modules import function, module

GELU = {"approximate": "'tanh' if approximate else 'none'"}
NAN_GRADIENT = {
    "nan_gradient == 'pass' or data != 'specials'": "torch lets the cotangent through where x is NaN"
}
SELU = {
    "zero_gradient == 'left' or data not in ('zeros', 'specials')": "takes the slope left of zero",
    "nan_gradient == 'nan' or data != 'specials'": "gives NaN where x is NaN",
}
SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}

function("relu", "torch.nn.functional.relu", where=NAN_GRADIENT)
module("relu", "torch.nn.ReLU", where=NAN_GRADIENT)
function("gelu", "torch.nn.functional.gelu", GELU)
module("gelu", "torch.nn.GELU", GELU)
function("silu", "torch.nn.functional.silu")
module("silu", "torch.nn.SiLU")
function("selu", "torch.nn.functional.selu", where=SELU)
module("selu", "torch.nn.SELU", where=SELU)
function("softmax", "torch.nn.functional.softmax", {"dim": "axis"}, fixed=SHIFTED)
module("softmax", "torch.nn.Softmax", {"dim": "axis"}, fixed=SHIFTED)
function("log_softmax", "torch.nn.functional.log_softmax", {"dim": "axis"}, fixed=SHIFTED)
module("log_softmax", "torch.nn.LogSoftmax", {"dim": "axis"}, fixed=SHIFTED)
