"""Specs of the analysis of layers: which outputs they can have."""

from __future__ import annotations

from ..reference import analysis as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

INTERVALS = Source(
    "Moore, Kearfott and Cloud (2009), Introduction to interval analysis",
    "https://doi.org/10.1137/1.9780898717716",
)
PROPAGATION = Source(
    "Gowal et al. (2018), On the effectiveness of interval bound propagation",
    "https://arxiv.org/abs/1810.12715",
)
DATA = ("normal", "wide", "offset")

output_range = Spec(
    reference=reference.output_range,
    inputs=(
        Input("low", "batch, features", meaning="the lower end of each input"),
        Input("width", "batch, features", kind="positive", meaning="how far each input reaches above it"),
        Input("kernel", "features, hidden", kind="weight"),
        Input("bias", "hidden", kind="weight", when="use_bias"),
        Input("second_kernel", "hidden, units", kind="weight", when="layers == 2"),
        Input("second_bias", "units", kind="weight", when="use_bias and layers == 2"),
    ),
    parameters=(
        Parameter("layers", (2, 1), "number of dense layers"),
        Parameter("activation", ("relu", "linear"), "what stands between two layers"),
        Parameter("use_bias", (True, False), "whether each layer adds a bias"),
    ),
    outputs=("lower", "upper"),
    sizes=((3, 7, 5, 4), (1, 1, 1, 1), (2, 17, 9, 3)),
    data=DATA,
    excluded=("layers == 1 and activation == 'linear'",),
    sources=(INTERVALS, PROPAGATION),
)

conv_output_range = Spec(
    reference=reference.conv_output_range,
    inputs=(
        Input("low", "batch, time, channels", meaning="the lower end of each input"),
        Input(
            "width", "batch, time, channels", kind="positive", meaning="how far each input reaches above it"
        ),
        Input("kernel", "kernel_time, channels, filters", kind="weight"),
        Input("bias", "filters", kind="weight", when="use_bias"),
    ),
    parameters=(
        Parameter("strides", ((1,), (2,)), "distance of neighbouring windows"),
        Parameter("padding", ("valid", "same"), "none, or so much that as many windows fit as strides do"),
        Parameter("use_bias", (True, False), "whether a bias is added"),
    ),
    outputs=("lower", "upper"),
    axes="batch time channels filters kernel_time",
    sizes=((2, 7, 3, 4, 2), (1, 3, 1, 1, 1), (3, 9, 5, 2, 4)),
    data=DATA,
    constraints=(
        Constraint(
            "C2",
            "padding == 'same' or time >= kernel_time",
            "a window must fit into the input",
            broken_by={"kernel_time": 40},
            also_broken_by=({"kernel_time": "time + 1"},),
        ),
    ),
    sources=(INTERVALS, PROPAGATION),
)
