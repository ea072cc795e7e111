"""Faults and controls of the losses of classification by margins."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.reductions import elements, reduce, rows, share_out
from ..language.variant import Control, Fault, each_way

Array = Any


@elements.loss
def hinge_by_cases(scores: Array, labels: Array, *, margin: float = 1.0, power: int = 1) -> Array:
    """``m - x`` of one class and ``m + x`` of the other, where they are positive."""
    lacking = np.where(labels == 1, margin - scores, margin + scores)
    lacking = np.where(lacking < 0, 0.0, lacking)
    return lacking * lacking if power == 2 else lacking


@elements.loss
def hinge_of_bits(scores: Array, labels: Array, *, margin: float = 1.0, power: int = 1) -> Array:
    """Labels of 0 that are not turned into -1: their scores count for nothing."""
    return np.maximum(margin - labels * scores, 0.0) ** power


def soft_margin_that_overflows(scores: Array, labels: Array, *, reduction: str = "mean") -> Array:
    """``log(1 + exp(-t x))`` to the letter."""
    return reduce(np.log1p(np.exp((1.0 - 2.0 * labels) * scores)), reduction)


def soft_margin_by_maximum(scores: Array, labels: Array, *, reduction: str = "mean") -> Array:
    """``max(-t x, 0) + log(1 + exp(-|x|))``."""
    lacking = (1.0 - 2.0 * labels) * scores
    return reduce(np.maximum(lacking, 0.0) + np.log1p(np.exp(-np.abs(scores))), reduction)


def multi_margin_by_rivals(
    scores: Array,
    labels: Array,
    class_weights: Array | None,
    *,
    margin: float = 1.0,
    power: int = 1,
    reduction: str = "mean",
    weight_inside: bool = False,
) -> Array:
    """The distance of each class first, then the margin; or with the weight under the power."""
    meant = labels[:, np.newaxis] == np.arange(scores.shape[-1])
    own = np.sum(np.where(meant, scores, 0.0), axis=-1, keepdims=True)
    weights = 1.0 if class_weights is None else class_weights[labels][:, np.newaxis]
    lacking = np.where(meant, 0.0, np.maximum(margin + (scores - own), 0.0))
    terms = (weights * lacking) ** power if weight_inside else weights * lacking**power
    return reduce(np.sum(terms / scores.shape[-1], axis=-1), reduction)


@rows.loss
def multiclass_hinge_by_difference(
    scores: Array, labels: Array, *, margin: float = 1.0, rival_floor: str = "none", floor: float = 0.0
) -> Array:
    """The best of the others less the score of the class itself, and the margin."""
    meant = labels[:, np.newaxis] == np.arange(scores.shape[-1])
    own = np.sum(np.where(meant, scores, 0.0), axis=-1)
    rival = np.max(np.where(meant, -np.inf, scores), axis=-1)
    rival = np.maximum(rival, 0.0) if rival_floor == "zero" else rival
    return np.maximum(rival - own + margin, floor)


def multilabel_by_rows(
    scores: Array, labels: Array, *, reduction: str = "mean", best_alone: bool = False
) -> Array:
    """Each class of the row at a time; or only the one of the lowest score."""
    own, other = labels == 1, labels != 1
    if best_alone:
        own = own & (scores == np.min(np.where(own, scores, np.inf), axis=-1, keepdims=True))
    losses = np.zeros(len(scores))
    for j in range(scores.shape[-1]):
        lacking = np.maximum(scores - scores[:, j : j + 1] + 1.0, 0.0)
        losses = losses + np.where(own[:, j], np.sum(np.where(other, lacking, 0.0), axis=-1), 0.0)
    return reduce(losses / scores.shape[-1], reduction)


def multilabel_soft_by_softplus(
    logits: Array, targets: Array, class_weights: Array | None, *, reduction: str = "mean"
) -> Array:
    """``t`` and ``1 - t`` times softplus, each averaged by itself."""
    weights = 1.0 if class_weights is None else class_weights
    positive, negative = (np.logaddexp(0.0, side) for side in (-logits, logits))
    terms = weights * targets * positive + weights * (1.0 - targets) * negative
    return reduce(share_out(terms, logits.shape[-1], axis=-1), reduction)


def multilabel_soft_that_overflows(
    logits: Array, targets: Array, class_weights: Array | None, *, reduction: str = "mean"
) -> Array:
    """Logarithms of ``1 / (1 + exp(-x))`` to the letter."""
    weights = 1.0 if class_weights is None else class_weights
    positive = 1.0 / (1.0 + np.exp(-logits))
    terms = targets * np.log(positive) + (1.0 - targets) * np.log(1.0 - positive)
    return reduce(-np.mean(weights * terms, -1), reduction)


SHARED = (*each_way(Fault(name="classes exchanged", inputs={"labels": lambda labels: 1 - labels})),)

FAULTS = {
    "hinge": (
        *SHARED,
        Fault(name="labels of 0 not turned into -1", reference=hinge_of_bits),
        Fault(
            name="square without its power in the gradient",
            gradients={"scores": lambda gradient: gradient / 2},
            where="power == 2",
        ),
    ),
    "soft_margin": (
        *SHARED,
        Fault(name="exponential overflows", reference=soft_margin_that_overflows, rounds=True),
        Fault(
            name="gradient of the sigmoid of the score itself",
            gradients={
                "scores": lambda gradient, scores, labels: (
                    gradient * expit(scores) / np.maximum(expit((1.0 - 2.0 * labels) * scores), 1e-30)
                )
            },
        ),
    ),
    "multi_margin": (
        Fault(
            name="weight under the power",
            reference=functools.partial(multi_margin_by_rivals, weight_inside=True),
            where="weighted and power == 2",
        ),
        Fault(
            name="no gradient of the class itself",
            gradients={"scores": lambda gradient: np.maximum(gradient, 0.0)},
        ),
    ),
    "multiclass_hinge": (
        Fault(
            name="others may win by a negative loss",
            reference=functools.partial(multiclass_hinge_by_difference, floor=-np.inf),
        ),
    ),
    "multilabel_margin": (
        Fault(
            name="only the class of the lowest score",
            reference=functools.partial(multilabel_by_rows, best_alone=True),
        ),
    ),
    "multilabel_soft_margin": (
        Fault(name="logarithms overflow", reference=multilabel_soft_that_overflows, rounds=True),
    ),
}

CONTROLS = {
    "multi_margin": (Control(name="by rivals", reference=multi_margin_by_rivals),),
    "multiclass_hinge": (Control(name="by difference", reference=multiclass_hinge_by_difference),),
    "multilabel_margin": (Control(name="row by row", reference=multilabel_by_rows),),
    "multilabel_soft_margin": (Control(name="by softplus", reference=multilabel_soft_by_softplus),),
    "hinge": (Control(name="case by case", reference=hinge_by_cases),),
    "soft_margin": (Control(name="by the maximum", reference=soft_margin_by_maximum),),
}

# All scores may move together, but for rounding.
NO_FAULTS = {"multi_margin": ("scores plus one", "scores plus one, in the gradient")}
