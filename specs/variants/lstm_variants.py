"""Faults and controls of the relatives of the LSTM."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.lstm_variants import (
    layer_norm_lstm,
    peephole_lstm,
    projection_lstm,
    time_gated_lstm,
)
from ..language.variant import Control, Fault, each_way
from .recurrent import (
    gates_in_order,
    outputs_of,
    over_time,
)

Array = Any


# --- the layers written in another way, with options that are wrong ---


def layer_norm_lstm_by(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    scale: Array,
    recurrent_scale: Array | None,
    cell_scale: Array,
    cell_bias: Array,
    *,
    normalized: str = "gates",
    carried: str = "cell",
    forget_bias: float = 0.0,
    epsilon: float = 1e-5,
    of_cell: bool = True,
    together: bool = False,
    factors: Array | None = None,
    scaling: str = "update",
) -> tuple[Array, ...]:
    """Gates one by one, each with its part of the weights; the norm by the root of the mean square.

    There may be factors of the candidate ``(batch, time, units)``, or in its place of its sum or of the cell.
    """
    features = x.shape[-1]
    factors = np.ones((*x.shape[:2], c.shape[-1])) if factors is None else factors

    def norm(z: Array) -> Array:
        centred = z - np.mean(z, axis=-1, keepdims=True)
        return centred / np.sqrt(np.mean(np.square(centred), axis=-1, keepdims=True) + epsilon)

    def part(array: Array, gate: int) -> Array:
        return np.split(array, 4, axis=-1)[gate]

    def sums(step: Array, before: Array) -> list[Array]:
        if normalized == "products":
            z = norm(step @ kernel) * scale + norm(before @ recurrent_kernel) * recurrent_scale + bias
            return [part(z, gate) for gate in range(4)]
        if together:
            z = norm(step @ kernel + before @ recurrent_kernel) * scale + bias
            return [part(z, gate) for gate in range(4)]
        return [
            norm(step @ part(kernel, gate) + before @ part(recurrent_kernel, gate)) * part(scale, gate)
            + part(bias, gate)
            for gate in range(4)
        ]

    def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        (before, state), factor = carry, step[:, features:]
        i, f, g, o = sums(step[:, :features], before)
        update = np.tanh(g * factor if scaling == "sum" else g)
        update = update * factor if scaling == "update" else update
        state = expit(f + forget_bias) * state + expit(i) * update
        state = state * factor if scaling == "cell" else state
        seen = norm(state) * cell_scale + cell_bias if of_cell else state
        return expit(o) * np.tanh(seen), seen if carried == "normalized" else state

    return over_time(cell, np.concatenate((x, factors), axis=-1), (h, c), "forward")


def lstm_by(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    *,
    residual: bool = False,
    peepholes: Array | None = None,
    projection: Array | None = None,
    decays: Array | None = None,
    output_sees_old: bool = False,
    decays_input: bool = False,
    projects_before_tanh: bool = False,
    coupled: bool = False,
    cell_clip: float | None = None,
    carries_unclipped: bool = False,
    couples_itself: bool = False,
) -> tuple[Array, ...]:
    """Both products in one, and whatever is given besides."""
    kernels = np.concatenate((kernel, recurrent_kernel), axis=0)
    p = np.zeros((3, c.shape[-1])) if peepholes is None else peepholes
    steps = np.ones(x.shape[:2]) if decays is None else decays

    def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        (before, state), decay = carry, step[:, -1:]
        z = np.matmul(np.concatenate((step[:, :-1], before), axis=-1), kernels) + bias
        *own, f, g, o = np.split(z, 3 if coupled else 4, axis=-1)
        f = expit(f + p[-2] * state)
        i = (f if couples_itself else 1.0 - f) if coupled else expit(own[0] + p[0] * state)
        free = new = decay * f * state + i * np.tanh(g) * (decay if decays_input else 1)
        if cell_clip is not None:
            new = np.minimum(np.maximum(new, -cell_clip), cell_clip)
        gate = expit(o + p[-1] * (state if output_sees_old else new))
        if carries_unclipped:
            return gate * np.tanh(new), free
        if projection is None:
            return gate * np.tanh(new) + (step[:, :-1] if residual else 0.0), new
        if projects_before_tanh:
            return np.tanh((gate * new) @ projection), new
        return (gate * np.tanh(new)) @ projection, new

    return over_time(cell, np.concatenate((x, steps[..., None]), axis=-1), (h, c), "forward")


def peephole_by(
    *inputs: Array, coupled: bool = False, cell_clip: float | None = None, **options: Any
) -> tuple[Array, ...]:
    """`lstm_by` with the inputs and the form of `peephole_lstm`."""
    options |= {"coupled": coupled, "cell_clip": cell_clip}
    return lstm_by(*inputs[:-1], peepholes=inputs[-1], **options)


def projection_by(
    *inputs: Any, bidirectional: bool = False, unturned: bool = False, **options: Any
) -> tuple[Array, ...]:
    """`lstm_by` with the inputs of `projection_lstm`, in both directions if it is."""
    x, *others, projection, peepholes = inputs
    if not bidirectional:
        return lstm_by(x, *others, projection=projection, peepholes=peepholes, **options)
    (forward, *ends), (backward, *starts) = (
        lstm_by(steps, *(array[n] for array in others), projection=projection[n], **options)
        for n, steps in enumerate((x, x[:, ::-1]))
    )
    y = np.concatenate([forward, backward if unturned else backward[:, ::-1]], axis=-1)
    return y, *(np.stack(pair) for pair in zip(ends, starts, strict=True))


def time_gated_by(
    x: Array, elapsed: Array, *others: Array, decay: str = "logarithmic", **options: Any
) -> tuple[Array, ...]:
    """`lstm_by` with the inputs of `time_gated_lstm`."""
    decays = np.exp(-elapsed) if decay == "exponential" else 1 / np.log(np.e + elapsed)
    return lstm_by(x, *others, decays=decays, **options)


def residual_by(x: Array, *others: Array) -> tuple[Array, ...]:
    """Both products in one, and the inputs added to the outputs."""
    sequence, *carry = lstm_by(x, *others)
    return (x + sequence, *carry)


# --- faults ---


SHARED = (Fault(name="final cell state squashed", results={"final_c": lambda result: np.tanh(result)}),)
"""What any of them can get wrong."""

FAULTS = {
    "residual_lstm": (
        *SHARED,
        Fault(name="inputs not added", results={"y": lambda result, x: result - x}),
        Fault(
            name="the sum carried to the next step",
            reference=functools.partial(lstm_by, residual=True),
        ),
        Fault(
            name="inputs added to the final hidden state",
            results={"final_h": lambda result, x: result + x[:, -1]},
        ),
        Fault(
            name="nothing flows past the cell",
            gradients={"x": lambda gradient, cotangent: gradient - cotangent},
        ),
    ),
    "layer_norm_lstm": (
        *SHARED,
        *gates_in_order("f, i, g, o", (1, 0, 2, 3)),
        *gates_in_order("i, g, f, o, that of BlockLSTM", (0, 2, 1, 3)),
        *outputs_of(layer_norm_lstm)[:1],
        Fault(name="cell not normalized", reference=functools.partial(layer_norm_lstm_by, of_cell=False)),
        Fault(
            name="all gates normalized together",
            reference=functools.partial(layer_norm_lstm_by, together=True),
            where="normalized == 'gates'",
        ),
    ),
    "peephole_lstm": (
        *SHARED,
        *outputs_of(peephole_lstm)[:1],
        Fault(
            name="no peepholes, in the gradient",
            inputs={"peepholes": lambda peepholes: 0 * peepholes},
            spoils="gradients",
        ),
        *each_way(
            Fault(
                name="peepholes of i and f swapped",
                inputs={"peepholes": lambda peepholes: peepholes[[1, 0, 2]]},
                where="not coupled",
            )
        ),
        Fault(
            name="what the forget gate keeps let in too",
            reference=functools.partial(peephole_by, couples_itself=True),
            where="coupled",
        ),
        Fault(
            name="clipped as the output sees it alone",
            reference=functools.partial(peephole_by, carries_unclipped=True),
            where="cell_clip is not None",
        ),
        Fault(
            name="output gate sees the old cell",
            reference=functools.partial(peephole_by, output_sees_old=True),
        ),
    ),
    "projection_lstm": (
        *SHARED,
        *outputs_of(projection_lstm)[:1],
        Fault(
            name="projected before the tanh",
            reference=functools.partial(projection_by, projects_before_tanh=True),
        ),
        Fault(
            name="output gate sees the old cell",
            reference=functools.partial(projection_by, output_sees_old=True),
            where="use_peepholes",
        ),
        Fault(
            name="backward states as computed",
            reference=functools.partial(projection_by, unturned=True),
            where="bidirectional and time > 1",
        ),
        Fault(
            name="hidden state projected twice",
            inputs={"projection": lambda projection: projection * np.sum(projection**2)},
        ),
    ),
    "time_gated_lstm": (
        *SHARED,
        *outputs_of(time_gated_lstm)[:1],
        Fault(
            name="time elapsed after the step",
            inputs={"elapsed": lambda elapsed: np.roll(elapsed, -1, axis=1)},
            where="time > 1",
        ),
        Fault(
            name="time since the start",
            inputs={"elapsed": lambda elapsed: np.cumsum(elapsed, axis=1)},
            where="time > 1",
        ),
        Fault(name="input decayed too", reference=functools.partial(time_gated_by, decays_input=True)),
    ),
}

CONTROLS = {
    "residual_lstm": (Control(name="both products in one", reference=residual_by),),
    "layer_norm_lstm": (Control(name="gate by gate", reference=layer_norm_lstm_by),),
    "peephole_lstm": (Control(name="both products in one", reference=peephole_by),),
    "projection_lstm": (Control(name="both products in one", reference=projection_by),),
    "time_gated_lstm": (Control(name="both products in one", reference=time_gated_by),),
}
