"""Specs of the fractional poolings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..reference import pooling_fractional as reference
from .language.distribution import Boundaries
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


def read_boundaries(names: Mapping[str, Any], answers: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The boundaries that were returned; even ones, which then are not what was returned, where none may be.

    What no boundaries are would be no input of the reference.
    """
    _, *returned = answers[0]
    found = {}
    for name, axis, count, drawn in zip(
        ("rows", "columns"), ("height", "width"), names["lengths"], returned, strict=True
    ):
        length, whole = names[axis], np.asarray(drawn)
        even = np.array([i * length // count for i in range(count + 1)])
        found[name] = whole if Boundaries(length, count, names["spaced"]).allows(whole) else even
    return found


fractional_pool = Spec(
    reference=reference.fractional_pool,
    inputs=(
        Input("x", "batch, height, width, channels", meaning="what is pooled"),
        Input(
            "rows",
            "lengths[0] + 1",
            kind="recovered",
            meaning="where the cells of the height begin, and where the last ends",
            distribution="boundaries(height, lengths[0], spaced)",
        ),
        Input(
            "columns",
            "lengths[1] + 1",
            kind="recovered",
            meaning="those of the width",
            distribution="boundaries(width, lengths[1], spaced)",
        ),
    ),
    recover=read_boundaries,
    states=("row_boundaries", "column_boundaries"),
    parameters=(
        Parameter("operation", ("max", "mean"), "of each cell"),
        Parameter("lengths", ((64, 4), (23, 5)), "what height and width become"),
        Parameter("overlapping", (False, True), "whether a cell has the boundary behind it"),
        Parameter("spaced", (False, True), "whether one number is drawn for all boundaries of an axis"),
    ),
    sizes=((1, 97, 7, 2), (3, 65, 8, 1), (2, 120, 5, 3)),
    empty=(),
    data=("normal", "ties"),
    constraints=(
        Constraint(
            "C1",
            "1 <= lengths[0] <= x[1] and 1 <= lengths[1] <= x[2]",
            "there must be a cell, and no more cells than places",
            broken_by={"lengths": (98, 4)},
            also_broken_by=({"lengths": (64, 8)},),
        ),
    ),
    sources=(Source("Graham (2014), section 2.1", "https://arxiv.org/abs/1412.6071"),),
)
