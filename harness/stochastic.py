"""Judging what is random: the mask is read off the outputs, then everything else is exact.

A stochastic layer is asked with two seeds. The mask recovered from its outputs goes into the reference, so
values and gradients are judged as those of any layer, the gradient under the same mask. The mask itself must
change with the seed, keep elements at the rate asked for, and keep neighbours along each axis independently
of each other. These are exact tests, at a significance fixed in advance for a whole run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrc

from ..numerics.tolerance import CHECKS_PER_RUN, FALSE_ALARMS_PER_RUN
from ..specs.case import Case
from ..specs.spec import evaluate
from .expectation import Expectation
from .judge import Answer, Judgement, judge

__all__ = ["OTHER_SEED", "SEED", "is_stochastic", "judge_stochastic"]

SEED, OTHER_SEED = 20_260_101, 20_260_102

SIGNIFICANCE = FALSE_ALARMS_PER_RUN / CHECKS_PER_RUN
"""Probability at which the statistical checks of a correct layer's answer fail."""


def is_stochastic(case: Case) -> bool:
    """Whether the case has inputs that must be recovered from the outputs."""
    return case.valid and any(i.kind == "recovered" for i in case.given)


def judge_stochastic(
    expectation: Expectation, answer: Answer, other: Answer, admitted: Sequence[str] = ()
) -> Judgement:
    """The verdict on ``answer``, given the ``other`` answer, with another seed, beside it."""
    case = expectation.case
    for one in (answer, other):
        if one.error or not _has_shapes(expectation, one):
            return judge(expectation, one, admitted)
    masks = _recover(expectation, answer)
    judgement = judge(Expectation(case, recovered=masks), answer, admitted)
    if judgement.failing:
        return judgement
    others = _recover(expectation, other)
    keep = float(evaluate(case.spec.keep, case.names))
    found = (
        f"{name} {problem}" for name, mask in masks.items() for problem in _problems(mask, others[name], keep)
    )
    problem = next(found, "")
    return Judgement("differs", "randomness", problem, margins=judgement.margins) if problem else judgement


def _has_shapes(expectation: Expectation, answer: Answer) -> bool:
    """Whether the outputs have the shapes that a mask can be read off."""
    shapes = [cotangent.shape for cotangent in expectation.cotangents]
    return [array.shape for array in answer.outputs[: len(shapes)]] == shapes


def _recover(expectation: Expectation, answer: Answer) -> dict[str, Any]:
    recover = expectation.case.spec.recover
    assert recover is not None
    return recover(expectation.inputs, answer.outputs)


def _problems(mask: Any, other: Any, keep: float) -> Iterator[str]:
    """What is wrong with a mask, beside one of another seed."""
    level = SIGNIFICANCE / (2 + 2 * mask.ndim)
    kept = int(mask.sum())
    if (p := _two_sided(kept, mask.size, keep)) < level:
        yield f"keeps {kept} of {mask.size} elements; {keep:g} of them are expected (probability {p:.1g})"
    agree = keep**2 + (1 - keep) ** 2
    if (p := agree**mask.size) < level and np.array_equal(mask, other):
        yield f"is the same for two seeds (probability {p:.1g})"
    for axis in range(mask.ndim):
        in_slices = np.moveaxis(mask, axis, 0).reshape(len(np.moveaxis(mask, axis, 0)), -1).sum(axis=1)
        size = mask.size // len(in_slices)
        odds = [_two_sided(int(kept), size, keep) for kept in in_slices]
        if (p := min(odds)) < level / len(in_slices):
            place = int(np.argmin(odds))
            found = f"keeps {in_slices[place]} of {size} elements at place {place} of axis {axis}"
            yield f"{found}; {keep:g} of them are expected (probability {p:.1g})"
        equal, pairs = _equal_neighbours(mask, axis)
        if (p := _two_sided(equal, pairs, agree)) < level:
            found = f"has {equal} equal pairs of {pairs} neighbours along axis {axis}"
            yield f"{found}; {agree:.3g} of them are expected (probability {p:.1g})"


def _equal_neighbours(mask: Any, axis: int) -> tuple[int, int]:
    """How many disjoint pairs of neighbours are equal, and how many there are."""
    moved = np.moveaxis(mask, axis, 0)
    half = len(moved) // 2
    first, second = moved[: 2 * half : 2], moved[1::2]
    return int((first == second).sum()), int(first.size)


def _two_sided(successes: int, trials: int, probability: float) -> float:
    """Probability of a binomial count at least as far out as this one; above 1 for a count in the middle."""
    low, high = bdtr(successes, trials, probability), bdtrc(successes - 1, trials, probability)
    return 2 * float(min(low, high))
