"""Recurrent layers of other cells in Keras."""

from __future__ import annotations

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
} | DTYPE
WEIGHTS = {"kernel": "kernel", "recurrent_kernel": "recurrent_kernel", "bias": "bias"}
STATES = {"on": "x, initial_state=[h, c]"}

layer("conv_lstm1d", "keras.layers.ConvLSTM1D", OPTIONS, WEIGHTS, fixed=STORED, **STATES)
layer("conv_lstm2d", "keras.layers.ConvLSTM2D", OPTIONS, WEIGHTS, fixed=STORED, **STATES)
layer("conv_lstm3d", "keras.layers.ConvLSTM3D", OPTIONS, WEIGHTS, fixed=STORED, **STATES)
