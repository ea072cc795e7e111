"""Activations of TensorFlow."""

from __future__ import annotations

from .framework import function

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "TensorFlow gives no gradient where x is NaN"}
SELU = {
    "zero_gradient == 'right' or data not in ('zeros', 'specials')": "takes the slope right of zero",
    "nan_gradient == 'pass' or data != 'specials'": "lets the cotangent through where x is NaN",
}
SOFTPLUS = {"beta": (1.0, "has no beta"), "threshold": (None, "has no threshold")}

function("relu", "tf.nn.relu", where=NAN_GRADIENT)
function("gelu", "tf.nn.gelu", {"approximate": "approximate"})
function("silu", "tf.nn.silu", {"beta": "1.0"})
function("selu", "tf.nn.selu", where=SELU)
function("identity", "tf.identity")
function("sigmoid", "tf.nn.sigmoid")
function("tanh", "tf.nn.tanh")
function("log_sigmoid", "tf.math.log_sigmoid")
function("softplus", "tf.nn.softplus", fixed=SOFTPLUS)
function("softsign", "tf.nn.softsign")
function("exponential", "tf.exp")
function("swish", "tf.nn.silu", {"beta": "beta"})
