"""Faults and controls of the losses over sampled classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.losses_sampled import sampled_softmax_loss
from ..language.variant import Control, Fault, each_way

Array = Any


def hits_of(labels: Array, sampled: Array) -> Array:
    """Which candidates are true classes of which row."""
    return np.any(labels[:, :, np.newaxis] == sampled, axis=1)


def all_logits(weights: Array, biases: Array, inputs: Array) -> Array:
    """Scores of every class, in one product."""
    return np.matmul(inputs, np.swapaxes(weights, 0, 1)) + biases


def corrected(
    scores: Array,
    labels: Array,
    sampled: Array,
    true_expected: Array,
    sampled_expected: Array,
    correction: str,
) -> tuple[Array, Array]:
    """Logits of the true classes and of the candidates, gathered from the scores of all."""
    true, noise = np.take_along_axis(scores, labels, axis=-1), np.take(scores, sampled, axis=-1)
    if correction == "all":
        true = true - np.log(true_expected)
    if correction != "none":
        noise = noise - np.log(sampled_expected)
    return true, noise


def softmax_of_all_scores(
    weights: Array,
    biases: Array,
    inputs: Array,
    labels: Array,
    sampled: Array,
    true_expected: Array,
    sampled_expected: Array,
    *,
    accidental_hits: str = "remove",
    correction: str = "all",
) -> Array:
    """Scores of every class are computed, then gathered; the logarithm of a sum less the mean true logit."""
    given = labels, sampled, true_expected, sampled_expected
    true, noise = corrected(all_logits(weights, biases, inputs), *given, correction)
    if accidental_hits != "keep":
        noise = np.where(hits_of(labels, sampled), -np.inf, noise)
    top = np.maximum(np.max(true, axis=-1), np.max(noise, axis=-1))[:, np.newaxis]
    total = np.sum(np.exp(true - top), axis=-1) + np.sum(np.exp(noise - top), axis=-1)
    return np.log(total) - np.mean(true - top, axis=-1)


def nce_by(cost: Callable[[Array], Array], cost_of_noise: Callable[[Array], Array]) -> Callable[..., Array]:
    """The NCE loss by these functions of gathered logits, for ``-log σ(x)`` and ``-log(1 - σ(x))``."""

    def nce(
        weights: Array,
        biases: Array,
        inputs: Array,
        labels: Array,
        sampled: Array,
        true_expected: Array,
        sampled_expected: Array,
        *,
        accidental_hits: str = "keep",
        correction: str = "all",
        true_target: str = "share",
    ) -> Array:
        given = labels, sampled, true_expected, sampled_expected
        true, noise = corrected(all_logits(weights, biases, inputs), *given, correction)
        target = 1.0 / labels.shape[-1] if true_target == "share" else 1.0
        of_true = target * cost(true) + ((1.0 - target) * cost_of_noise(true) if target < 1 else 0.0)
        of_noise = cost_of_noise(noise)
        if accidental_hits != "keep":
            of_noise = np.where(hits_of(labels, sampled), 0.0, of_noise)
        return np.sum(of_true, axis=-1) + np.sum(of_noise, axis=-1)

    return nce


def softplus(x: Array) -> Array:
    """``max(x, 0) + log(1 + exp(-|x|))``."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def overwritten(gradient: Array, labels: Array, sampled: Array) -> Array:
    """Rows that several places name keep half, as if one of two additions were lost."""
    names, times = np.unique(np.concatenate([labels.reshape(-1), sampled]), return_counts=True)
    share = np.ones(len(gradient))
    share[names[times > 1]] = 0.5
    return gradient * share.reshape(-1, *(1,) * (gradient.ndim - 1))


def without_last(sampled_expected: Array) -> Array:
    """Expected so often that the last candidate hardly counts."""
    return np.where(np.arange(len(sampled_expected)) == len(sampled_expected) - 1, 1e30, sampled_expected)


nce_by_softplus = nce_by(lambda x: softplus(-x), softplus)
"""Scores of every class are computed, then gathered."""

nce_with_sigmoid_logs = nce_by(lambda x: -np.log(expit(x)), lambda x: -np.log(1.0 - expit(x)))
"""Infinite where the sigmoid rounds to 0 or 1."""

SHARED = (
    *each_way(
        Fault(
            name="of equal candidates one removed",
            parameters={"accidental_hits": "'remove_last'"},
            where="accidental_hits == 'remove'",
        )
    ),
    *each_way(
        Fault(
            name="expected counts not in the logarithm",
            inputs={
                "true_expected": lambda true_expected: np.exp(true_expected),
                "sampled_expected": lambda sampled_expected: np.exp(sampled_expected),
            },
            where="correction != 'none'",
        )
    ),
    *each_way(
        Fault(
            name="logarithms added",
            inputs={
                "true_expected": lambda true_expected: 1.0 / true_expected,
                "sampled_expected": lambda sampled_expected: 1.0 / sampled_expected,
            },
            where="correction != 'none'",
        )
    ),
    *each_way(
        Fault(
            name="last candidate left out",
            inputs={"sampled_expected": without_last},
            where="correction != 'none'",
        )
    ),
    Fault(
        name="mean over the batch",
        results={"y": lambda result: np.full_like(result, np.mean(result))},
    ),
    Fault(
        name="gradient of repeated classes lost in part",
        gradients={"weights": overwritten, "biases": overwritten},
        where="data != 'nan'",
    ),
    Fault(
        name="NaN spread over classes that no row names",
        gradients={
            "weights": lambda gradient: np.where(np.isnan(gradient).any(axis=0), np.nan, gradient),
        },
        where="data == 'nan'",
    ),
)

FAULTS = {
    "sampled_softmax_loss": (
        *SHARED,
        Fault(
            name="softmax over the candidates alone",
            inputs={"true_expected": lambda true_expected: np.full_like(true_expected, 1e30)},
            where="correction == 'all'",
        ),
    ),
    "nce_loss": (
        *SHARED,
        Fault(name="logarithm of the sigmoid", reference=nce_with_sigmoid_logs, rounds=True),
        Fault(
            name="mean over the candidates",
            results={"y": lambda result, true, candidates: result / (true + candidates)},
        ),
        Fault(
            name="softmax for the logistic function",
            reference=lambda *given, accidental_hits, correction: sampled_softmax_loss(
                *given, accidental_hits=accidental_hits, correction=correction
            ),
        ),
    ),
}

CONTROLS = {
    "sampled_softmax_loss": (
        Control(
            name="gathered from all scores",
            reference=softmax_of_all_scores,
            where="accidental_hits != 'remove_last'",
        ),
    ),
    "nce_loss": (
        Control(
            name="softplus of gathered scores",
            reference=nce_by_softplus,
            where="accidental_hits != 'remove_last'",
        ),
    ),
}

NO_FAULTS = {
    # A softmax takes no notice of what is added to all of its logits.
    "sampled_softmax_loss": ("weights plus one, in the gradient",),
}
