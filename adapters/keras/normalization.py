"""Normalization layers of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, dtype_of

BIASED = {
    "bessel == False": "Keras updates the running variance with n",
    "lone_value == 'bias'": "gives the bias for a single value per channel",
}
SCALED = {"use_scale": "always scales"}
FOLDED = {"not centred": "folds the mean into the offset"}


@binds("batch_norm", "keras.layers.BatchNormalization", where=BIASED)
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
    layer = keras.layers.BatchNormalization(
        momentum=momentum,
        epsilon=epsilon,
        center=bias is not None,
        scale=scale is not None,
        dtype=dtype_of(x),
    )
    weights = {"gamma": scale, "beta": bias, "moving_mean": running_mean, "moving_variance": running_variance}
    y, states = call_layer(layer, x, weights=weights, training=True)
    return y, states["moving_mean"], states["moving_variance"]


EVERY_CALL = {
    "momentum is not None": "has one momentum for all calls, and no cumulative mean",
    "bessel == False": BIASED["bessel == False"],
}


@binds("batch_norm_repeated", "keras.layers.BatchNormalization", where=EVERY_CALL)
@binds(
    "batch_norm_repeated",
    "keras.layers.BatchNormalization(momentum=n / (n + 1))",
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
    for number, batch in enumerate(keras.ops.unstack(x), start=seen):
        y, running_mean, running_variance = batch_norm(
            batch,
            running_mean,
            running_variance,
            scale,
            bias,
            epsilon=1e-5,
            momentum=number / (number + 1) if momentum is None else momentum,
        )
        outputs.append(y)
    return keras.ops.stack(outputs), running_mean, running_variance


@binds(
    "masked_batch_norm",
    "keras.layers.BatchNormalization",
    where={
        "bessel == False": BIASED["bessel == False"],
        "masked_output == 'normalized'": "normalizes masked places too",
        "masking == 'select'": "selects what counts",
    },
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
    layer = keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon, dtype=dtype_of(x))
    weights = {"gamma": scale, "beta": bias, "moving_mean": running_mean, "moving_variance": running_variance}
    y, states = call_layer(layer, x, weights=weights, training=True, mask=mask)
    return y, states["moving_mean"], states["moving_variance"]


@binds("batch_norm_inference", "keras.layers.BatchNormalization", where=FOLDED)
def batch_norm_inference(x: Any, mean: Any, variance: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    layer = keras.layers.BatchNormalization(
        epsilon=epsilon, center=bias is not None, scale=scale is not None, dtype=dtype_of(x)
    )
    weights = {"gamma": scale, "beta": bias, "moving_mean": mean, "moving_variance": variance}
    return call_layer(layer, x, weights=weights, training=False)[0]


@binds("batch_norm_inference", "keras.ops.batch_normalization", where=FOLDED)
def batch_norm_inference_op(
    x: Any, mean: Any, variance: Any, scale: Any, bias: Any, *, epsilon: float
) -> Any:
    return keras.ops.batch_normalization(x, mean, variance, -1, offset=bias, scale=scale, epsilon=epsilon)


@binds(
    "batch_norm_frozen",
    "keras.layers.BatchNormalization(trainable=False)",
    where={
        "statistics == 'running'": "runs as at inference, also under training=True",
        "bessel == False": "updates no statistics",
    },
)
def batch_norm_frozen(
    x: Any,
    running_mean: Any,
    running_variance: Any,
    scale: Any,
    bias: Any,
    *,
    epsilon: float,
    momentum: float,
) -> Any:
    layer = keras.layers.BatchNormalization(
        momentum=momentum, epsilon=epsilon, dtype=dtype_of(x), trainable=False
    )
    weights = {"gamma": scale, "beta": bias, "moving_mean": running_mean, "moving_variance": running_variance}
    y, states = call_layer(layer, x, weights=weights, training=True)
    return y, states["moving_mean"], states["moving_variance"]


@binds("batch_norm_folded", "keras.ops.conv(kernel * keras.ops.rsqrt)", composition=True)
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
    slope = scale * keras.ops.rsqrt(variance + epsilon)
    shift = bias + ((0 if offset is None else offset) - mean) * slope
    if len(kernel.shape) == 2:
        return keras.ops.matmul(x, kernel * slope) + shift
    return keras.ops.conv(x, kernel * slope, padding="valid", data_format="channels_last") + shift


@binds("layer_norm", "keras.layers.LayerNormalization")
def layer_norm(x: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    layer = keras.layers.LayerNormalization(
        axis=-1, epsilon=epsilon, center=bias is not None, scale=scale is not None, dtype=dtype_of(x)
    )
    return call_layer(layer, x, weights={"gamma": scale, "beta": bias})


@binds("layer_norm", "keras.ops.layer_normalization")
def layer_norm_op(x: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    return keras.ops.layer_normalization(x, scale, bias, axis=-1, epsilon=epsilon)


@binds("group_norm", "keras.layers.GroupNormalization")
def group_norm(x: Any, scale: Any, bias: Any, *, groups: int, epsilon: float) -> Any:
    layer = keras.layers.GroupNormalization(
        groups, axis=-1, epsilon=epsilon, center=bias is not None, scale=scale is not None, dtype=dtype_of(x)
    )
    return call_layer(layer, x, weights={"gamma": scale, "beta": bias})


@binds("rms_norm", "keras.layers.RMSNormalization", where=SCALED)
def rms_norm(x: Any, scale: Any, *, epsilon: float) -> Any:
    layer = keras.layers.RMSNormalization(axis=-1, epsilon=epsilon, dtype=dtype_of(x))
    return call_layer(layer, x, weights={"scale": scale})


@binds("rms_norm", "keras.ops.rms_normalization")
def rms_norm_op(x: Any, scale: Any, *, epsilon: float) -> Any:
    return keras.ops.rms_normalization(x, scale, axis=-1, epsilon=epsilon)
