"""Faults of the fractional max pooling."""

from __future__ import annotations

import numpy as np

from ..language.variant import Fault

FAULTS = {
    "fractional_max_pool": (
        Fault(
            name="the numbers of height and width exchanged",
            inputs={"samples": lambda samples: np.flip(samples, -1)},
            where="spatial == 2",
        ),
        Fault(name="indices from 1 on", results={"indices": lambda result: result + 1}),
    ),
}
