"""Judging what is random: it is read off the outputs, then everything else is exact.

A stochastic layer is asked with two seeds. What it drew, a mask or noise, is recovered from its outputs and
goes into the reference, so values and gradients are judged as those of any layer, the gradient under the same
mask. Where outputs hide it, as inside a recurrent layer, the layer is asked probes with the same seed: inputs
and weights chosen so that each mask can be read off. That the same seed draws the same is thereby seen too.

What is drawn must change with the seed, follow the distribution that the spec states, over all and in each
slice along each axis, and be independent between neighbours along each axis. These are exact tests, at a
significance fixed in advance for a whole run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrc, ndtr, ndtri, smirnov

from ...numerics.dtypes import dtype, round_to, widen
from ...numerics.tolerance import CHECKS_PER_RUN, FALSE_ALARMS_PER_RUN
from ...specs.language.case import Case
from ...specs.language.distribution import Bernoulli, Boundaries, Distribution
from ..record import Problem
from .expectation import Expectation
from .judge import Answer, Judgement, judge

__all__ = ["OTHER_SEED", "SEED", "Pair", "is_stochastic", "judge_stochastic", "probes"]

SEED, OTHER_SEED = 20_260_101, 20_260_102

SIGNIFICANCE = FALSE_ALARMS_PER_RUN / CHECKS_PER_RUN
"""Probability at which the statistical checks of a correct layer's answer fail."""

SIDES = {
    "above its mean": (0.0, np.positive),
    "far from its mean": (float(ndtri(0.75)), np.abs),
    "in its tails": (2.0, np.abs),
}
"""Masks of standard normal numbers: those above a limit, of themselves or of their size."""

Pair = tuple[Answer, Answer]


def is_stochastic(case: Case) -> bool:
    """Whether the case has inputs that must be recovered from the outputs."""
    return case.valid and any(i.kind == "recovered" for i in case.given)


def probes(expectation: Expectation) -> list[dict[str, Any]]:
    """Inputs in the place of the case's own that show what was drawn; none where the case itself does."""
    spec, form = expectation.case.spec, dtype(expectation.case.dtype)
    found = spec.probe(expectation.named) if spec.probe else ()
    return [{name: round_to(array, form) for name, array in probe.items()} for probe in found]


def judge_stochastic(
    expectation: Expectation,
    answer: Answer,
    pairs: Sequence[Pair],
    admitted: Sequence[str] = (),
    *,
    explain: bool = True,
) -> Judgement:
    """The verdict on ``answer``.

    Args:
        expectation: what the reference expects of the case.
        answer: what the implementation returned.
        pairs: its answers under two seeds, the first that of ``answer``, to each question that shows what it
            drew: to the probes, or to the case itself.
        admitted: as for `judge`.
        explain: as for `judge`.
    """
    for one in (answer, *(one for pair in pairs for one in pair)):
        if one.error or not _has_shapes(expectation, one):
            return judge(expectation, one, admitted, explain=explain)
    drawn, others = (_recover(expectation, answers) for answers in zip(*pairs, strict=True))
    uncertain = _uncertainty(expectation, [first for first, _ in pairs], drawn)
    recovered = Expectation(expectation.case, None, drawn, uncertain)
    judgement = judge(recovered, answer, admitted, explain=explain)
    level = SIGNIFICANCE / len(drawn)
    for name, distribution in expectation.distributions.items():
        for problem in _problems(drawn[name], others[name], distribution, level):
            random = Problem("differs", "randomness", f"{name} {problem}")
            return judgement.with_problems((*judgement.problems, random))
    return judgement


def _has_shapes(expectation: Expectation, answer: Answer) -> bool:
    """Whether the outputs have the shapes that a mask can be read off, and no state is missing."""
    shapes = [cotangent.shape for cotangent in expectation.cotangents]
    whole = len(answer.outputs) == len(shapes) + len(expectation.case.spec.states)
    return whole and [array.shape for array in answer.outputs[: len(shapes)]] == shapes


def _recover(expectation: Expectation, answers: Sequence[Answer]) -> dict[str, Any]:
    recover = expectation.case.spec.recover
    assert recover is not None
    with np.errstate(all="ignore"):  # what is read off wrong outputs may be no number
        return recover(expectation.named, [answer.outputs for answer in answers])


def _uncertainty(
    expectation: Expectation, answers: Sequence[Answer], drawn: Mapping[str, Any]
) -> dict[str, Any]:
    """How far numbers that were recovered may be off, for what they were read off has been rounded once.

    They are read off linearly, so that a step that float64 can tell stands for a roundoff that it cannot. It
    is no smaller below the normal numbers.
    """
    numbers = {name: array for name, array in drawn.items() if array.dtype.kind == "f"}
    if not numbers:
        return {}
    form, step = dtype(expectation.case.dtype), 2.0**-20

    def moved_by_a_step(y: Any) -> Any:
        return y + np.copysign(step * np.maximum(np.abs(y), form.smallest_normal), y)

    rounded = [
        dataclasses.replace(answer, outputs=tuple(moved_by_a_step(widen(y)) for y in answer.outputs))
        for answer in answers
    ]
    moved = _recover(expectation, rounded)
    return {name: np.abs(moved[name] - array) * (form.u / step) for name, array in numbers.items()}


