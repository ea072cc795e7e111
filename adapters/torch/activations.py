"""Activations of PyTorch."""

from __future__ import annotations

from typing import Any

from .framework import F, binds, torch

NAN_GRADIENT = {
    "nan_gradient == 'pass' or data != 'specials'": "torch lets the cotangent through where x is NaN"
}


@binds("relu", "torch.nn.functional.relu", where=NAN_GRADIENT)
def relu(x: Any) -> Any:
    return F.relu(x)


@binds("relu", "torch.nn.ReLU", where=NAN_GRADIENT)
def relu_module(x: Any) -> Any:
    return torch.nn.ReLU()(x)


@binds("gelu", "torch.nn.functional.gelu")
def gelu(x: Any, *, approximate: bool) -> Any:
    return F.gelu(x, approximate="tanh" if approximate else "none")


@binds("gelu", "torch.nn.GELU")
def gelu_module(x: Any, *, approximate: bool) -> Any:
    return torch.nn.GELU(approximate="tanh" if approximate else "none")(x)


@binds("silu", "torch.nn.functional.silu")
def silu(x: Any) -> Any:
    return F.silu(x)


@binds("silu", "torch.nn.SiLU")
def silu_module(x: Any) -> Any:
    return torch.nn.SiLU()(x)


SELU = {
    "zero_gradient == 'left' or data not in ('zeros', 'specials')": "takes the slope left of zero",
    "nan_gradient == 'nan' or data != 'specials'": "gives NaN where x is NaN",
}


@binds("selu", "torch.nn.functional.selu", where=SELU)
def selu(x: Any) -> Any:
    return F.selu(x)


@binds("selu", "torch.nn.SELU", where=SELU)
def selu_module(x: Any) -> Any:
    return torch.nn.SELU()(x)


@binds("softmax", "torch.nn.functional.softmax")
def softmax(x: Any, *, axis: int) -> Any:
    return F.softmax(x, dim=axis)


@binds("softmax", "torch.nn.Softmax")
def softmax_module(x: Any, *, axis: int) -> Any:
    return torch.nn.Softmax(dim=axis)(x)


@binds("log_softmax", "torch.nn.functional.log_softmax")
def log_softmax(x: Any, *, axis: int) -> Any:
    return F.log_softmax(x, dim=axis)


@binds("log_softmax", "torch.nn.LogSoftmax")
def log_softmax_module(x: Any, *, axis: int) -> Any:
    return torch.nn.LogSoftmax(dim=axis)(x)
