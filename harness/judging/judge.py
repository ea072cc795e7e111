"""The judge: compares what an implementation returned with what the reference expects, and gives a verdict.

Checks run in the order of their use to a reader: raised? shape and dtype; NaN, infinity and zero-sign
pattern; values; states; gradients; repeat runs equal. Every check that can be made is made: a gradient that
raises hides no wrong value, and a verdict tells all that is wrong, worst first. No tolerance is typed here:
they come with the expected arrays, one set per rounding profile, and the tightest profile that explains
everything is named. What no tolerance bounds is not right but unresolved.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from ...numerics.dtypes import DTYPES, decode, widen
from ...numerics.profiles import Profile, profiles
from ...numerics.ulps import ulp_distance
from ...specs.language.case import Case
from ..record import CHECKS, FAILING, Margin, Outcome, Problem, Worst, problems_of
from .expectation import Expectation, Expected

__all__ = ["Answer", "Comparison", "Judgement", "compare", "judge"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Answer:
    """What an implementation returned: arrays in the order outputs, states, gradients; or its error."""

    outputs: tuple[Array, ...] = ()
    gradients: tuple[Array, ...] = ()
    error: str = ""
    gradient_error: str = ""
    unconnected: tuple[str, ...] = ()
    """Inputs for which the framework gives no gradient at all, where others give zeros."""

    forward_only: bool = False
    """Whether the path gives no gradients, so that none was asked for."""

    repeats: bool = True
    seconds: float = 0.0
    in_force: str = ""
    """What shows that the mode asked for ran the call."""

    @classmethod
    def from_reply(cls, reply: dict[str, Any]) -> Answer:
        """The answer in a worker's reply."""
        return cls(
            outputs=tuple(decode(*wire) for wire in reply.get("outputs", ())),
            gradients=tuple(decode(*wire) for wire in reply.get("gradients", ())),
            error=reply.get("error", ""),
            gradient_error=reply.get("gradient_error", ""),
            unconnected=tuple(reply.get("unconnected", ())),
            forward_only=reply.get("forward_only", False),
            repeats=reply.get("repeats", True),
            seconds=reply["seconds"],
            in_force=reply.get("in_force") or "",
        )

    @property
    def digest(self) -> str:
        """Fingerprint of every bit that was returned; empty where no array was."""
        arrays = (*self.outputs, *self.gradients)
        fingerprint = hashlib.blake2b(digest_size=8)
        for array in arrays:
            fingerprint.update(f"{array.dtype}{array.shape}".encode())
            fingerprint.update(array.tobytes())
        return fingerprint.hexdigest() if arrays else ""


