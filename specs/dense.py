"""Specs of the dense layers."""

from __future__ import annotations

from ..reference import dense as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

dense = Spec(
    reference=reference.dense,
    inputs=(
        Input("x", "batch, features", meaning="what is mapped"),
        Input("kernel", "features, units", kind="weight"),
        Input("bias", "units", kind="weight", when="use_bias"),
    ),
    parameters=(Parameter("use_bias", (True, False), "whether a bias is added"),),
    sizes=((3, 17, 5), (1, 1, 1), (4, 256, 7), (5, 129, 33), (1, 63, 9)),
    data=("normal", "wide", "cancelling", "offset", "nan", "infinities"),
    kernel_data={"late": ("x",), "weights_nan": ("kernel",), "weights_infinite": ("kernel",)},
)

masked_dense = Spec(
    reference=reference.masked_dense,
    inputs=(
        Input("x", "batch, features", meaning="what is mapped"),
        Input("kernel", "features, units", kind="weight"),
        Input("mask", "features, units", kind="mask", meaning="True where a weight is kept"),
        Input("bias", "units", kind="weight", when="use_bias"),
    ),
    parameters=(
        Parameter("use_bias", (True, False), "whether a bias is added"),
        Parameter(
            "masking", ("product", "selected"), "times 0, or 0 in place of what is left out", facet=True
        ),
    ),
    sizes=((3, 17, 5), (1, 2, 3), (4, 65, 9)),
    data=("normal", "wide", "nan", "masked_rows"),
    sources=(Source("Han, Pool, Tran and Dally (2015)", "https://arxiv.org/abs/1506.02626"),),
)

bilinear = Spec(
    reference=reference.bilinear,
    inputs=(
        Input("left", "batch, lefts"),
        Input("right", "batch, rights"),
        Input("kernel", "units, lefts, rights", kind="weight"),
        Input("bias", "units", kind="weight", when="use_bias"),
    ),
    parameters=(Parameter("use_bias", (True, False), "whether a bias is added"),),
    sizes=((3, 5, 7, 4), (1, 1, 1, 1), (2, 17, 6, 9)),
    data=("normal", "offset", "nan"),
    sources=(Source("Tenenbaum and Freeman (2000)", "https://doi.org/10.1162/089976600300015349"),),
)

einsum_dense = Spec(
    reference=reference.einsum_dense,
    inputs=(
        Input("x", "batch, steps, features", meaning="what is mapped"),
        Input(
            "kernel",
            "*((features, heads, units) if contracts == 'last' else (steps, features, units))",
            kind="weight",
        ),
        Input(
            "bias",
            "*((heads,) if contracts == 'last' else () if contracts == 'two' else (steps,)), units",
            kind="weight",
            when="use_bias",
        ),
    ),
    parameters=(
        Parameter(
            "contracts",
            ("last", "two", "each"),
            "the last axis, two axes, or the last of each step by itself",
        ),
        Parameter("use_bias", (True, False), "whether a bias is added"),
    ),
    axes="batch steps features heads units",
    sizes=((3, 4, 5, 2, 7), (1, 1, 1, 1, 1), (2, 3, 17, 4, 9)),
    data=("normal", "wide", "nan"),
    constraints=(
        Constraint(
            "features",
            "x[2] == kernel[0] if contracts == 'last' else x[1] == kernel[0] and x[2] == kernel[1]",
            "what is contracted must be equally long",
            broken_by={"x": "batch, steps, features + 1"},
            also_broken_by=({"x": "batch, steps + 1, features", "contracts": "two"},),
        ),
    ),
    sources=(Source("keras.layers.EinsumDense", "https://keras.io/api/layers/core_layers/einsum_dense/"),),
)

lora_dense = Spec(
    reference=reference.lora_dense,
    inputs=(
        Input("x", "batch, features", meaning="what is mapped"),
        Input("down", "features, rank", kind="weight"),
        Input("up", "rank, units", kind="weight"),
        Input("kernel", "features, units", kind="weight", when="base"),
        Input("bias", "units", kind="weight", when="base and use_bias"),
    ),
    parameters=(
        Parameter("base", (True, False), "whether there is a dense layer that is corrected"),
        Parameter("use_bias", (True, False), "whether that adds a bias"),
        Parameter("alpha", (None, 3.0), "the scale times the rank; none for a scale of 1", facet=True),
    ),
    sizes=((3, 17, 2, 5), (1, 1, 1, 1), (4, 65, 3, 7)),
    data=("normal", "wide", "nan"),
    excluded=("use_bias and not base",),
    sources=(Source("Hu et al. (2021), LoRA, section 4.1", "https://arxiv.org/abs/2106.09685"),),
)
