"""One probe put to a kernel: what it returned is judged, and what it did to memory is looked at."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...adapters.kernel.memory import PATTERNS
from ...errors import Usage
from ...numerics.dtypes import decode, encode, widen
from ...numerics.profiles import Profile
from ..judging.expectation import Expectation, Expected
from ..judging.judge import Answer, Judgement, judge
from ..record import Outcome
from ..running.processes import Crashed, Hung
from .batches import outputs_on
from .checks import CHECKS, Failure, Seen
from .kernels import Reply, Subject
from .patterns import regions
from .probes import Probe, Questions

__all__ = ["Looker", "Options"]

Array = np.ndarray[Any, Any]

PROFILES: dict[str | None, tuple[str, ...]] = {
    None: (),
    "float32": (),
    "tf32": ("tf32",),
    "dtype": ("low-accumulator",),
}
"""Profiles that a declared accumulator admits beside those that are always declared."""


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

    def __post_init__(self) -> None:
        if self.accumulate not in PROFILES:
            allowed = ", ".join(name for name in PROFILES if name)
            raise Usage(f"accumulate is {self.accumulate!r}; it must be one of {allowed}, or None")
        if self.repeats < 2:
            raise Usage(f"repeats is {self.repeats}; it takes at least 2 calls to compare")


KEPT = 256
"""Expectations that are kept."""


class Looker:
    """Puts single probes to one kernel; ``notes`` holds what was seen of it that is no failure, by check."""

    def __init__(self, subject: Subject, questions: Questions, options: Options) -> None:
        self.subject, self.questions, self.options = subject, questions, options
        self.facts = subject.facts
        self.inputs = self.facts.inputs(questions.spec)
        self.admitted = PROFILES[options.accumulate]
        self.notes: dict[str, str] = {}
        self._differentiated = False
        self.expectation = functools.lru_cache(maxsize=KEPT)(Expectation)
        """The expectation of a case, kept for those who ask for it again."""
        if options.gradients and not self.facts.differentiates:
            raise Usage(
                f"gradients are asked for, but {self.facts.library} has no reverse mode: give vjp=,"
                " or leave gradients out"
            )

    def look(self, probe: Probe) -> Seen:
        """Ask one probe, and judge all that came of it."""
        expectation = self.expectation(probe.case)
        wanted = ["runs", "structure", "written"]
        try:
            replies = [self.ask(expectation, probe, pattern) for pattern in PATTERNS]
        except (Crashed, Hung) as error:
            outcome: Outcome = "hung" if isinstance(error, Hung) else "crashed"
            ended = Failure("runs", f"{outcome}: {error}", Judgement(outcome, "raised"), ended=True)
            return Seen((ended,), ("runs",))
        first, second = replies
        raised = first.get("error") or second.get("error")
        if raised:
            return self._raised(probe, raised)
        for reply in replies:
            if "wrong_type" in reply:
                return Seen((Failure("structure", reply["wrong_type"]),), ("runs", "structure"))
        failures = list(self._memory(expectation, probe, first, second))
        judgement, answer = self.judged(expectation, first)
        if judgement.failing:
            check = _check_of(judgement, probe)
            if not (failures and failures[0].check == "written"):
                failures.append(Failure(check, judgement.message, judgement, answer))
        wanted += ["inputs", "bounds"] if self.facts.watched else []
        wanted += ["ownership", probe.aim]
        wanted += ["special values"] if _is_special(expectation) else []
        wanted += ["gradients"] if answer.gradients or answer.gradient_error else []
        if any(failure.check == "structure" for failure in failures):
            wanted = ["runs", "structure"]
        if any(failure.check == "written" for failure in failures):  # it says nothing of the values
            wanted = [check for check in wanted if list(CHECKS).index(check) < list(CHECKS).index("values")]
        order = list(CHECKS)
        failures.sort(key=lambda failure: order.index(failure.check))
        return Seen(tuple(failures), tuple(dict.fromkeys(wanted)), judgement)

    def _raised(self, probe: Probe, error: str) -> Seen:
        if probe.layout != "contiguous":
            return Seen((), ("runs",), note=f"refuses {probe.layout} inputs: {error}")
        return Seen((Failure("runs", f"raised {error}", Judgement("rejects", "raised")),), ("runs",))

    def ask(
        self,
        expectation: Expectation,
        probe: Probe,
        pattern: int,
        inputs: Mapping[str, Array] | None = None,
        gradients: bool = True,
    ) -> Reply:
        """Call the kernel once; gradients are asked for with the first pattern alone."""
        return self.subject.call(self.request(expectation, probe, pattern, inputs, gradients))

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
            "layout": probe.layout,
            "pattern": pattern,
        }
        if gradients and pattern == PATTERNS[0] and self._differentiable(expectation, probe):
            request["wrt"] = expectation.wrt
            request["cotangents"] = [encode(cotangent) for cotangent in expectation.cotangents]
        return request

    def _differentiable(self, expectation: Expectation, probe: Probe) -> bool:
        wanted = self.options.gradients is not False and self.facts.differentiates
        return (
            wanted
            and probe.layout == "contiguous"
            and "gradients" not in self.notes
            and bool(expectation.wrt)
        )

    def judged(self, expectation: Expectation, reply: Reply) -> tuple[Judgement, Answer]:
        """The judge's verdict on a reply, and the answer in it."""
        answer = Answer.from_reply(dict(reply))
        if answer.gradient_error and not self._must_differentiate:
            self.notes["gradients"] = f"not asked: {answer.gradient_error}"
            answer = replace(answer, gradient_error="")
        self._differentiated |= bool(answer.gradients)
        return self.verdict(expectation, answer), answer

    def verdict(self, expectation: Expectation, answer: Answer) -> Judgement:
        """The judge's verdict; on outputs and states alone where there are no gradients."""
        whole = bool(answer.gradients or answer.gradient_error)
        return judge(expectation if whole else Forward(expectation), answer, self.admitted)

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

    def _memory(
        self, expectation: Expectation, probe: Probe, first: Reply, second: Reply
    ) -> Iterator[Failure]:
        """What was seen in memory, in two calls that found different patterns there."""
        one, two = (tuple(decode(*w) for w in reply["outputs"]) for reply in (first, second))
        if _shapes(one) == _shapes(two):
            yield from _unwritten(one, two, expectation, self.questions.tiles)
        if first["outputs"] != second["outputs"] and not _all_unwritten(one, two):
            yield from self._unsteady(expectation, probe, first)
        for reply in (first, second):
            for name, distance in reply.get("strayed", ()):
                where = (
                    f"{distance} element(s) past its end" if distance > 0 else f"{-distance} before its start"
                )
                yield Failure("bounds", f"writes outside of {name}: {where}")
                break
        for name in first.get("changed", ()):
            yield Failure("inputs", f"changes its input {name}")
        for name in first.get("shared", ()):
            yield Failure("ownership", f"what it returns lies in the memory of its input {name}")
        if first.get("late") or second.get("late"):
            yield Failure(
                "ownership", "the result changed after it was returned: a thread or stream was still at work"
            )
        if first.get("overwritten") or second.get("overwritten"):
            yield Failure(
                "ownership",
                "a call changed what an earlier call had returned: it uses its output buffer again",
            )

    def _unsteady(self, expectation: Expectation, probe: Probe, first: Reply) -> Iterator[Failure]:
        """Two calls on equal inputs differ: for what lay in memory, or for no reason that can be seen?"""
        again = self.ask(expectation, probe, PATTERNS[0], gradients=False)
        if again.get("outputs") == first["outputs"]:
            yield Failure(
                "written",
                "the result depends on what lies in memory that is not its own: it reads past the end of an"
                " input, or what it never wrote",
            )
        elif self.options.deterministic:
            yield Failure("repeats", "a second call on the same inputs gave other bits")
        else:
            self.notes["repeats"] = "calls on the same inputs give different bits"


