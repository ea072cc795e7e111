"""Constraints of Keras: ``keras.constraints`` and the layers that normalize a kernel or a vector."""

from __future__ import annotations

from .framework import binds, keras
from .layers import dtype_of, function, instance, layer

ADDED = {"epsilon_at": ("added", "adds keras.config.epsilon() to the norm")}
FLOOR = {"epsilon_at": ("floor", "divides by max(n, ε)")}
CONFIGURED = {"epsilon": (1e-07, "takes keras.config.epsilon()")}
TWELFTH = {"epsilon": (1e-12, "has a fixed epsilon of 1e-12")}
BOUND = {
    "zero_gradient == 1.0 or data == 'normal'": "passes the gradient where the bound is met",
    "nan_gradient == 'zero' or data != 'specials'": "gives no gradient where x is NaN",
}
AXIS, DTYPE = {"axis": "axis"}, {"dtype": "dtype_of(kernel)"}
MAX = {"max_value": "max_value"} | AXIS
MIN_MAX = {"min_value": "min_value", "rate": "rate"} | MAX

instance("unit_norm", "keras.constraints.UnitNorm", AXIS, on="kernel", fixed=ADDED | CONFIGURED)
function(
    "unit_norm", "keras.ops.normalize", AXIS | {"order": "2", "epsilon": "epsilon"}, on="kernel", fixed=FLOOR
)
layer("unit_norm", "keras.layers.UnitNormalization", AXIS | DTYPE, on="kernel", fixed=FLOOR | TWELFTH)
instance("max_norm", "keras.constraints.MaxNorm", MAX, on="kernel", fixed=ADDED)
instance("min_max_norm", "keras.constraints.MinMaxNorm", MIN_MAX, on="kernel", fixed=ADDED)
instance("non_neg", "keras.constraints.NonNeg", on="kernel", where=BOUND)


def axes_and_shape(direction, norm_of):
    """The axes that norms are taken over, and the shape of magnitudes beside them."""
    rank = len(direction.shape)
    named = {"unit": [rank - 1], "feature": [rank - 2], "pair": [rank - 2, rank - 1], "all": []}[norm_of]
    axes = tuple(axis for axis in range(rank) if axis not in named)
    return axes, tuple(1 if axis in axes else direction.shape[axis] for axis in range(rank))


@binds("weight_norm", "keras.ops.normalize(direction)", fixed=FLOOR, composition=True)
def weight_norm(direction, magnitude, *, norm_of, epsilon):
    axes, shape = axes_and_shape(direction, norm_of)
    return keras.ops.reshape(magnitude, shape) * keras.ops.normalize(
        direction, axis=axes, order=2, epsilon=epsilon
    )


def normalized(kernel, *, power_iterations):
    *window, features, units = kernel.shape
    inner = (
        keras.layers.Conv2D(units, tuple(window), use_bias=False, dtype=dtype_of(kernel))
        if window
        else keras.layers.Dense(units, use_bias=False, dtype=dtype_of(kernel))
    )
    made = keras.layers.SpectralNormalization(
        inner, power_iterations=power_iterations, dtype=dtype_of(kernel)
    )
    made.build((1, *window, features))
    return made


@binds(
    "spectral_norm",
    "keras.layers.SpectralNormalization",
    fixed=FLOOR
    | CONFIGURED
    | {"starts_from": ("units", "keeps the vector of the units"), "axis": ("units", "has none")},
    build=normalized,
)
def spectral_norm(built, kernel, vector):
    replaced = [(built.kernel, kernel), (built.vector_u, keras.ops.reshape(vector, (1, -1)))]
    with keras.StatelessScope(state_mapping=replaced):
        after, y = built.normalized_weights()
    return y, keras.ops.reshape(after, (-1,))


def normalized_dense(kernel):
    inner = keras.layers.Dense(kernel.shape[-1], use_bias=False, dtype=dtype_of(kernel))
    made = keras.layers.SpectralNormalization(inner, dtype=dtype_of(kernel))
    made.build((1, kernel.shape[0]))
    return made


@binds(
    "spectral_norm_inference",
    "keras.layers.SpectralNormalization(training=False)",
    fixed={
        "inference": ("raw", "calls the layer with the kernel as it is: training divides the kernel itself")
    },
    build=normalized_dense,
)
def spectral_norm_inference(built, kernel, left, right):
    replaced = [(built.kernel, kernel), (built.vector_u, keras.ops.reshape(right, (1, -1)))]
    with keras.StatelessScope(state_mapping=replaced):
        return built(keras.ops.eye(kernel.shape[0], dtype=dtype_of(kernel)), training=False)
