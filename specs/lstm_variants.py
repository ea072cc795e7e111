"""Specs of the relatives of the LSTM."""

from __future__ import annotations

from ..reference import lstm_variants as reference
from .language.spec import Input, Parameter, Source, Spec
from .recurrent import C, H, X

SIZES = ((3, 4, 2, 5), (1, 1, 1, 3), (2, 2, 9, 8))
DATA = ("normal", "wide", "saturated")

KERNEL = Input("kernel", "features, 4 * units", kind="weight", meaning="gates in the order i, f, g, o")
RECURRENT_KERNEL = Input("recurrent_kernel", "units, 4 * units", kind="weight")
BIAS = Input("bias", "4 * units", kind="weight")
FORGET_BIAS = Parameter("forget_bias", (0.0, 1.0), "added to the forget gate, beside the bias", facet=True)

# In float16 and bfloat16 the smallest faults show where little rounds: in one step of saturated gates, in
# tiny numbers beside epsilon, in long sums of offset features.
HALF_SIZES = ((2, 1, 2, 4), (2, 1, 3, 4), (9, 1, 17, 3), (5, 1, 1, 16))
HALF_DATA = ("tiny", "offset")
FOR_HALF = f"dtype in ('float32', 'float64') and (data in {HALF_DATA} or time == 1 and batch > 1)"

layer_norm_lstm = Spec(
    reference=reference.layer_norm_lstm,
    inputs=(
        X,
        H,
        C,
        KERNEL,
        RECURRENT_KERNEL,
        BIAS,
        Input("scale", "4 * units", kind="positive", meaning="of the gates' sums, or of the input's product"),
        Input(
            "recurrent_scale",
            "4 * units",
            kind="positive",
            meaning="of the state's product",
            when="normalized == 'products'",
        ),
        Input("cell_scale", "units", kind="positive", meaning="of the cell as the output sees it"),
        Input("cell_bias", "units", kind="weight"),
    ),
    outputs=("sequence", "final_h", "final_c"),
    parameters=(
        Parameter(
            "normalized", ("gates", "products"), "the sum of each gate, or the two products", facet=True
        ),
        Parameter("carried", ("cell", "normalized"), "the cell state that goes to the next step", facet=True),
        FORGET_BIAS,
        Parameter("epsilon", (1e-5, 1e-3), "added to the variance, inside the root"),
    ),
    # Squares of sums of saturated numbers leave float16's range.
    excluded=(FOR_HALF, "data == 'saturated' and dtype == 'float16'"),
    sizes=((3, 2, 2, 5), (1, 1, 1, 3), (2, 4, 9, 8), *HALF_SIZES),
    data=(*DATA, *HALF_DATA),
    sources=(
        Source("Ba, Kiros and Hinton (2016), Layer normalization", "https://arxiv.org/abs/1607.06450"),
        Source(
            "tf.contrib.rnn.LayerNormBasicLSTMCell",
            "https://github.com/tensorflow/tensorflow/blob/v1.15.0/tensorflow/contrib/rnn/python/ops/rnn_cell.py",
        ),
        Source(
            "tfa.rnn.LayerNormLSTMCell",
            "https://www.tensorflow.org/addons/api_docs/python/tfa/rnn/LayerNormLSTMCell",
        ),
    ),
)

peephole_lstm = Spec(
    reference=reference.peephole_lstm,
    inputs=(
        X,
        H,
        C,
        Input(
            "kernel",
            "features, (4 - coupled) * units",
            kind="weight",
            meaning="gates in the order i, f, g, o, without i where they are coupled",
        ),
        Input("recurrent_kernel", "units, (4 - coupled) * units", kind="weight"),
        Input("bias", "(4 - coupled) * units", kind="weight"),
        Input("peepholes", "3 - coupled, units", kind="weight", meaning="of the gates i, f and o"),
    ),
    outputs=("sequence", "final_h", "final_c"),
    parameters=(
        Parameter("coupled", (False, True), "whether the input gate is what the forget gate leaves"),
        Parameter("cell_clip", (None, 0.5), "what the cell is held within"),
        Parameter("clip_gradient", ("zero", "pass"), "what flows through a cell that is held", facet=True),
    ),
    excluded=("clip_gradient != 'zero' and cell_clip is None",),
    sizes=SIZES,
    data=DATA,
    sources=(
        Source(
            "Gers and Schmidhuber (2000), Recurrent nets that time and count",
            "https://doi.org/10.1109/IJCNN.2000.861302",
        ),
        Source(
            "Greff et al. (2017), LSTM: a search space odyssey, CIFG",
            "https://arxiv.org/abs/1503.04069",
        ),
    ),
)

BOTH = "*((2,) if bidirectional else ())"

projection_lstm = Spec(
    reference=reference.projection_lstm,
    inputs=(
        X,
        Input("h", f"{BOTH}, batch, projected", meaning="initial hidden state"),
        Input("c", f"{BOTH}, batch, units", meaning="initial cell state"),
        Input(
            "kernel", f"{BOTH}, features, 4 * units", kind="weight", meaning="gates in the order i, f, g, o"
        ),
        Input("recurrent_kernel", f"{BOTH}, projected, 4 * units", kind="weight"),
        Input("bias", f"{BOTH}, 4 * units", kind="weight"),
        Input(
            "projection",
            f"{BOTH}, units, projected",
            kind="weight",
            meaning="of what the output gate lets through",
        ),
        Input(
            "peepholes",
            f"{BOTH}, 3, units",
            kind="weight",
            meaning="of the gates i, f and o",
            when="use_peepholes",
        ),
    ),
    outputs=("sequence", "final_h", "final_c"),
    parameters=(
        Parameter("use_peepholes", (False, True), "whether gates see the cell"),
        Parameter("bidirectional", (False, True), "whether another layer goes the other way"),
    ),
    excluded=("use_peepholes and bidirectional",),
    axes="batch time features units projected",
    sizes=((3, 4, 2, 5, 3), (1, 1, 1, 2, 1), (2, 2, 9, 8, 7)),
    data=DATA,
    sources=(Source("Sak, Senior and Beaufays (2014)", "https://arxiv.org/abs/1402.1128"),),
)

time_gated_lstm = Spec(
    reference=reference.time_gated_lstm,
    inputs=(
        X,
        Input("elapsed", "batch, time", kind="positive", meaning="time since the step before"),
        H,
        C,
        KERNEL,
        RECURRENT_KERNEL,
        BIAS,
    ),
    outputs=("sequence", "final_h", "final_c"),
    parameters=(
        Parameter("decay", ("logarithmic", "exponential"), "factor of the forget gate by the time elapsed"),
    ),
    sizes=SIZES,
    data=DATA,
    sources=(
        Source(
            "Baytas et al. (2017), Patient subtyping via time-aware LSTM networks",
            "https://doi.org/10.1145/3097983.3097997",
        ),
    ),
)

residual_lstm = Spec(
    reference=reference.residual_lstm,
    inputs=(
        Input("x", "batch, time, units", meaning="the sequence"),
        H,
        C,
        Input("kernel", "units, 4 * units", kind="weight", meaning="gates in the order i, f, g, o"),
        RECURRENT_KERNEL,
        BIAS,
    ),
    outputs=("y", "final_h", "final_c"),
    sizes=((3, 4, 5), (1, 1, 3), (2, 2, 8)),
    data=DATA,
    sources=(Source("Wu et al. (2016)", "https://arxiv.org/abs/1609.08144"),),
)
