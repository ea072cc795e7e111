"""Dropout layers of Keras, whose seed is an option of theirs."""

from __future__ import annotations

from .framework import binds, keras
from .layers import DTYPE, dtype_of, function, layer

SELECTS = {"dropped": ("zero", "selects 0 at dropped places")}
TRAINING = SELECTS | {"training": (True, "has no inference mode")}
LAST = {"layout == 'channels_last'": "SpatialDropout1D takes channels last only"}
PRODUCT = {
    "dropped == 'product' or data != 'infinities' or not training or rate == 0": "Keras multiplies by 0"
}
ON = "x, training=training"
RATE = {"rate": "rate", "seed": "seed"}
SEEDED = RATE | DTYPE
SHARED = {"noise_shape": "noise_shape(x, shared)"}


def noise_shape(x, shared):
    axes = ("batch", "time", "features")
    return tuple(1 if axis in shared else length for axis, length in zip(axes, x.shape, strict=True))


layer("dropout", "keras.layers.Dropout", SEEDED, on=ON, fixed=SELECTS)
function("dropout", "keras.random.dropout", RATE, fixed=TRAINING)
layer("dropout_noise_shape", "keras.layers.Dropout", SEEDED | SHARED, on=ON, fixed=SELECTS)
function("dropout_noise_shape", "keras.random.dropout", RATE | SHARED, fixed=TRAINING)


for n in (1, 2, 3):
    layer(
        "spatial_dropout",
        f"keras.layers.SpatialDropout{n}D",
        RATE | ({"data_format": "layout"} if n > 1 else {}) | DTYPE,
        on=ON,
        where={f"rank == {n}": "is of another rank"} | (LAST if n == 1 else {}),
        fixed=SELECTS,
    )


@binds("dropout_by_feature", "keras.random.uniform", composition=True)
def dropout_by_feature(x, rates, *, seed):
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = keras.random.uniform(dropping.shape, dtype=dtype_of(x), seed=seed) >= rates
    scaled = keras.ops.where(kept, dropping / (1 - rates), keras.ops.zeros_like(dropping))
    return keras.ops.concatenate([scaled, others], 1)


# --- noise ---

MAPS = {"noise_shape": "(*x.shape[:2], 1) if shared == 'maps' else None"}

layer("gaussian_noise", "keras.layers.GaussianNoise", {"stddev": "stddev", "seed": "seed"} | DTYPE, on=ON)
layer("gaussian_dropout", "keras.layers.GaussianDropout", SEEDED, on=ON)
layer("alpha_dropout", "keras.layers.AlphaDropout", SEEDED | MAPS, on=ON, where=PRODUCT)
