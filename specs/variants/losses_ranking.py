"""Faults and controls of the losses of ranking and of metric learning."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...numerics.magnitude import magnitude
from ...reference.reductions import reduce
from ..language.variant import Control, Fault, each_way

Array = Any


def distance_by_squares(x: Array, y: Array, p: float, epsilon: float, place: str = "difference") -> Array:
    """The distance from the other side, and ``√(Σ δ·δ)`` of it."""
    added, under = (epsilon, 0.0) if place == "difference" else (0.0, epsilon)
    size = np.abs((y - x) - added)
    if p == np.inf:
        return np.max(size, axis=-1)
    if p == 1:
        return under + np.sum(size, axis=-1)
    scale = magnitude(size, -1)
    shared = size / scale
    total = np.sum(shared * shared, axis=-1) + under / np.squeeze(scale * scale, -1)
    return np.sqrt(total) * np.squeeze(scale, -1)


def pairwise_by_squares(
    x: Array, y: Array, *, p: float = 2, epsilon: float = 1e-6, reduction: str = "mean"
) -> Array:
    """Distances by `distance_by_squares`."""
    return reduce(distance_by_squares(x, y, p, epsilon), reduction)


def pairwise_that_overflows(
    x: Array, y: Array, *, p: float = 2, epsilon: float = 1e-6, reduction: str = "mean"
) -> Array:
    """``√(Σ δ²)`` of differences as they are."""
    difference = x - y + epsilon
    return reduce(np.sqrt(np.sum(np.square(difference), axis=-1)), reduction)


def triplet_by_parts(
    anchors: Array,
    positives: Array,
    negatives: Array,
    *,
    p: float = 2,
    margin: float = 1.0,
    swap: bool = False,
    epsilon: float = 1e-6,
    epsilon_place: str = "difference",
    reduction: str = "mean",
) -> Array:
    """``max(m + (d(a, p) - d(a, n)), 0)``."""
    place = (p, epsilon, epsilon_place)
    far = distance_by_squares(anchors, negatives, *place)
    if swap:
        far = np.minimum(distance_by_squares(positives, negatives, *place), far)
    return reduce(
        np.maximum(margin + (distance_by_squares(anchors, positives, *place) - far), 0.0), reduction
    )


def ranking_by_cases(
    first: Array, second: Array, labels: Array, *, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """``b - a`` or ``a - b``, and the margin."""
    lacking = margin + np.where(labels == 1, second - first, first - second)
    return reduce(np.where(lacking < 0, 0.0, lacking), reduction)


def embedding_by_sum(
    distances: Array, labels: Array, *, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """``y x + (1 - y) max(m - x, 0)``."""
    apart = np.maximum(margin - distances, 0.0)
    return reduce(np.where(labels == 1, distances, 0.0) + np.where(labels == 1, 0.0, apart), reduction)


def cosine_embedding_of_sums(
    x: Array, y: Array, labels: Array, *, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """The product of small vectors over two roots."""
    scales = [magnitude(each, -1) for each in (x, y)]
    first, second = x / scales[0], y / scales[1]
    squares = [
        np.sum(each * each, axis=-1) + 1e-12 / np.squeeze(scale * scale, -1)
        for each, scale in zip((first, second), scales, strict=True)
    ]
    cosine = np.sum(first * second, axis=-1) / (np.sqrt(squares[0]) * np.sqrt(squares[1]))
    return reduce(np.where(labels == 1, 1.0 - cosine, np.maximum(cosine - margin, 0.0)), reduction)


def cosine_embedding_that_overflows(
    x: Array, y: Array, labels: Array, *, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    """``√((Σ x² + ε) (Σ y² + ε))`` of vectors as they are."""
    squares = (np.sum(x * x, axis=-1) + 1e-12) * (np.sum(y * y, axis=-1) + 1e-12)
    cosine = np.sum(x * y, axis=-1) / np.sqrt(squares)
    return reduce(np.where(labels == 1, 1.0 - cosine, np.maximum(cosine - margin, 0.0)), reduction)


EXCHANGED = each_way(Fault(name="labels exchanged", inputs={"labels": lambda labels: 1 - labels}))


def pdist_of_all(x: Array, *, p: float = 2, scaled: bool = True) -> Array:
    """The upper half of the distances of all from all, from the other side."""
    first, second = np.triu_indices(x.shape[0], 1)
    size = np.abs(x[np.newaxis] - x[:, np.newaxis])
    scale = magnitude(size, -1) if scaled else np.ones_like(size[..., :1])
    total = np.sum((size / scale) ** p, axis=-1)
    root = np.sqrt(total) if p == 2 else total ** (1.0 / p)
    every: Array = root * np.squeeze(scale, -1)
    return every[first, second]


def ranking_by_distances(
    scores: Array,
    labels: Array,
    mask: Array | None = None,
    weights: Array | None = None,
    *,
    reduction: str = "mean",
    masked_softmax: bool = True,
    every_list: bool = False,
) -> Array:
    """The logarithm of a sum less each score; or with a softmax over all items, or a mean over all lists."""
    counts: Array = np.ones(scores.shape, dtype=bool) if mask is None else mask
    some: Array = np.any(counts, axis=-1)
    inside = np.where(counts if masked_softmax else True, scores, np.where(some[:, np.newaxis], -np.inf, 0.0))
    top = np.max(inside, axis=-1, keepdims=True)
    total = np.log(np.sum(np.exp(inside - top), axis=-1, keepdims=True))
    shares = labels if weights is None else labels * weights
    losses = np.sum(np.where(counts, (total - (scores - top)) * shares, 0.0), axis=-1)
    if reduction != "mean":
        return reduce(losses, reduction)
    return np.sum(losses) / (len(losses) if every_list else max(np.sum(some), 1))


FAULTS = {
    "ranking_softmax": (
        Fault(
            name="softmax over the items that do not count too",
            reference=functools.partial(ranking_by_distances, masked_softmax=False),
            where="masked",
        ),
        Fault(
            name="lists without items in the mean",
            reference=functools.partial(ranking_by_distances, every_list=True),
            where="data == 'masked_rows' and reduction == 'mean' and batch > 1",
        ),
    ),
    "pdist": (
        Fault(
            name="squares that overflow",
            reference=functools.partial(pdist_of_all, scaled=False),
            where="p == 2 and data == 'large'",
            rounds=True,
        ),
        Fault(
            name="NaN gradient of equal vectors",
            gradients={
                "x": lambda gradient, x: np.where(
                    (np.abs(x[:, np.newaxis] - x).sum(axis=-1) == 0).sum(axis=1, keepdims=True) > 1,
                    np.nan,
                    gradient,
                )
            },
            where="data == 'ties' and features == 1",
        ),
    ),
    "pairwise_distance": (
        Fault(
            name="epsilon subtracted, in the gradient",
            parameters={"epsilon": "-epsilon"},
            spoils="gradients",
        ),
        Fault(name="squares overflow", reference=pairwise_that_overflows, rounds=True, where="p == 2"),
        Fault(name="square of the distance", results={"y": lambda result: result**2}),
    ),
    "triplet_margin": (
        Fault(
            name="gradient where the loss is 0",
            gradients={
                "positives": lambda gradient, positives, anchors: np.where(
                    gradient == 0, positives - anchors, gradient
                )
            },
        ),
    ),
    "margin_ranking": (
        *EXCHANGED,
        Fault(name="gradient of the second not negated", gradients={"second": lambda gradient: -gradient}),
    ),
    "hinge_embedding": (
        *EXCHANGED,
        Fault(
            name="no gradient at the margin itself",
            gradients={
                "distances": lambda gradient, distances, margin, labels: np.where(
                    (distances == margin) & (labels == 0), 0.0, gradient
                )
            },
        ),
    ),
    "cosine_embedding": (
        *EXCHANGED,
        Fault(name="squares overflow", reference=cosine_embedding_that_overflows, rounds=True),
    ),
}

CONTROLS = {
    "ranking_softmax": (Control(name="by distances", reference=ranking_by_distances),),
    "pdist": (Control(name="of all from all", reference=pdist_of_all),),
    "pairwise_distance": (Control(name="from the other side", reference=pairwise_by_squares),),
    "triplet_margin": (Control(name="margin first", reference=triplet_by_parts),),
    "margin_ranking": (Control(name="case by case", reference=ranking_by_cases),),
    "hinge_embedding": (Control(name="sum of both terms", reference=embedding_by_sum),),
    "cosine_embedding": (Control(name="over two roots", reference=cosine_embedding_of_sums),),
}
