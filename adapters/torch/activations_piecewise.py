"""Activations of PyTorch with kinks."""

from __future__ import annotations

from ..binding import takes
from .framework import binds, torch
from .modules import function, module

LEFT = takes("zero_gradient", "left", "takes the slope left of zero", "zeros", "specials")
OUTSIDE = {"kink_gradient": ("outside", "gives no gradient at a bound")}
NAN = takes("nan_gradient", "nan", "gives NaN where x is NaN", "specials")
NO_GRADIENT = takes("nan_gradient", "zero", "gives no gradient where x is NaN", "specials")
NAN_LEFT = takes("nan_gradient", "left", "takes the slope below zero where x is NaN", "specials")
KEPT = takes("nan", "kept", "keeps NaN", "specials")

SLOPE, ALPHA = {"negative_slope": "slope"}, {"alpha": "alpha"}
BOUNDS = {"min_val": "bounds[0]", "max_val": "bounds[1]"}
LAMBDA, THRESHOLD = {"lambd": "threshold"}, {"threshold": "threshold", "value": "value"}

function("leaky_relu", "torch.nn.functional.leaky_relu", SLOPE, where=LEFT)
module("leaky_relu", "torch.nn.LeakyReLU", SLOPE, where=LEFT)
ONE_OR_CHANNELS = {"own_axes < 2": "has one slope, or one for each channel"} | LEFT | NAN_LEFT
function("prelu", "torch.nn.functional.prelu", {"weight": "slope.reshape(-1)"}, where=ONE_OR_CHANNELS)
module(
    "prelu",
    "torch.nn.PReLU",
    {"num_parameters": "slope.numel()"},
    {"weight": "slope.reshape(-1)"},
    where=ONE_OR_CHANNELS,
)
function("elu", "torch.nn.functional.elu", ALPHA, where=NAN)
module("elu", "torch.nn.ELU", ALPHA, where=NAN)
function("celu", "torch.nn.functional.celu", ALPHA, where=NAN)
module("celu", "torch.nn.CELU", ALPHA, where=NAN)
function("relu6", "torch.nn.functional.relu6")
module("relu6", "torch.nn.ReLU6")
function("hard_tanh", "torch.nn.functional.hardtanh", BOUNDS, where=NO_GRADIENT, fixed=OUTSIDE)
module("hard_tanh", "torch.nn.Hardtanh", BOUNDS, where=NO_GRADIENT, fixed=OUTSIDE)
function("hard_sigmoid", "torch.nn.functional.hardsigmoid")
module("hard_sigmoid", "torch.nn.Hardsigmoid")
function("hard_silu", "torch.nn.functional.hardswish")
module("hard_silu", "torch.nn.Hardswish")
function("soft_shrink", "torch.nn.functional.softshrink", LAMBDA, where=KEPT)
module("soft_shrink", "torch.nn.Softshrink", LAMBDA, where=KEPT)
function("hard_shrink", "torch.nn.functional.hardshrink", LAMBDA, where=KEPT)
module("hard_shrink", "torch.nn.Hardshrink", LAMBDA, where=KEPT)
function("threshold", "torch.nn.functional.threshold", THRESHOLD, where=KEPT)
module("threshold", "torch.nn.Threshold", THRESHOLD, where=KEPT)


@binds(
    "bounded_relu",
    "torch.where(torch.clamp)",
    where={"data != 'nan'": "has the slope below the threshold where x is NaN"},
    fixed={
        "at_threshold": ("above", "lets through what is just the threshold"),
        "kink_gradient": ("inside", "lets the cotangent through at the bound"),
        "nan": ("kept", "keeps NaN"),
    },
    composition=True,
)
def bounded_relu(x, *, max_value, negative_slope, threshold):
    held = x if max_value is None else x.clamp(max=max_value)
    below = negative_slope * (x - threshold) if negative_slope else torch.zeros_like(x)
    return torch.where(x >= threshold, held, below)
