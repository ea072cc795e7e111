"""What would explain a wrong result: another rounding, another option, a fault of the spec or of kernels.

A cause foretells what the kernel gives. It is told only if that is so on the first failing case, on the
smallest, on others that failed, and on further ones that are put to the kernel for this: one case alone is
often too small, or too special, to tell options apart. If no cause explains it, none is told.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numerics.dtypes import widen
from ...numerics.profiles import Profile, profiles
from ...numerics.simulated import to_precision
from ...specs.language.case import encode as text_of
from ...specs.language.variant import Fault
from ..auditing.faults import GeneralFault, faults
from ..auditing.faults import answer as wrong_answer
from ..auditing.variants import correct, inner, simulated
from ..judging.expectation import Expectation, Expected
from ..judging.judge import Answer, Comparison, Judgement, compare
from .examination import Examiner, without_special
from .held import Forward
from .kernel_faults import kernel_faults

__all__ = ["Causes", "Judged"]

Array = np.ndarray[Any, Any]
Ask = Callable[[], Iterator["Judged"]]
"""Puts further questions to the kernel, one after the other."""

FAULTS = 3
"""Faults that are named as a cause at most."""


@dataclass(frozen=True)
class Judged:
    """An answer of the kernel, with what was expected and what the judge said.

    ``check`` is what failed first. ``alike`` says whether the case has the options and the data of that one,
    and ``further`` whether it is asked beside the first case and the smallest.
    """

    expectation: Expectation
    answer: Answer
    judgement: Judgement
    check: str
    alike: bool = True
    further: bool = False

    @property
    def gradients(self) -> bool:
        """Whether gradients are to be explained, or else outputs and states."""
        return self.check in ("gradients", "backward") and bool(self.answer.gradients)

    @property
    def plain(self) -> bool:
        """Whether numbers alone are to be explained, and not what is none."""
        return self.check in ("values", "tails", "sizes", "gradients")

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What is to be explained."""
        return self.answer.gradients if self.gradients else self.answer.outputs

    def half(self, given: Answer) -> tuple[Array, ...]:
        """The same arrays of another answer."""
        return given.gradients if self.gradients else given.outputs


@dataclass(frozen=True)
class Cause:
    """What would explain an answer: ``told`` is its line, ``holds`` whether it foretells an answer.

    ``holds`` gives None where the cause makes no difference, so that what is right is as it foretells.
    ``foretells`` names what it gives in the same bits as other causes do.
    """

    told: str
    holds: Callable[[Judged], bool | None]
    foretells: str = ""
    weak: bool = False


