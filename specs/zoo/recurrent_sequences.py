"""Faults and controls of the LSTM over padded sequences, in both directions, in layers and call by call."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...reference.recurrent import lstm, lstm_vjp
from ...reference.recurrent_sequences import (
    bidirectional_lstm,
    masked_lstm,
    masked_lstm_vjp,
    stacked_lstm,
    stacked_lstm_vjp,
    stateful_lstm,
)
from ..variant import Control, Fault, each_way
from .recurrent import (
    BIAS_MISSING,
    NO_INITIAL_STATE,
    cotangents_of,
    gates_in_order,
    lstm_by,
    over_time,
    with_outputs,
)

Array = Any


# --- the layers written in another way, with options that are wrong ---


def masked_lstm_by(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Any = None,
    mask: Any = None,
    *,
    masked_output: str = "zero",
    direction: str = "forward",
    reversal: str = "whole",
    return_sequences: bool = True,
    keeps_cell: bool = True,
    keeps_state: bool = True,
) -> tuple[Array, ...]:
    """Blends by the mask as 0 and 1, in the order of the steps themselves; forward only."""
    counts = (np.arange(x.shape[1]) < lengths[:, None] if mask is None else mask).astype(np.float64)
    kernels = np.concatenate((kernel, recurrent_kernel), axis=0)

    def cell(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        y, before, state = carry
        at, share = step[:, :-1], step[:, -1:]
        _, new_h, new_c = lstm_by(at[:, None], before, state, kernels[: at.shape[1]], recurrent_kernel, bias)
        past = {"repeat": y, "state": before}.get(masked_output, 0.0 * y)
        kept_h = before if keeps_state else new_h
        kept_c = state if keeps_cell else new_c
        return (
            new_h * share + past * (1.0 - share),
            new_h * share + kept_h * (1.0 - share),
            new_c * share + kept_c * (1.0 - share),
        )

    given = np.concatenate((x, counts[..., None]), axis=-1)
    sequence, _, *finals = over_time(cell, given, (0.0 * h, h, c), "forward")
    return sequence if return_sequences else sequence[:, -1], *finals


def carry_through_padding(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    *rest: Any,
    **options: Any,
) -> tuple[Array, ...]:
    """Outputs are right, and the carry is that after the padding."""
    y, _, _ = masked_lstm(x, h, c, kernel, recurrent_kernel, bias, *rest, **options)
    _, *finals = lstm(x, h, c, kernel, recurrent_kernel, bias)
    return y, *finals


def backward_from_the_padding(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array,
    **options: Any,
) -> tuple[Array, ...]:
    """The backward one starts at the last step of all."""
    weights = (kernel, recurrent_kernel, bias)
    right = bidirectional_lstm(x, h, c, *weights, lengths, **options)
    wrong = bidirectional_lstm(x, h, c, *weights, None, **options | {"masked_output": "zero"})
    counts = (np.arange(x.shape[1]) < lengths[:, None])[..., None]
    y = wrong[0]
    if options.get("returns") == "sequence" and options.get("masked_output") == "zero":
        y = np.where(counts, y, 0.0)
    return y, *right[1:]


def spread_first(array: Array) -> Array:
    """The first part for all."""
    return np.broadcast_to(array[:1], array.shape)


def carry_of_the_layer_below(
    x: Array, h: Array, c: Array, kernel: Array, upper_kernels: Array, recurrent_kernel: Array, bias: Array
) -> tuple[Array, ...]:
    """Each layer starts where the one below ended."""
    finals: list[Any] = []
    carry: Any = (h[0], c[0])
    for n, of_layer in enumerate((kernel, *upper_kernels)):
        x, *carry = lstm(x, carry[0], carry[1], of_layer, recurrent_kernel[n], bias[n])
        finals.append(carry)
    return x, *(np.stack(states) for states in zip(*finals, strict=True))


def carry_of_the_first_sample(
    x: Array, other: Array | None, later: Array, *weights: Array, between: str, kept_by: str
) -> tuple[Array, ...]:
    """All samples of the second call start from the carry of one."""
    y, _, *_ = stateful_lstm(x, other, later, *weights, between=between, kept_by=kept_by)
    zeros = np.zeros((len(x), len(weights[1])))
    _, h, c = lstm(x, zeros, zeros, *weights)
    return y, *lstm(later, spread_first(h), spread_first(c), *weights)


def gradient_stops_between_calls(
    x: Array,
    other: Array | None,
    later: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    cotangents: tuple[Array, ...],
    **_: Any,
) -> tuple[Array | None, ...]:
    """Each call by itself, from a constant carry."""
    weights, zeros = (kernel, recurrent_kernel, bias), np.zeros((len(x), len(recurrent_kernel)))
    _, *carry = lstm(x, zeros, zeros, *weights)
    dx, _, _, *first = lstm_vjp(x, zeros, zeros, *weights, (cotangents[0], zeros, zeros))
    dlater, _, _, *last = lstm_vjp(later, carry[0], carry[1], *weights, cotangents[1:])
    return dx, None, dlater, *(a + b for a, b in zip(first, last, strict=True))


# --- faults ---


SHARED = (
    *BIAS_MISSING,
    *NO_INITIAL_STATE,
    *gates_in_order("f, i, g, o", (1, 0, 2, 3)),
    *each_way(Fault(name="initial cell state ignored", inputs={"c": lambda c: np.zeros_like(c)})),
    Fault(name="final cell state squashed", results={"final_c": lambda result: np.tanh(result)}),
)
"""What any of them can get wrong."""

FAULTS = {
    "masked_lstm": (
        *SHARED,
        *cotangents_of(masked_lstm_vjp)[:3],
        *each_way(
            Fault(
                name="mask of the other polarity",
                inputs={"mask": lambda mask: ~mask},
                where="marked_by == 'mask'",
            )
        ),
        *each_way(
            Fault(
                name="lengths one too long",
                inputs={"lengths": lambda lengths, time: np.minimum(lengths + 1, time)},
                where="marked_by == 'lengths'",
            )
        ),
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
            name="last output for zero past the end, and the reverse",
            parameters={"masked_output": "'repeat' if masked_output == 'zero' else 'zero'"},
        ),
        Fault(
            name="last output before there is one is the initial state, and the reverse",
            parameters={"masked_output": "'state' if masked_output == 'repeat' else 'repeat'"},
            where="masked_output in ('repeat', 'state')",
        ),
        Fault(
            name="carry after the padding",
            reference=carry_through_padding,
            where="direction == 'forward'",
        ),
        Fault(
            name="cell state goes on through the padding",
            reference=functools.partial(masked_lstm_by, keeps_cell=False),
            where="direction == 'forward' and masked_output != 'computed'",
        ),
        Fault(
            name="padding turned round too, and the reverse",
            parameters={"reversal": "'whole' if reversal == 'valid' else 'valid'"},
            where="direction != 'forward' and marked_by == 'lengths' and masked_output != 'computed'",
        ),
        Fault(
            name="gradient through the padding",
            parameters={"masked_output": "'computed'"},
            spoils="gradients",
            where="marked_by == 'lengths' and (direction == 'forward' or reversal == 'valid')",
        ),
        Fault(
            name="gradient into the padding",
            gradients={"x": lambda gradient: np.where(gradient == 0, 1.0, gradient)},
        ),
    ),
    "bidirectional_lstm": (
        *SHARED,
        *each_way(
            Fault(
                name="directions swapped",
                inputs={"kernel": lambda kernel: kernel[::-1]},
            )
        ),
        *each_way(
            Fault(
                name="one kernel for both directions",
                inputs={"kernel": lambda kernel: np.broadcast_to(kernel[:1], kernel.shape)},
            )
        ),
        *each_way(
            Fault(
                name="average for sum, sum for the others",
                parameters={"merge": "'ave' if merge == 'sum' else 'sum'"},
                where="merge != 'concat'",
            )
        ),
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
            name="last step for the ends, and the reverse",
            parameters={"returns": "'ends' if returns == 'last_step' else 'last_step'"},
            where="returns != 'sequence'",
        ),
        Fault(
            name="backward outputs first",
            results={"y": lambda result, units: np.roll(result, units, axis=-1)},
            where="merge == 'concat'",
        ),
        Fault(
            name="final states of the two swapped",
            reference=with_outputs(bidirectional_lstm, lambda y, h, c: (y, h[::-1], c)),
        ),
        Fault(
            name="backward starts in the padding",
            reference=backward_from_the_padding,
            where="padded",
        ),
        Fault(
            name="gradient with respect to x by halves",
            gradients={"x": lambda gradient: gradient / 2},
        ),
    ),
}

FAULTS |= {
    "stacked_lstm": (
        *BIAS_MISSING,
        *NO_INITIAL_STATE,
        *each_way(Fault(name="initial cell states ignored", inputs={"c": lambda c: np.zeros_like(c)})),
        *each_way(
            Fault(
                name="initial states of the layers the other way round",
                inputs={"h": lambda h: h[::-1], "c": lambda c: c[::-1]},
            )
        ),
        *each_way(
            Fault(
                name="one recurrent kernel for all layers",
                inputs={"recurrent_kernel": lambda recurrent_kernel: spread_first(recurrent_kernel)},
            )
        ),
        *cotangents_of(stacked_lstm_vjp)[:3],
        Fault(
            name="final states of the layers the other way round",
            reference=with_outputs(stacked_lstm, lambda y, h, c: (y, h[::-1], c[::-1])),
        ),
        Fault(
            name="final states of the uppermost layer for all",
            reference=with_outputs(
                stacked_lstm, lambda y, h, c: (y, spread_first(h[::-1]), spread_first(c[::-1]))
            ),
        ),
        Fault(name="carry of the layer below", reference=carry_of_the_layer_below),
        Fault(
            name="gradient of the upper kernels missing",
            gradients={"upper_kernels": lambda gradient: np.zeros_like(gradient)},
        ),
    ),
    "stateful_lstm": (
        *BIAS_MISSING,
        *gates_in_order("f, i, g, o", (1, 0, 2, 3)),
        *each_way(
            Fault(
                name="every call starts from zeros",
                parameters={"between": "'reset'"},
                inputs={"other": lambda other: None},
                where="between != 'reset'",
            )
        ),
        *each_way(
            Fault(
                name="reset does nothing",
                parameters={"between": "'nothing'"},
                where="between == 'reset'",
            )
        ),
        *each_way(
            Fault(
                name="a prediction moves the carry where it must not, and the reverse",
                parameters={"kept_by": "'layer' if kept_by == 'caller' else 'caller'"},
                where="between == 'predict'",
            )
        ),
        Fault(
            name="carry of the first sample for all",
            reference=carry_of_the_first_sample,
            where="batch > 1 and between == 'nothing'",
        ),
        Fault(
            name="gradient stops between calls",
            vjp=gradient_stops_between_calls,
            where="between == 'nothing'",
        ),
    ),
}

CONTROLS = {
    "masked_lstm": (
        Control(
            name="blended by the mask",
            reference=masked_lstm_by,
            where="direction == 'forward' and masked_output != 'computed'",
        ),
    ),
}
