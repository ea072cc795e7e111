"""The check of a kernel: every probe asked and judged, then what failed looked at closely.

What is expected comes from `Expectation`, and what passes from `judge`: nothing here types a tolerance.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from ..judging.expectation import Expectation
from ..judging.judge import Answer, Judgement
from .checks import CHECKS, EARLIER, CheckResult, Failure, Finding, Line, Seen
from .consistency import Consistency
from .diagnosis import Diagnosis
from .examination import Examiner, Options
from .fooled import Fooled, fooled_by
from .kernels import KernelProcess
from .lengths import failing_lengths
from .probes import CheckScope, Probe, probes
from .reach import rounding, unasked, without_effect

__all__ = ["Checker", "OnProbe"]

ALIKE = ("values", "tails", "sizes")
"""Checks that ask the same of other sizes."""

OTHERS = 6
"""Further failures of a check that are kept, to tell causes apart."""

WRONG = {"written", "values", "tails", "special values"}
"""Checks whose failure leaves no meaning to the bits of single places."""

ENDS = 3
"""Crashes and hangs after which nothing more is asked."""

OnProbe = Callable[[Probe, Seen], None]
"""Called with every probe and what came of it."""


@dataclass
class Tally:
    """What came of the probes so far: counts and first failures by check."""

    asked: list[Probe] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[Probe, Failure]] = field(default_factory=dict)
    others: dict[str, list[tuple[Probe, Failure]]] = field(default_factory=dict)
    slow: list[Probe] = field(default_factory=list)
    outcomes: dict[str, list[tuple[Probe, bool]]] = field(default_factory=dict)
    margins: list[float] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    ended: int = 0
    refusal: str = ""

    def count(self, probe: Probe, seen: Seen) -> None:
        """Take in what came of a probe."""
        self.asked.append(probe)
        first = {failure.check: failure for failure in reversed(seen.failures)}
        self.passed.update(check for check in seen.checks if check not in first)
        for failure in first.values():
            self.fail(probe, failure)
        for check in {*seen.checks, *first}:
            self.outcomes.setdefault(check, []).append((probe, check in first))
        self.refusal = self.refusal or seen.note
        if seen.judgement is not None and not seen.judgement.failing:
            self.margins += [margin.worst for margin in seen.judgement.margins]
            self.profiles.append(seen.judgement.profile or "")

    def told_of(self, check: str) -> list[tuple[Probe, bool]]:
        """The probes that were asked for a check and those like it, and whether they failed."""
        alike = ALIKE if check in ALIKE else (check,)
        return [outcome for name in alike for outcome in self.outcomes.get(name, ())]

    def fail(self, probe: Probe, failure: Failure) -> None:
        """Count a failure, and keep it if it is the first of its check."""
        self.failed[failure.check] += 1
        if failure.check not in self.examples:
            self.examples[failure.check] = probe, failure
        elif len(kept := self.others.setdefault(failure.check, [])) < OTHERS:
            kept.append((probe, failure))
        self.ended += failure.ended


class Checker:
    """Asks one kernel everything."""

    def __init__(self, process: KernelProcess, scope: CheckScope, options: Options) -> None:
        self.examiner = Examiner(process, scope, options)
        self.diagnosis = Diagnosis(self.examiner)

    def probes(self) -> list[Probe]:
        """Everything to ask."""
        return probes(self.examiner.scope, self.examiner.facts)

    def run(self, on_probe: OnProbe = lambda probe, seen: None) -> CheckResult:
        """Ask everything."""
        begun, tally, everything = time.perf_counter(), Tally(), self.probes()
        for probe in everything:
            if not self.examiner.has_sense(probe):
                continue
            if self.examiner.too_slow(probe):
                tally.slow.append(probe)
                continue
            seen = self.examiner.examine(probe)
            on_probe(probe, seen)
            tally.count(probe, seen)
            if tally.ended >= ENDS:
                count = f"{len(tally.asked)} of {len(everything)} asked"
                self.examiner.notes["runs"] = f"stopped after {tally.ended} crashes or hangs: {count}"
                break
        if tally.refusal and not tally.ended and "runs" not in tally.examples:
            self.examiner.notes["layouts"] = tally.refusal
        if not tally.ended and not {"runs", "structure"} & set(tally.examples):
            right = not WRONG & set(tally.examples)
            Consistency(self.examiner, tally.fail, tally.passed).examine(everything[0], lanes=right)
        return self._checked(tally, begun)

    def _checked(self, tally: Tally, begun: float) -> CheckResult:
        examiner = self.examiner
        findings = self._findings(tally)
        return CheckResult(
            kernel=examiner.facts.name,
            spec=examiner.scope.spec.name,
            library=examiner.facts.library,
            device=examiner.process.device,
            isolated=examiner.process.isolated,
            versions=dict(examiner.facts.versions),
            dtypes=tuple(dict.fromkeys(examiner.scope.dtypes)),
            accumulate=examiner.options.accumulate,
            probes=len(tally.asked),
            lines=tuple(self._line(name, tally.passed[name], tally.failed[name]) for name in CHECKS),
            findings=findings,
            facts=dict(examiner.notes),
            fooled=self._fooled(tally, findings),
            margin=max(tally.margins, default=0.0),
            profile=", ".join(dict.fromkeys(tally.profiles)),
            seconds=time.perf_counter() - begun,
            asked=tuple(probe.id for probe in tally.asked),
            again=examiner.options.again,
            warnings=(*rounding(examiner, tally.profiles), *without_effect(examiner, tally.asked)),
            unasked=unasked(examiner, tally.asked, tally.passed, tally.slow),
        )

    def _fooled(self, tally: Tally, findings: Sequence[Finding]) -> tuple[Fooled, ...]:
        """What these cases would have let pass; of interest where they found nothing."""
        if findings or not self.examiner.options.fooled:
            return ()
        examiner, chosen = self.examiner, dict.fromkeys(probe.case for probe in tally.asked)
        gradients = tally.passed["gradients"] > 0

        def verdict(expectation: Expectation, answer: Answer) -> Judgement:
            return examiner.verdict(expectation, examiner.as_seen(answer, gradients), explain=False)

        expectations = [examiner.expectation(case) for case in chosen]
        return fooled_by(examiner.scope.spec, expectations, gradients, verdict)

    def _line(self, check: str, passed: int, failed: int) -> Line:
        note = self.examiner.notes.get(check, "")
        if not passed and not failed and not note:
            note = "not asked: " + self._why_not(check)
        return Line(check, passed, failed, note)

    def _why_not(self, check: str) -> str:
        if check == "sizes":
            sizes = self.examiner.scope.sizes
            return (
                "a quick look" if sizes == "smoke" else "sizes of your own" if sizes != "sweep" else EARLIER
            )
        if check == "backward" and (
            self.examiner.facts.differentiates and "gradients" in self.examiner.notes
        ):
            return self.examiner.notes["gradients"].removeprefix("not asked: ")
        if check in ("gradients", "backward"):
            if self.examiner.options.gradients is False:
                return "gradients=False"
            if not self.examiner.facts.differentiates:
                if self.examiner.facts.library in ("torch", "jax"):
                    return "what is written into out has no graph; give vjp="
                return f"{self.examiner.facts.library} has no reverse mode; give vjp="
            return "no input of these cases has a gradient"
        if not self.examiner.facts.watched and check in ("bounds", "inputs", "layouts"):
            library = self.examiner.facts.library
            return f"{library} chooses the memory of its arrays, and nothing can write to them"
        return EARLIER

    def _findings(self, tally: Tally) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        for check in CHECKS:
            if check in tally.examples:
                probe, failure = tally.examples[check]
                lengths = failing_lengths(probe, tally.told_of(check))
                others = tally.others.get(check, ())
                finding = self.diagnosis.finding(
                    probe, failure, tally.failed[check], lengths, others, None if findings else tally.asked[0]
                )
                twin = next((f for f in findings if f.smallest == finding.smallest and f.smallest), None)
                findings.append(msgspec.structs.replace(finding, same_as=twin.check) if twin else finding)
        return tuple(findings)
