"""Specs of the LSTM over padded sequences, in both directions, in layers, and from call to call."""

from __future__ import annotations

from ..reference import recurrent_sequences as reference
from ..reference.sequences import DIRECTIONS, MASKED_OUTPUTS
from .lstm_variants import BIAS, DATA, KERNEL, RECURRENT_KERNEL, TORCH_LSTM
from .recurrent import AXES, CARRY_FITS, FEATURES_FIT, C, H, X
from .spec import Constraint, Input, Parameter, Source, Spec

FLAX_RNN = Source(
    "flax.nnx.RNN", "https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/nn/recurrent.html"
)
KERAS_RNN = Source("keras.layers.RNN", "https://keras.io/api/layers/recurrent_layers/rnn/")
SIZES = ((3, 5, 2, 4), (5, 2, 1, 1), (4, 3, 9, 8))

masked_lstm = Spec(
    name="masked_lstm",
    reference=reference.masked_lstm,
    vjp=reference.masked_lstm_vjp,
    inputs=(
        X,
        H,
        C,
        KERNEL,
        RECURRENT_KERNEL,
        BIAS,
        Input(
            "lengths",
            "batch",
            kind="lengths",
            meaning="how many steps count",
            limit="time",
            when="marked_by == 'lengths'",
        ),
        Input(
            "mask",
            "batch, time",
            kind="mask",
            meaning="True where a step counts",
            when="marked_by == 'mask'",
        ),
    ),
    outputs=("y", "final_h", "final_c"),
    parameters=(
        Parameter("marked_by", ("lengths", "mask"), "how the steps that count are marked", facet=True),
        Parameter(
            "masked_output",
            MASKED_OUTPUTS,
            "output of a masked step: 0, the last output, the state, or what the padding gives",
            facet=True,
        ),
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
    ),
    constraints=(FEATURES_FIT, CARRY_FITS),
    excluded=(
        "reversal == 'valid' and (direction == 'forward' or marked_by == 'mask')",
        "masked_output == 'computed' and marked_by == 'mask'",
        "masked_output == 'computed' and direction != 'forward' and reversal == 'whole'",
        "direction == 'backward' and not return_sequences",
        "data == 'masked_rows' and marked_by == 'lengths'",
    ),
    axes=AXES,
    sizes=SIZES,
    data=("normal", "saturated", "masked_rows"),
    sources=(
        Source(
            "torch.nn.utils.rnn.pack_padded_sequence",
            "https://pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pack_padded_sequence.html",
        ),
        KERAS_RNN,
        Source(
            "tf.compat.v1.nn.dynamic_rnn",
            "https://www.tensorflow.org/api_docs/python/tf/compat/v1/nn/dynamic_rnn",
        ),
        FLAX_RNN,
    ),
)

bidirectional_lstm = Spec(
    name="bidirectional_lstm",
    reference=reference.bidirectional_lstm,
    vjp=reference.bidirectional_lstm_vjp,
    inputs=(
        X,
        Input("h", "2, batch, units", meaning="initial hidden states, forward and backward"),
        Input("c", "2, batch, units", meaning="initial cell states"),
        Input("kernel", "2, features, 4 * units", kind="weight", meaning="gates in the order i, f, g, o"),
        Input("recurrent_kernel", "2, units, 4 * units", kind="weight"),
        Input("bias", "2, 4 * units", kind="weight"),
        Input(
            "lengths", "batch", kind="lengths", meaning="how many steps count", limit="time", when="padded"
        ),
    ),
    outputs=("y", "final_h", "final_c"),
    parameters=(
        Parameter("merge", ("concat", "sum", "mul", "ave"), "how the two are made one"),
        Parameter(
            "returns",
            ("sequence", "ends", "last_step"),
            "all steps, the states in which the two ended, or the last step, where backwards has begun",
            facet=True,
        ),
        Parameter("padded", (False, True), "whether sequences have lengths of their own"),
        Parameter(
            "masked_output",
            ("zero", "computed"),
            "output past the end: 0, or what the padding gives",
            facet=True,
        ),
    ),
    constraints=(
        Constraint(
            "C1",
            "x[-1] == kernel[1]",
            "x must have as many features as the kernels",
            broken_by={"x": "batch, time, features + 1"},
        ),
        Constraint(
            "C2",
            "h == (2, x[0], recurrent_kernel[1])",
            "the initial hidden states must have the shape (2, batch, units)",
            broken_by={"h": "2, batch, units + 1"},
        ),
    ),
    excluded=("not padded and masked_output != 'zero'",),
    axes=AXES,
    sizes=SIZES,
    data=DATA,
    sources=(
        Source(
            "Schuster and Paliwal (1997), Bidirectional recurrent neural networks",
            "https://doi.org/10.1109/78.650093",
        ),
        TORCH_LSTM,
        Source("keras.layers.Bidirectional", "https://keras.io/api/layers/recurrent_layers/bidirectional/"),
        FLAX_RNN,
    ),
)

