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

isotonic_regression = Spec(
    reference=reference.isotonic_regression,
    inputs=(Input("x", "*(batch,)[:rank - 1], features", meaning="what is brought in order"),),
    states=("segments",),
    parameters=(
        Parameter("rank", (2, 1), "number of axes: one row, or several"),
        Parameter("decreasing", (True, False), "whether what is nearest may fall, or rise"),
        Parameter("axis", (-1, 0), "along which rows lie"),
    ),
    axes="batch features",
    sizes=((3, 17), (1, 1), (33, 5)),
    data=("normal", "ties", "offset", "wide"),
    constraints=(
        Constraint(
            "C1",
            "-rank <= axis < rank",
            "axis must be an axis of x",
            broken_by={"axis": 2},
            also_broken_by=({"axis": -3},),
        ),
    ),
    # Of few digits, which neighbours are pooled is a matter of rounding.
    excluded=("data == 'offset' and dtype in ('bfloat16', 'float16')",),
    sources=(
        Source(
            "Robertson, Wright and Dykstra (1988), Order restricted statistical inference",
            "https://www.wiley.com/en-us/Order+Restricted+Statistical+Inference-p-9780471917878",
        ),
        Source("Blondel et al. (2020)", "https://arxiv.org/abs/2002.08871"),
    ),
)
