"""Softmaxes of TensorFlow."""

from __future__ import annotations

from .framework import function

SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
AS_THEY_ARE = {"temperature": (1.0, "has no temperature")}
ONE = {"axis != (1, 3)": "takes one axis"}
function("softmax", "tf.nn.softmax", {"axis": "axis"}, where=ONE, fixed=SHIFTED | AS_THEY_ARE)
function("log_softmax", "tf.nn.log_softmax", {"axis": "axis"}, where=ONE, fixed=SHIFTED)
NO_MASK = {"mean": (False, "has no mean"), "masked": (False, "takes no mask")}
UNWEIGHTED = {"weighted": (False, "takes no weights")}
AXES = {"axis": "axis", "keepdims": "keepdims"}
function("logsumexp", "tf.reduce_logsumexp", AXES, unused=("mask", "weights"), fixed=NO_MASK | UNWEIGHTED)
