"""Batch normalization of Keras."""

from __future__ import annotations

from .framework import binds, keras
from .layers import DTYPE, build_layer, call_layer, dtype_of, function, layer
from .normalization import AFFINE, LONE_VALUE, WEIGHTS

OF_N = {"bessel": (False, "Keras updates the running variance with n")}
SUM = {"infinite_mean": ("sum", "divides a sum by the count")}
FOLDED = {"centred": (False, "folds the mean into the offset")}
MOMENTUM = {"momentum": "momentum", "epsilon": "epsilon"} | DTYPE
RUNNING = WEIGHTS | {"moving_mean": "running_mean", "moving_variance": "running_variance"}
UPDATED = {"gives": "y, kept", "returns": "y, kept['moving_mean'], kept['moving_variance']"}

layer(
    "batch_norm",
    "keras.layers.BatchNormalization",
    MOMENTUM | AFFINE,
    RUNNING,
    on="x, training=True",
    **UPDATED,
    fixed=OF_N | LONE_VALUE | SUM,
)


def layers_of_batches(x, scale, bias, *, momentum, seen):
    """A layer for each batch; without a momentum, the one that makes the mean of all batches."""
    options = {"center": bias is not None, "scale": scale is not None, "epsilon": 1e-5, "dtype": dtype_of(x)}
    kept = [number / (number + 1) if momentum is None else momentum for number in range(seen, seen + len(x))]
    return [build_layer(keras.layers.BatchNormalization(momentum=one, **options), x[0]) for one in kept]


@binds(
    "batch_norm_repeated",
    "keras.layers.BatchNormalization",
    where={"momentum is not None": "has one momentum for all calls, and no cumulative mean"},
    fixed=OF_N,
    build=layers_of_batches,
)
@binds(
    "batch_norm_repeated",
    "keras.layers.BatchNormalization(momentum=n / (n + 1))",
    fixed=OF_N,
    composition=True,
    build=layers_of_batches,
)
def batch_norm_repeated(built, x, running_mean, running_variance, scale, bias):
    outputs, kept = [], {"moving_mean": running_mean, "moving_variance": running_variance}
    for one, batch in zip(built, keras.ops.unstack(x), strict=True):
        y, kept = call_layer(one, batch, gamma=scale, beta=bias, training=True, **kept)
        outputs.append(y)
    return keras.ops.stack(outputs), kept["moving_mean"], kept["moving_variance"]


layer(
    "masked_batch_norm",
    "keras.layers.BatchNormalization",
    MOMENTUM,
    RUNNING,
    on="x, training=True, mask=mask",
    **UPDATED,
    fixed=OF_N
    | {
        "masked_output": ("normalized", "normalizes masked places too"),
        "masking": ("select", "selects what counts"),
    },
)
layer(
    "batch_norm_inference",
    "keras.layers.BatchNormalization",
    {"epsilon": "epsilon"} | AFFINE | DTYPE,
    WEIGHTS | {"moving_mean": "mean", "moving_variance": "variance"},
    on="x, training=False",
    returns="y[0]",
    fixed=FOLDED,
)
function(
    "batch_norm_inference",
    "keras.ops.batch_normalization",
    {"axis": "-1", "offset": "bias", "scale": "scale", "epsilon": "epsilon"},
    on="x, mean, variance",
    fixed=FOLDED,
)
layer(
    "batch_norm_frozen",
    "keras.layers.BatchNormalization(trainable=False)",
    MOMENTUM | {"trainable": "False"},
    RUNNING,
    on="x, training=True",
    **UPDATED,
    fixed={
        "statistics": ("running", "runs as at inference, also under training=True"),
        "bessel": (False, "updates no statistics"),
    },
)


@binds("batch_norm_folded", "keras.ops.conv(kernel * keras.ops.rsqrt)", composition=True)
def batch_norm_folded(x, kernel, offset, mean, variance, scale, bias, *, epsilon):
    slope = scale * keras.ops.rsqrt(variance + epsilon)
    shift = bias + ((0 if offset is None else offset) - mean) * slope
    if len(kernel.shape) == 2:
        return keras.ops.matmul(x, kernel * slope) + shift
    return keras.ops.conv(x, kernel * slope, padding="valid", data_format="channels_last") + shift
