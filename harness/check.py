"""The check of a kernel: every probe asked and judged, then what failed looked at closely.

What is expected comes from `Expectation`, and what passes from `judge`: nothing here types a tolerance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..adapters.memory import PATTERNS
from ..numerics.dtypes import decode
from .checked import CHECKS, EARLIER, Checked, Failure, Finding, Line, Seen
from .diagnose import Diagnosis
from .expectation import Expectation
from .fooled import Fooled, fooled_by
from .judge import Answer, Judgement
from .look import Looker, Options
from .probes import Probe, Questions, probes
from .processes import Crashed, Hung
from .samples import batches
from .subjects import Reply, Subject

__all__ = ["Checker", "OnProbe"]

ENDS = 3
"""Crashes and hangs after which nothing more is asked."""

OnProbe = Callable[[Probe, Seen], None]
"""Called with every probe and what came of it."""


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
        begun = time.perf_counter()
        passed, failed = dict.fromkeys(CHECKS, 0), dict.fromkeys(CHECKS, 0)
        examples: dict[str, tuple[Probe, Failure]] = {}
        margins, used, ended, asked = [0.0], [], 0, []
        everything = self.probes()
        for probe in everything:
            seen = self.looker.look(probe)
            on_probe(probe, seen)
            asked.append(probe.id)
            wrong = {failure.check: failure for failure in reversed(seen.failures)}
            for check in {*seen.checks, *wrong}:
                (failed if check in wrong else passed)[check] += 1
            for check, failure in wrong.items():
                examples.setdefault(check, (probe, failure))
            if seen.note and "runs" not in examples:
                self.looker.notes.setdefault("layouts", seen.note)
            if seen.judgement is not None and not seen.judgement.failing:
                margins += [margin.worst for margin in seen.judgement.margins]
                used.append(seen.judgement.profile or "")
            ended += any(failure.ended for failure in seen.failures)
            if ended >= ENDS:
                self.looker.notes["runs"] = (
                    f"stopped after {ended} crashes or hangs: {len(asked)} of {len(everything)} asked"
                )
                break
        if not ended and not {"runs", "structure"} & set(examples):
            self._facts_of_calls(everything[0], passed, failed, examples)
        findings = self._findings(examples, failed)
        return Checked(
            kernel=self.looker.facts.name,
            spec=self.looker.questions.spec.name,
            library=self.looker.facts.library,
            device=self.looker.subject.device,
            isolated=self.looker.subject.isolated,
            versions=dict(self.looker.facts.versions),
            dtypes=tuple(dict.fromkeys(self.looker.questions.dtypes)),
            accumulate=self.looker.options.accumulate,
            probes=len(asked),
            lines=tuple(self._line(name, passed[name], failed[name]) for name in CHECKS),
            findings=findings,
            facts=dict(self.looker.notes),
            fooled=self._fooled(everything[: len(asked)], findings, passed["gradients"] > 0),
            margin=max(margins),
            profile=", ".join(dict.fromkeys(filter(None, used))),
            seconds=time.perf_counter() - begun,
            asked=tuple(asked),
            again=self.looker.options.again,
        )

    def _fooled(
        self, asked: Sequence[Probe], findings: Sequence[Finding], gradients: bool
    ) -> tuple[Fooled, ...]:
        """What these cases would have let pass; of interest where they found nothing."""
        if findings or not self.looker.options.fooled:
            return ()
        looker, chosen = self.looker, dict.fromkeys(probe.case for probe in asked)

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

    def _facts_of_calls(
        self,
        probe: Probe,
        passed: dict[str, int],
        failed: dict[str, int],
        examples: dict[str, tuple[Probe, Failure]],
    ) -> None:
        """Whether calls repeat bitwise, and whether a sample's result depends on its batch."""
        expectation = self.looker.expectation(probe.case)
        try:
            first = self.looker.ask(expectation, probe, PATTERNS[0], gradients=False)
            if "outputs" not in first:
                return
            self._repeat(expectation, probe, first, passed, failed, examples)
            self._split_batch(expectation, probe, first, passed)
        except (Crashed, Hung):
            return

    def _repeat(
        self,
        expectation: Expectation,
        probe: Probe,
        first: Reply,
        passed: dict[str, int],
        failed: dict[str, int],
        examples: dict[str, tuple[Probe, Failure]],
    ) -> None:
        calls = [
            self.looker.ask(expectation, probe, PATTERNS[0], gradients=False)
            for _ in range(self.looker.options.repeats - 1)
        ]
        others = sum(reply.get("outputs") != first["outputs"] for reply in calls)
        if others and self.looker.options.deterministic:
            failed["repeats"] += 1
            message = f"{others} of {len(calls)} further calls on the same inputs gave other bits"
            examples.setdefault("repeats", (probe, Failure("repeats", message)))
        elif others:
            self.looker.notes["repeats"] = (
                f"{others} of {len(calls)} further calls on the same inputs gave other bits"
            )
        elif "repeats" not in self.looker.notes:
            passed["repeats"] += 1
            self.looker.notes["repeats"] = f"{self.looker.options.repeats} calls gave the same bits"

    def _split_batch(
        self, expectation: Expectation, probe: Probe, first: Reply, passed: dict[str, int]
    ) -> None:
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
            passed["batch"] += 1
            self.looker.notes["batch"] = f"each sample along {batch.name} has the same bits alone"

    def _findings(
        self, examples: Mapping[str, tuple[Probe, Failure]], failed: Mapping[str, int]
    ) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        for check in CHECKS:
            if check in examples:
                finding = self.diagnosis.finding(*examples[check], failed[check])
                twin = next((f for f in findings if f.smallest == finding.smallest and f.smallest), None)
                findings.append(msgspec.structs.replace(finding, same_as=twin.check) if twin else finding)
        return tuple(findings)
