"""Specs of softmaxes, their logarithms and the sums in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..reference import softmax as over_axes
from .activations import LENGTHS, LOOPS, an_axis
from .language.spec import Constraint, Input, Parameter, Source, Spec

SOFT_DATA = ("normal", "wide", "offset", "saturated", "constant", "ties", "nan", "infinities")


def along_axis(
    function: Callable[..., Any],
    *sources: Source,
    sizes: tuple[tuple[int, ...], ...] = LENGTHS,
) -> Spec:
    """The spec of a function that normalises along an axis."""
    axis, is_axis = an_axis("normalised")
    return Spec(
        reference=function,
        inputs=(Input("x", "batch, features", meaning="the logits"),),
        parameters=(axis,),
        constraints=(is_axis,),
        sizes=sizes,
        data=SOFT_DATA,
        kernel_data={name: ("x",) for name in ("low", "late", "mixed", "nothing")},
        sources=sources,
    )


INFINITE_LOGIT = Parameter(
    "infinite_logit",
    ("nan", "one_hot"),
    "what is beside a lone infinite logit: NaN, for ∞ - ∞, or the limit",
    facet=True,
    right="one_hot",
)


BETWEEN = Parameter("between", (0, 2), "number of axes between batch and features, of lengths 3 and 2")


LOGITS = Input("x", "batch, *(3, 2)[:between], features", meaning="the logits")


ALONG = Parameter("axis", (-1, 0, -3, (1, 3)), "the axis that is normalised, or several as if they were one")


def soft(
    function: Callable[..., Any],
    *sources: Source,
    sizes: tuple[tuple[int, ...], ...] = LENGTHS,
    parameters: tuple[Parameter, ...] = (),
) -> Spec:
    """The spec of a softmax, or of what is made of one, of arrays of any rank."""
    return Spec(
        reference=function,
        inputs=(LOGITS,),
        parameters=(ALONG, BETWEEN, *parameters, INFINITE_LOGIT),
        constraints=(
            Constraint(
                "C1",
                "axis == (1, 3) or -2 - between <= axis < 2 + between",
                "axis must be an axis of x",
                broken_by={"axis": 2},
                also_broken_by=({"axis": -3},),
            ),
        ),
        excluded=(
            "axis in (-3, (1, 3)) and between == 0",
            "infinite_logit != 'nan' and data != 'infinities'",
        ),
        sizes=sizes,
        data=SOFT_DATA,
        kernel_data={name: ("x",) for name in ("low", "late", "mixed", "nothing")},
        sources=sources,
    )


softmax = soft(
    over_axes.softmax,
    Source("Hinton, Vinyals and Dean (2015), equation 1", "https://arxiv.org/abs/1503.02531"),
    parameters=(Parameter("temperature", (1.0, 0.7), "what logits are divided by"),),
)


softmin = soft(over_axes.softmin, sizes=((3, 17), (2, 64)))


log_softmax = soft(
    over_axes.log_softmax,
    Source("Blanchard, Higham and Higham (2021)", "https://arxiv.org/abs/1909.03469"),
)


sparsemax = along_axis(
    over_axes.sparsemax,
    Source("Martins and Astudillo (2016)", "https://arxiv.org/abs/1602.02068"),
    sizes=LOOPS,
)


logsumexp = Spec(
    reference=over_axes.logsumexp,
    inputs=(
        Input("x", "batch, features", meaning="the logarithms"),
        Input("mask", "batch, features", kind="mask", meaning="what counts", when="masked"),
        Input(
            "weights", "batch, features", kind="positive", meaning="how often each counts", when="weighted"
        ),
    ),
    parameters=(
        Parameter("axis", (-1, 0, None), "the axes that are summed"),
        Parameter("keepdims", (False, True), "whether these axes are kept"),
        Parameter("mean", (False, True), "whether the sum is divided by the number of elements"),
        Parameter("masked", (False, True), "whether a mask is given"),
        Parameter("weighted", (False, True), "whether each exponential has a weight"),
    ),
    excluded=("weighted and mean",),
    constraints=(
        Constraint(
            "C1",
            "axis is None or -2 <= axis < 2",
            "axis must be an axis of x",
            broken_by={"axis": 2},
            also_broken_by=({"axis": -3},),
        ),
    ),
    sizes=LENGTHS[:1],
    data=("normal", "offset", "saturated", "nan", "infinities"),
    sources=(Source("Blanchard, Higham and Higham (2021)", "https://arxiv.org/abs/1909.03469"),),
)


MASKED_INPUTS = (
    LOGITS,
    # Masks may be shared, so it is no rule that the shapes agree.
    Input("mask", "*(batch, *(3, 2)[:between], features)", kind="mask", meaning="what counts"),
)


MASKED_ALONG = Parameter("axis", (-1, 0, (0, 1), -3, (1, 3)), ALONG.meaning)


MASKING = Parameter(
    "masking",
    ("select", "fill"),
    "whether what does not count is left out, or is a logit of -∞, so that no share is known where all are",
    facet=True,
)


def masked(function: Callable[..., Any]) -> Spec:
    """The spec of a softmax of what counts."""
    return Spec(
        reference=function,
        inputs=MASKED_INPUTS,
        parameters=(MASKED_ALONG, BETWEEN, MASKING),
        sizes=((3, 17), (2, 64)),
        data=("normal", "offset", "saturated", "ties", "masked_rows", "nan"),
        excluded=("axis in (-3, (1, 3)) and between == 0",),
    )


masked_softmax = masked(over_axes.masked_softmax)


masked_log_softmax = masked(over_axes.masked_log_softmax)
