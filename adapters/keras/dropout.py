"""Dropout layers of Keras."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import call_layer, concrete, dtype_of

SELECTS = {"dropped == 'zero'": "selects 0 at dropped places"}
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
