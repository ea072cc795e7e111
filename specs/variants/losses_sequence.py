"""Faults and controls of the losses of sequences."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...reference.losses_classification import sparse_softmax_cross_entropy
from ...reference.reductions import reduce
from ...reference.softmax import log_softmax
from ..language.variant import Control, Fault
from .losses_classification import BASE_2

Array = Any


def weighted(
    logits: Array,
    labels: Array,
    mask: Array,
    *,
    average: str = "steps",
    empty: str = "nan",
    masking: str = "select",
) -> Array:
    """A weight for each step, ``m / Σ m`` and the like, in one sum."""
    counts = {
        "steps": np.sum(mask * 1.0),
        "sequences": np.sum(mask * 1.0, axis=1, keepdims=True) * len(mask),
        "places": np.array(float(mask.size)),
    }[average]
    losses = sparse_softmax_cross_entropy(logits, labels, reduction="none")
    counting = losses * mask if masking == "multiply" else np.where(mask, losses, 0.0)
    total = np.sum(counting * (1.0 / np.maximum(counts, 1.0)))
    return total + np.nan if empty == "nan" and np.any(counts == 0) else total


def ctc_over_transitions(
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
    past_repeats: bool = False,
    to_blank: bool = True,
    probabilities: bool = False,
) -> Array:
    """One matrix of transitions for each sequence, in which each step takes a logarithm of a sum.

    Or wrong: ``past_repeats`` lets equal labels follow each other without a blank, without ``to_blank`` an
    alignment may not end in one, and ``probabilities`` are multiplied as they are.
    """
    batch, steps, classes = logits.shape
    log_p = log_softmax(logits) if domain == "logits" else logits
    blank, states = blank % classes, 2 * labels.shape[1] + 1
    place = np.arange(states)
    label = np.repeat(labels + (labels >= blank), 2, axis=1)
    of_state = np.where(place % 2 == 1, np.concatenate([label, label[:, :1]], axis=1), blank)
    behind = place[:, np.newaxis] - place
    new = past_repeats | (of_state[:, :, np.newaxis] != of_state[:, np.newaxis, :])
    leads = (behind == 0) | (behind == 1) | ((behind == 2) & (place % 2 == 1)[:, np.newaxis] & new)
    end = 2 * label_lengths[:, np.newaxis]
    ends = ((place == end) & (to_blank | (end == 0))) | (place == end - 1)
    emitted = np.take_along_axis(
        log_p, np.broadcast_to(of_state[:, np.newaxis], (batch, steps, states)), axis=-1
    )
    lengths = np.full(batch, steps) if logit_lengths is None else logit_lengths
    alpha = np.where(place < 2, emitted[:, 0], -np.inf)
    alpha = np.exp(alpha) if probabilities else alpha
    for step in range(1, steps):
        counts = (step < lengths)[:, np.newaxis]
        if probabilities:
            ahead = np.sum(np.where(leads, alpha[:, np.newaxis], 0.0), axis=-1) * np.exp(emitted[:, step])
        else:
            ahead = log_of_sum(np.where(leads, alpha[:, np.newaxis], -np.inf)) + emitted[:, step]
        alpha = np.where(counts, ahead, alpha)
    if probabilities:
        losses = -np.log(np.sum(np.where(ends, alpha, 0.0), axis=-1))
    else:
        losses = -log_of_sum(np.where(ends, alpha, -np.inf))
    losses = np.where(losses == np.inf, 0.0, losses) if infeasible == "zero" else losses
    if reduction == "mean_labels":
        losses, reduction = losses / np.maximum(label_lengths, 1.0), "mean"
    return reduce(losses, reduction, weights=sample_weights)


def log_of_sum(terms: Array) -> Array:
    """Logarithm of the sum of exponentials along the last axis."""
    top = np.max(terms, axis=-1, keepdims=True)
    top = np.where(top == -np.inf, 0.0, top)
    return np.log(np.sum(np.exp(terms - top), axis=-1)) + top[..., 0]


FAULTS = {
    "ctc_loss": (
        Fault(
            name="equal labels without a blank between",
            reference=functools.partial(ctc_over_transitions, past_repeats=True),
        ),
        Fault(
            name="no blank behind the last label",
            reference=functools.partial(ctc_over_transitions, to_blank=False),
        ),
        Fault(
            name="probabilities multiplied",
            reference=functools.partial(ctc_over_transitions, probabilities=True),
            where="data == 'saturated'",
            rounds=True,
        ),
        Fault(
            name="gradient at the steps that do not count",
            gradients={
                "logits": lambda gradient, logit_lengths: np.where(
                    (np.arange(gradient.shape[1]) < logit_lengths[:, np.newaxis])[..., np.newaxis],
                    gradient,
                    1.0,
                )
            },
            where="ragged",
        ),
    ),
    "sequence_cross_entropy": (
        Fault(
            name="losses of masked steps multiplied by 0, which keeps NaN, in the gradient",
            parameters={"masking": "'multiply'"},
            where="masking == 'select' and data == 'padding_nan'",
            spoils="gradients",
        ),
        BASE_2,
        Fault(
            name="NaN gradient where every step of a sequence is masked",
            gradients={
                "logits": lambda gradient, mask: np.where(mask.any(axis=1)[:, None, None], gradient, np.nan)
            },
            where="data == 'masked_rows'",
        ),
        Fault(name="sum for the mean", results={"y": lambda result, mask: result * np.sum(mask)}),
    ),
}

CONTROLS = {
    "ctc_loss": (Control(name="over transitions", reference=ctc_over_transitions),),
    "sequence_cross_entropy": (Control(name="weights of steps", reference=weighted),),
}

NO_FAULTS = {
    # The alignments have the same shares, whatever is added to all logits.
    "ctc_loss": ("logits plus one, in the gradient",),
}
