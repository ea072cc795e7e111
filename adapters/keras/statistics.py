"""Statistics of Keras, and layers that scale by what was measured before."""

from __future__ import annotations

from .framework import binds, keras
from .layers import DTYPE, build_layer, dtype_of, function, instance, layer

function(
    "moments",
    "keras.ops.moments",
    {"axes": "axes", "keepdims": "keepdims"},
    gives="mean, variance",
    returns="mean, variance",
    where={"not weighted": "takes no weights"},
    fixed={"algorithm": ("two_pass", "takes the mean off first")},
    unused=("weights",),
)


@binds("feature_normalization", "keras.layers.Normalization")
def feature_normalization(x, mean, variance, *, axis, invert):
    options = {"axis": axis, "mean": mean, "variance": variance, "invert": invert}
    return keras.layers.Normalization(**options, dtype=dtype_of(x))(x)


layer("rescaling", "keras.layers.Rescaling", {"scale": "scale", "offset": "offset"} | DTYPE)


def penalty_layer(x, *, l1, l2):
    return build_layer(keras.layers.ActivityRegularization(l1, l2, dtype=dtype_of(x)), x)


@binds(
    "activity_regularization",
    "keras.layers.ActivityRegularization",
    fixed={"denominator": ("batch", "divides by the batch")},
    build=penalty_layer,
)
def activity_regularization(built, x):
    built(x)
    return built.losses[0]


instance(
    "activity_regularization",
    "keras.regularizers.L1L2",
    {"l1": "l1", "l2": "l2"},
    fixed={"denominator": ("one", "divides by nothing")},
)
