"""Constraints of optax and flax: projections of a kernel's columns, and wrappers of modules."""

from __future__ import annotations

import functools

from .framework import binds, jax, jnp, linen, nnx, optax
from .modules import function

PLAIN = {"epsilon_at == 'none'": "divides by the norm itself"}
INSIDE = {"epsilon_at == 'inside'": "divides by √(n² + ε)"}


@binds("unit_norm", "optax.projections.projection_l2_sphere", where=PLAIN | {"epsilon == 1e-12": "has none"})
def unit_norm(kernel, *, axis):
    return along(optax.projections.projection_l2_sphere, axis)(kernel)


@binds(
    "unit_norm",
    "jax.numpy.maximum(jax.numpy.linalg.norm)",
    where={"epsilon_at == 'floor'": "is written as max(n, ε)"},
    composition=True,
)
def unit_norm_composed(kernel, *, axis, epsilon):
    return kernel / jnp.maximum(jnp.linalg.norm(kernel, axis=axis, keepdims=True), epsilon)


@binds("max_norm", "optax.projections.projection_l2_ball", where=PLAIN)
def max_norm(kernel, *, max_value, axis):
    return along(lambda vector: optax.projections.projection_l2_ball(vector, max_value), axis)(kernel)


def along(project, axis):
    """A projection of each of the vectors along an axis of a matrix."""
    if not -2 <= axis < 2:
        raise ValueError(f"no axis {axis}")
    return jax.vmap(project, in_axes=1 - axis, out_axes=1 - axis)


@binds("min_max_norm", "jax.numpy.clip(jax.numpy.linalg.norm)", where=PLAIN, composition=True)
def min_max_norm(kernel, *, min_value, max_value, rate, axis):
    norms = jnp.linalg.norm(kernel, axis=axis, keepdims=True)
    desired = rate * jnp.clip(norms, min_value, max_value) + (1 - rate) * norms
    return kernel * (desired / norms)


function(
    "non_neg",
    "optax.projections.projection_non_negative",
    on="kernel",
    where={
        "zero_gradient == 0.0 or data == 'normal'": "is jax.nn.relu, which gives no gradient at 0",
        "nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN",
    },
)


FEATURE_AXES = {"unit": -1, "feature": -2, "pair": (-2, -1), "all": None}


@binds("weight_norm", "flax.nnx.WeightNorm", where=INSIDE)
def weight_norm(direction, magnitude, *, norm_of, epsilon):
    inner, x = layer_of(direction)
    layer = nnx.WeightNorm(inner, feature_axes=FEATURE_AXES[norm_of], epsilon=epsilon, rngs=nnx.Rngs(0))
    layer.scales = nnx.data({("kernel",): magnitude})
    layer(x)
    return inner.kernel[...]


@binds("weight_norm", "flax.linen.WeightNorm", where=INSIDE)
def weight_norm_linen(direction, magnitude, *, norm_of, epsilon):
    axes = FEATURE_AXES[norm_of]
    layer = linen.WeightNorm(vessel()(direction.shape), feature_axes=axes, epsilon=epsilon)
    weights = {"layer_instance": {"kernel": direction}, "layer_instance/kernel/scale": magnitude}
    return layer.apply({"params": weights})


SPECTRAL = INSIDE | {
    "starts_from == 'units'": "keeps the vector of the units",
    "axis == 'units'": "takes the last axis",
}


@binds("spectral_norm", "flax.nnx.SpectralNorm", where=SPECTRAL)
def spectral_norm(kernel, vector, *, power_iterations, epsilon):
    inner, x = layer_of(kernel)
    layer = nnx.SpectralNorm(inner, n_steps=power_iterations, epsilon=epsilon, rngs=nnx.Rngs(0))
    layer.batch_stats[("kernel", "u")] = nnx.BatchStat(vector[jnp.newaxis])
    layer(x)
    return inner.kernel[...], layer.batch_stats[("kernel", "u")][...][0]


@binds("spectral_norm", "flax.linen.SpectralNorm", where=SPECTRAL)
def spectral_norm_linen(kernel, vector, *, power_iterations, epsilon):
    layer = linen.SpectralNorm(vessel()(kernel.shape), n_steps=power_iterations, epsilon=epsilon)
    statistics = {
        "layer_instance/kernel/u": vector[jnp.newaxis],
        "layer_instance/kernel/sigma": jnp.ones((), kernel.dtype),
    }
    variables = {"params": {"layer_instance": {"kernel": kernel}}, "batch_stats": statistics}
    y, updated = layer.apply(variables, update_stats=True, mutable=["batch_stats"])
    return y, updated["batch_stats"]["layer_instance/kernel/u"][0]


AGAIN = {"inference == 'iterated'": "iterates again from the vector of the units, and keeps nothing"}


@binds("spectral_norm_inference", "flax.nnx.SpectralNorm(update_stats=False)", where=AGAIN)
def spectral_norm_inference(kernel, left, right):
    inner, x = layer_of(kernel)
    layer = nnx.SpectralNorm(inner, update_stats=False, rngs=nnx.Rngs(0))
    layer.batch_stats[("kernel", "u")] = nnx.BatchStat(right[jnp.newaxis])
    layer(x)
    return inner.kernel[...]


@binds("spectral_norm_inference", "flax.linen.SpectralNorm(update_stats=False)", where=AGAIN)
def spectral_norm_inference_linen(kernel, left, right):
    layer = linen.SpectralNorm(vessel()(kernel.shape))
    statistics = {
        "layer_instance/kernel/u": right[jnp.newaxis],
        "layer_instance/kernel/sigma": jnp.ones((), kernel.dtype),
    }
    variables = {"params": {"layer_instance": {"kernel": kernel}}, "batch_stats": statistics}
    return layer.apply(variables, update_stats=False)


def layer_of(kernel):
    """A dense layer or a convolution of flax.nnx with this kernel, and what it can be called on."""
    *window, features, units = kernel.shape
    options = {"use_bias": False, "rngs": nnx.Rngs(0)}
    layer = (
        nnx.Conv(features, units, tuple(window), **options)
        if window
        else nnx.Linear(features, units, **options)
    )
    layer.kernel = nnx.Param(kernel)
    return layer, jnp.zeros((1, *window, features), kernel.dtype)


@functools.cache
def vessel():
    """The class of flax.linen modules that hold a kernel and return it."""

    class Kernel(linen.Module):  # type: ignore[misc]
        shape: tuple[int, ...]

        @linen.compact
        def __call__(self):
            return self.param("kernel", linen.initializers.zeros_init(), self.shape)

    return Kernel
