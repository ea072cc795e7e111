"""Faults and controls of recurrent layers of other cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference.convolution import conv
from ..language.variant import Control, Fault
from .recurrent import FUNCTIONS, HARD, over_time, steep

Array = Any
Function = Callable[..., Any]


def gated_by(
    bias_outside: bool = False, candidate_of_new_gate: bool = False, slope: Function | None = None
) -> Function:
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
        activation: str,
        recurrent_activation: str,
    ) -> tuple[Array, ...]:
        squash = FUNCTIONS[activation]
        gate = slope or FUNCTIONS[recurrent_activation]
        of_gate, of_candidate = np.split(recurrent_kernel, 2, axis=-1)
        inside = 0.0 if recurrent_bias is None or bias_outside else recurrent_bias
        outside = recurrent_bias if bias_outside and recurrent_bias is not None else 0.0

        def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            (before,) = carry
            to_gate, to_candidate = np.split(np.matmul(step, kernel) + bias, 2, axis=-1)
            f = gate(to_gate + np.matmul(before, of_gate))
            opened = 1.0 - f if candidate_of_new_gate else f
            product = np.matmul(opened * before if reset == "before" else before, of_candidate) + inside
            n = squash(to_candidate + (opened * product if reset == "after" else product) + outside)
            return (n + f * (before - n) if update == "keep" else before + f * (n - before),)

        return over_time(cell, x, (h,), "forward")

    return forward


def conv_lstm_by(
    same: str = "same",
    together: bool = False,
    squash: Function | None = None,
    late: bool = False,
    alike: bool = False,
    slope: Function | None = None,
    moved: bool = False,
    unturned: bool = False,
) -> Function:
    """Convolutional LSTM; of what it sees and its state together, or with something else."""

    def forward(
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array | None = None,
        mask: Array | None = None,
        *,
        padding: str,
        forget_bias: float,
        strides: int,
        dilation: int,
        activation: str,
        recurrent_activation: str,
        direction: str,
        return_sequences: bool,
        masked_output: str,
    ) -> tuple[Array, ...]:
        candidate, gate = FUNCTIONS[activation], slope or FUNCTIONS[recurrent_activation]
        shown = squash or candidate
        spread = {"strides": strides, "dilation": dilation}
        kernels = np.concatenate((kernel, recurrent_kernel), axis=-2) if together else kernel

        def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            before, state = carry
            if together and padding == "same" and strides == dilation == 1:
                z = conv(np.concatenate((step, before), axis=-1), kernels, bias, padding="same")
            else:
                z = conv(step, kernel, bias, padding=same if padding == "same" else padding, **spread)
                again = dilation if alike else 1
                z = z + conv(before, recurrent_kernel, padding=same, dilation=again)
            i, f, g, o = np.split(z, 4, axis=-1)
            new = gate(f + forget_bias) * state + gate(i) * candidate(g)
            return gate(o) * shown(state if late else new), new

        backwards = direction != "forward"
        x = x[:, ::-1] if backwards else x
        counts = np.ones(x.shape[:2], dtype=bool) if mask is None else mask
        counts = counts[:, ::-1] if backwards and not unturned else counts
        y, outputs = np.zeros_like(h), []
        for t in range(x.shape[1]):
            now = np.reshape(counts[:, t], (-1, *(1,) * (h.ndim - 1)))
            new, cell_now = cell(x[:, t], (h, c))
            y = np.where(now, new, {"repeat": y, "state": h}.get(masked_output, np.zeros_like(h)))
            h, c = (new, cell_now) if moved else (np.where(now, new, h), np.where(now, cell_now, c))
            outputs.append(y)
        return np.stack(outputs, axis=1) if return_sequences else y, h, c

    return forward


OF_CONV_LSTM = (
    Fault(name="cell not squashed", reference=conv_lstm_by(squash=lambda cell: cell)),
    Fault(name="output of the cell before", reference=conv_lstm_by(late=True)),
    Fault(
        name="convolution of the state dilated too",
        reference=conv_lstm_by(alike=True),
        where="dilation > 1",
    ),
    Fault(name="hard sigmoid of slope 1/5", reference=conv_lstm_by(slope=steep), where=HARD),
    Fault(name="states move on where no step counts", reference=conv_lstm_by(moved=True), where="padded"),
    Fault(
        name="mask not turned round",
        reference=conv_lstm_by(unturned=True),
        where="padded and direction != 'forward' and time > 1",
    ),
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
        Fault(name="hard sigmoid of slope 1/5", reference=gated_by(slope=steep), where=HARD),
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
