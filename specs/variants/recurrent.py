"""Faults and controls of the recurrent layers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from ...reference.recurrent import gru, gru_vjp, lstm, simple_rnn, simple_rnn_vjp
from ..language.variant import Control, Fault, each_way

Array = Any
Function = Callable[..., Any]
Gates = tuple[int, ...]


# --- cells, and one loop over time for all of them ---


def over_time(
    cell: Callable[[Array, tuple[Array, ...]], tuple[Array, ...]],
    x: Array,
    carry: tuple[Array, ...],
    direction: str,
) -> tuple[Array, ...]:
    """Hidden states and final carry of a cell that takes a step and a carry, whose first is the output."""
    ordered, states = x if direction == "forward" else x[:, ::-1], []
    for t in range(x.shape[1]):
        carry = cell(ordered[:, t], carry)
        states.append(carry[0])
    return np.stack(states[::-1] if direction == "backward" else states, axis=1), *carry


def simple_rnn_of_one_product(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    *,
    activation: str = "tanh",
    direction: str = "forward",
) -> tuple[Array, ...]:
    """``φ([xₜ hₜ₋₁] [W; U] + b)``, both products in one."""
    kernels = np.concatenate((kernel, recurrent_kernel), axis=0)

    def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        z = np.matmul(np.concatenate((step, carry[0]), axis=-1), kernels)
        z = z if bias is None else z + bias
        return (FUNCTIONS[activation](z),)

    return over_time(cell, x, (h,), direction)


def lstm_by(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    *,
    forget_bias: float = 0.0,
    direction: str = "forward",
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    gate: Function | None = None,
    candidate: Function | None = None,
    squashed: Function | None = None,
    coupled: bool = False,
    peephole: bool = False,
) -> tuple[Array, ...]:
    """Long short-term memory of one product of ``[xₜ hₜ₋₁]``, with other functions or gates."""
    gate = gate or FUNCTIONS[recurrent_activation]
    candidate, squashed = (function or FUNCTIONS[activation] for function in (candidate, squashed))
    kernels = np.concatenate((kernel, recurrent_kernel), axis=0)

    def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        before, state = carry
        z = np.matmul(np.concatenate((step, before), axis=-1), kernels)
        i, f, g, o = np.split(z if bias is None else z + bias, 4, axis=-1)
        into = 1.0 - gate(f + forget_bias) if coupled else gate(i)
        state = gate(f + forget_bias) * state + into * candidate(g)
        return gate(o + state if peephole else o) * squashed(state), state

    return over_time(cell, x, (h, c), direction)


def gru_by(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    recurrent_bias: Array | None = None,
    *,
    reset_after: bool = True,
    update: str = "keep",
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    direction: str = "forward",
    gate: Function | None = None,
    bias_outside: bool = False,
    resets_state: bool = False,
) -> tuple[Array, ...]:
    """Gated recurrent unit, the state by ``n + z (hₜ₋₁ - n)`` or ``1 - z`` there, with other functions."""
    units, candidate = h.shape[-1], FUNCTIONS[activation]
    gate = gate or FUNCTIONS[recurrent_activation]
    if bias is not None and recurrent_bias is not None and bias_outside:
        bias = np.concatenate((bias[: 2 * units], bias[2 * units :] + recurrent_bias), axis=0)
        recurrent_bias = None

    def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        (before,) = carry
        by_step = np.matmul(step, kernel) if bias is None else np.matmul(step, kernel) + bias
        into = np.split(by_step, 3, axis=-1)
        r, z = (
            gate(into[n] + np.matmul(before, recurrent_kernel[:, n * units : (n + 1) * units]))
            for n in range(2)
        )
        product = np.matmul(before if reset_after else r * before, recurrent_kernel[:, 2 * units :])
        product = product if recurrent_bias is None else product + recurrent_bias
        n = candidate(into[2] + (r * product if reset_after else product))
        share = z if update == "keep" else 1.0 - z
        return (n + share * ((r * before if resets_state else before) - n),)

    return over_time(cell, x, (h,), direction)


def hard_sigmoid(x: Array) -> Array:
    """``x/6 + 1/2`` held in [0, 1]."""
    return np.clip(x / 6 + 0.5, 0, 1)


def steep(x: Array) -> Array:
    """``x/5 + 1/2`` held in [0, 1], the hard sigmoid of Keras before its third version."""
    return np.clip(x / 5 + 0.5, 0, 1)


FUNCTIONS = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": expit,
    "hard_sigmoid": hard_sigmoid,
}
HARD = "recurrent_activation == 'hard_sigmoid'"


# --- changes to any of the layers ---


def with_outputs(reference: Function, change: Function) -> Function:
    """The layer with its outputs changed: ``change`` takes and returns all of them."""

    @functools.wraps(reference)
    def changed(*inputs: Any, **parameters: Any) -> Any:
        return change(*reference(*inputs, **parameters))

    return changed


def permuted(array: Array, gates: Gates) -> Array:
    """Blocks along the last axis in another order."""
    parts = np.split(array, len(gates), axis=-1)
    return np.concatenate([parts[gate] for gate in gates], axis=-1)


def gates_in_order(name: str, gates: Gates) -> tuple[Fault, Fault]:
    """The gates taken to stand in another order, in all weights."""
    return each_way(
        Fault(
            name=f"gates in the order {name}",
            inputs={
                "kernel": lambda kernel: permuted(kernel, gates),
                "recurrent_kernel": lambda recurrent_kernel: permuted(recurrent_kernel, gates),
                "bias": lambda bias: permuted(bias, gates),
            },
        )
    )


def transposed_by_gate(recurrent_kernel: Array) -> Array:
    """Each gate's square part transposed."""
    units = len(recurrent_kernel)
    parts = np.split(recurrent_kernel, recurrent_kernel.shape[1] // units, axis=-1)
    return np.concatenate([part.T for part in parts], axis=-1)


def outputs_of(layer: Function) -> tuple[Fault, ...]:
    """Faults of which states are returned."""

    def repeated(sequence: Array, *finals: Array) -> tuple[Array, ...]:
        return np.concatenate((sequence[:, :-1], sequence[:, -2:-1]), axis=1), *finals

    def at_end(sequence: Array, h: Array, *finals: Array) -> tuple[Array, ...]:
        return sequence, sequence[:, -1], *finals

    def stale(sequence: Array, h: Array, *finals: Array) -> tuple[Array, ...]:
        return sequence, sequence[:, -2], *finals

    def swapped_samples(sequence: Array, h: Array, *finals: Array) -> tuple[Array, ...]:
        return sequence, h[::-1], *finals

    return (
        Fault(name="last step is the one before", reference=with_outputs(layer, repeated), where="time > 1"),
        Fault(
            name="final state is that at the last input",
            reference=with_outputs(layer, at_end),
            where="direction == 'backward'",
        ),
        Fault(
            name="final state one step stale",
            reference=with_outputs(layer, stale),
            where="time > 1 and direction != 'backward'",
        ),
        Fault(name="final states of other samples", reference=with_outputs(layer, swapped_samples)),
    )


FORM = ("activation", "recurrent_activation", "reset_after", "update")


def each_step_apart(layer: Function, vjp: Function) -> Function:
    """The gradient that is not carried through time: every step starts from a constant state.

    Steps become samples of a sequence of length one. For layers whose carry is their hidden state.
    """

    @functools.wraps(vjp)
    def gradient(x: Array, h: Array, *others: Any, **parameters: Any) -> tuple[Array, ...]:
        weights, (of_sequence, of_final) = others[:-1], others[-1]
        known = {k: v for k, v in parameters.items() if k in FORM}
        sequence, _ = layer(x, h, *weights, **known)
        before = np.concatenate((h[:, None], sequence[:, :-1]), axis=1)
        into = np.concatenate((of_sequence[:, :-1], of_sequence[:, -1:] + of_final[:, None]), axis=1)
        flat = [np.reshape(a, (-1, a.shape[-1])) for a in (x, before, into)]
        dx, dh, *rest = vjp(
            flat[0][:, None], flat[1], *weights, (flat[2][:, None], np.zeros_like(flat[1])), **parameters
        )
        return np.reshape(dx, x.shape), np.reshape(dh, before.shape)[:, 0], *rest

    return gradient


SHARED = (
    Fault(
        name="recurrent kernel transposed",
        inputs={"recurrent_kernel": lambda recurrent_kernel: transposed_by_gate(recurrent_kernel)},
    ),
    Fault(
        name="gradient of the recurrent kernel transposed",
        gradients={"recurrent_kernel": lambda gradient: transposed_by_gate(gradient)},
    ),
)
"""What any recurrent layer can get wrong."""

FAULTS = {
    "simple_rnn": (
        *SHARED,
        *outputs_of(simple_rnn),
        Fault(
            name="no activation at the last step",
            reference=with_outputs(
                simple_rnn, lambda sequence, h: (sequence, np.arctanh(np.clip(h, -0.999, 0.999)))
            ),
            where="activation == 'tanh'",
        ),
        Fault(
            name="gradient not carried through time",
            vjp=each_step_apart(simple_rnn, simple_rnn_vjp),
            where="direction == 'forward'",
        ),
    ),
    "lstm": (
        *SHARED,
        *outputs_of(lstm),
        *gates_in_order("i, o, f, g, that of ONNX", (0, 2, 3, 1)),
        Fault(
            name="forget bias added to the input gate",
            inputs={
                "bias": lambda bias, forget_bias: (
                    bias + forget_bias * np.repeat([1.0, -1.0, 0.0, 0.0], len(bias) // 4)
                )
            },
        ),
        Fault(
            name="final cell state squashed",
            results={"final_c": lambda result: np.tanh(result)},
        ),
        Fault(name="cell state not squashed", reference=functools.partial(lstm_by, squashed=lambda c: c)),
        *each_way(
            Fault(
                name="tanh for the activation, and relu for tanh",
                parameters={"activation": "'relu' if activation == 'tanh' else 'tanh'"},
            )
        ),
        Fault(name="hard sigmoid of slope 1/5", reference=functools.partial(lstm_by, gate=steep), where=HARD),
        Fault(
            name="candidate by the sigmoid",
            reference=functools.partial(lstm_by, candidate=expit),
            where="activation != 'sigmoid'",
        ),
        Fault(
            name="input gate coupled to the forget gate", reference=functools.partial(lstm_by, coupled=True)
        ),
        Fault(name="output gate sees the cell", reference=functools.partial(lstm_by, peephole=True)),
    ),
    "gru": (
        *SHARED,
        *outputs_of(gru),
        *gates_in_order("n, r, z", (2, 0, 1)),
        Fault(
            name="recurrent bias outside of the reset",
            reference=functools.partial(gru_by, bias_outside=True),
        ),
        Fault(name="hard sigmoid of slope 1/5", reference=functools.partial(gru_by, gate=steep), where=HARD),
        Fault(name="reset of the state that is kept", reference=functools.partial(gru_by, resets_state=True)),
        Fault(
            name="gradient not carried through time",
            vjp=each_step_apart(gru, gru_vjp),
            where="direction == 'forward'",
        ),
    ),
}

CONTROLS = {
    "simple_rnn": (Control(name="both products in one", reference=simple_rnn_of_one_product),),
    "lstm": (Control(name="both products in one", reference=lstm_by),),
    # A hard gate that is 1 keeps the old state to the last bit, which this form rounds.
    "gru": (
        Control(
            name="n + z (h - n)",
            reference=gru_by,
            where="update == 'keep' and recurrent_activation == 'sigmoid'",
        ),
    ),
}
