"""Specs of the dense layers."""

from __future__ import annotations

from ..reference import dense as reference
from .language.spec import Input, Parameter, Source, Spec

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
