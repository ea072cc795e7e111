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
    gru_by,
    lstm_by,
    over_time,
    simple_rnn_of_one_product,
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


FAULTS = {
    "masked_lstm": masked_faults(LSTM, reference.masked_lstm, reference.masked_lstm_vjp),
    "masked_gru": masked_faults(GRU, reference.masked_gru, reference.masked_gru_vjp),
    "masked_simple_rnn": masked_faults(
        SIMPLE_RNN, reference.masked_simple_rnn, reference.masked_simple_rnn_vjp
    ),
    "bidirectional_lstm": bidirectional_faults(LSTM, reference.bidirectional_lstm),
    "bidirectional_gru": bidirectional_faults(GRU, reference.bidirectional_gru),
    "bidirectional_simple_rnn": bidirectional_faults(SIMPLE_RNN, reference.bidirectional_simple_rnn),
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
