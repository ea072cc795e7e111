"""Constraints of TensorFlow: functions that project, and compositions of them."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

PLAIN = {"epsilon_at == 'none'": "divides by the norm itself"}
FLOOR = {"epsilon_at == 'floor_of_square'": "divides by √max(n², ε)"}


@binds("unit_norm", "tf.math.l2_normalize", where=FLOOR)
def unit_norm(kernel: Any, *, axis: int, epsilon: float) -> Any:
    return tf.math.l2_normalize(kernel, axis=axis, epsilon=epsilon)


@binds("max_norm", "tf.clip_by_norm", where=PLAIN)
def max_norm(kernel: Any, *, max_value: float, axis: int) -> Any:
    return tf.clip_by_norm(kernel, max_value, axes=[axis])


@binds("min_max_norm", "tf.clip_by_value(tf.norm)", where=PLAIN, composition=True)
def min_max_norm(kernel: Any, *, min_value: float, max_value: float, rate: float, axis: int) -> Any:
    norms = tf.norm(kernel, axis=axis, keepdims=True)
    desired = rate * tf.clip_by_value(norms, min_value, max_value) + (1 - rate) * norms
    return kernel * (desired / norms)


RELU = {
    "zero_gradient == 0.0 or data == 'normal'": "gives no gradient at 0",
    "nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN",
}


@binds("non_neg", "tf.nn.relu", where=RELU)
def non_neg(kernel: Any) -> Any:
    return tf.nn.relu(kernel)


@binds("weight_norm", "tf.math.l2_normalize(direction)", where=FLOOR, composition=True)
def weight_norm(direction: Any, magnitude: Any, *, norm_of: str, epsilon: float) -> Any:
    axes = list(range(len(direction.shape) - (norm_of == "unit")))
    return magnitude * tf.math.l2_normalize(direction, axis=axes, epsilon=epsilon)


@binds(
    "spectral_norm",
    "tf.linalg.matvec(tf.math.l2_normalize)",
    where={
        "starts_from == 'units'": "is written as in the paper's first code, with the vector of the units",
        "epsilon_at == 'floor'": "has its epsilon squared for tf.math.l2_normalize",
    },
    composition=True,
)
def spectral_norm(kernel: Any, vector: Any, *, power_iterations: int, epsilon: float) -> Any:
    matrix = tf.reshape(kernel, (-1, kernel.shape[-1]))
    left = right = vector
    for _ in range(power_iterations):
        left = tf.math.l2_normalize(tf.linalg.matvec(matrix, right), epsilon=epsilon**2)
        right = tf.math.l2_normalize(tf.linalg.matvec(matrix, left, transpose_a=True), epsilon=epsilon**2)
    left, right = tf.stop_gradient(left), tf.stop_gradient(right)
    return kernel / tf.tensordot(left, tf.linalg.matvec(matrix, right), 1), right


@binds(
    "spectral_norm_inference",
    "tf.linalg.matvec",
    where={"inference == 'kept'": "is written as the paper has it, with the vectors that were kept"},
    composition=True,
)
def spectral_norm_inference(kernel: Any, left: Any, right: Any) -> Any:
    return kernel / tf.tensordot(left, tf.linalg.matvec(kernel, right), 1)
