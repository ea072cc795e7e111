"""Activations of JAX. Those of ``flax.nnx`` and ``flax.linen`` are the very same functions."""

from __future__ import annotations

from .modules import function

NAN_GRADIENT = {"nan_gradient == 'zero' or data != 'specials'": "JAX gives no gradient where x is NaN"}
SELU = {
    "zero_gradient == 'left' or data not in ('zeros', 'specials')": "takes the slope left of zero",
    "nan_gradient == 'nan' or data != 'specials'": "gives NaN where x is NaN",
}
SHIFTED = {"infinite_logit": ("nan", "takes the largest logit, ∞, from itself")}

function("relu", "jax.nn.relu", where=NAN_GRADIENT)
function("gelu", "jax.nn.gelu", {"approximate": "approximate"})
function("silu", "jax.nn.silu")
function("selu", "jax.nn.selu", where=SELU)
function("softmax", "jax.nn.softmax", {"axis": "axis"}, fixed=SHIFTED)
function("log_softmax", "jax.nn.log_softmax", {"axis": "axis"}, fixed=SHIFTED)
