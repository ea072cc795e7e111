"""The judge: compares what an implementation returned with what the reference expects, and gives a verdict.

Checks run in the order of their use to a reader: raised? shape and dtype; NaN, infinity and zero-sign
pattern; values; states; gradients; repeat runs equal. No tolerance is typed here: they come with the
expected arrays, one set per rounding profile, and the tightest profile that explains everything is named.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, decode, widen
from ...numerics.profiles import Profile, profiles
from ...numerics.ulps import ulp_distance
from ..record import FAILING, Margin, Outcome, Worst
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
    repeats: bool = True
    seconds: float = 0.0

    @classmethod
    def from_reply(cls, reply: dict[str, Any]) -> Answer:
        """The answer in a worker's reply."""
        return cls(
            outputs=tuple(decode(*wire) for wire in reply.get("outputs", ())),
            gradients=tuple(decode(*wire) for wire in reply.get("gradients", ())),
            error=reply.get("error", ""),
            gradient_error=reply.get("gradient_error", ""),
            repeats=reply.get("repeats", True),
            seconds=reply["seconds"],
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
    notes: tuple[str, ...] = ()

    @property
    def failing(self) -> bool:
        """Whether a gate does not let it pass."""
        return self.outcome in FAILING


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
    expectation: Expectation, answer: Answer, admitted: Sequence[str] = (), *, explain: bool = True
) -> Judgement:
    """The verdict on ``answer``.

    Args:
        expectation: what the reference expects of the case.
        answer: what the implementation returned.
        admitted: names of profiles that are not declared in general but in force here (``tf32``).
        explain: whether to look among the other profiles for one that explains a failing result.
    """
    case = expectation.case
    if not case.valid:
        return _judge_error(expectation, answer)
    if answer.error:
        return Judgement("rejects", "raised", f"raised where a value is expected: {answer.error}")
    options = [p for p in profiles(case.dtype) if p.declared or p.name in admitted]
    structure = _structure(expectation.under(options[0]), answer, case.dtype)
    if structure:
        return Judgement("differs", "structure", structure)
    got = (*answer.outputs, *answer.gradients)
    comparisons: list[Comparison] = []
    for profile in options:
        comparisons = compare(expectation.under(profile), got)
        if all(comparison.passes for comparison in comparisons):
            return _passed(profile, comparisons, answer, signed_zeros=case.spec.signed_zeros)
    others = [p for p in profiles(case.dtype) if p not in options] if explain else []
    return _failed(expectation, got, comparisons, others)


def _judge_error(expectation: Expectation, answer: Answer) -> Judgement:
    constraint = expectation.case.breaks
    assert constraint is not None
    if answer.error:
        return Judgement("conforms", "raised", f"raised, as {constraint.label} asks: {answer.error}")
    shapes = ", ".join(str(array.shape) for array in answer.outputs)
    rule = f"{constraint.label} ({constraint.meaning})"
    return Judgement("accepts", "raised", f"gave a value of shape {shapes} where {rule} asks for an error")


def _structure(expected: Sequence[Expected], answer: Answer, dtype: str) -> str:
    """What is wrong with the number, shapes and dtypes of the arrays; empty if nothing is."""
    outputs = [e for e in expected if e.check != "gradients"]
    if len(answer.outputs) != len(outputs):
        return f"returned {len(answer.outputs)} arrays; expected {len(outputs)}"
    for wanted, got in zip(outputs, answer.outputs, strict=True):
        problem = _mismatch(wanted, got, dtype)
        if problem:
            return problem
    if answer.gradient_error:
        return f"the value is there but its gradient raises: {answer.gradient_error}"
    gradients = [e for e in expected if e.check == "gradients"]
    if len(answer.gradients) != len(gradients):
        return f"gave {len(answer.gradients)} gradients; expected {len(gradients)}"
    for wanted, got in zip(gradients, answer.gradients, strict=True):
        problem = _mismatch(wanted, got, dtype)
        if problem:
            return problem
    return ""


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


def _passed(
    profile: Profile, comparisons: Sequence[Comparison], answer: Answer, signed_zeros: bool
) -> Judgement:
    margins = tuple(comparison.margin for comparison in comparisons)
    if not answer.repeats:
        return Judgement(
            "differs", "repeats", "a second run on the same inputs gave other bits", margins=margins
        )
    zeros = [name for name in map(_zero_sign, comparisons) if name]
    if zeros and signed_zeros:
        message = f"wrong sign of zero in {', '.join(zeros)}"
        return Judgement("differs", "special values", message, profile.name, margins=margins)
    notes = tuple(f"another sign of zero than the reference in {name}" for name in zeros)
    return Judgement("conforms", profile=profile.name, margins=margins, notes=notes)


def _zero_sign(comparison: Comparison) -> str:
    """Name of an output with zeros of the other sign; a gradient is a sum, whose order decides on it."""
    if comparison.expected.exact or comparison.expected.check == "gradients":
        return ""
    zero = (comparison.expected.value == 0) & (comparison.expected.tolerance == 0)
    other = zero & (np.signbit(widen(comparison.got)) != np.signbit(comparison.expected.value))
    return comparison.expected.name if other.any() else ""


def _failed(
    expectation: Expectation,
    got: Sequence[Array],
    comparisons: Sequence[Comparison],
    others: Sequence[Profile],
) -> Judgement:
    wrong = [comparison for comparison in comparisons if not comparison.passes]
    first = next((c for c in wrong if c.special), wrong[0])
    check = "special values" if first.special else first.expected.check
    unit = DTYPES[expectation.case.dtype].u
    inaccurate = not any(c.special or c.normwise > math.sqrt(unit) for c in wrong)
    worst = first.worst()
    ulps = "" if worst.error_ulps is None else f" ({worst.error_ulps:.3g} ulp away)"
    message = (
        f"{worst.array}[{', '.join(map(str, worst.index))}] is {worst.got}; expected {worst.expected} "
        f"± {worst.tolerance}{ulps}; {worst.wrong} of {worst.size} elements are off"
    )
    return Judgement(
        "inaccurate" if inaccurate else "differs",
        check,
        message,
        explained_by=_explains(expectation, got, others),
        margins=tuple(comparison.margin for comparison in comparisons),
        worst=worst,
    )


def _explains(expectation: Expectation, got: Sequence[Array], others: Sequence[Profile]) -> str | None:
    """The first profile that is not declared but would explain the result."""
    for profile in others:
        if all(c.passes for c in compare(expectation.under(profile), got)):
            return profile.name
    return None
