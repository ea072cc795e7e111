"""Losses of classification beside the cross entropy: focal, generalized, polynomial and sparse ones."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from .activations_piecewise import sparse_plus, sparse_plus_vjp
from .checks import Array, require, require_shape
from .distributions import (
    check_classes,
    clip,
    is_label,
    normalized_rows,
    normalized_rows_vjp,
    shares_of_classes,
    towards_half,
)
from .losses_classification import softmax_over
from .reductions import elements, rows
from .softmax import log_softmax, softmax, softmax_vjp, sparsemax

__all__ = [
    "MAX_FUNCTIONS",
    "binary_focal_cross_entropy",
    "binary_focal_cross_entropy_vjp",
    "categorical_focal_cross_entropy",
    "categorical_focal_cross_entropy_vjp",
    "fenchel_young_loss",
    "fenchel_young_loss_vjp",
    "generalized_cross_entropy",
    "generalized_cross_entropy_vjp",
    "multiclass_sparsemax_loss",
    "multiclass_sparsemax_loss_vjp",
    "poly_cross_entropy",
    "poly_cross_entropy_vjp",
    "smooth_labels",
    "smooth_labels_vjp",
    "sparsemax_loss",
    "sparsemax_loss_vjp",
]

MAX_FUNCTIONS = ("logsumexp", "sparsemax")
"""Which convex function a Fenchel–Young loss is of: that of the softmax, or that of the sparsemax."""


@elements.loss
def binary_focal_cross_entropy(
    logits: Array,
    predictions: Array,
    targets: Array,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    epsilon: float = 1e-7,
) -> Array:
    """Focal loss: a cross entropy of elements in which what is well predicted counts less.

    ``lossᵢ = a uᵞ (-s log p - (1 - s) log(1 - p))`` with ``s = (1 - λ) t + λ/2``, how far p is off,
    ``u = s (1 - p) + (1 - s) p``, and ``a = α s + (1 - α) (1 - s)``. Probabilities are held in [ε, 1 - ε]
    under the logarithms.

    Args:
        logits: any shape, log-odds of which p is the sigmoid. Or None where probabilities are given.
        predictions: any shape, in [0, 1]; ``p``. Or None.
        targets: the shape of either, in [0, 1]; ``t``.
        alpha: weight of the positive class, in [0, 1]; None for no weights.
        gamma: at 0 it is the cross entropy, not negative; ``γ``.
        label_smoothing: share by which targets are drawn towards 1/2, in [0, 1]; ``λ``.
        epsilon: ``ε``, for probabilities alone.

    Raises:
        ValueError: shapes that do not fit, both logits and predictions or neither, a negative ``gamma``, or
            ``label_smoothing`` outside [0, 1].

    Source: Lin et al. (2017), Focal loss for dense object detection, arXiv:1708.02002, section 3.
    """
    p, q, log_p, log_q = _odds(logits, predictions, targets, epsilon)
    targets = towards_half(targets, label_smoothing)
    off = targets * q + (1.0 - targets) * p
    require(gamma >= 0, f"gamma must not be negative; got {gamma}")
    return _balance(targets, alpha) * _power(off, gamma) * -(targets * log_p + (1.0 - targets) * log_q)


@elements.vjp
def binary_focal_cross_entropy_vjp(
    logits: Array,
    predictions: Array,
    targets: Array,
    cotangent: Array,
    *,
    alpha: float | None = None,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    epsilon: float = 1e-7,
) -> tuple[Array | None, Array | None]:
    """Gradient of `binary_focal_cross_entropy`: ``a uᵞ (γ u'/u BCE + BCE')``.

    Of probabilities ``BCE' = (1 - s)/(1 - p) - s/p``, none where they are held, and ``u' = 1 - 2 s``. Of
    logits ``BCE' = p - s``, and ``u' = (1 - 2 s) p (1 - p)``. Targets are taken as constant.
    """
    p, q, log_p, log_q = _odds(logits, predictions, targets, epsilon)
    targets = towards_half(targets, label_smoothing)
    off = targets * q + (1.0 - targets) * p
    entropy = -(targets * log_p + (1.0 - targets) * log_q)
    weight = cotangent * _balance(targets, alpha)
    moved = gamma * _power(off, gamma - 1.0) * (1.0 - 2.0 * targets) * entropy
    if predictions is None:
        away = (1.0 - targets) * p - targets * q
        return weight * (moved * (p * q)) + weight * (_power(off, gamma) * away), None
    held = clip(predictions, epsilon)
    free = (predictions >= epsilon) & (predictions <= 1.0 - epsilon)
    slope = np.where(free, (1.0 - targets) / (1.0 - held) - targets / held, 0.0)
    return None, weight * moved + weight * (_power(off, gamma) * slope)


def _odds(
    logits: Array, predictions: Array, targets: Array, epsilon: float
) -> tuple[Array, Array, Array, Array]:
    """``p`` and ``1 - p``, and their logarithms."""
    require((logits is None) != (predictions is None), "give either logits or predictions")
    given = logits if predictions is None else predictions
    require_shape("targets", targets, given.shape, "as the predictions")
    if predictions is None:
        return expit(logits), expit(-logits), log_expit(logits), log_expit(-logits)
    held = clip(predictions, epsilon)
    return predictions, 1.0 - predictions, np.log(held), np.log(1.0 - held)


def _power(x: Array, exponent: float) -> Array:
    """``xᵉ``, by the functions that libraries have for some exponents: these round less than any power."""
    if exponent in (1.0, 2.0):
        return x if exponent == 1 else np.square(x)
    if exponent in (-0.5, 0.5):
        return np.sqrt(x) if exponent > 0 else 1.0 / np.sqrt(x)
    return np.power(x, exponent)


def _balance(targets: Array, alpha: float | None) -> Array | float:
    return 1.0 if alpha is None else alpha * targets + (1.0 - alpha) * (1.0 - targets)


@rows.loss
def categorical_focal_cross_entropy(
    logits: Array,
    predictions: Array,
    targets: Array,
    class_weights: Array | None,
    *,
    alpha: float = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    epsilon: float = 1e-7,
) -> Array:
    """Focal loss of distributions over classes, in which what is well predicted counts less.

    ``loss = -Σ_c α_c (1 - p_c)ᵞ s_c log p_c`` with ``s = (1 - λ) t + λ/C`` for each row, where p are the
    probabilities divided by their sum and then held in [ε, 1 - ε]

    Args:
        logits: ``(batch, classes)``, of which the probabilities are the softmax. Or None.
        predictions: ``(batch, classes)``, probabilities of any sum. Or None.
        targets: the shape of either, not negative; ``t``.
        class_weights: ``(classes,)``, ``α`` for each class; None for ``alpha``.
        alpha: ``α`` of all classes.
        gamma: at 0 it is the cross entropy, not negative; ``γ``.
        label_smoothing: ``λ``, in [0, 1].
        epsilon: ``ε``.

    Raises:
        ValueError: shapes that do not fit, both logits and predictions or neither, or ``label_smoothing``
            outside [0, 1].

    Source: Lin et al. (2017), Focal loss for dense object detection, arXiv:1708.02002, section 3.
    """
    _, p, shares = _focal(logits, predictions, targets, class_weights, label_smoothing)
    held = clip(p, epsilon)
    weights = alpha if class_weights is None else class_weights
    return -np.sum(weights * _power(1.0 - held, gamma) * (shares * np.log(held)), axis=-1)


@rows.vjp
def categorical_focal_cross_entropy_vjp(
    logits: Array,
    predictions: Array,
    targets: Array,
    class_weights: Array | None,
    cotangent: Array,
    *,
    alpha: float = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
    epsilon: float = 1e-7,
) -> tuple[Array | None, Array | None, Array]:
    """Gradient of `categorical_focal_cross_entropy`: ``α s (γ (1 - p)^(γ-1) log p - (1 - p)ᵞ / p)``.

    There is none where p is held. It goes back through the division by the sum, and through the softmax.
    Of the targets it is ``-(1 - λ) α (1 - p)ᵞ log p``.
    """
    given, p, shares = _focal(logits, predictions, targets, class_weights, label_smoothing)
    held = clip(p, epsilon)
    each = cotangent[:, np.newaxis] * (alpha if class_weights is None else class_weights)
    focus, moved = _power(1.0 - held, gamma), gamma * _power(1.0 - held, gamma - 1.0)
    free = (p >= epsilon) & (p <= 1.0 - epsilon)
    slope = np.where(free, each * shares * (moved * np.log(held) - focus / held), 0.0)
    of_given = normalized_rows_vjp(slope, p, np.sum(given, axis=-1, keepdims=True))
    of_targets = (label_smoothing - 1.0) * each * (focus * np.log(held))
    if predictions is None:
        return softmax_vjp(logits, of_given)[0], None, of_targets
    return None, of_given, of_targets


def _focal(
    logits: Array, predictions: Array, targets: Array, class_weights: Array | None, label_smoothing: float
) -> tuple[Array, Array, Array]:
    """Probabilities as they are given, divided by their sum, and the smoothed targets."""
    require((logits is None) != (predictions is None), "give either logits or predictions")
    given = softmax(logits) if predictions is None else predictions
    check_classes(given, class_weights, label_smoothing)
    return given, normalized_rows(given), shares_of_classes(given, targets, None, label_smoothing)


@rows.loss
def generalized_cross_entropy(predictions: Array, labels: Array, *, q: float = 0.5) -> Array:
    """Between the cross entropy, to which it tends for small q, and the absolute error, which it is for 1.

    ``loss = (1 - p_y^q) / q`` for each row

    Args:
        predictions: ``(batch, classes)``, probabilities; ``p``.
        labels: ``(batch,)``, the class of each row; ``y``.
        q: above 0, up to 1.

    Raises:
        ValueError: shapes that do not fit, labels that are no classes, or ``q`` out of range.

    Source: Zhang and Sabuncu (2018), Generalized cross entropy loss for training deep neural networks with
    noisy labels, arXiv:1805.07836.
    """
    return (1.0 - _power(_of_label(predictions, labels, q)[1], q)) / q


@rows.vjp
def generalized_cross_entropy_vjp(
    predictions: Array, labels: Array, cotangent: Array, *, q: float = 0.5
) -> tuple[Array]:
    """Gradient of `generalized_cross_entropy`: ``-p_y^(q-1)`` of the class, infinite at 0."""
    meant, p = _of_label(predictions, labels, q)
    slope = (-cotangent * _power(p, q - 1.0))[:, np.newaxis]
    return (np.where(meant, slope, 0.0),)


def _of_label(predictions: Array, labels: Array, q: float) -> tuple[Array, Array]:
    """Which class is meant, and its probability."""
    require(0 < q <= 1, f"q must be in (0, 1]; got {q}")
    meant = is_label(labels, predictions)
    return meant, np.sum(np.where(meant, predictions, 0.0), axis=-1)


@rows.loss
@softmax_over.loss
def poly_cross_entropy(logits: Array, targets: Array, *, epsilon: float = 2.0) -> Array:
    """Cross entropy whose first polynomial term has another coefficient.

    ``loss = Σ_c t_c (-log p_c + ε (1 - p_c))`` for each row, with p the softmax

    Args:
        logits: ``(batch, classes)``.
        targets: the shape of ``logits``, shares of the classes; ``t``.
        epsilon: what is added to the coefficient, which is 1; ``ε``.

    Raises:
        ValueError: ``targets`` has another shape than ``logits``.

    Source: Leng et al. (2022), PolyLoss: a polynomial expansion perspective of classification loss functions,
    arXiv:2204.12511.
    """
    require_shape("targets", targets, logits.shape, "as logits")
    log_p, p = (np.where(targets == 0, 0.0, x) for x in (log_softmax(logits), softmax(logits)))
    return -np.sum(targets * log_p, axis=-1) + epsilon * np.sum(targets * (1.0 - p), axis=-1)


@rows.vjp
@softmax_over.vjp
def poly_cross_entropy_vjp(
    logits: Array, targets: Array, cotangent: Array, *, epsilon: float = 2.0
) -> tuple[Array, Array]:
    """Gradient of `poly_cross_entropy`: ``p Σ t - t - ε p (t - Σ t p)``, and ``ε (1 - p) - log p``."""
    require_shape("targets", targets, logits.shape, "as logits")
    each, p = cotangent[:, np.newaxis], softmax(logits)
    (away,) = softmax_vjp(logits, targets)
    of_logits = p * np.sum(targets, axis=-1, keepdims=True) - targets - epsilon * away
    return each * of_logits, each * (epsilon * (1.0 - p) - log_softmax(logits))


@elements.loss
def sparsemax_loss(logits: Array, labels: Array) -> Array:
    """Loss of two classes whose prediction is a sparse sigmoid: 0 where that is the label.

    ``lossᵢ = sparse_plus(-tᵢ xᵢ)`` with ``t = 2 y - 1``

    Args:
        logits: any shape; ``x``.
        labels: the shape of ``logits``, 0 or 1; ``y``.

    Raises:
        ValueError: ``labels`` has another shape than ``logits``.

    Source: Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068.
    """
    require_shape("labels", labels, logits.shape, "as logits")
    return sparse_plus((1.0 - 2.0 * labels) * logits)


@elements.vjp
def sparsemax_loss_vjp(logits: Array, labels: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `sparsemax_loss`: ``-t (1 - t x) / 2``, the bracket held in [0, 2]."""
    require_shape("labels", labels, logits.shape, "as logits")
    signs = 1.0 - 2.0 * labels
    return (signs * sparse_plus_vjp(signs * logits, cotangent)[0],)


