"""Normalization layers of TensorFlow: the fused kernel, and compositions of moments and an affine map."""

from __future__ import annotations

from .framework import binds, function, tf

LONE_VALUE = {"lone_value": ("bias", "gives the bias for a single value per channel")}

# --- batch normalization with statistics that are given ---


@binds("layer_norm", "tf.nn.batch_normalization(tf.nn.moments)", composition=True)
def layer_norm(x, scale, bias, *, epsilon):
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon)


@binds("group_norm", "tf.nn.batch_normalization(tf.nn.moments)", composition=True)
def group_norm(x, scale, bias, *, groups, epsilon):
    channels = x.shape[-1]
    grouped = tf.reshape(x, (*x.shape[:-1], groups, channels // groups))
    mean, variance = tf.nn.moments(grouped, axes=[*range(1, len(x.shape) - 1), len(x.shape)], keepdims=True)
    standard = tf.reshape(tf.nn.batch_normalization(grouped, mean, variance, None, None, epsilon), x.shape)
    scaled = standard if scale is None else standard * scale
    return scaled if bias is None else scaled + bias


@binds("rms_norm", "tf.math.rsqrt(tf.reduce_mean)", composition=True)
def rms_norm(x, scale, *, epsilon):
    wide = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    y = wide * tf.math.rsqrt(tf.reduce_mean(tf.square(wide), axis=-1, keepdims=True) + epsilon)
    return tf.cast(y if scale is None else y * tf.cast(scale, y.dtype), x.dtype)


@binds("instance_norm", "tf.nn.batch_normalization(tf.nn.moments)", fixed=LONE_VALUE, composition=True)
def instance_norm(x, scale, bias, *, epsilon):
    mean, variance = tf.nn.moments(x, axes=list(range(1, len(x.shape) - 1)), keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon)


function(
    "local_response_norm",
    "tf.nn.lrn",
    {"depth_radius": "window // 2", "bias": "offset", "alpha": "alpha", "beta": "beta"},
    where={
        "window % 2 == 1": "takes a radius",
        "dtype in ('float32', 'float16')": "has no kernel for other dtypes on CPU",
    },
    fixed={"alpha_of": ("sum", "TensorFlow's alpha is the factor of a sum")},
)
