"""Activations of TensorFlow with kinks."""

from __future__ import annotations

from ..binding import takes
from .framework import function

LEFT = takes("zero_gradient", "left", "takes the slope left of zero", "zeros", "specials")
RIGHT = takes("nan_gradient", "right", "lets the cotangent through where x is NaN", "specials")
INSIDE = {"kink_gradient": ("inside", "lets the cotangent through at a bound")}
NO_GRADIENT = takes("nan_gradient", "zero", "gives no gradient where x is NaN", "specials")
BOUNDS = {"clip_value_min": "bounds[0]", "clip_value_max": "bounds[1]"}

function("leaky_relu", "tf.nn.leaky_relu", {"alpha": "slope"}, where=LEFT)
function("elu", "tf.nn.elu", where=RIGHT, fixed={"alpha": (1.0, "has no alpha")})
function("relu6", "tf.nn.relu6")
function("hard_tanh", "tf.clip_by_value", BOUNDS, where=NO_GRADIENT, fixed=INSIDE)
function("crelu", "tf.nn.crelu", {"axis": "axis"})
