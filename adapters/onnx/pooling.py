"""Poolings of ONNX: channels first."""

from __future__ import annotations

from .convolution import AUTO as AUTO  # rows name it
from .convolution import X, Y
from .convolution import pads as pads  # rows name it
from .framework import function

WINDOWS = {
    "kernel_shape": "window",
    "strides": "strides",
    "auto_pad": "AUTO.get(padding)",
    "pads": "pads(padding)",
    "ceil_mode": "ceil_mode",
}
FORM = {"on": X, "returns": Y}
KEPT = {"nan != 'ignore'": "keeps NaN"}

for n in (1, 2, 3):
    function(
        f"max_pool{n}d",
        "onnx.MaxPool",
        WINDOWS | {"dilations": "dilation"},
        calls="node('MaxPool', 12)",
        where=KEPT,
        unused=("nan",),
        **FORM,
    )
    function(
        f"avg_pool{n}d",
        "onnx.AveragePool",
        WINDOWS | {"count_include_pad": "count_padding"},
        calls="node('AveragePool', 19)",
        fixed={"divisor": (None, "divides by the number of taps")} if n > 1 else {},
        **FORM,
    )

function(
    "lp_pool",
    "onnx.LpPool",
    {
        "p": "power",
        "kernel_shape": "window[: x.ndim - 2]",
        "strides": "strides[: x.ndim - 2]",
        "ceil_mode": "ceil_mode",
    },
    calls="node('LpPool', 18)",
    where={"power % 2 == 0": "takes magnitudes of what is negative"},
    **FORM,
)
for operation, name in (("mean", "Average"), ("max", "Max")):
    function(
        "global_pool",
        f"onnx.Global{name}Pool",
        calls=f"node('Global{name}Pool', 1)",
        on=X,
        returns=Y,
        fixed={"operation": (operation, "its name says so"), "keepdims": (True, "keeps all axes")},
        unused=("tie_gradient",),
    )
