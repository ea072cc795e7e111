"""Faults and controls of recurrent layers over padded sequences, both ways, in layers and call by call.

Most of what can go wrong does not depend on the cell: functions of the cell write the faults of each kind.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reference import recurrent_sequences as reference
from ...reference.recurrent import gru, gru_vjp, lstm, lstm_vjp, simple_rnn, simple_rnn_vjp
from ..language.variant import Control, Fault, each_way
from .recurrent import (
    gates_in_order,
    gru_by,
    lstm_by,
    over_time,
    simple_rnn_of_one_product,
    with_outputs,
)

Array = Any
Function = Callable[..., Any]


@dataclass(frozen=True)
class Cell:
    """A layer over one sequence with its gradient, the same written in another way, and what can go wrong."""

    layer: Function
    vjp: Function
    by: Function
    states: int
    of_weights: tuple[Fault, ...] = ()

    def split(self, arrays: Any) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """States, and the weights that follow them."""
        return tuple(arrays[: self.states]), tuple(arrays[self.states :])

    def resetting(self, function: Function, after: bool) -> Function:
        """The function with the reset gate there, if there is one."""
        return functools.partial(function, reset_after=after) if self.layer is gru else function


LSTM = Cell(
    lstm,
    lstm_vjp,
    lstm_by,
    2,
    (Fault(name="final cell state squashed", results={"final_c": lambda result: np.tanh(result)}),),
)
GRU = Cell(
    gru,
    gru_vjp,
    gru_by,
    1,
    (
        *each_way(
            Fault(
                name="reset on the other side of the product",
                parameters={"reset_after": "not reset_after"},
                where="not (reset_after and candidate_bias)",
            )
        ),
    ),
)
SIMPLE_RNN = Cell(simple_rnn, simple_rnn_vjp, simple_rnn_of_one_product, 1)


# --- the layers written in another way, with options that are wrong ---


def masked_by(cell: Cell, keeps: tuple[bool, ...] = (True, True)) -> Function:
    """Blends by the mask as 0 and 1, in the order of the steps themselves; forward only.

    ``keeps`` says which states a masked step leaves as they are.
    """

    def blended(
        x: Array,
        *given: Any,
        masked_output: str = "zero",
        return_sequences: bool = True,
        reset_after: bool = True,
    ) -> tuple[Array, ...]:
        *arrays, lengths, mask = given
        carry, weights = cell.split(arrays)
        by = cell.resetting(cell.by, reset_after)
        counts = (np.arange(x.shape[1]) < lengths[:, None] if mask is None else mask).astype(np.float64)

        def step(at: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            (y, *before), share = carry, at[:, -1:]
            _, *after = by(at[:, None, :-1], *before, *weights)
            past = {"repeat": y, "state": before[0]}.get(masked_output, 0.0 * y)
            kept = [b if keep else a for a, b, keep in zip(after, before, keeps, strict=False)]
            return (
                after[0] * share + past * (1.0 - share),
                *(a * share + k * (1.0 - share) for a, k in zip(after, kept, strict=True)),
            )

        with_mask = np.concatenate((x, counts[..., None]), axis=-1)
        sequence, _, *finals = over_time(step, with_mask, (0.0 * carry[0], *carry), "forward")
        return sequence if return_sequences else sequence[:, -1], *finals

    return blended


def carry_through_padding(cell: Cell, layer: Function) -> Function:
    """Outputs are right, and the carry is that after the padding."""

    def changed(
        x: Array,
        *given: Any,
        masked_output: str = "zero",
        return_sequences: bool = True,
        reset_after: bool = True,
    ) -> tuple[Array, ...]:
        options = {"masked_output": masked_output, "return_sequences": return_sequences}
        y, *_ = cell.resetting(layer, reset_after)(x, *given, **options)
        _, *finals = cell.resetting(cell.layer, reset_after)(x, *given[:-2])
        return y, *finals

    return changed


def carry_of_the_padding_alone(cell: Cell, layer: Function) -> Function:
    """Where no step counts, the carry is that after the padding."""

    def changed(
        x: Array,
        *given: Any,
        masked_output: str = "zero",
        return_sequences: bool = True,
        reset_after: bool = True,
    ) -> tuple[Array, ...]:
        *_, lengths, _ = given
        options = {"masked_output": masked_output, "return_sequences": return_sequences}
        y, *finals = cell.resetting(layer, reset_after)(x, *given, **options)
        _, *through = cell.resetting(cell.layer, reset_after)(x, *given[:-2])
        empty = (lengths == 0)[:, np.newaxis]
        return y, *(np.where(empty, a, b) for a, b in zip(through, finals, strict=True))

    return changed


def backward_from_the_padding(cell: Cell, layer: Function) -> Function:
    """The backward one starts at the last step of all; where lengths mark the steps that count."""

    def changed(
        x: Array,
        *given: Any,
        merge: str | None,
        returns: str,
        masked_output: str,
        reset_after: bool = True,
    ) -> tuple[Array, ...]:
        *arrays, lengths, _ = given
        layer_of = functools.partial(cell.resetting(layer, reset_after), merge=merge, returns=returns)
        _, *finals = layer_of(x, *arrays, lengths, masked_output=masked_output)
        y, *_ = layer_of(x, *arrays, None)
        if returns == "sequence" and masked_output == "zero":
            y = np.where((np.arange(x.shape[1]) < lengths[:, None])[..., None], y, 0.0)
        return y, *finals

    return changed


def spread_first(array: Array) -> Array:
    """The first part for all."""
    return np.broadcast_to(array[:1], array.shape)


def turned(carry: Any) -> list[Array]:
    """States in the other order of layers or directions."""
    return [state[::-1] for state in carry]


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


# --- faults ---


def masked_faults(cell: Cell, layer: Function, vjp: Function) -> tuple[Fault, ...]:
    """What a layer over padded sequences can get wrong."""
    return (
        *cell.of_weights,
        *each_way(
            Fault(
                name="padding not masked",
                inputs={
                    "lengths": lambda lengths, time: np.full_like(lengths, time),
                    "mask": lambda mask: np.ones_like(mask),
                },
            )
        ),
        Fault(
            name="lengths of the first sample for all",
            inputs={"lengths": lambda lengths: np.broadcast_to(lengths[:1], lengths.shape)},
            where="marked_by == 'lengths'",
        ),
        Fault(
            name="last output before there is one is the initial state, and the reverse",
            parameters={"masked_output": "'state' if masked_output == 'repeat' else 'repeat'"},
            where="masked_output in ('repeat', 'state')",
        ),
        Fault(
            name="carry after the padding",
            reference=carry_through_padding(cell, layer),
            where="direction == 'forward'",
        ),
        Fault(
            name="carry of the padding where no step counts",
            reference=carry_of_the_padding_alone(cell, layer),
            where="shortest == 0 and direction == 'forward'",
        ),
        Fault(
            name="last state of the carry goes on through the padding",
            reference=masked_by(cell, (cell.states > 1, False)),
            where="direction == 'forward' and masked_output != 'computed'",
        ),
        Fault(
            name="padding turned round too, and the reverse",
            parameters={"reversal": "'whole' if reversal == 'valid' else 'valid'"},
            where="direction != 'forward' and marked_by == 'lengths' and masked_output != 'computed'",
        ),
        Fault(
            name="gradient into the padding",
            gradients={"x": lambda gradient: np.where(gradient == 0, 1.0, gradient)},
        ),
    )


def bidirectional_faults(cell: Cell, layer: Function) -> tuple[Fault, ...]:
    """What the two directions can get wrong."""
    return (
        *cell.of_weights,
        Fault(
            name="backward outputs as computed",
            results={
                "y": lambda result, units: np.concatenate(
                    (result[..., :units], result[:, ::-1, units:]), axis=-1
                )
            },
            where="merge == 'concat' and returns == 'sequence'",
        ),
        Fault(
            name="backward outputs first",
            results={"y": lambda result, units: np.roll(result, units, axis=-1)},
            where="merge == 'concat'",
        ),
        Fault(
            name="backward starts in the padding",
            reference=backward_from_the_padding(cell, layer),
            where="padded and marked_by == 'lengths'",
        ),
        Fault(
            name="backward one before the forward one",
            results={"y": lambda result: result[::-1]},
            where="merge is None",
        ),
        Fault(
            name="gradient with respect to x by halves",
            gradients={"x": lambda gradient: gradient / 2},
        ),
    )


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
    "masked_lstm": masked_faults(LSTM, reference.masked_lstm, reference.masked_lstm_vjp),
    "masked_gru": masked_faults(GRU, reference.masked_gru, reference.masked_gru_vjp),
    "masked_simple_rnn": masked_faults(
        SIMPLE_RNN, reference.masked_simple_rnn, reference.masked_simple_rnn_vjp
    ),
    "bidirectional_lstm": bidirectional_faults(LSTM, reference.bidirectional_lstm),
    "bidirectional_gru": bidirectional_faults(GRU, reference.bidirectional_gru),
    "bidirectional_simple_rnn": bidirectional_faults(SIMPLE_RNN, reference.bidirectional_simple_rnn),
    "stacked_lstm": (
        *gates_in_order("f, i, g, o", (1, 0, 2, 3)),
        *stacked_faults(LSTM, reference.stacked_lstm, reference.stacked_lstm_vjp),
    ),
    "stacked_gru": (
        *gates_in_order("z, r, n, that of Keras", (1, 0, 2)),
        *stacked_faults(GRU, reference.stacked_gru, reference.stacked_gru_vjp),
    ),
    "stacked_simple_rnn": stacked_faults(
        SIMPLE_RNN, reference.stacked_simple_rnn, reference.stacked_simple_rnn_vjp
    ),
    "stateful_lstm": stateful_faults(LSTM),
    "stateful_gru": stateful_faults(GRU),
    "stateful_simple_rnn": stateful_faults(SIMPLE_RNN),
}


def masked_control(cell: Cell) -> Control:
    """A layer over padded sequences written in another way."""
    return Control(
        name="blended by the mask",
        reference=masked_by(cell),
        where="direction == 'forward' and masked_output != 'computed'",
    )


CONTROLS = {
    "masked_lstm": (masked_control(LSTM),),
    "masked_gru": (masked_control(GRU),),
    "masked_simple_rnn": (masked_control(SIMPLE_RNN),),
}
