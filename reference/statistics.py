"""Statistics of arrays, and layers that scale by what was measured before."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .checks import Array, require, require_shape

__all__ = [
    "activity_regularization",
    "activity_regularization_vjp",
    "feature_normalization",
    "feature_normalization_vjp",
    "moments",
    "moments_vjp",
    "rescaling",
    "rescaling_vjp",
    "sufficient_statistics",
    "sufficient_statistics_vjp",
]

Axes = int | tuple[int, ...] | None

FLOOR = 1e-7
"""The least standard deviation that a feature is divided by."""


def moments(
    x: Array,
    weights: Array | None = None,
    *,
    axes: Sequence[int],
    keepdims: bool = False,
    algorithm: str = "two_pass",
) -> tuple[Array, Array]:
    """Mean and variance over some axes.

    ``μ = Σ w x / Σ w`` and ``σ² = Σ w (x - μ)² / Σ w``; without weights ``w`` is 1

    Args:
        x: of any shape.
        weights: of the shape of ``x``, positive, or None.
        axes: those that are summed over.
        keepdims: leave them, with length 1.
        algorithm: ``two_pass``, as above; or ``sums``: ``σ² = Σ x² / n - μ²``, which loses what a large mean
            and a small variance have in common.

    Returns:
        ``μ`` and ``σ²``.

    Raises:
        ValueError: ``weights`` has not the shape of ``x``, nothing is summed over, or ``algorithm``
            is neither.

    Source: Higham (2002), Accuracy and stability of numerical algorithms, section 1.9.
    """
    axes = _summed(x, weights, axes, algorithm)
    total = _total(x, weights, axes)
    mean = np.sum(x if weights is None else weights * x, axis=axes, keepdims=True) / total
    if algorithm == "two_pass":
        squares = np.square(x - mean)
        squares = squares if weights is None else weights * squares
        variance = np.sum(squares, axis=axes, keepdims=True) / total
    else:
        variance = np.sum(np.square(x), axis=axes, keepdims=True) / total - np.square(mean)
    if keepdims:
        return mean, variance
    return np.squeeze(mean, axis=axes), np.squeeze(variance, axis=axes)


def moments_vjp(
    x: Array,
    weights: Array | None,
    cotangents: tuple[Array, Array],
    *,
    axes: Sequence[int],
    keepdims: bool = False,
    algorithm: str = "two_pass",
) -> tuple[Array, Array | None]:
    """Gradient of `moments`: ``w (g + 2 h (x - μ)) / Σ w`` under ``g`` of the mean and ``h`` of the variance.

    A weight's is ``(g (x - μ) + h ((x - μ)² - σ²)) / Σ w``.
    """
    axes = _summed(x, weights, axes, algorithm)
    total = _total(x, weights, axes)
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    g, h = (np.reshape(cotangent, kept) for cotangent in cotangents)
    mean, variance = moments(x, weights, axes=axes, keepdims=True, algorithm=algorithm)
    if algorithm == "sums":
        return (g - 2.0 * (mean * h)) / total + 2.0 * (x * (h / total)), None
    away = x - mean
    of_x = (g + 2.0 * (h * away)) / total
    if weights is None:
        return of_x, None
    return weights * of_x, (g * away + h * (np.square(away) - variance)) / total


def _summed(x: Array, weights: Array | None, axes: Sequence[int], algorithm: str) -> tuple[int, ...]:
    """The axes that are summed over in what may be asked."""
    known = algorithm in ("two_pass", "sums")
    require(known, f"algorithm must be two_pass or sums; got {algorithm!r}")
    if weights is not None:
        require_shape("weights", weights, x.shape, "that of x")
    found = tuple(sorted(axis % x.ndim for axis in axes))
    require(math.prod(x.shape[axis] for axis in found) > 0, f"there must be a number along {axes}")
    return found


def _total(x: Array, weights: Array | None, axes: tuple[int, ...]) -> Array | int:
    """The sum of the weights."""
    if weights is None:
        return math.prod(x.shape[axis] for axis in axes)
    return np.sum(weights, axis=axes, keepdims=True)


def sufficient_statistics(x: Array, *, axes: Sequence[int], shift: float = 0.0) -> tuple[Array, Array]:
    """Sums that tell mean and variance, and can be added up over parts of the data.

    ``Σ (x - s)`` and ``Σ (x - s)²``

    Args:
        x: of any shape.
        axes: those that are summed over.
        shift: ``s``, near the mean, so that the squares lose nothing.

    Returns:
        Both sums, without the axes.

    Source: Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, section 3.
    """
    away = x - shift if shift else x
    return np.sum(away, axis=tuple(axes)), np.sum(np.square(away), axis=tuple(axes))


def sufficient_statistics_vjp(
    x: Array, cotangents: tuple[Array, Array], *, axes: Sequence[int], shift: float = 0.0
) -> tuple[Array]:
    """Gradient of `sufficient_statistics`: ``g + 2 h (x - s)``."""
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    g, h = (np.reshape(cotangent, kept) for cotangent in cotangents)
    return (g + 2.0 * (h * (x - shift if shift else x)),)


# --- what was measured before ---


def feature_normalization(
    x: Array, mean: Array, variance: Array, *, axis: Axes = -1, invert: bool = False
) -> Array:
    """Features brought to the mean 0 and the variance 1 of data seen before, or back.

    ``y = (x - μ) / max(σ, 10⁻⁷)``, or inverted ``y = μ + x max(σ, 10⁻⁷)``

    Args:
        x: any shape.
        mean: μ, as long as ``x`` is along the axes.
        variance: σ², the shape of ``mean``; 0 for a feature that never varied, which is divided by the floor.
        axis: the axes along which each place is a feature; None if all numbers are of one.
        invert: undo it.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``mean`` or ``variance`` does not fit the features.

    Source: keras.layers.Normalization.
    """
    level, deviation = _of_features(x, mean, variance, axis)
    return level + x * deviation if invert else (x - level) / deviation


def feature_normalization_vjp(
    x: Array, mean: Array, variance: Array, cotangent: Array, *, axis: Axes = -1, invert: bool = False
) -> tuple[Array]:
    """Gradient of `feature_normalization`: divided, or inverted multiplied, by the deviation."""
    _, deviation = _of_features(x, mean, variance, axis)
    return (cotangent * deviation if invert else cotangent / deviation,)


def _of_features(x: Array, mean: Array, variance: Array, axis: Axes) -> tuple[Array, Array]:
    """The means of features and what they are divided by, in shapes that spread over x."""
    along = () if axis is None else tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    shape = tuple(n for a, n in enumerate(x.shape) if a in along)
    require_shape("mean", mean, shape, "features")
    require_shape("variance", variance, shape, "features")
    spread = tuple(n if a in along else 1 for a, n in enumerate(x.shape))
    return np.reshape(mean, spread), np.reshape(np.maximum(np.sqrt(variance), FLOOR), spread)


def rescaling(x: Array, *, scale: float = 1.0, offset: float = 0.0) -> Array:
    """Numbers of one range brought to another: ``y = a x + b``.

    Args:
        x: of any shape.
        scale: ``a``.
        offset: ``b``.

    Returns:
        The shape of ``x``.

    Source: keras.layers.Rescaling.
    """
    return x * scale + offset if offset else x * scale


def rescaling_vjp(x: Array, cotangent: Array, *, scale: float = 1.0) -> tuple[Array]:
    """Gradient of `rescaling`: ``a``."""
    return (cotangent * scale,)


# --- penalties ---


def activity_regularization(
    x: Array, *, l1: float = 0.0, l2: float = 0.0, denominator: str = "batch"
) -> Array:
    """Penalty on the outputs of a layer, which is added to the loss.

    ``(λ₁ Σ |x| + λ₂ Σ x²) / n``, with the ``n`` samples of a batch or 1

    Args:
        x: ``(batch, …)``.
        l1: λ₁.
        l2: λ₂.
        denominator: ``batch``, so that the penalty does not grow with it, or ``one``.

    Returns:
        A number.

    Raises:
        ValueError: ``denominator`` is neither.

    Source: keras.layers.ActivityRegularization.
    """
    total = l1 * np.sum(np.abs(x)) + l2 * np.sum(np.square(x))
    return total / _samples(x, denominator)


def activity_regularization_vjp(
    x: Array, cotangent: Array, *, l1: float = 0.0, l2: float = 0.0, denominator: str = "batch"
) -> tuple[Array]:
    """Gradient of `activity_regularization`: ``(λ₁ sign x + 2 λ₂ x) / n``; the sign of 0 is 0."""
    share = cotangent / _samples(x, denominator)
    return (np.sign(x) * (share * l1) + x * (2.0 * (share * l2)),)


def _samples(x: Array, denominator: str) -> int:
    known = denominator in ("batch", "one")
    require(known, f"denominator must be batch or one; got {denominator!r}")
    return len(x) if denominator == "batch" else 1
