"""Losses of classification: likelihoods, from logits.

All of them have the classes or features as their last axis.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from .checks import Array, require, require_shape
from .distributions import (
    check_classes,
    shares_of_classes,
    towards_half,
)
from .reductions import LeftOut, elements, reduce, rows, share_out, spread
from .softmax import log_softmax

__all__ = [
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_vjp",
    "softmax_cross_entropy",
    "softmax_cross_entropy_vjp",
    "softmax_over",
    "sparse_softmax_cross_entropy",
    "sparse_softmax_cross_entropy_vjp",
]

MEANS = ("mean", "mean_rows", "mean_batch")
"""Means over rows of which some are ignored."""

softmax_over = LeftOut({"logits": -np.inf}, {"targets": 0.0})
"""Classes that a softmax leaves out."""


@rows.loss
@softmax_over.loss
def softmax_cross_entropy(
    logits: Array,
    targets: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    zero_target: str = "zero",
) -> Array:
    """Cross entropy of the softmax of logits against distributions over the classes.

    ``loss = -Σ_c w_c s_c log_softmax(x)_c`` with ``s = (1 - ε) t + ε/C`` for each row

    Args:
        logits: ``(…, classes)``; ``x``.
        targets: the shape of ``logits``, not negative; ``t``. A row need not sum to one.
        class_weights: ``(classes,)``, or None for ones; ``w``.
        label_smoothing: ``ε``, in [0, 1].
        zero_target: where ``s`` is 0 the term is ``zero``, by the convention 0 log 0 = 0, or with ``nan``
            the product, which is NaN at a logit of -inf.

    Raises:
        ValueError: shapes that do not fit, or ``label_smoothing`` outside [0, 1].

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 6.2.2.3; Szegedy et al. (2015),
    arXiv:1512.00567, section 7, for label smoothing.
    """
    shares = shares_of_classes(logits, targets, class_weights, label_smoothing)
    log_p = log_softmax(logits)
    if zero_target == "zero":
        log_p = np.where(shares == 0, 0.0, log_p)
    return -np.sum(shares * log_p, axis=-1)


@rows.vjp
@softmax_over.vjp
def softmax_cross_entropy_vjp(
    logits: Array,
    targets: Array,
    class_weights: Array | None,
    cotangent: Array,
    *,
    label_smoothing: float = 0.0,
    gradient: str = "exact",
) -> tuple[Array, Array]:
    """Gradient of `softmax_cross_entropy`: ``p Σ w s - w s``, and ``-(1 - ε) w log p`` for the targets.

    Here ``p = exp(log p)``, from what the loss itself needs. With ``gradient="unit_sum"`` it is ``p - w s``,
    which supposes that each row of ``w s`` sums to one; so with ``constant``, where none is asked of targets.
    """
    shares = shares_of_classes(logits, targets, class_weights, label_smoothing)
    each = cotangent[..., np.newaxis]
    total = np.sum(shares, axis=-1, keepdims=True) if gradient == "exact" else 1.0
    weights = np.ones(logits.shape[-1]) if class_weights is None else class_weights
    return (
        each * (np.exp(log_softmax(logits)) * total - shares),
        each * ((label_smoothing - 1.0) * weights) * log_softmax(logits),
    )


def sparse_softmax_cross_entropy(
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignored: int | None = None,
    reduction: str = "mean",
    empty: str = "nan",
    out_of_range: str = "error",
) -> Array:
    """Cross entropy of the softmax of logits against one class for each row.

    ``loss = -(1 - ε) w_y log_softmax(x)_y - ε/C Σ_c w_c log_softmax(x)_c`` for each row, then reduced

    Args:
        logits: ``(…, classes)``; ``x``.
        labels: ``(…)``, integers in [0, classes); ``y``.
        class_weights: ``(classes,)``, or None for ones; ``w``.
        label_smoothing: ``ε``, in [0, 1].
        ignored: rows with this label have loss 0 and no gradient, whatever their logits are.
        reduction: ``sum``, ``none``, or the sum divided by the weights of the labels that are not ignored
            (``mean``), by the number of such rows (``mean_rows``), or by that of all rows (``mean_batch``).
        empty: the mean where every row is ignored: ``nan`` or ``zero``.
        out_of_range: for a label outside [0, classes) raise an ``error``, or give ``nan`` (for the gradient
            too) or ``zero``.

    Returns:
        A scalar; for ``none`` the shape of ``labels``.

    Raises:
        ValueError: shapes that do not fit, ``label_smoothing`` outside [0, 1], or a label out of range.

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 6.2.2.3; Szegedy et al. (2015),
    arXiv:1512.00567, section 7, for label smoothing.
    """
    require_shape("labels", labels, logits.shape[:-1], "as logits, without the classes")
    check_classes(logits, class_weights, label_smoothing)
    known = _known(logits, labels, ignored, out_of_range)
    log_p, weights, label = log_softmax(logits), _weights(logits, class_weights), np.where(known, labels, 0)
    of_label = np.take_along_axis(log_p, label[..., np.newaxis], axis=-1)[..., 0]
    losses = -np.take(weights, label) * of_label
    if label_smoothing:
        of_all = np.sum(weights * log_p, axis=-1)
        losses = (1.0 - label_smoothing) * losses - label_smoothing / logits.shape[-1] * of_all
    losses = np.where(known, losses, np.nan if out_of_range == "nan" else 0.0)
    counted = labels != ignored
    losses = np.where(counted, losses, 0.0)
    if reduction not in MEANS:
        return reduce(losses, reduction)
    if reduction != "mean_batch" and not counted.any():
        return np.sum(losses) if empty == "zero" else np.sum(losses) + np.nan
    return share_out(losses, _denominator(weights, label, counted, reduction))


def sparse_softmax_cross_entropy_vjp(
    logits: Array,
    labels: Array,
    class_weights: Array | None,
    cotangent: Array,
    *,
    label_smoothing: float = 0.0,
    ignored: int | None = None,
    reduction: str = "mean",
    out_of_range: str = "error",
) -> tuple[Array]:
    """Gradient of `sparse_softmax_cross_entropy`: ``p Σ w s - w s`` with ``s = (1 - ε) onehot(y) + ε/C``.

    Here ``p = exp(log p)``, from what the loss itself needs. Ignored rows have none, nor has a mean over no
    rows.
    """
    p = np.exp(log_softmax(logits))
    known = _known(logits, labels, ignored, out_of_range)
    weights, counted, label = _weights(logits, class_weights), labels != ignored, np.where(known, labels, 0)
    if reduction not in MEANS:
        each = spread(cotangent, labels.shape, reduction)
    elif counted.any():
        each = np.broadcast_to(cotangent / _denominator(weights, label, counted, reduction), labels.shape)
    else:
        each = np.zeros(labels.shape)
    classes = logits.shape[-1]
    hit = (label[..., np.newaxis] == np.arange(classes)) * 1.0
    gradient = np.take(weights, label)[..., np.newaxis] * (p - hit)
    if label_smoothing:
        of_all = p * np.sum(weights) - weights
        gradient = (1.0 - label_smoothing) * gradient + label_smoothing / classes * of_all
    gradient = np.where(
        known[..., np.newaxis], each[..., np.newaxis] * gradient, np.nan if out_of_range == "nan" else 0.0
    )
    return (np.where(counted[..., np.newaxis], gradient, 0.0),)


def _weights(logits: Array, class_weights: Array | None) -> Array:
    return np.ones(logits.shape[-1]) if class_weights is None else class_weights


def _known(logits: Array, labels: Array, ignored: int | None, out_of_range: str) -> Array:
    """Which labels are classes; an ignored label need not be one."""
    classes = logits.shape[-1]
    known = (labels >= 0) & (labels < classes)
    require(
        out_of_range != "error" or np.all(known | (labels == ignored)),
        f"labels must be in [0, {classes}), or ignored; got {labels[~known][:1]}",
    )
    return known


def _denominator(weights: Array, label: Array, counted: Array, mean: str) -> Array:
    if mean == "mean":
        return np.sum(np.where(counted, np.take(weights, label), 0.0))
    return float(np.sum(counted) if mean == "mean_rows" else counted.size)


@elements.loss
def sigmoid_cross_entropy(
    logits: Array,
    targets: Array,
    positive_weight: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    zero_target: str = "zero",
) -> Array:
    """Cross entropy of the logistic function of logits against probabilities, element by element.

    ``loss = -w s log σ(x) - (1 - s) log σ(-x)`` with ``s = (1 - ε) t + ε/2``

    No term cancels another, so small losses keep their relative accuracy.

    Args:
        logits: ``(…, features)``; ``x``.
        targets: the shape of ``logits``, in [0, 1]; ``t``.
        positive_weight: ``(features,)``, the weight of the positive term, or None for ones; ``w``.
        label_smoothing: ``ε``, in [0, 1].
        zero_target: where ``s`` or ``1 - s`` is 0 its term is ``zero``, or with ``nan`` the product, which is
            NaN at an infinite logit.

    Raises:
        ValueError: shapes that do not fit, or ``label_smoothing`` outside [0, 1].

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 6.2.2.2.
    """
    weight, shares = _positive(logits, targets, positive_weight, label_smoothing)
    positive, negative = weight * shares * log_expit(logits), (1.0 - shares) * log_expit(-logits)
    if zero_target == "zero":
        positive, negative = np.where(shares == 0, 0.0, positive), np.where(shares == 1, 0.0, negative)
    return -positive - negative


@elements.vjp
def sigmoid_cross_entropy_vjp(
    logits: Array,
    targets: Array,
    positive_weight: Array | None,
    cotangent: Array,
    *,
    label_smoothing: float = 0.0,
) -> tuple[Array, Array]:
    """Gradient of `sigmoid_cross_entropy`: ``(1 - s + w s) σ(x) - w s``.

    For the targets it is ``(1 - ε) (log σ(-x) - w log σ(x))``.
    """
    weight, shares = _positive(logits, targets, positive_weight, label_smoothing)
    total = 1.0 if positive_weight is None else 1.0 - shares + weight * shares
    of_logits = total * expit(logits) - weight * shares
    of_targets = log_expit(-logits) - weight * log_expit(logits)
    return cotangent * of_logits, cotangent * ((1.0 - label_smoothing) * of_targets)


def _positive(
    logits: Array, targets: Array, positive_weight: Array | None, label_smoothing: float
) -> tuple[Array, Array]:
    """The weight of the positive term, and the smoothed targets."""
    require_shape("targets", targets, logits.shape, "as logits")
    if positive_weight is not None:
        require_shape("positive_weight", positive_weight, logits.shape[-1:], "features")
    weight = 1.0 if positive_weight is None else positive_weight
    return weight, towards_half(targets, label_smoothing)