@rows.loss
def multiclass_sparsemax_loss(scores: Array, labels: Array) -> Array:
    """Loss whose gradient is the sparsemax of the scores less the class.

    ``loss = Σ_c p_c (x_c - x_y) + (1 - Σ_c p_c²) / 2`` for each row, with p the sparsemax

    Args:
        scores: ``(batch, classes)``; ``x``.
        labels: ``(batch,)``, the class of each row; ``y``.

    Raises:
        ValueError: shapes that do not fit, or labels that are no classes.

    Source: Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068.
    """
    own = np.sum(np.where(is_label(labels, scores), scores, 0.0), axis=-1, keepdims=True)
    p = sparsemax(scores)
    return np.sum(p * (scores - own), axis=-1) + 0.5 * (1.0 - np.sum(np.square(p), axis=-1))


@rows.vjp
def multiclass_sparsemax_loss_vjp(scores: Array, labels: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `multiclass_sparsemax_loss`: ``p``, and of the class less the others' sum."""
    meant, p = is_label(labels, scores), sparsemax(scores)
    others = np.where(meant, 0.0 * p, p)
    return (cotangent[:, np.newaxis] * np.where(meant, -np.sum(others, axis=-1, keepdims=True), others),)


@rows.loss
def fenchel_young_loss(scores: Array, targets: Array, *, max_function: str = "logsumexp") -> Array:
    """Fenchel–Young loss, less the entropy of the targets: how far these stay behind the best distribution.

    ``loss = Ω*(x) - ⟨x, t⟩`` for each row, with ``Ω*(x) = log Σ exp(x)``, or ``max_p ⟨x, p⟩ - ‖p‖²/2``

    Args:
        scores: ``(batch, classes)``; ``x``.
        targets: the shape of ``scores``; ``t``.
        max_function: ``Ω*``, by the name of the one or of the distribution that the other is greatest at.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``max_function``.

    Source: Blondel, Martins and Niculae (2020), Learning with Fenchel–Young losses, arXiv:1901.02324,
    definition 2 (there with the entropy of the targets).
    """
    _check_max_function(scores, targets, max_function)
    if max_function == "logsumexp":
        best = _log_sum_exp(scores)
    else:
        p = sparsemax(scores)
        best = np.sum(p * scores, axis=-1) - 0.5 * np.sum(np.square(p), axis=-1)
    return best - np.sum(targets * scores, axis=-1)


@rows.vjp
def fenchel_young_loss_vjp(
    scores: Array, targets: Array, cotangent: Array, *, max_function: str = "logsumexp"
) -> tuple[Array, Array]:
    """Gradient of `fenchel_young_loss`: the softmax or sparsemax less ``t``, and ``-x``."""
    _check_max_function(scores, targets, max_function)
    if max_function == "logsumexp":
        # From what the loss itself needs.
        p = np.exp(scores - _log_sum_exp(scores)[..., np.newaxis])
    else:
        p = sparsemax(scores)
    each = cotangent[:, np.newaxis]
    return each * p - each * targets, -(each * scores)


def _log_sum_exp(scores: Array) -> Array:
    top = np.max(scores, axis=-1, keepdims=True)
    return np.log(np.sum(np.exp(scores - top), axis=-1)) + top[..., 0]


def _check_max_function(scores: Array, targets: Array, max_function: str) -> None:
    require_shape("targets", targets, scores.shape, "as scores")
    known = ", ".join(MAX_FUNCTIONS)
    require(max_function in MAX_FUNCTIONS, f"max_function must be one of {known}; got {max_function!r}")


def smooth_labels(labels: Array, mask: Array | None = None, *, alpha: float = 0.1, axis: int = -1) -> Array:
    """Labels that are mixed with the uniform distribution.

    ``(1 - α) t + α / n``

    Args:
        labels: ``(batch, classes)``; ``t``.
        mask: the shape of ``labels``, which classes there are; ``n`` is their number. None for all.
        alpha: ``α``, in [0, 1].
        axis: the axis of the classes.

    Raises:
        ValueError: ``mask`` has another shape than ``labels``.

    Source: Müller, Kornblith and Hinton (2019), When does label smoothing help?, arXiv:1906.02629, section 1.
    """
    count: Array = labels.shape[axis]
    if mask is not None:
        require_shape("mask", mask, labels.shape, "as labels")
        count = np.sum(mask * 1.0, axis=axis, keepdims=True)
    # The share is rounded, as any quotient is.
    return (1.0 - alpha) * labels + np.full_like(labels, alpha) / count


def smooth_labels_vjp(
    labels: Array, mask: Array | None, cotangent: Array, *, alpha: float = 0.1
) -> tuple[Array]:
    """Gradient of `smooth_labels`: ``1 - α``."""
    return ((1.0 - alpha) * cotangent,)
