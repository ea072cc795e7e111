"""Losses of language models, of the logits or log-probabilities of tokens."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from .checks import Array, require, require_rank, require_shape
from .losses_classification import sparse_softmax_cross_entropy, sparse_softmax_cross_entropy_vjp
from .reductions import reduce, spread
from .softmax import log_softmax, softmax

__all__ = [
    "DIVERGENCES",
    "LEVELS",
    "NORMALIZERS",
    "OBJECTIVES",
    "PREFERENCES",
    "dpo_loss",
    "dpo_loss_vjp",
    "grpo_loss",
    "grpo_loss_vjp",
    "jsd_distillation",
    "jsd_distillation_vjp",
    "linear_cross_entropy",
    "linear_cross_entropy_vjp",
    "token_cross_entropy",
    "token_cross_entropy_vjp",
    "token_log_probs",
    "token_log_probs_vjp",
]

PREFERENCES = ("sigmoid", "robust", "ipo", "hinge")
"""What is made of how much more a policy prefers one answer than its reference does."""

NORMALIZERS = ("sequences", "tokens", "places")
"""What the losses of tokens are divided by."""

LEVELS = ("tokens", "sequences")
"""What has a ratio of its own."""

OBJECTIVES = ("clipped", "weighted")
"""Whether a clipped ratio is maximized, or the log-probability, by the clipped ratio as a weight."""

DIVERGENCES = ("exponential", "square", "difference")
"""How far a policy has moved from its reference, as it is estimated from one token."""


# --- cross entropies of tokens ---


def linear_cross_entropy(
    inputs: Array,
    kernel: Array,
    bias: Array | None,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignored: int | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross entropy of the softmax of a linear map, whose logits need not be kept.

    That of `sparse_softmax_cross_entropy` of ``x Wᵀ + b``, whose mean is over the tokens that count, or over
    the weights of their classes

    Args:
        inputs: ``(tokens, features)``; ``x``.
        kernel: ``(classes, features)``; ``W``.
        bias: ``(classes,)``; ``b``, or None.
        labels: ``(tokens,)``, the class of each.
        class_weights: ``(classes,)``, or None.
        label_smoothing: share that is spread evenly over the classes.
        ignored: tokens with this label do not count; None for no such label.
        reduction: ``mean``, ``none``, or ``sum``.

    Raises:
        ValueError: shapes that do not fit, or an unknown option.

    Source: Wijmans et al. (2024), Cut your losses in large-vocabulary language models, arXiv:2411.09009.
    """
    options = {"label_smoothing": label_smoothing, "ignored": ignored, "reduction": reduction}
    logits = _mapped(inputs, kernel, bias)
    return sparse_softmax_cross_entropy(logits, labels, class_weights, **options)  # type: ignore[arg-type]


def linear_cross_entropy_vjp(
    inputs: Array,
    kernel: Array,
    bias: Array | None,
    labels: Array,
    class_weights: Array | None,
    cotangent: Array,
    *,
    label_smoothing: float = 0.0,
    ignored: int | None = None,
    reduction: str = "mean",
) -> tuple[Array, Array, Array | None]:
    """Gradient of `linear_cross_entropy`: with g that of the logits ``g W``, ``gᵀ x``, and ``Σ g``."""
    options = {"label_smoothing": label_smoothing, "ignored": ignored, "reduction": reduction}
    logits = _mapped(inputs, kernel, bias)
    (g,) = sparse_softmax_cross_entropy_vjp(logits, labels, class_weights, cotangent, **options)  # type: ignore[arg-type]
    of_bias = None if bias is None else np.sum(g, axis=0)
    return np.matmul(g, kernel), np.matmul(np.transpose(g), inputs), of_bias


def _mapped(inputs: Array, kernel: Array, bias: Array | None) -> Array:
    require_rank("inputs", inputs, 2, "tokens, features")
    require_rank("kernel", kernel, 2, "classes, features")
    require_shape("kernel", kernel, (kernel.shape[0], inputs.shape[1]), "classes, features")
    logits = np.matmul(inputs, np.transpose(kernel))
    if bias is None:
        return logits
    require_shape("bias", bias, kernel.shape[:1], "classes")
    return logits + bias


