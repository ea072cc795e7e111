"""Activations of Keras."""

from __future__ import annotations

from .layers import DTYPE, function, layer

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN"}
SELU = {
    "zero_gradient == 'right' or data not in ('zeros', 'specials')": "takes the slope right of zero",
    "nan_gradient == 'pass' or data != 'specials'": "lets the cotangent through where x is NaN",
}
SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
AS_THEY_ARE = {"temperature": (1.0, "has no temperature")}
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
function("softmax", "keras.activations.softmax", AXIS, fixed=SHIFTED | AS_THEY_ARE)
function("softmax", "keras.ops.softmax", AXIS, fixed=SHIFTED | AS_THEY_ARE)
layer("softmax", "keras.layers.Softmax", AXIS | DTYPE, fixed=SHIFTED | AS_THEY_ARE)
function("log_softmax", "keras.activations.log_softmax", AXIS, fixed=SHIFTED)
function("log_softmax", "keras.ops.log_softmax", AXIS, fixed=SHIFTED)
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
for name in ("glu", "sparsemax"):
    function(name, f"keras.activations.{name}", AXIS)
    function(name, f"keras.ops.{name}", AXIS)
NO_MASK = {"mean": (False, "has no mean"), "masked": (False, "takes no mask")}
AXES = {"axis": "axis", "keepdims": "keepdims"}
UNWEIGHTED = {"weighted": (False, "takes no weights")}
function("logsumexp", "keras.ops.logsumexp", AXES, unused=("mask", "weights"), fixed=NO_MASK | UNWEIGHTED)
SELECTS = {"masking": ("select", "sets 0 afterwards")}
layer("masked_softmax", "keras.layers.Softmax(mask)", AXIS | DTYPE, {"mask": "mask"}, fixed=SELECTS)
