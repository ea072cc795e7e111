"""Spec of the convolutions that pad with copies."""

from __future__ import annotations

from ..reference import convolution_padded as reference
from .convolution import BIAS, GUIDE
from .language.spec import Constraint, Input, Parameter, Source, Spec

padded_conv = Spec(
    reference=reference.padded_conv,
    inputs=(
        Input("x", "batch, *(height, width, 4)[:spatial], channels"),
        Input("kernel", "*(kernel_height, kernel_width, 2)[:spatial], channels, filters", kind="weight"),
        Input("bias", "filters", kind="weight", when="use_bias"),
        Input(
            "mask",
            "*(kernel_height, kernel_width, 2)[:spatial], channels, filters",
            kind="mask",
            meaning="True where a weight is kept",
            when="masked",
        ),
    ),
    parameters=(
        Parameter("mode", ("reflect", "circular", "replicate"), "what stands outside"),
        Parameter(
            "widths",
            ("same", ((1, 1), (2, 2), (1, 1))),
            "so much that at stride 1 there are as many windows as elements, or pairs (low, high)",
        ),
        Parameter("strides", ((1, 1, 1), (2, 1, 2)), "distance of neighbouring windows, per axis"),
        Parameter("dilation", ((1, 1, 1), (2, 1, 1)), "distance of neighbouring taps, per axis"),
        Parameter(
            "spatial", (2, 1, 3), "number of axes between batch and channels; a third one has length 4"
        ),
        BIAS,
        Parameter("masked", (False, True), "whether the kernel has a mask"),
    ),
    axes="batch height width channels filters kernel_height kernel_width",
    sizes=((2, 6, 7, 3, 4, 3, 2), (1, 5, 4, 1, 1, 2, 3)),
    data=("normal", "wide"),
    constraints=(
        Constraint(
            "C1",
            "widths == 'same' or mode == 'replicate' or all("
            "max(widths[i]) <= x[i + 1] - (1 if mode == 'reflect' else 0) for i in (0, 1, 2)[:len(x) - 2])",
            "there must be as many elements as stand outside, and one more where the outermost is no twin",
            broken_by={"mode": "reflect", "widths": ((6, 6), (0, 0), (0, 0))},
            also_broken_by=({"mode": "circular", "widths": ((0, 0), (8, 8), (0, 0))},),
        ),
    ),
    sources=(
        GUIDE,
        Source(
            "van den Oord et al. (2016), Pixel recurrent neural networks", "https://arxiv.org/abs/1601.06759"
        ),
    ),
)
