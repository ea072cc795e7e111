"""Specs of recurrent layers one upon the other, and from call to call."""

from __future__ import annotations

from ..reference import recurrent_stacked as stacks
from .language.spec import Input, Parameter, Source, Spec
from .lstm_variants import DATA
from .recurrent import X
from .recurrent_sequences import (
    COMPUTED,
    GRU,
    LSTM,
    MARKED_BY,
    MASKED_OUTPUT,
    NOT_PADDED,
    PADDED,
    SIMPLE_RNN,
    Cell,
    Function,
    each_part,
    marks,
)

STACKED_SIZES = ((3, 4, 2, 5), (1, 1, 1, 1), (2, 2, 9, 8))


def _stacked(
    cell: Cell,
    layer: Function,
    sizes: tuple[tuple[int, ...], ...] = STACKED_SIZES,
    data: tuple[str, ...] = ("normal", "wide"),
) -> Spec:
    """The spec of layers, each over the outputs of the one below."""
    kernel, *others = cell.weights
    return Spec(
        reference=layer,
        inputs=(
            X,
            *each_part(cell.carry, "layers"),
            kernel,
            Input("upper_kernels", kernel.axes.replace("features", "layers - 1, units"), kind="weight"),
            *each_part(others, "layers"),
            *marks("padded and "),
        ),
        outputs=("y", *cell.finals),
        parameters=(
            *cell.parameters,
            Parameter("layers", (2, 3), "how many"),
            PADDED,
            MARKED_BY,
            MASKED_OUTPUT,
        ),
        excluded=(*cell.excluded, NOT_PADDED, COMPUTED),
        sizes=sizes,
        data=data,
        sources=(Source("Graves, Mohamed and Hinton (2013)", "https://arxiv.org/abs/1303.5778"),),
    )


stacked_lstm = _stacked(LSTM, stacks.stacked_lstm, data=DATA)


stacked_gru = _stacked(GRU, stacks.stacked_gru)


stacked_simple_rnn = _stacked(SIMPLE_RNN, stacks.stacked_simple_rnn)


STATEFUL_SIZES = ((3, 2, 4, 7, 5), (1, 1, 1, 1, 1), (2, 3, 1, 9, 8))


def _stateful(
    cell: Cell,
    layer: Function,
    sizes: tuple[tuple[int, ...], ...] = STATEFUL_SIZES[:2],
    data: tuple[str, ...] = ("normal", "wide"),
) -> Spec:
    """The spec of two calls of a layer, and what comes between them."""
    return Spec(
        reference=layer,
        inputs=(
            Input("x", "batch, time, features", meaning="of the first call"),
            Input(
                "other",
                "batch, time, features",
                meaning="what is predicted in between",
                when="between == 'predict'",
            ),
            Input("later", "batch, steps, features", meaning="of the last call"),
            *cell.weights,
        ),
        outputs=("y", "y_later", *cell.finals),
        parameters=(
            *cell.parameters,
            Parameter("between", ("nothing", "predict", "reset"), "what comes between the two calls"),
            Parameter(
                "kept_by",
                ("layer", "caller"),
                "who keeps the carry from call to call: a prediction in between moves that of a layer",
                facet=True,
            ),
        ),
        excluded=cell.excluded,
        axes="batch time steps features units",
        sizes=sizes,
        data=data,
    )


# In the tails, and with a single step a call, least is rounded: there the smallest faults of a gradient show
# in bfloat16. Of tiny numbers all gates are alike, and so are the errors of library functions.
stateful_lstm = _stateful(LSTM, stacks.stateful_lstm, STATEFUL_SIZES, (*DATA, "tails"))


stateful_gru = _stateful(GRU, stacks.stateful_gru, (*STATEFUL_SIZES[:2], (2, 1, 1, 1, 2)))


stateful_simple_rnn = _stateful(SIMPLE_RNN, stacks.stateful_simple_rnn)
