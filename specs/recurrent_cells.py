"""Specs of recurrent layers of other cells."""

from __future__ import annotations

from ..reference import recurrent_cells as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec
from .lstm_variants import FORGET_BIAS
from .recurrent import ACTIVATION, RECURRENT_ACTIVATION, USE_BIAS, H, X

minimal_gated_unit = Spec(
    reference=reference.minimal_gated_unit,
    inputs=(
        X,
        H,
        Input("kernel", "features, 2 * units", kind="weight", meaning="the gate, then the candidate"),
        Input("recurrent_kernel", "units, 2 * units", kind="weight"),
        Input("bias", "2 * units", kind="weight"),
        Input("recurrent_bias", "units", kind="weight", meaning="inside the reset", when="reset == 'after'"),
    ),
    outputs=("sequence", "final_h"),
    parameters=(
        Parameter(
            "reset", reference.RESETS, "of the state, after its product, before it, or not", facet=True
        ),
        Parameter(
            "update", reference.UPDATES, "whether the gate weighs the old state or the candidate", facet=True
        ),
        ACTIVATION,
        RECURRENT_ACTIVATION,
    ),
    sizes=((3, 4, 7, 5), (1, 1, 1, 1), (2, 3, 9, 8)),
    data=("normal", "wide", "saturated"),
    sources=(Source("Zhou et al. (2016), Minimal gated unit", "https://arxiv.org/abs/1603.09420"),),
)


def conv_lstm(name: str, space: tuple[str, ...], sizes: tuple[tuple[int, ...], ...]) -> Spec:
    """The convolutional LSTM over these spatial axes."""
    window = tuple(f"kernel_{axis}" for axis in space)
    outer, taps = ", ".join(space), ", ".join(window)
    left = ", ".join(
        f"({axis} - (({tap} - 1) * dilation if padding == 'valid' else 0) - 1) // strides + 1"
        for axis, tap in zip(space, window, strict=True)
    )
    places = tuple(range(len(space)))
    return Spec(
        name=name,
        reference=reference.conv_lstm,
        inputs=(
            Input("x", f"batch, time, {outer}, channels", meaning="the sequence"),
            Input("h", f"batch, {left}, filters", meaning="initial hidden state"),
            Input("c", f"batch, {left}, filters", meaning="initial cell state"),
            Input("kernel", f"{taps}, channels, 4 * filters", kind="weight", meaning="gates i, f, g, o"),
            Input("recurrent_kernel", f"{taps}, filters, 4 * filters", kind="weight"),
            Input("bias", "4 * filters", kind="weight", when="use_bias"),
            Input("mask", "batch, time", kind="mask", meaning="True where a step counts", when="padded"),
        ),
        outputs=("sequence", "final_h", "final_c"),
        parameters=(
            Parameter("padding", ("same", "valid"), "of the convolution of x"),
            USE_BIAS,
            FORGET_BIAS,
            Parameter("strides", (1, 2), "of the convolution of x"),
            Parameter("dilation", (1, 2), "of the convolution of x"),
            Parameter("activation", ("tanh", "relu"), "of the candidate, and of the cell seen"),
            RECURRENT_ACTIVATION,
            Parameter(
                "direction", ("forward", "backward_reversed"), "where to start; states stand as computed"
            ),
            Parameter("return_sequences", (True, False), "all states, or that computed last"),
            Parameter("padded", (False, True), "whether some steps do not count"),
            Parameter(
                "masked_output",
                reference.MASKED,
                "output of a step that does not count: 0, the last output, or the state",
                facet=True,
            ),
        ),
        excluded=(
            "strides > 1 and dilation > 1",
            "not padded and (masked_output != 'zero' or data == 'masked_rows')",
        ),
        axes=" ".join(("batch", "time", *space, "channels", "filters", *window)),
        sizes=sizes,
        data=("normal", "saturated", "masked_rows"),
        constraints=(
            Constraint(
                "C1",
                f"padding == 'same' or all(x[i + 2] > (kernel[i] - 1) * dilation for i in {places})",
                "a window must fit into a step",
                broken_by={"padding": "valid", window[-1]: f"{space[-1]} + 1"},
            ),
        ),
        sources=(
            Source("Shi et al. (2015), Convolutional LSTM network", "https://arxiv.org/abs/1506.04214"),
        ),
    )


conv_lstm1d = conv_lstm("conv_lstm1d", ("width",), ((2, 3, 5, 3, 2, 3), (1, 1, 4, 1, 1, 2)))
conv_lstm2d = conv_lstm("conv_lstm2d", ("height", "width"), ((2, 2, 4, 5, 2, 3, 3, 2),))
conv_lstm3d = conv_lstm("conv_lstm3d", ("depth", "height", "width"), ((2, 2, 3, 4, 2, 2, 1, 3, 2, 1),))
