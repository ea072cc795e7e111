"""Convolutions of ONNX: channels first, kernels ``(filters, channels // groups, *window)``.

A transposed convolution's kernel is ``(channels, filters // groups, *window)``.
"""

from __future__ import annotations

import numpy as np

from .framework import function

X, Y = "np.moveaxis(x, -1, 1)", "np.moveaxis(y, 1, -1)"
AUTO = {"same": "SAME_UPPER", "same_lower": "SAME_LOWER"}
AXES = "for i in (0, 1, 2)[: len(strides)]"
TRANSPOSED = {
    f"padding != 'valid' or all((kernel[i] - 1) * dilation[i] + 1 >= strides[i] {AXES})": (
        "is as long as what is spread"
    ),
    "padding in ('valid', 'same') or all(low >= 0 and high >= 0 for low, high in padding)": "crops",
}


def filters_first(kernel):
    """A kernel with its last two axes first, the last one foremost."""
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def pads(padding):
    """Widths of all low sides, then of all high ones; None where none are given."""
    return None if isinstance(padding, str) else (*(p[0] for p in padding), *(p[1] for p in padding))


OPTIONS = {
    "strides": "strides",
    "dilations": "dilation",
    "group": "groups",
    "auto_pad": "AUTO.get(padding)",
    "pads": "pads(padding)",
}
NUMBERS = {"padding != 'causal'": "has no word for it: the low side is given in numbers"}

for n in (1, 2, 3):
    function(
        f"conv{n}d",
        "onnx.Conv",
        OPTIONS,
        calls="node('Conv', 11)",
        on=f"{X}, filters_first(kernel), bias",
        returns=Y,
        where=NUMBERS if n == 1 else {},
        unused=("use_bias",),
    )
    function(
        f"conv_transpose{n}d",
        "onnx.ConvTranspose",
        OPTIONS,
        calls="node('ConvTranspose', 11)",
        on=f"{X}, filters_first(kernel), bias",
        returns=Y,
        where=TRANSPOSED,
        unused=("use_bias",),
        fixed={"flip": (True, "is the adjoint of a convolution")},
    )
