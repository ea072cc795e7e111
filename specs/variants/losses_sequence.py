"""Faults and controls of the losses of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.losses_classification import sparse_softmax_cross_entropy
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


FAULTS = {
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

CONTROLS = {"sequence_cross_entropy": (Control(name="weights of steps", reference=weighted),)}
