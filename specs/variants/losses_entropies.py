"""Faults and controls of the losses of classification beside the cross entropy."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

from ...reference.losses_classification import softmax_over
from ...reference.reductions import elements, reduce, rows
from ...reference.softmax import log_softmax, softmax, sparsemax
from ..language.variant import Control, Fault, each_way
from .losses_classification import MEAN_FOR_SUM, SUM_FOR_MEAN

Array = Any


@elements.vjp
def focal_with_constant_factor(
    logits: Array,
    predictions: Array,
    targets: Array,
    cotangent: Array,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> tuple[Array, None]:
    """Gradient of the cross entropy alone, times the factor."""
    targets = (1.0 - label_smoothing) * targets + label_smoothing / 2.0
    off = targets * expit(-logits) + (1.0 - targets) * expit(logits)
    weight = 1.0 if alpha is None else alpha * targets + (1.0 - alpha) * (1.0 - targets)
    return cotangent * weight * off**gamma * (expit(logits) - targets), None


@elements.loss
def focal_by_logarithms(
    logits: Array,
    predictions: Array,
    targets: Array,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    smoothed_last: bool = False,
) -> Array:
    """``exp(γ log u)``, and each class by itself; or wrong, smoothed in the cross entropy alone."""
    smoothed = targets - label_smoothing * (targets - 0.5) if label_smoothing else targets
    targets = targets if smoothed_last else smoothed
    p, q = (expit(logits), expit(-logits)) if predictions is None else (predictions, 1.0 - predictions)
    held = p if predictions is None else np.clip(p, 1e-7, 1.0 - 1e-7)
    log_p, log_q = (
        (log_expit(logits), log_expit(-logits)) if predictions is None else (np.log(held), np.log(1.0 - held))
    )
    off = p * (1.0 - targets) + q * targets
    focus = np.where(off == 0, 0.0, np.exp(gamma * np.log(np.where(off == 0, 1.0, off))))
    positive, negative = -(focus * smoothed) * log_p, -(focus * (1.0 - smoothed)) * log_q
    if alpha is None:
        return positive + negative
    weight = alpha * targets + (1.0 - alpha) * (1.0 - targets)
    return weight * (positive + negative)


@rows.loss
def categorical_focal_by_parts(
    logits: Array,
    predictions: Array,
    targets: Array,
    class_weights: Array | None,
    *,
    alpha: float = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    normalized: bool = True,
    of_target: bool = False,
) -> Array:
    """The cross entropy of each class, then its weights; or one factor for all of them."""
    p = softmax(logits) if predictions is None else predictions
    p = p / np.sum(p, axis=-1, keepdims=True) if normalized else p
    held = np.minimum(np.maximum(p, 1e-7), np.ones_like(p) - 1e-7)
    shares = (1.0 - label_smoothing) * targets + label_smoothing / p.shape[-1] if label_smoothing else targets
    off = 1.0 - (np.sum(shares * held, axis=-1, keepdims=True) if of_target else held)
    focus = np.sqrt(off) if gamma == 0.5 else off**gamma
    weights = alpha if class_weights is None else class_weights
    return np.sum((weights * -(shares * np.log(held))) * focus, axis=-1)


@rows.loss
def generalized_by_logarithm(predictions: Array, labels: Array, *, q: float = 0.5) -> Array:
    """``(1 - exp(q log p)) / q`` of the class."""
    p = np.sum(np.where(labels[:, np.newaxis] == np.arange(predictions.shape[-1]), predictions, 0.0), axis=-1)
    power = np.where(p == 0, 0.0, np.exp(q * np.log(np.where(p == 0, 1.0, p))))
    return (1.0 - power) / q


@softmax_over.loss
def poly_by_terms(
    logits: Array, targets: Array, *, epsilon: float = 2.0, reduction: str = "mean", whole: bool = True
) -> Array:
    """Each class by itself; or ``ε (1 - Σ t p)``, which is that of targets whose sum is one."""
    p, entropy = softmax(logits), -log_softmax(logits)
    terms = np.where(targets == 0, 0.0, targets * (entropy + epsilon * (1.0 - p) if whole else entropy))
    if whole:
        return reduce(np.sum(terms, axis=-1), reduction)
    return reduce(np.sum(terms, -1) + epsilon * (1.0 - np.sum(targets * p, -1)), reduction)


def sparsemax_loss_by_cases(logits: Array, labels: Array, *, reduction: str = "mean") -> Array:
    """Each of the three pieces, of ``t x``."""
    ahead = np.where(labels == 1, logits, -logits)
    middle = np.clip(0.5 - ahead / 2.0, 0.0, 1.0)
    return reduce(np.where(ahead <= -1.0, -ahead, middle * middle), reduction)


def multiclass_sparsemax_by_entropy(scores: Array, labels: Array, *, reduction: str = "mean") -> Array:
    """The scores from the class on, and the entropy of Gini."""
    meant = labels[:, np.newaxis] == np.arange(scores.shape[-1])
    ahead = scores - np.sum(np.where(meant, scores, 0.0), axis=-1, keepdims=True)
    p = sparsemax(scores)
    return reduce(np.sum(p * ahead, axis=-1) + np.sum(p * (1.0 - p), axis=-1) / 2.0, reduction)


def fenchel_young_from_targets(
    scores: Array, targets: Array, *, max_function: str = "logsumexp", reduction: str = "mean"
) -> Array:
    """Scores less what the targets make of them, so that the best is found among differences."""
    ahead = scores - np.sum(targets * scores, axis=-1, keepdims=True)
    if max_function == "logsumexp":
        top = np.max(ahead, axis=-1, keepdims=True)
        return reduce(top[..., 0] + np.log(np.sum(np.exp(ahead - top), axis=-1)), reduction)
    p = sparsemax(scores)
    return reduce(np.sum(p * (ahead - 0.5 * p), axis=-1), reduction)


def fenchel_young_without_shift(
    scores: Array, targets: Array, *, max_function: str = "logsumexp", reduction: str = "mean"
) -> Array:
    """``log Σ exp(x)`` as it stands."""
    best = np.log(np.sum(np.exp(scores), axis=-1))
    return reduce(best - np.sum(targets * scores, axis=-1), reduction)


def smoothed_towards_even(
    labels: Array, mask: Array | None = None, *, alpha: float = 0.1, axis: int = -1
) -> Array:
    """``t + α (1/n - t)``."""
    count = labels.shape[axis] if mask is None else np.sum(mask * 1.0, axis=axis, keepdims=True)
    return labels + alpha * (1.0 / count - labels)


FAULTS = {
    "fenchel_young_loss": (
        Fault(
            name="no maximum subtracted",
            reference=fenchel_young_without_shift,
            where="max_function == 'logsumexp' and data == 'tails'",
            rounds=True,
        ),
    ),
    "smooth_labels": (
        *each_way(
            Fault(
                name="spread over the other classes alone",
                parameters={"alpha": "alpha * classes / (classes - 1)"},
            )
        ),
    ),
    "poly_cross_entropy": (
        Fault(name="targets of sum one supposed", reference=functools.partial(poly_by_terms, whole=False)),
    ),
    "categorical_focal_cross_entropy": (
        Fault(
            name="rows not divided by their sum",
            reference=functools.partial(categorical_focal_by_parts, normalized=False),
            where="domain != 'logits'",
        ),
        Fault(
            name="one factor, of the probability of the targets",
            reference=functools.partial(categorical_focal_by_parts, of_target=True),
        ),
    ),
    "generalized_cross_entropy": (Fault(name="absolute error", parameters={"q": "1.0"}),),
    "binary_focal_cross_entropy": (
        *SUM_FOR_MEAN,
        *MEAN_FOR_SUM,
        *each_way(Fault(name="classes exchanged", inputs={"targets": lambda targets: 1 - targets})),
        Fault(
            name="factor taken as constant",
            vjp=focal_with_constant_factor,
            where="domain == 'logits'",
        ),
        Fault(
            name="targets smoothed in the cross entropy alone",
            reference=functools.partial(focal_by_logarithms, smoothed_last=True),
            where="label_smoothing > 0",
        ),
    ),
}

CONTROLS = {
    "fenchel_young_loss": (Control(name="from the targets on", reference=fenchel_young_from_targets),),
    "smooth_labels": (Control(name="towards even shares", reference=smoothed_towards_even),),
    "poly_cross_entropy": (Control(name="by terms", reference=poly_by_terms),),
    "sparsemax_loss": (Control(name="case by case", reference=sparsemax_loss_by_cases),),
    "multiclass_sparsemax_loss": (Control(name="by entropy", reference=multiclass_sparsemax_by_entropy),),
    "categorical_focal_cross_entropy": (Control(name="by parts", reference=categorical_focal_by_parts),),
    "generalized_cross_entropy": (Control(name="by the logarithm", reference=generalized_by_logarithm),),
    "binary_focal_cross_entropy": (Control(name="by logarithms", reference=focal_by_logarithms),),
}