class Causes:
    """Looks for what would explain an answer."""

    def __init__(self, examiner: Examiner) -> None:
        self.examiner = examiner

    def of(
        self, failed: Sequence[Judged], further: Sequence[Judged] = (), ask: Ask = lambda: iter(())
    ) -> tuple[str, ...]:
        """What explains every one of several wrong answers, most telling first.

        Args:
            failed: the first wrong answer and the smallest one.
            further: others, which tell causes apart.
            ask: asks still others, right ones among them, if there is something to tell apart.
        """
        with np.errstate(all="ignore"):
            held = [cause for cause in self._candidates(failed[0]) if all(map(cause.holds, failed))]
            held = _told_apart(held, further)
            return tuple(_lines(_told_apart(held, ask()) if held else []))

    def _candidates(self, first: Judged) -> Iterator[Cause]:
        """Every cause that holds on the first wrong answer."""
        yield from self._roundings(first)
        yield from self._options(first)
        yield from self._faults(first)

    # --- roundings ---

    def _roundings(self, first: Judged) -> Iterator[Cause]:
        name = first.judgement.explained_by
        if name:
            summary = next(p.summary for p in profiles(first.expectation.case.dtype) if p.name == name)
            cause = Cause(
                f"rounding as in the profile {name} would explain it: {summary}",
                lambda judged: self._rounds_as(name, judged),
            )
            if cause.holds(first):
                yield cause

    def _rounds_as(self, name: str, judged: Judged) -> bool | None:
        """Whether the errors are such as that rounding makes, and not merely as small."""
        if not self._fails(judged):
            return None
        if judged.judgement.explained_by != name:
            return False
        if name in BITS:
            return any(_goes_along(judged, other) for other in _shortened(judged.expectation, BITS[name]))
        return self._is_typical(name, judged)

    def _is_typical(self, name: str, judged: Judged) -> bool:
        """Whether errors are as large as is usual under a profile: a loose one explains all that is small."""
        profile = next(p for p in profiles(judged.expectation.case.dtype) if p.name == name)
        return max(c.margin.rms for c in compare(self._expected(judged, profile), judged.arrays)) > TYPICAL

    # --- options ---

    def _options(self, first: Judged) -> Iterator[Cause]:
        for parameter in self.examiner.scope.spec.parameters:
            asked = first.expectation.parameters[parameter.name]
            for value in parameter.values:
                if value == asked:
                    continue
                other = first.expectation.asking({}, {parameter.name: value})
                if not self._refuted(other, first.answer):
                    told = f"it computes {parameter.name}={text_of(value)}: {parameter.meaning}"
                    holds = functools.partial(self._has_option, parameter.name, asked, value)
                    foretold = first.half(correct(other).stored(first.expectation.case))
                    yield Cause(told, holds, _bits(foretold))

    def _has_option(self, name: str, asked: Any, value: Any, judged: Judged) -> bool | None:
        """Whether an answer is that of another value than is ``asked``; None where something else is."""
        if judged.expectation.parameters[name] != asked:
            return None
        return not self._refuted(judged.expectation.asking({}, {name: value}), judged.answer)

    def _refuted(self, expectation: Expectation, answer: Answer) -> bool:
        """Whether the answer is wrong for this expectation as well."""
        asked = expectation if answer.gradients else Forward(expectation)
        try:
            return self.examiner.held.verdict(asked, answer, explain=False).failing
        except (ValueError, IndexError):  # with that value the case makes no sense
            return True

    # --- faults ---

    def _faults(self, first: Judged) -> Iterator[Cause]:
        """Faults that give the same values, or else that are wrong in the same places."""
        spec, tiles = self.examiner.scope.spec, tuple(self.examiner.scope.tiles)
        for fault in (*kernel_faults(spec, tiles), *faults(spec)):
            arrays = self._given(fault, first)
            if arrays is None or not self._differs(first, arrays):
                continue
            if self._agrees(first, arrays):
                told = f"it gives what the fault “{fault.name}” gives"
                yield Cause(told, functools.partial(self._has_fault, fault, self._agrees), _bits(arrays))
            elif self._stands_alike(first, arrays):
                told = f"it is wrong in the same places as the fault “{fault.name}”"
                holds = functools.partial(self._has_fault, fault, self._stands_alike)
                yield Cause(told, holds, _bits(arrays), weak=True)

    def _has_fault(
        self,
        fault: Fault | GeneralFault,
        like: Callable[[Judged, Sequence[Array]], bool],
        judged: Judged,
    ) -> bool | None:
        """Whether an answer is ``like`` that of the fault; None where both are right."""
        arrays, fails = self._given(fault, judged), self._fails(judged)
        if arrays is None or not self._differs(judged, arrays):
            return False if fails else None
        return fails and like(judged, arrays)

    def _given(self, fault: Fault | GeneralFault, judged: Judged) -> tuple[Array, ...] | None:
        """What the fault gives there; None where it makes no sense of the case, or no difference."""
        try:
            wrong = wrong_answer(fault, judged.expectation)
        except (ValueError, IndexError, ArithmeticError):
            return None
        arrays = () if wrong is None else judged.half(wrong)
        same = [(a.shape, a.dtype) for a in arrays] == [(a.shape, a.dtype) for a in judged.arrays]
        return arrays if arrays and same else None

    def _expected(self, judged: Judged, profile: Profile | None = None) -> tuple[Expected, ...]:
        expectation, count = judged.expectation, len(judged.answer.outputs)
        under = expectation.under(profile or self.examiner.held.loosest(expectation.case.dtype))
        return under[count:] if judged.gradients else under[:count]

    def _fails(self, judged: Judged) -> bool:
        """Whether there is something to explain."""
        compared = compare(self._expected(judged), judged.arrays)
        if judged.plain:
            return not all((without_special(comparison) or comparison).passes for comparison in compared)
        if judged.further and judged.check == "special values":
            return any(comparison.special for comparison in compared)
        return not all(comparison.passes for comparison in compared)

    def _differs(self, judged: Judged, arrays: Sequence[Array]) -> bool:
        return not all(comparison.passes for comparison in compare(self._expected(judged), arrays))

    def _agrees(self, judged: Judged, arrays: Sequence[Array]) -> bool:
        """Whether two results lie as close together as either might lie to what is expected.

        NaN and infinity are a failure of their own: what is plainly wrong is explained beside them, and they
        beside what is plainly wrong in further cases.
        """
        each = zip(self._expected(judged), judged.arrays, arrays, strict=True)
        return all(_near(expected, got, wrong, judged) for expected, got, wrong in each)

    def _stands_alike(self, judged: Judged, arrays: Sequence[Array]) -> bool:
        expected = self._expected(judged)
        return _same_places(compare(expected, judged.arrays), compare(expected, arrays))


