"""Ways to mean and variance, right and wrong, and the faults of every layer that takes them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..language.variant import Control, Fault

Array = Any


Function = Callable[..., Any]


Axes = tuple[int, ...]


Standardize = Callable[[Array, Axes, float], Array]
"""Gives values of mean 0 and variance 1, from an array, the axes of its statistics and epsilon."""


def mean_of(x: Array, axes: Axes) -> Array:
    """Mean along axes, which are kept."""
    return np.mean(x, axis=axes, keepdims=True)


def count_of(x: Array, axes: Axes) -> int:
    """How many values each statistic is of."""
    return int(np.prod([x.shape[axis] for axis in axes]))


def centred(x: Array, axes: Axes) -> tuple[Array, Array]:
    """Distances from the mean, and the variance."""
    distances = x - mean_of(x, axes)
    return distances, mean_of(np.square(distances), axes)


def textbook(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / √(σ² + ε)``, in the order in which it is written."""
    distances, variance = centred(x, axes)
    return distances / np.sqrt(variance + epsilon)


def reciprocal(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) · 1/√(σ² + ε)``, as where the reciprocal root is one instruction."""
    distances, variance = centred(x, axes)
    return distances * (1.0 / np.sqrt(variance + epsilon))


def multiplied_out(x: Array, axes: Axes, epsilon: float) -> Array:
    """``x a - μ a``, each product rounded, as where a layer becomes one multiplication and one addition."""
    _, variance = centred(x, axes)
    slope = 1.0 / np.sqrt(variance + epsilon)
    return x * slope - mean_of(x, axes) * slope


def welford(x: Array, axes: Axes, epsilon: float) -> Array:
    """One pass that updates the mean and the sum of squares about it (Welford, 1962)."""
    values, like = terms_of(x, axes)
    mean, squares = updated(values)
    return (x - np.reshape(mean, like)) / np.sqrt(np.reshape(squares / float(len(values)), like) + epsilon)


def updated(values: Array) -> tuple[Array, Array]:
    """Mean, and sum of squares about it, updated by one value after the other."""
    mean, squares = values[0], np.zeros_like(values[0])
    for count, value in enumerate(values[1:], start=2):
        distance = value - mean
        mean = mean + distance / float(count)
        squares = squares + distance * (value - mean)
    return mean, squares


def chan(x: Array, axes: Axes, epsilon: float) -> Array:
    """Moments of two halves, merged (Chan, Golub and LeVeque, 1983)."""
    values, like = terms_of(x, axes)
    if len(values) < 2:
        return textbook(x, axes, epsilon)
    halves = values[: len(values) // 2], values[len(values) // 2 :]
    (one, first), (other, second) = ((np.mean(half, axis=0), float(len(half))) for half in halves)
    squares = [np.sum(np.square(h - m), axis=0) for h, m in zip(halves, (one, other), strict=True)]
    total, apart = first + second, other - one
    mean = one + apart * (second / total)
    variance = (squares[0] + squares[1] + np.square(apart) * (first * second / total)) / total
    return (x - np.reshape(mean, like)) / np.sqrt(np.reshape(variance, like) + epsilon)


def terms_of(x: Array, axes: Axes) -> tuple[Array, tuple[int, ...]]:
    """The values of each statistic along a first axis, and the shape of a statistic beside ``x``."""
    axes = tuple(axis % x.ndim for axis in axes)
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    flat = np.reshape(np.transpose(x, (*axes, *rest)), (count_of(x, axes), *(x.shape[a] for a in rest)))
    return flat, tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))


def epsilon_outside(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / (σ + ε)``."""
    distances, variance = centred(x, axes)
    return distances / (np.sqrt(variance) + epsilon)


