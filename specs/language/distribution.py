"""What a stochastic layer draws its masks and its noise from, as the spec of the layer states it.

An input's ``distribution`` is an expression over parameters, lengths of axes and inputs: the probability that
an element is True, which may differ from element to element, or ``normal(mean, deviation)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numerics.dtypes import dtype, round_to
from ...numerics.generator import Stream
from .spec import Input, evaluate

__all__ = ["Bernoulli", "Distribution", "Normal", "distribution_of"]


@dataclass(frozen=True)
class Bernoulli:
    """True with the probability ``keep``: a number, or an array that broadcasts to the mask."""

    keep: Any

    def draw(self, stream: Stream, shape: tuple[int, ...], name: str) -> np.ndarray:
        """A mask of this shape; of booleans whatever the dtype called ``name``."""
        return np.asarray(stream.uniform(shape) < self.keep)


@dataclass(frozen=True)
class Normal:
    """Normally distributed numbers."""

    mean: float
    deviation: float

    def draw(self, stream: Stream, shape: tuple[int, ...], name: str) -> np.ndarray:
        """Noise of this shape, rounded to the dtype called ``name``."""
        return round_to(self.mean + self.deviation * stream.normal(shape), dtype(name))


Distribution = Bernoulli | Normal


def distribution_of(recovered: Input, names: Mapping[str, Any]) -> Distribution:
    """The distribution of a recovered input, in a case with these parameters, lengths and arrays."""
    found = evaluate(recovered.distribution, {**names, "normal": Normal}, ("normal",))
    return found if isinstance(found, Normal) else Bernoulli(found)
