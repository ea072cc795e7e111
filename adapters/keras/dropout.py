"""Dropout layers of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, concrete, dtype_of

SELECTS = {"dropped == 'zero'": "selects 0 at dropped places"}
SEQUENCE = {"over_time == 'sequence'": "draws a mask once for all steps"}
GATES = {
    "(over_gates == 'own') == (recurrent_rate > 0)": "draws a mask for each gate with recurrent_dropout only"
}
OWN = {"over_gates == 'own'": "draws a mask for each gate"}
NONE_SHARED = {"shared == 'none'": "draws a mask for each sample and head"}
ONE_HEAD = {"heads == 1": "keras.layers.Attention has one head"}
LAST = {"rank > 1 or layout == 'channels_last'": "SpatialDropout1D takes channels last only"}
PRODUCT = {
    "dropped == 'product' or data != 'infinities' or not training or rate == 0": "Keras multiplies by 0"
}


@binds("dropout", "keras.layers.Dropout", where=SELECTS)
def dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    with concrete():
        layer = keras.layers.Dropout(rate, seed=seed, dtype=dtype_of(x))
    return call_layer(layer, x, training=training)


@binds("dropout", "keras.random.dropout", where=SELECTS | {"training": "has no inference mode"})
def dropout_function(x: Any, *, rate: float, seed: int) -> Any:
    return keras.random.dropout(x, rate, seed=seed)


# --- shared masks ---


@binds("dropout_noise_shape", "keras.layers.Dropout", where=SELECTS)
def dropout_noise_shape(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    with concrete():
        layer = keras.layers.Dropout(rate, noise_shape=_noise_shape(x, shared), seed=seed, dtype=dtype_of(x))
    return call_layer(layer, x, training=training)


@binds("dropout_noise_shape", "keras.random.dropout", where=SELECTS | {"training": "has no inference mode"})
def dropout_noise_shape_function(x: Any, *, shared: str, rate: float, seed: int) -> Any:
    return keras.random.dropout(x, rate, noise_shape=_noise_shape(x, shared), seed=seed)


def _noise_shape(x: Any, shared: str) -> tuple[int, ...]:
    axes = ("batch", "time", "features")
    return tuple(1 if axis in shared else length for axis, length in zip(axes, x.shape, strict=True))


@binds("spatial_dropout", "keras.layers.SpatialDropout1D", where=SELECTS | LAST)
def spatial_dropout(x: Any, *, rank: int, layout: str, rate: float, training: bool, seed: int) -> Any:
    with concrete():
        if rank == 1:
            layer = keras.layers.SpatialDropout1D(rate, seed=seed, dtype=dtype_of(x))
        else:
            kind = keras.layers.SpatialDropout2D if rank == 2 else keras.layers.SpatialDropout3D
            layer = kind(rate, data_format=layout, seed=seed, dtype=dtype_of(x))
    return call_layer(layer, x, training=training)


@binds("dropout_by_feature", "keras.random.uniform", composition=True)
def dropout_by_feature(x: Any, rates: Any, *, seed: int) -> Any:
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = keras.random.uniform(dropping.shape, dtype=dtype_of(x), seed=seed) >= rates
    scaled = keras.ops.where(kept, dropping / (1 - rates), keras.ops.zeros_like(dropping))
    return keras.ops.concatenate([scaled, others], 1)


# --- noise ---


@binds("gaussian_noise", "keras.layers.GaussianNoise")
def gaussian_noise(x: Any, *, stddev: float, training: bool, seed: int) -> Any:
    with concrete():
        layer = keras.layers.GaussianNoise(stddev, seed=seed, dtype=dtype_of(x))
    return call_layer(layer, x, training=training)


@binds("gaussian_dropout", "keras.layers.GaussianDropout")
def gaussian_dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    with concrete():
        layer = keras.layers.GaussianDropout(rate, seed=seed, dtype=dtype_of(x))
    return call_layer(layer, x, training=training)


@binds("alpha_dropout", "keras.layers.AlphaDropout", where=PRODUCT)
def alpha_dropout(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    shape = (*x.shape[:2], 1) if shared == "maps" else None
    with concrete():
        layer = keras.layers.AlphaDropout(rate, noise_shape=shape, seed=seed, dtype=dtype_of(x))
    return call_layer(layer, x, training=training)


# --- inside recurrent layers ---


@binds("lstm_dropout", "keras.layers.LSTM", where=SEQUENCE | GATES)
def lstm_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        layer = keras.layers.LSTM(
            h.shape[-1], dropout=rate, recurrent_dropout=recurrent_rate, seed=seed, **_options(x)
        )
    return _call(layer, x, h, c, kernel, recurrent_kernel, bias, training)


@binds("lstm_dropout", "keras.layers.LSTM(implementation=1)", where=SEQUENCE | OWN)
def lstm_dropout_by_gate(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    with concrete():
        layer = keras.layers.LSTM(
            h.shape[-1], dropout=rate, recurrent_dropout=recurrent_rate, seed=seed, implementation=1,
            **_options(x),
        )  # fmt: skip
    return _call(layer, x, h, c, kernel, recurrent_kernel, bias, training)


@binds("lstm_dropout", "keras.layers.LSTMCell", where=SEQUENCE | GATES)
def lstm_cell_dropout(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any,
    *, rate: float, recurrent_rate: float, training: bool, seed: int,
) -> Any:  # fmt: skip
    options = _options(x)
    sequences = {name: options.pop(name) for name in ("return_sequences", "return_state")}
    with concrete():
        cell = keras.layers.LSTMCell(
            h.shape[-1], dropout=rate, recurrent_dropout=recurrent_rate, seed=seed, **options
        )
        layer = keras.layers.RNN(cell, dtype=dtype_of(x), **sequences)
    return _call(layer, x, h, c, kernel, recurrent_kernel, bias, training)


def _options(x: Any) -> dict[str, Any]:
    """The default initializer, an orthogonal matrix, does not exist in bfloat16."""
    sequences = {"return_sequences": True, "return_state": True}
    return {"recurrent_initializer": "zeros", "dtype": dtype_of(x), **sequences}


def _call(
    layer: Any, x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, training: bool
) -> Any:
    weights = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
    return call_layer(layer, x, weights=weights, initial_state=[h, c], training=training)


# --- in attention ---


@binds("attention_dropout", "keras.layers.Attention", where=NONE_SHARED | ONE_HEAD)
def attention_dropout(query: Any, key: Any, value: Any, *, rate: float, training: bool, seed: int) -> Any:
    with concrete():
        layer = keras.layers.Attention(use_scale=True, dropout=rate, seed=seed, dtype=dtype_of(query))
        layer.build([tuple(x[:, :, 0].shape) for x in (query, value, key)])
    scale = keras.ops.full((), query.shape[-1] ** -0.5, dtype=dtype_of(query))
    others = [variable.value for variable in layer.non_trainable_variables]
    single = [query[:, :, 0], value[:, :, 0], key[:, :, 0]]
    y, _ = layer.stateless_call([scale], others, single, training=training)
    return y[:, :, None]
