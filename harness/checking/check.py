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
from .checks import CHECKS, EARLIER, Checked, Failure, Finding, Line, Seen
from .diagnosis import Diagnosis
from .examination import Looker, Options
from .facts import Facts
from .fooled import Fooled, fooled_by
from .kernels import Subject
from .lengths import failing_lengths
from .probes import Probe, Questions, probes
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

    def __init__(self, subject: Subject, questions: Questions, options: Options) -> None:
        self.looker = Looker(subject, questions, options)
        self.diagnosis = Diagnosis(self.looker)

    def probes(self) -> list[Probe]:
        """Everything to ask."""
        return probes(self.looker.questions, self.looker.facts)

    def run(self, on_probe: OnProbe = lambda probe, seen: None) -> Checked:
        """Ask everything."""
        begun, tally, everything = time.perf_counter(), Tally(), self.probes()
        for probe in everything:
            if not self.looker.has_sense(probe):
                continue
            if self.looker.too_slow(probe):
                tally.slow.append(probe)
                continue
            seen = self.looker.look(probe)
            on_probe(probe, seen)
            tally.count(probe, seen)
            if tally.ended >= ENDS:
                count = f"{len(tally.asked)} of {len(everything)} asked"
                self.looker.notes["runs"] = f"stopped after {tally.ended} crashes or hangs: {count}"
                break
        if tally.refusal and not tally.ended and "runs" not in tally.examples:
            self.looker.notes["layouts"] = tally.refusal
        if not tally.ended and not {"runs", "structure"} & set(tally.examples):
            right = not WRONG & set(tally.examples)
            Facts(self.looker, tally.fail, tally.passed).look(everything[0], lanes=right)
        return self._checked(tally, begun)

    def _checked(self, tally: Tally, begun: float) -> Checked:
        looker = self.looker
        findings = self._findings(tally)
        return Checked(
            kernel=looker.facts.name,
            spec=looker.questions.spec.name,
            library=looker.facts.library,
            device=looker.subject.device,
            isolated=looker.subject.isolated,
            versions=dict(looker.facts.versions),
            dtypes=tuple(dict.fromkeys(looker.questions.dtypes)),
            accumulate=looker.options.accumulate,
            probes=len(tally.asked),
            lines=tuple(self._line(name, tally.passed[name], tally.failed[name]) for name in CHECKS),
            findings=findings,
            facts=dict(looker.notes),
            fooled=self._fooled(tally, findings),
            margin=max(tally.margins, default=0.0),
            profile=", ".join(dict.fromkeys(tally.profiles)),
            seconds=time.perf_counter() - begun,
            asked=tuple(probe.id for probe in tally.asked),
            again=looker.options.again,
            warnings=(*rounding(looker, tally.profiles), *without_effect(looker, tally.asked)),
            unasked=unasked(looker, tally.asked, tally.passed, tally.slow),
        )

    def _fooled(self, tally: Tally, findings: Sequence[Finding]) -> tuple[Fooled, ...]:
        """What these cases would have let pass; of interest where they found nothing."""
        if findings or not self.looker.options.fooled:
            return ()
        looker, chosen = self.looker, dict.fromkeys(probe.case for probe in tally.asked)
        gradients = tally.passed["gradients"] > 0

        def verdict(expectation: Expectation, answer: Answer) -> Judgement:
            return looker.verdict(expectation, looker.as_seen(answer, gradients), explain=False)

        expectations = [looker.expectation(case) for case in chosen]
        return fooled_by(looker.questions.spec, expectations, gradients, verdict)

    def _line(self, check: str, passed: int, failed: int) -> Line:
        note = self.looker.notes.get(check, "")
        if not passed and not failed and not note:
            note = "not asked: " + self._why_not(check)
        return Line(check, passed, failed, note)

    def _why_not(self, check: str) -> str:
        if check == "sizes":
            sizes = self.looker.questions.sizes
            return (
                "a quick look" if sizes == "smoke" else "sizes of your own" if sizes != "sweep" else EARLIER
            )
        if check == "backward" and (self.looker.facts.differentiates and "gradients" in self.looker.notes):
            return self.looker.notes["gradients"].removeprefix("not asked: ")
        if check in ("gradients", "backward"):
            if self.looker.options.gradients is False:
                return "gradients=False"
            if not self.looker.facts.differentiates:
                if self.looker.facts.library in ("torch", "jax"):
                    return "what is written into out has no graph; give vjp="
                return f"{self.looker.facts.library} has no reverse mode; give vjp="
            return "no input of these cases has a gradient"
        if not self.looker.facts.watched and check in ("bounds", "inputs", "layouts"):
            return (
                f"{self.looker.facts.library} chooses the memory of its arrays, and nothing can write to them"
            )
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
