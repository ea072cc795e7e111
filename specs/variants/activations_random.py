"""Faults and controls of the activations that draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from ...reference.activations_random import gumbel_softmax_vjp
from ...reference.softmax import softmax, softmax_vjp
from ..language.variant import Control, Fault
from .dropout import shared_along

Array = Any


def one_hot_without_noise(x: Array, axis: int) -> Array:
    """The greatest logit, whatever was drawn."""
    return 1.0 * (x == np.max(x, axis=axis, keepdims=True))


def gumbel_of_normal(noise: Array) -> Array:
    """Normal numbers in the place of Gumbel noise, by their ranks."""
    return ndtri(np.exp(-np.exp(-np.clip(noise, -3.0, 30.0))))


def not_straight_through(x: Array, noise: Array, cotangents: Any, *, tau: float, axis: int) -> tuple[Array]:
    """The derivative of the one-hot itself is 0: what flows back comes from the shares alone."""
    return gumbel_softmax_vjp(x, noise, cotangents[1], tau=tau, axis=axis)


def in_two_quotients(x: Array, noise: Array, *, tau: float, axis: int) -> Array:
    """Logits and noise each over the temperature."""
    return softmax(x / tau + noise / tau, axis=axis)


GUMBEL = (
    Fault(name="the sign of the noise lost", inputs={"noise": lambda noise: -noise}, spoils="both"),
    Fault(name="normal noise", inputs={"noise": gumbel_of_normal}, spoils="both"),
    Fault(name="noise of half the size", inputs={"noise": lambda noise: noise / 2}, spoils="both"),
    Fault(
        name="samples get the same noise",
        inputs={"noise": shared_along(0)},
        spoils="both",
        where="batch > 5 and axis == -1",
    ),
)

FAULTS = {
    "rrelu": (
        Fault(
            name="one slope for all",
            inputs={"drawn": lambda drawn: np.full_like(drawn, drawn.flat[0])},
            spoils="both",
            where="training and batch > 1",
        ),
        Fault(
            name="samples share their slopes",
            inputs={"drawn": shared_along(0)},
            spoils="both",
            where="training and batch > 1",
        ),
        Fault(
            name="gradient of slopes drawn anew",
            inputs={"drawn": lambda drawn: np.roll(drawn, 1)},
            spoils="gradients",
            where="training",
        ),
        Fault(
            name="slopes that crowd at the middle",
            inputs={"drawn": lambda drawn: ndtr(ndtri(drawn) / 2)},
            spoils="both",
            where="training and batch > 1",
        ),
        Fault(
            name="gradient 1 at 0",
            gradients={"x": lambda x, gradient, cotangent: np.where(x == 0, cotangent, gradient)},
        ),
        Fault(
            name="slopes at inference",
            results={"y": lambda x, lower: np.where(x > 0, x, lower * x)},
            where="not training",
        ),
    ),
    "gumbel_softmax": (
        *GUMBEL,
        Fault(
            name="noise added behind the temperature",
            inputs={"noise": lambda noise, tau: noise * tau},
            spoils="both",
            where="tau != 1",
        ),
        Fault(
            name="gradient of the softmax without noise",
            gradients={
                "x": lambda x, cotangent, tau, axis: softmax_vjp(x / tau, cotangent, axis=axis)[0] / tau
            },
        ),
    ),
    "gumbel_softmax_hard": (
        *GUMBEL,
        Fault(name="the greatest logit, without noise", results={"y": one_hot_without_noise}),
        Fault(
            name="the shares themselves",
            results={"y": lambda x, noise, tau, axis: softmax((x + noise) / tau, axis=axis)},
        ),
        Fault(name="gradient of a constant", vjp=not_straight_through),
    ),
}

CONTROLS = {
    "gumbel_softmax": (Control(name="two quotients", reference=in_two_quotients),),
}

# A softmax takes no notice of what is added to all of its logits.
PLUS_ONE = ("x plus one", "x plus one, in the gradient")
NO_FAULTS = {"gumbel_softmax": PLUS_ONE, "gumbel_softmax_hard": PLUS_ONE}
