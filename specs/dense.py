"""Specs of the dense layers."""

from __future__ import annotations

from ..reference import dense as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

dense = Spec(
    name="dense",
    reference=reference.dense,
    vjp=reference.dense_vjp,
    inputs=(
        Input("x", "batch, features", meaning="what is mapped"),
        Input("kernel", "features, units", kind="weight"),
        Input("bias", "units", kind="weight", when="use_bias"),
    ),
    parameters=(Parameter("use_bias", (True, False), "whether a bias is added"),),
    axes="batch features units",
    sizes=((3, 17, 5), (1, 1, 1), (4, 256, 7), (5, 129, 33), (1, 63, 9)),
    data=("normal", "wide", "cancelling", "offset", "nan", "infinities"),
    constraints=(
        Constraint(
            "C1",
            "x[-1] == kernel[0]",
            "x must end in as many features as the kernel has",
            broken_by={"x": "batch, features + 1"},
        ),
    ),
    sources=(
        Source(
            "torch.nn.functional.linear",
            "https://pytorch.org/docs/stable/generated/torch.nn.functional.linear.html",
        ),
        Source("tf.keras.layers.Dense", "https://keras.io/api/layers/core_layers/dense/"),
        Source(
            "flax.nnx.Linear", "https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/nn/linear.html"
        ),
    ),
)

masked_dense = Spec(
    name="masked_dense",
    reference=reference.masked_dense,
    vjp=reference.masked_dense_vjp,
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
    axes="batch features units",
    sizes=((3, 17, 5), (1, 2, 3), (4, 65, 9)),
    data=("normal", "wide", "nan", "masked_rows"),
    constraints=(
        Constraint(
            "C1",
            "x[-1] == kernel[0]",
            "x must end in as many features as the kernel has",
            broken_by={"x": "batch, features + 1"},
        ),
        Constraint(
            "C2",
            "mask == kernel",
            "the mask must have the shape of the kernel",
            broken_by={"mask": "features, units + 1"},
        ),
    ),
    sources=(
        Source("Han, Pool, Tran and Dally (2015)", "https://arxiv.org/abs/1506.02626"),
        Source(
            "torch.nn.utils.prune.custom_from_mask",
            "https://pytorch.org/docs/stable/generated/torch.nn.utils.prune.custom_from_mask.html",
        ),
    ),
)

bilinear = Spec(
    name="bilinear",
    reference=reference.bilinear,
    vjp=reference.bilinear_vjp,
    inputs=(
        Input("left", "batch, lefts"),
        Input("right", "batch, rights"),
        Input("kernel", "units, lefts, rights", kind="weight"),
        Input("bias", "units", kind="weight", when="use_bias"),
    ),
    parameters=(Parameter("use_bias", (True, False), "whether a bias is added"),),
    axes="batch lefts rights units",
    sizes=((3, 5, 7, 4), (1, 1, 1, 1), (2, 17, 6, 9)),
    data=("normal", "offset", "nan"),
    constraints=(
        Constraint(
            "C1",
            "left[-1] == kernel[1]",
            "left must end in as many features as the kernel has",
            broken_by={"left": "batch, lefts + 1"},
        ),
        Constraint(
            "C2",
            "right[-1] == kernel[2]",
            "right must end in as many features as the kernel has",
            broken_by={"right": "batch, rights + 1"},
        ),
    ),
    sources=(
        Source("Tenenbaum and Freeman (2000)", "https://doi.org/10.1162/089976600300015349"),
        Source(
            "torch.nn.functional.bilinear",
            "https://pytorch.org/docs/stable/generated/torch.nn.functional.bilinear.html",
        ),
    ),
)
