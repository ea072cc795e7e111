"""Activations of ONNX with kinks."""

from __future__ import annotations

from ..binding import takes
from .framework import function

KINK = {"unused": ("zero_gradient",)}
NAN = {"unused": ("nan_gradient",)}
LOST = takes("nan", "lost", "gives 0 where x is NaN, which is beyond no threshold", "specials")
ALPHA, SIXTH = {"alpha": "alpha"}, {"alpha": "1 / 6"}
CLIP = {"calls": "node('Clip', 13)", "on": "x, np.array(bounds[0], x.dtype), np.array(bounds[1], x.dtype)"}
SHRINK = {"calls": "node('Shrink', 9)", "where": LOST}

function("leaky_relu", "onnx.LeakyRelu", {"alpha": "slope"}, calls="node('LeakyRelu', 16)", **KINK)
function(
    "prelu",
    "onnx.PRelu",
    calls="node('PRelu', 16)",
    on="x, slope[:, None] if slope.ndim == 1 else slope",
    unused=("own_axes", "zero_gradient", "nan_gradient"),
)
function("elu", "onnx.Elu", ALPHA, calls="node('Elu', 6)", **NAN)
function("celu", "onnx.Celu", ALPHA, calls="node('Celu', 12)", **NAN)
function("hard_sigmoid", "onnx.HardSigmoid", SIXTH, calls="node('HardSigmoid', 6)")
function("hard_silu", "onnx.HardSwish", calls="node('HardSwish', 14)")
function("hard_tanh", "onnx.Clip", **CLIP, unused=("kink_gradient", "nan_gradient"))
function(
    "relu6",
    "onnx.Clip",
    calls=CLIP["calls"],
    on="x, np.array(0, x.dtype), np.array(6, x.dtype)",
)
function("soft_shrink", "onnx.Shrink", {"lambd": "threshold", "bias": "threshold"}, **SHRINK)
function("hard_shrink", "onnx.Shrink", {"lambd": "threshold"}, **SHRINK)
function(
    "threshold",
    "onnx.ThresholdedRelu",
    {"alpha": "threshold"},
    calls="node('ThresholdedRelu', 10)",
    where=LOST,
    fixed={"value": (0.0, "puts 0")},
)
