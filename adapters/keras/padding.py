"""Paddings and croppings of Keras."""

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
    layer(
        "crop",
        f"keras.layers.Cropping{n}D",
        {"cropping": pairs} | (layout if n > 1 else {}) | DTYPE,
        where={f"spatial == {n}": "is of another rank"},
    )


def lengths(x, widths):
    """What is left of each spatial axis."""
    return tuple(n - low - high for n, (low, high) in zip(x.shape[1:-1], widths, strict=False))


layer(
    "crop",
    "keras.layers.CenterCrop",
    {"height": "lengths(x, widths)[0]", "width": "lengths(x, widths)[1]"} | layout | DTYPE,
    where={
        "spatial == 2": "is of images",
        "all(high - low in (0, 1) for low, high in widths[:2])": "what is odd is cropped on the high side",
        "all(x[i + 1] > widths[i][0] + widths[i][1] for i in (0, 1))": "takes lengths, of at least 1",
    },
)
