"""Routing of tokens to experts, and the losses that keep it in balance."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .checks import Array, require, require_rank, require_shape
from .selection import greatest, plain, scattered
from .softmax import logsumexp, logsumexp_vjp, softmax, softmax_vjp

__all__ = [
    "load_balancing_loss",
    "load_balancing_loss_vjp",
    "router_z_loss",
    "router_z_loss_vjp",
    "topk_router",
    "topk_router_vjp",
]

SCORES = ("softmax", "sigmoid")


def topk_router(
    logits: Array,
    bias: Array | None = None,
    *,
    k: int = 2,
    score: str = "softmax",
    renormalise: bool = True,
    factor: float = 1.0,
) -> tuple[Array, Array]:
    """The experts that each token goes to, and with which weights.

    ``w_j = c s_{e_j}``, or with ``renormalise`` ``w_j = c s_{e_j} / Σᵢ s_{e_i}``, with the scores
    ``s = softmax(logits)`` or ``σ(logits)``, and ``e`` the k experts of greatest ``s + b``

    The bias chooses and does not weigh. Scores are those of single precision: two that float32 tells apart
    are no tie.

    Args:
        logits: ``(tokens, experts)``.
        bias: b, ``(experts,)``, or None for none. No gradient reaches it.
        k: how many experts each token goes to, from 0 to the number of experts.
        score: ``softmax`` or ``sigmoid``.
        renormalise: whether the weights of a token sum to c.
        factor: c.

    Returns:
        Weights and experts, each ``(tokens, k)``, by falling ``s + b``, of equals the first first.

    Raises:
        ValueError: there are no k experts, the bias does not fit, or ``score`` is unknown.

    Sources: Shazeer et al. (2017), arXiv:1701.06538, section 2.1, for softmax; DeepSeek-AI (2024),
    DeepSeek-V3, arXiv:2412.19437, section 2.1.2, for the logistic and the bias.
    """
    require_rank("logits", logits, 2, "tokens, experts")
    require(score in SCORES, f"score must be {' or '.join(SCORES)}; got {score!r}")
    if bias is not None:
        require_shape("bias", bias, logits.shape[1:], "experts")
    scores = _scores(logits, score)
    experts = _chosen(logits, bias, k, score)
    weights = np.take_along_axis(scores, experts, axis=-1)
    if renormalise:
        weights = weights / np.sum(weights, axis=-1, keepdims=True)
    return factor * weights, experts


def topk_router_vjp(
    logits: Array,
    bias: Array | None,
    cotangent: Array,
    *,
    k: int = 2,
    score: str = "softmax",
    renormalise: bool = True,
    factor: float = 1.0,
) -> tuple[Array]:
    """Gradient of `topk_router`: through the scores of what was chosen, of a softmax to all logits."""
    scores = _scores(logits, score)
    experts, through = _chosen(logits, bias, k, score), factor * cotangent
    if renormalise:
        weights = np.take_along_axis(scores, experts, axis=-1)
        total = np.sum(weights, axis=-1, keepdims=True)
        through = (through - np.sum(through * weights / total, axis=-1, keepdims=True)) / total
    of_scores = scattered(through, experts, logits.shape[-1])
    if score == "softmax":
        return softmax_vjp(logits, of_scores)
    return (of_scores * (scores * (1.0 - scores)),)


def load_balancing_loss(logits: Array, *, k: int = 2, share: str = "tokens") -> Array:
    """Loss that is least where all experts have as much to do.

    ``E Σ_e f_e P_e`` with ``f_e`` the share of tokens that have e among their k experts, and ``P_e`` the mean
    of ``softmax(logits)_e`` over tokens

    Args:
        logits: ``(tokens, experts)``.
        k: how many experts each token goes to.
        share: ``f`` is a share of all ``tokens``, so that f sums to k; or of all ``choices``, which it sums
            to 1 of.

    Returns:
        A number: k where all is in balance, or 1 for ``choices``.

    Raises:
        ValueError: there are no k experts, or ``share`` is unknown.

    Source: Fedus, Zoph and Shazeer (2021), Switch transformers, arXiv:2101.03961, equation 4.
    """
    require_rank("logits", logits, 2, "tokens, experts")
    require(share in ("tokens", "choices"), f"share must be tokens or choices; got {share!r}")
    probabilities = np.mean(softmax(logits), axis=0)
    return np.sum(_load(logits, k, share) * probabilities)


def load_balancing_loss_vjp(
    logits: Array, cotangent: Array, *, k: int = 2, share: str = "tokens"
) -> tuple[Array]:
    """Gradient of `load_balancing_loss`: through P alone, for counts have none."""
    each = cotangent * _load(logits, k, share) / float(len(logits))
    return softmax_vjp(logits, np.broadcast_to(each, logits.shape))


def router_z_loss(logits: Array) -> Array:
    """Loss that keeps the logits of a router small.

    ``mean (log Σ_e exp(logits_e))²`` over tokens

    Args:
        logits: ``(tokens, experts)``.

    Returns:
        A number.

    Raises:
        ValueError: logits have not two axes.

    Source: Zoph et al. (2022), ST-MoE, arXiv:2202.08906, equation 5.
    """
    require_rank("logits", logits, 2, "tokens, experts")
    return np.mean(np.square(logsumexp(logits)))


def router_z_loss_vjp(logits: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `router_z_loss`: ``2 z / n`` times the softmax, with z the logarithm of a token."""
    of_tokens = cotangent * (2.0 / float(len(logits))) * logsumexp(logits)
    return logsumexp_vjp(logits, None, None, of_tokens)[:1]


def _scores(logits: Array, score: str) -> Array:
    return softmax(logits) if score == "softmax" else expit(logits)


def _chosen(logits: Array, bias: Array | None, k: int, score: str) -> Array:
    """The experts of greatest score: without a bias those of the greatest logits, with which scores grow."""
    return greatest(logits if bias is None else _scores(plain(logits), score) + plain(bias), k)


def _load(logits: Array, k: int, share: str) -> Array:
    """Factor of each expert's probability: the number of experts, times the share of tokens that it has."""
    tokens, experts = logits.shape
    counts = np.sum(greatest(logits, k)[..., np.newaxis] == np.arange(experts), axis=(0, 1))
    return np.asarray(counts * float(experts)) / float(tokens * (k if share == "choices" else 1))
