"""Faults and controls of selection."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.selection import greatest
from ..language.variant import Control, Fault

Array = Any


def from_minus_one(x: Array, k: int, largest: bool, result: Array) -> Array:
    """A running maximum that starts at -1, so that what is less is never found."""
    return np.maximum(result, -1.0) if largest else result


def by_rank(x: Array, *, k: int, largest: bool, nan: str) -> tuple[Array, Array]:
    """Each element at the place that its rank says: how many are ahead of it."""
    signed = x if largest else -x
    places = np.arange(x.shape[-1])
    ahead = (signed[..., None, :] > signed[..., :, None]) | (
        (signed[..., None, :] == signed[..., :, None]) & (places < places[:, None])
    )
    order = np.argsort(np.sum(ahead, axis=-1), axis=-1)[..., :k].astype(np.int32)
    return np.take_along_axis(x, order, axis=-1), order


FAULTS = {
    "top_k": (
        Fault(
            name="a maximum that starts at -1",
            results={"y": from_minus_one},
            where="data == 'below_zero' and largest and k > 0",
        ),
        Fault(
            name="of equals the last first",
            results={
                "places": lambda x, k, largest: x.shape[-1] - 1 - greatest(x[..., ::-1], k, largest=largest)
            },
            where="data == 'ties'",
        ),
        Fault(
            name="by magnitude",
            results={"places": lambda x, k, largest: greatest(np.abs(x), k, largest=largest)},
        ),
        Fault(
            name="in order of their places",
            results={
                "y": lambda x, k, largest: np.take_along_axis(
                    x, np.sort(greatest(x, k, largest=largest), axis=-1), axis=-1
                )
            },
            where="k > 1 and data == 'normal'",
        ),
    ),
}

CONTROLS = {
    "top_k": (
        Control(name="by ranks", reference=by_rank, where="data not in ('nan', 'infinities')", rounds=False),
    ),
}
