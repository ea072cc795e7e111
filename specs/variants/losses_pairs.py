"""Faults and controls of the losses of all pairs of a batch of embeddings."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...reference.reductions import reduce
from ..language.variant import Control, Fault

Array = Any


def ntxent_by_probabilities(
    embeddings: Array, labels: Array, *, temperature: float = 0.07, against: str = "unlike"
) -> Array:
    """``-log`` of a quotient of exponentials, less the greatest of each row; or against ``all`` others."""
    products = np.matmul(embeddings, np.transpose(embeddings))
    squares = np.sum(embeddings * embeddings, axis=-1)
    scores = products / np.sqrt(squares[:, np.newaxis] * squares) / temperature
    equal, itself = labels[:, np.newaxis] == labels, np.eye(len(labels), dtype=bool)
    weights = np.exp(scores - np.max(np.where(itself, -np.inf, scores), axis=-1, keepdims=True))
    rivals = {"unlike": ~equal, "all": ~itself, "all and itself": np.ones_like(itself)}[against]
    total = np.sum(np.where(rivals, weights, 0.0), axis=-1, keepdims=True)
    total = total + weights if against == "unlike" else total
    alike = equal & ~itself
    return np.sum(np.where(alike, -np.log(np.where(alike, weights / total, 1.0)), 0.0)) / np.sum(alike)


def circle_by_similarities(
    embeddings: Array,
    labels: Array,
    sample_weights: Array | None = None,
    *,
    gamma: float = 80.0,
    margin: float = 0.4,
    remove_diagonal: bool = True,
    reduction: str = "mean",
    pairs_weighted: bool = True,
) -> Array:
    """Of what is near, as in the paper; or without the weights, which are then the margins."""
    near = np.minimum(np.matmul(embeddings, np.transpose(embeddings)), 1.0)
    equal, itself = labels[:, np.newaxis] == labels, np.eye(len(labels), dtype=bool)
    alike = equal & ~itself if remove_diagonal else equal
    of_alike = np.maximum(1.0 + margin - near, 0.0) if pairs_weighted else 1.0
    of_unlike = np.maximum(near + margin, 0.0) if pairs_weighted else 1.0
    first = np.where(alike, gamma * of_alike * ((1.0 - margin) - near), -np.inf)
    second = np.where(~equal, gamma * of_unlike * (near - margin), -np.inf)
    exponent = sum_of_exponentials(first) + sum_of_exponentials(second)
    losses = np.logaddexp(0.0, exponent)
    if reduction == "mean_positive":
        total = losses if sample_weights is None else losses * sample_weights
        return np.sum(total) / max(int(np.sum(exponent > -80)), 1)
    return reduce(losses, reduction, weights=sample_weights)


def sum_of_exponentials(terms: Array) -> Array:
    """Its logarithm, along the last axis."""
    top = np.max(terms, axis=-1, keepdims=True)
    top = np.where(top == -np.inf, 0.0, top)
    return np.log(np.sum(np.exp(terms - top), axis=-1)) + top[..., 0]


FAULTS = {
    "ntxent": (
        Fault(
            name="against like ones too",
            reference=functools.partial(ntxent_by_probabilities, against="all"),
        ),
        Fault(
            name="against itself too",
            reference=functools.partial(ntxent_by_probabilities, against="all and itself"),
        ),
    ),
    "circle": (
        Fault(
            name="without weights", reference=functools.partial(circle_by_similarities, pairs_weighted=False)
        ),
    ),
}

CONTROLS = {
    "ntxent": (
        Control(name="by probabilities", reference=ntxent_by_probabilities, where="temperature >= 0.0625"),
    ),
    "circle": (
        Control(
            name="by similarities",
            reference=circle_by_similarities,
            where="reduction not in ('mean_positive', 'mean_weights')",
        ),
    ),
}
