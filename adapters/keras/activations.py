"""Activations of Keras."""

from __future__ import annotations

from .layers import DTYPE, function, layer

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN"}
SELU = {
    "zero_gradient == 'right' or data not in ('zeros', 'specials')": "takes the slope right of zero",
    "nan_gradient == 'pass' or data != 'specials'": "lets the cotangent through where x is NaN",
}
PLAIN = {"max_value": "None", "negative_slope": "0.0", "threshold": "0.0"}
GELU, AXIS = {"approximate": "approximate"}, {"axis": "axis"}
SOFTPLUS = {"beta": (1.0, "has no beta"), "threshold": (None, "has no threshold")}

function("relu", "keras.activations.relu", PLAIN, where=NAN_GRADIENT)
function("relu", "keras.ops.relu", where=NAN_GRADIENT)
layer("relu", "keras.layers.Activation", {"activation": "'relu'"} | DTYPE, where=NAN_GRADIENT)
layer("relu", "keras.layers.ReLU", PLAIN | DTYPE, where=NAN_GRADIENT)
function("gelu", "keras.activations.gelu", GELU)
function("gelu", "keras.ops.gelu", GELU)
function("silu", "keras.activations.silu")
function("silu", "keras.ops.silu")
function("selu", "keras.activations.selu", where=SELU)
function("selu", "keras.ops.selu", where=SELU)
function("identity", "keras.activations.linear")
layer("identity", "keras.layers.Identity", DTYPE)
function("exponential", "keras.activations.exponential")
function("exponential", "keras.ops.exp")
function("softplus", "keras.activations.softplus", fixed=SOFTPLUS)
function("softplus", "keras.ops.softplus", fixed=SOFTPLUS)
function("mish", "keras.activations.mish")
function("squareplus", "keras.activations.squareplus", {"b": "b"})
function("squareplus", "keras.ops.squareplus", {"b": "b"})
for name in ("sigmoid", "tanh", "log_sigmoid", "softsign", "tanh_shrink"):
    function(name, f"keras.activations.{name}")
    function(name, f"keras.ops.{name}")
function("glu", "keras.activations.glu", AXIS)
function("glu", "keras.ops.glu", AXIS)
