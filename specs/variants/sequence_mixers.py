"""Faults and controls of sequence mixers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.sequence_mixers import causal_conv1d, causal_conv1d_vjp
from ..language.variant import Control, Fault
from .packing import control_of, each, faults_of

Array = Any


def whole(x: Array, kernel: Array, state: Any) -> Array:
    """What came before, and x after it."""
    before = np.zeros((x.shape[0], len(kernel) - 1, x.shape[2])) if state is None else state
    return np.concatenate([before, x], axis=1)


def last_steps_of_x(x: Array, kernel: Array, state: Any) -> Array:
    """The last steps of x alone, after zeros where there are too few."""
    return whole(x, kernel, None)[:, x.shape[1] :]


def activated_before_the_bias(
    x: Array, kernel: Array, bias: Array, state: Any, *, activation: str
) -> tuple[Array, Array]:
    """``f(Σ k z) + b``."""
    z = whole(x, kernel, state)
    y = sum(kernel[w] * z[:, w : w + x.shape[1]] for w in range(len(kernel)))
    return y * expit(y) + bias, z[:, x.shape[1] :]


def centred(x: Array, kernel: Array, bias: Any, state: Any, *, activation: str) -> tuple[Array, Array]:
    """As much of what comes as of what came."""
    z = whole(x, kernel, state)
    ahead = (len(kernel) - 1) // 2
    shifted = np.concatenate([z[:, ahead:], np.zeros_like(z[:, :ahead])], axis=1)
    y = sum(kernel[w] * shifted[:, w : w + x.shape[1]] for w in range(len(kernel)))
    y = y if bias is None else y + bias
    return (y * expit(y) if activation == "silu" else y), z[:, x.shape[1] :]


def shifted_below_the_window(
    x: Array, kernel: Array, bias: Any, state: Any, sizes: Any, cotangents: Any, *, activation: str
) -> tuple[Any, ...]:
    """Gradients of few steps that stand where those of a whole window would."""
    of_x, of_kernel, of_bias, of_state = causal_conv1d_vjp(
        x, kernel, bias, state, sizes, cotangents, activation=activation
    )
    both = np.concatenate([of_state, of_x], axis=1)
    moved = np.roll(both, len(kernel) - 1 - x.shape[1], axis=1)
    return moved[:, len(kernel) - 1 :], of_kernel, of_bias, moved[:, : len(kernel) - 1]


def by_steps(x: Array, kernel: Array, bias: Any, state: Any, *, activation: str) -> tuple[Array, Array]:
    """One step after the other, the state rolled by each."""
    held, found = whole(x, kernel, state)[:, : len(kernel) - 1], []
    for t in range(x.shape[1]):
        window = np.concatenate([held, x[:, t : t + 1]], axis=1)
        y = np.sum(window * kernel, axis=1)
        y = y if bias is None else y + bias
        found.append(y * (1.0 / (1.0 + np.exp(-y))) if activation == "silu" else y)
        held = window[:, 1:]
    return np.stack(found, axis=1), held


FAULTS = {
    "causal_conv1d": (
        Fault(
            name="the last steps of x for the state",
            results={"state": last_steps_of_x},
            where="stateful and steps < width - 1 and not packed",
        ),
        Fault(
            name="activated before the bias",
            reference=each(activated_before_the_bias, (0,)),
            where="activation == 'silu' and use_bias",
        ),
        Fault(name="as much of what comes as of what came", reference=each(centred, (0,)), where="width > 2"),
        Fault(
            name="gradients shifted below the window",
            vjp=shifted_below_the_window,
            where="stateful and steps < width - 1 and not packed",
        ),
        *faults_of(causal_conv1d, (0,)),
    ),
}

CONTROLS = {
    "causal_conv1d": (
        Control(name="one step after the other", reference=each(by_steps, (0,))),
        control_of(causal_conv1d, (0,)),
    )
}
