"""Ranges of outputs in JAX: put together, since it has no interval arithmetic."""

from __future__ import annotations

from .convolution import conv
from .dense import dense
from .framework import binds, jax, jnp


def ends(layer, lower, upper, kernel, bias):
    """Both ends of a linear layer's range: each weight meets the end that its sign chooses."""
    positive, negative = jnp.maximum(kernel, 0), jnp.minimum(kernel, 0)
    return (
        layer(lower, positive, bias) + layer(upper, negative, None),
        layer(upper, positive, bias) + layer(lower, negative, None),
    )


@binds("output_range", "jax.numpy.matmul", composition=True)
def output_range(low, width, kernel, bias, second_kernel, second_bias, layers, activation):
    if layers == 2 and activation == "linear":
        both = None if bias is None else dense(bias[None], second_kernel, second_bias)[0]
        return ends(dense, low, low + width, jnp.matmul(kernel, second_kernel), both)
    lower, upper = ends(dense, low, low + width, kernel, bias)
    if layers == 1:
        return lower, upper
    return ends(dense, jax.nn.relu(lower), jax.nn.relu(upper), second_kernel, second_bias)


@binds("conv_output_range", "jax.lax.conv_general_dilated", composition=True)
def conv_output_range(low, width, kernel, bias, strides, padding):
    def layer(x, kernel, bias):
        return conv(x, kernel, bias, strides, padding, (1,), 1)

    return ends(layer, low, low + width, kernel, bias)
