"""Losses of sequences, whose steps may be masked, or whose labels may stand anywhere in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .checks import Array, require, require_rank, require_shape
from .losses_classification import sparse_softmax_cross_entropy, sparse_softmax_cross_entropy_vjp
from .reductions import reduce, spread
from .softmax import log_softmax

__all__ = [
    "AVERAGES",
    "DOMAINS",
    "MASKINGS",
    "ctc_loss",
    "ctc_loss_vjp",
    "sequence_cross_entropy",
    "sequence_cross_entropy_vjp",
]

AVERAGES = ("steps", "sequences", "places")
"""What the losses of the steps that count are averaged over."""

MASKINGS = ("select", "select_values", "multiply")
"""How masked steps are kept out of the loss."""

DOMAINS = ("logits", "log_probabilities")
"""What a loss of alignments is given."""


def sequence_cross_entropy(
    logits: Array,
    labels: Array,
    mask: Array,
    *,
    average: str = "steps",
    empty: str = "nan",
    masking: str = "select",
) -> Array:
    """Cross entropy of the labels of a batch of sequences, of which masked steps do not count.

    ``Σ m l / Σ m`` over all steps of the batch; or for each sequence, then the mean over the batch; or
    ``Σ m l / (batch · steps)``, with ``l = -log softmax(x)_y`` at each step and ``m`` 1 or 0

    Args:
        logits: ``(batch, steps, classes)``; ``x``.
        labels: ``(batch, steps)``, integers in [0, classes); ``y``.
        mask: ``(batch, steps)``, whether a step counts; ``m``.
        average: over all ``steps`` that count, so that long sequences weigh more; over ``sequences`` of the
            mean over the steps of each; or over all ``places``, masked or not.
        empty: a mean over no steps is ``nan``, or ``zero``, which counts in the mean over the sequences.
        masking: ``select``: losses of masked steps are left out; ``multiply``: multiplied by 0, which NaN
            survives; ``select_values``: left out, but their gradient is multiplied by 0.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes that do not fit, a label out of range, or an unknown option.

    Source: Graves (2013), arXiv:1308.0850, for one sequence.
    """
    losses = sparse_softmax_cross_entropy(logits, labels, reduction="none")
    counted = _counted(logits, mask, average, empty)
    require(masking in MASKINGS, f"masking must be one of {', '.join(MASKINGS)}; got {masking!r}")
    counting = np.where(mask, losses, 0.0 * losses if masking == "multiply" else 0.0)
    total = np.sum(counting, axis=_reduced(average))
    means = np.where(counted == 0, np.nan if empty == "nan" else 0.0, total / np.maximum(counted, 1.0))
    return np.mean(means)


def sequence_cross_entropy_vjp(
    logits: Array,
    labels: Array,
    mask: Array,
    cotangent: Array,
    *,
    average: str = "steps",
    empty: str = "nan",
    empty_gradient: str = "zero",
    masking: str = "select",
) -> tuple[Array]:
    """Gradient of `sequence_cross_entropy`: ``(p - onehot(y)) m / Σ m``; masked steps have none.

    Nor have the steps of a mean over no steps, unless ``empty_gradient`` is ``nan``. Where gradients are
    multiplied by 0, NaN survives.
    """
    counted = _counted(logits, mask, average, empty)
    share = cotangent / (np.maximum(counted, 1.0) * counted.size)
    steps = np.broadcast_to(share[..., np.newaxis] if average == "sequences" else share, labels.shape)
    (gradient,) = sparse_softmax_cross_entropy_vjp(logits, labels, None, steps, reduction="none")
    at_masked = 0.0 if masking == "select" else 0.0 * gradient
    gradient = np.where(mask[..., np.newaxis], gradient, at_masked)
    if empty_gradient == "zero":
        return (gradient,)
    none = (counted == 0)[..., np.newaxis, np.newaxis] if average == "sequences" else counted == 0
    return (np.where(none, np.nan, gradient),)


def _counted(logits: Array, mask: Array, average: str, empty: str) -> Array:
    """How many steps count: in the batch, in each sequence, or all that there are."""
    require_rank("logits", logits, 3, "batch, steps, classes")
    require_shape("mask", mask, logits.shape[:-1], "batch, steps")
    require(average in AVERAGES, f"average must be one of {', '.join(AVERAGES)}; got {average!r}")
    require(empty in ("nan", "zero"), f"empty must be nan or zero; got {empty!r}")
    if average == "places":
        return np.array(float(mask.size))
    return np.sum(mask * 1.0, axis=_reduced(average))


def _reduced(average: str) -> tuple[int, ...]:
    """The axes that are averaged together."""
    return (1,) if average == "sequences" else (0, 1)


# --- labels that stand anywhere ---


def ctc_loss(
    logits: Array,
    labels: Array,
    logit_lengths: Array | None,
    label_lengths: Array,
    sample_weights: Array | None = None,
    *,
    blank: int = 0,
    domain: str = "logits",
    reduction: str = "mean",
    infeasible: str = "infinity",
) -> Array:
    """Connectionist temporal classification: the labels of a sequence, wherever in it they stand.

    ``loss = -log Σ_a Π_t p_t(a_t)`` for each sequence, over all alignments ``a``: what becomes of one is the
    labels, once classes that are repeated from step to step are merged, and the blanks then left out

    Args:
        logits: ``(batch, steps, classes)``, of which ``p`` is the softmax; or its logarithm itself.
        labels: ``(batch, length)``, integers in [0, classes - 1): numbers among classes less the blank.
        logit_lengths: ``(batch,)``, how many steps count, from 0; None for all of them.
        label_lengths: ``(batch,)``, how many labels count, from 0.
        sample_weights: ``(batch,)``, by which the losses are multiplied, or None.
        blank: the class that is no label; a negative one counts from the end.
        domain: whether ``logits`` are such, or ``log_probabilities``, which need not sum to one.
        reduction: ``none``, ``sum``, or ``mean`` over the batch; for ``mean_labels`` each loss is divided by
            the number of its labels beforehand, by 1 where there are none; ``mean_weights`` divides the sum
            by that of the weights.
        infeasible: the loss of labels that need more steps than there are: ``infinity``, whose gradient is
            NaN, or ``zero``.

    Raises:
        ValueError: shapes that do not fit, lengths or labels out of range, or an unknown option.

    Source: Graves, Fernández, Gomez and Schmidhuber (2006), Connectionist temporal classification, sections
    3 and 4.1.
    """
    lattice = _lattice(logits, labels, logit_lengths, label_lengths, blank)
    _check_alignments(domain, infeasible)
    losses = -_total(lattice, _forward(lattice, _emitted(lattice, _logarithms(logits, domain)))[-1])
    if infeasible == "zero":
        losses = np.where(losses == np.inf, 0.0, losses)
    if reduction == "mean_labels":
        losses, reduction = losses / np.maximum(label_lengths, 1.0), "mean"
    return reduce(losses, reduction, weights=sample_weights)


def ctc_loss_vjp(
    logits: Array,
    labels: Array,
    logit_lengths: Array | None,
    label_lengths: Array,
    sample_weights: Array | None,
    cotangent: Array,
    *,
    blank: int = 0,
    domain: str = "logits",
    reduction: str = "mean",
    infeasible: str = "infinity",
    gradient: str = "exact",
) -> tuple[Array]:
    """Gradient of `ctc_loss`: the softmax less the share of the alignments that are in a class at a step.

    Of log-probabilities it is that share alone, negated; ``gradient="through_softmax"`` gives the former for
    them too, which is right only behind a logarithm of a softmax. Steps that do not count have none.

    Source: Graves et al. (2006), equations 15 and 16.
    """
    lattice = _lattice(logits, labels, logit_lengths, label_lengths, blank)
    _check_alignments(domain, infeasible)
    log_p = _logarithms(logits, domain)
    emitted = _emitted(lattice, log_p)
    forward = _forward(lattice, emitted)
    total = _total(lattice, forward[-1])
    through = np.stack(forward, axis=1) + np.stack(_backward(lattice, emitted), axis=1)
    shares = np.sum(np.where(lattice.hits, _shares(through, total)[..., np.newaxis], 0.0), axis=2)
    if reduction == "mean_labels":
        cotangent, reduction = spread(cotangent, labels.shape[:1], "mean"), "none"
        cotangent = cotangent / np.maximum(label_lengths, 1.0)
    each = spread(cotangent, labels.shape[:1], reduction, weights=sample_weights)[:, np.newaxis, np.newaxis]
    counts = lattice.counts[..., np.newaxis]
    if infeasible == "zero":
        counts = counts & (total != -np.inf)[:, np.newaxis, np.newaxis]
    return (np.where(counts, each * _of_scores(log_p, shares, domain, gradient), 0.0),)


def _shares(through: Array, total: Array) -> Array:
    """Shares of the states at each step: of the total, or of what all states of the step come to.

    The two are equal, and the larger error counts. Of nothing there are none: NaN.
    """
    total = total[:, np.newaxis, np.newaxis]
    possible = total != -np.inf
    through, total = np.where(possible, through, 0.0), np.where(possible, total, 0.0)
    at_step = np.exp(through - np.max(through, axis=-1, keepdims=True))
    of_step = at_step / np.sum(at_step, axis=-1, keepdims=True)
    return np.where(possible, np.maximum(np.exp(through - total), of_step), np.nan)


def _of_scores(log_p: Array, shares: Array, domain: str, gradient: str) -> Array:
    """What the shares of classes at each step make of what is given."""
    if domain == "log_probabilities" and gradient == "exact":
        return -shares
    p = np.exp(log_p)
    # Behind a logarithm of a softmax p comes times the sum of all shares, 1: the larger error counts.
    return np.maximum(p - shares, p * np.sum(shares, axis=-1, keepdims=True) - shares)


@dataclass(frozen=True)
class _Lattice:
    """The labels of each sequence with a blank before, between and behind them: its states, in order.

    Args:
        classes: ``(batch, states)``, the class of each.
        hits: ``(batch, 1, states, classes)``, which class that is.
        skips: ``(batch, states)``, whether one is reached from the label before, past the blank between.
        end: ``(batch, 1)``, the last blank; an alignment ends there or at the label before.
        counts: ``(batch, steps)``, which steps count.
    """

    classes: Array
    hits: Array
    skips: Array
    end: Array
    counts: Array


def _lattice(
    logits: Array, labels: Array, logit_lengths: Array | None, label_lengths: Array, blank: int
) -> _Lattice:
    require_rank("logits", logits, 3, "batch, steps, classes")
    batch, steps, count = logits.shape
    require_rank("labels", labels, 2, "batch, length")
    require_shape("labels", labels, (batch, labels.shape[1]), "batch, length")
    require(-count <= blank < count, f"blank must be one of {count} classes; got {blank}")
    require(np.all((labels >= 0) & (labels < count - 1)), f"labels must be in [0, {count - 1})")
    _check_lengths("label_lengths", label_lengths, batch, 0, labels.shape[1])
    if logit_lengths is not None:
        _check_lengths("logit_lengths", logit_lengths, batch, 0, steps)
    blank %= count
    states = np.arange(2 * labels.shape[1] + 1)
    of_labels = np.repeat(labels + (labels >= blank), 2, axis=1)
    odd = states % 2 == 1
    classes = np.where(odd, np.pad(of_labels, ((0, 0), (0, 1))), blank)
    before = np.pad(classes, ((0, 0), (2, 0)), constant_values=blank)[:, :-2]
    hits = classes[:, np.newaxis, :, np.newaxis] == np.arange(count)
    lengths = np.full(batch, steps) if logit_lengths is None else logit_lengths
    counts = np.arange(steps) < lengths[:, np.newaxis]
    return _Lattice(classes, hits, odd & (classes != before), 2 * label_lengths[:, np.newaxis], counts)


def _check_alignments(domain: str, infeasible: str) -> None:
    require(domain in DOMAINS, f"domain must be one of {', '.join(DOMAINS)}; got {domain!r}")
    require(infeasible in ("infinity", "zero"), f"infeasible must be infinity or zero; got {infeasible!r}")


def _check_lengths(name: str, lengths: Array, batch: int, least: int, limit: int) -> None:
    require_shape(name, lengths, (batch,), "batch")
    fits = np.all((lengths >= least) & (lengths <= limit))
    require(fits, f"{name} must be from {least} to {limit}; got {lengths}")


def _logarithms(logits: Array, domain: str) -> Array:
    return log_softmax(logits) if domain == "logits" else logits


def _emitted(lattice: _Lattice, log_p: Array) -> Array:
    """``log p`` of each state at each step, ``(batch, steps, states)``."""
    batch, states = lattice.classes.shape
    places = np.broadcast_to(lattice.classes[:, np.newaxis], (batch, log_p.shape[1], states))
    return np.take_along_axis(log_p, places, axis=-1)


def _forward(lattice: _Lattice, emitted: Array) -> list[Array]:
    """Logarithms of what all beginnings of alignments that are in a state at a step come to: ``α``."""
    alpha = np.where(np.arange(emitted.shape[-1]) < 2, emitted[:, 0], -np.inf)
    found = [alpha]
    for step in range(1, emitted.shape[1]):
        reached = np.logaddexp(alpha, _moved(alpha, 1))
        reached = np.logaddexp(reached, np.where(lattice.skips, _moved(alpha, 2), -np.inf))
        alpha = np.where(lattice.counts[:, step, np.newaxis], reached + emitted[:, step], alpha)
        found.append(alpha)
    return found


def _backward(lattice: _Lattice, emitted: Array) -> list[Array]:
    """Logarithms of what all ends of alignments behind a state at a step come to: ``β``."""
    states = np.arange(emitted.shape[-1])
    last = (states == lattice.end) | (states == lattice.end - 1)
    beta = np.where(last, 0.0, np.full_like(emitted[:, 0], -np.inf))
    found = [beta]
    for step in reversed(range(1, emitted.shape[1])):
        ahead = beta + emitted[:, step]
        reached = np.logaddexp(ahead, _moved(ahead, -1))
        reached = np.logaddexp(reached, _moved(np.where(lattice.skips, ahead, -np.inf), -2))
        beta = np.where(lattice.counts[:, step, np.newaxis], reached, beta)
        found.append(beta)
    return found[::-1]


def _moved(states: Array, by: int) -> Array:
    """What is in each state, so many states further on; what comes in at the end is impossible."""
    gone = np.full((states.shape[0], abs(by)), -np.inf)
    parts = [gone, states[:, : -by or None]] if by > 0 else [states[:, -by:], gone]
    return np.concatenate(parts, axis=1)[:, : states.shape[1]]


def _total(lattice: _Lattice, alpha: Array) -> Array:
    """Logarithm of what all alignments come to, from what is in the states after the last step."""
    blank = np.take_along_axis(alpha, lattice.end, axis=1)
    label = np.take_along_axis(alpha, np.maximum(lattice.end - 1, 0), axis=1)
    total = np.logaddexp(blank, np.where(lattice.end > 0, label, -np.inf))
    of_no_steps = np.where(lattice.end > 0, -np.inf, 0.0)
    return np.where(lattice.counts[:, :1], total, of_no_steps)[:, 0]
