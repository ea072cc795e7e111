"""Normalization layers of TensorFlow: the fused kernel, and compositions of moments and an affine map."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

BIASED = {
    "bessel == False": "the variance of tf.nn.moments has n in its denominator",
    "lone_value == 'bias'": "gives the bias for a single value per channel",
}
FUSED = {
    "spatial >= 2": "takes four or five axes",
    "dtype != 'float64'": "has no float64 kernel",
    "use_scale and use_bias": "takes both scale and offset",
}


@binds("batch_norm", "tf.nn.batch_normalization(tf.nn.moments)", where=BIASED, composition=True)
def batch_norm(
    x: Any,
    running_mean: Any,
    running_variance: Any,
    scale: Any,
    bias: Any,
    *,
    epsilon: float,
    momentum: float,
) -> Any:
    mean, variance = tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))
    return (
        tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon),
        momentum * running_mean + (1 - momentum) * mean,
        momentum * running_variance + (1 - momentum) * variance,
    )


@binds(
    "batch_norm",
    "tf.compat.v1.nn.fused_batch_norm",
    where=FUSED
    | {
        "bessel": "updates the running variance with n - 1 for n",
        "lone_value == 'bias'": "gives the bias for a single value per channel",
    },
)
def fused_batch_norm(
    x: Any,
    running_mean: Any,
    running_variance: Any,
    scale: Any,
    bias: Any,
    *,
    epsilon: float,
    momentum: float,
) -> Any:
    vectors = (tf.cast(a, tf.float32) for a in (scale, bias, running_mean, running_variance))
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        x, *vectors, epsilon, is_training=True, exponential_avg_factor=1 - momentum
    )
    return y, tf.cast(mean, x.dtype), tf.cast(variance, x.dtype)


@binds(
    "batch_norm_repeated",
    "tf.nn.batch_normalization(tf.nn.moments)",
    where={"bessel == False": BIASED["bessel == False"]},
    composition=True,
)
def batch_norm_repeated(
    x: Any,
    running_mean: Any,
    running_variance: Any,
    scale: Any,
    bias: Any,
    *,
    momentum: float | None,
    seen: int,
) -> Any:
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
    where={
        "bessel == False": "the weighted variance has the sum of the weights in its denominator",
        "masked_output == 'normalized'": "normalizes masked places too",
        "masking == 'multiply' or data != 'padding_nan'": "multiplies by the weights",
    },
    composition=True,
)
def masked_batch_norm(
    x: Any,
    mask: Any,
    running_mean: Any,
    running_variance: Any,
    scale: Any,
    bias: Any,
    *,
    epsilon: float,
    momentum: float,
) -> Any:
    weights = tf.cast(mask, x.dtype)[..., tf.newaxis]
    mean, variance = tf.nn.weighted_moments(x, axes=[0, 1], frequency_weights=weights)
    return (
        tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon),
        momentum * running_mean + (1 - momentum) * mean,
        momentum * running_variance + (1 - momentum) * variance,
    )


@binds(
    "batch_norm_inference",
    "tf.nn.batch_normalization",
    where={"not centred": "folds the mean into the offset"},
)
def batch_norm_inference(x: Any, mean: Any, variance: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    return tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon)


@binds(
    "batch_norm_inference",
    "tf.compat.v1.nn.fused_batch_norm",
    where=FUSED
    | {
        "constant_statistics": "takes the statistics as constants",
        "centred or data != 'infinities'": "sums what is centred first",
    },
)
def fused_batch_norm_inference(
    x: Any, mean: Any, variance: Any, scale: Any, bias: Any, *, epsilon: float
) -> Any:
    vectors = (tf.cast(a, tf.float32) for a in (scale, bias, mean, variance))
    return tf.compat.v1.nn.fused_batch_norm(x, *vectors, epsilon, is_training=False)[0]


STILL = {
    "statistics == 'running'": "normalizes by the statistics that it is given",
    "bessel == False": "updates no statistics",
    "momentum == 0.9": "updates no statistics",
}


@binds("batch_norm_frozen", "tf.nn.batch_normalization", where=STILL)
def batch_norm_frozen(
    x: Any, running_mean: Any, running_variance: Any, scale: Any, bias: Any, *, epsilon: float
) -> Any:
    y = tf.nn.batch_normalization(x, running_mean, running_variance, bias, scale, epsilon)
    return y, running_mean, running_variance


@binds(
    "batch_norm_frozen",
    "tf.compat.v1.nn.fused_batch_norm(is_training=False)",
    where=STILL | {rule: reason for rule, reason in FUSED.items() if "use" not in rule},
)
def fused_batch_norm_frozen(
    x: Any, running_mean: Any, running_variance: Any, scale: Any, bias: Any, *, epsilon: float
) -> Any:
    vectors = (tf.cast(a, tf.float32) for a in (scale, bias, running_mean, running_variance))
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, *vectors, epsilon, is_training=False)
    return y, tf.cast(mean, x.dtype), tf.cast(variance, x.dtype)


@binds("batch_norm_folded", "tf.nn.convolution(kernel * tf.math.rsqrt)", composition=True)
def batch_norm_folded(
    x: Any,
    kernel: Any,
    offset: Any,
    mean: Any,
    variance: Any,
    scale: Any,
    bias: Any,
    *,
    epsilon: float,
) -> Any:
    slope = scale * tf.math.rsqrt(variance + epsilon)
    shift = bias + ((0 if offset is None else offset) - mean) * slope
    if len(kernel.shape) == 2:
        return tf.matmul(x, kernel * slope) + shift
    return tf.nn.convolution(x, kernel * slope, padding="VALID") + shift


@binds("layer_norm", "tf.nn.batch_normalization(tf.nn.moments)", composition=True)
def layer_norm(x: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, bias, scale, epsilon)


@binds("group_norm", "tf.nn.batch_normalization(tf.nn.moments)", composition=True)
def group_norm(x: Any, scale: Any, bias: Any, *, groups: int, epsilon: float) -> Any:
    channels = x.shape[-1]
    grouped = tf.reshape(x, (*x.shape[:-1], groups, channels // groups))
    mean, variance = tf.nn.moments(grouped, axes=[*range(1, len(x.shape) - 1), len(x.shape)], keepdims=True)
    standard = tf.reshape(tf.nn.batch_normalization(grouped, mean, variance, None, None, epsilon), x.shape)
    scaled = standard if scale is None else standard * scale
    return scaled if bias is None else scaled + bias


@binds("rms_norm", "tf.math.rsqrt(tf.reduce_mean)", composition=True)
def rms_norm(x: Any, scale: Any, *, epsilon: float) -> Any:
    wide = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    y = wide * tf.math.rsqrt(tf.reduce_mean(tf.square(wide), axis=-1, keepdims=True) + epsilon)
    return tf.cast(y if scale is None else y * tf.cast(scale, y.dtype), x.dtype)
