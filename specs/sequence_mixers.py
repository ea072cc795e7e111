"""Specs of sequence mixers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..reference import sequence_mixers as reference
from .language.spec import Input, Parameter, Source, Spec

STATEFUL = Parameter("stateful", (False, True), "whether there is a state from what came before")
PACKED = Parameter("packed", (False, True), "whether sequences of several sizes lie one after the other")
SIZES = Input(
    "sizes",
    "batch",
    kind="lengths",
    limit="steps",
    least="0",
    meaning="steps of each sequence, which lie one after the other through all rows",
    when="packed",
)
POISON = ("padding_nan", "padding_large")
# Of sequences that are packed one has no step, one as many as fit, and some lie between.
PACKING = ("packed and batch < 4", f"not packed and data in {POISON}")


def behind_the_last(names: Mapping[str, Any]) -> dict[str, Any]:
    """Steps that belong to no sequence."""
    if not names["packed"]:
        return {}
    places = np.arange(names["batch"] * names["steps"]).reshape(names["batch"], names["steps"])
    nobody = places >= names["sizes"].sum()
    return dict.fromkeys(("x", "delta", "b", "c", "z", "query", "key", "value"), nobody)


causal_conv1d = Spec(
    reference=reference.causal_conv1d,
    inputs=(
        Input("x", "batch, steps, channels", meaning="a piece of a sequence"),
        Input("kernel", "width, channels", kind="weight", meaning="the last of it meets the present step"),
        Input("bias", "channels", kind="weight", when="use_bias"),
        Input("state", "batch, width - 1, channels", meaning="the steps before", when="stateful"),
        SIZES,
    ),
    outputs=("y", "state"),
    parameters=(
        STATEFUL,
        PACKED,
        Parameter("use_bias", (True, False), "whether a bias is added"),
        Parameter("activation", reference.ACTIVATIONS, "of the result"),
    ),
    sizes=((2, 9, 5, 4), (2, 1, 3, 4), (1, 2, 3, 4), (2, 3, 17, 4), (3, 5, 4, 2), (4, 5, 3, 4)),
    data=("normal", "wide", "nan", *POISON),
    excluded=PACKING,
    unowned=behind_the_last,
    kernel_data={"weights_nan": ("kernel",)},
    sources=(Source("Gu and Dao (2023), Mamba", "https://arxiv.org/abs/2312.00752"),),
)
