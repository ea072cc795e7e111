"""Poolings of PyTorch: channels first, symmetric padding."""

from __future__ import annotations

from .modules import function, module

WIDTHS = {
    "padding not in ('same', 'same_lower')": "torch's poolings pad by numbers only",
    "padding == 'valid' or all(p[0] == p[1] for p in padding)": "torch pads both sides of an axis alike",
}
LAST_NAN = {"nan": ("hold", "the last NaN of a window takes the gradient")}


def equal_widths(padding):
    return (0, 0) if padding == "valid" else tuple(low for low, _ in padding)


WINDOWS = {
    "kernel_size": "window",
    "stride": "strides",
    "padding": "equal_widths(padding)",
    "ceil_mode": "ceil_mode",
}
MAX, MEAN = WINDOWS | {"dilation": "dilation"}, WINDOWS | {"count_include_pad": "count_padding"}

FORM = {"on": "x.movedim(-1, 1).contiguous()", "returns": "y.movedim(1, -1)", "where": WIDTHS}

function("max_pool2d", "torch.nn.functional.max_pool2d", MAX, fixed=LAST_NAN, **FORM)
module("max_pool2d", "torch.nn.MaxPool2d", MAX, fixed=LAST_NAN, **FORM)
function("avg_pool2d", "torch.nn.functional.avg_pool2d", MEAN, **FORM)
module("avg_pool2d", "torch.nn.AvgPool2d", MEAN, **FORM)
