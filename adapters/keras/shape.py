"""Layers of Keras that compute nothing."""

from __future__ import annotations

from .framework import keras
from .layers import DTYPE, function, layer

CHANNEL = {"channel_order": ("channel", "the channel runs fastest")}

for spec in ("depth_to_space", "space_to_depth"):
    function(
        spec, f"keras.ops.{spec}", {"block_size": "block", "data_format": "'channels_last'"}, fixed=CHANNEL
    )

IN_ORDER = {"layout": ("channels_last", "lays out what it is given as it stands")}

layer(
    "reshape",
    "keras.layers.Flatten",
    {"data_format": "layout"} | DTYPE,
    unused=("target",),
    where={"len(target) == 1": "flattens"},
)
layer("reshape", "keras.layers.Reshape", {"target_shape": "target"} | DTYPE, fixed=IN_ORDER)
layer(
    "permute",
    "keras.layers.Permute",
    {"dims": "axes[1:]"} | DTYPE,
    where={"axes[0] == 0": "leaves the batch where it is"},
)
layer("repeat_vector", "keras.layers.RepeatVector", {"n": "steps"} | DTYPE)

# --- windows, in channels first ---

PLACE = {"channel_order": ("block", "the place in a block runs fastest")}
NUMBERS = {"padding != 'same'": "Keras pads by numbers"}


def equal_widths(padding):
    """What is padded on both sides."""
    return (0, 0) if padding == "valid" else tuple(low for low, _ in padding)


def columns(x):
    """Channels first, and both axes in space as one."""
    return keras.ops.reshape(keras.ops.transpose(x, (0, 3, 1, 2)), (x.shape[0], x.shape[3], -1))


def laid_out(y, x, window, strides, dilation, padding):
    """Windows at their places, channels last."""
    widths = equal_widths(padding)
    places = [
        (n + 2 * p - (k - 1) * d - 1) // s + 1
        for n, k, s, d, p in zip(x.shape[1:3], window, strides, dilation, widths, strict=True)
    ]
    return keras.ops.reshape(keras.ops.transpose(y, (0, 2, 1)), (x.shape[0], *places, -1))


WINDOWS = {
    "kernel_size": "window",
    "stride": "strides",
    "dilation": "dilation",
    "padding": "equal_widths(padding)",
}

function(
    "unfold",
    "keras.ops.unfold",
    WINDOWS,
    on="keras.ops.transpose(x, (0, 3, 1, 2))",
    returns="laid_out(y, x, window, strides, dilation, padding)",
    where=NUMBERS,
    fixed=PLACE,
)
function(
    "fold",
    "keras.ops.fold",
    {"output_size": "lengths"} | WINDOWS,
    on="columns(x)",
    returns="keras.ops.transpose(y, (0, 2, 3, 1))",
    fixed=PLACE,
)
