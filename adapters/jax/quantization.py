"""Numbers of eight bits in JAX: its casts to them, and its products of them."""

from __future__ import annotations

from .framework import binds, jax, jnp

LARGEST = {"int8": 127.0, "float8_e4m3fn": 448.0, "float8_e5m2": 57344.0, "float4_e2m1fn": 6.0}


def stored(x, format):
    """The numbers of a format that are nearest, in the dtype that they are computed in."""
    held = jnp.clip(x, -LARGEST[format], LARGEST[format])
    if format == "int8":
        held = jnp.round(held)
    return held.astype(getattr(jnp, format)).astype(x.dtype)


@binds("quantize", "jax.lax.convert_element_type", composition=True)
def quantize(x, *, format, scope, epsilon, epsilon_at):
    greatest = jnp.max(jnp.abs(x), axis=-1 if scope == "row" else None)
    held = jnp.maximum(greatest, epsilon) if epsilon_at == "floor" else greatest + epsilon
    scale = held / LARGEST[format]
    return stored(x / (scale[:, None] if scope == "row" else scale), format), scale


@binds("microscaling", "jax.lax.convert_element_type", composition=True)
def microscaling(x, *, format, exponent):
    blocks = x.reshape(len(x), x.shape[1] // 32, 32)
    share, power = jnp.frexp(jnp.max(jnp.abs(blocks), axis=-1))
    of_largest, of_power = jnp.frexp(LARGEST[format])
    power = power - of_power + ((share > of_largest) if exponent == "up" else 0)
    power = jnp.maximum(jnp.where(share > 0, power, -127), -127)
    # Two factors: a power of two beyond the range of the numbers may scale what lies within it.
    half = power // 2
    scaled = jnp.ldexp(jnp.ldexp(blocks, -half[..., None]), (half - power)[..., None])
    return stored(scaled, format).reshape(x.shape), power.astype(jnp.int32)


def wide(x):
    """A format that holds products of numbers."""
    return jnp.promote_types(x.dtype, jnp.float32)


def scaled(y, x_scale, kernel_scale, bias):
    y = y * x_scale * kernel_scale
    return (y if bias is None else y + bias).astype(kernel_scale.dtype)


@binds("scaled_matmul", "jax.lax.dot_general", composition=True)
def scaled_matmul(x, kernel, x_scale, kernel_scale, bias, *, scope):
    x, kernel = (array.astype(jnp.float8_e4m3fn) for array in (x, kernel))
    if scope == "block":
        held = wide(x_scale)
        x = x.astype(held) * jnp.repeat(x_scale, 32, 1)
        y = x @ (kernel.astype(held) * jnp.repeat(kernel_scale, 32, 0))
        return (y if bias is None else y + bias).astype(x_scale.dtype)
    y = jax.lax.dot(x, kernel, preferred_element_type=wide(x_scale))
    return scaled(y, x_scale[:, None] if scope == "row" else x_scale, kernel_scale, bias)


@binds("quantized_matmul", "jax.lax.dot_general", composition=True)
def quantized_matmul(x, kernel, x_scale, kernel_scale, bias, *, zero_point, kernel_zero_point):
    depth, low, kernel_low = len(kernel), 128 - zero_point, 128 - kernel_zero_point
    x, kernel = ((codes - 128).astype(jnp.int8) for codes in (x, kernel))
    # (a + l) (b + m) = a b + m a + l b + l m, summed over the depth.
    rows = x.astype(jnp.int32).sum(1, keepdims=True)
    columns = kernel.astype(jnp.int32).sum(0)
    sums = jax.lax.dot(x, kernel, preferred_element_type=jnp.int32) + kernel_low * rows + low * columns
    sums = sums + depth * low * kernel_low
    return scaled(sums.astype(wide(x_scale)), x_scale[:, None], kernel_scale, bias)
