"""Faults and controls of recurrent layers of other cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.convolution import conv
from ..language.variant import Control, Fault
from .recurrent import over_time

Array = Any
Function = Callable[..., Any]


def gated_by(bias_outside: bool = False, candidate_of_new_gate: bool = False) -> Function:
    """Minimal gated unit, whose state is ``n + f (hₜ₋₁ - n)``."""

    def forward(
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array,
        recurrent_bias: Array | None = None,
        *,
        reset: str,
        update: str,
    ) -> tuple[Array, ...]:
        of_gate, of_candidate = np.split(recurrent_kernel, 2, axis=-1)
        inside = 0.0 if recurrent_bias is None or bias_outside else recurrent_bias
        outside = recurrent_bias if bias_outside and recurrent_bias is not None else 0.0

        def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            (before,) = carry
            to_gate, to_candidate = np.split(np.matmul(step, kernel) + bias, 2, axis=-1)
            f = expit(to_gate + np.matmul(before, of_gate))
            opened = 1.0 - f if candidate_of_new_gate else f
            product = np.matmul(opened * before if reset == "before" else before, of_candidate) + inside
            n = np.tanh(to_candidate + (opened * product if reset == "after" else product) + outside)
            return (n + f * (before - n) if update == "keep" else before + f * (n - before),)

        return over_time(cell, x, (h,), "forward")

    return forward


def conv_lstm_by(
    same: str = "same", together: bool = False, squash: Function = np.tanh, late: bool = False
) -> Function:
    """Convolutional LSTM; of what it sees and its state together, or with something else."""

    def forward(
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None = None,
        *,
        padding: str,
        forget_bias: float,
    ) -> tuple[Array, ...]:
        kernels = np.concatenate((kernel, recurrent_kernel), axis=-2) if together else kernel

        def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            before, state = carry
            if together and padding == "same":
                z = conv(np.concatenate((step, before), axis=-1), kernels, bias, padding="same")
            else:
                z = conv(step, kernel, bias, padding=same if padding == "same" else padding)
                z = z + conv(before, recurrent_kernel, padding=same)
            i, f, g, o = np.split(z, 4, axis=-1)
            new = expit(f + forget_bias) * state + expit(i) * np.tanh(g)
            return expit(o) * squash(state if late else new), new

        return over_time(cell, x, (h, c), "forward")

    return forward


OF_CONV_LSTM = (
    Fault(name="cell not squashed", reference=conv_lstm_by(squash=lambda cell: cell)),
    Fault(name="output of the cell before", reference=conv_lstm_by(late=True)),
)
LOWER = Fault(
    name="the odd place of padding before, not behind",
    reference=conv_lstm_by("same_lower"),
    where="padding == 'same'",
)
TOGETHER = (Control(name="one convolution of both", reference=conv_lstm_by(together=True)),)

FAULTS = {
    "minimal_gated_unit": (
        Fault(
            name="bias of the candidate outside the reset",
            reference=gated_by(bias_outside=True),
            where="reset == 'after'",
        ),
        Fault(name="reset by 1 - f", reference=gated_by(candidate_of_new_gate=True), where="reset != 'none'"),
    ),
    "conv_lstm1d": OF_CONV_LSTM,
    "conv_lstm2d": (*OF_CONV_LSTM, LOWER),
    "conv_lstm3d": (*OF_CONV_LSTM, LOWER),
}

CONTROLS = {
    "minimal_gated_unit": (Control(name="blend by one product", reference=gated_by()),),
    "conv_lstm1d": TOGETHER,
    "conv_lstm2d": TOGETHER,
    "conv_lstm3d": TOGETHER,
}
