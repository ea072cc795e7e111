"""Batch normalization of TensorFlow."""

from __future__ import annotations

from .framework import binds, function, tf
from .normalization import LONE_VALUE

OF_N = {"bessel": (False, "the variance of tf.nn.moments has n in its denominator")}
SUM = {"infinite_mean": ("sum", "divides a sum by the count")}
FOUR_OR_FIVE = {"spatial >= 2": "takes four or five axes", "dtype != 'float64'": "has no float64 kernel"}
FUSED = FOUR_OR_FIVE | {"use_scale and use_bias": "takes both scale and offset"}
AFFINE = {"scale": "scale", "offset": "bias", "variance_epsilon": "epsilon"}
LAYOUT = {"data_format": "'NDHWC' if len(x.shape) == 5 else 'NHWC'"}
SINGLE = {"scale": "tf.cast(scale, tf.float32)", "offset": "tf.cast(bias, tf.float32)"}
RUNNING = SINGLE | {
    "mean": "tf.cast(running_mean, tf.float32)",
    "variance": "tf.cast(running_variance, tf.float32)",
}
BACK = {"gives": "y, mean, variance", "returns": "y, tf.cast(mean, x.dtype), tf.cast(variance, x.dtype)"}


@binds(
    "batch_norm",
    "tf.nn.batch_normalization(tf.nn.moments)",
    fixed=OF_N | LONE_VALUE | SUM,
    composition=True,
)
def batch_norm(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    mean, variance = tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))
    return (
        tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon),
        momentum * running_mean + (1 - momentum) * mean,
        momentum * running_variance + (1 - momentum) * variance,
    )


function(
    "batch_norm",
    "tf.compat.v1.nn.fused_batch_norm",
    {"epsilon": "epsilon", "is_training": "True", "exponential_avg_factor": "1 - momentum"} | LAYOUT,
    RUNNING,
    **BACK,
    where=FUSED,
    fixed={"bessel": (True, "updates the running variance with n - 1 for n")} | LONE_VALUE | SUM,
)


@binds("batch_norm_repeated", "tf.nn.batch_normalization(tf.nn.moments)", fixed=OF_N, composition=True)
def batch_norm_repeated(x, running_mean, running_variance, scale, bias, *, momentum, seen):
    outputs = []
    for number, batch in enumerate(tf.unstack(x), start=seen):
        kept = number / (number + 1) if momentum is None else momentum
        mean, variance = tf.nn.moments(batch, axes=[0])
        outputs.append(tf.nn.batch_normalization(batch, mean, variance, bias, scale, 1e-5))
        running_mean = kept * running_mean + (1 - kept) * mean
        running_variance = kept * running_variance + (1 - kept) * variance
    return tf.stack(outputs), running_mean, running_variance


@binds(
    "masked_batch_norm",
    "tf.nn.batch_normalization(tf.nn.weighted_moments)",
    where={"masking == 'multiply' or data != 'padding_nan'": "multiplies by the weights"},
    fixed={
        "bessel": (False, "the weighted variance has the sum of the weights in its denominator"),
        "masked_output": ("normalized", "normalizes masked places too"),
    },
    composition=True,
)
def masked_batch_norm(x, mask, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    weights = tf.cast(mask, x.dtype)[..., tf.newaxis]
    mean, variance = tf.nn.weighted_moments(x, axes=[0, 1], frequency_weights=weights)
    return (
        tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon),
        momentum * running_mean + (1 - momentum) * mean,
        momentum * running_variance + (1 - momentum) * variance,
    )


CENTRED = {"centred or data != 'infinities'": "sums what is centred first"}
STILL = {
    "statistics": ("running", "normalizes by the statistics that it is given"),
    "bessel": (False, "updates no statistics"),
    "momentum": (0.9, "updates no statistics"),
}

function(
    "batch_norm_inference",
    "tf.nn.batch_normalization",
    AFFINE,
    on="x, mean, variance",
    fixed={"centred": (False, "folds the mean into the offset")},
)
function(
    "batch_norm_inference",
    "tf.nn.batch_norm_with_global_normalization",
    {"variance_epsilon": "epsilon", "scale_after_normalization": "scale is not None"},
    on="x, mean, variance, bias, scale",
    where={"use_bias": "adds a bias"},
    fixed={"centred": (False, "folds the mean into the offset")},
)
function(
    "batch_norm_inference",
    "tf.compat.v1.nn.fused_batch_norm",
    {"epsilon": "epsilon", "is_training": "False"} | LAYOUT,
    SINGLE | {"mean": "tf.cast(mean, tf.float32)", "variance": "tf.cast(variance, tf.float32)"},
    returns="y[0]",
    where=FUSED | CENTRED,
    fixed={"constant_statistics": (True, "takes the statistics as constants")},
)
function(
    "batch_norm_frozen",
    "tf.nn.batch_normalization",
    AFFINE,
    on="x, running_mean, running_variance",
    returns="y, running_mean, running_variance",
    fixed=STILL,
)
function(
    "batch_norm_frozen",
    "tf.compat.v1.nn.fused_batch_norm(is_training=False)",
    {"epsilon": "epsilon", "is_training": "False"} | LAYOUT,
    RUNNING,
    **BACK,
    where=FOUR_OR_FIVE,
    fixed=STILL,
)


@binds("batch_norm_folded", "tf.nn.convolution(kernel * tf.math.rsqrt)", composition=True)
def batch_norm_folded(x, kernel, offset, mean, variance, scale, bias, *, epsilon):
    slope = scale * tf.math.rsqrt(variance + epsilon)
    shift = bias + ((0 if offset is None else offset) - mean) * slope
    if len(kernel.shape) == 2:
        return tf.matmul(x, kernel * slope) + shift
    return tf.nn.convolution(x, kernel * slope, padding="VALID") + shift
