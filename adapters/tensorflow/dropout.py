"""Dropout of TensorFlow, which has no argument for inference.

What is seeded draws from the seed of the operation and the global one, which the adapter sets before a call.
"""

from __future__ import annotations

from .framework import binds, function, tf

TRAINING = {"training": (True, "has no inference mode")}
SELECTS = {"dropped": ("zero", "selects what stands at dropped places")}
NOT_1 = {"rate != 1": "raises at 1: rates lie below 1"}
UNCHECKED_DEVIATION = {"stddev >= 0": "a composition checks no deviation"}
UNCHECKED_RATE = {"0 <= rate < 1": "a composition checks no rate"}
BELOW_1 = {"0 <= rate < 1": "a composition checks no rate, and divides by 0 at rate 1"}


def noise_shape(x, shared):
    axes = ("batch", "time", "features")
    return [1 if axis in shared else length for axis, length in zip(axes, x.shape, strict=True)]


def whole_maps(x, rank, layout):
    batch, last = x.shape[0], layout == "channels_last"
    return [batch, *[1] * rank, x.shape[-1]] if last else [batch, x.shape[1], *[1] * rank]


SEEDED = {"rate": "rate", "seed": "seed"}
STATELESS = {"rate": "rate", "seed": "[seed, 0]"}
SHARED = {"noise_shape": "noise_shape(x, shared)"}

for spec, api, options in (
    ("dropout", "tf.nn.dropout", SEEDED),
    ("dropout", "tf.nn.experimental.stateless_dropout", STATELESS),
    ("dropout_noise_shape", "tf.nn.dropout", SEEDED | SHARED),
    ("dropout_noise_shape", "tf.nn.experimental.stateless_dropout", STATELESS | SHARED),
    ("spatial_dropout", "tf.nn.dropout", SEEDED | {"noise_shape": "whole_maps(x, rank, layout)"}),
):
    function(spec, api, options, where=NOT_1, fixed=TRAINING | SELECTS)


@binds("dropout_by_feature", "tf.random.uniform", composition=True)
def dropout_by_feature(x, rates, *, seed):
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = tf.random.uniform(dropping.shape, seed=seed, dtype=x.dtype) >= rates
    return tf.concat([tf.where(kept, dropping / (1 - rates), tf.zeros_like(dropping)), others], 1)


# --- noise ---


@binds("gaussian_noise", "tf.random.normal", where=UNCHECKED_DEVIATION, composition=True)
def gaussian_noise(x, *, stddev, training, seed):
    return x + tf.random.normal(x.shape, 0.0, stddev, x.dtype, seed) if training else x


@binds("gaussian_dropout", "tf.random.normal", where=UNCHECKED_RATE, composition=True)
def gaussian_dropout(x, *, rate, training, seed):
    deviation = (rate / (1 - rate)) ** 0.5
    return x * tf.random.normal(x.shape, 1.0, deviation, x.dtype, seed) if training else x


@binds("alpha_dropout", "tf.random.uniform", where=BELOW_1, fixed=SELECTS, composition=True)
def alpha_dropout(x, *, shared, rate, training, seed):
    if not training:
        return x
    saturation = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - rate) * (1 + rate * saturation**2)) ** -0.5
    shape = [*x.shape[:2], 1] if shared == "maps" else x.shape
    kept = tf.random.uniform(shape, seed=seed, dtype=x.dtype) >= rate
    return a * tf.where(kept, x, tf.constant(saturation, x.dtype)) - a * rate * saturation
