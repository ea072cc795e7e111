"""Specs of sequence mixers."""

from __future__ import annotations

from ..reference import sequence_mixers as reference
from .language.spec import Input, Parameter, Source, Spec

STATEFUL = Parameter("stateful", (False, True), "whether there is a state from what came before")

causal_conv1d = Spec(
    reference=reference.causal_conv1d,
    inputs=(
        Input("x", "batch, steps, channels", meaning="a piece of a sequence"),
        Input("kernel", "width, channels", kind="weight", meaning="the last of it meets the present step"),
        Input("bias", "channels", kind="weight", when="use_bias"),
        Input("state", "batch, width - 1, channels", meaning="the steps before", when="stateful"),
    ),
    outputs=("y", "state"),
    parameters=(
        STATEFUL,
        Parameter("use_bias", (True, False), "whether a bias is added"),
        Parameter("activation", reference.ACTIVATIONS, "of the result"),
    ),
    sizes=((2, 9, 5, 4), (2, 1, 3, 4), (1, 2, 3, 4), (2, 3, 17, 4), (3, 5, 4, 2)),
    data=("normal", "wide", "nan"),
    kernel_data={"weights_nan": ("kernel",)},
    sources=(Source("Gu and Dao (2023), Mamba", "https://arxiv.org/abs/2312.00752"),),
)
