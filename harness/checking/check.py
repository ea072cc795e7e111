"""The check of a kernel: every probe asked and judged, then what failed looked at closely.

What is expected comes from `Expectation`, and what passes from `judge`: nothing here types a tolerance.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from ...adapters.kernel.memory import PATTERNS
from ...numerics.dtypes import decode
from ..judging.expectation import Expectation
from ..judging.judge import Answer, Judgement
from ..running.processes import Crashed, Hung
from .batches import batches
from .checks import CHECKS, EARLIER, Checked, Failure, Finding, Line, Seen
from .diagnosis import Diagnosis
from .examination import Looker, Options
from .fooled import Fooled, fooled_by
from .kernels import Reply, Subject
from .probes import Probe, Questions, probes

__all__ = ["Checker", "OnProbe"]

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
        self.refusal = self.refusal or seen.note
        if seen.judgement is not None and not seen.judgement.failing:
            self.margins += [margin.worst for margin in seen.judgement.margins]
            self.profiles.append(seen.judgement.profile or "")

    def fail(self, probe: Probe, failure: Failure) -> None:
        """Count a failure, and keep it if it is the first of its check."""
        self.failed[failure.check] += 1
        self.examples.setdefault(failure.check, (probe, failure))
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
            self._facts_of_calls(everything[0], tally)
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
        )

    def _fooled(self, tally: Tally, findings: Sequence[Finding]) -> tuple[Fooled, ...]:
        """What these cases would have let pass; of interest where they found nothing."""
        if findings or not self.looker.options.fooled:
            return ()
        looker, chosen = self.looker, dict.fromkeys(probe.case for probe in tally.asked)
        gradients = tally.passed["gradients"] > 0

        def verdict(expectation: Expectation, answer: Answer) -> Judgement:
            return looker.verdict(expectation, looker.as_seen(answer, gradients))

        expectations = [looker.expectation(case) for case in chosen]
        return fooled_by(looker.questions.spec, expectations, gradients, verdict)

    def _line(self, check: str, passed: int, failed: int) -> Line:
        note = self.looker.notes.get(check, "")
        if not passed and not failed and not note:
            note = "not asked: " + self._why_not(check)
        return Line(check, passed, failed, note)

    def _why_not(self, check: str) -> str:
        if check == "gradients":
            if self.looker.options.gradients is False:
                return "gradients=False"
            if not self.looker.facts.differentiates:
                return f"{self.looker.facts.library} has no reverse mode; give vjp="
            return "no input of these cases has a gradient"
        if not self.looker.facts.watched and check in ("bounds", "inputs", "layouts"):
            return (
                f"{self.looker.facts.library} chooses the memory of its arrays, and nothing can write to them"
            )
        return EARLIER

    def _facts_of_calls(self, probe: Probe, tally: Tally) -> None:
        """Whether calls repeat bitwise, and whether a sample's result depends on its batch."""
        expectation = self.looker.expectation(probe.case)
        try:
            first = self.looker.ask(expectation, probe, PATTERNS[0], gradients=False)
            if "outputs" not in first:
                return
            self._repeat(expectation, probe, first, tally)
            self._split_batch(expectation, probe, first, tally)
        except (Crashed, Hung):
            return

    def _repeat(self, expectation: Expectation, probe: Probe, first: Reply, tally: Tally) -> None:
        calls = [
            self.looker.ask(expectation, probe, PATTERNS[0], gradients=False)
            for _ in range(self.looker.options.repeats - 1)
        ]
        others = sum(reply.get("outputs") != first["outputs"] for reply in calls)
        message = f"{others} of {len(calls)} further calls on the same inputs gave other bits"
        if others and self.looker.options.deterministic:
            tally.fail(probe, Failure("repeats", message))
        elif others:
            self.looker.notes["repeats"] = message
        elif "repeats" not in self.looker.notes:
            tally.passed["repeats"] += 1
            self.looker.notes["repeats"] = f"{self.looker.options.repeats} calls gave the same bits"

    def _split_batch(self, expectation: Expectation, probe: Probe, first: Reply, tally: Tally) -> None:
        """Ask each sample alone, along the first axis on which the reference treats samples one by one."""
        batch = next(batches(expectation), None)
        if batch is None:
            self.looker.notes["batch"] = "not asked: no axis along which samples are independent"
            return
        whole = [decode(*wire) for wire in first["outputs"]]
        differing = 0
        for index in range(batch.length):
            reply = self.looker.ask(
                expectation, probe, PATTERNS[0], batch.alone(expectation.inputs, index), gradients=False
            )
            if "outputs" not in reply:
                self.looker.notes["batch"] = (
                    f"a batch of one along {batch.name} raises {reply.get('error', '')}"
                )
                return
            alone = [decode(*wire) for wire in reply["outputs"]]
            differing += [a.tobytes() for a in alone] != [y.tobytes() for y in batch.parts(whole, index)]
        if differing:
            self.looker.notes["batch"] = (
                f"{differing} of {batch.length} samples along {batch.name} have other bits alone"
            )
        else:
            tally.passed["batch"] += 1
            self.looker.notes["batch"] = f"each sample along {batch.name} has the same bits alone"

    def _findings(self, tally: Tally) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        for check in CHECKS:
            if check in tally.examples:
                finding = self.diagnosis.finding(*tally.examples[check], tally.failed[check])
                twin = next((f for f in findings if f.smallest == finding.smallest and f.smallest), None)
                findings.append(msgspec.structs.replace(finding, same_as=twin.check) if twin else finding)
        return tuple(findings)
