"""Faults of the fractional poolings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..language.variant import Fault

Array = Any


def longer_first(rows: Array) -> Array:
    """The same cells, not shuffled."""
    return np.concatenate([[0], np.cumsum(np.sort(np.diff(rows))[::-1])])


FAULTS = {
    "fractional_max_pool": (Fault(name="indices from 1 on", results={"indices": lambda result: result + 1}),),
    "fractional_pool": (
        Fault(
            name="longer cells first",
            inputs={"rows": longer_first},
            spoils="both",
            where="not spaced and height % lengths[0] > 9 and lengths[0] > 2 * 9",
        ),
        Fault(
            name="boundaries from 1 on",
            results={"row_boundaries": lambda result: result + 1},
        ),
        Fault(
            name="cells of another draw",
            inputs={"rows": lambda rows: rows[-1] - np.flip(rows)},
            where="height % lengths[0] != 0",
        ),
    ),
}
