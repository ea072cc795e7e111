"""Faults and controls of the losses of the overlap of two sets."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.reductions import reduce
from ...reference.softmax import softmax
from ..language.variant import Control, Fault, each_way
from .losses_classification import MEAN_FOR_SUM, SUM_FOR_MEAN

Array = Any


def tversky_by_sums(
    logits: Array,
    predictions: Array,
    targets: Array,
    class_weights: Array | None = None,
    sample_weights: Array | None = None,
    *,
    reduction: str = "mean",
    axis: tuple[int, ...] | None = (1,),
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1.0,
    epsilon: float = 0.0,
    ignore_background: bool = False,
    power: int = 1,
    normalized: int = -1,
) -> Array:
    """False positives as ``Σ p - Σ p t``, false negatives as ``Σ t - Σ p t``."""
    shares = predictions
    if shares is None:
        shares = expit(logits) if logits.shape[-1] == 1 else softmax(logits, axis=normalized)
    hits = np.sum(shares * targets, axis=axis)
    predicted, meant = np.sum(shares**power, axis=axis), np.sum(targets**power, axis=axis)
    below = hits + alpha * (predicted - hits) + beta * (meant - hits) + smooth + epsilon
    losses = 1.0 - (hits + smooth) / below
    losses = losses if class_weights is None else losses * class_weights
    losses = losses[..., 1:] if ignore_background and losses.shape[-1] > 1 else losses
    return reduce(losses, reduction, weights=sample_weights)


def generalized_dice_by_sums(
    logits: Array,
    targets: Array,
    *,
    smooth: float = 1.0,
    ignore_background: bool = False,
    power: float = 2.0,
    axis: tuple[int, ...] = (0, 1),
    kept_before: bool = False,
) -> Array:
    """Weights as shares times their number; or of another ``power``, of each sample, or of classes left."""
    counts = np.sum(targets, axis=axis)
    counts = counts * counts if power == 2 else counts
    rarity = 1.0 / (counts + 1e-7)
    among = rarity[..., 1:] if kept_before and ignore_background else rarity
    weights = rarity / np.sum(among, axis=-1, keepdims=True) * among.shape[-1]
    losses = tversky_by_sums(logits, None, targets, smooth=smooth, reduction="none")
    losses = losses * weights
    return np.mean(losses[:, 1:] if ignore_background else losses)


FAULTS = {
    "generalized_dice": (
        Fault(name="counts not squared", reference=functools.partial(generalized_dice_by_sums, power=1.0)),
        Fault(
            name="weights of each sample",
            reference=functools.partial(generalized_dice_by_sums, axis=(1,)),
            where="batch > 1",
        ),
        Fault(
            name="weights without the background's",
            reference=functools.partial(generalized_dice_by_sums, kept_before=True),
            where="ignore_background",
        ),
    ),
    "tversky": (
        *SUM_FOR_MEAN,
        *MEAN_FOR_SUM,
        *each_way(Fault(name="alpha and beta exchanged", parameters={"alpha": "beta", "beta": "alpha"})),
        Fault(name="squares in the denominator", reference=functools.partial(tversky_by_sums, power=2)),
        Fault(
            name="softmax over the places",
            reference=functools.partial(tversky_by_sums, normalized=1),
            where="domain == 'logits' and classes > 1",
        ),
    ),
}

CONTROLS = {
    "generalized_dice": (Control(name="by sums", reference=generalized_dice_by_sums),),
    "tversky": (Control(name="by sums", reference=tversky_by_sums),),
}

# A softmax is positive: without a zero to divide by, so small an epsilon is rounding to the loss.
NO_FAULTS = {"tversky": ("epsilon 1e-07 for 0.0", "epsilon 5e-08 for 0.0")}
