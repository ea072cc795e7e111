"""Specs of the dense layers."""

from __future__ import annotations

from ..reference import dense as reference
from .spec import Constraint, Input, Parameter, Source, Spec

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
