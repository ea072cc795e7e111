"""Faults and controls of the losses of language models."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.losses_classification import sparse_softmax_cross_entropy
from ...reference.losses_language import grpo_loss_vjp, token_cross_entropy
from ...reference.reductions import reduce
from ...reference.softmax import log_softmax, softmax
from ..language.variant import Control, Fault

Array = Any


def linear_in_chunks(
    inputs: Array,
    kernel: Array,
    bias: Array | None,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignored: int | None = None,
    reduction: str = "mean",
    of_chunks: bool = False,
    of_tokens: bool = False,
) -> Array:
    """Two tokens at a time; or wrong, the mean of the means of chunks, or over tokens whatever they weigh."""
    found, counts = [], []
    options: dict[str, Any] = {"label_smoothing": label_smoothing, "ignored": ignored, "reduction": "none"}
    for start in range(0, len(labels), 2):
        some = slice(start, start + 2)
        logits = np.matmul(inputs[some], np.transpose(kernel))
        logits = logits if bias is None else bias + logits
        found.append(sparse_softmax_cross_entropy(logits, labels[some], class_weights, **options))
        each = 1.0 if class_weights is None or of_tokens else np.take(class_weights, labels[some])
        counts.append(np.sum(np.where(labels[some] != ignored, each, 0.0)))
    if reduction != "mean":
        return reduce(np.concatenate(found), reduction)
    if of_chunks:
        means = [np.sum(losses) / max(n, 1.0) for losses, n in zip(found, counts, strict=True)]
        return np.mean(np.stack(means))
    return np.sum(np.concatenate(found)) / sum(counts)


def token_cross_entropy_by_shares(
    logits: Array,
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    ignored: int | None = None,
    z_weight: float = 0.0,
    softcap: float | None = None,
    reduction: str = "mean",
    padded: int = 0,
    counted: bool = True,
) -> Array:
    """The sum less the logits of the shares; or with padded lanes, or ignored tokens in the mean."""
    z = logits if softcap is None else softcap * np.tanh(logits / softcap)
    top = np.max(z, axis=-1, keepdims=True)
    top = np.maximum(top, 0.0) if padded else top
    exponentials = np.sum(np.exp(z - top), axis=-1) + (padded * np.exp(-top[:, 0]) if padded else 0.0)
    total = np.log(exponentials) + top[:, 0]
    hit = (labels[:, np.newaxis] == np.arange(z.shape[-1])) * (1.0 - label_smoothing)
    shares = hit + label_smoothing / z.shape[-1] if label_smoothing else hit
    losses = np.sum(np.where(shares == 0, 0.0, shares * (total[:, np.newaxis] - z)), axis=-1)
    losses = losses + z_weight * (total * total) if z_weight else losses
    counts = labels != ignored
    losses = np.where(counts, losses, 0.0)
    if reduction != "mean":
        return reduce(losses, reduction)
    return np.sum(losses) / max(np.sum(counts) if counted else len(labels), 1)


def capped_by_product(logits: Array, labels: Array, *, softcap: float | None = None, **options: Any) -> Array:
    """``x tanh(x / c)`` in the place of ``c tanh(x / c)``."""
    return token_cross_entropy(logits * np.tanh(logits / softcap), labels, **options)


def log_probs_by_softmax(logits: Array, labels: Array, *, temperature: float = 1.0) -> tuple[Array, Array]:
    """``-Σ p log p`` of the logarithm of the softmax."""
    log_p = log_softmax(logits / temperature)
    of_label = np.take_along_axis(log_p, labels[:, np.newaxis], axis=-1)[:, 0]
    return of_label, -np.sum(np.exp(log_p) * log_p, axis=-1)


def dpo_by_softplus(
    chosen: Array,
    rejected: Array,
    reference_chosen: Array,
    reference_rejected: Array,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    preference: str = "sigmoid",
    reduction: str = "mean",
    by_sigmoid: bool = False,
    inverse: bool = False,
) -> Array:
    """Each answer less its reference, and softplus; or the logarithm of a sigmoid, or divided by β."""
    h = (chosen - reference_chosen) - (rejected - reference_rejected)
    scaled = h / beta if inverse else beta * h
    if preference == "ipo":
        return reduce((h - 0.5 / beta) ** 2, reduction)
    if preference == "hinge":
        return reduce(np.maximum(1.0 - scaled, 0.0), reduction)
    if by_sigmoid:
        right, wrong = -np.log(expit(scaled)), -np.log(expit(-scaled))
    else:
        right, wrong = np.logaddexp(0.0, -scaled), np.logaddexp(0.0, scaled)
    share = label_smoothing
    if preference == "sigmoid":
        return reduce((1.0 - share) * right + share * wrong if share else right, reduction)
    return reduce(((1.0 - share) * right - share * wrong) / (1.0 - 2.0 * share), reduction)


def grpo_by_cases(
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
    clipped: bool = False,
    summed: bool = False,
    multiplied: bool = False,
) -> Array:
    """Clipped above for good tokens and below for bad ones, or on both sides as a weight.

    Or wrong: clipped for all, or a weight for some; the product of ratios; masked by a product, which keeps
    NaN.
    """
    apart, each = log_probs - old_log_probs, advantages[:, np.newaxis]
    if level == "sequences":
        count = 1.0 if summed else np.maximum(np.sum(mask, axis=-1, keepdims=True), 1.0)
        apart = np.sum(np.where(mask, apart, 0.0) / count, axis=-1, keepdims=True) + 0.0 * apart
    ratio = np.exp(apart)
    above, below = np.minimum(ratio, 1.0 + high), np.maximum(ratio, 1.0 - low)
    both = clipped if objective == "clipped" else not clipped
    held = np.maximum(above, 1.0 - low) if both else np.where(each > 0, above, below)
    losses = -(held * each) if objective == "clipped" else -(held * (each * log_probs))
    if beta:
        moved = reference_log_probs - log_probs
        estimates = {
            "exponential": beta * (np.exp(moved) - 1.0) - beta * moved,
            "square": moved * (0.5 * beta * moved),
            "difference": beta * (log_probs - reference_log_probs),
        }
        losses = losses + estimates[divergence]
    kept = losses * mask if multiplied else np.where(mask, losses, 0.0)
    if normalizer == "sequences":
        return np.mean(np.sum(kept, axis=-1) / np.maximum(np.sum(mask, axis=-1), 1.0))
    return np.sum(kept) / max(float(np.sum(mask) if normalizer == "tokens" else mask.size), 1.0)


def cispo_through_weights(
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
    divergence: str = "exponential",
) -> tuple[Array]:
    """Gradient of ``-w A log π`` with that of the weight, which should be none."""
    options: dict[str, Any] = {"low": low, "high": high, "normalizer": normalizer, "objective": "weighted"}
    given = log_probs, old_log_probs, reference_log_probs, advantages, mask, cotangent
    ratio = np.exp(log_probs - old_log_probs)
    moves = np.where((ratio > 1.0 - low) & (ratio < 1.0 + high), log_probs, 0.0)
    (weighted,) = grpo_loss_vjp(*given, **options)
    (gradient,) = grpo_loss_vjp(*given, **options, beta=beta, divergence=divergence)
    return (gradient + weighted * moves,)


def jsd_by_entropies(
    logits: Array,
    teacher_logits: Array,
    mask: Array,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    reduction: str = "mean",
    probabilities: bool = False,
    rows: bool = False,
) -> Array:
    """Each share by its factor; or wrong, by logarithms of probabilities, or divided by all tokens."""
    p, q = softmax(teacher_logits / temperature), softmax(logits / temperature)
    log_p, log_q = log_softmax(teacher_logits / temperature), log_softmax(logits / temperature)
    if probabilities:
        log_p, log_q = np.log(p), np.log(q)
    if beta in (0.0, 1.0):
        terms = p * (log_p - log_q) if beta == 0 else q * (log_q - log_p)
    else:
        log_m = np.logaddexp(log_p + np.log(beta), log_q + np.log(1.0 - beta))
        terms = (beta * p) * (log_p - log_m) + ((1.0 - beta) * q) * (log_q - log_m)
    losses = np.where(mask, np.sum(terms, axis=-1), 0.0)
    if reduction != "mean":
        return reduce(losses, reduction)
    return np.sum(losses) / (len(losses) if rows else max(np.sum(mask), 1))


FAULTS = {
    "linear_cross_entropy": (
        Fault(
            name="mean of the means of chunks",
            reference=functools.partial(linear_in_chunks, of_chunks=True),
            where="reduction == 'mean' and tokens > 2 and not weighted",
        ),
        Fault(
            name="mean over tokens, whatever they weigh",
            reference=functools.partial(linear_in_chunks, of_tokens=True),
            where="reduction == 'mean' and weighted",
        ),
    ),
    "token_cross_entropy": (
        Fault(
            name="padded lanes enter the softmax",
            reference=functools.partial(token_cross_entropy_by_shares, padded=3),
        ),
        Fault(
            name="ignored tokens count in the mean",
            reference=functools.partial(token_cross_entropy_by_shares, counted=False),
            where="reduction == 'mean' and ignored is not None",
        ),
        Fault(
            name="a cap without its slope in the gradient",
            gradients={
                "logits": lambda gradient, logits, softcap: gradient / (1.0 - np.tanh(logits / softcap) ** 2)
            },
            where="softcap is not None and data == 'normal'",
        ),
        Fault(
            name="x tanh(x / c)",
            reference=capped_by_product,
            where="softcap is not None",
        ),
    ),
    "token_log_probs": (
        Fault(
            name="entropy to base 2",
            results={"entropy": lambda result: result / np.log(2.0)},
        ),
        Fault(
            name="temperature on the log-probabilities",
            results={
                "log_probs": lambda result, logits, labels, temperature: (
                    np.take_along_axis(log_softmax(logits), labels[:, np.newaxis], axis=-1)[:, 0]
                    / temperature
                )
            },
            where="temperature != 1",
        ),
    ),
    "dpo_loss": (
        Fault(
            name="logarithm of the sigmoid",
            reference=functools.partial(dpo_by_softplus, by_sigmoid=True),
            where="preference in ('sigmoid', 'robust') and data == 'saturated'",
            rounds=True,
        ),
        Fault(
            name="divided by beta",
            reference=functools.partial(dpo_by_softplus, inverse=True),
            where="preference != 'ipo'",
        ),
    ),
    "grpo_loss": (
        Fault(
            name="clipped on both sides",
            reference=functools.partial(grpo_by_cases, clipped=True),
        ),
        Fault(
            name="ratio of a sequence not averaged over its tokens",
            reference=functools.partial(grpo_by_cases, summed=True),
            where="level == 'sequences'",
        ),
        Fault(
            name="masked by a product",
            reference=functools.partial(grpo_by_cases, multiplied=True),
            where="data == 'padding_nan'",
        ),
        Fault(
            name="weights that learn",
            vjp=cispo_through_weights,
            where="objective == 'weighted' and low > 0",
        ),
        Fault(
            name="no gradient on the bounds",
            parameters={"bound_gradient": "0.0"},
            where="low == 0 and data == 'ties'",
            spoils="gradients",
        ),
        Fault(
            name="NaN where a sequence has no tokens",
            results={"y": lambda result, mask: result if mask.any(axis=-1).all() else result + np.nan},
            where="data == 'masked_rows'",
        ),
    ),
    "jsd_distillation": (
        Fault(
            name="logarithms of probabilities",
            reference=functools.partial(jsd_by_entropies, probabilities=True),
            # float64 holds the exponential of every logit there is.
            where="data == 'saturated' and dtype != 'float64'",
            rounds=True,
        ),
        Fault(
            name="tokens that do not count in the mean",
            reference=functools.partial(jsd_by_entropies, rows=True),
            where="reduction == 'mean'",
        ),
        Fault(
            name="gradient of tokens that do not count times 0, which keeps NaN",
            parameters={"masking": "'select_values'"},
            where="masking == 'select' and data == 'padding_nan'",
            spoils="gradients",
        ),
    ),
}

CONTROLS = {
    "linear_cross_entropy": (Control(name="in chunks", reference=linear_in_chunks),),
    "token_cross_entropy": (
        Control(name="by shares", reference=token_cross_entropy_by_shares, normwise=True),
    ),
    "token_log_probs": (Control(name="by the softmax", reference=log_probs_by_softmax, normwise=True),),
    "dpo_loss": (Control(name="by softplus", reference=dpo_by_softplus, normwise=True),),
    "grpo_loss": (Control(name="by cases", reference=grpo_by_cases),),
    "jsd_distillation": (Control(name="of shares", reference=jsd_by_entropies, normwise=True),),
}

# A softmax takes no notice of what is added to all of its logits.
NO_FAULTS = {
    "token_log_probs": ("logits plus one", "logits plus one, in the gradient"),
    "linear_cross_entropy": ("kernel plus one, in the gradient",),
}
