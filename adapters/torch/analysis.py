"""Ranges of outputs in PyTorch: put together, since it has no interval arithmetic."""

from __future__ import annotations

from .convolution import WIDTHS, channels_first, channels_last, equal_widths, filters_first
from .framework import F, binds


def dense(x, kernel, bias):
    return F.linear(x, kernel.T, bias)


def ends(layer, lower, upper, kernel, bias):
    """Both ends of a linear layer's range: each weight meets the end that its sign chooses."""
    positive, negative = kernel.clamp(min=0), kernel.clamp(max=0)
    return (
        layer(lower, positive, bias) + layer(upper, negative, None),
        layer(upper, positive, bias) + layer(lower, negative, None),
    )


@binds("output_range", "torch.nn.functional.linear", composition=True)
def output_range(low, width, kernel, bias, second_kernel, second_bias, layers, activation):
    if layers == 2 and activation == "linear":
        bias = None if bias is None else dense(bias, second_kernel, second_bias)
        return ends(dense, low, low + width, kernel @ second_kernel, bias)
    lower, upper = ends(dense, low, low + width, kernel, bias)
    if layers == 1:
        return lower, upper
    return ends(dense, F.relu(lower), F.relu(upper), second_kernel, second_bias)


@binds("conv_output_range", "torch.nn.functional.conv1d", where=WIDTHS, composition=True)
def conv_output_range(low, width, kernel, bias, strides, padding):
    def layer(x, kernel, bias):
        y = F.conv1d(channels_first(x), filters_first(kernel), bias, strides, equal_widths(padding))
        return channels_last(y)

    return ends(layer, low, low + width, kernel, bias)
