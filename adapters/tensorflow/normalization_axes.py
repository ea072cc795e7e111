"""Normalization of TensorFlow over axes of one's choice."""

from __future__ import annotations

from .framework import binds, function, tf


def spread(parameter, x, axes, parameters_along):
    """A parameter in a shape that spreads over ``x``."""
    along = axes if parameters_along == "normalized" else (3,)
    fitting = tf.ensure_shape(parameter, [x.shape[axis] for axis in along])
    return tf.reshape(fitting, [n if axis in along else 1 for axis, n in enumerate(x.shape)])


@binds("layer_norm_over_axes", "tf.nn.batch_normalization(tf.nn.moments)", composition=True)
def layer_norm_over_axes(x, scale, bias, *, axes, parameters_along, epsilon):
    mean, variance = tf.nn.moments(x, axes=list(axes), keepdims=True)
    factor, shift = (spread(one, x, axes, parameters_along) for one in (scale, bias))
    return tf.nn.batch_normalization(x, mean, variance, shift, factor, epsilon)


@binds("rms_norm_over_axes", "tf.math.rsqrt(tf.reduce_mean)", composition=True)
def rms_norm_over_axes(x, scale, *, axes, parameters_along, epsilon):
    wide = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    y = wide * tf.math.rsqrt(tf.reduce_mean(tf.square(wide), axis=list(axes), keepdims=True) + epsilon)
    return tf.cast(y * tf.cast(spread(scale, x, axes, parameters_along), y.dtype), x.dtype)


function(
    "normalize",
    "tf.math.l2_normalize",
    {"axis": "list(axes)", "epsilon": "epsilon**2"},
    fixed={"power": (2, "takes the Euclidean norm")},
)
