"""Recurrent layers of other cells in Keras."""

from __future__ import annotations

from .framework import keras
from .layers import DTYPE, layer
from .recurrent import STORED

OPTIONS = {
    "filters": "h.shape[-1]",
    "kernel_size": "kernel.shape[:-2]",
    "padding": "padding",
    "strides": "strides",
    "dilation_rate": "dilation",
    "activation": "activation",
    "recurrent_activation": "recurrent_activation",
    "use_bias": "bias is not None",
    "recurrent_initializer": "'zeros'",
    "go_backwards": "direction != 'forward'",
    "return_sequences": "return_sequences",
    "return_state": "True",
    "zero_output_for_mask": "masked_output == 'zero'",
} | DTYPE
WEIGHTS = {"kernel": "kernel", "recurrent_kernel": "recurrent_kernel", "bias": "bias"}
STATES = {"on": "x, initial_state=[h, c], mask=mask"}
MASKED = {
    "masked_output in ('zero', 'repeat')": "Keras repeats the last output, or zero_output_for_mask",
}

layer("conv_lstm1d", "keras.layers.ConvLSTM1D", OPTIONS, WEIGHTS, fixed=STORED, where=MASKED, **STATES)
layer("conv_lstm2d", "keras.layers.ConvLSTM2D", OPTIONS, WEIGHTS, fixed=STORED, where=MASKED, **STATES)
layer("conv_lstm3d", "keras.layers.ConvLSTM3D", OPTIONS, WEIGHTS, fixed=STORED, where=MASKED, **STATES)


def first(x, place):
    """The channels, which are last, at this place."""
    return keras.ops.moveaxis(x, -1, place)


def last(x, place):
    """What stands at this place, last."""
    return keras.ops.moveaxis(x, place, -1)


layer(
    "conv_lstm2d",
    "keras.layers.ConvLSTM2D(data_format='channels_first')",
    OPTIONS | {"data_format": "'channels_first'"},
    WEIGHTS,
    calls="keras.layers.ConvLSTM2D",
    on="first(x, 2), initial_state=[first(h, 1), first(c, 1)], mask=mask",
    gives="y, h, c",
    returns="last(y, 2 if return_sequences else 1), last(h, 1), last(c, 1)",
    fixed=STORED,
    where=MASKED,
)
