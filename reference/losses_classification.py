"""Losses of classification: likelihoods and divergences, from logits wherever they exist.

All of them have the classes or features as their last axis.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit, xlogy

from .activations import log_softmax
from .checks import Array, require, require_shape
from .distributions import (
    check_classes,
    clip,
    normalized_rows,
    normalized_rows_vjp,
    one_more_than_difference,
    shares_of_classes,
)
from .reductions import reduce, share_out, spread

__all__ = [
    "GUARDS",
    "NORMALIZED",
    "TERM_REDUCTIONS",
    "binary_cross_entropy",
    "binary_cross_entropy_vjp",
    "categorical_cross_entropy",
    "categorical_cross_entropy_vjp",
    "kl_divergence",
    "kl_divergence_probabilities",
    "kl_divergence_probabilities_vjp",
    "kl_divergence_vjp",
    "kl_divergence_with_log_targets",
    "kl_divergence_with_log_targets_vjp",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_vjp",
    "softmax_cross_entropy",
    "softmax_cross_entropy_vjp",
    "sparse_softmax_cross_entropy",
    "sparse_softmax_cross_entropy_vjp",
]

TERM_REDUCTIONS = ("batchmean", "rows", "elements", "mean", "sum")
"""How the terms of a divergence may be reduced."""

NORMALIZED = ("none", "before", "after")
"""Whether probabilities are divided by their sum, and on which side of the clipping."""

GUARDS = ("none", "clip", "add", "log")
"""What keeps the logarithm of a probability finite."""

MEANS = ("mean", "mean_rows", "mean_batch")
"""Means over rows of which some are ignored."""


def softmax_cross_entropy(
    logits: Array,
    targets: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    zero_target: str = "zero",
) -> Array:
    """Cross entropy of the softmax of logits against distributions over the classes.

    ``loss = -Σ_c w_c s_c log_softmax(x)_c`` with ``s = (1 - ε) t + ε/C`` for each row, then reduced

    Args:
        logits: ``(…, classes)``; ``x``.
        targets: the shape of ``logits``, not negative; ``t``. A row need not sum to one.
        class_weights: ``(classes,)``, or None for ones; ``w``.
        label_smoothing: ``ε``, in [0, 1].
        reduction: ``mean`` over all rows, ``sum``, or ``none``.
        zero_target: where ``s`` is 0 the term is ``zero``, by the convention 0 log 0 = 0, or with ``nan``
            the product, which is NaN at a logit of -inf.

    Returns:
        A scalar; for ``none`` the shape of ``logits`` without its last axis.

    Raises:
        ValueError: shapes that do not fit, or ``label_smoothing`` outside [0, 1].

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 6.2.2.3; Szegedy et al. (2015),
    arXiv:1512.00567, section 7, for label smoothing.
    """
    shares = shares_of_classes(logits, targets, class_weights, label_smoothing)
    terms = shares * log_softmax(logits)
    if zero_target == "zero":
        terms = np.where(shares == 0, 0.0, terms)
    return reduce(-np.sum(terms, axis=-1), reduction)


def softmax_cross_entropy_vjp(
    logits: Array,
    targets: Array,
    class_weights: Array | None,
    cotangent: Array,
    *,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    gradient: str = "exact",
) -> tuple[Array, Array]:
    """Gradient of `softmax_cross_entropy`: ``p Σ w s - w s``, and ``-(1 - ε) w log p`` for the targets.

    Here ``p = exp(log p)``, from what the loss itself needs. With ``gradient="unit_sum"`` it is ``p - w s``,
    which supposes that each row of ``w s`` sums to one.
    """
    shares = shares_of_classes(logits, targets, class_weights, label_smoothing)
    rows = spread(cotangent, logits.shape[:-1], reduction)[..., np.newaxis]
    total = np.sum(shares, axis=-1, keepdims=True) if gradient == "exact" else 1.0
    weights = np.ones(logits.shape[-1]) if class_weights is None else class_weights
    return (
        rows * (np.exp(log_softmax(logits)) * total - shares),
        rows * ((label_smoothing - 1.0) * weights) * log_softmax(logits),
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
        rows = spread(cotangent, labels.shape, reduction)
    elif counted.any():
        rows = np.broadcast_to(cotangent / _denominator(weights, label, counted, reduction), labels.shape)
    else:
        rows = np.zeros(labels.shape)
    classes = logits.shape[-1]
    hit = (label[..., np.newaxis] == np.arange(classes)) * 1.0
    gradient = np.take(weights, label)[..., np.newaxis] * (p - hit)
    if label_smoothing:
        of_all = p * np.sum(weights) - weights
        gradient = (1.0 - label_smoothing) * gradient + label_smoothing / classes * of_all
    gradient = np.where(
        known[..., np.newaxis], rows[..., np.newaxis] * gradient, np.nan if out_of_range == "nan" else 0.0
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


def sigmoid_cross_entropy(
    logits: Array,
    targets: Array,
    positive_weight: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    row_mean: bool = False,
    zero_target: str = "zero",
) -> Array:
    """Cross entropy of the logistic function of logits against probabilities, element by element.

    ``loss = -w s log σ(x) - (1 - s) log σ(-x)`` with ``s = (1 - ε) t + ε/2``, then reduced

    No term cancels another, so small losses keep their relative accuracy.

    Args:
        logits: ``(…, features)``; ``x``.
        targets: the shape of ``logits``, in [0, 1]; ``t``.
        positive_weight: ``(features,)``, the weight of the positive term, or None for ones; ``w``.
        label_smoothing: ``ε``, in [0, 1].
        reduction: ``mean``, ``sum``, or ``none``.
        row_mean: whether the last axis is averaged before the reduction.
        zero_target: where ``s`` or ``1 - s`` is 0 its term is ``zero``, or with ``nan`` the product, which is
            NaN at an infinite logit.

    Returns:
        A scalar; for ``none`` the shape of ``logits``, with ``row_mean`` without its last axis.

    Raises:
        ValueError: shapes that do not fit, or ``label_smoothing`` outside [0, 1].

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 6.2.2.2.
    """
    weight, shares = _positive(logits, targets, positive_weight, label_smoothing)
    positive, negative = weight * shares * log_expit(logits), (1.0 - shares) * log_expit(-logits)
    if zero_target == "zero":
        positive, negative = np.where(shares == 0, 0.0, positive), np.where(shares == 1, 0.0, negative)
    losses = -positive - negative
    return reduce(losses, reduction, row_mean=row_mean)


def sigmoid_cross_entropy_vjp(
    logits: Array,
    targets: Array,
    positive_weight: Array | None,
    cotangent: Array,
    *,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> tuple[Array, Array]:
    """Gradient of `sigmoid_cross_entropy`: ``(1 - s + w s) σ(x) - w s``.

    For the targets it is ``(1 - ε) (log σ(-x) - w log σ(x))``.
    """
    weight, shares = _positive(logits, targets, positive_weight, label_smoothing)
    elements = spread(cotangent, logits.shape, reduction, row_mean=row_mean)
    total = 1.0 if positive_weight is None else 1.0 - shares + weight * shares
    of_logits = total * expit(logits) - weight * shares
    of_targets = log_expit(-logits) - weight * log_expit(logits)
    return elements * of_logits, elements * ((1.0 - label_smoothing) * of_targets)


def _positive(
    logits: Array, targets: Array, positive_weight: Array | None, label_smoothing: float
) -> tuple[Array, Array]:
    """The weight of the positive term, and the smoothed targets."""
    require_shape("targets", targets, logits.shape, "as logits")
    require(0 <= label_smoothing <= 1, f"label_smoothing must be in [0, 1]; got {label_smoothing}")
    if positive_weight is not None:
        require_shape("positive_weight", positive_weight, logits.shape[-1:], "features")
    if label_smoothing:
        targets = (1.0 - label_smoothing) * targets + 0.5 * label_smoothing
    return (1.0 if positive_weight is None else positive_weight), targets


def kl_divergence(
    targets: Array, log_predictions: Array, *, reduction: str = "batchmean", zero_target: str = "zero"
) -> Array:
    """Kullback–Leibler divergence of log-probabilities from target probabilities.

    ``KL(p‖q) = Σ_c p_c (log p_c - log q_c)`` for each row, then reduced

    Args:
        targets: ``(…, classes)``, not negative; ``p``.
        log_predictions: the shape of ``targets``; ``log q``, not necessarily normalised.
        reduction: ``batchmean`` over the rows, ``sum``, ``rows`` for one value each, ``elements`` for the
            terms, or ``mean`` over the terms.
        zero_target: where ``p`` is 0 the term is ``zero``, by the convention 0 log 0 = 0, or with ``nan``
            the product ``p log q``, which is NaN where ``log q`` is -inf.

    Returns:
        A scalar; for ``rows`` the shape of ``targets`` without its last axis, for ``elements`` all of it.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Source: Kullback and Leibler (1951), On information and sufficiency, section 2.
    """
    require_shape("log_predictions", log_predictions, targets.shape, "as targets")
    terms = xlogy(targets, targets) - targets * log_predictions
    if zero_target == "zero":
        terms = np.where(targets == 0, 0.0, terms)
    return _reduce_terms(terms, reduction)


def kl_divergence_vjp(
    targets: Array,
    log_predictions: Array,
    cotangent: Array,
    *,
    reduction: str = "batchmean",
    zero_gradient: str = "infinite",
) -> tuple[Array, Array]:
    """Gradient of `kl_divergence`: ``log p + 1 - log q`` for the targets, ``-p`` for the log-predictions.

    For a target of 0 the former is ``infinite``, or with ``zero_gradient`` ``zero`` or ``nan``.
    """
    terms = _spread_terms(cotangent, targets.shape, reduction)
    of_targets = one_more_than_difference(terms, np.log(targets), log_predictions)
    if zero_gradient != "infinite":
        of_targets = np.where(targets == 0, 0.0 if zero_gradient == "zero" else np.nan, of_targets)
    return of_targets, -(terms * targets)


def kl_divergence_with_log_targets(
    log_targets: Array, log_predictions: Array, *, reduction: str = "batchmean"
) -> Array:
    """Kullback–Leibler divergence of log-probabilities from target log-probabilities.

    ``KL(p‖q) = Σ_c exp(log p_c) (log p_c - log q_c)`` for each row, then reduced

    Args:
        log_targets: ``(…, classes)``; ``log p``, not necessarily normalised.
        log_predictions: the shape of ``log_targets``; ``log q``, not necessarily normalised.
        reduction: as for `kl_divergence`.

    Returns:
        A scalar; for ``rows`` the shape of the inputs without its last axis, for ``elements`` all of it.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Source: Kullback and Leibler (1951), On information and sufficiency, section 2.
    """
    require_shape("log_predictions", log_predictions, log_targets.shape, "as log_targets")
    return _reduce_terms(np.exp(log_targets) * (log_targets - log_predictions), reduction)


def kl_divergence_with_log_targets_vjp(
    log_targets: Array, log_predictions: Array, cotangent: Array, *, reduction: str = "batchmean"
) -> tuple[Array, Array]:
    """Gradient of `kl_divergence_with_log_targets`: ``p (log p - log q + 1)`` and ``-p``."""
    terms = _spread_terms(cotangent, log_targets.shape, reduction)
    targets = np.exp(log_targets)
    shares = terms * targets
    return one_more_than_difference(shares, log_targets, log_predictions), -shares


def kl_divergence_probabilities(
    targets: Array, predictions: Array, *, epsilon: float = 0.0, reduction: str = "batchmean"
) -> Array:
    """Kullback–Leibler divergence of probabilities from target probabilities.

    ``KL(p‖q) = Σ_c p_c (log p_c - log q_c)`` for each row, with ``p`` and ``q`` held in [ε, 1], then reduced

    Args:
        targets: ``(…, classes)``, in [0, 1]; ``p``. A zero with ``ε = 0`` counts as 0 log 0 = 0.
        predictions: the shape of ``targets``, in [0, 1]; ``q``.
        epsilon: below it both are clipped; ``ε``.
        reduction: as for `kl_divergence`.

    Returns:
        A scalar; for ``rows`` the shape of the inputs without its last axis, for ``elements`` all of it.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Source: Kullback and Leibler (1951), On information and sufficiency, section 2.
    """
    p, q = _clipped(targets, predictions, epsilon)
    terms = np.where(p == 0, 0.0, p * (np.log(p) - np.log(q)))
    return _reduce_terms(terms, reduction)


def kl_divergence_probabilities_vjp(
    targets: Array,
    predictions: Array,
    cotangent: Array,
    *,
    epsilon: float = 0.0,
    reduction: str = "batchmean",
    zero_gradient: str = "infinite",
) -> tuple[Array, Array]:
    """Gradient of `kl_divergence_probabilities`: ``log p - log q + 1`` and ``-p/q``; none where clipped.

    Where ``p`` is 0 the former is ``infinite``, or with ``zero_gradient`` ``zero`` or ``nan``, and the latter
    is 0, but for ``nan`` the quotient, which is NaN for ``q = 0``.
    """
    terms = _spread_terms(cotangent, targets.shape, reduction)
    p, q = _clipped(targets, predictions, epsilon)
    of_targets = one_more_than_difference(terms, np.log(p), np.log(q))
    of_predictions = -(terms * p * (1.0 / q))
    if zero_gradient == "infinite":
        of_targets = np.where(p == 0, terms * np.log(p), of_targets)
    else:
        of_targets = np.where(p == 0, 0.0 if zero_gradient == "zero" else np.nan, of_targets)
    if zero_gradient != "nan":
        of_predictions = np.where(p == 0, 0.0, of_predictions)
    return np.where(targets < epsilon, 0.0, of_targets), np.where(predictions < epsilon, 0.0, of_predictions)


def _clipped(targets: Array, predictions: Array, epsilon: float) -> tuple[Array, Array]:
    require_shape("predictions", predictions, targets.shape, "as targets")
    return np.maximum(targets, epsilon), np.maximum(predictions, epsilon)


def _reduce_terms(terms: Array, reduction: str) -> Array:
    """Terms of a divergence as they are, summed over each row, or further."""
    if reduction in ("elements", "mean", "sum"):
        return reduce(terms, reduction.replace("elements", "none"))
    require(
        reduction in ("batchmean", "rows"),
        f"reduction must be one of {', '.join(TERM_REDUCTIONS)}; got {reduction!r}",
    )
    return reduce(np.sum(terms, axis=-1), "none" if reduction == "rows" else "mean")


def _spread_terms(cotangent: Array, shape: tuple[int, ...], reduction: str) -> Array:
    """The cotangent of each term: the transpose of `_reduce_terms`."""
    if reduction in ("elements", "mean", "sum"):
        return spread(cotangent, shape, reduction.replace("elements", "none"))
    rows = spread(cotangent, shape[:-1], "none" if reduction == "rows" else "mean")
    return np.broadcast_to(rows[..., np.newaxis], shape)


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

    Returns:
        ``(batch,)``.

    Raises:
        ValueError: shapes that do not fit, both targets and labels or neither, or a label out of range.

    Source: Goodfellow, Bengio and Courville (2016), Deep learning, section 3.13.
    """
    shares = _shares_of(predictions, targets, labels)
    terms = shares * np.log(_held(predictions, epsilon, normalized))
    if zero_target == "zero" or labels is not None:
        terms = np.where(shares == 0, 0.0, terms)
    return -np.sum(terms, axis=-1)


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
    shares, rows = _shares_of(predictions, targets, labels), cotangent[..., np.newaxis]
    held = _held(predictions, epsilon, normalized)
    of_held = -(rows * shares * (1.0 / held))
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
    return gradient, None if targets is None else -(rows * np.log(held))


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


