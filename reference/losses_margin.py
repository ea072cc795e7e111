"""Losses of classification by margins: how far a score stands on the right side of 0.

Labels are 0 or 1; the formulas are written with their signs ``t = 2 y - 1``.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from .checks import Array, require, require_shape
from .distributions import is_label
from .reductions import elements, rows, share_out

__all__ = [
    "RIVAL_FLOORS",
    "hinge",
    "hinge_vjp",
    "multi_margin",
    "multi_margin_vjp",
    "multiclass_hinge",
    "multiclass_hinge_vjp",
    "multilabel_margin",
    "multilabel_margin_vjp",
    "multilabel_soft_margin",
    "multilabel_soft_margin_vjp",
    "soft_margin",
    "soft_margin_vjp",
]

RIVAL_FLOORS = ("none", "zero")
"""What the best of the other classes scores at least."""


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


@rows.loss
def multi_margin(
    scores: Array, labels: Array, class_weights: Array | None, *, margin: float = 1.0, power: int = 1
) -> Array:
    """Margin loss of many classes, in which every other class that comes too near counts.

    ``loss = w_y Σ_{j≠y} max(m - x_y + x_j, 0)ᵖ / C`` for each row

    Args:
        scores: ``(batch, classes)``; ``x``.
        labels: ``(batch,)``, the class of each row; ``y``.
        class_weights: ``(classes,)``, or None for ones; ``w``.
        margin: by which the class is to be ahead of the others; ``m``.
        power: 1 or 2; ``p``.

    Raises:
        ValueError: shapes that do not fit, labels that are no classes, or another ``power``.

    Source: torch.nn.MultiMarginLoss.
    """
    require(power in (1, 2), f"power must be 1 or 2; got {power}")
    meant, lacking = _behind(scores, labels, margin)
    lacking = np.where(meant | (lacking < 0), 0.0, lacking)
    terms = lacking if power == 1 else np.square(lacking)
    return np.sum(terms, axis=-1) / scores.shape[-1] * _weight_of(labels, class_weights, scores)


@rows.vjp
def multi_margin_vjp(
    scores: Array,
    labels: Array,
    class_weights: Array | None,
    cotangent: Array,
    *,
    margin: float = 1.0,
    power: int = 1,
) -> tuple[Array]:
    """Gradient of `multi_margin`: ``w_y p max(m - x_y + x_j, 0)^(p-1) / C`` of the others.

    That of the class itself is less their sum. Where nothing is lacking, just so, there is none.
    """
    meant, lacking = _behind(scores, labels, margin)
    slope = 1.0 + 0.0 * lacking if power == 1 else 2.0 * lacking
    slope = np.where(meant | (lacking <= 0), 0.0, slope)
    each = cotangent * _weight_of(labels, class_weights, scores) / scores.shape[-1]
    return (each[:, np.newaxis] * np.where(meant, -np.sum(slope, axis=-1, keepdims=True), slope),)


@rows.loss
def multiclass_hinge(
    scores: Array, labels: Array, *, margin: float = 1.0, rival_floor: str = "none"
) -> Array:
    """Hinge loss of many classes, in which only the best of the others counts; of margin 0 the perceptron's.

    ``loss = max(m + max_{j≠y} x_j - x_y, 0)`` for each row

    Args:
        scores: ``(batch, classes)``, of two classes or more; ``x``.
        labels: ``(batch,)``, the class of each row; ``y``.
        margin: by which the class is to be ahead of the best of the others; ``m``.
        rival_floor: with ``zero`` the best of the others scores at least 0.

    Raises:
        ValueError: shapes that do not fit, labels that are no classes, or an unknown ``rival_floor``.

    Source: Crammer and Singer (2001), On the algorithmic implementation of multiclass kernel-based vector
    machines, Journal of Machine Learning Research 2.
    """
    ahead, own = _ahead(scores, labels, margin, rival_floor)
    return np.max(ahead, axis=-1) - own


@rows.vjp
def multiclass_hinge_vjp(
    scores: Array, labels: Array, cotangent: Array, *, margin: float = 1.0, rival_floor: str = "none"
) -> tuple[Array]:
    """Gradient of `multiclass_hinge`: 1 of the best of the others and -1 of the class itself.

    Where nothing is lacking there is none, nor for a rival at the floor. Of equal ones each has its share.
    """
    ahead, _ = _ahead(scores, labels, margin, rival_floor)
    meant = is_label(labels, scores)
    best = np.where(ahead == np.max(ahead, axis=-1, keepdims=True), 1.0, 0.0)
    share = best / np.sum(best, axis=-1, keepdims=True)
    if rival_floor == "zero":
        share = np.where(meant | (scores > 0), share, 0.0 * share)
    return (cotangent[:, np.newaxis] * (share - 1.0 * meant),)


def _behind(scores: Array, labels: Array, margin: float) -> tuple[Array, Array]:
    """Where the class itself stands, and how much each other one lacks in distance from it."""
    meant = is_label(labels, scores)
    own = np.sum(np.where(meant, scores, 0.0), axis=-1, keepdims=True)
    return meant, margin - own + scores


def _ahead(scores: Array, labels: Array, margin: float, rival_floor: str) -> tuple[Array, Array]:
    """Scores to which the others' margin is added, and the score of the class itself."""
    known = ", ".join(RIVAL_FLOORS)
    require(rival_floor in RIVAL_FLOORS, f"rival_floor must be one of {known}; got {rival_floor!r}")
    meant = is_label(labels, scores)
    rivals = np.maximum(scores, 0.0) if rival_floor == "zero" else scores
    own = np.sum(np.where(meant, scores, 0.0), axis=-1)
    return np.where(meant, scores, rivals + margin), own


