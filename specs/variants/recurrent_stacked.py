"""Faults of recurrent layers one upon the other, and from call to call."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...reference import recurrent_stacked as stacks
from ..language.variant import Fault
from .recurrent import (
    gates_in_order,
    with_outputs,
)
from .recurrent_sequences import GRU, LSTM, SIMPLE_RNN, Array, Cell, Function, spread_first, turned


def carry_of_the_layer_below(cell: Cell) -> Function:
    """Each layer starts where the one below ended; where all steps count."""

    def changed(
        x: Array, *given: Any, masked_output: str = "zero", reset_after: bool = True
    ) -> tuple[Array, ...]:
        states, (kernel, upper_kernels, *others) = cell.split(given[:-2])
        layer = cell.resetting(cell.layer, reset_after)
        carry, finals = [state[0] for state in states], []
        for n, of_layer in enumerate((kernel, *upper_kernels)):
            x, *carry = layer(x, *carry, of_layer, *(None if w is None else w[n] for w in others))
            finals.append(carry)
        return x, *(np.stack(parts) for parts in zip(*finals, strict=True))

    return changed


def upper_layers_through_the_padding(cell: Cell, layer: Function) -> Function:
    """The lowest layer alone steps over it: the others are given what it puts out there."""

    def changed(
        x: Array, *given: Any, masked_output: str = "zero", reset_after: bool = True
    ) -> tuple[Array, ...]:
        layers = functools.partial(cell.resetting(layer, reset_after), masked_output=masked_output)
        y, *right = layers(x, *given)
        *arrays, lengths, _ = given
        states, (kernel, upper_kernels, *others) = cell.split(arrays)
        first = [None if a is None else a[:1] for a in (*states, *others)]
        below = layers(
            x, *first[: cell.states], kernel, upper_kernels[:0], *first[cell.states :], lengths, None
        )[0]
        over = cell.resetting(cell.layer, reset_after)
        finals = [[state[0] for state in right]]
        for n, of_layer in enumerate(upper_kernels, start=1):
            own = (None if w is None else w[n] for w in others)
            below, *final = over(below, *(state[n] for state in states), of_layer, *own)
            finals.append(final)
        return y, *(np.stack(parts) for parts in zip(*finals, strict=True))

    return changed


def zeros_of(cell: Cell, x: Array, weights: Any) -> list[Array]:
    """The carry of zeros."""
    return [np.zeros((len(x), len(weights[1])))] * cell.states


def carry_of_the_first_sample(cell: Cell) -> Function:
    """All samples of the second call start from the carry of one; where nothing comes in between."""

    def changed(
        x: Array, other: Any, later: Array, *weights: Array, reset_after: bool = True
    ) -> tuple[Array, ...]:
        layer = cell.resetting(cell.layer, reset_after)
        y, *carry = layer(x, *zeros_of(cell, x, weights), *weights)
        return y, *layer(later, *map(spread_first, carry), *weights)

    return changed


def gradient_stops_between_calls(cell: Cell) -> Function:
    """Each call by itself, from a constant carry; where nothing comes in between."""

    def changed(
        x: Array, other: Any, later: Array, *given: Any, reset_after: bool = True
    ) -> tuple[Array | None, ...]:
        *weights, (of_y, *of_last) = given
        layer, vjp = (cell.resetting(function, reset_after) for function in (cell.layer, cell.vjp))
        zeros = zeros_of(cell, x, weights)
        _, *carry = layer(x, *zeros, *weights)
        dx, *first = vjp(x, *zeros, *weights, (of_y, *zeros))
        dlater, *last = vjp(later, *carry, *weights, tuple(of_last))
        pairs = zip(first[cell.states :], last[cell.states :], strict=True)
        return dx, None, dlater, *(None if a is None else a + b for a, b in pairs)

    return changed


def stacked_faults(cell: Cell, layer: Function, vjp: Function) -> tuple[Fault, ...]:
    """What layers can get wrong."""
    return (
        *cell.of_weights,
        Fault(
            name="final states of the uppermost layer for all",
            reference=with_outputs(layer, lambda y, *carry: (y, *map(spread_first, turned(carry)))),
        ),
        Fault(name="carry of the layer below", reference=carry_of_the_layer_below(cell), where="not padded"),
        Fault(
            name="upper layers go on through the padding",
            reference=upper_layers_through_the_padding(cell, layer),
            where="padded and marked_by == 'lengths'",
        ),
    )


def stateful_faults(cell: Cell) -> tuple[Fault, ...]:
    """What can go wrong from call to call."""
    return (
        *cell.of_weights,
        Fault(
            name="every call starts from zeros, in the gradient",
            parameters={"between": "'reset'"},
            inputs={"other": lambda other: None},
            where="between != 'reset'",
            spoils="gradients",
        ),
        Fault(
            name="carry of the first sample for all",
            reference=carry_of_the_first_sample(cell),
            where="batch > 1 and between == 'nothing'",
        ),
        Fault(
            name="gradient stops between calls",
            vjp=gradient_stops_between_calls(cell),
            where="between == 'nothing'",
        ),
    )


FAULTS = {
    "stacked_lstm": (
        *gates_in_order("f, i, g, o", (1, 0, 2, 3)),
        *stacked_faults(LSTM, stacks.stacked_lstm, stacks.stacked_lstm_vjp),
    ),
    "stacked_gru": (
        *gates_in_order("z, r, n, that of Keras", (1, 0, 2)),
        *stacked_faults(GRU, stacks.stacked_gru, stacks.stacked_gru_vjp),
    ),
    "stacked_simple_rnn": stacked_faults(
        SIMPLE_RNN, stacks.stacked_simple_rnn, stacks.stacked_simple_rnn_vjp
    ),
    "stateful_lstm": stateful_faults(LSTM),
    "stateful_gru": stateful_faults(GRU),
    "stateful_simple_rnn": stateful_faults(SIMPLE_RNN),
}
