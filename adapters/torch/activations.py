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
SOFTPLUS = {"beta": "beta", "threshold": "threshold"}
THRESHOLD = {"threshold is not None": "returns x above a threshold, which is 20 unless another is given"}

function("relu", "torch.nn.functional.relu", where=NAN_GRADIENT)
module("relu", "torch.nn.ReLU", where=NAN_GRADIENT)
function("gelu", "torch.nn.functional.gelu", GELU)
module("gelu", "torch.nn.GELU", GELU)
function("silu", "torch.nn.functional.silu")
module("silu", "torch.nn.SiLU")
function("selu", "torch.nn.functional.selu", where=SELU)
module("selu", "torch.nn.SELU", where=SELU)
module("identity", "torch.nn.Identity")
function("sigmoid", "torch.nn.functional.sigmoid")
module("sigmoid", "torch.nn.Sigmoid")
function("tanh", "torch.nn.functional.tanh")
module("tanh", "torch.nn.Tanh")
function("log_sigmoid", "torch.nn.functional.logsigmoid")
module("log_sigmoid", "torch.nn.LogSigmoid")
function("softplus", "torch.nn.functional.softplus", SOFTPLUS, where=THRESHOLD)
module("softplus", "torch.nn.Softplus", SOFTPLUS, where=THRESHOLD)
function("softsign", "torch.nn.functional.softsign")
module("softsign", "torch.nn.Softsign")
function("mish", "torch.nn.functional.mish")
module("mish", "torch.nn.Mish")
function("tanh_shrink", "torch.nn.functional.tanhshrink")
module("tanh_shrink", "torch.nn.Tanhshrink")
function("exponential", "torch.exp")
function("glu", "torch.nn.functional.glu", {"dim": "axis"})
module("glu", "torch.nn.GLU", {"dim": "axis"})