def _weight_of(labels: Array, class_weights: Array | None, scores: Array) -> Array | float:
    if class_weights is None:
        return 1.0
    require_shape("class_weights", class_weights, scores.shape[-1:], "classes")
    return class_weights[labels]


@rows.loss
def multilabel_margin(scores: Array, labels: Array) -> Array:
    """Margin loss of rows of several classes: each of them is to be ahead of each other class.

    ``loss = Σ_{j in} Σ_{i not in} max(1 - x_j + x_i, 0) / C`` for each row

    Args:
        scores: ``(batch, classes)``; ``x``.
        labels: the shape of ``scores``, 1 where a row is of a class, else 0.

    Raises:
        ValueError: ``labels`` has another shape than ``scores``.

    Source: torch.nn.MultiLabelMarginLoss.
    """
    lacking = _pairs(scores, labels)
    return np.sum(np.where(lacking < 0, 0.0, lacking), axis=(-2, -1)) / scores.shape[-1]


@rows.vjp
def multilabel_margin_vjp(scores: Array, labels: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `multilabel_margin`: ``1 / C`` for each pair that lacks, and -1 of the class of the row.

    Where nothing is lacking, just so, there is none.
    """
    lacking = _pairs(scores, labels)
    slope = np.where(lacking > 0, 1.0, 0.0 * lacking)
    of_scores = np.sum(slope, axis=-2) - np.sum(slope, axis=-1)
    return (cotangent[:, np.newaxis] / scores.shape[-1] * of_scores,)


def _pairs(scores: Array, labels: Array) -> Array:
    """What each class of a row lacks in distance to each other one, and -1 where there is no such pair."""
    require_shape("labels", labels, scores.shape, "as scores")
    apart = (labels[:, :, np.newaxis] == 1) & (labels[:, np.newaxis, :] != 1)
    return np.where(apart, 1.0 - scores[:, :, np.newaxis] + scores[:, np.newaxis, :], -1.0)


@rows.loss
def multilabel_soft_margin(logits: Array, targets: Array, class_weights: Array | None) -> Array:
    """Cross entropy of each class by itself, averaged over the classes.

    ``loss = -Σ_c w_c (t_c log σ(x_c) + (1 - t_c) log σ(-x_c)) / C`` for each row

    Args:
        logits: ``(batch, classes)``, log-odds; ``x``.
        targets: the shape of ``logits``, in [0, 1]; ``t``.
        class_weights: ``(classes,)``, or None for ones; ``w``.

    Raises:
        ValueError: shapes that do not fit.

    Source: torch.nn.MultiLabelSoftMarginLoss.
    """
    weights = _class_weights(logits, targets, class_weights)
    terms = -weights * (targets * log_expit(logits) + (1.0 - targets) * log_expit(-logits))
    return share_out(terms, logits.shape[-1], axis=-1)


@rows.vjp
def multilabel_soft_margin_vjp(
    logits: Array, targets: Array, class_weights: Array | None, cotangent: Array
) -> tuple[Array, Array]:
    """Gradient of `multilabel_soft_margin`: ``w (σ(x) - t) / C``, and of targets ``-w x / C``."""
    weights = _class_weights(logits, targets, class_weights)
    each = cotangent[:, np.newaxis] * weights / logits.shape[-1]
    of_logits = (1.0 - targets) * expit(logits) - targets * expit(-logits)
    return each * of_logits, each * (log_expit(-logits) - log_expit(logits))


def _class_weights(logits: Array, targets: Array, class_weights: Array | None) -> Array | float:
    require_shape("targets", targets, logits.shape, "as logits")
    if class_weights is None:
        return 1.0
    require_shape("class_weights", class_weights, logits.shape[-1:], "classes")
    return class_weights
