"""Normalization layers of flax, with the variance in two passes and, as flax has it by default, in one."""

from __future__ import annotations

from ..rows import rows
from .framework import binds, jax, jnp, nnx
from .modules import MODULES, RNGS, call_nnx, function, linen_module, nnx_module

BIASED = {"bessel == False": "flax updates the running variance with n"}
LONE_VALUE = {"lone_value": ("bias", "gives the bias for a single value per channel")}
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

# --- batch normalization ---


def call_nnx_norm(module, x, *, mean, var, mask=None, **weights):
    """Output and statistics of a copy of a ``flax.nnx`` module, which computes them in float32 at least."""
    module = nnx.merge(*nnx.split(module))
    module.mean, module.var = nnx.BatchStat(mean), nnx.BatchStat(var)
    y = call_nnx(module, x, options={} if mask is None else {"mask": mask}, **weights)
    return y, module.mean[...].astype(x.dtype), module.var[...].astype(x.dtype)


def call_linen_norm(module, x, *, mean, var, mask=None, **weights):
    """Output and statistics of a ``flax.linen`` module, which computes them in float32 at least."""
    given = {name: value for name, value in weights.items() if value is not None}
    variables = {"params": given, "batch_stats": {"mean": mean, "var": var}}
    masked = {} if mask is None else {"mask": mask}
    y, updated = module.apply(variables, x, mutable=["batch_stats"], **masked)
    statistics = updated["batch_stats"]
    return y, statistics["mean"].astype(x.dtype), statistics["var"].astype(x.dtype)


_, nnx_norm = rows("jax", call_nnx_norm, **MODULES)
_, linen_norm = rows("jax", call_linen_norm, **MODULES)

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
MOMENTUM = {"momentum": "momentum"}
BY_RUNNING, BY_BATCH = {"use_running_average": "True"}, {"use_running_average": "False"}
ONE_PASS, TWO_PASSES = {"use_fast_variance": "True"}, {"use_fast_variance": "False"}

NNX, LINEN = FEATURES | NORM | RNGS, NORM | TWO_PASSES
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


# --- the others ---


def affine(x, scale, bias):
    """Scale and shift, where they are given."""
    scaled = x if scale is None else x * scale
    return scaled if bias is None else scaled + bias


for suffix, passes in (("", TWO_PASSES), ("(use_fast_variance=True)", ONE_PASS)):
    nnx_module("layer_norm", f"flax.nnx.LayerNorm{suffix}", NNX | passes, WEIGHT)
    nnx_module("group_norm", f"flax.nnx.GroupNorm{suffix}", NNX | GROUPS | passes, WEIGHT)
    nnx_module("instance_norm", f"flax.nnx.InstanceNorm{suffix}", NNX | passes, WEIGHT, fixed=LONE_VALUE)

linen_module("layer_norm", "flax.linen.LayerNorm", LINEN, WEIGHT)
linen_module("group_norm", "flax.linen.GroupNorm", LINEN | GROUPS, WEIGHT)
linen_module("instance_norm", "flax.linen.InstanceNorm", LINEN, WEIGHT, fixed=LONE_VALUE)
nnx_module("rms_norm", "flax.nnx.RMSNorm", FEATURES | RMS | RNGS, {"scale": "scale"})
linen_module("rms_norm", "flax.linen.RMSNorm", RMS, {"scale": "scale"})

function(
    "layer_norm",
    "jax.nn.standardize",
    {"axis": "-1", "epsilon": "epsilon"},
    where={"not use_scale and not use_bias": "has no weights"},
    unused=("scale", "bias"),
)
function(
    "layer_norm",
    "jax.nn.standardize(algorithm='stable')",
    {"axis": "-1", "epsilon": "epsilon", "algorithm": "'stable'"},
    returns="affine(y, scale, bias)",
    composition=True,
)


@binds("rms_norm", "jax.lax.rsqrt(jax.numpy.mean)", composition=True)
def rms_norm_composed(x, scale, *, epsilon):
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    y = wide * jax.lax.rsqrt(jnp.mean(jnp.square(wide), axis=-1, keepdims=True) + epsilon)
    return affine(y, scale, None).astype(x.dtype)


@binds("local_response_norm", "jax.lax.reduce_window", composition=True)
def local_response_norm(x, *, window, alpha, beta, offset, alpha_of):
    reach = (0, 0), (0, 0), (0, 0), (window // 2, (window - 1) // 2)
    squares = jax.lax.reduce_window(jnp.square(x), 0.0, jax.lax.add, (1, 1, 1, window), (1, 1, 1, 1), reach)
    return x / (offset + (alpha / window if alpha_of == "mean" else alpha) * squares) ** beta