def binary_cross_entropy(
    predictions: Array,
    targets: Array,
    *,
    guard: str = "none",
    epsilon: float = 1e-7,
    row_mean: bool = False,
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
        row_mean: whether the last axis is averaged.
        zero_target: where ``t`` or ``1 - t`` is 0 its term is ``zero``, or with ``nan`` the product, which is
            NaN for an infinite logarithm.

    Returns:
        The shape of ``predictions``, with ``row_mean`` without its last axis.

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
    return reduce(-positive - negative, "none", row_mean=row_mean)


def binary_cross_entropy_vjp(
    predictions: Array,
    targets: Array,
    cotangent: Array,
    *,
    guard: str = "none",
    epsilon: float = 1e-7,
    row_mean: bool = False,
    zero_target: str = "zero",
    gradient: str = "exact",
) -> tuple[Array, Array]:
    """Gradient of `binary_cross_entropy`: ``(1 - t)/(1 - p) - t/p``, none where a guard holds.

    For the targets it is ``log(1 - p) - log p``. With ``gradient="bounded"`` the former is
    ``(p - t) / max(p (1 - p), 1e-12)``, and the latter is without any guard.
    """
    elements = spread(cotangent, predictions.shape, "none", row_mean=row_mean)
    one, other, free = _guarded(predictions, targets, guard, epsilon)
    log_one, log_other = np.log(one), np.log(other)
    if gradient == "bounded":
        spread_out = np.maximum(predictions * (1.0 - predictions), 1e-12)
        return elements * (predictions - targets) / spread_out, elements * (log_other - log_one)
    if guard == "log":
        log_one, log_other = np.maximum(log_one, -100.0), np.maximum(log_other, -100.0)
    positive, negative = elements * targets * (1.0 / one), elements * (1.0 - targets) * (1.0 / other)
    if zero_target == "zero":
        positive, negative = np.where(targets == 0, 0.0, positive), np.where(targets == 1, 0.0, negative)
    if guard == "log":
        positive, negative = (
            np.where(log_one > -100.0, positive, 0.0),
            np.where(log_other > -100.0, negative, 0.0),
        )
    return np.where(free, negative - positive, 0.0), elements * (log_other - log_one)


def _guarded(predictions: Array, targets: Array, guard: str, epsilon: float) -> tuple[Array, Array, Array]:
    """What the two logarithms are taken of, and where these follow the predictions."""
    require_shape("targets", targets, predictions.shape, "as predictions")
    require(guard in GUARDS, f"guard must be one of {', '.join(GUARDS)}; got {guard!r}")
    if guard == "clip":
        held = clip(predictions, epsilon)
        return held, 1.0 - held, (predictions >= epsilon) & (predictions <= 1.0 - epsilon)
    added = epsilon if guard == "add" else 0.0
    return predictions + added, 1.0 - predictions + added, predictions == predictions
