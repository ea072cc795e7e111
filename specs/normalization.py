"""Specs of the normalization layers."""

from __future__ import annotations

from ..reference import normalization as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

X = Input("x", "batch, *(height, width, 2)[:spatial], channels", meaning="what is normalized")
SCALE = Input("scale", "channels", kind="weight", meaning="factor of each channel", when="use_scale")
BIAS = Input("bias", "channels", kind="weight", meaning="added to each channel", when="use_bias")
SPATIAL = Parameter("spatial", (0, 2, 1), "number of axes between batch and channels")
UP_TO_3D = Parameter("spatial", (0, 2, 1, 3), f"{SPATIAL.meaning}; a third one has length 2")
EPSILON = Parameter("epsilon", (1e-5, 1e-3), "added to the variance, inside the root")
USE_SCALE = Parameter("use_scale", (True, False), "whether each channel is scaled")
USE_BIAS = Parameter("use_bias", (True, False), "whether each channel is shifted")
DATA = ("normal", "tiny", "offset", "wide", "constant", "nan", "infinities")
KERNEL_DATA = {"late": ("x",), "squares": ("x",), "weights_nan": ("scale",), "weights_infinite": ("bias",)}


LONE_IN_HALVES = "channels == 1 and dtype in ('float16', 'bfloat16')"
"""A row of one value: it is subtracted from itself times 1/√ε, so in a half type everything would pass."""

layer_norm = Spec(
    reference=reference.layer_norm,
    inputs=(Input("x", "batch, steps, channels", meaning="what is normalized"), SCALE, BIAS),
    parameters=(Parameter("epsilon", (1e-5, 1e-3, 1e-6), EPSILON.meaning), USE_SCALE, USE_BIAS),
    sizes=((3, 2, 17), (1, 1, 1), (2, 5, 4), (2, 3, 129)),
    data=DATA,
    kernel_data=KERNEL_DATA,
    excluded=(LONE_IN_HALVES,),
    sources=(Source("Ba, Kiros and Hinton (2016), Layer normalization", "https://arxiv.org/abs/1607.06450"),),
)

group_norm = Spec(
    reference=reference.group_norm,
    inputs=(X, SCALE, BIAS),
    parameters=(
        SPATIAL,
        Parameter("groups", (2, 1, 6), "number of groups of neighbouring channels"),
        EPSILON,
        USE_SCALE,
        USE_BIAS,
    ),
    sizes=((3, 5, 2, 12), (1, 1, 1, 6), (2, 3, 7, 18), (2, 4, 5, 66)),
    data=DATA,
    kernel_data=KERNEL_DATA,
    constraints=(
        Constraint(
            "C2",
            "groups >= 1 and channels % groups == 0",
            "groups must divide the channels",
            broken_by={"groups": 5},
            also_broken_by=({"groups": 0}, {"groups": -2}, {"groups": 24}),
        ),
    ),
    # Six values, 30 deviations from 0, leave no digit of a bfloat16.
    excluded=("dtype == 'bfloat16' and data == 'offset' and batch == 1",),
    sources=(Source("Wu and He (2018), Group normalization", "https://arxiv.org/abs/1803.08494"),),
)

instance_norm = Spec(
    reference=reference.instance_norm,
    inputs=(X, SCALE, BIAS),
    parameters=(
        Parameter("spatial", (2, 1, 3), UP_TO_3D.meaning),
        EPSILON,
        USE_SCALE,
        USE_BIAS,
        Parameter("lone_value", ("bias", "error"), "what becomes of a single value per channel", facet=True),
    ),
    sizes=((3, 5, 2, 7), (1, 1, 1, 4), (2, 4, 3, 6)),
    data=("normal", "offset", "constant", "nan"),
    constraints=(
        Constraint(
            "C2",
            "lone_value == 'bias' or max(x[1:-1]) > 1",
            "with lone_value=error each channel of a sample must have more than one value",
            broken_by={"lone_value": "error", "x": "batch, 1, 1, channels"},
        ),
    ),
    # A lone value is subtracted from itself times 1/√ε, so in a half type everything would pass.
    excluded=("lone_value == 'error'", "max(x[1:-1]) == 1 and dtype in ('float16', 'bfloat16')"),
    sources=(
        Source(
            "Ulyanov, Vedaldi and Lempitsky (2016), Instance normalization",
            "https://arxiv.org/abs/1607.08022",
        ),
    ),
)

local_response_norm = Spec(
    reference=reference.local_response_norm,
    inputs=(Input("x", "batch, height, width, channels", meaning="what is normalized"),),
    parameters=(
        Parameter("window", (5, 3, 4), "number of channels whose squares are added"),
        # Of the customary 1e-4 nothing would be seen.
        Parameter("alpha", (0.5, 2.0), "factor of the squares"),
        Parameter("beta", (0.75, 0.5), "power by whose reciprocal a value is multiplied"),
        Parameter("offset", (1.0, 2.0), "added to the squares"),
        Parameter("alpha_of", ("sum", "mean"), "whether alpha is the factor of a sum or a mean", facet=True),
    ),
    sizes=((2, 2, 3, 9), (1, 1, 2, 1), (2, 3, 1, 6)),
    data=("normal", "wide", "nan"),
    constraints=(
        Constraint(
            "C1",
            "window >= 1",
            "a window must have a channel",
            broken_by={"window": 0},
            also_broken_by=({"window": -1},),
        ),
    ),
    sources=(
        Source(
            "Krizhevsky, Sutskever and Hinton (2012), section 3.3",
            "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
        ),
    ),
)

rms_norm = Spec(
    reference=reference.rms_norm,
    inputs=(Input("x", "batch, steps, channels", meaning="what is normalized"), SCALE),
    parameters=(
        Parameter("epsilon", (1e-5, 1e-3, 1e-6), "added to the mean square, inside the root"),
        USE_SCALE,
    ),
    sizes=((3, 2, 17), (1, 1, 1), (2, 5, 4), (2, 3, 129)),
    data=DATA,
    kernel_data={**KERNEL_DATA, "weights_infinite": ("scale",)},
    # There the sum of squares is past the largest float16, and what is computed from it unknown.
    excluded=("dtype == 'float16' and data == 'offset' and channels == 129",),
    sources=(
        Source(
            "Zhang and Sennrich (2019), Root mean square layer normalization",
            "https://arxiv.org/abs/1910.07467",
        ),
    ),
)
