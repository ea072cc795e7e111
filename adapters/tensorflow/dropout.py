"""Dropout of TensorFlow, which has no argument for inference."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

SELECTS = {"dropped == 'zero'": "selects what stands at dropped places"}
WHERE = {"training": "has no inference mode", "rate != 1": "raises at 1: rates lie below 1"} | SELECTS
UNCHECKED_DEVIATION = {"stddev >= 0": "a composition checks no deviation"}
UNCHECKED_RATE = {"0 <= rate < 1": "a composition checks no rate"}
BELOW_1 = {"0 <= rate < 1": "a composition checks no rate, and divides by 0 at rate 1"}


@binds("dropout", "tf.nn.dropout", where=WHERE)
def dropout(x: Any, *, rate: float, seed: int) -> Any:
    tf.random.set_seed(seed)
    return tf.nn.dropout(x, rate=rate, seed=seed)


@binds("dropout", "tf.nn.experimental.stateless_dropout", where=WHERE)
def dropout_stateless(x: Any, *, rate: float, seed: int) -> Any:
    return tf.nn.experimental.stateless_dropout(x, rate=rate, seed=[seed, 0])


# --- shared masks ---


@binds("dropout_noise_shape", "tf.nn.dropout", where=WHERE)
def dropout_noise_shape(x: Any, *, shared: str, rate: float, seed: int) -> Any:
    tf.random.set_seed(seed)
    shape = _noise_shape(x, shared)
    return tf.nn.dropout(x, rate=rate, noise_shape=shape, seed=seed)


@binds("dropout_noise_shape", "tf.nn.experimental.stateless_dropout", where=WHERE)
def dropout_noise_shape_stateless(x: Any, *, shared: str, rate: float, seed: int) -> Any:
    shape = _noise_shape(x, shared)
    return tf.nn.experimental.stateless_dropout(x, rate=rate, noise_shape=shape, seed=[seed, 0])


def _noise_shape(x: Any, shared: str) -> list[int]:
    axes = ("batch", "time", "features")
    return [1 if axis in shared else length for axis, length in zip(axes, x.shape, strict=True)]


@binds("spatial_dropout", "tf.nn.dropout", where=WHERE)
def spatial_dropout(x: Any, *, rank: int, layout: str, rate: float, seed: int) -> Any:
    tf.random.set_seed(seed)
    batch, last = x.shape[0], layout == "channels_last"
    shape = [batch, *[1] * rank, x.shape[-1]] if last else [batch, x.shape[1], *[1] * rank]
    return tf.nn.dropout(x, rate=rate, noise_shape=shape, seed=seed)


@binds("dropout_by_feature", "tf.random.uniform", composition=True)
def dropout_by_feature(x: Any, rates: Any, *, seed: int) -> Any:
    tf.random.set_seed(seed)
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = tf.random.uniform(dropping.shape, seed=seed, dtype=x.dtype) >= rates
    return tf.concat([tf.where(kept, dropping / (1 - rates), tf.zeros_like(dropping)), others], 1)


# --- noise ---


@binds("gaussian_noise", "tf.random.normal", where=UNCHECKED_DEVIATION, composition=True)
def gaussian_noise(x: Any, *, stddev: float, training: bool, seed: int) -> Any:
    tf.random.set_seed(seed)
    return x + tf.random.normal(x.shape, 0.0, stddev, x.dtype, seed) if training else x


@binds("gaussian_dropout", "tf.random.normal", where=UNCHECKED_RATE, composition=True)
def gaussian_dropout(x: Any, *, rate: float, training: bool, seed: int) -> Any:
    tf.random.set_seed(seed)
    deviation = (rate / (1 - rate)) ** 0.5
    return x * tf.random.normal(x.shape, 1.0, deviation, x.dtype, seed) if training else x


@binds("alpha_dropout", "tf.random.uniform", where=SELECTS | BELOW_1, composition=True)
def alpha_dropout(x: Any, *, shared: str, rate: float, training: bool, seed: int) -> Any:
    if not training:
        return x
    tf.random.set_seed(seed)
    saturation = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - rate) * (1 + rate * saturation**2)) ** -0.5
    shape = [*x.shape[:2], 1] if shared == "maps" else x.shape
    kept = tf.random.uniform(shape, seed=seed, dtype=x.dtype) >= rate
    return a * tf.where(kept, x, tf.constant(saturation, x.dtype)) - a * rate * saturation
