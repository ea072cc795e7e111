"""Activations of ONNX."""

from __future__ import annotations

from .framework import function

GRADIENT = {"unused": ("nan_gradient",)}
GELU = {"approximate": "'tanh' if approximate else 'none'"}
PLAIN = {"beta": (1.0, "has no slope"), "threshold": (None, "has no threshold")}

function("relu", "onnx.Relu", calls="node('Relu', 14)", **GRADIENT)
function("gelu", "onnx.Gelu", GELU, calls="node('Gelu', 20)")
function("silu", "onnx.Swish", calls="node('Swish', 24)")
function("swish", "onnx.Swish", {"alpha": "beta"}, calls="node('Swish', 24)")
function("selu", "onnx.Selu", calls="node('Selu', 6)", unused=("zero_gradient", "nan_gradient"))
function("identity", "onnx.Identity", calls="node('Identity', 14)")
function("sigmoid", "onnx.Sigmoid", calls="node('Sigmoid', 13)")
function("tanh", "onnx.Tanh", calls="node('Tanh', 13)")
function("exponential", "onnx.Exp", calls="node('Exp', 13)")
function("softplus", "onnx.Softplus", calls="node('Softplus', 1)", fixed=PLAIN)
function("softsign", "onnx.Softsign", calls="node('Softsign', 1)")
function("mish", "onnx.Mish", calls="node('Mish', 18)")
