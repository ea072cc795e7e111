"""Specs of the recurrent layers."""

from __future__ import annotations

from ..reference import recurrent as reference
from .language.spec import Input, Parameter, Source, Spec

X = Input("x", "batch, time, features", meaning="the sequence")
H = Input("h", "batch, units", meaning="initial hidden state")
C = Input("c", "batch, units", meaning="initial cell state")
USE_BIAS = Parameter("use_bias", (True, False), "whether there is a bias")
DIRECTION = Parameter(
    "direction",
    ("forward", "backward", "backward_reversed"),
    "where to start, and whether hidden states stand at their inputs' steps or as computed",
    facet=True,
)
RESET_AFTER = Parameter(
    "reset_after", (True, False), "reset after the recurrent product, or before", facet=True
)
CANDIDATE_BIAS = Parameter(
    "candidate_bias",
    (True, False),
    "whether the candidate's recurrent product has a bias of its own",
    facet=True,
)
ACTIVATION = Parameter("activation", ("tanh", "relu", "sigmoid"), "of the candidate")
RECURRENT_ACTIVATION = Parameter("recurrent_activation", ("sigmoid", "hard_sigmoid"), "of the gates")
# Where NaN and infinities meet a kink, frameworks differ, as the specs of the functions themselves tell.
KINKS = "data in ('nan', 'infinities') and (activation == 'relu' or recurrent_activation == 'hard_sigmoid')"
SIZES = ((3, 4, 7, 5), (1, 1, 1, 1), (2, 3, 17, 33))
DATA = ("normal", "wide", "saturated", "nan", "infinities")

simple_rnn = Spec(
    reference=reference.simple_rnn,
    inputs=(
        X,
        H,
        Input("kernel", "features, units", kind="weight"),
        Input("recurrent_kernel", "units, units", kind="weight"),
        Input("bias", "units", kind="weight", when="use_bias"),
    ),
    outputs=("sequence", "final_h"),
    parameters=(
        Parameter("activation", ("tanh", "relu", "sigmoid"), "what each step ends with"),
        USE_BIAS,
        DIRECTION,
        Parameter("nan_gradient", ("zero", "pass"), "gradient of relu where its argument is NaN", facet=True),
    ),
    excluded=("nan_gradient == 'pass' and activation != 'relu'",),
    sizes=SIZES,
    data=DATA,
    sources=(
        Source("Elman (1990), Finding structure in time", "https://doi.org/10.1207/s15516709cog1402_1"),
    ),
)

lstm = Spec(
    reference=reference.lstm,
    inputs=(
        X,
        H,
        C,
        Input("kernel", "features, 4 * units", kind="weight", meaning="gates in the order i, f, g, o"),
        Input("recurrent_kernel", "units, 4 * units", kind="weight"),
        Input("bias", "4 * units", kind="weight", when="use_bias"),
    ),
    outputs=("sequence", "final_h", "final_c"),
    parameters=(
        USE_BIAS,
        Parameter("forget_bias", (0.0, 1.0), "added to the forget gate, beside the bias", facet=True),
        Parameter("activation", ("tanh", "relu", "sigmoid"), "of the candidate, and of the cell seen"),
        RECURRENT_ACTIVATION,
        DIRECTION,
    ),
    excluded=(KINKS,),
    sizes=SIZES,
    data=DATA,
    sources=(
        Source(
            "Gers, Schmidhuber and Cummins (2000), Learning to forget",
            "https://doi.org/10.1162/089976600300015015",
        ),
        Source("Zaremba, Sutskever and Vinyals (2014)", "https://arxiv.org/abs/1409.2329"),
    ),
)

gru = Spec(
    reference=reference.gru,
    inputs=(
        X,
        H,
        Input("kernel", "features, 3 * units", kind="weight", meaning="gates in the order r, z, n"),
        Input("recurrent_kernel", "units, 3 * units", kind="weight"),
        Input("bias", "3 * units", kind="weight", when="use_bias"),
        Input(
            "recurrent_bias",
            "units",
            kind="weight",
            meaning="the candidate's, inside the reset",
            when="use_bias and reset_after and candidate_bias",
        ),
    ),
    outputs=("sequence", "final_h"),
    parameters=(
        RESET_AFTER,
        USE_BIAS,
        CANDIDATE_BIAS,
        Parameter(
            "update",
            ("keep", "replace"),
            "whether the update gate weighs the old state or the candidate",
            facet=True,
        ),
        ACTIVATION,
        RECURRENT_ACTIVATION,
        DIRECTION,
    ),
    excluded=("not candidate_bias and not (use_bias and reset_after)", KINKS),
    sizes=SIZES,
    data=DATA,
    sources=(
        Source("Cho et al. (2014)", "https://arxiv.org/abs/1406.1078"),
        Source("Chung et al. (2014)", "https://arxiv.org/abs/1412.3555"),
    ),
)
