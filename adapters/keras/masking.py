"""Masks that Keras attaches to arrays, and layers pass on: from Masking or Embedding to an average."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, concrete, dtype_of

LOST = ("einsum_dense", "conv1d", "max_pool1d", "operator", "rms_norm")
"""What does not pass the mask on; all else does."""


@binds(
    "lstm_beside_padding",
    "keras.layers.LSTM",
    where={
        "masking == 'select_values' or data != 'padding_nan'": "selects a carry, and differentiates both",
    },
)
def lstm_beside_padding(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any
) -> Any:
    layer = keras.layers.LSTM(
        h.shape[-1],
        recurrent_initializer="zeros",
        return_sequences=True,
        return_state=True,
        zero_output_for_mask=True,
        dtype=dtype_of(x),
    )
    weights = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
    mask = keras.ops.arange(x.shape[1], dtype=lengths.dtype) < lengths[:, None]
    return call_layer(layer, x, weights=weights, initial_state=[h, c], mask=mask)


@binds(
    "masked_average",
    "keras.layers.GlobalAveragePooling1D",
    where={
        f"(mask_after == 'lost') == (layer in {LOST})": "a mask goes where supports_masking is True",
    },
)
def masked_average(x: Any, indices: Any, mask: Any, kernel: Any, recurrent_kernel: Any, *, layer: str) -> Any:
    layers, ops = keras.layers, keras.ops
    dtype = dtype_of(kernel if x is None else x)
    average = layers.GlobalAveragePooling1D(dtype=dtype)
    if x is None:
        table = layers.Embedding(*kernel.shape, mask_zero=True, dtype=dtype)
        with_mask = ops.where(mask, indices + 1, 0)
        return average(called(table, with_mask, [kernel]))
    x = layers.Masking(dtype=dtype)(ops.where(mask[..., None], x, 0))
    if kernel is None:
        return average(_without_weights(layer, x, dtype))
    made = _with_weights(layer, kernel.shape[-1], dtype)
    weights = [kernel[None] if layer == "conv1d" else kernel]
    return average(called(made, x, weights if recurrent_kernel is None else [*weights, recurrent_kernel]))


def called(layer: Any, x: Any, weights: list[Any]) -> Any:
    """The outputs of a layer with these weights, and their mask, which ``stateless_call`` leaves out."""
    with concrete():
        layer.build(tuple(x.shape))
    mapping = list(zip(layer.trainable_variables, weights, strict=True))
    with keras.StatelessScope(state_mapping=mapping):
        return layer(x)


def _without_weights(layer: str, x: Any, dtype: str) -> Any:
    """What a layer without weights makes of an array, or one whose scale is 1."""
    layers = keras.layers
    written = {
        "dropout": lambda: layers.Dropout(0.5, dtype=dtype)(x),
        "max_pool1d": lambda: layers.MaxPooling1D(1, dtype=dtype)(x),
        "add": lambda: layers.Add(dtype=dtype)([x, x]),
        "operator": lambda: x + x,
        "concatenate": lambda: layers.Concatenate(dtype=dtype)([x, x]),
        "layer_norm": lambda: layers.LayerNormalization(
            epsilon=1e-5, center=False, scale=False, dtype=dtype
        )(x),
        "rms_norm": lambda: layers.RMSNormalization(epsilon=1e-5, dtype=dtype)(x),
        "attention": lambda: layers.Attention(dtype=dtype)([x, x]),
    }
    return written[layer]()


def _with_weights(layer: str, units: int, dtype: str) -> Any:
    """A layer with this many units in its kernel."""
    layers = keras.layers
    written = {
        "dense": lambda: layers.Dense(units, use_bias=False, dtype=dtype),
        "time_distributed": lambda: layers.TimeDistributed(
            layers.Dense(units, use_bias=False, dtype=dtype), dtype=dtype
        ),
        "einsum_dense": lambda: layers.EinsumDense("btf,fu->btu", output_shape=(None, units), dtype=dtype),
        "conv1d": lambda: layers.Conv1D(units, 1, use_bias=False, dtype=dtype),
        "lstm": lambda: layers.LSTM(
            units // 4, use_bias=False, return_sequences=True, recurrent_initializer="zeros", dtype=dtype
        ),
    }
    return written[layer]()
