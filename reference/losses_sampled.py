"""Losses over a few candidate classes in place of all: noise-contrastive estimation and sampled softmax.

Which classes were drawn, and how often each was to be expected, are inputs: nothing here is random. The
output layer belongs to the loss, because only the rows of its weights that were drawn take part.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from .checks import Array, require, require_rank, require_shape
from .losses_classification import sigmoid_cross_entropy
from .softmax import log_softmax

__all__ = [
    "ACCIDENTAL_HITS",
    "CORRECTIONS",
    "nce_loss",
    "nce_loss_vjp",
    "sampled_softmax_loss",
    "sampled_softmax_loss_vjp",
]

ACCIDENTAL_HITS = ("keep", "remove", "remove_last")
"""What becomes of a candidate that is one of the row's true classes."""

CORRECTIONS = ("all", "sampled", "none")
"""Which logits are lowered by the logarithm of the expected count of their class."""


def sampled_softmax_loss(
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
    """Cross entropy of a softmax over the true classes and the sampled candidates alone.

    ``loss = -Σ_t 1/T log softmax(o)_t`` for each row, over the ``T`` true classes ``t``, where ``o`` holds
    ``x · w_c + b_c - log q_c`` for the true classes and then for the candidates ``c``

    Args:
        weights: ``(classes, features)``, the rows ``w_c`` of the output layer.
        biases: ``(classes,)``; ``b``.
        inputs: ``(batch, features)``; ``x``.
        labels: ``(batch, true)``, integers in [0, classes).
        sampled: ``(sampled,)``, integers in [0, classes), the same candidates for every row; one may stand
            there twice, and then counts twice.
        true_expected: ``(batch, true)``, how often each true class was expected among the candidates, and
        sampled_expected: ``(sampled,)``, each candidate; positive; ``q``.
        accidental_hits: candidates that are a true class of the row stay (``keep``) or have no part
            (``remove``); ``remove_last`` takes out only the last of equal candidates.
        correction: ``log q`` is subtracted from ``all`` logits, from those ``sampled``, or from ``none``.

    Returns:
        ``(batch,)``.

    Raises:
        ValueError: shapes that do not fit, a label or candidate that is no class, or an unknown option.

    Source: Jean, Cho, Memisevic and Bengio (2015), arXiv:1412.2007, section 3; Bengio and Senécal (2008).
    Blanc and Rendle (2018), arXiv:1712.00527, correct the sampled logits alone.
    """
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    true, noise, removed = _logits(*given, accidental_hits, correction)
    log_p = _log_softmax(true, noise, removed)
    return -np.mean(log_p[:, : labels.shape[-1]], axis=-1)


def sampled_softmax_loss_vjp(
    weights: Array,
    biases: Array,
    inputs: Array,
    labels: Array,
    sampled: Array,
    true_expected: Array,
    sampled_expected: Array,
    cotangent: Array,
    *,
    accidental_hits: str = "remove",
    correction: str = "all",
) -> tuple[Array, Array, Array]:
    """Gradient of `sampled_softmax_loss`: ``softmax(o) - 1/T`` through the logits of true classes.

    Through those of candidates it is ``softmax(o)``. A row of the weights collects what comes from all places
    that name its class; classes that none names have no gradient.
    """
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    true, noise, removed = _logits(*given, accidental_hits, correction)
    p, count = np.exp(_log_softmax(true, noise, removed)), labels.shape[-1]
    rows = cotangent[:, np.newaxis]
    of_true, of_noise = rows * (p[:, :count] - 1.0 / count), rows * p[:, count:]
    return _through_logits(weights, inputs, labels, sampled, of_true, of_noise)


def nce_loss(
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
    """Noise-contrastive estimation: logistic losses that tell true classes from sampled noise.

    ``loss = -Σ_t (z log σ(o_t) + (1 - z) log σ(-o_t)) - Σ_s log σ(-o_s)`` for each row, over the ``T`` true
    classes ``t`` and the candidates ``s``, with ``o_c = x · w_c + b_c - log q_c``

    Args:
        weights: ``(classes, features)``, the rows ``w_c`` of the output layer.
        biases: ``(classes,)``; ``b``.
        inputs: ``(batch, features)``; ``x``.
        labels: ``(batch, true)``, integers in [0, classes).
        sampled: ``(sampled,)``, integers in [0, classes), the same candidates for every row.
        true_expected: ``(batch, true)``, how often each true class was expected among the candidates, and
        sampled_expected: ``(sampled,)``, each candidate; positive; ``q``.
        accidental_hits: as for `sampled_softmax_loss`.
        correction: as for `sampled_softmax_loss`; with ``none`` this is negative sampling.
        true_target: ``z`` is a ``share`` of ``1/T`` for each true class, or ``one``.

    Returns:
        ``(batch,)``.

    Raises:
        ValueError: shapes that do not fit, a label or candidate that is no class, or an unknown option.

    Source: Gutmann and Hyvärinen (2010), Noise-contrastive estimation; Mikolov et al. (2013),
    arXiv:1310.4546, equation 4, for negative sampling.
    """
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    true, noise, removed = _logits(*given, accidental_hits, correction)
    of_true = sigmoid_cross_entropy(true, _targets(labels, true_target), reduction="none")
    return np.sum(of_true, axis=-1) - np.sum(np.where(removed, 0.0, log_expit(-noise)), axis=-1)


def nce_loss_vjp(
    weights: Array,
    biases: Array,
    inputs: Array,
    labels: Array,
    sampled: Array,
    true_expected: Array,
    sampled_expected: Array,
    cotangent: Array,
    *,
    accidental_hits: str = "keep",
    correction: str = "all",
    true_target: str = "share",
) -> tuple[Array, Array, Array]:
    """Gradient of `nce_loss`: ``σ(o) - z`` through the logits of true classes, ``σ(o)`` of candidates."""
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    true, noise, removed = _logits(*given, accidental_hits, correction)
    rows = cotangent[:, np.newaxis]
    of_true = rows * (expit(true) - _targets(labels, true_target))
    of_noise = np.where(removed, 0.0, rows * expit(noise))
    return _through_logits(weights, inputs, labels, sampled, of_true, of_noise)


def _logits(
    weights: Array,
    biases: Array,
    inputs: Array,
    labels: Array,
    sampled: Array,
    true_expected: Array,
    sampled_expected: Array,
    accidental_hits: str,
    correction: str,
) -> tuple[Array, Array, Array]:
    """Corrected logits of the true classes and of the candidates, and which of these are removed."""
    _check(weights, biases, inputs, labels, sampled)
    require_shape("true_expected", true_expected, labels.shape, "as labels")
    require_shape("sampled_expected", sampled_expected, sampled.shape, "as sampled")
    require(
        correction in CORRECTIONS, f"correction must be one of {', '.join(CORRECTIONS)}; got {correction!r}"
    )
    of_true, of_noise = np.take(weights, labels, axis=0), np.take(weights, sampled, axis=0)
    true = np.matmul(of_true, inputs[..., np.newaxis])[..., 0] + np.take(biases, labels)
    noise = np.matmul(inputs, np.swapaxes(of_noise, 0, 1)) + np.take(biases, sampled)
    if correction == "all":
        true = true - np.log(true_expected)
    if correction != "none":
        noise = noise - np.log(sampled_expected)
    return true, noise, _removed(labels, sampled, accidental_hits)


def _check(weights: Array, biases: Array, inputs: Array, labels: Array, sampled: Array) -> None:
    require_rank("weights", weights, 2, "classes, features")
    classes, features = weights.shape
    require_shape("biases", biases, (classes,), "classes")
    require_rank("labels", labels, 2, "batch, true")
    require_shape("inputs", inputs, (labels.shape[0], features), "batch, features")
    require_rank("sampled", sampled, 1, "sampled")
    for name, indices in (("labels", labels), ("sampled", sampled)):
        known = (indices >= 0) & (indices < classes)
        require(np.all(known), f"{name} must be in [0, {classes}); got {indices[~known][:1]}")


def _removed(labels: Array, sampled: Array, accidental_hits: str) -> Array:
    """Which candidates have no part in which row: ``(batch, sampled)``."""
    require(
        accidental_hits in ACCIDENTAL_HITS,
        f"accidental_hits must be one of {', '.join(ACCIDENTAL_HITS)}; got {accidental_hits!r}",
    )
    hits = np.any(labels[:, :, np.newaxis] == sampled, axis=1)
    if accidental_hits == "keep":
        return hits & False
    again = np.any(np.triu(sampled[:, np.newaxis] == sampled, k=1), axis=1)
    return hits & ~again if accidental_hits == "remove_last" else hits


def _log_softmax(true: Array, noise: Array, removed: Array) -> Array:
    """Log-probabilities of the true classes, then of the candidates."""
    return log_softmax(np.concatenate([true, np.where(removed, -np.inf, noise)], axis=-1))


def _targets(labels: Array, true_target: str) -> Array:
    """What the logistic losses of the true classes aim at: ``z``."""
    require(true_target in ("share", "one"), f"true_target must be share or one; got {true_target!r}")
    return np.full(labels.shape, 1.0 / labels.shape[-1] if true_target == "share" else 1.0)


def _through_logits(
    weights: Array, inputs: Array, labels: Array, sampled: Array, of_true: Array, of_noise: Array
) -> tuple[Array, Array, Array]:
    """Gradients of weights, biases and inputs, from those of the logits."""
    classes = np.arange(weights.shape[0])[:, np.newaxis, np.newaxis]
    candidates = np.broadcast_to(sampled, of_noise.shape)
    of_logits = np.concatenate([of_true, of_noise], axis=-1)
    # Selected, not multiplied by ones and zeros: a NaN stays with the classes that its row names.
    chosen = np.concatenate([labels, candidates], axis=-1) == classes
    products = of_logits[..., np.newaxis] * inputs[:, np.newaxis, :]
    through_true = np.einsum("bt,btf->bf", of_true, np.take(weights, labels, axis=0))
    return (
        np.sum(np.where(chosen[..., np.newaxis], products, 0.0), axis=(1, 2)),
        np.sum(np.where(chosen, of_logits, 0.0), axis=(1, 2)),
        through_true + np.matmul(of_noise, np.take(weights, sampled, axis=0)),
    )
