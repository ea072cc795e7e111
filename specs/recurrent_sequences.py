"""Specs of recurrent layers over padded sequences, in both directions, in layers, and from call to call.

What a layer is asked does not depend on its cell, so a function of the cell writes each kind of spec. The
LSTM is asked more: on the others only what differs is new.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..reference import recurrent_sequences as reference
from ..reference.sequences import DIRECTIONS, MASKED_OUTPUTS
from .language.spec import Input, Parameter, Source, Spec
from .lstm_variants import BIAS, DATA, KERNEL, RECURRENT_KERNEL
from .recurrent import CANDIDATE_BIAS, RESET_AFTER, C, H, X

Function = Callable[..., Any]

SIZES = ((3, 5, 2, 4), (5, 2, 1, 1), (4, 3, 9, 8))


@dataclass(frozen=True)
class Cell:
    """What tells the specs of one recurrent layer from those of another."""

    carry: tuple[Input, ...]
    weights: tuple[Input, ...]
    parameters: tuple[Parameter, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def finals(self) -> tuple[str, ...]:
        """Names of the final states."""
        return tuple(f"final_{state.name}" for state in self.carry)


LSTM = Cell(
    (H, C),
    (KERNEL, RECURRENT_KERNEL, BIAS),
)
GRU = Cell(
    (H,),
    (
        Input("kernel", "features, 3 * units", kind="weight", meaning="gates in the order r, z, n"),
        Input("recurrent_kernel", "units, 3 * units", kind="weight"),
        Input("bias", "3 * units", kind="weight"),
        Input(
            "recurrent_bias",
            "units",
            kind="weight",
            meaning="the candidate's, inside the reset",
            when="reset_after and candidate_bias",
        ),
    ),
    (RESET_AFTER, CANDIDATE_BIAS),
    ("not candidate_bias and not reset_after",),
)
SIMPLE_RNN = Cell(
    (H,),
    (
        Input("kernel", "features, units", kind="weight"),
        Input("recurrent_kernel", "units, units", kind="weight"),
        Input("bias", "units", kind="weight"),
    ),
)


def marks(given: str = "", least: str = "1") -> tuple[Input, Input]:
    """What marks the steps that count, under a condition that ends in ``and``, if there is one."""
    return (
        Input(
            "lengths",
            "batch",
            kind="lengths",
            meaning="how many steps count",
            limit="time",
            least=least,
            when=f"{given}marked_by == 'lengths'",
        ),
        Input(
            "mask",
            "batch, time",
            kind="mask",
            meaning="True where a step counts",
            when=f"{given}marked_by == 'mask'",
        ),
    )


MARKED_BY = Parameter("marked_by", ("lengths", "mask"), "how the steps that count are marked", facet=True)
MASKED_OUTPUT = Parameter(
    "masked_output",
    MASKED_OUTPUTS,
    "output of a masked step: 0, the last output, the state, or what the padding gives",
    facet=True,
)
PADDED = Parameter("padded", (False, True), "whether sequences have lengths of their own")
NOT_PADDED = "not padded and (masked_output != 'zero' or marked_by != 'lengths')"
COMPUTED = "masked_output == 'computed' and marked_by == 'mask'"


def each_part(inputs: Iterable[Input], parts: str) -> tuple[Input, ...]:
    """The same inputs with an axis of these parts in front."""
    return tuple(dataclasses.replace(given, axes=f"{parts}, {given.axes}") for given in inputs)


def _masked(
    cell: Cell,
    layer: Function,
    sizes: tuple[tuple[int, ...], ...] = SIZES[:2],
    data: tuple[str, ...] = ("normal", "masked_rows"),
) -> Spec:
    """The spec of a layer over padded sequences."""
    return Spec(
        reference=layer,
        inputs=(
            X,
            *cell.carry,
            *cell.weights,
            *marks(least="shortest"),
        ),
        outputs=("y", *cell.finals),
        parameters=(
            *cell.parameters,
            MARKED_BY,
            MASKED_OUTPUT,
            Parameter(
                "direction",
                DIRECTIONS,
                "where to start, and whether outputs stand at their inputs' steps or as computed",
                facet=True,
            ),
            Parameter(
                "reversal",
                ("whole", "valid"),
                "whether backwards turns round everything, padding first, or what counts",
                facet=True,
            ),
            Parameter("return_sequences", (True, False), "all outputs, or that of the step taken last"),
            Parameter("shortest", (1, 0), "how many steps of a sequence count at least"),
        ),
        excluded=(
            *cell.excluded,
            "shortest == 0 and marked_by == 'mask'",
            "reversal == 'valid' and (direction == 'forward' or marked_by == 'mask')",
            COMPUTED,
            "masked_output == 'computed' and direction != 'forward' and reversal == 'whole'",
            "direction == 'backward' and not return_sequences",
            "data == 'masked_rows' and marked_by == 'lengths'",
        ),
        sizes=sizes,
        data=data,
        sources=(
            Source(
                "torch.nn.utils.rnn.pack_padded_sequence",
                "https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html",
            ),
        ),
    )


masked_lstm = _masked(LSTM, reference.masked_lstm, SIZES, ("normal", "saturated", "masked_rows"))
# Offset features round least beside their sums: there float16 shows a product of bfloat16 inputs.
masked_gru = _masked(GRU, reference.masked_gru, data=("normal", "offset", "masked_rows"))
masked_simple_rnn = _masked(SIMPLE_RNN, reference.masked_simple_rnn)


def _bidirectional(
    cell: Cell,
    layer: Function,
    sizes: tuple[tuple[int, ...], ...] = SIZES[:2],
    data: tuple[str, ...] = ("normal",),
) -> Spec:
    """The spec of a layer in both directions."""
    return Spec(
        reference=layer,
        inputs=(
            X,
            *each_part(cell.carry, "2"),
            *each_part(cell.weights, "2"),
            *marks("padded and "),
        ),
        outputs=("y", *cell.finals),
        parameters=(
            *cell.parameters,
            Parameter(
                "merge", ("concat", "sum", "mul", "ave", None), "how the two are made one, if they are"
            ),
            Parameter(
                "returns",
                ("sequence", "ends", "last_step"),
                "all steps, the states in which the two ended, or the last step, where backwards has begun",
                facet=True,
            ),
            PADDED,
            MARKED_BY,
            Parameter(
                "masked_output",
                ("zero", "computed"),
                "output past the end: 0, or what the padding gives",
                facet=True,
            ),
        ),
        excluded=(*cell.excluded, NOT_PADDED, COMPUTED),
        sizes=sizes,
        data=data,
        sources=(
            Source(
                "Schuster and Paliwal (1997), Bidirectional recurrent neural networks",
                "https://doi.org/10.1109/78.650093",
            ),
        ),
    )


bidirectional_lstm = _bidirectional(LSTM, reference.bidirectional_lstm, SIZES, DATA)
bidirectional_gru = _bidirectional(GRU, reference.bidirectional_gru)
bidirectional_simple_rnn = _bidirectional(SIMPLE_RNN, reference.bidirectional_simple_rnn)