def _told_apart(causes: Sequence[Cause], others: Iterator[Judged] | Sequence[Judged]) -> list[Cause]:
    """The causes that foretell every further answer.

    One that a right answer refutes is none, nor one that does not foretell a wrong answer to the same options
    and data. Under other options and data there may be further faults: what does not hold there gives way to
    what does.
    """
    left = list(causes)
    for judged in others:
        holding = [cause for cause in left if cause.holds(judged) is not False]
        if holding or judged.alike or not judged.judgement.failing:
            left = holding
        if not left:
            break
    return left


def _lines(causes: Sequence[Cause]) -> Iterator[str]:
    """What is told: each cause once, however many ways there are to say it; a weak one if all are."""
    strong = [cause for cause in causes if not cause.weak]
    seen = set[str]()
    count = 0
    for cause in strong or causes[:1]:
        if cause.foretells not in seen and cause.told not in seen:
            count += 1
            yield cause.told
        seen |= {cause.foretells, cause.told} - {""}
        if count == FAULTS:
            return


def _near(expected: Expected, got: Array, wrong: Array, judged: Judged) -> bool:
    """Whether two results agree in the numbers that are to be explained, or in what is none."""
    one, other = widen(got), widen(wrong)
    near = np.abs(one - other) <= 2 * expected.tolerance
    near |= (one == other) | (np.isnan(one) & np.isnan(other))
    if judged.plain:
        near |= ~np.isfinite(one) & np.isfinite(expected.value)
    elif judged.further and judged.check == "special values":
        near |= np.isfinite(one) & np.isfinite(other)
    return bool(np.all(near))


def _bits(arrays: Sequence[Array]) -> str:
    """A name of these very numbers."""
    return Answer(tuple(arrays)).digest


def _same_places(got: Sequence[Comparison], wrong: Sequence[Comparison]) -> bool:
    """Whether two results are wrong in exactly the same places, and these are not all."""
    places = [[~(c.ratio <= 1.0) for c in comparisons] for comparisons in (got, wrong)]
    same = all(np.array_equal(a, b) for a, b in zip(*places, strict=True))
    return same and any(p.any() and not p.all() for p in places[0])


# --- which rounding it was ---

BITS = {"tf32": 11, "bfloat16-inputs": 8}
"""Significant bits that profiles leave of the inputs of contractions."""

TYPICAL = 0.1
"""Typical error in units of the deviation that a profile carries, below which it explains too much."""


def _shortened(expectation: Expectation, bits: int) -> Iterator[Sequence[Array]]:
    """What contractions of shorter factors give: everywhere, or of inputs alone, rounded or cut off."""
    arithmetic = dataclasses.replace(inner(expectation.case.dtype), bits_in=bits)
    yield simulated(expectation, arithmetic).arrays
    factors = {n: a for n, a in expectation.inputs.items() if a.ndim > 1 and a.dtype.kind not in "biu"}
    for shorter in (to_precision, _cut):
        short = {name: shorter(widen(array), 2.0**-bits) for name, array in factors.items()}
        yield correct(expectation.asking(short)).arrays


def _cut(array: Array, u: float) -> Array:
    """Numbers of which ``-log2(u)`` significant bits are left, the others cut off."""
    significand, exponent = np.frexp(array)
    cut: Array = np.ldexp(np.trunc(significand / u) * u, exponent)
    return cut


def _goes_along(judged: Judged, other: Sequence[Array]) -> bool:
    """Whether errors are those of another result: what that leaves of them is less than half."""
    count = len(judged.answer.outputs)
    right, wrong = (
        each[count:] if judged.gradients else each[:count]
        for each in (correct(judged.expectation).arrays, other)
    )
    total = rest = 0.0
    for got, exact, short in zip(judged.arrays, right, wrong, strict=True):
        scale = np.max(np.abs(exact), initial=0.0, where=np.isfinite(exact)) or 1.0
        wide = widen(got)
        known = np.isfinite(wide) & np.isfinite(exact) & np.isfinite(short)
        total += float(np.sum(np.square((wide - exact) / scale), where=known))
        rest += float(np.sum(np.square((wide - short) / scale), where=known))
    return total > 0 and 4 * rest < total
