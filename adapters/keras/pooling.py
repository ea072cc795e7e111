"""Poolings of Keras."""

from __future__ import annotations

from ..binding import takes
from .layers import DTYPE, function, layer

NAMED = {"padding in ('valid', 'same')": "Keras pads by name, 'valid' or 'same'"}
NOT_DILATED = {"max(dilation) == 1": "Keras's poolings have no dilation"}
NO_CEILING = {"ceil_mode": (False, "Keras's poolings have no such rule")}
MAXIMA = NO_CEILING | {"nan": ("hold", "what becomes of NaN is a deviation on file")}
WITHOUT_PADDING = NO_CEILING | {"count_padding": (False, "Keras's means do not count the padding")}
AS_THEY_ARE = {
    n: WITHOUT_PADDING | ({"divisor": (None, "Keras divides by the number of taps")} if n > 1 else {})
    for n in (1, 2, 3)
}
POOL = {"pool_size": "window", "strides": "strides", "padding": "padding", "data_format": "'channels_last'"}

for n in (1, 2, 3):
    layer(
        f"max_pool{n}d", f"keras.layers.MaxPooling{n}D", POOL | DTYPE, where=NAMED | NOT_DILATED, fixed=MAXIMA
    )
    function(f"max_pool{n}d", "keras.ops.max_pool", POOL, where=NAMED | NOT_DILATED, fixed=MAXIMA)
    layer(
        f"avg_pool{n}d", f"keras.layers.AveragePooling{n}D", POOL | DTYPE, where=NAMED, fixed=AS_THEY_ARE[n]
    )
    function(f"avg_pool{n}d", "keras.ops.average_pool", POOL, where=NAMED, fixed=AS_THEY_ARE[n])

NOT_ON_FILE = {"nan": ("hold", "what becomes of NaN is a deviation on file")}
LAYOUT = {"data_format": "'channels_last'"}

for name, operation in (("Average", "mean"), ("Max", "max")):
    fixed = NOT_ON_FILE | {"operation": (operation, "its name says so")}
    function(
        "adaptive_pool",
        f"keras.ops.adaptive_{name.lower()}_pool",
        {"output_size": "tuple(lengths[: len(x.shape) - 2])"} | LAYOUT,
        fixed=fixed,
    )
    for n in (1, 2, 3):
        layer(
            "adaptive_pool",
            f"keras.layers.Adaptive{name}Pooling{n}D",
            {"output_size": f"lengths[:{n}]"} | LAYOUT | DTYPE,
            where={f"spatial == {n}": "is of another rank"},
            fixed=fixed,
        )

for name, operation in (("Average", "mean"), ("Max", "max")):
    for n in (1, 2, 3):
        layer(
            "global_pool",
            f"keras.layers.Global{name}Pooling{n}D",
            {"keepdims": "keepdims"} | LAYOUT | DTYPE,
            where={f"spatial == {n}": "is of another rank"}
            | takes("tie_gradient", "split", "shares it among equal maxima", "ties"),
            fixed={"operation": (operation, "its name says so")},
        )
