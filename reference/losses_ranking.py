"""Losses of ranking and of metric learning: distances and scores that are compared with each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numerics.magnitude import magnitude
from .checks import Array, require, require_rank, require_shape
from .reductions import elements, reduce, rows, spread
from .softmax import log_softmax

__all__ = [
    "EPSILON_PLACES",
    "cosine_embedding",
    "cosine_embedding_vjp",
    "hinge_embedding",
    "hinge_embedding_vjp",
    "margin_ranking",
    "margin_ranking_vjp",
    "pairwise_distance",
    "pairwise_distance_vjp",
    "pdist",
    "pdist_vjp",
    "ranking_softmax",
    "ranking_softmax_vjp",
    "triplet_margin",
    "triplet_margin_vjp",
]

EPSILON_PLACES = ("difference", "root")
"""Where ε is added in a distance: to each difference, or to the sum under the root."""


@rows.loss
def pairwise_distance(x: Array, y: Array, *, p: float = 2, epsilon: float = 1e-6) -> Array:
    """Distance of each vector to another one.

    ``‖x - y + ε‖ₚ`` along the last axis

    Args:
        x: ``(batch, features)``.
        y: the shape of ``x``.
        p: the degree of the norm, at least 1; infinity gives the largest difference.
        epsilon: what is added to each difference; ``ε``.

    Raises:
        ValueError: ``y`` has another shape than ``x``, or ``p`` is below 1.

    Source: Deza and Deza (2016), Encyclopedia of distances, section 5.2.
    """
    return _distance(x, y, p, epsilon)


@rows.vjp
def pairwise_distance_vjp(
    x: Array, y: Array, cotangent: Array, *, p: float = 2, epsilon: float = 1e-6
) -> tuple[Array, Array]:
    """Gradient of `pairwise_distance`: with ``δ = x - y + ε`` and d the distance ``sign(δ) (|δ| / d)^(p-1)``.

    For p = ∞ it is shared by the largest differences. Where d is 0 there is none.
    """
    gradient = cotangent[..., np.newaxis] * _slope(x, y, p, epsilon)
    return gradient, -gradient


def pdist(x: Array, *, p: float = 2) -> Array:
    """Distances between all pairs of vectors: of the first from all others, of the second from those left.

    ``‖xᵢ - xⱼ‖ₚ`` for i < j

    Args:
        x: ``(batch, features)``.
        p: the degree of the norm, at least 1; infinity gives the largest difference.

    Returns:
        ``(batch (batch - 1) / 2,)``.

    Raises:
        ValueError: ``x`` has other axes, or ``p`` is below 1.

    Source: Deza and Deza (2016), Encyclopedia of distances, section 5.2.
    """
    return _distance(*_pairs(x), p, 0.0)


def pdist_vjp(x: Array, cotangent: Array, *, p: float = 2) -> tuple[Array]:
    """Gradient of `pdist`: each vector has those of its distances; equal vectors give each other none."""
    each = cotangent[:, np.newaxis] * _slope(*_pairs(x), p, 0.0)
    first, second = np.triu_indices(x.shape[0], 1)
    vectors = np.arange(x.shape[0])[:, np.newaxis]
    signs = (first == vectors) * 1.0 - (second == vectors)
    return (np.sum(np.where(signs[..., np.newaxis] != 0, signs[..., np.newaxis] * each, 0.0), axis=1),)


def _pairs(x: Array) -> tuple[Array, Array]:
    require_rank("x", x, 2, "batch, features")
    first, second = np.triu_indices(x.shape[0], 1)
    return np.take(x, first, axis=0), np.take(x, second, axis=0)


@rows.loss
def triplet_margin(
    anchors: Array,
    positives: Array,
    negatives: Array,
    *,
    p: float = 2,
    margin: float = 1.0,
    swap: bool = False,
    epsilon: float = 1e-6,
    epsilon_place: str = "difference",
) -> Array:
    """Triplet loss: an anchor is to be nearer to the positive than to the negative, by a margin.

    ``max(d(a, p) - d(a, n) + m, 0)`` with the distance ``‖x - y + ε‖ₚ``, or ``(Σ |x - y|ᵖ + ε)^(1/p)``

    Args:
        anchors: ``(batch, features)``; ``a``.
        positives: the shape of ``anchors``; ``p``.
        negatives: the shape of ``anchors``; ``n``.
        p: the degree of the norm, at least 1.
        margin: above 0; ``m``.
        swap: whether the negative counts by its distance to the positive where that is the smaller one.
        epsilon: what keeps distances from 0; ``ε``.
        epsilon_place: added to each ``difference``, or under the ``root``.

    Raises:
        ValueError: shapes that do not fit, a ``margin`` that is not positive, ``p`` below 1, or an unknown
            ``epsilon_place``.

    Source: Balntas et al. (2016), Learning local feature descriptors with triplets and shallow convolutional
    neural networks, section 3.
    """
    require(margin > 0, f"margin must be positive; got {margin}")
    place = (p, epsilon, epsilon_place)
    far = _distance(anchors, negatives, *place)
    if swap:
        far = np.minimum(far, _distance(positives, negatives, *place))
    return np.maximum(_distance(anchors, positives, *place) - far + margin, 0.0)


@rows.vjp
def triplet_margin_vjp(
    anchors: Array,
    positives: Array,
    negatives: Array,
    cotangent: Array,
    *,
    p: float = 2,
    margin: float = 1.0,
    swap: bool = False,
    epsilon: float = 1e-6,
    epsilon_place: str = "difference",
) -> tuple[Array, Array, Array]:
    """Gradient of `triplet_margin`: that of the distance to the positive less that to the negative.

    It is none where the loss is 0. With ``swap`` the smaller of the two distances to the negative has it.
    """
    place = (p, epsilon, epsilon_place)
    near, far = _distance(anchors, positives, *place), _distance(anchors, negatives, *place)
    other = _distance(positives, negatives, *place) if swap else far
    active = np.where(near - np.minimum(far, other) + margin > 0, cotangent, 0.0)[..., np.newaxis]
    swapped = (other < far)[..., np.newaxis]
    to_positive = active * _slope(anchors, positives, *place)
    of_anchors = np.where(swapped, 0.0, active * _slope(anchors, negatives, *place))
    of_positives = np.where(swapped, active * _slope(positives, negatives, *place), 0.0)
    return to_positive - of_anchors, -to_positive - of_positives, of_anchors + of_positives


def _difference(x: Array, y: Array, p: float, epsilon: float, place: str) -> Array:
    require(p >= 1, f"p must be at least 1; got {p}")
    require_shape("y", y, x.shape, "as x")
    known = ", ".join(EPSILON_PLACES)
    require(place in EPSILON_PLACES, f"epsilon_place must be one of {known}; got {place!r}")
    return x - y + epsilon if place == "difference" else x - y


def _distance(x: Array, y: Array, p: float, epsilon: float, place: str = "difference") -> Array:
    """Distances along the last axis, whose squares may leave the range where they do not."""
    size = np.abs(_difference(x, y, p, epsilon, place))
    if p == np.inf:
        return np.max(size, axis=-1)
    under = epsilon if place == "root" else 0.0
    if p == 1:
        return np.sum(size, axis=-1) + under
    scale = magnitude(size, -1)
    shared = size / scale
    powers = np.square(shared) if p == 2 else shared**p
    total = np.sum(powers, axis=-1)
    if under:
        total = total + under / np.squeeze(scale, -1) ** p
    return np.squeeze(scale, -1) * (np.sqrt(total) if p == 2 else total ** (1.0 / p))


def _slope(x: Array, y: Array, p: float, epsilon: float, place: str = "difference") -> Array:
    """How a distance changes with the elements of ``x``."""
    difference = _difference(x, y, p, epsilon, place)
    if p == 1:
        return np.sign(difference)
    distance = _distance(x, y, p, epsilon, place)[..., np.newaxis]
    if p == np.inf:
        largest = np.where(np.abs(difference) == distance, 1.0, 0.0)
        return np.sign(difference) * largest / np.sum(largest, axis=-1, keepdims=True)
    share = difference / np.where(distance == 0, 1.0, distance)
    return share if p == 2 else np.sign(share) * np.abs(share) ** (p - 1.0)


@elements.loss
def margin_ranking(first: Array, second: Array, labels: Array, *, margin: float = 0.0) -> Array:
    """Loss of two scores in the wrong order.

    ``lossᵢ = max(-tᵢ (aᵢ - bᵢ) + m, 0)`` with ``t = 2 y - 1``

    Args:
        first: any shape; ``a``.
        second: the shape of ``first``; ``b``.
        labels: the shape of ``first``, 1 where the first is to be the greater one, else 0; ``y``.
        margin: by how much; ``m``.

    Raises:
        ValueError: shapes that do not fit.

    Source: Herbrich, Graepel and Obermayer (2000), Large margin rank boundaries for ordinal regression.
    """
    return np.maximum(_lacking(first, second, labels, margin), 0.0)


@elements.vjp
def margin_ranking_vjp(
    first: Array,
    second: Array,
    labels: Array,
    cotangent: Array,
    *,
    margin: float = 0.0,
    kink_gradient: float = 1.0,
) -> tuple[Array, Array]:
    """Gradient of `margin_ranking`: ``-t``, and ``t`` for the second; none where the loss is 0.

    Where what is lacking is just 0 it is ``kink_gradient`` times that, and where it is NaN there is none.
    """
    lacking = _lacking(first, second, labels, margin)
    slope = np.where(lacking > 0, 1.0, np.where(lacking == 0, kink_gradient, 0.0))
    gradient = cotangent * (1.0 - 2.0 * labels) * slope
    return gradient, -gradient


def _lacking(first: Array, second: Array, labels: Array, margin: float) -> Array:
    for name, given in (("second", second), ("labels", labels)):
        require_shape(name, given, first.shape, "as first")
    return (1.0 - 2.0 * labels) * (first - second) + margin


@elements.loss
def hinge_embedding(distances: Array, labels: Array, *, margin: float = 1.0) -> Array:
    """Loss of the distances of pairs, which are alike or not.

    ``lossᵢ = xᵢ`` of pairs that are alike, and ``max(m - xᵢ, 0)`` of others

    Args:
        distances: any shape; ``x``.
        labels: the shape of ``distances``, 1 where a pair is alike, else 0.
        margin: beyond it pairs that are not alike cost nothing; ``m``.

    Raises:
        ValueError: ``labels`` has another shape than ``distances``.

    Source: Hadsell, Chopra and LeCun (2006), Dimensionality reduction by learning an invariant mapping,
    section 2 (there squared).
    """
    require_shape("labels", labels, distances.shape, "as distances")
    return np.where(labels == 1, distances, np.maximum(margin - distances, 0.0))


@elements.vjp
def hinge_embedding_vjp(
    distances: Array, labels: Array, cotangent: Array, *, margin: float = 1.0
) -> tuple[Array]:
    """Gradient of `hinge_embedding`: 1 of pairs that are alike, -1 of others up to the margin itself."""
    return (cotangent * np.where(labels == 1, 1.0, np.where(margin - distances >= 0, -1.0, 0.0)),)


@rows.loss
def cosine_embedding(
    x: Array, y: Array, labels: Array, *, margin: float = 0.0, epsilon: float = 1e-12
) -> Array:
    """Loss of the angles between pairs of vectors, which are alike or not.

    ``1 - c`` of pairs that are alike, and ``max(c - m, 0)`` of others, with
    ``c = ⟨x, y⟩ / √((‖x‖² + ε) (‖y‖² + ε))``

    Args:
        x: ``(batch, features)``.
        y: the shape of ``x``.
        labels: ``(batch,)``, 1 where a pair is alike, else 0.
        margin: cosines up to it cost pairs that are not alike nothing; ``m``.
        epsilon: what is added to each sum of squares; ``ε``.

    Raises:
        ValueError: shapes that do not fit.

    Source: torch.nn.CosineEmbeddingLoss.
    """
    product, lengths, *_ = _angle(x, y, labels, epsilon)
    cosine = product / lengths
    return np.where(labels == 1, 1.0 - cosine, np.maximum(cosine - margin, 0.0))


@rows.vjp
def cosine_embedding_vjp(
    x: Array,
    y: Array,
    labels: Array,
    cotangent: Array,
    *,
    margin: float = 0.0,
    epsilon: float = 1e-12,
) -> tuple[Array, Array]:
    """Gradient of `cosine_embedding`: ``∓(y - ⟨x, y⟩ x / (‖x‖² + ε)) / √((‖x‖² + ε) (‖y‖² + ε))``.

    Of pairs that are not alike there is none below the margin; at the margin itself it passes.
    """
    product, lengths, *vectors = _angle(x, y, labels, epsilon)
    cosine = product / lengths
    slope = np.where(labels == 1, -1.0, np.where(cosine - margin >= 0, 1.0, 0.0 * cosine))
    each, product, lengths = (v[:, np.newaxis] for v in (cotangent * slope, product, lengths))

    def of(own: tuple[Array, ...], other: tuple[Array, ...]) -> Array:
        small, square, scale = own
        return each * ((other[0] - product / square * small) / lengths / scale)

    return of(*vectors), of(*vectors[::-1])


def _angle(x: Array, y: Array, labels: Array, epsilon: float) -> tuple[Any, ...]:
    """Product of small vectors, and of their lengths; and of each the vector, its square and its scale."""
    require_shape("y", y, x.shape, "as x")
    require_shape("labels", labels, x.shape[:1], "batch")
    first, second = _small(x, epsilon), _small(y, epsilon)
    lengths = np.sqrt(np.squeeze(first[1] * second[1], -1))
    return np.sum(first[0] * second[0], axis=-1), lengths, first, second


def _small(x: Array, epsilon: float) -> tuple[Array, ...]:
    """Vectors whose squares do not leave the range, these squares with ε, and what makes them small."""
    scale = magnitude(x, -1)
    small = x / scale
    return small, np.sum(np.square(small), axis=-1, keepdims=True) + epsilon / scale / scale, scale


def ranking_softmax(
    scores: Array,
    labels: Array,
    mask: Array | None = None,
    weights: Array | None = None,
    *,
    reduction: str = "mean",
) -> Array:
    """Cross entropy of the softmax of a list of scores against the relevance of its items.

    ``loss = -Σᵢ wᵢ yᵢ log softmax(x)ᵢ`` for each list, over the items that count

    Args:
        scores: ``(batch, items)``; ``x``.
        labels: the shape of ``scores``, the relevance of each item; ``y``.
        mask: the shape of ``scores``, which items count; None for all. The softmax is over these.
        weights: the shape of ``scores``; ``w``, or None for ones.
        reduction: ``none``, ``sum``, or the ``mean`` over the lists that have an item that counts. Where none
            has, or a list has none, it is 0.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Source: Cao et al. (2007), Learning to rank: from pairwise approach to listwise approach.
    """
    shares, log_p, counts = _listed(scores, labels, mask, weights)
    losses = -np.sum(np.where(counts, shares * log_p, 0.0), axis=-1)
    if reduction != "mean" or counts.any(axis=-1).all():
        return reduce(losses, reduction)
    return np.sum(losses) / max(float(np.sum(counts.any(axis=-1))), 1.0)


def ranking_softmax_vjp(
    scores: Array,
    labels: Array,
    mask: Array | None,
    weights: Array | None,
    cotangent: Array,
    *,
    reduction: str = "mean",
) -> tuple[Array, Array]:
    """Gradient of `ranking_softmax`: ``p Σ w y - w y``, and ``-w log p``; none of items that do not count."""
    shares, log_p, counts = _listed(scores, labels, mask, weights)
    lists = float(np.sum(counts.any(axis=-1)))
    if reduction == "mean":
        cotangent, reduction = cotangent / max(lists, 1.0), "sum"
    each = spread(cotangent, scores.shape[:1], reduction)[:, np.newaxis]
    of_scores = np.exp(log_p) * np.sum(np.where(counts, shares, 0.0), axis=-1, keepdims=True) - shares
    of_labels = -log_p if weights is None else -(weights * log_p)
    return np.where(counts, each * of_scores, 0.0), np.where(counts, each * of_labels, 0.0)


def _listed(
    scores: Array, labels: Array, mask: Array | None, weights: Array | None
) -> tuple[Array, Array, Array]:
    """What each item counts, its log-probability among those that do, and whether it does."""
    for name, given in (("labels", labels), ("mask", mask), ("weights", weights)):
        if given is not None:
            require_shape(name, given, scores.shape, "as scores")
    counts = np.ones(scores.shape, dtype=bool) if mask is None else mask
    some = counts.any(axis=-1, keepdims=True)
    log_p = log_softmax(np.where(counts, scores, np.where(some, -np.inf, 0.0)))
    return labels if weights is None else weights * labels, log_p, counts
