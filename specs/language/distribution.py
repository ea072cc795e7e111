"""What a stochastic layer draws its masks and its noise from, as the spec of the layer states it.

An input's ``distribution`` is an expression over parameters, lengths of axes and inputs: the probability that
an element is True, which may differ from element to element, or of numbers ``normal(mean, deviation)``,
``uniform(low, high)`` or ``gumbel(axis)``. Numbers have a ``standard`` form, in which they are tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from ...numerics.dtypes import dtype, round_to
from ...numerics.generator import Stream
from .spec import Input, evaluate

__all__ = ["Bernoulli", "Distribution", "Gumbel", "Normal", "Uniform", "distribution_of"]


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

    def standard(self, drawn: np.ndarray) -> np.ndarray:
        """Independent standard normal numbers, of what was drawn so."""
        return np.asarray((drawn - self.mean) / self.deviation)


@dataclass(frozen=True)
class Uniform:
    """Numbers between two ends, all as likely."""

    low: float
    high: float

    def draw(self, stream: Stream, shape: tuple[int, ...], name: str) -> np.ndarray:
        """Numbers of this shape, rounded to the dtype called ``name``."""
        return round_to(self.low + (self.high - self.low) * stream.uniform(shape), dtype(name))

    def standard(self, drawn: np.ndarray) -> np.ndarray:
        """Independent standard normal numbers, of what was drawn so; infinite ones, of what lies outside."""
        return _normal_of(np.clip((drawn - self.low) / (self.high - self.low), 0.0, 1.0))


@dataclass(frozen=True)
class Gumbel:
    """Standard Gumbel noise, ``-log e`` of exponentially distributed e, up to a number for each line."""

    axis: int

    def draw(self, stream: Stream, shape: tuple[int, ...], name: str) -> np.ndarray:
        """Noise of this shape, rounded to the dtype called ``name``."""
        inside = np.clip(stream.uniform(shape), 2.0**-53, 1 - 2.0**-53)
        return round_to(-np.log(-np.log(inside)), dtype(name))

    def standard(self, drawn: np.ndarray) -> np.ndarray:
        """Independent standard normal numbers, one fewer along the axis, of what was drawn so.

        Shares of exponential numbers are uniform on the simplex, and what remains when some are broken off is
        shared in the same way: the part that the next one leaves, ``r_(k+1) / r_k``, to the power of how many
        come behind, is uniform between 0 and 1 (Devroye 1986, Non-uniform random variate generation).
        """
        noise = np.moveaxis(drawn, self.axis, -1)
        exponential = np.exp(np.min(noise, axis=-1, keepdims=True) - noise)
        left = np.flip(np.cumsum(np.flip(exponential, -1), axis=-1), -1)
        behind = np.arange(noise.shape[-1] - 1, 0, -1)
        return np.moveaxis(_normal_of((left[..., 1:] / left[..., :-1]) ** behind), -1, self.axis)


def _normal_of(ranks: np.ndarray) -> np.ndarray:
    return np.asarray(ndtri(ranks))


Distribution = Bernoulli | Normal | Uniform | Gumbel


def distribution_of(recovered: Input, names: Mapping[str, Any]) -> Distribution:
    """The distribution of a recovered input, in a case with these parameters, lengths and arrays."""
    known = {"normal": Normal, "uniform": Uniform, "gumbel": Gumbel}
    found = evaluate(recovered.distribution, {**names, **known}, tuple(known))
    return found if isinstance(found, Normal | Uniform | Gumbel) else Bernoulli(found)
