"""Normalization layers of flax, with the variance in two passes and, as flax has it by default, in one."""

from __future__ import annotations

from .framework import binds, jax, jnp, linen, nnx
from .modules import RNGS, call_nnx, function, linen_module, nnx_module

BIASED = {
    "bessel == False": "flax updates the running variance with n",
    "lone_value == 'bias'": "gives the bias for a single value per channel",
    "infinite_mean == 'sum'": "divides a sum by the count",
}
CENTRED = {"centred or data != 'infinities'": "sums what is centred first"}


@binds("batch_norm", "flax.nnx.BatchNorm", where=BIASED)
def batch_norm(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    options = {"epsilon": epsilon, "momentum": momentum, "use_fast_variance": False}
    return nnx_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds("batch_norm", "flax.nnx.BatchNorm(use_fast_variance=True)", where=BIASED)
def batch_norm_fast(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    options = {"epsilon": epsilon, "momentum": momentum, "use_fast_variance": True}
    return nnx_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds(
    "batch_norm_repeated",
    "flax.nnx.BatchNorm",
    where={
        "momentum is not None": "has one momentum for all calls, and no cumulative mean",
        "bessel == False": BIASED["bessel == False"],
    },
)
@binds(
    "batch_norm_repeated",
    "flax.nnx.BatchNorm(momentum=n / (n + 1))",
    where={"bessel == False": BIASED["bessel == False"]},
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


MASKED = {"bessel == False": BIASED["bessel == False"]}
NORMALIZED = {
    "masking == 'select_values' or data != 'padding_nan'": "mean(where=) leaves out values, not gradients",
    "masked_output == 'normalized'": "normalizes masked places too",
}


@binds("masked_batch_norm", "flax.nnx.BatchNorm", where=MASKED | NORMALIZED)
def masked_batch_norm(x, mask, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    options = {"epsilon": epsilon, "momentum": momentum, "use_fast_variance": False}
    return nnx_batch_norm(
        x, running_mean, running_variance, scale, bias, options, mask=mask[..., jnp.newaxis]
    )


@binds(
    "masked_batch_norm",
    "jax.numpy.where(flax.nnx.BatchNorm)",
    where=MASKED
    | {
        "masked_output == 'zero'": "is written with zeros at masked places, before and after",
        "masking == 'select'": "puts zeros for what is masked first, which keeps NaN out of everything",
    },
    composition=True,
)
def masked_batch_norm_between_zeros(
    x, mask, running_mean, running_variance, scale, bias, *, epsilon, momentum
):
    counts = mask[..., jnp.newaxis]
    statistics = running_mean, running_variance
    options = {"epsilon": epsilon, "momentum": momentum, "use_fast_variance": False}
    y, *updated = nnx_batch_norm(jnp.where(counts, x, 0), *statistics, scale, bias, options, mask=counts)
    return jnp.where(counts, y, 0), *updated


@binds("masked_batch_norm", "flax.linen.BatchNorm", where=MASKED | NORMALIZED)
def masked_batch_norm_linen(x, mask, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    options = {"epsilon": epsilon, "momentum": momentum, "use_running_average": False}
    return linen_batch_norm(
        x, running_mean, running_variance, scale, bias, options, mask=mask[..., jnp.newaxis]
    )


@binds("batch_norm_inference", "flax.nnx.BatchNorm", where=CENTRED)
def batch_norm_inference(x, mean, variance, scale, bias, *, epsilon):
    options = {"epsilon": epsilon, "use_running_average": True}
    return nnx_batch_norm(x, mean, variance, scale, bias, options)[0]


def nnx_batch_norm(x, mean, variance, scale, bias, options, **masked):
    """Output and statistics, which flax computes in float32 at least."""
    layer = nnx.BatchNorm(x.shape[-1], **nnx_options(x, scale, bias), **options)
    layer.mean, layer.var = nnx.BatchStat(mean), nnx.BatchStat(variance)
    y = call_nnx(layer, x, scale=scale, bias=bias, options=masked)
    return y, layer.mean[...].astype(x.dtype), layer.var[...].astype(x.dtype)


def nnx_options(x, scale, bias):
    """What every module of flax.nnx is told."""
    return {
        "use_scale": scale is not None,
        "use_bias": bias is not None,
        "dtype": x.dtype,
        "rngs": nnx.Rngs(0),
    }


@binds("batch_norm", "flax.linen.BatchNorm", where=BIASED)
def batch_norm_linen(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    options = {"epsilon": epsilon, "momentum": momentum, "use_running_average": False}
    return linen_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds("batch_norm_inference", "flax.linen.BatchNorm", where=CENTRED)
def batch_norm_inference_linen(x, mean, variance, scale, bias, *, epsilon):
    options = {"epsilon": epsilon, "use_running_average": True}
    return linen_batch_norm(x, mean, variance, scale, bias, options)[0]


def linen_batch_norm(x, mean, variance, scale, bias, options, **masked):
    """Output and statistics, which flax computes in float32 at least."""
    layer = linen.BatchNorm(**linen_options(x, scale, bias), **options)
    weights = {name: value for name, value in {"scale": scale, "bias": bias}.items() if value is not None}
    variables = {"params": weights, "batch_stats": {"mean": mean, "var": variance}}
    y, updated = layer.apply(variables, x, mutable=["batch_stats"], **masked)
    statistics = updated["batch_stats"]
    return y, statistics["mean"].astype(x.dtype), statistics["var"].astype(x.dtype)


def linen_options(x, scale, bias):
    """What every module of flax.linen is told."""
    return {
        "use_scale": scale is not None,
        "use_bias": bias is not None,
        "dtype": x.dtype,
        "use_fast_variance": False,
    }


@binds(
    "batch_norm_frozen",
    "flax.nnx.BatchNorm(use_running_average=True)",
    where={
        "statistics == 'running'": "normalizes by the running statistics",
        "bessel == False": "updates no statistics",
    },
)
def batch_norm_frozen(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    options = {"epsilon": epsilon, "momentum": momentum, "use_running_average": True}
    return nnx_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds(
    "batch_norm_frozen",
    "flax.linen.BatchNorm(jax.lax.stop_gradient)",
    where={"statistics == 'batch'": "normalizes by the batch", "bessel == False": BIASED["bessel == False"]},
)
def batch_norm_weights_frozen(x, running_mean, running_variance, scale, bias, *, epsilon, momentum):
    options = {"epsilon": epsilon, "momentum": momentum, "use_running_average": False}
    scale, bias = jax.lax.stop_gradient((scale, bias))
    return linen_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds("batch_norm_folded", "jax.lax.conv_general_dilated(kernel * jax.lax.rsqrt)", composition=True)
def batch_norm_folded(x, kernel, offset, mean, variance, scale, bias, *, epsilon):
    slope = scale * jax.lax.rsqrt(variance + epsilon)
    shift = bias + ((0 if offset is None else offset) - mean) * slope
    if kernel.ndim == 2:
        return x @ (kernel * slope) + shift
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel * slope, (1, 1), "VALID", dimension_numbers=layout) + shift


def affine(x, scale, bias):
    """Scale and shift, where they are given."""
    scaled = x if scale is None else x * scale
    return scaled if bias is None else scaled + bias


WEIGHT = {"scale": "scale", "bias": "bias"}
NORM = {
    "epsilon": "epsilon",
    "use_scale": "scale is not None",
    "use_bias": "bias is not None",
    "dtype": "x.dtype",
}
RMS = {name: NORM[name] for name in ("epsilon", "use_scale", "dtype")}
FEATURES = {"num_features": "x.shape[-1]"}
GROUPS = {"num_groups": "groups"}
ONE_PASS, TWO_PASSES = {"use_fast_variance": "True"}, {"use_fast_variance": "False"}

for suffix, passes in (("", TWO_PASSES), ("(use_fast_variance=True)", ONE_PASS)):
    nnx_module("layer_norm", f"flax.nnx.LayerNorm{suffix}", FEATURES | NORM | passes | RNGS, WEIGHT)
    nnx_module("group_norm", f"flax.nnx.GroupNorm{suffix}", FEATURES | GROUPS | NORM | passes | RNGS, WEIGHT)

linen_module("layer_norm", "flax.linen.LayerNorm", NORM | TWO_PASSES, WEIGHT)
linen_module("group_norm", "flax.linen.GroupNorm", GROUPS | NORM | TWO_PASSES, WEIGHT)
nnx_module("rms_norm", "flax.nnx.RMSNorm", FEATURES | RMS | RNGS, {"scale": "scale"})
linen_module("rms_norm", "flax.linen.RMSNorm", RMS, {"scale": "scale"})

for suffix, algorithm in (("", {}), ("(algorithm='stable')", {"algorithm": "'stable'"})):
    function(
        "layer_norm",
        f"jax.nn.standardize{suffix}",
        {"axis": "-1", "epsilon": "epsilon"} | algorithm,
        returns="affine(y, scale, bias)",
        composition=True,
    )


@binds("rms_norm", "jax.lax.rsqrt(jax.numpy.mean)", composition=True)
def rms_norm_composed(x, scale, *, epsilon):
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    y = wide * jax.lax.rsqrt(jnp.mean(jnp.square(wide), axis=-1, keepdims=True) + epsilon)
    return affine(y, scale, None).astype(x.dtype)
