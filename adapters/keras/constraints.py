"""Constraints of Keras: ``keras.constraints`` and the layers that normalize a kernel or a vector."""

from __future__ import annotations

from typing import Any

from .framework import binds, keras
from .layers import concrete, dtype_of

ADDED = {"epsilon_at == 'added'": "adds keras.config.epsilon() to the norm"}
FLOOR = {"epsilon_at == 'floor'": "divides by max(n, ε)"}


@binds(
    "unit_norm",
    "keras.constraints.UnitNorm",
    where=ADDED | {"epsilon == 1e-07": "takes keras.config.epsilon()"},
)
def unit_norm(kernel: Any, *, axis: int) -> Any:
    return keras.constraints.UnitNorm(axis=axis)(kernel)


@binds("unit_norm", "keras.ops.normalize", where=FLOOR)
def unit_norm_op(kernel: Any, *, axis: int, epsilon: float) -> Any:
    return keras.ops.normalize(kernel, axis=axis, order=2, epsilon=epsilon)


@binds(
    "unit_norm",
    "keras.layers.UnitNormalization",
    where=FLOOR | {"epsilon == 1e-12": "has a fixed epsilon of 1e-12"},
)
def unit_norm_layer(kernel: Any, *, axis: int) -> Any:
    return keras.layers.UnitNormalization(axis=axis, dtype=dtype_of(kernel))(kernel)


@binds("max_norm", "keras.constraints.MaxNorm", where=ADDED)
def max_norm(kernel: Any, *, max_value: float, axis: int) -> Any:
    return keras.constraints.MaxNorm(max_value=max_value, axis=axis)(kernel)


@binds("min_max_norm", "keras.constraints.MinMaxNorm", where=ADDED)
def min_max_norm(kernel: Any, *, min_value: float, max_value: float, rate: float, axis: int) -> Any:
    return keras.constraints.MinMaxNorm(min_value=min_value, max_value=max_value, rate=rate, axis=axis)(
        kernel
    )


@binds(
    "non_neg",
    "keras.constraints.NonNeg",
    where={
        "zero_gradient == 1.0 or data == 'normal'": "passes the gradient where the bound is met",
        "nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN",
    },
)
def non_neg(kernel: Any) -> Any:
    return keras.constraints.NonNeg()(kernel)


@binds("weight_norm", "keras.ops.normalize(direction)", where=FLOOR, composition=True)
def weight_norm(direction: Any, magnitude: Any, *, norm_of: str, epsilon: float) -> Any:
    axes = tuple(range(len(direction.shape) - (norm_of == "unit")))
    return magnitude * keras.ops.normalize(direction, axis=axes, order=2, epsilon=epsilon)


@binds(
    "spectral_norm",
    "keras.layers.SpectralNormalization",
    where=FLOOR
    | {
        "starts_from == 'units'": "keeps the vector of the units",
        "epsilon == 1e-07": "takes keras.config.epsilon()",
    },
)
def spectral_norm(kernel: Any, vector: Any, *, power_iterations: int) -> Any:
    *window, features, units = kernel.shape
    inner = (
        keras.layers.Conv2D(units, tuple(window), use_bias=False, dtype=dtype_of(kernel))
        if window
        else keras.layers.Dense(units, use_bias=False, dtype=dtype_of(kernel))
    )
    layer = keras.layers.SpectralNormalization(
        inner, power_iterations=power_iterations, dtype=dtype_of(kernel)
    )
    with concrete():
        layer.build((1, *window, features))
    replaced = [(layer.kernel, kernel), (layer.vector_u, keras.ops.reshape(vector, (1, -1)))]
    with keras.StatelessScope(state_mapping=replaced):
        after, y = layer.normalized_weights()
    return y, keras.ops.reshape(after, (-1,))


@binds(
    "spectral_norm_inference",
    "keras.layers.SpectralNormalization(training=False)",
    where={
        "inference == 'raw'": "calls the layer with the kernel as it is: training divides the kernel itself"
    },
)
def spectral_norm_inference(kernel: Any, left: Any, right: Any) -> Any:
    inner = keras.layers.Dense(kernel.shape[-1], use_bias=False, dtype=dtype_of(kernel))
    layer = keras.layers.SpectralNormalization(inner, dtype=dtype_of(kernel))
    with concrete():
        layer.build((1, kernel.shape[0]))
    replaced = [(layer.kernel, kernel), (layer.vector_u, keras.ops.reshape(right, (1, -1)))]
    with keras.StatelessScope(state_mapping=replaced):
        return layer(keras.ops.eye(kernel.shape[0], dtype=dtype_of(kernel)), training=False)
