"""What would explain a wrong result: another rounding, another option, a fault of the spec or of kernels.

A cause is told only if it holds on the first failing case and on the smallest as well: one of them alone is
often too small, or too special, to tell options apart.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...numerics.dtypes import widen
from ...numerics.profiles import profiles
from ...specs.language.case import encode as text_of
from ...specs.language.variant import Fault
from ..auditing.faults import GeneralFault, faults
from ..auditing.faults import answer as wrong_answer
from ..judging.expectation import Expectation, Expected
from ..judging.judge import Answer, Comparison, Judgement, compare
from .examination import Looker
from .held import Forward

__all__ = ["Causes", "Judged"]

Array = np.ndarray[Any, Any]
Judged = tuple[Expectation, Answer, Judgement]
"""A wrong answer, with what was expected and what the judge said."""

FAULTS = 3
"""Faults of the spec that are named as a cause at most."""


class Causes:
    """Looks for what would explain an answer."""

    def __init__(self, looker: Looker) -> None:
        self.looker = looker

    def of(self, failed: Sequence[Judged], further: Sequence[Judged] = ()) -> tuple[str, ...]:
        """What explains every one of several wrong answers, most telling first.

        Where several things do, those that explain the ``further`` answers as well are told alone.
        """
        with np.errstate(all="ignore"):
            return self._of(failed, further)

    def _of(self, failed: Sequence[Judged], further: Sequence[Judged]) -> tuple[str, ...]:
        first, *others = [list(self._found(*one)) for one in failed]
        held = [cause for cause in first if all(cause in found for found in others)]
        for one in further:
            if len(held) > 1:
                found = set(self._found(*one))
                held = [cause for cause in held if cause in found] or held
        exact = [cause for cause in held if cause.startswith(GIVES)][:FAULTS]
        alike = [cause for cause in held if cause.startswith(ALIKE)][:1]
        rest = [cause for cause in held if not cause.startswith((GIVES, ALIKE))]
        return (*rest, *exact, *(() if exact else alike))

    def _found(self, expectation: Expectation, answer: Answer, judgement: Judgement) -> Iterator[str]:
        case = expectation.case
        if judgement.explained_by:
            summary = next(p.summary for p in profiles(case.dtype) if p.name == judgement.explained_by)
            yield f"rounding as in the profile {judgement.explained_by} would explain it: {summary}"
        for parameter in self.looker.questions.spec.parameters:
            for value in parameter.values:
                if value != case.arguments[parameter.name]:
                    other = expectation.asking({}, {parameter.name: value})
                    if not self._refuted(other, answer):
                        yield f"it computes {parameter.name}={text_of(value)}: {parameter.meaning}"
        yield from self._faults(expectation, answer)

    def _faults(self, expectation: Expectation, answer: Answer) -> Iterator[str]:
        """Faults that give the same values, or else that are wrong in the same places."""
        got = (*answer.outputs, *answer.gradients)
        expected = expectation.under(self.looker.held.loosest(expectation.case.dtype))[: len(got)]
        spec, tiles = self.looker.questions.spec, tuple(self.looker.questions.tiles)
        for fault in (*padded(spec.name, tiles), *faults(spec)):
            arrays = self._wrong(fault, expectation, len(got))
            if [(a.shape, a.dtype) for a in arrays] != [(a.shape, a.dtype) for a in got]:
                continue
            if all(comparison.passes for comparison in compare(expected, arrays)):
                continue
            if all(_agree(e, a, b) for e, a, b in zip(expected, got, arrays, strict=True)):
                yield f"{GIVES} “{fault.name}” gives"
            elif _same_places(compare(expected, got), compare(expected, arrays)):
                yield f"{ALIKE} “{fault.name}”"

    def _wrong(self, fault: Fault | GeneralFault, expectation: Expectation, count: int) -> tuple[Array, ...]:
        try:
            wrong = wrong_answer(fault, expectation)
        except (ValueError, IndexError, ZeroDivisionError):  # it makes no sense of this case
            return ()
        return () if wrong is None else (*wrong.outputs, *wrong.gradients)[:count]

    def _refuted(self, expectation: Expectation, answer: Answer) -> bool:
        """Whether the answer is wrong for this expectation as well."""
        asked = expectation if answer.gradients else Forward(expectation)
        try:
            return self.looker.held.verdict(asked, answer, explain=False).failing
        except (ValueError, IndexError):  # with that value the case makes no sense
            return True


GIVES, ALIKE = "it gives what the fault", "it is wrong in the same places as the fault"


def _agree(expected: Expected, got: Array, wrong: Array) -> bool:
    """Whether two results lie as close together as either might lie to what is expected."""
    one, other = widen(got), widen(wrong)
    with np.errstate(all="ignore"):
        near = np.abs(one - other) <= 2 * expected.tolerance
    return bool(np.all(near | (one == other) | (np.isnan(one) & np.isnan(other))))


def _same_places(got: Sequence[Comparison], wrong: Sequence[Comparison]) -> bool:
    """Whether two results are wrong in exactly the same places, and these are not all."""
    places = [[~(c.ratio <= 1.0) for c in comparisons] for comparisons in (got, wrong)]
    same = all(np.array_equal(a, b) for a, b in zip(*places, strict=True))
    return same and any(p.any() and not p.all() for p in places[0])


# --- what kernels get wrong and layers do not: the lanes behind the end of a row ---


Width = Callable[[int], int]

BLOCKS = (16, 32, 64, 128)
"""Widths of blocks that rows are padded to, beside those of the user and powers of two."""


def padded(name: str, tiles: Sequence[int]) -> Iterator[Fault]:
    """Faults of lanes of padding: rows are loaded into a block of zeros, which count in a statistic."""
    references = PADDED.get(name, {})
    for told, reference in references.items():
        yield Fault(
            name=f"{told}, up to a power of two", reference=functools.partial(reference, _power_of_two)
        )
        for block in dict.fromkeys((*tiles, *BLOCKS)):
            width = functools.partial(_multiple, block)
            yield Fault(
                name=f"{told}, up to a multiple of {block}", reference=functools.partial(reference, width)
            )


def _power_of_two(length: int) -> int:
    return 1 << max(length - 1, 0).bit_length()


def _multiple(block: int, length: int) -> int:
    return -(-length // block) * block


def _layer_norm_of_padded(
    width: Width, x: Any, scale: Any = None, bias: Any = None, *, epsilon: float
) -> Any:
    """``x - μ`` is taken of the padding as well: each lane of it adds ``μ²`` to the sum of squares."""
    length = x.shape[-1]
    mean = np.sum(x, axis=-1, keepdims=True) / length
    squares = np.sum(np.square(x - mean), axis=-1, keepdims=True) + (width(length) - length) * np.square(mean)
    return _affine((x - mean) / np.sqrt(squares / length + epsilon), scale, bias)


def _layer_norm_by_width(width: Width, x: Any, scale: Any = None, bias: Any = None, *, epsilon: float) -> Any:
    """Mean and variance divide by the width of the block."""
    wide = width(x.shape[-1])
    mean = np.sum(x, axis=-1, keepdims=True) / wide
    squares = np.sum(np.square(x - mean), axis=-1, keepdims=True)
    return _affine((x - mean) / np.sqrt(squares / wide + epsilon), scale, bias)


def _rms_norm_by_width(width: Width, x: Any, scale: Any = None, *, epsilon: float) -> Any:
    """The mean of squares divides by the width of the block."""
    square = np.sum(np.square(x), axis=-1, keepdims=True) / width(x.shape[-1])
    return _affine(x / np.sqrt(square + epsilon), scale, None)


def _softmax_of_padded(width: Width, x: Any, *, axis: int) -> Any:
    """Lanes of padding hold 0 and not minus infinity: each adds to the sum."""
    length = x.shape[axis]
    lanes = width(length) - length
    top = np.max(x, axis=axis, keepdims=True)
    top = np.maximum(top, 0.0) if lanes else top
    powers = np.exp(x - top)
    return powers / (np.sum(powers, axis=axis, keepdims=True) + lanes * np.exp(-top))


def _affine(y: Any, scale: Any, bias: Any) -> Any:
    y = y if scale is None else y * scale
    return y if bias is None else y + bias


PADDED: dict[str, dict[str, Callable[..., Any]]] = {
    "layer_norm": {
        "lanes of padding counted in the variance": _layer_norm_of_padded,
        "the width of the block taken for the number of channels": _layer_norm_by_width,
    },
    "rms_norm": {"the width of the block taken for the number of channels": _rms_norm_by_width},
    "softmax": {"lanes of padding counted in the sum": _softmax_of_padded},
}
"""By spec: what the lanes of padding do."""
