"""Judging what is random: the mask is read off the outputs, then everything else is exact.

A stochastic layer is asked twice with one seed and once with another. The mask recovered from its outputs
goes into the reference, so values and gradients are judged as those of any layer; the mask itself must
repeat with the seed, change with it, and keep elements at the rate asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
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
"""Probability at which one statistical check of a correct layer fails."""


def is_stochastic(case: Case) -> bool:
    """Whether the case has inputs that must be recovered from the outputs."""
    return case.valid and any(i.kind == "recovered" for i in case.given)


def judge_stochastic(
    expectation: Expectation, answer: Answer, other: Answer, admitted: Sequence[str] = ()
) -> Judgement:
    """The verdict on ``answer``, given the ``other`` answer, with another seed, beside it."""
    case, inputs = expectation.case, expectation.inputs
    if answer.error or other.error or not answer.outputs or not other.outputs:
        return judge(expectation, answer if answer.error else other, admitted)
    shapes = {i.name: case.names[i.name] for i in case.given if i.kind == "recovered"}
    if any(answer.outputs[0].shape != shape for shape in shapes.values()):
        return judge(expectation, answer, admitted)
    masks = _recover(case, inputs, answer)
    judgement = judge(Expectation(case, recovered=masks), answer, admitted)
    if judgement.failing:
        return judgement
    others = _recover(case, inputs, other)
    for name, mask in masks.items():
        problem = _wrong_rate(case, name, mask) or _same_mask(case, name, mask, others[name])
        if problem:
            return Judgement("differs", "randomness", problem, margins=judgement.margins)
    return judgement


def _recover(case: Case, inputs: dict[str, Any], answer: Answer) -> dict[str, Any]:
    assert case.spec.recover is not None
    return case.spec.recover(inputs, answer.outputs)


def _keep(case: Case) -> float:
    return float(evaluate(case.spec.keep, case.names))


def _wrong_rate(case: Case, name: str, mask: Any) -> str:
    """An exact binomial test of the number of kept elements; empty if it passes."""
    kept, size, keep = int(mask.sum()), int(mask.size), _keep(case)
    tail = min(bdtr(kept, size, keep), bdtrc(kept - 1, size, keep) if kept else 1.0)
    if 2 * tail >= SIGNIFICANCE:
        return ""
    return (
        f"{name} keeps {kept} of {size} elements; {keep:g} of them are expected (probability {2 * tail:.1g})"
    )


def _same_mask(case: Case, name: str, mask: Any, other: Any) -> str:
    """Whether two seeds gave one mask although that is too unlikely; empty if it passes."""
    keep = _keep(case)
    coincidence = (keep**2 + (1 - keep) ** 2) ** mask.size
    if coincidence >= SIGNIFICANCE or not np.array_equal(mask, other):
        return ""
    return f"two seeds gave the same {name} (probability {coincidence:.1g})"
