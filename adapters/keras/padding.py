"""Paddings of Keras."""

from __future__ import annotations

from .layers import DTYPE, function, layer

GROWS = {"min(widths[0]) >= 0": "Keras crops by no negative width"}

function(
    "pad",
    "keras.ops.pad",
    {"mode": "mode", "constant_values": "value if mode == 'constant' else None"},
    on="x, [(0, 0), *widths[: len(x.shape) - 2], (0, 0)]",
    where=GROWS | {"mode in ('constant', 'reflect', 'symmetric')": "not every backend has such a padding"},
)

ZERO = {"mode": ("constant", "pads with zeros"), "value": (0.0, "pads with zeros")}
PAIRS = {1: "widths[0]", 2: "widths[:2]", 3: "widths[:3]"}

for n, pairs in PAIRS.items():
    layout = {"data_format": "'channels_last'"}
    layer(
        "pad",
        f"keras.layers.ZeroPadding{n}D",
        {"padding": pairs} | layout | DTYPE,
        where=GROWS | {f"spatial == {n}": "is of another rank"},
        fixed=ZERO,
    )
