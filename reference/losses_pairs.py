"""Losses of all pairs of a batch of embeddings, which are alike where their labels are equal."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .checks import Array, require, require_rank, require_shape
from .reductions import reduce, spread
from .selection import plain

__all__ = ["circle", "circle_vjp", "ntxent", "ntxent_vjp"]


def ntxent(embeddings: Array, labels: Array, *, temperature: float = 0.07) -> Array:
    """Normalized temperature-scaled cross entropy: each like one against all that are unlike.

    ``mean_ij -log(exp(s_ij) / (exp(s_ij) + Σ_k exp(s_ik)))`` over the pairs ``i ≠ j`` of equal labels, and
    over the k whose label is another than that of i, with ``s = cos(x_i, x_j) / τ``

    Args:
        embeddings: ``(batch, features)``, none of them 0; ``x``.
        labels: ``(batch,)``, integers.
        temperature: ``τ``, above 0.

    Returns:
        A scalar, NaN where no labels are equal.

    Raises:
        ValueError: shapes that do not fit, or a ``temperature`` that is not positive.

    Source: Chen et al. (2020), A simple framework for contrastive learning, arXiv:2002.05709, equation 1,
    where each label stands for one pair. Several pairs of one label are averaged as by Khosla et al. (2020),
    Supervised contrastive learning, arXiv:2004.11362, who let the other like ones stand in the sum too.
    """
    _, _, scores = _cosines(embeddings, labels, temperature)
    alike, unlike = _kinds(labels)
    losses = np.where(alike, _totals(scores, unlike) - scores, 0.0)
    return np.sum(losses) / float(np.sum(alike)) if alike.any() else np.sum(losses) + np.nan


def ntxent_vjp(
    embeddings: Array, labels: Array, cotangent: Array, *, temperature: float = 0.07
) -> tuple[Array]:
    """Gradient of `ntxent`: of the scores ``p_ij - 1`` of pairs that are alike, and ``Σ_j p_ijk`` of others.

    Through the cosines ``(g - u ⟨u, g⟩) / ‖x‖``, with ``u = x / ‖x‖``.
    """
    units, lengths, scores = _cosines(embeddings, labels, temperature)
    alike, unlike = _kinds(labels)
    totals = _totals(scores, unlike)
    of_alike = np.where(alike, np.exp(scores - totals) - 1.0, 0.0)
    among = np.exp(scores[:, np.newaxis, :] - totals[:, :, np.newaxis])
    of_unlike = np.where(unlike, np.sum(np.where(alike[:, :, np.newaxis], among, 0.0), axis=1), 0.0)
    of_scores = cotangent * (of_alike + of_unlike) / float(np.sum(alike)) / temperature
    of_units = np.matmul(of_scores + np.transpose(of_scores), units)
    return ((of_units - units * np.sum(units * of_units, axis=-1, keepdims=True)) / lengths,)


def _cosines(embeddings: Array, labels: Array, temperature: float) -> tuple[Array, Array, Array]:
    """The embeddings at length 1, their lengths, and the scores of all pairs."""
    _check_pairs(embeddings, labels)
    require(temperature > 0, f"temperature must be positive; got {temperature}")
    lengths = np.sqrt(np.sum(np.square(embeddings), axis=-1, keepdims=True))
    units = embeddings / lengths
    return units, lengths, np.matmul(units, np.transpose(units)) / temperature


def _kinds(labels: Array) -> tuple[Array, Array]:
    """Which pairs are alike, but for each with itself, and which are unlike."""
    equal = labels[:, np.newaxis] == labels
    return equal & ~np.eye(len(labels), dtype=bool), ~equal


def _totals(scores: Array, unlike: Array) -> Array:
    """``log(exp(s_ij) + Σ_k exp(s_ik))`` of each pair."""
    others = np.where(unlike, scores, -np.inf)
    # Any number near the maximum does as well: the shift makes no error.
    top = plain(np.maximum(np.max(others, axis=-1, keepdims=True), scores))
    rest = np.where(unlike[:, np.newaxis, :], scores[:, np.newaxis, :], -np.inf) - top[..., np.newaxis]
    return top + np.log(np.exp(scores - top) + np.sum(np.exp(rest), axis=-1))


def _check_pairs(embeddings: Array, labels: Array) -> None:
    require_rank("embeddings", embeddings, 2, "batch, features")
    require_shape("labels", labels, embeddings.shape[:1], "batch")


def circle(
    embeddings: Array,
    labels: Array,
    sample_weights: Array | None = None,
    *,
    gamma: float = 80.0,
    margin: float = 0.4,
    remove_diagonal: bool = True,
    reduction: str = "mean",
) -> Array:
    """Circle loss: like pairs are to be near, unlike ones far, and what is far from that counts more.

    ``log(1 + Σ_j exp(γ max(m + d_ij, 0) (d_ij - m)) Σ_k exp(γ max(1 + m - d_ik, 0) (1 - m - d_ik)))`` of
    each i, over the j that are like it and the k that are not, with ``d_ij = max(1 - ⟨x_i, x_j⟩, 0)``

    Args:
        embeddings: ``(batch, features)``, which are meant to be of length 1; ``x``.
        labels: ``(batch,)``, integers.
        sample_weights: ``(batch,)``, by which the losses are multiplied, or None.
        gamma: ``γ``.
        margin: ``m``.
        remove_diagonal: whether none is like itself.
        reduction: ``none``, ``sum``, ``mean``, or their sum divided by the number of losses that are not 0
            (``mean_positive``), or by the weights of these (``mean_weights``).

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Source: Sun et al. (2020), Circle loss, arXiv:2002.10857, equations 5 and 6 (there with similarities, and
    weights that count as constants).
    """
    exponent = _exponents(embeddings, labels, gamma, margin, remove_diagonal)[0]
    losses = np.logaddexp(exponent, 0.0)
    count = _positive(losses, sample_weights, reduction)
    if count is None:
        return reduce(losses, reduction, weights=sample_weights)
    return reduce(losses, "sum", weights=sample_weights) / count


def circle_vjp(
    embeddings: Array,
    labels: Array,
    sample_weights: Array | None,
    cotangent: Array,
    *,
    gamma: float = 80.0,
    margin: float = 0.4,
    remove_diagonal: bool = True,
    reduction: str = "mean",
) -> tuple[Array]:
    """Gradient of `circle`: ``σ(a) (Σ p_j γ 2 d_ij - Σ q_k γ 2 (1 - d_ik))``, where no maximum holds.

    Here p and q are the shares of the two sums. Where a weight is held at 0 its pair has none, nor where the
    distance is. Rows that lack either kind have none.
    """
    exponent, shares, slopes, near = _exponents(embeddings, labels, gamma, margin, remove_diagonal)
    count = _positive(np.logaddexp(exponent, 0.0), sample_weights, reduction)
    if count is not None:
        cotangent, reduction = cotangent / count, "sum"
    each = spread(cotangent, labels.shape, reduction, weights=sample_weights) * expit(exponent)
    of_distances = np.where((exponent == -np.inf)[:, np.newaxis], 0.0, each[:, np.newaxis] * shares * slopes)
    of_products = np.where(near, 0.0, -of_distances)
    return (np.matmul(of_products + np.transpose(of_products), embeddings),)


def _positive(losses: Array, weights: Array | None, reduction: str) -> Array | float | None:
    """What a mean of losses that are not 0 divides by: their number, at least 1, or their weights."""
    above = plain(losses) > 0
    if reduction == "mean_positive":
        return max(float(np.sum(above)), 1.0)
    if reduction != "mean_weights":
        return None
    require(weights is not None, "a mean over weights takes weights of samples")
    return np.sum(np.where(above, weights, 0.0))  # type: ignore[arg-type]


def _exponents(
    embeddings: Array, labels: Array, gamma: float, margin: float, remove_diagonal: bool
) -> tuple[Array, Array, Array, Array]:
    """The exponent of each row, shares and slopes of its pairs, and which distances are held at 0."""
    _check_pairs(embeddings, labels)
    alike, unlike = _kinds(labels)
    alike = alike if remove_diagonal else ~unlike
    products = np.matmul(embeddings, np.transpose(embeddings))
    distances = np.maximum(1.0 - products, 0.0)
    of_alike = gamma * np.maximum(margin + distances, 0.0) * (distances - margin)
    weight = np.maximum(1.0 + margin - distances, 0.0)
    of_unlike = gamma * weight * (1.0 - margin - distances)
    first, p = _log_sum(np.where(alike, of_alike, -np.inf))
    second, q = _log_sum(np.where(unlike, of_unlike, -np.inf))
    slopes = np.where(
        alike, 2.0 * gamma * distances, np.where(weight > 0, -2.0 * gamma * (1.0 - distances), 0.0)
    )
    return first + second, np.where(alike, p, np.where(unlike, q, 0.0)), slopes, 1.0 - products < 0


def _log_sum(terms: Array) -> tuple[Array, Array]:
    """Logarithm of the sum of exponentials of each row, and what share of it each has."""
    top = plain(np.max(terms, axis=-1, keepdims=True))
    none = top == -np.inf
    shifted = np.exp(np.where(none, -np.inf, terms - np.where(none, 0.0, top)))
    total = np.sum(shifted, axis=-1, keepdims=True)
    kept = np.where(none, 1.0, total)
    return np.where(none, -np.inf, np.log(kept) + np.where(none, 0.0, top))[:, 0], shifted / kept
