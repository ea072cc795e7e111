"""Losses that teach a policy what is preferred, from log-probabilities of whole answers.

That of pairs against a reference is `assay.reference.losses_language.dpo_loss`.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from .checks import Array, require, require_rank, require_shape
from .reductions import reduce, spread

__all__ = [
    "cpo_loss",
    "cpo_loss_vjp",
    "kto_loss",
    "kto_loss_vjp",
    "orpo_loss",
    "orpo_loss_vjp",
]


def cpo_loss(
    chosen: Array,
    rejected: Array,
    chosen_lengths: Array | None = None,
    rejected_lengths: Array | None = None,
    *,
    beta: float = 0.1,
    margin: float = 0.0,
    nll_weight: float = 0.0,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Array:
    """Contrastive preference optimization without a reference; with a margin and lengths that of SimPO.

    ``-(1 - ε) log σ(h) - ε log σ(-h) - α c`` with ``h = β (c - r) - γ``, of log-probabilities c and r of
    the answers, or of their tokens on average

    Args:
        chosen: ``(batch,)``, log-probabilities of what was chosen.
        rejected: ``(batch,)``, of what was not.
        chosen_lengths: ``(batch,)``, by which the former are divided, or None.
        rejected_lengths: ``(batch,)``, by which the latter are divided, or None.
        beta: ``β``.
        margin: by how much the chosen is to be ahead; ``γ``.
        nll_weight: how much the likelihood of the chosen counts beside; ``α``.
        label_smoothing: how many pairs are the wrong way round, below 1/2; ``ε``.
        reduction: ``mean``, ``none``, or ``sum``.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Source: Xu et al. (2024), Contrastive preference optimization, arXiv:2401.08417, section 3; Meng, Xia and
    Chen (2024), SimPO, arXiv:2405.14734, section 2, for lengths and the margin.
    """
    first, second = _averages(chosen, rejected, chosen_lengths, rejected_lengths)
    h = beta * (first - second) - margin
    losses = -((1.0 - label_smoothing) * log_expit(h) + label_smoothing * log_expit(-h))
    return reduce(losses - nll_weight * first if nll_weight else losses, reduction)


def cpo_loss_vjp(
    chosen: Array,
    rejected: Array,
    chosen_lengths: Array | None,
    rejected_lengths: Array | None,
    cotangent: Array,
    *,
    beta: float = 0.1,
    margin: float = 0.0,
    nll_weight: float = 0.0,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[Array, Array]:
    """Gradient of `cpo_loss`: ``β s - α`` and ``-β s`` with ``s = ε σ(h) - (1 - ε) σ(-h)``, over lengths."""
    first, second = _averages(chosen, rejected, chosen_lengths, rejected_lengths)
    h = beta * (first - second) - margin
    slope = beta * (label_smoothing * expit(h) - (1.0 - label_smoothing) * expit(-h))
    each = spread(cotangent, h.shape, reduction)
    of_first, of_second = each * (slope - nll_weight), -(each * slope)
    if chosen_lengths is None:
        return of_first, of_second
    return of_first / chosen_lengths, of_second / rejected_lengths


def _averages(
    chosen: Array, rejected: Array, chosen_lengths: Array | None, rejected_lengths: Array | None
) -> tuple[Array, Array]:
    """The log-probabilities of both answers, divided by their lengths if these are given."""
    _check_answers("chosen", chosen, rejected=rejected)
    require((chosen_lengths is None) == (rejected_lengths is None), "give the lengths of both, or of neither")
    if chosen_lengths is None:
        return chosen, rejected
    _check_answers("chosen", chosen, chosen_lengths=chosen_lengths, rejected_lengths=rejected_lengths)
    return chosen / chosen_lengths, rejected / rejected_lengths


def orpo_loss(
    chosen_nll: Array, rejected_nll: Array, *, weight: float = 0.1, reduction: str = "mean"
) -> Array:
    """Odds-ratio preference optimization: the likelihood of what was chosen, and its odds against the other.

    ``c - λ log σ(log odds(c) - log odds(r))`` with ``log odds(x) = -x - log(1 - exp(-x))``

    Args:
        chosen_nll: ``(batch,)``, negative log-likelihoods of the tokens of what was chosen, on average,
            positive; ``c``.
        rejected_nll: ``(batch,)``, of what was not; ``r``.
        weight: ``λ``.
        reduction: ``mean``, ``none``, or ``sum``.

    Raises:
        ValueError: shapes that do not fit, or an unknown ``reduction``.

    Source: Hong, Lee and Thorne (2024), ORPO, arXiv:2403.07691, section 4.
    """
    return reduce(chosen_nll - weight * log_expit(_log_odds_ratio(chosen_nll, rejected_nll)), reduction)


def orpo_loss_vjp(
    chosen_nll: Array,
    rejected_nll: Array,
    cotangent: Array,
    *,
    weight: float = 0.1,
    reduction: str = "mean",
) -> tuple[Array, Array]:
    """Gradient of `orpo_loss`: ``1 + λ σ(-h) / (1 - exp(-c))``, and ``-λ σ(-h) / (1 - exp(-r))``."""
    h = _log_odds_ratio(chosen_nll, rejected_nll)
    each = spread(cotangent, h.shape, reduction)
    moved = each * (weight * expit(-h))
    return each - moved / np.expm1(-chosen_nll), moved / np.expm1(-rejected_nll)


def _log_odds_ratio(chosen_nll: Array, rejected_nll: Array) -> Array:
    _check_answers("chosen_nll", chosen_nll, rejected_nll=rejected_nll)
    # The logarithm of 1 - exp(-x) loses no digits where x is small.
    first, second = (np.log(-np.expm1(-x)) for x in (chosen_nll, rejected_nll))
    return (rejected_nll - chosen_nll) - (first - second)


def kto_loss(
    log_probs: Array,
    reference_log_probs: Array,
    labels: Array,
    other_log_ratios: Array,
    *,
    beta: float = 0.1,
    desirable: float = 1.0,
    undesirable: float = 1.0,
    reduction: str = "mean",
) -> Array:
    """Kahneman–Tversky optimization: what a single answer is worth, against where the policy stands.

    ``λ (1 - σ(±β (h - z)))`` with ``h = log π - log ρ``, + for desirable answers, whose λ is one of two, and
    ``z = max(mean of the log-ratios of other answers, 0)``

    Args:
        log_probs: ``(batch,)``, of answers under the policy; ``log π``.
        reference_log_probs: ``(batch,)``, under the reference, constant; ``log ρ``.
        labels: ``(batch,)``, 1 for desirable answers and 0 for others.
        other_log_ratios: ``(others,)``, log-ratios of answers to other questions, constant.
        beta: ``β``.
        desirable: ``λ`` of desirable answers.
        undesirable: ``λ`` of the others.
        reduction: ``mean``, ``none``, or ``sum``.

    Raises:
        ValueError: shapes that do not fit, labels out of range, or an unknown ``reduction``.

    Source: Ethayarajh et al. (2024), KTO, arXiv:2402.01306, section 4.
    """
    worth, _ = _worth(log_probs, reference_log_probs, labels, other_log_ratios, beta)
    return reduce(np.where(labels == 1, desirable, undesirable) * expit(-worth), reduction)


def kto_loss_vjp(
    log_probs: Array,
    reference_log_probs: Array,
    labels: Array,
    other_log_ratios: Array,
    cotangent: Array,
    *,
    beta: float = 0.1,
    desirable: float = 1.0,
    undesirable: float = 1.0,
    reduction: str = "mean",
) -> tuple[Array]:
    """Gradient of `kto_loss`: ``∓λ β y (1 - y)`` of a sigmoid y as it is kept; the stand is constant."""
    worth, signed = _worth(log_probs, reference_log_probs, labels, other_log_ratios, beta)
    each = spread(cotangent, labels.shape, reduction) * np.where(labels == 1, desirable, undesirable)
    held = expit(-worth)
    return (-(each * signed * (held * (1.0 - held))),)


def _worth(
    log_probs: Array, reference_log_probs: Array, labels: Array, other_log_ratios: Array, beta: float
) -> tuple[Array, Array]:
    """How much each answer is worth, and β, negated for undesirable ones."""
    _check_answers("log_probs", log_probs, reference_log_probs=reference_log_probs, labels=labels)
    require_rank("other_log_ratios", other_log_ratios, 1, "others")
    require(np.all((labels == 0) | (labels == 1)), "labels must be 0 or 1")
    stands = np.maximum(np.mean(other_log_ratios), 0.0)
    signed = np.where(labels == 1, beta, -beta)
    return signed * ((log_probs - reference_log_probs) - stands), signed


def _check_answers(name: str, first: Array, **others: Array | None) -> None:
    require_rank(name, first, 1, "batch")
    for other, array in others.items():
        require_shape(other, array, first.shape, "batch")