# --- what is drawn ---


def _problems(drawn: Any, other: Any, distribution: Distribution, level: float) -> Iterator[str]:
    """What is wrong with what was drawn, beside what another seed drew."""
    if isinstance(distribution, Bernoulli):
        yield from _problems_of_mask(drawn, other, distribution.keep, level)
        return
    if isinstance(distribution, Boundaries):
        yield from _problems_of_boundaries(drawn, other, distribution, level / 4)
        return
    with np.errstate(all="ignore"):
        noise, beside = distribution.standard(drawn), distribution.standard(other)
    below, ranks = ndtr(np.sort(noise, axis=None)), np.arange(noise.size + 1) / noise.size
    distance = float(max(np.max(ranks[1:] - below), np.max(below - ranks[:-1])))
    # The two-sided probability is at most twice the one-sided one, which is exact.
    if (p := 2 * float(smirnov(noise.size, distance))) < level / 4:
        found = f"Kolmogorov-Smirnov distance {distance:.3g}, probability {p:.1g}"
        yield f"is not drawn from {distribution} ({found})"
    # Whether a number lies above the mean, and whether it lies far from it, are independent of the others.
    for name, (limit, size) in SIDES.items():
        chance = float(ndtr(-limit)) * (1 if size is np.positive else 2)
        for problem in _problems_of_mask(size(noise) > limit, size(beside) > limit, chance, level / 4):
            yield f"as a mask of what is {name} {problem}"


def _problems_of_mask(mask: Any, other: Any, keep: Any, level: float) -> Iterator[str]:
    """What is wrong with a mask whose elements are True with the probability ``keep``, one or one each."""
    level /= 2 + 2 * mask.ndim
    keep = np.broadcast_to(np.asarray(keep, np.float64), mask.shape)
    for count in _unlikely(mask, keep, level):
        yield count.told("keeps {} of {} elements")
    agree = np.square(keep) + np.square(1 - keep)
    with np.errstate(divide="ignore"):
        same = float(np.exp(np.sum(np.log(agree))))
    if same < level and np.array_equal(mask, other):
        yield f"is the same for two seeds (probability {same:.1g})"
    for axis in range(mask.ndim):
        slices = list(zip(np.moveaxis(mask, axis, 0), np.moveaxis(keep, axis, 0), strict=True))
        for place, (part, chances) in enumerate(slices):
            for count in _unlikely(part, chances, level / len(slices)):
                yield count.told(f"keeps {{}} of {{}} elements at place {place} of axis {axis}")
        for count in _unlikely(*_equal_neighbours(mask, keep, axis), level):
            yield count.told(f"has {{}} equal pairs of {{}} neighbours along axis {axis}")


def _problems_of_boundaries(drawn: Any, other: Any, distribution: Boundaries, level: float) -> Iterator[str]:
    """What is wrong with the order of cells; that they may be drawn at all has been seen."""
    for told, probability in distribution.chances(drawn):
        if probability < level:
            yield f"{told} (probability {probability:.1g})"
    if distribution.coincidence < level and np.array_equal(drawn, other):
        yield f"is the same for two seeds (probability {distribution.coincidence:.1g})"


@dataclass(frozen=True)
class _Count:
    """How many of so many events of one probability came true."""

    found: int
    of: int
    chance: float

    @property
    def probability(self) -> float:
        """That of a count at least as far out as this one; above 1 for a count in the middle."""
        low, high = bdtr(self.found, self.of, self.chance), bdtrc(self.found - 1, self.of, self.chance)
        return 2 * float(min(low, high))

    def told(self, counted: str) -> str:
        """What was found, of how many, in these words, and how probable it is."""
        odds = f"{self.chance:.4g} of them are expected (probability {self.probability:.1g})"
        return f"{counted.format(self.found, self.of)}; {odds}"


def _unlikely(events: Any, chances: Any, level: float) -> Iterator[_Count]:
    """Counts too improbable at this level, one for each probability that occurs."""
    different = np.unique(chances)
    for chance in different:
        alike = events[chances == chance]
        count = _Count(int(alike.sum()), int(alike.size), float(chance))
        if count.probability < level / len(different):
            yield count


def _equal_neighbours(mask: Any, keep: Any, axis: int) -> tuple[Any, Any]:
    """Whether disjoint pairs of neighbours are equal, and how probable that is."""
    moved, chances = np.moveaxis(mask, axis, 0), np.moveaxis(keep, axis, 0)
    first, second = slice(None, -1, 2), slice(1, None, 2)
    one, other = chances[first], chances[second]
    return moved[first] == moved[second], one * other + (1 - one) * (1 - other)
