"""Constraints of TensorFlow: functions that project, and compositions of them."""

from __future__ import annotations

from .framework import binds, function, tf

PLAIN = {"epsilon_at": ("none", "divides by the norm itself")}
FLOOR = {"epsilon_at": ("floor_of_square", "divides by √max(n², ε)")}
RELU = {
    "zero_gradient == 0.0 or data == 'normal'": "gives no gradient at 0",
    "nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN",
}

NORMALIZE = {"axis": "axis", "epsilon": "epsilon"}
CLIP = {"clip_norm": "max_value", "axes": "[axis]"}

function("unit_norm", "tf.math.l2_normalize", NORMALIZE, on="kernel", fixed=FLOOR)
function("max_norm", "tf.clip_by_norm", CLIP, on="kernel", fixed=PLAIN)
function("non_neg", "tf.nn.relu", on="kernel", where=RELU)


@binds("min_max_norm", "tf.clip_by_value(tf.norm)", fixed=PLAIN, composition=True)
def min_max_norm(kernel, *, min_value, max_value, rate, axis):
    norms = tf.norm(kernel, axis=axis, keepdims=True)
    desired = rate * tf.clip_by_value(norms, min_value, max_value) + (1 - rate) * norms
    return kernel * (desired / norms)


def axes_and_shape(direction, norm_of):
    """The axes that norms are taken over, and the shape of magnitudes beside them."""
    rank = len(direction.shape)
    named = {"unit": [rank - 1], "feature": [rank - 2], "pair": [rank - 2, rank - 1], "all": []}[norm_of]
    axes = [axis for axis in range(rank) if axis not in named]
    return axes, [1 if axis in axes else direction.shape[axis] for axis in range(rank)]


@binds("weight_norm", "tf.math.l2_normalize(direction)", fixed=FLOOR, composition=True)
def weight_norm(direction, magnitude, *, norm_of, epsilon):
    axes, shape = axes_and_shape(direction, norm_of)
    return tf.reshape(magnitude, shape) * tf.math.l2_normalize(direction, axis=axes, epsilon=epsilon)


@binds(
    "spectral_norm",
    "tf.linalg.matvec(tf.math.l2_normalize)",
    fixed={
        "starts_from": ("units", "is written as in the paper's first code, with the vector of the units"),
        "axis": ("units", "is written for the units"),
        "epsilon_at": ("floor", "has its epsilon squared for tf.math.l2_normalize"),
    },
    composition=True,
)
def spectral_norm(kernel, vector, *, power_iterations, epsilon):
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
    fixed={"inference": ("kept", "is written as the paper has it, with the vectors that were kept")},
    composition=True,
)
def spectral_norm_inference(kernel, left, right):
    return kernel / tf.tensordot(left, tf.linalg.matvec(kernel, right), 1)
