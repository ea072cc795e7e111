"""Losses of classification that are given probabilities, and how their logarithms are kept finite."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_shape
from .distributions import (
    clip,
    normalized_rows,
    normalized_rows_vjp,
)
from .reductions import single_elements, single_rows

__all__ = [
    "GUARDS",
    "NORMALIZED",
    "binary_cross_entropy",
    "binary_cross_entropy_vjp",
    "categorical_cross_entropy",
    "categorical_cross_entropy_vjp",
]

NORMALIZED = ("none", "before", "after")
"""Whether probabilities are divided by their sum, and on which side of the clipping."""

GUARDS = ("none", "clip", "add", "log")
"""What keeps the logarithm of a probability finite."""


@single_rows.loss
def categorical_cross_entropy(
    predictions: Array,
    targets: Array | None = None,
    labels: Array | None = None,
    *,
    epsilon: float = 0.0,
    normalized: str = "none",
    zero_target: str = "zero",
) -> Array:
    """Cross entropy of probabilities against distributions over the classes, or one class for each row.

    ``loss = -Σ_c t_c log q_c`` for each row, or ``-log q_y``, where ``q`` is ``p`` held in [ε, 1 - ε]

    Args:
        predictions: ``(batch, classes)``, in [0, 1]; ``p``. A row need not sum to one.
        targets: the shape of ``predictions``, not negative; ``t``.
        labels: ``(batch,)``, integers in [0, classes), in place of ``targets``; ``y``.
        epsilon: where probabilities are clipped; ``ε``. With 0 a probability of 0 costs infinitely much.
        normalized: whether rows are divided by their sum: not at all (``none``), ``before`` they are clipped,
            or ``after``.
        zero_target: where ``t`` is 0 the term is ``zero``, by the convention 0 log 0 = 0, or with ``nan`` the
            product, which is NaN at a probability of 0. Of labels the gradient alone has such products.

    Raises:
        ValueError: shapes that do not fit, both targets and labels or neither, or a label out of range.

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 3.13.
    """
    shares = _shares_of(predictions, targets, labels)
    terms = shares * np.log(_held(predictions, epsilon, normalized))
    if zero_target == "zero" or labels is not None:
        terms = np.where(shares == 0, 0.0, terms)
    return -np.sum(terms, axis=-1)


@single_rows.vjp
def categorical_cross_entropy_vjp(
    predictions: Array,
    targets: Array | None,
    labels: Array | None,
    cotangent: Array,
    *,
    epsilon: float = 0.0,
    normalized: str = "none",
    zero_target: str = "zero",
) -> tuple[Array, Array | None]:
    """Gradient of `categorical_cross_entropy`: ``-t/q``, none where clipped; ``-log q`` for the targets.

    Rows that are divided by their sum ``s`` pass on ``(g - Σ g q)/s``.
    """
    shares, each = _shares_of(predictions, targets, labels), cotangent[..., np.newaxis]
    held = _held(predictions, epsilon, normalized)
    of_held = -(each * shares * (1.0 / held))
    if zero_target == "zero":
        of_held = np.where(shares == 0, 0.0, of_held)
    inside = normalized_rows(predictions) if normalized == "before" else predictions
    clipped = (inside < epsilon) | (inside > 1.0 - epsilon) if epsilon else inside != inside
    if normalized == "after":
        of_held = normalized_rows_vjp(
            of_held, held, np.sum(clip(predictions, epsilon), axis=-1, keepdims=True)
        )
    gradient = np.where(clipped, 0.0, of_held)
    if normalized == "before":
        gradient = normalized_rows_vjp(gradient, inside, np.sum(predictions, axis=-1, keepdims=True))
    return gradient, None if targets is None else -(each * np.log(held))


def _shares_of(predictions: Array, targets: Array | None, labels: Array | None) -> Array:
    """How much each class counts: the targets, or 1 for the label."""
    require((targets is None) != (labels is None), "give either targets or labels")
    if targets is not None:
        require_shape("targets", targets, predictions.shape, "as predictions")
        return targets
    require_shape("labels", labels, predictions.shape[:-1], "batch")
    classes = predictions.shape[-1]
    known = (labels >= 0) & (labels < classes)  # type: ignore[operator]
    require(np.all(known), f"labels must be in [0, {classes})")
    return (labels[..., np.newaxis] == np.arange(classes)) * 1.0  # type: ignore[index]


def _held(predictions: Array, epsilon: float, normalized: str) -> Array:
    """Probabilities as they are clipped and normalised."""
    require(
        normalized in NORMALIZED, f"normalized must be one of {', '.join(NORMALIZED)}; got {normalized!r}"
    )
    held = clip(normalized_rows(predictions) if normalized == "before" else predictions, epsilon)
    return normalized_rows(held) if normalized == "after" else held


@single_elements.loss
def binary_cross_entropy(
    predictions: Array,
    targets: Array,
    *,
    guard: str = "none",
    epsilon: float = 1e-7,
    zero_target: str = "zero",
) -> Array:
    """Cross entropy of probabilities against probabilities, element by element.

    ``loss = -t log p - (1 - t) log(1 - p)``

    Args:
        predictions: ``(batch, features)``, in [0, 1]; ``p``.
        targets: the shape of ``predictions``, in [0, 1]; ``t``.
        guard: what keeps the logarithms finite: nothing (``none``); ``p`` is held in [ε, 1 - ε] (``clip``);
            ε is added to ``p`` and to ``1 - p`` (``add``); the logarithms are held above -100 (``log``).
        epsilon: ``ε``.
        zero_target: where ``t`` or ``1 - t`` is 0 its term is ``zero``, or with ``nan`` the product, which is
            NaN for an infinite logarithm.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``guard``.

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 6.2.2.2.
    """
    one, other, _ = _guarded(predictions, targets, guard, epsilon)
    positive, negative = targets * np.log(one), (1.0 - targets) * np.log(other)
    if guard == "log":
        positive = targets * np.maximum(np.log(one), -100.0)
        negative = (1.0 - targets) * np.maximum(np.log(other), -100.0)
    if zero_target == "zero":
        positive, negative = np.where(targets == 0, 0.0, positive), np.where(targets == 1, 0.0, negative)
    return -positive - negative


@single_elements.vjp
def binary_cross_entropy_vjp(
    predictions: Array,
    targets: Array,
    cotangent: Array,
    *,
    guard: str = "none",
    epsilon: float = 1e-7,
    zero_target: str = "zero",
    gradient: str = "exact",
) -> tuple[Array, Array]:
    """Gradient of `binary_cross_entropy`: ``(1 - t)/(1 - p) - t/p``, none where a guard holds.

    For the targets it is ``log(1 - p) - log p``. With ``gradient="bounded"`` the former is
    ``(p - t) / max(p (1 - p), 1e-12)``, and the latter is without any guard.
    """
    one, other, free = _guarded(predictions, targets, guard, epsilon)
    log_one, log_other = np.log(one), np.log(other)
    if gradient == "bounded":
        spread_out = np.maximum(predictions * (1.0 - predictions), 1e-12)
        return cotangent * (predictions - targets) / spread_out, cotangent * (log_other - log_one)
    if guard == "log":
        log_one, log_other = np.maximum(log_one, -100.0), np.maximum(log_other, -100.0)
    positive, negative = cotangent * targets * (1.0 / one), cotangent * (1.0 - targets) * (1.0 / other)
    if zero_target == "zero":
        positive, negative = np.where(targets == 0, 0.0, positive), np.where(targets == 1, 0.0, negative)
    if guard == "log":
        positive, negative = (
            np.where(log_one > -100.0, positive, 0.0),
            np.where(log_other > -100.0, negative, 0.0),
        )
    return np.where(free, negative - positive, 0.0), cotangent * (log_other - log_one)


def _guarded(predictions: Array, targets: Array, guard: str, epsilon: float) -> tuple[Array, Array, Array]:
    """What the two logarithms are taken of, and where these follow the predictions."""
    require_shape("targets", targets, predictions.shape, "as predictions")
    require(guard in GUARDS, f"guard must be one of {', '.join(GUARDS)}; got {guard!r}")
    if guard == "clip":
        held = clip(predictions, epsilon)
        return held, 1.0 - held, (predictions >= epsilon) & (predictions <= 1.0 - epsilon)
    added = epsilon if guard == "add" else 0.0
    return predictions + added, 1.0 - predictions + added, predictions == predictions