stacked_lstm = Spec(
    name="stacked_lstm",
    reference=reference.stacked_lstm,
    vjp=reference.stacked_lstm_vjp,
    inputs=(
        X,
        Input("h", "layers, batch, units", meaning="initial hidden states"),
        Input("c", "layers, batch, units", meaning="initial cell states"),
        KERNEL,
        Input("upper_kernels", "layers - 1, units, 4 * units", kind="weight"),
        Input("recurrent_kernel", "layers, units, 4 * units", kind="weight"),
        Input("bias", "layers, 4 * units", kind="weight"),
    ),
    outputs=("y", "final_h", "final_c"),
    parameters=(Parameter("layers", (2, 3), "how many"),),
    constraints=(
        FEATURES_FIT,
        Constraint(
            "C2",
            "h == (layers, x[0], recurrent_kernel[1])",
            "the initial hidden states must have the shape (layers, batch, units)",
            broken_by={"h": "layers, batch, units + 1"},
        ),
    ),
    axes=AXES,
    sizes=((3, 4, 2, 5), (1, 1, 1, 1), (2, 2, 9, 8)),
    data=DATA,
    sources=(
        Source("Graves, Mohamed and Hinton (2013)", "https://arxiv.org/abs/1303.5778"),
        TORCH_LSTM,
        Source(
            "keras.layers.StackedRNNCells",
            "https://keras.io/api/layers/recurrent_layers/stacked_rnn_cell/",
        ),
        FLAX_RNN,
    ),
)

stateful_lstm = Spec(
    name="stateful_lstm",
    reference=reference.stateful_lstm,
    vjp=reference.stateful_lstm_vjp,
    inputs=(
        Input("x", "batch, time, features", meaning="of the first call"),
        Input(
            "other",
            "batch, time, features",
            meaning="what is predicted in between",
            when="between == 'predict'",
        ),
        Input("later", "batch, steps, features", meaning="of the last call"),
        KERNEL,
        RECURRENT_KERNEL,
        BIAS,
    ),
    outputs=("y", "y_later", "final_h", "final_c"),
    parameters=(
        Parameter("between", ("nothing", "predict", "reset"), "what comes between the two calls"),
        Parameter(
            "kept_by",
            ("layer", "caller"),
            "who keeps the carry from call to call: a prediction in between moves that of a layer",
            facet=True,
        ),
    ),
    constraints=(FEATURES_FIT,),
    axes="batch time steps features units",
    sizes=((3, 2, 4, 7, 5), (1, 1, 1, 1, 1), (2, 3, 1, 9, 8)),
    data=DATA,
    sources=(
        Source("keras.layers.LSTM", "https://keras.io/api/layers/recurrent_layers/lstm/"),
        TORCH_LSTM,
        FLAX_RNN,
    ),
)
