"""Distributions over classes along the last axis, as the losses of classification are given them."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_shape

__all__ = [
    "check_classes",
    "clip",
    "is_label",
    "normalized_rows",
    "normalized_rows_vjp",
    "one_more_than_difference",
    "shares_of_classes",
]


def check_classes(logits: Array, class_weights: Array | None, label_smoothing: float) -> None:
    """Raise unless there is one weight for each class, and ``label_smoothing`` is a share."""
    require(0 <= label_smoothing <= 1, f"label_smoothing must be in [0, 1]; got {label_smoothing}")
    if class_weights is not None:
        require_shape("class_weights", class_weights, logits.shape[-1:], "classes")


def shares_of_classes(
    logits: Array, targets: Array, class_weights: Array | None, label_smoothing: float
) -> Array:
    """``w s``: how much each class's negative log-probability counts."""
    require_shape("targets", targets, logits.shape, "as logits")
    check_classes(logits, class_weights, label_smoothing)
    shares = targets
    if label_smoothing:
        shares = (1.0 - label_smoothing) * targets + label_smoothing / logits.shape[-1]
    return shares if class_weights is None else class_weights * shares


def is_label(labels: Array, scores: Array) -> Array:
    """Whether a class is the one that is meant."""
    require_shape("labels", labels, scores.shape[:1], "batch")
    classes = scores.shape[-1]
    require(np.all((labels >= 0) & (labels < classes)), f"labels must be classes: 0 to {classes - 1}")
    return labels[:, np.newaxis] == np.arange(classes)


def towards_half(targets: Array, label_smoothing: float) -> Array:
    """Targets of elements, of which a share is spread over both classes; none of it where that is 0."""
    require(0 <= label_smoothing <= 1, f"label_smoothing must be in [0, 1]; got {label_smoothing}")
    return (1.0 - label_smoothing) * targets + 0.5 * label_smoothing if label_smoothing else targets


def clip(probabilities: Array, epsilon: float) -> Array:
    """Between ε and 1 - ε, of which the latter is rounded as any difference is."""
    if not epsilon:
        return probabilities
    return np.minimum(np.maximum(probabilities, epsilon), np.ones_like(probabilities) - epsilon)


def normalized_rows(probabilities: Array) -> Array:
    """Rows divided by their sum."""
    return probabilities / np.sum(probabilities, axis=-1, keepdims=True)


def normalized_rows_vjp(gradient: Array, quotient: Array, total: Array) -> Array:
    """The transpose of `normalized_rows`, whose result is the ``quotient``."""
    return (gradient - np.sum(gradient * quotient, axis=-1, keepdims=True)) / total


def one_more_than_difference(terms: Array, log_p: Array, log_q: Array) -> Array:
    """``g (log p - log q + 1)``, or ``g log p + g - g log q``, which is equal: the larger error counts."""
    return np.maximum(terms * (log_p - log_q + 1.0), terms * log_p + terms - terms * log_q)
