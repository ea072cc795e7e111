"""What would fool a check: the faults that the cases which ran would have let pass.

A green check means as much as the faults that it would have caught. They are put through the very cases and
the judge that the kernel met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec

from ...specs.language.spec import Spec
from ..auditing.faults import answer, faults
from ..auditing.variants import correct
from ..judging.expectation import Expectation
from ..judging.judge import Answer, Judgement

__all__ = ["Fooled", "fooled_by"]

Verdict = Callable[[Expectation, Answer], Judgement]


class Fooled(msgspec.Struct, frozen=True):
    """Which faults the cases that ran in one dtype would have caught, by name.

    ``silent`` faults make no difference in any of these cases: other sizes, data or options would show them.
    ``unasked`` ones are faults of gradients alone, where gradients were not asked for.
    """

    dtype: str
    caught: tuple[str, ...]
    missed: tuple[str, ...]
    silent: tuple[str, ...]
    unasked: tuple[str, ...] = ()


def fooled_by(
    spec: Spec, expectations: Sequence[Expectation], gradients: bool, verdict: Verdict
) -> tuple[Fooled, ...]:
    """Put every fault of a spec through the cases, each dtype for itself.

    Args:
        spec: the spec whose faults are tried.
        expectations: those of the cases that ran.
        gradients: whether they were asked for gradients.
        verdict: judges an answer as the kernel's were judged.
    """
    found = []
    for name in dict.fromkeys(expectation.case.dtype for expectation in expectations):
        asked = [expectation for expectation in expectations if expectation.case.dtype == name]
        sorted_by: dict[str, list[str]] = {"caught": [], "missed": [], "silent": [], "unasked": []}
        for fault in faults(spec):
            if getattr(fault, "draws_once", False):  # a fault of stochastic layers, which are not asked here
                continue
            answers = ((e, answer(fault, e)) for e in asked)
            told = ((e, a) for e, a in answers if a is not None)
            sorted_by[_fate(told, gradients, verdict)].append(fault.name)
        found.append(Fooled(name, **{fate: tuple(names) for fate, names in sorted_by.items()}))
        correct.cache_clear()
    return tuple(found)


def _fate(answers: Iterable[tuple[Expectation, Answer]], gradients: bool, verdict: Verdict) -> str:
    shown = False
    for expectation, given in answers:
        shown = True
        if not gradients and _right_outputs(expectation, given):
            return "unasked"
        if verdict(expectation, given).failing:
            return "caught"
    return "missed" if shown else "silent"


def _right_outputs(expectation: Expectation, given: Answer) -> bool:
    """Whether all that is wrong with an answer is its gradients."""
    right = replace(correct(expectation).stored(expectation.case), gradients=())
    outputs = replace(given, gradients=())
    return outputs.digest == right.digest and given.repeats and not given.error
