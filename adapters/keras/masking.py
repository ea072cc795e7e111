"""Masks that Keras attaches to arrays, and layers pass on: from Masking or Embedding to an average."""

from __future__ import annotations

from .framework import binds, keras
from .layers import build_layer, dtype_of
from .layers import layer as row
from .recurrent import GATED, STATES, UNITS, WEIGHTS, gru_weights_of, options_of  # rows name it
from .recurrent import weights_of as weights_of

LOST = ("einsum_dense", "conv1d", "max_pool1d", "operator", "rms_norm")
"""What does not pass the mask on; all else does."""


row(
    "lstm_beside_padding",
    "keras.layers.LSTM",
    UNITS | {"return_sequences": "True", "return_state": "True", "zero_output_for_mask": "True"},
    WEIGHTS,
    on=f"{STATES['on']}, mask=keras.ops.arange(x.shape[1], dtype=lengths.dtype) < lengths[:, None]",
    where={"masking == 'select_values' or data != 'padding_nan'": "selects a carry, and differentiates both"},
)

PAIRS = ("add", "concatenate", "attention")
"""What takes a list of arrays."""


def layers_of_average(x, kernel, *, layer):
    """What makes the mask, the layer that passes it on or loses it, and the average."""
    dtype, layers = dtype_of(kernel if x is None else x), keras.layers
    average = layers.GlobalAveragePooling1D(dtype=dtype)
    if x is None:
        table = layers.Embedding(*kernel.shape, mask_zero=True, dtype=dtype)
        table.build()
        return table, None, average
    masking = layers.Masking(dtype=dtype)
    if layer == "operator":
        return masking, None, average
    units = None if kernel is None else kernel.shape[-1]
    return masking, build_layer(written(layer, units, dtype), [x, x] if layer in PAIRS else x), average


def written(layer, units, dtype):
    """A layer with this many units in its kernel, or without weights, or one whose scale is 1."""
    layers = keras.layers
    return {
        "dropout": lambda: layers.Dropout(0.5, dtype=dtype),
        "max_pool1d": lambda: layers.MaxPooling1D(1, dtype=dtype),
        "add": lambda: layers.Add(dtype=dtype),
        "concatenate": lambda: layers.Concatenate(dtype=dtype),
        "layer_norm": lambda: layers.LayerNormalization(epsilon=1e-5, center=False, scale=False, dtype=dtype),
        "rms_norm": lambda: layers.RMSNormalization(epsilon=1e-5, dtype=dtype),
        "attention": lambda: layers.Attention(dtype=dtype),
        "dense": lambda: layers.Dense(units, use_bias=False, dtype=dtype),
        "time_distributed": lambda: layers.TimeDistributed(
            layers.Dense(units, use_bias=False, dtype=dtype), dtype=dtype
        ),
        "einsum_dense": lambda: layers.EinsumDense("btf,fu->btu", output_shape=(None, units), dtype=dtype),
        "conv1d": lambda: layers.Conv1D(units, 1, use_bias=False, dtype=dtype),
        "lstm": lambda: layers.LSTM(
            units // 4, use_bias=False, return_sequences=True, recurrent_initializer="zeros", dtype=dtype
        ),
    }[layer]()


@binds(
    "masked_average",
    "keras.layers.GlobalAveragePooling1D",
    where={f"(mask_after == 'lost') == (layer in {LOST})": "a mask goes where supports_masking is True"},
    build=layers_of_average,
)
@binds(
    "masked_average",
    "keras.layers.TimeDistributed",
    fixed={
        "layer": ("time_distributed", "its name says which layer it is"),
        "mask_after": ("kept", "a mask goes where supports_masking is True"),
    },
    build=layers_of_average,
)
def masked_average(built, x, indices, mask, kernel, recurrent_kernel, *, layer):
    first, second, average = built
    if x is None:
        return average(called(first, keras.ops.where(mask, indices + 1, 0), [kernel]))
    marked = first(keras.ops.where(mask[..., None], x, 0))
    if layer == "operator":
        return average(marked + marked)
    kernel = kernel[None] if layer == "conv1d" else kernel
    weights = [weight for weight in (kernel, recurrent_kernel) if weight is not None]
    return average(called(second, [marked, marked] if layer in PAIRS else marked, weights))


def called(layer, x, weights):
    """The outputs of a layer with these weights, and their mask, which ``stateless_call`` leaves out."""
    mapping = list(zip(layer.trainable_variables, weights, strict=False))
    with keras.StatelessScope(state_mapping=mapping):
        return layer(x)


def masking_layer(x, *, mask_value):
    return build_layer(keras.layers.Masking(mask_value, dtype=dtype_of(x)), x)


@binds("masking", "keras.layers.Masking", build=masking_layer)
def masking(built, x, mask, *, mask_value):
    filled = keras.ops.where(mask[..., None], x, keras.ops.cast(mask_value, x.dtype))
    return built(filled), built.compute_mask(filled)


def stack_of_layers(x, recurrent_kernel, bias, *, mask_value, masked_output, return_sequences):
    """What makes the mask, and the two layers that it goes through."""
    options = GATED | options_of(x, bias) | {"zero_output_for_mask": masked_output == "zero"}
    units = len(recurrent_kernel)
    lower = keras.layers.LSTM(units, return_sequences=True, **options)
    upper = keras.layers.GRU(units, return_sequences=return_sequences, **options)
    outputs = keras.ops.zeros((*x.shape[:2], units), dtype=dtype_of(x))
    return masking_layer(x, mask_value=mask_value), build_layer(lower, x), build_layer(upper, outputs)


@binds("masked_stack", "keras.layers.Masking", build=stack_of_layers)
def masked_stack(
    built,
    x,
    mask,
    kernel,
    recurrent_kernel,
    bias,
    upper_kernel,
    upper_recurrent_kernel,
    upper_bias,
    *,
    mask_value,
):
    marks, lower, upper = built
    marked = marks(keras.ops.where(mask[..., None], x, keras.ops.cast(mask_value, x.dtype)))
    weights = gru_weights_of(upper_kernel, upper_recurrent_kernel, upper_bias, None, True)
    return called(upper, called(lower, marked, [kernel, recurrent_kernel, bias]), weights.values())
