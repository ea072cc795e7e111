"""Poolings of PyTorch: channels first, symmetric padding."""

from __future__ import annotations

from .framework import F, binds, torch

WIDTHS = {
    "padding not in ('same', 'same_lower')": "torch's poolings pad by numbers only",
    "padding == 'valid' or all(p[0] == p[1] for p in padding)": "torch pads both sides of an axis alike",
}


def pooled(function, x):
    return function(x.movedim(-1, 1).contiguous()).movedim(1, -1)


def equal_widths(padding):
    return (0, 0) if padding == "valid" else tuple(low for low, _ in padding)


@binds("max_pool2d", "torch.nn.functional.max_pool2d", where=WIDTHS)
def max_pool2d(x, window, strides, padding, dilation, ceil_mode):
    widths = equal_widths(padding)
    return pooled(lambda first: F.max_pool2d(first, window, strides, widths, dilation, ceil_mode), x)


@binds("max_pool2d", "torch.nn.MaxPool2d", where=WIDTHS)
def max_pool2d_module(x, window, strides, padding, dilation, ceil_mode):
    return pooled(
        torch.nn.MaxPool2d(window, strides, equal_widths(padding), dilation, ceil_mode=ceil_mode), x
    )


@binds("avg_pool2d", "torch.nn.functional.avg_pool2d", where=WIDTHS)
def avg_pool2d(x, window, strides, padding, ceil_mode, count_padding):
    widths = equal_widths(padding)
    return pooled(lambda first: F.avg_pool2d(first, window, strides, widths, ceil_mode, count_padding), x)


@binds("avg_pool2d", "torch.nn.AvgPool2d", where=WIDTHS)
def avg_pool2d_module(x, window, strides, padding, ceil_mode, count_padding):
    return pooled(torch.nn.AvgPool2d(window, strides, equal_widths(padding), ceil_mode, count_padding), x)
