"""One probe put to a kernel: what it returned is judged, and how it went about it is looked at."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...adapters.kernel.memory import PATTERNS
from ...errors import Usage
from ...numerics.data import data_set
from ...numerics.dtypes import encode, widen
from ..judging.expectation import Expectation
from ..judging.judge import Answer, Comparison, Judgement, compare
from ..record import Outcome
from ..running.processes import Crashed, Hung
from .batches import outputs_on
from .checks import CHECKS, Failure, Seen
from .conduct import Conduct
from .held import PROFILES, Forward, Held
from .kernels import KernelProcess, Reply
from .pace import Pace
from .probes import CheckScope, Probe

__all__ = ["Examiner", "Options", "without_special"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Options:
    """How a check judges: see `assay.check`."""

    gradients: bool | None = None
    accumulate: str | None = None
    repeats: int = 3
    deterministic: bool = False
    shrink: bool = True
    fooled: bool = True
    again: str = ""
    fused: bool = False

    def __post_init__(self) -> None:
        if self.accumulate not in PROFILES:
            allowed = ", ".join(name for name in PROFILES if name)
            raise Usage(f"accumulate is {self.accumulate!r}; it must be one of {allowed}, or None")
        if self.repeats < 2:
            raise Usage(f"repeats is {self.repeats}; it takes at least 2 calls to compare")


KEPT = 256
"""Expectations that are kept."""

CONSTANT = 0.75
"""Every element of a cotangent that is repeated by strides of 0."""


class Examiner:
    """Puts single probes to one kernel; ``notes`` holds what was seen of it that is no failure, by check."""

    def __init__(self, process: KernelProcess, scope: CheckScope, options: Options) -> None:
        self.process, self.scope, self.options = process, scope, options
        self.facts = process.facts
        self.inputs = self.facts.inputs(scope.spec)
        self.held = Held(options.accumulate, options.fused)
        self.notes: dict[str, str] = {}
        self._differentiated = False
        self._variants: dict[str, Expectation] = {}
        self.pace = Pace()
        self._fails_plainly: dict[str, set[str]] = {}
        """What is wrong with a case where everything lies as usual: it is no matter of layouts."""
        self.conduct = Conduct(self)
        self.expectation = functools.lru_cache(maxsize=KEPT)(Expectation)
        """The expectation of a case, kept for those who ask for it again."""
        if options.gradients and not self.facts.differentiates:
            raise Usage(
                f"gradients are asked for, but {self.facts.library} has no reverse mode: give vjp=,"
                " or leave gradients out"
            )

    def examine(self, probe: Probe) -> Seen:
        """Ask one probe, and judge all that came of it."""
        expectation = self.asked(probe)
        try:
            first, second = (self.ask(expectation, probe, pattern) for pattern in PATTERNS)
        except (Crashed, Hung) as error:
            outcome: Outcome = "hung" if isinstance(error, Hung) else "crashed"
            ended = Failure("runs", f"{outcome}: {error}", Judgement(outcome, "raised"), ended=True)
            return Seen((ended,), ("runs",))
        raised = first.get("error") or second.get("error")
        if raised:
            return self._raised(probe, raised)
        for reply in (first, second):
            if "wrong_type" in reply:
                return Seen((Failure("structure", reply["wrong_type"]),), ("runs", "structure"))
        refused = self._refused(probe, first)
        failures = [] if refused else [*self.conduct.failures(expectation, probe, first, second)]
        judgement, answer = self.judged(expectation, first)
        self.pace.took(probe, min(first["processor"], second["processor"]), expectation.seconds)
        if refused:
            return Seen((), (), note=refused)
        plain = self._fails_plainly.setdefault(probe.case.id, set())
        if probe.ordinary:
            plain.update(failure.check for failure in failures)
        elif judgement.failing and "written" not in plain:  # it reads between the elements of a view
            failures = [failure for failure in failures if failure.check != "written"]
        if judgement.failing and not any(failure.check == "written" for failure in failures):
            failures += self._failed(expectation, probe, judgement, answer)
        order = list(CHECKS)
        failures.sort(key=lambda failure: order.index(failure.check))
        return Seen(tuple(failures), self._wanted(expectation, probe, failures, answer), judgement)

    def has_sense(self, probe: Probe) -> bool:
        """Whether the reference has a value there, and where cotangents are what is asked, a gradient.

        Pairs of options and sizes are made without asking it: a window may not fit into a short input.
        """
        if probe.aim == "backward" and not self.differentiates:
            return False
        try:
            return bool(self.expectation(probe.case).forward())
        except (ValueError, IndexError, ZeroDivisionError):
            return False

    def too_slow(self, probe: Probe) -> bool:
        """Whether a long size would take longer than a look is worth, by the pace of shorter ones."""
        named = not isinstance(self.scope.sizes, str) or self.scope.ids
        return not named and self.pace.too_slow(probe)

    def _failed(
        self, expectation: Expectation, probe: Probe, judgement: Judgement, answer: Answer
    ) -> Iterator[Failure]:
        """The failure of each problem that a judgement tells, the first with the judgement whole."""
        plain = self._fails_plainly.setdefault(probe.case.id, set())
        for problem in judgement.problems:
            if probe.ordinary:
                plain.add(problem.check)
            aim = "values" if problem.check in plain and not probe.ordinary else probe.aim
            check = _check_of(problem.check, problem.message, aim)
            if check != "special values" or _is_special(expectation) or len(judgement.problems) == 1:
                yield Failure(check, problem.message, judgement, answer)
        if judgement.check == "special values" and probe.case.data == probe.case.spec.data[0]:
            told = self._plainly_wrong(expectation, answer)
            if told:
                yield Failure(_check_of("values", told, probe.aim), told, judgement, answer)

    def _plainly_wrong(self, expectation: Expectation, answer: Answer) -> str:
        """What is told of numbers that are wrong beside NaN and infinity where none belongs."""
        expected = expectation.under(self.held.loosest(expectation.case.dtype))[: len(answer.outputs)]
        if [a.shape for a in answer.outputs] != [e.value.shape for e in expected]:
            return ""
        for comparison in filter(None, map(without_special, compare(expected, answer.outputs))):
            worst = comparison.worst()
            if not comparison.passes:
                place = ", ".join(map(str, worst.index))
                return (
                    f"{worst.array}[{place}] is {worst.got}; expected {worst.expected} ± {worst.tolerance};"
                    f" {worst.wrong} of {worst.size} elements are off, beside what is no number"
                )
        return ""

    def _wanted(
        self, expectation: Expectation, probe: Probe, failures: Sequence[Failure], answer: Answer
    ) -> tuple[str, ...]:
        """The checks that a probe was asked for, as far as its failures leave them a meaning."""
        failed = {failure.check for failure in failures}
        if "structure" in failed:
            return ("runs", "structure")
        wanted = ["runs", "structure", "written"]
        wanted += ["inputs", "bounds"] if self.facts.watched else []
        wanted += ["ownership"]
        wanted += [probe.aim] if probe.ordinary or not failed or probe.aim in failed else []
        wanted += ["special values"] if _is_special(expectation) else []
        if answer.gradients or answer.gradient_error:
            wanted += ["gradients", "backward"]
        if "written" in failed:  # it says nothing of the values
            wanted = [check for check in wanted if list(CHECKS).index(check) < list(CHECKS).index("values")]
        return tuple(dict.fromkeys(wanted))

    def _raised(self, probe: Probe, error: str) -> Seen:
        if probe.layout != "contiguous":
            return Seen((), ("runs",), note=f"refuses {probe.manner} inputs: {error}")
        return Seen((Failure("runs", f"raised {error}", Judgement("rejects", "raised")),), ("runs",))

    def _refused(self, probe: Probe, reply: Reply) -> str:
        """What is said of a backward pass that raises for a layout which it does not take."""
        error = reply.get("gradient_error", "")
        if not error or probe.ordinary or probe.only:
            return ""
        whose = "inputs" if probe.layout != "contiguous" else "cotangents"
        return f"the backward pass refuses {probe.manner} {whose}: {error}"

    def asked(self, probe: Probe) -> Expectation:
        """The expectation of a probe: of its case, or of the repeated samples and cotangents that it asks."""
        whole = self.expectation(probe.case)
        if probe.layout != "expanded" and probe.cotangents != "broadcast" and not probe.only:
            return whole
        if probe.id not in self._variants:
            self._variants[probe.id] = _variant(whole, probe)
        return self._variants[probe.id]

    def ask(
        self,
        expectation: Expectation,
        probe: Probe,
        pattern: int,
        inputs: Mapping[str, Array] | None = None,
        gradients: bool = True,
        between: bool | None = None,
        heap: int | None = None,
    ) -> Reply:
        """Call the kernel once.

        With the second pattern another forward pass comes before the backward one, unless ``between`` says
        otherwise. Memory that the kernel takes holds the pattern ``heap``, if that is another one.
        """
        request = self.request(expectation, probe, pattern, inputs, gradients)
        request["heap"] = pattern if heap is None else heap
        request["between"] = pattern != PATTERNS[0] if between is None else between
        return self.process.call(request)

    def request(
        self,
        expectation: Expectation,
        probe: Probe,
        pattern: int,
        inputs: Mapping[str, Array] | None = None,
        gradients: bool = True,
    ) -> dict[str, Any]:
        """What a call is given."""
        case, arrays = probe.case, inputs or expectation.inputs
        outputs = outputs_on(expectation, arrays)
        request: dict[str, Any] = {
            "inputs": {name: encode(arrays[name]) if name in arrays else None for name in self.inputs},
            "parameters": {n: v for n, v in case.arguments.items() if self.facts.accepts(n)},
            "expected": [(_dtype_of(y, case.dtype), y.shape) for y in outputs],
            "layout": "contiguous",
            "layouts": probe.layouts(),
            "pattern": pattern,
        }
        if gradients and self._differentiable(expectation, probe):
            request["wrt"] = expectation.wrt
            request["cotangents"] = [encode(cotangent) for cotangent in expectation.cotangents]
            request["cotangent_layout"] = probe.cotangents
            request["only"] = case.spec.outputs.index(probe.only) if probe.only else None
        return request

    @property
    def differentiates(self) -> bool:
        """Whether gradients are asked for, and have not been found to be missing."""
        wanted = self.options.gradients is not False and self.facts.differentiates
        return wanted and "gradients" not in self.notes

    def _differentiable(self, expectation: Expectation, probe: Probe) -> bool:
        if not self.differentiates:
            return False
        data = probe.case.data
        outputs_alone = data in probe.case.spec.kernel_only and data_set(data).special
        return bool(expectation.wrt) and not outputs_alone

    def judged(self, expectation: Expectation, reply: Reply) -> tuple[Judgement, Answer]:
        """The judge's verdict on a reply, and the answer in it."""
        answer = Answer.from_reply(dict(reply))
        if reply.get("no_graph"):
            if self._must_differentiate:
                answer = replace(answer, gradient_error=reply["no_graph"])
            else:
                self.notes["gradients"] = f"not asked: {reply['no_graph']}"
        if answer.gradient_error and not self._must_differentiate:
            self.notes["gradients"] = f"not asked: {answer.gradient_error}"
            answer = replace(answer, gradient_error="")
        self._differentiated |= bool(answer.gradients)
        return self.verdict(expectation, answer), answer

    def verdict(self, expectation: Expectation, answer: Answer, explain: bool = True) -> Judgement:
        """The judge's verdict; on outputs and states alone where there are no gradients."""
        whole = bool(answer.gradients or answer.gradient_error)
        return self.held.verdict(expectation if whole else Forward(expectation), answer, explain)

    @property
    def _must_differentiate(self) -> bool:
        """Whether a gradient that raises is a failure: it was asked for, or there was one before."""
        return self.options.gradients is not None or self.facts.own_vjp or self._differentiated

    def as_seen(self, answer: Answer, gradients: bool) -> Answer:
        """As much of an answer as a check looks at, if it asks for gradients or not."""
        seen = answer if self.options.deterministic else replace(answer, repeats=True)
        if not gradients:
            return replace(seen, gradients=(), gradient_error="")
        return seen if self._must_differentiate else replace(seen, gradient_error="")


