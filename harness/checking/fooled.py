"""What would fool a check: the faults that the cases which ran would have let pass.

A green check means as much as the faults that it would have caught. They are put through the very cases and
the judge that the kernel met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec

from ...specs.language.spec import Spec
from ..auditing.faults import answers, faults
from ..auditing.variants import Fingerprint, correct, fingerprint, forget
from ..judging.expectation import Expectation
from ..judging.judge import Answer, Judgement

__all__ = ["Fooled", "fooled_by"]

Verdict = Callable[[Expectation, Answer], Judgement]


class Fooled(msgspec.Struct, frozen=True):
    """Which faults the cases that ran in one dtype would have caught, by name.

    ``silent`` faults make no difference in any of these cases: other sizes, data or options would show them.
    Of those that follow from the spec, whatever the layer computes, some never do; they are left out.
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
        judged = _once(verdict)
        for fault in faults(spec):
            if getattr(fault, "draws_once", False):  # a fault of stochastic layers, which are not asked here
                continue
            fate = _fate(answers(fault, asked), gradients, judged)
            if fate != "silent" or math.isinf(getattr(fault, "patience", math.inf)):
                sorted_by[fate].append(fault.name)
        found.append(Fooled(name, **{fate: tuple(names) for fate, names in sorted_by.items()}))
        forget()
    return tuple(found)


def _once(verdict: Verdict) -> Verdict:
    """The verdict, asked once of all that gives the same answer to one question."""
    known: dict[tuple[Expectation, Fingerprint], Judgement] = {}

    def judged(expectation: Expectation, given: Answer) -> Judgement:
        key = expectation, fingerprint(given)
        if key not in known:
            known[key] = verdict(expectation, given)
        return known[key]

    return judged


def _fate(told: Iterable[tuple[Expectation, Answer]], gradients: bool, verdict: Verdict) -> str:
    shown = False
    for expectation, given in told:
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
