"""Losses of classification by how far a distribution is from another: divergences.

All of them have the classes as their last axis.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from .checks import Array, require, require_shape
from .distributions import (
    one_more_than_difference,
)
from .reductions import LeftOut, reduce, rows, spread

__all__ = [
    "TERM_REDUCTIONS",
    "generalized_kl_divergence",
    "generalized_kl_divergence_vjp",
    "kl_divergence",
    "kl_divergence_probabilities",
    "kl_divergence_probabilities_vjp",
    "kl_divergence_vjp",
    "kl_divergence_with_log_targets",
    "kl_divergence_with_log_targets_vjp",
]

TERM_REDUCTIONS = ("batchmean", "rows", "elements", "mean", "sum")
"""How the terms of a divergence may be reduced."""

terms_over = LeftOut({}, {"targets": 1.0, "log_targets": 0.0, "log_predictions": 0.0})
"""Classes whose term is left out: that of 1 beside 1 is 0."""


@terms_over.loss
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


@terms_over.vjp
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


@terms_over.loss
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


@terms_over.vjp
def kl_divergence_with_log_targets_vjp(
    log_targets: Array, log_predictions: Array, cotangent: Array, *, reduction: str = "batchmean"
) -> tuple[Array, Array]:
    """Gradient of `kl_divergence_with_log_targets`: ``p (log p - log q + 1)`` and ``-p``."""
    terms = _spread_terms(cotangent, log_targets.shape, reduction)
    targets = np.exp(log_targets)
    shares = terms * targets
    return one_more_than_difference(shares, log_targets, log_predictions), -shares


def kl_divergence_probabilities(
    targets: Array,
    predictions: Array,
    sample_weights: Array | None = None,
    *,
    epsilon: float = 0.0,
    reduction: str = "batchmean",
) -> Array:
    """Kullback–Leibler divergence of probabilities from target probabilities.

    ``KL(p‖q) = Σ_c p_c (log p_c - log q_c)`` for each row, with ``p`` and ``q`` held in [ε, 1], then reduced

    Args:
        targets: ``(…, classes)``, in [0, 1]; ``p``. A zero with ``ε = 0`` counts as 0 log 0 = 0.
        predictions: the shape of ``targets``, in [0, 1]; ``q``.
        sample_weights: ``(batch,)``, by which the divergences of rows are multiplied, or None.
        epsilon: below it both are clipped; ``ε``.
        reduction: as for `kl_divergence`; or the sum divided by that of the weights (``mean_weights``).

    Returns:
        A scalar; for ``rows`` the shape of the inputs without its last axis, for ``elements`` all of it.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Source: Kullback and Leibler (1951), On information and sufficiency, section 2.
    """
    p, q = _clipped(targets, predictions, epsilon)
    terms = np.where(p == 0, 0.0, p * (np.log(p) - np.log(q)))
    return _reduce_terms(terms, reduction, sample_weights)


def kl_divergence_probabilities_vjp(
    targets: Array,
    predictions: Array,
    sample_weights: Array | None,
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
    terms = _spread_terms(cotangent, targets.shape, reduction, sample_weights)
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


OF_ROWS = {"batchmean": "mean", "rows": "none", "mean_weights": "mean_weights"}
"""What is made of the divergences of rows, by the reduction of terms."""


def _reduce_terms(terms: Array, reduction: str, weights: Array | None = None) -> Array:
    """Terms of a divergence as they are, summed over each row, or further."""
    if reduction in OF_ROWS:
        return reduce(np.sum(terms, axis=-1), OF_ROWS[reduction], weights=weights)
    require(
        reduction in TERM_REDUCTIONS,
        f"reduction must be one of {', '.join(TERM_REDUCTIONS)}; got {reduction!r}",
    )
    return reduce(terms, reduction.replace("elements", "none"), weights=weights)


def _spread_terms(
    cotangent: Array, shape: tuple[int, ...], reduction: str, weights: Array | None = None
) -> Array:
    """The cotangent of each term: the transpose of `_reduce_terms`."""
    if reduction not in OF_ROWS:
        return spread(cotangent, shape, reduction.replace("elements", "none"), weights=weights)
    each = spread(cotangent, shape[:-1], OF_ROWS[reduction], weights=weights)
    return np.broadcast_to(each[..., np.newaxis], shape)


@rows.loss
@terms_over.loss
def generalized_kl_divergence(log_predictions: Array, targets: Array) -> Array:
    """Kullback–Leibler divergence of what need not sum to one.

    ``Σ_c t_c (log t_c - log q_c) + q_c - t_c`` for each row

    Args:
        log_predictions: ``(batch, classes)``; ``log q``.
        targets: the shape of ``log_predictions``, positive; ``t``.

    Raises:
        ValueError: ``targets`` has another shape than ``log_predictions``.

    Source: Boyd and Vandenberghe (2004), Convex optimization, example 3.19.
    """
    require_shape("targets", targets, log_predictions.shape, "as log_predictions")
    divergence = np.sum(targets * np.log(targets) - targets * log_predictions, axis=-1)
    return divergence + np.sum(np.exp(log_predictions) - targets, axis=-1)


@rows.vjp
@terms_over.vjp
def generalized_kl_divergence_vjp(
    log_predictions: Array, targets: Array, cotangent: Array
) -> tuple[Array, Array]:
    """Gradient of `generalized_kl_divergence`: ``q - t``, and ``log t - log q``."""
    require_shape("targets", targets, log_predictions.shape, "as log_predictions")
    each = cotangent[:, np.newaxis]
    log_t, terms = np.log(targets), np.broadcast_to(each, targets.shape)
    # The terms of the divergence add a 1 that the sums take away again: the larger error counts.
    less_one = one_more_than_difference(terms, log_t, log_predictions) - terms
    of_targets = np.maximum(terms * (log_t - log_predictions), less_one)
    return each * np.exp(log_predictions) - each * targets, of_targets
