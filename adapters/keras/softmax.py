"""Softmaxes of Keras."""

from __future__ import annotations

from .activations import AXIS
from .layers import DTYPE, function, layer

SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
AS_THEY_ARE = {"temperature": (1.0, "has no temperature")}
function("softmax", "keras.activations.softmax", AXIS, fixed=SHIFTED | AS_THEY_ARE)
function("softmax", "keras.ops.softmax", AXIS, fixed=SHIFTED | AS_THEY_ARE)
layer("softmax", "keras.layers.Softmax", AXIS | DTYPE, fixed=SHIFTED | AS_THEY_ARE)
function("log_softmax", "keras.activations.log_softmax", AXIS, fixed=SHIFTED)
function("log_softmax", "keras.ops.log_softmax", AXIS, fixed=SHIFTED)
NO_MASK = {"mean": (False, "has no mean"), "masked": (False, "takes no mask")}
AXES = {"axis": "axis", "keepdims": "keepdims"}
UNWEIGHTED = {"weighted": (False, "takes no weights")}
function("logsumexp", "keras.ops.logsumexp", AXES, unused=("mask", "weights"), fixed=NO_MASK | UNWEIGHTED)
SELECTS = {"masking": ("select", "sets 0 afterwards")}
layer("masked_softmax", "keras.layers.Softmax(mask)", AXIS | DTYPE, {"mask": "mask"}, fixed=SELECTS)
function("sparsemax", "keras.activations.sparsemax", AXIS)
function("sparsemax", "keras.ops.sparsemax", AXIS)
