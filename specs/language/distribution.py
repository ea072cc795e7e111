"""What a stochastic layer draws its masks and its noise from, as the spec of the layer states it.

An input's ``distribution`` is an expression over parameters, lengths of axes and inputs: the probability that
an element is True, which may differ from element to element, or of numbers ``normal(mean, deviation)``,
``uniform(low, high)`` or ``gumbel(axis)``, or of whole numbers ``boundaries(length, count, spaced)``. Numbers
have a ``standard`` form, in which they are tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import binom, ndtri

from ...numerics.dtypes import dtype, round_to
from ...numerics.generator import Stream
from .spec import Input, evaluate

__all__ = ["Bernoulli", "Boundaries", "Distribution", "Gumbel", "Normal", "Uniform", "distribution_of"]


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


@dataclass(frozen=True)
class Boundaries:
    """Where the cells of an axis begin and end, of which some, that are drawn, are one longer than others.

    ``length`` places are cut into ``count`` cells of ``k = ⌊length / count⌋`` or ``k + 1``, every order of
    which is as likely; or where they are ``spaced``, cell i begins at ``⌈α (i + u)⌉ - 1`` for
    ``α = length / count`` and one uniform number u, such that the first and the last are no others.

    Source: Graham (2014), Fractional max-pooling, arXiv:1412.6071, section 2.1.
    """

    length: int
    count: int
    spaced: bool

    @property
    def _short(self) -> int:
        return self.length // self.count

    @property
    def _most(self) -> float:
        """Below it lies the one number u: the first cell is not too long, and the last not too short."""
        n, m, k = self.length, self.count, self._short
        return min(((k + 2) * m - n) / n, ((n + 1 - k) * m - n * (m - 1)) / n)

    def draw(self, stream: Stream, shape: tuple[int, ...], name: str) -> np.ndarray:
        """Boundaries from 0 to ``length``, whole numbers whatever the dtype called ``name``."""
        if self.spaced:
            u = float(stream.uniform((1,))[0]) * self._most
            inner = np.ceil(self.length * (np.arange(1, self.count) + u) / self.count) - 1
        else:
            cells = np.full(self.count, self._short)
            cells[: self.length % self.count] += 1
            inner = np.cumsum(cells[stream.permutation(self.count)])[:-1]
        return np.concatenate([[0], inner, [self.length]]).astype(np.int64)

    def allows(self, drawn: np.ndarray) -> bool:
        """Whether these are boundaries that may be drawn."""
        if drawn.shape != (self.count + 1,) or drawn[0] != 0 or drawn[-1] != self.length:
            return False
        cells = np.diff(drawn)
        if not np.all((cells == self._short) | (cells == self._short + 1)):
            return False
        # Beginnings b say of the one number that b m - i n < n u ≤ (b + 1) m - i n, in whole numbers.
        begins = np.array(drawn[1:-1], np.int64) * self.count - np.arange(1, self.count) * self.length
        lowest, highest = np.max(begins, initial=0), np.min(begins, initial=self.length) + self.count
        return not self.spaced or bool(lowest < min(highest, self._most * self.length))

    def chances(self, drawn: np.ndarray) -> Iterator[tuple[str, float]]:
        """What may be counted of the longer cells, and how probable it is that it lies as far out."""
        if self.spaced:
            return  # one number shows too little
        longer = np.diff(drawn) > self._short
        for words, cells in (
            ("in its first half", longer[: self.count // 2]),
            ("at even places", longer[::2]),
        ):
            found = int(cells.sum())
            of = _hypergeometric(self.count, int(longer.sum()), len(cells))
            yield f"has {found} of {longer.sum()} longer cells {words}", _at_least_so_far_out(found, of)
        found = int(np.sum(longer[1:] != longer[:-1]))
        of = _changes(self.count, int(longer.sum()))
        yield f"changes {found} times between longer and shorter cells", _at_least_so_far_out(found, of)

    @property
    def coincidence(self) -> float:
        """Probability that two draws are the same, or 1 where that is no less than one of some hundred."""
        return 1.0 if self.spaced else float(1.0 / binom(self.count, self.length % self.count))


def _hypergeometric(n: int, marked: int, taken: int) -> np.ndarray:
    """Probability of each number of ``marked`` ones among ``taken`` of ``n``, from 0 on."""
    found = np.arange(taken + 1)
    return np.asarray(binom(marked, found) * binom(n - marked, taken - found) / binom(n, taken))


def _changes(n: int, marked: int) -> np.ndarray:
    """Probability of each number of changes in a row of ``n``, some of them ``marked``, from 0 on.

    Source: Wald and Wolfowitz (1940), On a test whether two samples are from the same population.
    """
    a, b, changes = marked, n - marked, np.arange(n)
    if min(a, b) == 0:
        return np.where(changes == 0, 1.0, 0.0)
    less, more = changes // 2, (changes + 1) // 2  # parts beyond the first, of one kind and of the other
    either = binom(a - 1, less) * binom(b - 1, more - 1) + binom(a - 1, more - 1) * binom(b - 1, less)
    alike = np.where(changes % 2 == 1, 2 * binom(a - 1, less) * binom(b - 1, less), either)
    return np.asarray(np.where(changes == 0, 0.0, alike) / binom(n, a))


def _at_least_so_far_out(found: int, of: np.ndarray) -> float:
    """Probability of a count at least as far out as this one, on either side."""
    return float(2 * min(np.sum(of[: found + 1]), np.sum(of[found:])))


def _normal_of(ranks: np.ndarray) -> np.ndarray:
    return np.asarray(ndtri(ranks))


Distribution = Bernoulli | Normal | Uniform | Gumbel | Boundaries


def distribution_of(recovered: Input, names: Mapping[str, Any]) -> Distribution:
    """The distribution of a recovered input, in a case with these parameters, lengths and arrays."""
    known = {"normal": Normal, "uniform": Uniform, "gumbel": Gumbel, "boundaries": Boundaries}
    found = evaluate(recovered.distribution, {**names, **known}, tuple(known))
    return found if isinstance(found, Normal | Uniform | Gumbel | Boundaries) else Bernoulli(found)
