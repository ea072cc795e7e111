"""Faults and controls of the losses that are divergences."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import xlogy

from ...reference.losses_divergence import kl_divergence_vjp, terms_over
from ...reference.reductions import reduce, spread
from ...reference.softmax import log_softmax
from ..language.variant import Control, Fault, each_way
from .losses_classification import BASE_2

Array = Any


def reduce_terms(terms: Array, reduction: str, weights: Array | None = None) -> Array:
    """Terms of a divergence as they are, summed over each row, or further; rows have weights, or none."""
    if weights is not None:
        total = reduce_terms(weights[:, np.newaxis] * terms, reduction.replace("mean_weights", "sum"))
        return total / np.sum(weights) if reduction == "mean_weights" else total
    if reduction in ("elements", "mean", "sum"):
        return reduce(terms, reduction.replace("elements", "none"))
    return reduce(np.sum(terms, axis=-1), "none" if reduction == "rows" else "mean")


def spread_terms(cotangent: Array, shape: tuple[int, ...], reduction: str) -> Array:
    """The cotangent of each term."""
    if reduction in ("elements", "mean", "sum"):
        return spread(cotangent, shape, reduction.replace("elements", "none"))
    rows = spread(cotangent, shape[:-1], "none" if reduction == "rows" else "mean")
    return np.broadcast_to(rows[..., np.newaxis], shape)


def entropy(targets: Array, reduction: str) -> Array:
    """``Σ p log p``, reduced."""
    return reduce_terms(xlogy(targets, targets), reduction)


def kl_of_quotient(
    targets: Array,
    predictions: Array,
    sample_weights: Array | None = None,
    *,
    epsilon: float = 0.0,
    reduction: str = "batchmean",
) -> Array:
    """``p log(p/q)``, the logarithm of a quotient."""
    p, q = np.maximum(targets, epsilon), np.maximum(predictions, epsilon)
    terms = np.where(p == 0, 0.0, p * np.log(p / q))
    return reduce_terms(terms, reduction, sample_weights)


@terms_over.loss
def kl_by_one_product(
    targets: Array, log_predictions: Array, *, reduction: str = "batchmean", zero_target: str = "zero"
) -> Array:
    """``p (log p - log q)``."""
    terms = targets * (np.log(np.where(targets == 0, 1.0, targets)) - log_predictions)
    return reduce_terms(np.where(targets == 0, 0.0, terms) if zero_target == "zero" else terms, reduction)


@terms_over.loss
def kl_of_negated(log_targets: Array, log_predictions: Array, *, reduction: str = "batchmean") -> Array:
    """``-Σ p (log q - log p)``, a mean by a factor."""
    terms = np.exp(log_targets) * (log_predictions - log_targets)
    if reduction == "elements":
        return -terms
    rows = np.sum(terms, axis=-1)
    counts = {"batchmean": len(terms), "mean": terms.size}
    return -rows if reduction == "rows" else -np.sum(rows) * (1.0 / counts.get(reduction, 1))


@terms_over.loss
def generalized_kl_by_terms(log_predictions: Array, targets: Array, *, reduction: str = "mean") -> Array:
    """All of a class at once."""
    apart = np.log(targets) - log_predictions
    return reduce(np.sum((targets * apart + np.exp(log_predictions)) - targets, axis=-1), reduction)


FAULTS = {
    "kl_divergence": (
        BASE_2,
        Fault(
            name="without the entropy",
            results={
                "y": lambda targets, log_predictions, reduction: reduce_terms(
                    -np.where(targets == 0, 0, targets * log_predictions), reduction
                )
            },
        ),
        Fault(
            name="the entropy twice",
            results={"y": lambda result, targets, reduction: result + entropy(targets, reduction)},
        ),
        Fault(
            name="0 log 0 is NaN",
            results={
                "y": lambda targets, log_predictions, reduction: reduce_terms(
                    targets * (np.log(targets) - log_predictions), reduction
                )
            },
        ),
        Fault(
            name="epsilon in the logarithm",
            results={
                "y": lambda targets, log_predictions, reduction: reduce_terms(
                    targets * (np.log(targets + 1e-3) - log_predictions), reduction
                )
            },
            where="data == 'normal'",
        ),
        *each_way(
            Fault(
                name="predictions normalized",
                inputs={"log_predictions": lambda log_predictions: log_softmax(log_predictions)},
            )
        ),
        Fault(
            name="predictions taken as probabilities",
            inputs={"log_predictions": lambda log_predictions: np.log(np.abs(log_predictions))},
        ),
        Fault(
            name="gradient of the targets without the 1",
            gradients={
                "targets": lambda gradient, cotangent, targets, reduction: (
                    gradient - spread_terms(cotangent, targets.shape, reduction)
                )
            },
        ),
        Fault(
            name="gradient of a target of 0",
            gradients={
                "targets": lambda gradient, targets, zero_gradient: np.where(
                    targets == 0, 0.0 if zero_gradient != "zero" else -np.inf, gradient
                )
            },
        ),
        Fault(
            name="gradient of the predictions as of a softmax",
            gradients={
                "log_predictions": lambda gradient, cotangent, targets, log_predictions, reduction: (
                    gradient + spread_terms(cotangent, targets.shape, reduction) * np.exp(log_predictions)
                )
            },
        ),
    ),
    "kl_divergence_with_log_targets": (
        BASE_2,
        Fault(
            name="targets weigh by their logarithm",
            results={
                "y": lambda log_targets, log_predictions, reduction: reduce_terms(
                    log_targets * (log_targets - log_predictions), reduction
                )
            },
        ),
        Fault(
            name="without the entropy",
            results={
                "y": lambda log_targets, log_predictions, reduction: reduce_terms(
                    -np.exp(log_targets) * log_predictions, reduction
                )
            },
        ),
        *each_way(
            Fault(
                name="targets normalized",
                inputs={"log_targets": lambda log_targets: log_softmax(log_targets)},
            )
        ),
        Fault(
            name="generalized divergence, p - q subtracted",
            results={
                "y": lambda result, log_targets, log_predictions, reduction: (
                    result + reduce_terms(np.exp(log_predictions) - np.exp(log_targets), reduction)
                )
            },
        ),
        Fault(
            name="gradient of the targets without the 1",
            gradients={
                "log_targets": lambda gradient, cotangent, log_targets, reduction: (
                    gradient - spread_terms(cotangent, log_targets.shape, reduction) * np.exp(log_targets)
                )
            },
        ),
        Fault(
            name="gradient of the targets, not of their logarithms",
            gradients={"log_targets": lambda gradient, log_targets: gradient * np.exp(-log_targets)},
        ),
        Fault(
            name="gradient of the predictions times their distance",
            gradients={
                "log_predictions": lambda gradient, log_targets, log_predictions: (
                    gradient * (log_targets - log_predictions)
                )
            },
        ),
    ),
    "kl_divergence_probabilities": (
        BASE_2,
        Fault(
            name="0 log 0 is NaN",
            results={
                "y": lambda targets, predictions, reduction: reduce_terms(
                    targets * np.log(targets / predictions), reduction
                )
            },
            where="epsilon == 0 and not weighted",
        ),
        Fault(
            name="without the entropy",
            results={
                "y": lambda result, targets, epsilon, reduction: (
                    result - entropy(np.maximum(targets, epsilon), reduction)
                )
            },
            where="not weighted",
        ),
        Fault(
            name="targets not clipped",
            results={
                "y": lambda targets, predictions, sample_weights, epsilon, reduction: reduce_terms(
                    xlogy(targets, np.maximum(targets, epsilon) / np.maximum(predictions, epsilon)),
                    reduction,
                    sample_weights,
                )
            },
            where="epsilon > 0",
        ),
        Fault(
            name="gradient of the targets without the 1",
            gradients={
                "targets": lambda gradient, cotangent, targets, reduction: (
                    gradient - spread_terms(cotangent, targets.shape, reduction)
                )
            },
            where="not weighted",
        ),
        Fault(
            name="gradient of what is clipped",
            gradients={
                "predictions": lambda gradient, cotangent, targets, predictions, epsilon, reduction: np.where(
                    predictions < epsilon,
                    -spread_terms(cotangent, targets.shape, reduction)
                    * np.maximum(targets, epsilon)
                    / epsilon,
                    gradient,
                )
            },
            where="epsilon > 0 and not weighted",
        ),
        Fault(
            name="gradient of a target of 0",
            gradients={
                "targets": lambda gradient, targets, zero_gradient: np.where(
                    targets == 0, 0.0 if zero_gradient != "zero" else -np.inf, gradient
                )
            },
            where="epsilon == 0",
        ),
        Fault(
            name="gradient of the predictions not divided by them",
            gradients={"predictions": lambda gradient, predictions: gradient * predictions},
        ),
    ),
    "generalized_kl_divergence": (
        Fault(
            name="sums supposed to be one",
            results={
                "y": lambda result, log_predictions, targets, reduction: (
                    result - reduce(np.sum(np.exp(log_predictions) - targets, axis=-1), reduction)
                )
            },
            where="data == 'normal'",
        ),
    ),
}


@terms_over.vjp
def kl_gradient_factored(
    targets: Array,
    log_predictions: Array,
    cotangent: Array,
    *,
    reduction: str = "elements",
    zero_gradient: str = "infinite",
) -> tuple[Array, Array]:
    """``g (log p - log q + 1)``, of which ``g`` is the last factor, for terms that are not reduced."""
    right = kl_divergence_vjp(
        targets, log_predictions, cotangent, reduction=reduction, zero_gradient=zero_gradient
    )
    factored = cotangent * (np.log(targets) - log_predictions + 1.0)
    return np.where(targets == 0, right[0], factored), right[1]


@terms_over.vjp
def kl_gradient_of_log_targets_factored(
    log_targets: Array, log_predictions: Array, cotangent: Array, *, reduction: str = "elements"
) -> tuple[Array, Array]:
    """``g p (log p - log q + 1)``, for terms that are not reduced."""
    shares = cotangent * np.exp(log_targets)
    return shares * (log_targets - log_predictions + 1.0), -shares


CONTROLS = {
    "kl_divergence": (
        Control(name="one product", reference=kl_by_one_product),
        Control(name="gradient factored", vjp=kl_gradient_factored, where="reduction == 'elements'"),
    ),
    "kl_divergence_with_log_targets": (
        Control(name="negated, times 1/n", reference=kl_of_negated),
        Control(
            name="gradient factored",
            vjp=kl_gradient_of_log_targets_factored,
            where="reduction == 'elements'",
        ),
    ),
    "kl_divergence_probabilities": (Control(name="logarithm of the quotient", reference=kl_of_quotient),),
    "generalized_kl_divergence": (Control(name="by terms", reference=generalized_kl_by_terms),),
}
