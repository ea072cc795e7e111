"""Activations of Keras."""

from __future__ import annotations

from .layers import DTYPE, function, layer

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN"}
SELU = {
    "zero_gradient == 'right' or data not in ('zeros', 'specials')": "takes the slope right of zero",
    "nan_gradient == 'pass' or data != 'specials'": "lets the cotangent through where x is NaN",
}
SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
PLAIN = {"max_value": "None", "negative_slope": "0.0", "threshold": "0.0"}
GELU, AXIS = {"approximate": "approximate"}, {"axis": "axis"}

function("relu", "keras.activations.relu", PLAIN, where=NAN_GRADIENT)
layer("relu", "keras.layers.ReLU", PLAIN | DTYPE, where=NAN_GRADIENT)
function("gelu", "keras.activations.gelu", GELU)
function("gelu", "keras.ops.gelu", GELU)
function("silu", "keras.activations.silu")
function("silu", "keras.ops.silu")
function("selu", "keras.activations.selu", where=SELU)
function("selu", "keras.ops.selu", where=SELU)
function("softmax", "keras.activations.softmax", AXIS, fixed=SHIFTED)
layer("softmax", "keras.layers.Softmax", AXIS | DTYPE, fixed=SHIFTED)
function("log_softmax", "keras.activations.log_softmax", AXIS, fixed=SHIFTED)
function("log_softmax", "keras.ops.log_softmax", AXIS, fixed=SHIFTED)
