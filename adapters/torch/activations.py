"""Activations of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch

NAN_GRADIENT = {
    "nan_gradient == 'pass' or data != 'specials'": "torch lets the cotangent through where x is NaN"
}


@binds("relu", "torch.nn.functional.relu", where=NAN_GRADIENT)
def relu(x):
    return F.relu(x)


@binds("relu", "torch.nn.ReLU", where=NAN_GRADIENT)
def relu_module(x):
    return torch.nn.ReLU()(x)


@binds("gelu", "torch.nn.functional.gelu")
def gelu(x, *, approximate):
    return F.gelu(x, approximate="tanh" if approximate else "none")


@binds("gelu", "torch.nn.GELU")
def gelu_module(x, *, approximate):
    return torch.nn.GELU(approximate="tanh" if approximate else "none")(x)


@binds("silu", "torch.nn.functional.silu")
def silu(x):
    return F.silu(x)


@binds("silu", "torch.nn.SiLU")
def silu_module(x):
    return torch.nn.SiLU()(x)


SELU = {
    "zero_gradient == 'left' or data not in ('zeros', 'specials')": "takes the slope left of zero",
    "nan_gradient == 'nan' or data != 'specials'": "gives NaN where x is NaN",
}


@binds("selu", "torch.nn.functional.selu", where=SELU)
def selu(x):
    return F.selu(x)


@binds("selu", "torch.nn.SELU", where=SELU)
def selu_module(x):
    return torch.nn.SELU()(x)


@binds("softmax", "torch.nn.functional.softmax")
def softmax(x, *, axis):
    return F.softmax(x, dim=axis)


@binds("softmax", "torch.nn.Softmax")
def softmax_module(x, *, axis):
    return torch.nn.Softmax(dim=axis)(x)


@binds("log_softmax", "torch.nn.functional.log_softmax")
def log_softmax(x, *, axis):
    return F.log_softmax(x, dim=axis)


@binds("log_softmax", "torch.nn.LogSoftmax")
def log_softmax_module(x, *, axis):
    return torch.nn.LogSoftmax(dim=axis)(x)