class Forward(Expectation):
    """An expectation without its gradients, for an answer that has none."""

    def __init__(self, whole: Expectation) -> None:
        vars(self).update(vars(whole))
        self._whole = whole

    def under(self, profile: Profile) -> tuple[Expected, ...]:
        return tuple(e for e in self._whole.under(profile) if e.check != "gradients")


def _check_of(judgement: Judgement, probe: Probe) -> str:
    """The check that a judgement's own check belongs to."""
    own = {
        "raised": "runs",
        "structure": "structure",
        "special values": "special values",
        "gradients": "gradients",
    }
    if judgement.check == "structure" and "gradient" in judgement.message:
        return "gradients"
    return own.get(judgement.check, probe.aim)


def _is_special(expectation: Expectation) -> bool:
    return any(
        a.dtype.kind not in "biu" and not np.all(np.isfinite(widen(a))) for a in expectation.inputs.values()
    )


def _dtype_of(output: Array, dtype: str) -> str:
    return {"b": "bool", "i": "int32", "u": "int32"}.get(output.dtype.kind, dtype)


def _shapes(arrays: Sequence[Array]) -> list[Any]:
    return [(a.shape, a.dtype) for a in arrays]


def _left(array: Array, pattern: int) -> Array:
    """Which elements hold a pattern of bytes."""
    flat = np.frombuffer(array.tobytes(), np.uint8).reshape(array.size, -1)
    kept = {pattern, 0xFE} if pattern == PATTERNS[0] else {pattern}
    left: Array = np.all(np.isin(flat, list(kept)) & (flat == flat[:, :1]), axis=1).reshape(array.shape)
    return left


def _unwritten(
    one: Sequence[Array], two: Sequence[Array], expectation: Expectation, tiles: Sequence[int]
) -> Iterator[Failure]:
    names = (*expectation.case.spec.outputs, *expectation.case.spec.states)
    for name, first, second in zip(names, one, two, strict=False):
        if first.size:
            left = _left(first, PATTERNS[0]) & _left(second, PATTERNS[1])
            if left.any():
                index = np.unravel_index(int(np.argmax(left)), left.shape)
                place = ", ".join(str(int(i)) for i in index)
                count = f"{int(left.sum())} of {left.size} elements"
                told = f"{name}[{place}] still holds what lay there before: {count} were never written"
                yield Failure("written", told, patterns=regions(left, tiles))
                return


def _all_unwritten(one: Sequence[Array], two: Sequence[Array]) -> bool:
    """Whether two results differ only where neither was written."""
    if _shapes(one) != _shapes(two):
        return False
    for first, second in zip(one, two, strict=True):
        bits = [np.frombuffer(a.tobytes(), np.uint8).reshape(max(a.size, 1), -1) for a in (first, second)]
        differing = np.any(bits[0] != bits[1], axis=1).reshape(-1)[: first.size]
        left = (
            (_left(first, PATTERNS[0]) & _left(second, PATTERNS[1])).reshape(-1) if first.size else differing
        )
        if np.any(differing & ~left):
            return False
    return True
