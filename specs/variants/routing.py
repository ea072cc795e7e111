"""Faults and controls of routing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from ...numerics.dtypes import DTYPES, nearest
from ...reference.selection import greatest
from ...reference.softmax import softmax
from ..language.variant import Control, Fault

Array = Any

Weigh = Callable[[Array, Array, Array], Array]
"""The weights, from logits, scores and chosen experts."""


def scores_of(logits: Array, score: str) -> Array:
    """What logits become."""
    return softmax(logits) if score == "softmax" else expit(logits)


def at(scores: Array, experts: Array) -> Array:
    """The scores of what is chosen."""
    return np.take_along_axis(scores, experts, axis=-1)


def routed(
    choice: Callable[[Array, Array, Array], Array], weigh: Callable[[Array, Array, Array], Array]
) -> Callable[..., tuple[Array, Array]]:
    """A router that chooses by one function of logits, scores and bias, and weighs by another."""

    def forward(
        logits: Array,
        bias: Array | None,
        *,
        k: int,
        score: str,
        renormalise: bool,
        factor: float,
    ) -> tuple[Array, Array]:
        scores, added = scores_of(logits, score), 0.0 if bias is None else bias
        experts = greatest(choice(logits, scores, added), k)
        weights = at(weigh(logits, scores, added), experts)
        if renormalise:
            weights = weights / np.sum(weights, axis=-1, keepdims=True)
        return factor * weights, experts

    return forward


def of_half(logits: Array, scores: Array, bias: Array) -> Array:
    """Scores and bias in bfloat16, in which some are equal."""
    half = DTYPES["bfloat16"]
    return nearest(nearest(scores, half) + bias, half)


FAULTS = {
    "topk_router": (
        Fault(
            name="the biased score is the weight",
            reference=routed(lambda _, s, b: s + b, lambda _, s, b: s + b),
            where="biased",
        ),
        Fault(
            name="the logit is the weight",
            reference=routed(lambda _, s, b: s + b, lambda logits, s, b: logits),
            where="k > 1 or not renormalise",
        ),
        Fault(
            name="the bias before the score",
            reference=routed(lambda logits, s, b: logits + b, lambda _, s, b: s),
            where="biased and score == 'sigmoid' and k < experts",
        ),
        Fault(
            name="a maximum that starts at -1",
            reference=routed(lambda _, s, b: np.where(s + b > -1, s + b, -1.0), lambda _, s, b: s),
            where="biased and data == 'below_zero'",
        ),
        Fault(
            name="chosen in bfloat16",
            reference=routed(of_half, lambda _, s, b: s),
            where="not biased",
        ),
        Fault(
            name="of equals the last first",
            results={"experts": lambda logits, k, experts: experts - 1 - greatest(logits[:, ::-1], k)},
            where="data == 'ties' and not biased",
        ),
        Fault(
            name="no gradient of what is not chosen",
            gradients={
                "logits": lambda logits, gradient, k: np.where(
                    (greatest(logits, k)[..., None] == np.arange(logits.shape[-1])).any(-2), gradient, 0.0
                )
            },
            where="score == 'softmax' and not renormalise and not biased and k < experts",
        ),
    ),
    "load_balancing_loss": (
        Fault(
            name="of the first choice alone",
            results={
                "y": lambda logits, share, k: np.asarray(
                    logits.shape[-1]
                    * np.sum(
                        np.mean(greatest(logits, 1) == np.arange(logits.shape[-1]), axis=0)
                        * np.mean(softmax(logits), axis=0)
                    )
                )
            },
            where="1 < k < experts",
        ),
    ),
    "router_z_loss": (
        Fault(
            name="the square of the mean",
            results={
                "y": lambda logits: np.asarray(np.square(np.mean(np.log(np.sum(np.exp(logits), axis=-1)))))
            },
            where="tokens > 1 and data in ('normal', 'wide')",
        ),
        Fault(
            name="exponentials without a shift",
            results={
                "y": lambda logits: np.asarray(
                    np.mean(np.square(np.log(np.sum(nearest(np.exp(logits), DTYPES["float32"]), axis=-1))))
                )
            },
            where="data == 'saturated'",
        ),
    ),
}

CONTROLS = {
    "topk_router": (
        Control(
            name="softmax of what is chosen",
            reference=lambda logits, bias, *, k, factor: (
                factor * softmax(at(logits, greatest(logits, k))),
                greatest(logits, k),
            ),
            where="score == 'softmax' and renormalise and not biased",
        ),
    ),
}
