"""Batch normalization of JAX."""

from __future__ import annotations

from .framework import binds, jax, jnp, nnx
from .modules import call_nnx
from .normalization import LINEN, NNX, ONE_PASS, TWO_PASSES, WEIGHT, linen_norm, nnx_norm

BIASED = {"bessel == False": "flax updates the running variance with n"}
BATCH = BIASED | {
    "lone_value == 'bias'": "gives the bias for a single value per channel",
    "infinite_mean == 'sum'": "divides a sum by the count",
}
CENTRED = {"centred or data != 'infinities'": "sums what is centred first"}
PLACES = BIASED | {
    "masking == 'select_values' or data != 'padding_nan'": "mean(where=) leaves out values, not gradients",
    "masked_output == 'normalized'": "normalizes masked places too",
}
BETWEEN_ZEROS = BIASED | {
    "masked_output == 'zero'": "is written with zeros at masked places, before and after",
    "masking == 'select'": "puts zeros for what is masked first, which keeps NaN out of everything",
}
RUNNING = {
    "statistics == 'running'": "normalizes by the running statistics",
    "bessel == False": "updates no statistics",
}
FROZEN = {"statistics == 'batch'": "normalizes by the batch"} | BIASED
MOMENTUM = {"momentum": "momentum"}
BY_RUNNING, BY_BATCH = {"use_running_average": "True"}, {"use_running_average": "False"}
VARIABLES = WEIGHT | {"mean": "running_mean", "var": "running_variance"}
KNOWN = WEIGHT | {"mean": "mean", "var": "variance"}
MASK = {"mask": "mask[..., None]"}
STOPPED = {name: f"jax.lax.stop_gradient({name})" for name in WEIGHT}

for suffix, passes in (("", TWO_PASSES), ("(use_fast_variance=True)", ONE_PASS)):
    nnx_norm("batch_norm", f"flax.nnx.BatchNorm{suffix}", NNX | MOMENTUM | passes, VARIABLES, where=BATCH)

linen_norm("batch_norm", "flax.linen.BatchNorm", LINEN | MOMENTUM | BY_BATCH, VARIABLES, where=BATCH)
nnx_norm("batch_norm_inference", "flax.nnx.BatchNorm", NNX | BY_RUNNING, KNOWN, returns="y[0]", where=CENTRED)
linen_norm(
    "batch_norm_inference", "flax.linen.BatchNorm", LINEN | BY_RUNNING, KNOWN, returns="y[0]", where=CENTRED
)
nnx_norm(
    "batch_norm_frozen",
    "flax.nnx.BatchNorm(use_running_average=True)",
    NNX | MOMENTUM | BY_RUNNING,
    VARIABLES,
    where=RUNNING,
)
linen_norm(
    "batch_norm_frozen",
    "flax.linen.BatchNorm(jax.lax.stop_gradient)",
    LINEN | MOMENTUM | BY_BATCH,
    VARIABLES | STOPPED,
    where=FROZEN,
)
nnx_norm(
    "masked_batch_norm",
    "flax.nnx.BatchNorm",
    NNX | MOMENTUM | TWO_PASSES,
    VARIABLES | MASK,
    where=PLACES,
)
linen_norm(
    "masked_batch_norm",
    "flax.linen.BatchNorm",
    LINEN | MOMENTUM | BY_BATCH,
    VARIABLES | MASK,
    where=PLACES,
)
nnx_norm(
    "masked_batch_norm",
    "jax.numpy.where(flax.nnx.BatchNorm)",
    NNX | MOMENTUM | TWO_PASSES,
    VARIABLES | MASK,
    calls="nnx.BatchNorm",
    on="jnp.where(mask[..., None], x, 0)",
    gives="y, *updated",
    returns="jnp.where(mask[..., None], y, 0), *updated",
    where=BETWEEN_ZEROS,
    composition=True,
)


@binds(
    "batch_norm_repeated",
    "flax.nnx.BatchNorm",
    where={"momentum is not None": "has one momentum for all calls, and no cumulative mean"} | BIASED,
)
@binds(
    "batch_norm_repeated",
    "flax.nnx.BatchNorm(momentum=n / (n + 1))",
    where=BIASED,
    composition=True,
)
def batch_norm_repeated(x, running_mean, running_variance, scale, bias, *, momentum, seen):
    layer = nnx.BatchNorm(x.shape[-1], use_fast_variance=False, dtype=x.dtype, rngs=nnx.Rngs(0))
    layer.mean, layer.var = nnx.BatchStat(running_mean), nnx.BatchStat(running_variance)
    outputs = []
    for number, batch in enumerate(x, start=seen):
        layer.momentum = number / (number + 1) if momentum is None else momentum
        outputs.append(call_nnx(layer, batch, scale=scale, bias=bias))
    return jnp.stack(outputs), layer.mean[...].astype(x.dtype), layer.var[...].astype(x.dtype)


@binds("batch_norm_folded", "jax.lax.conv_general_dilated(kernel * jax.lax.rsqrt)", composition=True)
def batch_norm_folded(x, kernel, offset, mean, variance, scale, bias, *, epsilon):
    slope = scale * jax.lax.rsqrt(variance + epsilon)
    shift = bias + ((0 if offset is None else offset) - mean) * slope
    if kernel.ndim == 2:
        return x @ (kernel * slope) + shift
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel * slope, (1, 1), "VALID", dimension_numbers=layout) + shift
