"""A failure looked at closely: the first wrong element, the pattern, the likely cause, the smallest case."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...numerics.dtypes import widen
from ...numerics.profiles import Profile, profiles
from ...specs.language.case import encode as text_of
from ..auditing.faults import answer as wrong_answer
from ..auditing.faults import faults
from ..judging.expectation import Expectation, Expected
from ..judging.judge import Answer, Comparison, Judgement, compare, judge
from .checks import Failure, Finding
from .examination import Forward, Looker
from .patterns import Wrong, patterns
from .probes import Probe, admitted, restriction

__all__ = ["Diagnosis"]

Array = np.ndarray[Any, Any]

TRIALS = 60
"""Cases that are tried to make a failing one smaller."""


FAULTS = 3
"""Faults of the spec that are named as a cause at most."""


class Diagnosis:
    """What is said of failures, by asking the kernel again."""

    def __init__(self, looker: Looker) -> None:
        self.looker = looker

    def finding(self, probe: Probe, failure: Failure, failed: int = 1) -> Finding:
        """Look closely at a failure: the first wrong element, the pattern, the cause, the smallest case."""
        smallest, least = probe, failure
        if self.looker.options.shrink and not failure.ended:
            smallest, least = self._shrunk(probe, failure)
        outcome = failure.judgement.outcome if failure.judgement else "differs"
        first, found, causes = self._explained(probe, failure)
        return Finding(
            check=failure.check,
            probe=probe.id,
            outcome=outcome,
            message=failure.message,
            first=first,
            patterns=found or failure.patterns,
            causes=causes,
            smallest=smallest.id,
            smallest_message=least.message,
            failed=failed,
        )

    def _explained(self, probe: Probe, failure: Failure) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """First wrong element, patterns, causes; empty where the failure is not one of values."""
        judgement, answer = failure.judgement, failure.answer
        if judgement is None or answer is None or judgement.check == "structure":
            return "", (), ()
        expectation = self.looker.expectation(probe.case)
        wrong = self._wrong(expectation, answer)
        if wrong is None:
            return "", (), ()
        name, array = wrong
        index = array.first
        place = ", ".join(map(str, index))
        first = (
            f"{name}[{place}] is {array.got[index]:.9g}; expected {array.expected[index]:.9g}"
            f" ± {array.tolerance[index]:.3g}"
        )
        return first, patterns(array), tuple(self._causes(expectation, answer, judgement))

    def _wrong(self, expectation: Expectation, answer: Answer) -> tuple[str, Wrong] | None:
        """The first array that is wrong under the profile that lets most pass, with its name."""
        got = (*answer.outputs, *answer.gradients)
        expected = expectation.under(self._profiles(expectation.case.dtype)[-1])[: len(got)]
        for wanted, comparison in zip(expected, compare(expected, got), strict=True):
            if not comparison.passes:
                given = {n: a for n, a in expectation.inputs.items() if n in self.looker.inputs}
                return wanted.name, Wrong(
                    widen(comparison.got),
                    np.asarray(wanted.value, np.float64),
                    np.asarray(wanted.tolerance),
                    np.asarray(~(comparison.ratio <= 1.0)),
                    {n: a if a.dtype == np.bool_ else widen(a) for n, a in given.items()},
                    tuple(self.looker.questions.tiles),
                )
        return None

    def _profiles(self, dtype: str) -> list[Profile]:
        return [p for p in profiles(dtype) if p.declared or p.name in self.looker.admitted]

    def _causes(self, expectation: Expectation, answer: Answer, judgement: Judgement) -> Iterator[str]:
        """What would explain the result: an undeclared rounding, or another value of a parameter."""
        case = expectation.case
        if judgement.explained_by:
            summary = next(p.summary for p in profiles(case.dtype) if p.name == judgement.explained_by)
            yield f"it rounds as the profile {judgement.explained_by} does: {summary}"
        for parameter in self.looker.questions.spec.parameters:
            for value in parameter.values:
                if value != case.arguments[parameter.name]:
                    other = Expectation(case, {parameter.name: value})
                    if not self._refuted(other, answer):
                        yield f"it computes {parameter.name}={text_of(value)}: {parameter.meaning}"

        yield from itertools.islice(self._faults(expectation, answer), FAULTS)

    def _faults(self, expectation: Expectation, answer: Answer) -> Iterator[str]:
        """Faults of the spec that give the same values, or else that are wrong in the same places."""
        got = (*answer.outputs, *answer.gradients)
        expected = expectation.under(self._profiles(expectation.case.dtype)[-1])[: len(got)]
        alike: list[str] = []
        for fault in faults(self.looker.questions.spec):
            wrong = wrong_answer(fault, expectation)
            arrays = () if wrong is None else (*wrong.outputs, *wrong.gradients)[: len(got)]
            if [(a.shape, a.dtype) for a in arrays] != [(a.shape, a.dtype) for a in got]:
                continue
            if all(comparison.passes for comparison in compare(expected, arrays)):
                continue
            if all(_agree(e, a, b) for e, a, b in zip(expected, got, arrays, strict=True)):
                yield f"it gives what the fault “{fault.name}” gives"
            elif _same_places(compare(expected, got), compare(expected, arrays)):
                alike.append(fault.name)
        if alike:
            yield f"it is wrong in the same places as the fault “{alike[0]}”"

    def _refuted(self, expectation: Expectation, answer: Answer) -> bool:
        """Whether the answer is wrong for this expectation as well."""
        asked = expectation if answer.gradients else Forward(expectation)
        try:
            return judge(asked, answer, self.looker.admitted, explain=False).failing
        except (ValueError, IndexError):  # with that value the case makes no sense
            return True

    # --- shrinking ---

    def _shrunk(self, probe: Probe, failure: Failure) -> tuple[Probe, Failure]:
        """The smallest probe found, greedily, on which the same check fails."""
        trials = itertools.count()
        smaller = True
        while smaller:
            smaller = False
            for candidate in _simpler(probe):
                if next(trials) >= TRIALS:
                    return probe, failure
                if not self._may_be_asked(candidate):
                    continue
                found = next(
                    (f for f in self.looker.look(candidate).failures if f.check == failure.check), None
                )
                if found is not None:
                    if found.ended:
                        return probe, failure
                    probe, failure, smaller = candidate, found, True
                    break
        return probe, failure

    def _may_be_asked(self, probe: Probe) -> bool:
        rules = restriction(self.looker.questions, self.looker.facts)
        try:
            return admitted(probe.case, rules) and bool(self.looker.expectation(probe.case).forward())
        except (ValueError, IndexError, ZeroDivisionError):
            return False


def _agree(expected: Expected, got: Array, wrong: Array) -> bool:
    """Whether two results lie as close together as either might lie to what is expected."""
    one, other = widen(got), widen(wrong)
    with np.errstate(all="ignore"):
        near = np.abs(one - other) <= 2 * expected.tolerance
    return bool(np.all(near | (one == other) | (np.isnan(one) & np.isnan(other))))


def _same_places(got: Sequence[Comparison], wrong: Sequence[Comparison]) -> bool:
    """Whether two results are wrong in exactly the same places, and these are not all."""
    places = [[~(c.ratio <= 1.0) for c in comparisons] for comparisons in (got, wrong)]
    same = all(np.array_equal(a, b) for a, b in zip(*places, strict=True))
    return same and any(p.any() and not p.all() for p in places[0])


def _simpler(probe: Probe) -> Iterator[Probe]:
    """Probes a step simpler: ordinary data, dtype, layout and parameters, then shorter axes."""
    case = probe.case
    if probe.layout != "contiguous":
        yield replace(probe, layout="contiguous")
    if case.data != case.spec.data[0]:
        yield replace(probe, case=replace(case, data=case.spec.data[0]))
    if case.dtype != "float32":
        yield replace(probe, case=replace(case, dtype="float32"))
    for name, value in case.parameters:
        default = case.spec.parameter(name).default
        if value != default:
            changed = tuple((n, default if n == name else v) for n, v in case.parameters)
            yield replace(probe, case=replace(case, parameters=changed))
    for axis, length in enumerate(case.size):
        for shorter in sorted({1, 2, length // 2, length - 1}):
            if 0 < shorter < length:
                size = (*case.size[:axis], shorter, *case.size[axis + 1 :])
                yield replace(probe, case=replace(case, size=size))
