"""Normalization layers of flax, with the variance in two passes and, as flax has it by default, in one."""

from __future__ import annotations

from ..rows import rows
from .framework import binds, jax, jnp, nnx
from .modules import MODULES, RNGS, call_nnx, function, linen_module, nnx_module

LONE_VALUE = {"lone_value": ("bias", "gives the bias for a single value per channel")}

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
ONE_PASS, TWO_PASSES = {"use_fast_variance": "True"}, {"use_fast_variance": "False"}

NNX, LINEN = FEATURES | NORM | RNGS, NORM | TWO_PASSES


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