def epsilon_as_floor(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / √max(σ², ε)``."""
    distances, variance = centred(x, axes)
    return distances / np.sqrt(np.maximum(variance, epsilon))


def unbiased(x: Array, axes: Axes, epsilon: float) -> Array:
    """The variance with ``n - 1`` for ``n``; that of a single value is 0."""
    distances, variance = centred(x, axes)
    count = count_of(x, axes)
    return distances / np.sqrt(variance * (count / max(count - 1, 1)) + epsilon)


def one_pass(x: Array, axes: Axes, epsilon: float) -> Array:
    """The variance as ``mean x² - μ²``, whose digits cancel where the mean is large; not below 0."""
    mean = mean_of(x, axes)
    variance = np.maximum(mean_of(np.square(x), axes) - np.square(mean), 0.0)
    return (x - mean) / np.sqrt(variance + epsilon)


def variance_about_zero(x: Array, axes: Axes, epsilon: float) -> Array:
    """The mean square for the variance."""
    return centred(x, axes)[0] / np.sqrt(mean_of(np.square(x), axes) + epsilon)


def not_centred(x: Array, axes: Axes, epsilon: float) -> Array:
    """``x / √(σ² + ε)``."""
    return x / np.sqrt(centred(x, axes)[1] + epsilon)


def by_variance(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / (σ² + ε)``, the root forgotten."""
    distances, variance = centred(x, axes)
    return distances / (variance + epsilon)


def affine(standard: Array, scale: Array | None, bias: Array | None) -> Array:
    """``γ z + β``."""
    scaled = standard if scale is None else standard * scale
    return scaled if bias is None else scaled + bias


BIAS = (
    Fault(
        name="bias added before the scale",
        inputs={"bias": lambda bias, scale: bias * scale},
        where="use_scale and use_bias",
    ),
)


def leading(x: Array) -> Axes:
    """All axes but the last."""
    return tuple(range(x.ndim - 1))


AFFINE_GRADIENTS = (
    Fault(
        name="gradient of the scale from x that is not normalized",
        gradients={"scale": lambda x, cotangent: np.sum(x * cotangent, axis=leading(x))},
    ),
    Fault(
        name="gradient of the scale averaged over the rows",
        gradients={"scale": lambda gradient, x: gradient * gradient.size / x.size},
    ),
    Fault(
        name="gradient of the bias scaled",
        gradients={"bias": lambda gradient, scale: gradient * scale},
        where="use_scale and use_bias",
    ),
)


STANDARDIZED: dict[str, Standardize] = {
    "epsilon outside the root": epsilon_outside,
    "epsilon as a floor": epsilon_as_floor,
    "unbiased variance": unbiased,
    "variance about zero": variance_about_zero,
    "mean not subtracted": not_centred,
    "divided by the variance": by_variance,
}
"""Faults of what all layers do that take mean and variance of their data."""


STANDARDIZED_RIGHT: dict[str, Standardize] = {
    "(x - μ) / √(σ² + ε)": textbook,
    "times the reciprocal root": reciprocal,
    "x a - μ a": multiplied_out,
    "Welford's one pass": welford,
    "moments of two halves merged": chan,
}
"""Controls of the same."""


def standardizing_faults(layer: Function) -> tuple[Fault, ...]:
    """Faults of the moments of a layer that takes ``standardize``."""
    exact = (
        Fault(name=name, reference=functools.partial(layer, standardize=way))
        for name, way in STANDARDIZED.items()
    )
    one = Fault(
        name="one-pass variance", reference=functools.partial(layer, standardize=one_pass), rounds=True
    )
    return (*exact, one)


def standardizing_controls(layer: Function) -> tuple[Control, ...]:
    """Other ways to the same moments for a layer that takes ``standardize``."""
    return tuple(
        Control(name=name, reference=functools.partial(layer, standardize=way))
        for name, way in STANDARDIZED_RIGHT.items()
    )


def _axes_of_groups(grouped: Array) -> Axes:
    """All axes of a grouped array but the first and the groups."""
    return (*range(1, grouped.ndim - 2), grouped.ndim - 1)


def _in_groups(x: Array, groups: int) -> Array:
    return np.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups))


def without_mean(through: Array, standard: Array, axes: Axes) -> Array:
    """``h - mean h``: what flows through the variance is left out."""
    return through - mean_of(through, axes)


def without_slope(through: Array, standard: Array, axes: Axes) -> Array:
    """``h - z mean(h z)``: what flows through the mean is left out."""
    return through - standard * mean_of(through * standard, axes)


def with_sum(through: Array, standard: Array, axes: Axes) -> Array:
    """``h - mean h - z Σ(h z)``: a sum for the second mean."""
    slope = np.sum(through * standard, axis=axes, keepdims=True)
    return without_mean(through, standard, axes) - standard * slope


THROUGH: dict[str, Function] = {
    "gradient with the statistics as constants": lambda through, standard, axes: through,
    "gradient not through the variance": without_mean,
    "gradient not through the mean": without_slope,
    "gradient with a sum for the second mean": with_sum,
}
"""What the gradient of the standardized values makes of what flows into them, but for ``1/√(σ² + ε)``."""


def _through(way: Function, x: Array, into: Array, axes: Axes, epsilon: float) -> Array:
    deviation = np.sqrt(centred(x, axes)[1] + epsilon)
    return way(into, textbook(x, axes, epsilon), axes) / deviation


def gradients_along(axes: Callable[[Array], Axes]) -> tuple[Fault, ...]:
    """Faults of the gradient of a layer whose statistics are along these axes of its input."""

    def fault(name: str, way: Function) -> Fault:
        def gradient(x: Array, scale: Array | None, cotangent: Array, epsilon: float) -> Array:
            return _through(way, x, affine(cotangent, scale, None), axes(x), epsilon)

        return Fault(name=name, gradients={"x": gradient})

    return tuple(fault(name, way) for name, way in THROUGH.items())


def gradients_in_groups() -> tuple[Fault, ...]:
    """Faults of the gradient of group normalization."""

    def fault(name: str, way: Function) -> Fault:
        def gradient(x: Array, scale: Array | None, cotangent: Array, epsilon: float, groups: int) -> Array:
            grouped, into = (_in_groups(a, groups) for a in (x, affine(cotangent, scale, None)))
            return np.reshape(_through(way, grouped, into, _axes_of_groups(grouped), epsilon), x.shape)

        return Fault(name=name, gradients={"x": gradient})

    return tuple(fault(name, way) for name, way in THROUGH.items())