@dataclass(frozen=True)
class Judgement:
    """The judge's part of a verdict."""

    outcome: Outcome
    check: str = ""
    message: str = ""
    profile: str | None = None
    explained_by: str | None = None
    margins: tuple[Margin, ...] = ()
    worst: Worst | None = None
    deviation: str | None = None
    further: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def failing(self) -> bool:
        """Whether a gate does not let it pass."""
        return self.outcome in FAILING

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong, worst first."""
        return problems_of(self)

    def with_problems(self, problems: Sequence[Problem]) -> Judgement:
        """The same, where this is what is wrong, worst first."""
        first, *further = problems
        told = {name: getattr(first, name) for name in Problem.__struct_fields__}
        return replace(self, **told, further=tuple(further))


@dataclass(frozen=True)
class Comparison:
    """One returned array against one expected array."""

    expected: Expected
    got: Array
    error: Array
    """Absolute error, 0 where special values agree, infinite where they do not."""

    @property
    def ratio(self) -> Array:
        """Error as a fraction of the tolerance, element by element."""
        with np.errstate(all="ignore"):
            ratio = np.where(self.error == 0, 0.0, self.error / self.expected.tolerance)
        return np.where(np.isinf(self.expected.tolerance), 0.0, ratio)

    @property
    def margin(self) -> Margin:
        """Largest and typical error of the array."""
        ratio = self.ratio
        with np.errstate(all="ignore"):
            scaled = np.where(self.error == 0, 0.0, self.error / self.expected.deviation)
        known = scaled[np.isfinite(scaled)]
        return Margin(
            array=self.expected.name,
            worst=float(ratio.max(initial=0.0)),
            rms=float(np.sqrt(np.mean(np.square(known)))) if known.size else 0.0,
            unresolved=int(np.isinf(self.expected.tolerance).sum()),
            size=int(known.size),
        )

    @property
    def passes(self) -> bool:
        """Whether every element is within its tolerance."""
        return bool(np.all(self.ratio <= 1.0))

    @property
    def resolved(self) -> bool:
        """Whether some element, if there is any, is held to a tolerance."""
        tolerance = self.expected.tolerance
        return tolerance.size == 0 or bool(np.isfinite(tolerance).any())

    @property
    def check(self) -> str:
        """The check that a wrong array fails."""
        return "special values" if self.special else self.expected.check

    @property
    def special(self) -> bool:
        """Whether what is wrong is the pattern of NaN and infinity."""
        return bool(np.any(np.isinf(self.error) & np.isfinite(self.expected.tolerance)))

    @property
    def normwise(self) -> float:
        """Largest error in units of the largest expected magnitude."""
        finite = np.abs(self.expected.value[np.isfinite(self.expected.value)])
        scale = float(finite.max(initial=0.0))
        error = float(np.where(self.ratio > 1.0, self.error, 0.0).max(initial=0.0))
        return error / scale if scale > 0 else math.inf

    def worst(self) -> Worst:
        """The element whose error is the largest part of its tolerance."""
        ratio = self.ratio
        index = np.unravel_index(int(np.argmax(ratio)), ratio.shape) if ratio.ndim else ()
        got, expected = self.got[index], self.expected.value[index]
        name = self.got.dtype.name
        ulps = float(ulp_distance(got, expected, DTYPES[name])) if name in DTYPES else None
        return Worst(
            array=self.expected.name,
            index=tuple(int(i) for i in index),
            got=f"{np.float64(got)!s}",
            expected=f"{np.float64(expected)!s}",
            tolerance=f"{self.expected.tolerance[index]:.3g}",
            error_ulps=ulps if ulps is not None and math.isfinite(ulps) else None,
            wrong=int((ratio > 1.0).sum()),
            size=int(ratio.size),
        )


def judge(
    expectation: Expectation,
    answer: Answer,
    admitted: Sequence[str] = (),
    *,
    explain: bool = True,
    declared: Sequence[str] = (),
) -> Judgement:
    """The verdict on ``answer``.

    Args:
        expectation: what the reference expects of the case.
        answer: what the implementation returned.
        admitted: names of profiles that are not declared in general but in force here (``tf32``).
        explain: whether to look among the other profiles for one that explains a failing result.
        declared: names of the profiles that count as declared, in the place of all that are.
    """
    case = expectation.case
    if not case.valid:
        return _judge_error(expectation, answer)
    if answer.error:
        return Judgement("rejects", "raised", f"raised where a value is expected: {answer.error}")
    options = [p for p in profiles(case.dtype) if _held_to(p, declared) or p.name in admitted]
    profile, comparisons = _tightest(expectation, answer, options)
    problems = [
        *_structure(expectation.under(options[0]), answer, case.dtype),
        *_wrong(comparisons, case.dtype),
        *_zeros_and_repeats(comparisons, answer, signed_zeros=case.spec.signed_zeros),
    ]
    if explain and profile is None:
        others = [p for p in profiles(case.dtype) if p not in options]
        problems = _explained(problems, comparisons, expectation, answer, others)
    judgement = _passed(profile, comparisons, answer, case)
    return judgement.with_problems(sorted(problems, key=_severity)) if problems else judgement


def _tightest(
    expectation: Expectation, answer: Answer, options: Sequence[Profile]
) -> tuple[str | None, list[Comparison]]:
    """The first profile that explains all numbers, if one does, and the comparisons under it or the last."""
    comparisons: list[Comparison] = []
    for profile in options:
        comparisons = compare(*_comparable(expectation.under(profile), answer))
        if all(comparison.passes for comparison in comparisons):
            return profile.name, comparisons
    return None, comparisons


def _passed(profile: str | None, comparisons: Sequence[Comparison], answer: Answer, case: Case) -> Judgement:
    """The judgement where no problem is found: what nothing bounds is not right but unresolved."""
    zeros = [name for name in map(_zero_sign, comparisons) if name and not case.spec.signed_zeros]
    notes = (
        *(f"another sign of zero than the reference in {name}" for name in zeros),
        *(f"no gradient (None) for {name}, which counts as zeros" for name in answer.unconnected),
        *filter(None, (_lanes(comparison, case.period) for comparison in comparisons)),
    )
    margins = tuple(comparison.margin for comparison in comparisons)
    blank = [comparison.expected.name for comparison in comparisons if not comparison.resolved]
    if blank:
        message = f"nothing can be judged of {', '.join(blank)}: every element's tolerance is infinite"
        return Judgement("unresolved", "", message, profile, margins=margins, notes=notes)
    return Judgement("conforms", profile=profile, margins=margins, notes=notes)


def _held_to(profile: Profile, declared: Sequence[str]) -> bool:
    """Whether an implementation may round so: as one of the profiles named, or as any that is declared."""
    return profile.declared and (not declared or profile.name in declared)


def _severity(problem: Problem) -> tuple[bool, int]:
    """Other meaning before less accuracy, then the order of the checks."""
    return problem.outcome == "inaccurate", CHECKS.index(problem.check)


def _judge_error(expectation: Expectation, answer: Answer) -> Judgement:
    constraint = expectation.case.breaks
    assert constraint is not None
    if answer.error:
        return Judgement("conforms", "raised", f"raised, as {constraint.label} asks: {answer.error}")
    shapes = ", ".join(str(array.shape) for array in answer.outputs)
    rule = f"{constraint.label} ({constraint.meaning})"
    return Judgement("accepts", "raised", f"gave a value of shape {shapes} where {rule} asks for an error")


def _halves(expected: Sequence[Expected]) -> tuple[list[Expected], list[Expected]]:
    """Outputs with states, and gradients."""
    gradients = [e for e in expected if e.check == "gradients"]
    return [e for e in expected if e.check != "gradients"], gradients


def _structure(expected: Sequence[Expected], answer: Answer, dtype: str) -> Iterator[Problem]:
    """What is wrong with the number, shapes and dtypes of the arrays, and a gradient that raises."""
    outputs, gradients = _halves(expected)
    if len(answer.outputs) != len(outputs):
        message = f"returned {len(answer.outputs)} arrays; expected {len(outputs)}"
        yield Problem("differs", "structure", message)
    else:
        yield from _mismatches(outputs, answer.outputs, dtype)
    if answer.gradient_error:
        message = f"the value is there but its gradient raises: {answer.gradient_error}"
        yield Problem("differs", "gradients", message)
    elif answer.forward_only:
        return
    elif len(answer.gradients) != len(gradients):
        message = f"gave {len(answer.gradients)} gradients; expected {len(gradients)}"
        yield Problem("differs", "structure", message)
    else:
        yield from _mismatches(gradients, answer.gradients, dtype)


def _mismatches(expected: Sequence[Expected], got: Sequence[Array], dtype: str) -> Iterator[Problem]:
    told = (_mismatch(wanted, array, dtype) for wanted, array in zip(expected, got, strict=True))
    return (Problem("differs", "structure", message) for message in told if message)


def _comparable(expected: Sequence[Expected], answer: Answer) -> tuple[list[Expected], list[Array]]:
    """The arrays whose values can be judged, whatever else is wrong: they have the shape, and are numbers."""
    pairs: list[tuple[Expected, Array]] = []
    for wanted, got in zip(_halves(expected), (answer.outputs, answer.gradients), strict=True):
        if len(wanted) == len(got):
            pairs += [pair for pair in zip(wanted, got, strict=True) if _same_kind(*pair)]
    return [wanted for wanted, _ in pairs], [got for _, got in pairs]


def _same_kind(expected: Expected, got: Array) -> bool:
    if got.shape != expected.value.shape:
        return False
    return not _mismatch(expected, got, "") if expected.exact else got.dtype.name in DTYPES


def _mismatch(expected: Expected, got: Array, dtype: str) -> str:
    if got.shape != expected.value.shape:
        return f"{expected.name} has shape {got.shape}; expected {expected.value.shape}"
    if expected.exact:
        same_kind = got.dtype.kind in "iu" if expected.value.dtype.kind in "iu" else got.dtype.kind == "b"
        return "" if same_kind else f"{expected.name} has dtype {got.dtype}; expected {expected.value.dtype}"
    return "" if got.dtype.name == dtype else f"{expected.name} has dtype {got.dtype.name}; expected {dtype}"


def compare(expected: Sequence[Expected], got: Sequence[Array]) -> list[Comparison]:
    """Each returned array against the expected one in the same place; shapes and dtypes agree."""
    return [Comparison(e, array, _error(e, array)) for e, array in zip(expected, got, strict=True)]


def _error(expected: Expected, got: Array) -> Array:
    """Absolute error; infinite where NaN or infinity stand on one side only."""
    if expected.exact:
        return np.where(got == expected.value, 0.0, np.inf)
    largest = DTYPES[got.dtype.name].largest
    wide = widen(got)
    overflowing = np.isinf(wide) & (np.abs(expected.value) + expected.tolerance >= largest)
    agree = np.sign(wide) == np.sign(expected.value)
    wanted = np.where(np.isinf(expected.value), expected.value, np.clip(expected.value, -largest, largest))
    with np.errstate(invalid="ignore"):
        error = np.abs(wide - wanted)
    same = (wide == expected.value) | (np.isnan(wide) & np.isnan(expected.value)) | (overflowing & agree)
    return np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))


def _zeros_and_repeats(
    comparisons: Sequence[Comparison], answer: Answer, signed_zeros: bool
) -> Iterator[Problem]:
    zeros = [name for name in map(_zero_sign, comparisons) if name]
    if zeros and signed_zeros:
        yield Problem("differs", "special values", f"wrong sign of zero in {', '.join(zeros)}")
    if not answer.repeats:
        yield Problem("differs", "repeats", "a second run on the same inputs gave other bits")


def _zero_sign(comparison: Comparison) -> str:
    """Name of an output with zeros of the other sign; a gradient is a sum, whose order decides on it."""
    if comparison.expected.exact or comparison.expected.check == "gradients":
        return ""
    zero = (comparison.expected.value == 0) & (comparison.expected.tolerance == 0)
    other = zero & (np.signbit(widen(comparison.got)) != np.signbit(comparison.expected.value))
    return comparison.expected.name if other.any() else ""


def _lanes(comparison: Comparison, period: int) -> str:
    """What is to be told of numbers that come again ``period`` places later, and give other bits there."""
    if not period:
        return ""
    got = comparison.got.ravel()
    first, again = got[:-period], got[period:]
    bits = f"u{got.itemsize}"
    other = (first.view(bits) != again.view(bits)) & ~(np.isnan(widen(first)) & np.isnan(widen(again)))
    if not other.any():
        return ""
    place, name = int(np.argmax(other)), comparison.expected.name
    return (
        f"{other.sum()} of {other.size} numbers give other bits at another place in {name}: "
        f"{np.float64(first[place])!s} at {place}, {np.float64(again[place])!s} at {place + period}"
    )


def _wrong(comparisons: Sequence[Comparison], dtype: str) -> Iterator[Problem]:
    """One problem for each check that arrays fail, told of the first of them."""
    failed = [comparison for comparison in comparisons if not comparison.passes]
    for check in dict.fromkeys(comparison.check for comparison in failed):
        wrong = [comparison for comparison in failed if comparison.check == check]
        coarse = any(c.special or c.normwise > math.sqrt(DTYPES[dtype].u) for c in wrong)
        worst = wrong[0].worst()
        ulps = "" if worst.error_ulps is None else f" ({worst.error_ulps:.3g} ulp away)"
        place = ", ".join(map(str, worst.index))
        message = (
            f"{worst.array}[{place}] is {worst.got}; expected {worst.expected} "
            f"± {worst.tolerance}{ulps}; {worst.wrong} of {worst.size} elements are off"
        )
        yield Problem("differs" if coarse else "inaccurate", check, message, worst=worst)


def _explained(
    problems: Sequence[Problem],
    comparisons: Sequence[Comparison],
    expectation: Expectation,
    answer: Answer,
    others: Sequence[Profile],
) -> list[Problem]:
    """The problems, those of numbers with the first profile that is not declared but would explain them.

    One that explains them all is told of each; else each has its own, since what one array suffers from is
    no less known where another suffers from something else.
    """
    under = [(profile.name, _explains(profile, expectation, answer)) for profile in others]
    whole = next((name for name, explained in under if len(explained) == len(comparisons)), None)

    def told(problem: Problem) -> Problem:
        mine = {n for n, one in enumerate(comparisons) if not one.passes and one.check == problem.check}
        name = whole or next((name for name, explained in under if mine <= explained), None)
        return msgspec.structs.replace(problem, explained_by=name)

    return [told(problem) if problem.worst else problem for problem in problems]


def _explains(profile: Profile, expectation: Expectation, answer: Answer) -> set[int]:
    """Which comparisons pass under a profile."""
    comparisons = compare(*_comparable(expectation.under(profile), answer))
    return {n for n, comparison in enumerate(comparisons) if comparison.passes and comparison.resolved}