def without_special(comparison: Comparison) -> Comparison | None:
    """The comparison of what is a number on both sides; None where everything is."""
    missed = np.isinf(comparison.error) & np.isfinite(comparison.expected.tolerance)
    return replace(comparison, error=np.where(missed, 0.0, comparison.error)) if missed.any() else None


def _check_of(check: str, message: str, aim: str) -> str:
    """The check of a kernel that a problem of the judge belongs to, where a probe has some aim."""
    if aim in ("layouts", "backward") and check not in ("raised", "structure"):
        return aim
    own = {
        "raised": "runs",
        "structure": "structure",
        "special values": "special values",
        "gradients": "gradients",
        "repeats": "repeats",
    }
    if check == "structure" and "gradient" in message:
        return "gradients"
    return own.get(check, "values" if aim == "backward" else aim)


def _variant(whole: Expectation, probe: Probe) -> Expectation:
    """What a case expects of repeated samples, of constant cotangents, or of one cotangent alone."""
    names = probe.layouts() if probe.layout == "expanded" else {}
    repeated = {
        name: np.array(np.broadcast_to(array[:1], array.shape))
        for name, array in whole.inputs.items()
        if name in names and array.ndim
    }
    other = whole.asking(repeated)
    if probe.cotangents == "broadcast":
        other.__dict__["cotangents"] = tuple(np.full_like(g, CONSTANT) for g in whole.cotangents)
    if probe.only:
        named = zip(probe.case.spec.outputs, whole.cotangents, strict=True)
        other.__dict__["cotangents"] = tuple(g if n == probe.only else np.zeros_like(g) for n, g in named)
    return other


def _is_special(expectation: Expectation) -> bool:
    return any(
        a.dtype.kind not in "biu" and not np.all(np.isfinite(widen(a))) for a in expectation.inputs.values()
    )


def _dtype_of(output: Array, dtype: str) -> str:
    return {"b": "bool", "i": "int32", "u": "int32"}.get(output.dtype.kind, dtype)
