"""Faults and controls of the losses that teach a policy what is preferred."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.reductions import reduce
from ..language.variant import Control, Fault

Array = Any


def cpo_by_softplus(
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
    scaled_margin: bool = False,
    of_sums: bool = False,
) -> Array:
    """Softplus of each side; or wrong, with a margin times β, or the likelihood of all tokens at once."""
    divided = chosen_lengths is not None
    first, second = (chosen / chosen_lengths, rejected / rejected_lengths) if divided else (chosen, rejected)
    h = beta * first - beta * second - (beta * margin if scaled_margin else margin)
    losses = (1.0 - label_smoothing) * np.logaddexp(0.0, -h) + label_smoothing * np.logaddexp(0.0, h)
    likelihood = chosen if of_sums else first
    return reduce(losses - nll_weight * likelihood if nll_weight else losses, reduction)


def orpo_by_quotient(
    chosen_nll: Array,
    rejected_nll: Array,
    *,
    weight: float = 0.1,
    reduction: str = "mean",
    odds: bool = True,
) -> Array:
    """``p / (1 - p)`` of each, and the quotient of both; or wrong, the ratio of the probabilities."""
    p, q = np.exp(-chosen_nll), np.exp(-rejected_nll)
    ratio = (p * (1.0 - q)) / (q * (1.0 - p)) if odds else p / q
    return reduce(chosen_nll + weight * np.log1p(1.0 / ratio), reduction)


def kto_by_sides(
    log_probs: Array,
    reference_log_probs: Array,
    labels: Array,
    other_log_ratios: Array,
    *,
    beta: float = 0.1,
    desirable: float = 1.0,
    undesirable: float = 1.0,
    reduction: str = "mean",
    held: bool = True,
    broadcast: bool = False,
) -> Array:
    """``1 - σ`` of both kinds; or wrong, with a mean that may be negative, or every answer by every label."""
    stands = np.mean(other_log_ratios)
    stands = np.maximum(stands, 0.0) if held else stands
    ahead = beta * (log_probs - stands) - beta * reference_log_probs
    good, bad = desirable * (1.0 - expit(ahead)), undesirable * (1.0 - expit(-ahead))
    label = labels[:, np.newaxis] if broadcast else labels
    return reduce(np.where(label == 1, good, bad), reduction)


FAULTS = {
    "cpo_loss": (
        Fault(
            name="margin times beta",
            reference=functools.partial(cpo_by_softplus, scaled_margin=True),
            where="margin > 0",
        ),
        Fault(
            name="likelihood not averaged",
            reference=functools.partial(cpo_by_softplus, of_sums=True),
            where="averaged and nll_weight > 0",
        ),
    ),
    "orpo_loss": (
        Fault(
            name="ratio of probabilities for that of odds",
            reference=functools.partial(orpo_by_quotient, odds=False),
        ),
        Fault(
            name="odds taken as constant in the gradient of the chosen",
            gradients={
                "chosen_nll": lambda gradient, batch, cotangent, reduction: (
                    0.0 * gradient + cotangent / (batch if reduction == "mean" else 1.0)
                )
            },
        ),
    ),
    "kto_loss": (
        Fault(name="a mean below 0 counts", reference=functools.partial(kto_by_sides, held=False)),
        Fault(
            name="every answer by every label",
            reference=functools.partial(kto_by_sides, broadcast=True),
            where="reduction != 'none'",
        ),
    ),
}

CONTROLS = {
    "cpo_loss": (Control(name="by softplus", reference=cpo_by_softplus, normwise=True),),
    "orpo_loss": (Control(name="by a quotient", reference=orpo_by_quotient, normwise=True),),
    "kto_loss": (Control(name="by sides", reference=kto_by_sides, normwise=True),),
}
