"""Specs of products of groups of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..reference import grouped as reference
from .language.spec import Constraint, Input, Source, Spec


def rows_of_nobody(names: Mapping[str, Any]) -> dict[str, Any]:
    """Rows past the last group."""
    return {"x": np.arange(names["rows"]) >= names["sizes"].sum()}


grouped_matmul = Spec(
    reference=reference.grouped_matmul,
    inputs=(
        Input("x", "rows, depth", meaning="rows of the groups, one after the other, and of nobody"),
        Input("kernel", "groups, depth, units", kind="weight", meaning="a matrix for each group"),
        # The first and the last of these are met: a group without rows, and as many as fit for all.
        Input("sizes", "groups", kind="index", limit="rows // groups + 1", meaning="rows of each group"),
    ),
    sizes=((23, 8, 5, 8), (9, 16, 3, 24), (3, 5, 4, 2), (4, 7, 1, 3)),
    empty=("rows",),
    data=("normal", "wide", "cancelling", "nan", "padding_nan", "padding_large"),
    unowned=rows_of_nobody,
    constraints=(
        Constraint(
            "depth",
            "x[-1] == kernel[1]",
            "x and kernel must agree in depth",
            broken_by={"kernel": "groups, depth + 1, units"},
        ),
    ),
    kernel_data={"weights_nan": ("kernel",)},
    sources=(Source("Gale et al. (2022), MegaBlocks", "https://arxiv.org/abs/2211.15841"),),
)
