"""A failure looked at closely: the first wrong element, the pattern, the likely cause, the smallest case."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...adapters.kernel.memory import PATTERNS
from ...numerics.dtypes import widen
from ..judging.judge import Comparison, compare
from ..running.processes import Crashed, Hung
from .causes import Causes, Judged
from .checks import Failure, Finding
from .examination import Examiner, without_special
from .patterns import Wrong, patterns
from .probes import Probe, admitted, restriction
from .sizes import resized

__all__ = ["Diagnosis"]

Array = np.ndarray[Any, Any]

EVERYTHING = "everything"
"""What has to be asked before, where one case is not enough."""

AGAIN = 3
"""Further calls that show whether a failure is steady."""

MODEST = 200
"""Length of an axis from which on no further question is worth its time."""

TELLING = (70, 5)
"""Lengths by which blocks are told apart: each kind of padding makes other widths of them."""

QUESTIONS = 8
"""Further questions that are put to a kernel that is compiled for every size."""

TRIALS = 60
"""Cases that are tried to make a failing one smaller."""


@dataclass(frozen=True)
class Unlike:
    """An array that is not what is expected, and what can be told of it.

    ``right`` names the arrays of the same answer that are.
    """

    comparison: Comparison
    inputs: Mapping[str, Array]
    tiles: tuple[int, ...]
    right: tuple[str, ...]

    @property
    def array(self) -> Wrong:
        """What patterns are looked for in."""
        wanted = self.comparison.expected
        return Wrong(
            widen(self.comparison.got),
            np.asarray(wanted.value, np.float64),
            np.asarray(wanted.tolerance),
            np.asarray(~(self.comparison.ratio <= 1.0)),
            {n: a if a.dtype == np.bool_ else widen(a) for n, a in self.inputs.items()},
            self.tiles,
        )

    @property
    def first(self) -> str:
        """The first wrong element."""
        array, name = self.array, self.comparison.expected.name
        index = array.first
        return (
            f"{name}[{', '.join(map(str, index))}] is {array.got[index]:.9g}; expected"
            f" {array.expected[index]:.9g} ± {array.tolerance[index]:.3g}"
        )

    @property
    def histogram(self) -> str:
        """How many elements are within tolerance, and how far off the others are."""
        ratio = self.comparison.ratio
        counts = [(f"{int((ratio <= 1).sum())} within tolerance")]
        for low, high in itertools.pairwise((1.0, 10.0, 1e2, 1e4, np.inf)):
            count = int(((ratio > low) & (ratio <= high) & np.isfinite(ratio)).sum())
            if count:
                counts.append(f"{count} up to {high:g} times" if np.isfinite(high) else f"{count} further")
        special = int((~np.isfinite(ratio)).sum())
        return ", ".join((*counts, *([f"{special} NaN or infinite"] if special else [])))


class Diagnosis:
    """What is said of failures, by asking the kernel again."""

    def __init__(self, examiner: Examiner) -> None:
        self.examiner, self.causes = examiner, Causes(examiner)

    def finding(
        self,
        probe: Probe,
        failure: Failure,
        failed: int = 1,
        lengths: tuple[str, ...] = (),
        others: Sequence[tuple[Probe, Failure]] = (),
        first: Probe | None = None,
    ) -> Finding:
        """Look closely at a failure: the first wrong element, the pattern, the cause, the smallest case.

        Args:
            probe: the first probe on which the check failed.
            failure: what failed.
            failed: how many probes failed so.
            lengths: what is known of the lengths at which it fails.
            others: further failures of the check, by which causes are told apart.
            first: what was asked first of all, where it is to be found out if the failure hangs on that.
        """
        smallest, least = probe, failure
        unsteady = self._unsteady(probe, failure)
        if self.examiner.options.shrink and not failure.ended and not unsteady:
            smallest, least = self._shrunk(probe, failure)
        wrong = self._wrong(probe, failure)
        found = patterns(wrong.array) if wrong else failure.patterns
        lengths = () if unsteady else lengths
        if lengths and found[:1] == ("every element is wrong",):
            found = found[1:]
        return Finding(
            check=failure.check,
            probe=probe.id,
            outcome=failure.judgement.outcome if failure.judgement else "differs",
            message=failure.message,
            first=wrong.first if wrong else "",
            patterns=(*lengths, *found),
            causes=unsteady or (self._causes(probe, failure, (smallest, least), others) if wrong else ()),
            smallest=smallest.id,
            smallest_message=least.message,
            failed=failed,
            errors=wrong.histogram if wrong else "",
            right=wrong.right if wrong else (),
            after=self._after(smallest, failure, first) if first is not None else "",
        )

    def _after(self, smallest: Probe, failure: Failure, first: Probe) -> str:
        """The case that has to come before for a check to fail, where a fresh process alone does not.

        A cache, a counter or a workspace shows only in a sequence of calls.
        """
        if failure.ended or not self.examiner.process.restart():
            return ""
        if self._fails(smallest, failure):
            return ""
        self.examiner.process.restart()
        self.examiner.examine(first)
        return first.id if self._fails(smallest, failure) else EVERYTHING

    def _fails(self, probe: Probe, failure: Failure) -> bool:
        return any(found.check == failure.check for found in self.examiner.examine(probe).failures)

    def _causes(
        self,
        probe: Probe,
        failure: Failure,
        smallest: tuple[Probe, Failure],
        others: Sequence[tuple[Probe, Failure]],
    ) -> tuple[str, ...]:
        """What explains the failure on the first case and on the smallest, and wherever else it is asked."""
        judged = functools.partial(self._judged, failure.check, probe)
        failed, further = judged([(probe, failure), smallest]), judged(others, further=True)
        return self.causes.of(failed, further, lambda: self._asked_further(probe, failure)) if failed else ()

    def _judged(
        self,
        check: str,
        first: Probe,
        failures: Sequence[tuple[Probe, Failure]],
        further: bool = False,
    ) -> list[Judged]:
        """The failures, each case once, that are of values."""
        found = []
        for probe, failure in {probe.id: (probe, failure) for probe, failure in failures}.values():
            answer, judgement, alike = failure.answer, failure.judgement, _asks_alike(probe, first)
            if answer is not None and judgement is not None:
                asked = self.examiner.asked(probe)
                found.append(Judged(asked, answer, judgement, check, alike, further))
        return found

    def _asked_further(self, probe: Probe, failure: Failure) -> Iterator[Judged]:
        """Further answers, right or wrong, at other sizes, then with other options and data."""
        variations = filter(self._may_be_asked, _variations(probe))
        few = QUESTIONS if self.examiner.facts.compiles else None
        for other in itertools.islice(variations, few):
            asked, alike = self.examiner.asked(other), _asks_alike(other, probe)
            try:
                reply = self.examiner.ask(asked, other, PATTERNS[0])
            except (Crashed, Hung):
                return
            if "outputs" in reply:
                judgement, answer = self.examiner.judged(asked, reply)
                if judgement.check != "structure":
                    yield Judged(asked, answer, judgement, failure.check, alike, further=True)

    def _unsteady(self, probe: Probe, failure: Failure) -> tuple[str, ...]:
        """What is told where further calls on the same inputs are right, or wrong in other ways."""
        if failure.answer is None or failure.judgement is None or failure.check in ("repeats", "lanes"):
            return ()
        expectation, replies = self.examiner.asked(probe), []
        try:
            replies = [self.examiner.ask(expectation, probe, PATTERNS[0]) for _ in range(AGAIN)]
        except (Crashed, Hung):
            return ()
        told = [self.examiner.judged(expectation, reply)[0] for reply in replies if "outputs" in reply]
        right = sum(not judgement.failing for judgement in told)
        if not right and {judgement.message for judgement in told} <= {failure.judgement.message}:
            return ()
        return (
            f"calls on the same inputs give different results, {right} of {len(told)} further ones right: a"
            " race, or memory that is read before it is written",
        )

    def _wrong(self, probe: Probe, failure: Failure) -> Unlike | None:
        """The first array that is wrong under the profile that lets most pass; None if no values are."""
        judgement, answer = failure.judgement, failure.answer
        if judgement is None or answer is None or judgement.check == "structure":
            return None
        expectation, got = self.examiner.asked(probe), (*answer.outputs, *answer.gradients)
        expected = expectation.under(self.examiner.held.loosest(expectation.case.dtype))[: len(got)]
        if [a.shape for a in got] != [e.value.shape for e in expected]:
            return None
        comparisons = compare(expected, got)
        gradients = failure.check in ("gradients", "backward")
        if failure.check != "special values":
            comparisons = [without_special(c) or c for c in comparisons]
        failing = [c for c in comparisons if not c.passes]
        failing.sort(key=lambda c: (c.expected.check == "gradients") != gradients)
        if not failing:
            return None
        given = {n: a for n, a in expectation.inputs.items() if n in self.examiner.inputs}
        right = tuple(c.expected.name for c in comparisons if c.passes)
        return Unlike(failing[0], given, tuple(self.examiner.scope.tiles), right)

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
                    (f for f in self.examiner.examine(candidate).failures if f.check == failure.check), None
                )
                if found is not None:
                    if found.ended:
                        return probe, failure
                    probe, failure, smaller = candidate, found, True
                    break
        return probe, failure

    def _may_be_asked(self, probe: Probe) -> bool:
        rules = restriction(self.examiner.scope, self.examiner.facts)
        try:
            return admitted(probe.case, rules) and self.examiner.has_sense(probe)
        except (ValueError, IndexError, ZeroDivisionError):
            return False


def _asks_alike(one: Probe, other: Probe) -> bool:
    """Whether two probes differ in their sizes alone."""
    return replace(one, case=replace(one.case, size=other.case.size)).id == other.id


def _variations(probe: Probe) -> Iterator[Probe]:
    """The probe at a few other sizes, then with other options and with other data."""
    case = probe.case
    axes = [axis for axis, length in enumerate(case.size) if length < MODEST]
    others = [resized(case, axis, length) for length in TELLING for axis in reversed(axes)]
    sizes = [*(replace(case, size=size) for size in case.spec.sizes if max(size) < MODEST), *others]
    yield from (replace(probe, case=other) for other in sizes if other.size != case.size)
    for parameter in case.spec.parameters:
        for value in parameter.values:
            if value != dict(case.parameters)[parameter.name]:
                changed = tuple((n, value if n == parameter.name else v) for n, v in case.parameters)
                yield replace(probe, case=replace(case, parameters=changed))
    yield from (replace(probe, case=replace(case, data=data)) for data in case.spec.data if data != case.data)


def _simpler(probe: Probe) -> Iterator[Probe]:
    """Probes a step simpler: ordinary data, dtype, layout and parameters, then shorter axes."""
    case = probe.case
    if not probe.ordinary:
        yield Probe(case, aim=probe.aim)
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
