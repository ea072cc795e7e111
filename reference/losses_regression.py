"""Losses of regression: distances between predictions and targets, element by element, then reduced."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_shape
from .reductions import elements

__all__ = ["huber", "huber_vjp", "mean_squared_error", "mean_squared_error_vjp", "smooth_l1", "smooth_l1_vjp"]


@elements.loss
def mean_squared_error(predictions: Array, targets: Array, *, factor: float = 1.0) -> Array:
    """Mean squared error.

    ``lossᵢ = factor (xᵢ - tᵢ)²``

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        factor: 1, or 1/2 for the form whose gradient is the error itself.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``; it is never broadcast.

    Source: Bishop (2006), Pattern recognition and machine learning, section 1.1 (with the factor 1/2).
    """
    return factor * np.square(_errors(predictions, targets))


@elements.vjp
def mean_squared_error_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, factor: float = 1.0
) -> tuple[Array, Array]:
    """Gradient of `mean_squared_error`: ``2 factor (x - t)``, and its negative for the targets."""
    gradient = cotangent * (2.0 * factor) * _errors(predictions, targets)
    return gradient, -gradient


@elements.loss
def huber(predictions: Array, targets: Array, *, delta: float = 1.0) -> Array:
    """Huber loss.

    With the error ``e = x - t``: ``lossᵢ = e²/2`` where ``|e| ≤ δ``, elsewhere ``δ (|e| - δ/2)``

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        delta: where the square turns into a line, above 0.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``, or ``delta`` is not positive.

    Source: Huber (1964), Robust estimation of a location parameter, section 3.
    """
    require(delta > 0, f"delta must be positive; got {delta}")
    size = np.abs(_errors(predictions, targets))
    return np.where(size <= delta, 0.5 * np.square(size), delta * (size - 0.5 * delta))


@elements.vjp
def huber_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, delta: float = 1.0
) -> tuple[Array, Array]:
    """Gradient of `huber`: the error held between ``-δ`` and ``δ``, and its negative for the targets."""
    gradient = cotangent * np.clip(_errors(predictions, targets), -delta, delta)
    return gradient, -gradient


@elements.loss
def smooth_l1(predictions: Array, targets: Array, *, beta: float = 1.0) -> Array:
    """Smooth L1 loss: the Huber loss divided by its threshold.

    With the error ``e = x - t``: ``lossᵢ = e²/(2β)`` where ``|e| < β``, elsewhere ``|e| - β/2``. ``β = 0``
    gives the absolute error.

    Args:
        predictions: any shape; ``x``.
        targets: the shape of ``predictions``; ``t``.
        beta: where the square turns into a line, at least 0.

    Raises:
        ValueError: ``targets`` has another shape than ``predictions``, or ``beta`` is negative.

    Source: Girshick (2015), Fast R-CNN, arXiv:1504.08083, section 2.3 (with β = 1).
    """
    require(beta >= 0, f"beta must not be negative; got {beta}")
    size = np.abs(_errors(predictions, targets))
    curved = size - 0.5 * beta if beta == 0 else np.square(size) * 0.5 / beta
    return np.where(size < beta, curved, size - 0.5 * beta)


@elements.vjp
def smooth_l1_vjp(
    predictions: Array, targets: Array, cotangent: Array, *, beta: float = 1.0, nan_sign: str = "nan"
) -> tuple[Array, Array]:
    """Gradient of `smooth_l1`: ``e/β`` held between -1 and 1, for ``β = 0`` the sign of the error (0 at 0).

    For an error of NaN it is ``nan``, or with ``nan_sign`` ``zero`` or ``negative``, which is -1.
    """
    errors = _errors(predictions, targets)
    slope = _sign(errors, nan_sign)
    if beta > 0:
        slope = np.where(np.abs(errors) < beta, np.clip(errors, -beta, beta) / beta, slope)
    gradient = cotangent * slope
    return gradient, -gradient


def _sign(errors: Array, nan_sign: str) -> Array:
    """The sign of errors: of NaN it is ``nan`` or ``zero``; or ``negative`` of all but what is 0 or more."""
    if nan_sign == "negative":
        return np.where(errors >= 0, 1.0, -1.0)
    return np.where(np.isnan(errors), 0.0, np.sign(errors)) if nan_sign == "zero" else np.sign(errors)


def _errors(predictions: Array, targets: Array) -> Array:
    require_shape("targets", targets, predictions.shape, "as predictions")
    return predictions - targets
