"""Specs of rotary position embeddings."""

from __future__ import annotations

from ..reference import rotary as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

X = Input("x", "batch, steps, heads, features", meaning="queries or keys, or the heads of both")
PAIRING = Parameter(
    "pairing", reference.PAIRINGS, "a pair is features i and i + R/2, or features 2i and 2i + 1", facet=True
)
DIRECTION = Parameter("direction", reference.DIRECTIONS, "whether pairs turn by φ or by -φ", facet=True)
SOURCES = (Source("Su et al. (2021), RoFormer", "https://arxiv.org/abs/2104.09864"),)

rotary_embedding = Spec(
    reference=reference.rotary_embedding,
    inputs=(
        X,
        Input(
            "positions",
            "batch, steps",
            kind="index",
            limit="131072 if data in ('long_context', 'indices_high') else 32",
            meaning="the position of each step",
        ),
    ),
    parameters=(
        PAIRING,
        Parameter("rotated", (None, 6), "R, how many features are turned; all of them if None"),
        Parameter("base", (1e4, 5e5), "of which frequencies are negative powers"),
        DIRECTION,
    ),
    sizes=((2, 9, 3, 8), (1, 13, 2, 64), (3, 5, 1, 18)),
    data=("normal", "long_context", "wide", "nan"),
    constraints=(
        Constraint(
            "C2",
            "(features if rotated is None else rotated) % 2 == 0",
            "an even number of features is turned",
            broken_by={"rotated": 5},
            also_broken_by=({"features": 7},),
        ),
        Constraint(
            "C3",
            "rotated is None or rotated <= features",
            "no more features are turned than there are",
            broken_by={"rotated": 10},
        ),
    ),
    sources=SOURCES,
)

TABLE = "steps, turned // 2 if tables == 'pairs' else turned"

apply_rotary_embedding = Spec(
    reference=reference.apply_rotary_embedding,
    inputs=(
        X,
        Input("cosines", TABLE, kind="weight", meaning="of the angle at each step", constant=True),
        Input("sines", TABLE, kind="weight", meaning="of the angle at each step", constant=True),
    ),
    parameters=(
        Parameter("tables", reference.TABLES, "whether a table has a column for each pair or each feature"),
        PAIRING,
        DIRECTION,
    ),
    axes="batch steps heads features turned",
    sizes=((2, 5, 3, 8, 8), (1, 7, 2, 66, 64), (3, 1, 1, 10, 6)),
    data=("normal", "wide", "nan"),
    kernel_data={"weights_nan": ("cosines",)},
    constraints=(
        Constraint(
            "C2",
            "cosines == sines",
            "tables must have the same shape",
            broken_by={"sines": "steps, turned"},
        ),
        Constraint(
            "C3", "turned <= features", "no more features are turned than there are", broken_by={"turned": 10}
        ),
    ),
    sources=SOURCES,
)
