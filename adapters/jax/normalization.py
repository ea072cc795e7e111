"""Normalization layers of flax, with the variance in two passes and, as flax has it by default, in one."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, jnp, linen, nnx
from .modules import call_linen, call_nnx

BIASED = {
    "bessel == False": "flax updates the running variance with n",
    "lone_value == 'bias'": "gives the bias for a single value per channel",
    "infinite_mean == 'sum'": "divides a sum by the count",
}
CENTRED = {"centred or data != 'infinities'": "sums what is centred first"}


@binds("batch_norm", "flax.nnx.BatchNorm", where=BIASED)
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
    options = {"epsilon": epsilon, "momentum": momentum, "use_fast_variance": False}
    return nnx_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds("batch_norm", "flax.nnx.BatchNorm(use_fast_variance=True)", where=BIASED)
def batch_norm_fast(
    x: Any,
    running_mean: Any,
    running_variance: Any,
    scale: Any,
    bias: Any,
    *,
    epsilon: float,
    momentum: float,
) -> Any:
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
    counts = mask[..., jnp.newaxis]
    statistics = running_mean, running_variance
    options = {"epsilon": epsilon, "momentum": momentum, "use_fast_variance": False}
    y, *updated = nnx_batch_norm(jnp.where(counts, x, 0), *statistics, scale, bias, options, mask=counts)
    return jnp.where(counts, y, 0), *updated


@binds("masked_batch_norm", "flax.linen.BatchNorm", where=MASKED | NORMALIZED)
def masked_batch_norm_linen(
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
    options = {"epsilon": epsilon, "momentum": momentum, "use_running_average": False}
    return linen_batch_norm(
        x, running_mean, running_variance, scale, bias, options, mask=mask[..., jnp.newaxis]
    )


@binds("batch_norm_inference", "flax.nnx.BatchNorm", where=CENTRED)
def batch_norm_inference(x: Any, mean: Any, variance: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    options = {"epsilon": epsilon, "use_running_average": True}
    return nnx_batch_norm(x, mean, variance, scale, bias, options)[0]


def nnx_batch_norm(
    x: Any, mean: Any, variance: Any, scale: Any, bias: Any, options: dict[str, Any], **masked: Any
) -> tuple[Any, Any, Any]:
    """Output and statistics, which flax computes in float32 at least."""
    layer = nnx.BatchNorm(x.shape[-1], **nnx_options(x, scale, bias), **options)
    layer.mean, layer.var = nnx.BatchStat(mean), nnx.BatchStat(variance)
    y = call_nnx(layer, x, scale=scale, bias=bias, options=masked)
    return y, layer.mean[...].astype(x.dtype), layer.var[...].astype(x.dtype)


def nnx_options(x: Any, scale: Any, bias: Any) -> dict[str, Any]:
    """What every module of flax.nnx is told."""
    return {
        "use_scale": scale is not None,
        "use_bias": bias is not None,
        "dtype": x.dtype,
        "rngs": nnx.Rngs(0),
    }


@binds("batch_norm", "flax.linen.BatchNorm", where=BIASED)
def batch_norm_linen(
    x: Any,
    running_mean: Any,
    running_variance: Any,
    scale: Any,
    bias: Any,
    *,
    epsilon: float,
    momentum: float,
) -> Any:
    options = {"epsilon": epsilon, "momentum": momentum, "use_running_average": False}
    return linen_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds("batch_norm_inference", "flax.linen.BatchNorm", where=CENTRED)
def batch_norm_inference_linen(
    x: Any, mean: Any, variance: Any, scale: Any, bias: Any, *, epsilon: float
) -> Any:
    options = {"epsilon": epsilon, "use_running_average": True}
    return linen_batch_norm(x, mean, variance, scale, bias, options)[0]


def linen_batch_norm(
    x: Any, mean: Any, variance: Any, scale: Any, bias: Any, options: dict[str, Any], **masked: Any
) -> tuple[Any, Any, Any]:
    """Output and statistics, which flax computes in float32 at least."""
    layer = linen.BatchNorm(**linen_options(x, scale, bias), **options)
    weights = {name: value for name, value in {"scale": scale, "bias": bias}.items() if value is not None}
    variables = {"params": weights, "batch_stats": {"mean": mean, "var": variance}}
    y, updated = layer.apply(variables, x, mutable=["batch_stats"], **masked)
    statistics = updated["batch_stats"]
    return y, statistics["mean"].astype(x.dtype), statistics["var"].astype(x.dtype)


def linen_options(x: Any, scale: Any, bias: Any) -> dict[str, Any]:
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
    options = {"epsilon": epsilon, "momentum": momentum, "use_running_average": True}
    return nnx_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds(
    "batch_norm_frozen",
    "flax.linen.BatchNorm(jax.lax.stop_gradient)",
    where={"statistics == 'batch'": "normalizes by the batch", "bessel == False": BIASED["bessel == False"]},
)
def batch_norm_weights_frozen(
    x: Any,
    running_mean: Any,
    running_variance: Any,
    scale: Any,
    bias: Any,
    *,
    epsilon: float,
    momentum: float,
) -> Any:
    options = {"epsilon": epsilon, "momentum": momentum, "use_running_average": False}
    scale, bias = jax.lax.stop_gradient((scale, bias))
    return linen_batch_norm(x, running_mean, running_variance, scale, bias, options)


@binds("batch_norm_folded", "jax.lax.conv_general_dilated(kernel * jax.lax.rsqrt)", composition=True)
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
    slope = scale * jax.lax.rsqrt(variance + epsilon)
    shift = bias + ((0 if offset is None else offset) - mean) * slope
    if kernel.ndim == 2:
        return x @ (kernel * slope) + shift
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel * slope, (1, 1), "VALID", dimension_numbers=layout) + shift


@binds("layer_norm", "flax.nnx.LayerNorm")
def layer_norm(x: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    layer = nnx.LayerNorm(
        x.shape[-1], epsilon=epsilon, use_fast_variance=False, **nnx_options(x, scale, bias)
    )
    return call_nnx(layer, x, scale=scale, bias=bias)


@binds("layer_norm", "flax.nnx.LayerNorm(use_fast_variance=True)")
def layer_norm_fast(x: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    layer = nnx.LayerNorm(x.shape[-1], epsilon=epsilon, use_fast_variance=True, **nnx_options(x, scale, bias))
    return call_nnx(layer, x, scale=scale, bias=bias)


@binds("layer_norm", "flax.linen.LayerNorm")
def layer_norm_linen(x: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    layer = linen.LayerNorm(epsilon=epsilon, **linen_options(x, scale, bias))
    return call_linen(layer, x, scale=scale, bias=bias)


@binds("layer_norm", "jax.nn.standardize", composition=True)
def layer_norm_standardize(x: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    return affine(jax.nn.standardize(x, axis=-1, epsilon=epsilon), scale, bias)


@binds("layer_norm", "jax.nn.standardize(algorithm='stable')", composition=True)
def layer_norm_standardize_stable(x: Any, scale: Any, bias: Any, *, epsilon: float) -> Any:
    return affine(jax.nn.standardize(x, axis=-1, epsilon=epsilon, algorithm="stable"), scale, bias)


def affine(x: Any, scale: Any, bias: Any) -> Any:
    """Scale and shift, where they are given."""
    scaled = x if scale is None else x * scale
    return scaled if bias is None else scaled + bias


@binds("group_norm", "flax.nnx.GroupNorm")
def group_norm(x: Any, scale: Any, bias: Any, *, groups: int, epsilon: float) -> Any:
    layer = nnx.GroupNorm(
        x.shape[-1], groups, epsilon=epsilon, use_fast_variance=False, **nnx_options(x, scale, bias)
    )
    return call_nnx(layer, x, scale=scale, bias=bias)


@binds("group_norm", "flax.nnx.GroupNorm(use_fast_variance=True)")
def group_norm_fast(x: Any, scale: Any, bias: Any, *, groups: int, epsilon: float) -> Any:
    layer = nnx.GroupNorm(
        x.shape[-1], groups, epsilon=epsilon, use_fast_variance=True, **nnx_options(x, scale, bias)
    )
    return call_nnx(layer, x, scale=scale, bias=bias)


@binds("group_norm", "flax.linen.GroupNorm")
def group_norm_linen(x: Any, scale: Any, bias: Any, *, groups: int, epsilon: float) -> Any:
    layer = linen.GroupNorm(groups, epsilon=epsilon, **linen_options(x, scale, bias))
    return call_linen(layer, x, scale=scale, bias=bias)


@binds("rms_norm", "flax.nnx.RMSNorm")
def rms_norm(x: Any, scale: Any, *, epsilon: float) -> Any:
    layer = nnx.RMSNorm(
        x.shape[-1], epsilon=epsilon, use_scale=scale is not None, dtype=x.dtype, rngs=nnx.Rngs(0)
    )
    return call_nnx(layer, x, scale=scale)


@binds("rms_norm", "flax.linen.RMSNorm")
def rms_norm_linen(x: Any, scale: Any, *, epsilon: float) -> Any:
    layer = linen.RMSNorm(epsilon=epsilon, use_scale=scale is not None, dtype=x.dtype)
    return call_linen(layer, x, scale=scale)


@binds("rms_norm", "jax.lax.rsqrt(jax.numpy.mean)", composition=True)
def rms_norm_composed(x: Any, scale: Any, *, epsilon: float) -> Any:
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    y = wide * jax.lax.rsqrt(jnp.mean(jnp.square(wide), axis=-1, keepdims=True) + epsilon)
    return affine(y, scale, None).astype(x.dtype)
