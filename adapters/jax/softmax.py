"""Softmaxes of JAX."""

from __future__ import annotations

from .modules import function

SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}
AS_THEY_ARE = {"temperature": (1.0, "has no temperature")}
function("softmax", "jax.nn.softmax", {"axis": "axis"}, fixed=SHIFTED | AS_THEY_ARE)
function("log_softmax", "jax.nn.log_softmax", {"axis": "axis"}, fixed=SHIFTED)
AXES = {"axis": "axis", "keepdims": "keepdims", "where": "mask"}
MEAN = {"mean": (True, "is the mean"), "weighted": (False, "takes no weights")}
function("logsumexp", "jax.nn.logsumexp", AXES | {"b": "weights"}, fixed={"mean": (False, "is the sum")})
function("logsumexp", "jax.nn.logmeanexp", AXES, unused=("weights",), fixed=MEAN)
WHERE = {"axis": "axis", "where": "mask"}
SELECTS = {"masking": ("select", "leaves out what does not count")}
function("masked_softmax", "jax.nn.softmax(where)", WHERE, fixed=SELECTS)
function("masked_log_softmax", "jax.nn.log_softmax(where)", WHERE, fixed=SELECTS)
