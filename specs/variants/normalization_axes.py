"""Faults and controls of normalization over axes of one's choice, by norms, and with statistics kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.normalization_axes import layer_norm_over_axes, rms_norm_over_axes
from ..language.variant import Control, Fault

Array = Any


def last_axis_alone(norm: Any) -> Any:
    """Statistics of the last of the axes alone, whatever else is normalized with it."""

    def y(x: Array, axes: Any, epsilon: float) -> Array:
        plain = np.ones(x.shape[-1])
        more = (plain, np.zeros(x.shape[-1])) if norm is layer_norm_over_axes else (plain,)
        return norm(x, *more, axes=axes[-1:], parameters_along="channels", epsilon=epsilon)

    return y


def standardized(x: Array, over: Any, axis: int, scale: Any, bias: Any, epsilon: float) -> Array:
    """Normalized over some axes, with parameters along one."""
    shape = [-1 if a == axis % 4 else 1 for a in range(4)]
    root = np.sqrt(np.var(x, axis=over, keepdims=True) + epsilon)
    y = (x - np.mean(x, axis=over, keepdims=True)) / root
    y = y if scale is None else y * np.reshape(scale, shape)
    return y if bias is None else y + np.reshape(bias, shape)


def spread(x: Array, parameter: Array, axes: Any, parameters_along: str) -> Array:
    """A parameter in a shape that spreads over ``x``."""
    along = axes if parameters_along == "normalized" else (3,)
    return np.reshape(parameter, [n if axis in along else 1 for axis, n in enumerate(x.shape)])


def layer_norm_of_last(
    x: Array, scale: Array, bias: Array, axes: Any, parameters_along: str, epsilon: float
) -> Array:
    """The normalization of one axis, with parameters in their places."""
    standard = last_axis_alone(layer_norm_over_axes)(x, axes, epsilon)
    factor, shift = (spread(x, a, axes, parameters_along) for a in (scale, bias))
    return standard * factor + shift


def rms_norm_of_last(x: Array, scale: Array, axes: Any, parameters_along: str, epsilon: float) -> Array:
    """The same of a root mean square."""
    return last_axis_alone(rms_norm_over_axes)(x, axes, epsilon) * spread(x, scale, axes, parameters_along)


def by_mean_of_squares(
    x: Array, scale: Array, bias: Array, *, axes: Any, parameters_along: str, epsilon: float
) -> Array:
    """``(x - μ) / √(σ² + ε)`` in the order in which it is written."""
    centred = x - np.mean(x, axis=axes, keepdims=True)
    root = np.sqrt(np.mean(np.square(centred), axis=axes, keepdims=True) + epsilon)
    factor, shift = (spread(x, a, axes, parameters_along) for a in (scale, bias))
    return centred / root * factor + shift


def divisor(x: Array, power: Any, axes: Any, epsilon: float, floor: Any = np.maximum) -> Array:
    """What is divided by, in one step of powers."""
    if power == "max":
        norm = np.max(np.abs(x), axis=axes, keepdims=True)
    else:
        norm = np.sum(np.power(np.abs(x), float(power)), axis=axes, keepdims=True) ** (1.0 / power)
    return floor(norm, epsilon)


BEYOND_ONE = "len(axes) > 1"

FAULTS = {
    "layer_norm_over_axes": (
        Fault(
            name="statistics of the last of the axes alone",
            results={"y": layer_norm_of_last},
            where=BEYOND_ONE,
        ),
        Fault(
            name="parameters laid out in the other order",
            inputs={"scale": lambda scale: np.reshape(scale.T, scale.shape)},
            where=f"{BEYOND_ONE} and parameters_along == 'normalized'",
        ),
    ),
    "rms_norm_over_axes": (
        Fault(
            name="mean square of the last of the axes alone",
            results={"y": rms_norm_of_last},
            where=BEYOND_ONE,
        ),
    ),
    "normalize": (
        Fault(
            name="epsilon added to the norm",
            results={"y": lambda x, power, axes, epsilon: x / divisor(x, power, axes, epsilon, floor=np.add)},
        ),
        Fault(
            name="a mean of powers for their sum",
            results={
                "y": lambda x, power, axes, epsilon: (
                    x
                    / np.maximum(
                        divisor(x, power, axes, 0.0) / np.prod([x.shape[a] for a in axes]) ** (1.0 / power),
                        epsilon,
                    )
                )
            },
            where="power != 'max' and max(x) > 1",
        ),
        Fault(
            name="the largest element for the largest magnitude",
            results={
                "y": lambda x, axes, epsilon: x / np.maximum(np.max(x, axis=axes, keepdims=True), epsilon)
            },
            where="power == 'max'",
        ),
        Fault(
            name="gradient with the norm as a constant",
            gradients={
                "x": lambda x, cotangent, power, axes, epsilon: cotangent / divisor(x, power, axes, epsilon)
            },
        ),
    ),
    "batch_norm_over_axis": (
        Fault(
            name="statistics of each sample",
            results={
                "y": lambda x, result, scale, bias, axis, epsilon: standardized(
                    x, tuple(a for a in (1, 2, 3) if a != axis % 4), axis, scale, bias, epsilon
                )
            },
        ),
        Fault(
            name="statistics of the last axis",
            results={
                "y": lambda x, result, scale, bias, axis, epsilon: standardized(
                    x, (0, 1, 2), axis, scale, bias, epsilon
                )
            },
        ),
        Fault(
            name="running variance with n - 1 for n",
            results={
                "running_variance": lambda result, running_variance, momentum, x, axis: (
                    result + (result - momentum * running_variance) / (x.size // x.shape[axis] - 1)
                )
            },
        ),
    ),
    "tracked_instance_norm": (
        Fault(
            name="running variance with n for n - 1",
            results={
                "running_variance": lambda x, running_variance, momentum: (
                    momentum * running_variance
                    + (1 - momentum) * np.mean(np.var(x, axis=tuple(range(1, x.ndim - 1))), axis=0)
                )
            },
        ),
        Fault(
            name="running variance of the batch as a whole",
            results={
                "running_variance": lambda x, running_variance, momentum: (
                    momentum * running_variance
                    + (1 - momentum) * np.var(x, axis=tuple(range(x.ndim - 1)), ddof=1)
                )
            },
        ),
        Fault(
            name="running statistics of the first sample",
            results={
                "running_mean": lambda x, running_mean, momentum: (
                    momentum * running_mean + (1 - momentum) * np.mean(x[0], axis=tuple(range(x.ndim - 2)))
                )
            },
        ),
    ),
}

REVERSED = ("axes in the other order", "axes in the other order, in the gradient")
NO_FAULTS = {
    # A mean over axes is the same in any order of them, and so are parameters of channels.
    "layer_norm_over_axes": REVERSED,
    "rms_norm_over_axes": REVERSED,
    "normalize": REVERSED,
    # What is centred does not change with the centre.
    "tracked_instance_norm": ("x plus one, in the gradient",),
    "batch_norm_over_axis": ("x plus one, in the gradient",),
}

CONTROLS = {
    "layer_norm_over_axes": (Control(name="as it is written", reference=by_mean_of_squares),),
    "normalize": (
        Control(
            name="norms by powers",
            reference=lambda x, *, power, axes, epsilon: x / divisor(x, power, axes, epsilon),
        ),
    ),
}