def token_cross_entropy(
    logits: Array,
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    ignored: int | None = None,
    z_weight: float = 0.0,
    softcap: float | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross entropy of tokens, with what language models add to it.

    ``(1 - ε) (lse - z_y) + ε/V Σ_j (lse - z_j) + ζ lse²`` of each token, with ``z = c tanh(x / c)`` and
    ``lse = log Σ exp(z)``

    Args:
        logits: ``(tokens, classes)``; ``x``.
        labels: ``(tokens,)``, the class of each; ``y``.
        label_smoothing: ``ε``.
        ignored: tokens with this label have loss 0 and no gradient, and do not count; None for no such label.
        z_weight: ``ζ``, which draws the logarithm of the sum towards 0.
        softcap: ``c``, which no logit passes; None for z = x.
        reduction: ``none``, ``sum``, or the ``mean`` over the tokens that count.

    Raises:
        ValueError: shapes that do not fit, labels that are no classes, or an unknown ``reduction``.

    Source: Szegedy et al. (2015), arXiv:1512.00567, section 7; Chowdhery et al. (2022), PaLM,
    arXiv:2204.02311, section 5, for ζ; Gemma Team (2024), arXiv:2408.00118, section 2, for c.
    """
    z, _ = _capped(logits, softcap)
    options = {"label_smoothing": label_smoothing, "ignored": ignored}
    losses = sparse_softmax_cross_entropy(z, labels, reduction="none", **options)  # type: ignore[arg-type]
    counts = labels != ignored
    if z_weight:
        losses = losses + np.where(counts, z_weight * np.square(_log_sum_exp(z)), 0.0)
    if reduction != "mean":
        return reduce(losses, reduction)
    return np.sum(losses) / max(float(np.sum(counts)), 1.0)


def token_cross_entropy_vjp(
    logits: Array,
    labels: Array,
    cotangent: Array,
    *,
    label_smoothing: float = 0.0,
    ignored: int | None = None,
    z_weight: float = 0.0,
    softcap: float | None = None,
    reduction: str = "mean",
) -> tuple[Array]:
    """Gradient of `token_cross_entropy`: ``(p (1 + 2 ζ lse) - ε/V - (1 - ε) 1_y) (1 - (z / c)²)``."""
    z, slope = _capped(logits, softcap)
    counts = labels != ignored
    if reduction == "mean":
        cotangent, reduction = cotangent / max(float(np.sum(counts)), 1.0), "sum"
    each = spread(cotangent, labels.shape, reduction)
    options = {"label_smoothing": label_smoothing, "ignored": ignored}
    (g,) = sparse_softmax_cross_entropy_vjp(z, labels, None, each, reduction="none", **options)  # type: ignore[arg-type]
    if z_weight:
        pulled = each * (2.0 * z_weight * _log_sum_exp(z))
        g = g + np.where(counts[:, np.newaxis], softmax(z) * pulled[:, np.newaxis], 0.0)
    return (g if softcap is None else g * slope,)


def _capped(logits: Array, softcap: float | None) -> tuple[Array, Array | float]:
    """Logits that pass no cap, and their slope."""
    require_rank("logits", logits, 2, "tokens, classes")
    if softcap is None:
        return logits, 1.0
    share = np.tanh(logits / softcap)
    return softcap * share, (1.0 - share) * (1.0 + share)


def _log_sum_exp(z: Array) -> Array:
    top = np.max(z, axis=-1, keepdims=True)
    return np.log(np.sum(np.exp(z - top), axis=-1)) + top[..., 0]


def token_log_probs(logits: Array, labels: Array, *, temperature: float = 1.0) -> tuple[Array, Array]:
    """Logarithm of the probability of each token, and the entropy of the distribution that it is of.

    ``z_y - lse``, and ``lse - Σ p z``, with ``z = x / τ``, ``lse = log Σ exp(z)`` and p the softmax of z

    Args:
        logits: ``(tokens, classes)``; ``x``.
        labels: ``(tokens,)``, the class of each; ``y``.
        temperature: ``τ``.

    Returns:
        Two arrays, ``(tokens,)``.

    Raises:
        ValueError: shapes that do not fit, or labels that are no classes.

    Source: Ahmadian et al. (2024), Back to basics, arXiv:2402.14740, section 2.
    """
    require_rank("logits", logits, 2, "tokens, classes")
    z = logits / temperature
    log_p = -sparse_softmax_cross_entropy(z, labels, reduction="none")
    return log_p, _log_sum_exp(z) - np.sum(np.exp(log_softmax(z)) * z, axis=-1)


def token_log_probs_vjp(
    logits: Array, labels: Array, cotangents: tuple[Array, Array], *, temperature: float = 1.0
) -> tuple[Array]:
    """Gradient of `token_log_probs`: ``(1_y - p) / τ``, and of the entropy ``-p (z - Σ p z) / τ``."""
    of_log_p, of_entropy = cotangents
    z = logits / temperature
    p = np.exp(log_softmax(z))
    (g,) = sparse_softmax_cross_entropy_vjp(z, labels, None, -of_log_p, reduction="none")
    apart = z - np.sum(p * z, axis=-1, keepdims=True)
    return ((g - of_entropy[:, np.newaxis] * (p * apart)) / temperature,)


# --- preferences and rewards ---


def dpo_loss(
    chosen: Array,
    rejected: Array,
    reference_chosen: Array,
    reference_rejected: Array,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    preference: str = "sigmoid",
    reduction: str = "mean",
) -> Array:
    """Direct preference optimization: a policy is to prefer what was chosen more than its reference does.

    With ``h = (log π_c - log π_r) - (log ρ_c - log ρ_r)`` of each pair
    ``-(1 - ε) log σ(β h) - ε log σ(-β h)`` (``sigmoid``),
    ``(-(1 - ε) log σ(β h) + ε log σ(-β h)) / (1 - 2 ε)`` (``robust``), ``(h - 1 / (2 β))²`` (``ipo``), or
    ``max(1 - β h, 0)`` (``hinge``)

    Args:
        chosen: ``(batch,)``, log-probabilities of what was chosen, under the policy; ``log π_c``.
        rejected: ``(batch,)``, of what was not; ``log π_r``.
        reference_chosen: ``(batch,)``, of the former under the reference, constant; ``log ρ_c``.
        reference_rejected: ``(batch,)``, of the latter; ``log ρ_r``.
        beta: ``β``.
        label_smoothing: how many pairs are the wrong way round, below 1/2; ``ε``.
        preference: one of `PREFERENCES`.
        reduction: ``mean``, ``none``, or ``sum``.

    Raises:
        ValueError: shapes that do not fit, or an unknown option.

    Source: Rafailov et al. (2023), arXiv:2305.18290, equation 7; Chowdhury, Kini and Natarajan (2024),
    arXiv:2403.00409, for ``robust``; Azar et al. (2023), arXiv:2310.12036, equation 17, for ``ipo``; Zhao et
    al. (2023), SLiC-HF, arXiv:2305.10425, for ``hinge``.
    """
    h = _preferred(chosen, rejected, reference_chosen, reference_rejected, preference)
    if preference == "ipo":
        losses = np.square(h - 1.0 / (2.0 * beta))
    elif preference == "hinge":
        losses = np.maximum(1.0 - beta * h, 0.0)
    else:
        right, wrong, total = _sides(label_smoothing, preference)
        losses = -(right * log_expit(beta * h) + wrong * log_expit(-beta * h)) / total
    return reduce(losses, reduction)


def dpo_loss_vjp(
    chosen: Array,
    rejected: Array,
    reference_chosen: Array,
    reference_rejected: Array,
    cotangent: Array,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    preference: str = "sigmoid",
    reduction: str = "mean",
) -> tuple[Array, Array]:
    """Gradient of `dpo_loss`: of h ``-β ((1 - ε) σ(-β h) - ε σ(β h))``, ``2 (h - 1/(2 β))``, or ``-β``.

    That of the chosen, and negated of the rejected. The hinge has none where nothing is lacking.
    """
    h = _preferred(chosen, rejected, reference_chosen, reference_rejected, preference)
    each = spread(cotangent, h.shape, reduction)
    if preference == "ipo":
        slope = 2.0 * (h - 1.0 / (2.0 * beta))
    elif preference == "hinge":
        slope = np.where(1.0 - beta * h > 0, -beta, 0.0 * h)
    else:
        right, wrong, total = _sides(label_smoothing, preference)
        slope = beta * (wrong * expit(beta * h) - right * expit(-beta * h)) / total
    return each * slope, -(each * slope)


def _sides(label_smoothing: float, preference: str) -> tuple[float, float, float]:
    """Weights of the right and the wrong order, and what both are divided by."""
    if preference == "sigmoid":
        return 1.0 - label_smoothing, label_smoothing, 1.0
    return 1.0 - label_smoothing, -label_smoothing, 1.0 - 2.0 * label_smoothing


def _preferred(chosen: Array, rejected: Array, first: Array, second: Array, preference: str) -> Array:
    require_rank("chosen", chosen, 1, "batch")
    given = {"rejected": rejected, "reference_chosen": first, "reference_rejected": second}
    for name, array in given.items():
        require_shape(name, array, chosen.shape, "batch")
    known = ", ".join(PREFERENCES)
    require(preference in PREFERENCES, f"preference must be one of {known}; got {preference!r}")
    return (chosen - rejected) - (first - second)


def grpo_loss(
    log_probs: Array,
    old_log_probs: Array,
    reference_log_probs: Array,
    advantages: Array,
    mask: Array,
    *,
    low: float = 0.2,
    high: float = 0.2,
    beta: float = 0.0,
    normalizer: str = "sequences",
    level: str = "tokens",
    divergence: str = "exponential",
    objective: str = "clipped",
) -> Array:
    """Group-relative policy optimization: the clipped objective of tokens, and how far the policy has moved.

    ``-min(r A, clip(r, 1 - ε_l, 1 + ε_h) A) + β (exp(d) - d - 1)`` of each token, with ``r = π / π_old`` and
    ``d = log ρ - log π``; of sequences r is the geometric mean over the tokens that count. Or of each token
    ``-w A log π + β (exp(d) - d - 1)`` with ``w = clip(r, 1 - ε_l, 1 + ε_h)``, which is taken as constant

    Args:
        log_probs: ``(batch, tokens)``; ``log π``.
        old_log_probs: the same under the policy that the tokens are from, constant; ``log π_old``.
        reference_log_probs: the same under the reference, constant; ``log ρ``.
        advantages: ``(batch,)``, of each sequence, constant; ``A``.
        mask: ``(batch, tokens)``, which tokens count.
        low: ``ε_l``.
        high: ``ε_h``.
        beta: ``β``.
        normalizer: the mean over the ``sequences`` of the mean over the tokens of each; the sum over all
            divided by the number of ``tokens`` that count, or of all ``places``. What is divided by is at
            least 1, so that sequences without tokens count 0.
        level: whether ``tokens`` have ratios, or ``sequences`` whose tokens share one.
        divergence: what β weighs: ``exponential`` as above, the ``square`` d²/2, or the ``difference`` -d.
        objective: the ``clipped`` ratio, or the log-probability ``weighted`` by it.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes that do not fit, or an unknown option.

    Source: Shao et al. (2024), DeepSeekMath, arXiv:2402.03300, equations 3 and 4; Yu et al. (2025), DAPO,
    arXiv:2503.14476, for ``tokens``; Liu et al. (2025), arXiv:2503.20783, for ``places``; Zheng et al.
    (2025), Group sequence policy optimization, arXiv:2507.18071, for the ratio of sequences; MiniMax (2025),
    MiniMax-M1, arXiv:2506.13585, equations 4 and 5, for the weight (CISPO); Schulman (2020), Approximating KL
    divergence, for the three estimates.
    """
    _check_tokens(log_probs, old_log_probs, reference_log_probs, advantages, mask)
    ratio, each = _ratio(log_probs, old_log_probs, mask, level), advantages[:, np.newaxis]
    held = np.minimum(np.maximum(ratio, 1.0 - low), 1.0 + high)
    require(objective in OBJECTIVES, f"objective must be one of {', '.join(OBJECTIVES)}; got {objective!r}")
    weighed = objective == "weighted"
    losses = -(held * each * log_probs) if weighed else -np.minimum(ratio * each, held * each)
    if beta:
        losses = losses + beta * _moved(reference_log_probs - log_probs, divergence)
    return np.sum(np.where(mask, losses, 0.0) / _divisors(mask, normalizer))


def grpo_loss_vjp(
    log_probs: Array,
    old_log_probs: Array,
    reference_log_probs: Array,
    advantages: Array,
    mask: Array,
    cotangent: Array,
    *,
    low: float = 0.2,
    high: float = 0.2,
    beta: float = 0.0,
    normalizer: str = "sequences",
    level: str = "tokens",
    divergence: str = "exponential",
    objective: str = "clipped",
    bound_gradient: float = 1.0,
) -> tuple[Array]:
    """Gradient of `grpo_loss`: ``-r A`` where the objective is not clipped, and ``β (1 - exp(d))``.

    Where a ratio of 1 lies just on both bounds it is ``bound_gradient`` times the former. The ratio of a
    sequence gives each of its n tokens a share of 1/n. Of a square the latter is ``-β d``, of a difference β.
    Of what is weighted the former is ``-w A``, clipped or not.
    """
    _check_tokens(log_probs, old_log_probs, reference_log_probs, advantages, mask)
    ratio, each = _ratio(log_probs, old_log_probs, mask, level), advantages[:, np.newaxis]
    # The lesser of the two is the one that is not clipped: of good tokens up to the upper bound.
    free = np.where(each > 0, ratio <= 1.0 + high, ratio >= 1.0 - low) * 1.0
    bound = (log_probs == old_log_probs) & (low == 0) & (high == 0)
    slope = -(np.where(bound, bound_gradient, free) * (ratio * each))
    if objective == "weighted":
        slope = -(np.minimum(np.maximum(ratio, 1.0 - low), 1.0 + high) * each)
    divisors = _divisors(mask, normalizer)
    if level == "sequences" and objective == "clipped":
        # The tokens of a sequence are divided alike, so their slopes are summed before.
        slope = np.sum(np.where(mask, slope, 0.0), axis=-1, keepdims=True) / _counted(mask)
    # Scaled before they are added, as a chain of gradients does it: the two may cancel.
    gradient = cotangent * slope / divisors
    if beta:
        moved = beta * _moved_slope(reference_log_probs - log_probs, divergence)
        gradient = gradient + cotangent / divisors * moved
    return (np.where(mask, gradient, 0.0),)


def _counted(mask: Array) -> Array:
    """How many tokens of each sequence count, at least 1."""
    return np.maximum(np.sum(mask, axis=-1, keepdims=True), 1.0)


def _ratio(log_probs: Array, old_log_probs: Array, mask: Array, level: str) -> Array:
    """How much more likely a token is than before, or a sequence by the geometric mean of its tokens."""
    require(level in LEVELS, f"level must be one of {', '.join(LEVELS)}; got {level!r}")
    apart = log_probs - old_log_probs
    if level == "tokens":
        return np.exp(apart)
    mean = np.sum(np.where(mask, apart, 0.0), axis=-1, keepdims=True) / _counted(mask)
    return np.broadcast_to(np.exp(mean), log_probs.shape)


def _moved(apart: Array, divergence: str) -> Array:
    """An estimate of the divergence of a policy from its reference, from ``log ρ - log π`` of a token."""
    known = ", ".join(DIVERGENCES)
    require(divergence in DIVERGENCES, f"divergence must be one of {known}; got {divergence!r}")
    if divergence == "exponential":
        return np.exp(apart) - apart - 1.0
    return 0.5 * np.square(apart) if divergence == "square" else -apart


def _moved_slope(apart: Array, divergence: str) -> Array | float:
    """Slope of `_moved` with respect to ``log π``."""
    if divergence == "exponential":
        return 1.0 - np.exp(apart)
    return -apart if divergence == "square" else 1.0


def _divisors(mask: Array, normalizer: str) -> Array:
    """What the loss of each token is divided by."""
    require(
        normalizer in NORMALIZERS, f"normalizer must be one of {', '.join(NORMALIZERS)}; got {normalizer!r}"
    )
    if normalizer == "sequences":
        return _counted(mask) * len(mask)
    return np.array(max(float(np.sum(mask) if normalizer == "tokens" else mask.size), 1.0))


def _check_tokens(log_probs: Array, old: Array, reference: Array, advantages: Array, mask: Array) -> None:
    require_rank("log_probs", log_probs, 2, "batch, tokens")
    given = {"old_log_probs": old, "reference_log_probs": reference, "mask": mask}
    for name, array in given.items():
        require_shape(name, array, log_probs.shape, "batch, tokens")
    require_shape("advantages", advantages, log_probs.shape[:1], "batch")


# --- distillation ---


def jsd_distillation(
    logits: Array,
    teacher_logits: Array,
    mask: Array,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    reduction: str = "mean",
) -> Array:
    """Generalized Jensen–Shannon divergence of a student from its teacher.

    ``β KL(P‖M) + (1 - β) KL(Q‖M)`` of each token, with ``M = β P + (1 - β) Q``, where P and Q are the softmax
    of the teacher's and the student's logits over τ; for β = 0 it is KL(P‖Q), for β = 1 KL(Q‖P)

    Args:
        logits: ``(tokens, classes)``, of the student.
        teacher_logits: the shape of ``logits``, constant.
        mask: ``(tokens,)``, which tokens count.
        beta: ``β``, in [0, 1].
        temperature: ``τ``.
        reduction: ``none``, ``sum``, or the ``mean`` over the tokens that count.

    Raises:
        ValueError: shapes that do not fit, ``beta`` out of range, or an unknown ``reduction``.

    Source: Agarwal et al. (2023), On-policy distillation, arXiv:2306.13649, section 2.
    """
    log_p, log_q, log_m = _mixed(logits, teacher_logits, mask, beta, temperature)
    p, q = np.exp(log_p), np.exp(log_q)
    if beta in (0.0, 1.0):
        terms = p * (log_p - log_q) if beta == 0 else q * (log_q - log_p)
    else:
        terms = beta * (p * (log_p - log_m)) + (1.0 - beta) * (q * (log_q - log_m))
    losses = np.where(mask, np.sum(terms, axis=-1), 0.0)
    if reduction != "mean":
        return reduce(losses, reduction)
    return np.sum(losses) / max(float(np.sum(mask)), 1.0)


def jsd_distillation_vjp(
    logits: Array,
    teacher_logits: Array,
    mask: Array,
    cotangent: Array,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    reduction: str = "mean",
    masking: str = "select",
) -> tuple[Array]:
    """Gradient of `jsd_distillation`: ``(1 - β) Q (s - Σ Q s) / τ`` with ``s = log Q - log M``.

    For β = 0 it is ``(Q - P) / τ``, and for β = 1 ``Q (s - Σ Q s) / τ`` with ``s = log Q - log P``. Tokens
    that do not count have none, or with ``masking="select_values"`` 0 times theirs, which keeps NaN.
    """
    log_p, log_q, log_m = _mixed(logits, teacher_logits, mask, beta, temperature)
    if reduction == "mean":
        cotangent, reduction = cotangent / max(float(np.sum(mask)), 1.0), "sum"
    each = spread(cotangent, mask.shape, reduction)[:, np.newaxis] / temperature
    q = np.exp(log_q)
    if beta == 0:
        slope = q - np.exp(log_p)
    else:
        apart = log_q - log_p if beta == 1 else (1.0 - beta) * (log_q - log_m)
        slope = q * (apart - np.sum(q * apart, axis=-1, keepdims=True))
    return (np.where(mask[:, np.newaxis], each * slope, 0.0 * slope if masking == "select_values" else 0.0),)


def _mixed(
    logits: Array, teacher_logits: Array, mask: Array, beta: float, temperature: float
) -> tuple[Array, Array, Array]:
    """Logarithms of the teacher's and the student's probabilities, and of their mixture."""
    require_rank("logits", logits, 2, "tokens, classes")
    require_shape("teacher_logits", teacher_logits, logits.shape, "as logits")
    require_shape("mask", mask, logits.shape[:1], "tokens")
    require(0 <= beta <= 1, f"beta must be in [0, 1]; got {beta}")
    log_p, log_q = log_softmax(teacher_logits / temperature), log_softmax(logits / temperature)
    if beta in (0.0, 1.0):
        return log_p, log_q, log_p
    return log_p, log_q, np.logaddexp(np.log(beta) + log_p, np.log(1.0 - beta) + log_q)
