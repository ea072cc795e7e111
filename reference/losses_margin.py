"""Losses of classification by margins: how far a score stands on the right side of 0.

Labels are 0 or 1; the formulas are written with their signs ``t = 2 y - 1``.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from .checks import Array, require, require_shape
from .reductions import elements

__all__ = ["hinge", "hinge_vjp", "soft_margin", "soft_margin_vjp"]


@elements.loss
def hinge(scores: Array, labels: Array, *, margin: float = 1.0, power: int = 1) -> Array:
    """Hinge loss; of margin 0 the loss of the perceptron.

    ``lossᵢ = max(m - tᵢ xᵢ, 0)ᵖ``

    Args:
        scores: any shape; ``x``.
        labels: the shape of ``scores``, 0 or 1; ``t`` is -1 or 1.
        margin: how far beyond 0 a score costs nothing, not negative; ``m``.
        power: 1, or 2 for the squared hinge; ``p``.

    Raises:
        ValueError: ``labels`` has another shape than ``scores``, a negative ``margin``, or another ``power``.

    Source: Rosasco et al. (2004), Are loss functions all the same?, section 2.
    """
    require(power in (1, 2), f"power must be 1 or 2; got {power}")
    lacking = np.maximum(_lacking(scores, labels, margin), 0.0)
    return lacking if power == 1 else np.square(lacking)


@elements.vjp
def hinge_vjp(
    scores: Array,
    labels: Array,
    cotangent: Array,
    *,
    margin: float = 1.0,
    power: int = 1,
    kink_gradient: float = 1.0,
) -> tuple[Array]:
    """Gradient of `hinge`: ``-t`` where ``m - t x > 0``, with power 2 ``-2 t max(m - t x, 0)``.

    Where ``m - t x`` is 0 it is ``-kink_gradient t``, and where it is NaN there is none.
    """
    lacking = _lacking(scores, labels, margin)
    at_kink, beyond = (kink_gradient, 1.0) if power == 1 else (0.0, 2.0 * lacking)
    slope = np.where(lacking > 0, beyond, np.where(lacking == 0, at_kink, 0.0))
    return (-(cotangent * _signs(labels) * slope),)


def _lacking(scores: Array, labels: Array, margin: float) -> Array:
    """How much is lacking to the margin."""
    require(margin >= 0, f"margin must not be negative; got {margin}")
    require_shape("labels", labels, scores.shape, "as scores")
    return margin - _signs(labels) * scores


def _signs(labels: Array) -> Array:
    require(np.all((labels == 0) | (labels == 1)), "labels must be 0 or 1")
    return 2.0 * labels - 1.0


@elements.loss
def soft_margin(scores: Array, labels: Array) -> Array:
    """Logistic loss of a score and a sign.

    ``lossᵢ = log(1 + exp(-tᵢ xᵢ))``

    Args:
        scores: any shape; ``x``.
        labels: the shape of ``scores``, 0 or 1; ``t`` is -1 or 1.

    Raises:
        ValueError: ``labels`` has another shape than ``scores``.

    Source: Rosasco et al. (2004), Are loss functions all the same?, section 2.
    """
    return -log_expit(-_lacking(scores, labels, 0.0))


@elements.vjp
def soft_margin_vjp(scores: Array, labels: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `soft_margin`: ``-t σ(-t x)``."""
    return (-(cotangent * _signs(labels) * expit(_lacking(scores, labels, 0.0))),)
