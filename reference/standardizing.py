"""What normalizations share: moments, a pivot, slopes, and the gradient through statistics.

Normalized values are computed as ``a x + (β - a μ)``, which is where implementations round, but from a pivot
``p`` near the data, as ``a (x - p) + (β - a (μ - p))``: an error of the slope ``a`` then moves differences
only, as it does in truth.
"""

from __future__ import annotations

import numpy as np

from .checks import Array, require_shape

__all__ = [
    "BESIDE",
    "affine_vjp",
    "between",
    "centred_vjp",
    "leading",
    "moments_of",
    "normalized",
    "pivot_of",
    "require_channels",
    "scaled",
    "slope_of",
    "standardized",
    "standardized_vjp",
]

Axes = tuple[int, ...]
Optional = Array | None


def moments_of(x: Array, axes: Axes) -> tuple[Array, Array]:
    """Mean, and variance about it."""
    mean = np.mean(x, axis=axes, keepdims=True)
    return mean, np.mean(np.square(x - mean), axis=axes, keepdims=True)


def pivot_of(x: Array, axes: Axes) -> Array:
    """A number near the first element along ``axes``, which are kept; 0 where it is the only one."""
    first = x
    for axis in axes:
        first = np.take(first, [0], axis=axis)
    return BESIDE * first if first.size < x.size else np.zeros_like(x)


BESIDE = 1.0078125  # 1 + 2**-7, of few enough digits for every format
"""The pivot is not one of the data, and is rounded: nothing of ``a x + (β - a μ)`` is exact there, either.

The rounding of ``p`` stands for those of ``a x`` and ``a μ``, which are of the same size.
"""


def normalized(
    x: Array,
    mean: Array,
    variance: Array,
    scale: Optional,
    bias: Optional,
    epsilon: float,
    pivot: Array = 0.0,
) -> Array:
    """``(x - μ) / √(σ² + ε) γ + β`` from a pivot."""
    slope = slope_of(variance, scale, epsilon)
    offset = (pivot - mean) * slope
    return (x - pivot) * slope + (offset if bias is None else bias + offset)


def standardized(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / √(σ² + ε)`` along ``axes``."""
    return normalized(x, *moments_of(x, axes), None, None, epsilon, pivot_of(x, axes))


def centred_vjp(x: Array, through: Array, axes: Axes, epsilon: float) -> Array:
    """Gradient of `standardized`."""
    deviation = np.sqrt(moments_of(x, axes)[1] + epsilon)
    standard = standardized(x, axes, epsilon)
    level = np.mean(through, axis=axes, keepdims=True)
    slope = np.mean(through * standard, axis=axes, keepdims=True)
    return (through - level - standard * slope) / deviation


def standardized_vjp(
    x: Array, scale: Optional, bias: Optional, cotangent: Array, axes: Axes, epsilon: float
) -> tuple[Array, Optional, Optional]:
    """Gradient of standardizing over ``axes`` and then scaling and shifting the last axis."""
    dx = centred_vjp(x, scaled(cotangent, scale), axes, epsilon)
    return (dx, *affine_vjp(standardized(x, axes, epsilon), scale, bias, cotangent))


def affine_vjp(
    standard: Array, scale: Optional, bias: Optional, cotangent: Array
) -> tuple[Optional, Optional]:
    """Gradients of the scale and of the bias, where there are any."""
    axes = leading(cotangent)
    return (
        None if scale is None else np.sum(cotangent * standard, axis=axes),
        None if bias is None else np.sum(cotangent, axis=axes),
    )


def scaled(x: Array, scale: Optional) -> Array:
    """``γ x``, or x."""
    return x if scale is None else x * scale


def slope_of(variance: Array, scale: Optional, epsilon: float) -> Array:
    """``γ / √(σ² + ε)``, or without γ."""
    deviation = np.sqrt(variance + epsilon)
    return 1.0 / deviation if scale is None else scale / deviation


def between(x: Array) -> Axes:
    """All axes but the first and the last."""
    return tuple(range(1, x.ndim - 1))


def leading(x: Array) -> Axes:
    """All axes but the last."""
    return tuple(range(x.ndim - 1))


def require_channels(x: Array, **given: Optional) -> None:
    """Raise unless each array that is given has the length of the last axis of ``x``."""
    for name, array in given.items():
        if array is not None:
            require_shape(name, array, x.shape[-1:], "channels")
