"""Specs of selection."""

from __future__ import annotations

from ..reference import selection as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

top_k = Spec(
    reference=reference.top_k,
    inputs=(Input("x", "batch, features", meaning="of which some are chosen"),),
    states=("places",),
    parameters=(
        Parameter("k", (2, 1, 4), "how many are chosen"),
        Parameter("largest", (True, False), "whether the greatest are chosen, or the least"),
        Parameter("nan", ("greatest", "last"), "where NaN stands in the order", facet=True),
    ),
    sizes=((5, 17), (3, 4), (2, 130)),
    data=("normal", "ties", "below_zero", "nan", "infinities"),
    constraints=(
        Constraint(
            "C1",
            "0 <= k <= features",
            "k must be from 0 to the number of features",
            broken_by={"k": 18},
            also_broken_by=({"k": -1},),
        ),
    ),
    excluded=("nan != 'greatest' and data != 'nan'",),
    sources=(Source("ONNX, TopK", "https://onnx.ai/onnx/operators/onnx__TopK.html"),),
)
