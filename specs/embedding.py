"""Specs of the embedding layers."""

from __future__ import annotations

from ..reference import embedding as reference
from .language.spec import Constraint, Input, Parameter, Spec

embedding = Spec(
    reference=reference.embedding,
    inputs=(
        Input(
            "indices",
            "batch, steps",
            kind="index",
            limit="rows",
            meaning="the row of each place",
            marks="padding_index",
        ),
        Input("table", "rows, features"),
    ),
    parameters=(
        Parameter("padding_index", (None, 2), "a row that gets no gradient"),
        Parameter(
            "padding", ("blocked", "zeroed"), "the padding row is read as it is, or as zeros", facet=True
        ),
        Parameter(
            "out_of_range",
            ("error", "nan", "clamp", "zero", "modulo"),
            "what an index that is no row gives",
            facet=True,
        ),
        Parameter("negative", ("out_of_range", "wrap"), "what an index below 0 means", facet=True),
    ),
    sizes=((3, 5, 7, 17), (1, 1, 1, 1), (4, 9, 3, 33), (2, 33, 65, 5)),
    data=("normal", "zeros", "nan", "out_of_range", "far_below", "negative"),
    constraints=(
        Constraint(
            "C1",
            "out_of_range != 'error' or data != 'out_of_range'",
            "indices must be rows of the table",
            broken_by={"data": "out_of_range"},
        ),
        Constraint(
            "C2",
            "out_of_range != 'error' or data != 'far_below'",
            "indices that count from the end must not be below -rows",
            broken_by={"data": "far_below", "negative": "wrap"},
        ),
        Constraint(
            "C3",
            "out_of_range != 'error' or negative == 'wrap' or data != 'negative'",
            "indices must not be negative",
            broken_by={"data": "negative"},
        ),
    ),
    excluded=(
        "padding_index is not None and padding_index >= rows",
        "padding == 'zeroed' and (padding_index is None or negative == 'wrap')",
        "out_of_range != 'error' and data not in ('out_of_range', 'far_below')",
        "out_of_range == 'modulo' and negative != 'wrap'",
        "out_of_range == 'error' and (negative == 'wrap') != (data == 'negative')",
    ),
    signed_zeros=True,
)
