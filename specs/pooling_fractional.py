"""Spec of the fractional max pooling."""

from __future__ import annotations

from ..reference import pooling_fractional as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

fractional_max_pool = Spec(
    reference=reference.fractional_max_pool,
    inputs=(
        Input("x", "batch, *(height, width, 6)[:spatial], channels", meaning="what is pooled"),
        Input(
            "samples",
            "batch, channels, spatial",
            kind="unit",
            meaning="what is drawn for each axis",
            constant=True,
        ),
    ),
    states=("indices",),
    parameters=(
        Parameter("window", ((2, 2, 2), (3, 2, 1)), "number of taps, per axis"),
        Parameter("lengths", ((4, 5, 3), (1, 3, 2)), "what the axes become, of which the first are used"),
        Parameter("spatial", (2, 3), "number of axes between batch and channels; a third one has length 6"),
    ),
    axes="batch height width channels",
    sizes=((2, 8, 11, 3), (1, 7, 6, 1)),
    empty=(),
    data=("normal", "ties"),
    constraints=(
        Constraint(
            "C1",
            "all(x[i + 1] >= window[i] + lengths[i] - 1 for i in (0, 1, 2)[:len(x) - 2])",
            "windows must fit, each one further than the one before",
            broken_by={"window": (6, 2, 2)},
            also_broken_by=({"window": (2, 8, 2)}, {"lengths": (8, 5, 3)}),
        ),
    ),
    # Of few digits, where a window begins is a matter of rounding.
    excluded=("dtype in ('bfloat16', 'float16')",),
    sources=(Source("Graham (2014), section 2.1", "https://arxiv.org/abs/1412.6071"),),
)
