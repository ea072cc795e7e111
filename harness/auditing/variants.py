"""What a variant of a layer returns for a case, as if it were an implementation under test."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, dtype, round_to, widen
from ...numerics.generator import Stream
from ...numerics.simulated import Arithmetic, Simulated, simulate
from ...specs.language.case import Case
from ...specs.language.spec import evaluate
from ...specs.language.variant import Variant, call_by_name
from ..judging.expectation import Expectation
from ..judging.judge import Answer

__all__ = [
    "Fingerprint",
    "GeneralFault",
    "Result",
    "answer",
    "correct",
    "expected",
    "fingerprint",
    "forget",
    "gradients_of",
    "inner",
    "outputs_of",
    "right_fingerprint",
    "run",
    "simulated",
]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Result:
    """Outputs, states and gradients, in float64 or as integers, before they are stored."""

    outputs: tuple[Array, ...]
    gradients: tuple[Array, ...]

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All of them, in the order of the expected ones."""
        return (*self.outputs, *self.gradients)

    def stored(self, case: Case) -> Answer:
        """The answer of an implementation that computed this: rounded once to the case's dtype."""
        outputs, gradients = (
            tuple(_store(array, case.dtype) for array in arrays) for arrays in (self.outputs, self.gradients)
        )
        return Answer(outputs, gradients)


def _store(array: Array, name: str) -> Array:
    return array if array.dtype.kind in "biu" else round_to(array, dtype(name))


def expected(case: Case, seed: int = 0) -> Expectation:
    """The expectation of a case; what a stochastic layer draws is drawn here, from the seed."""
    stream = Stream(f"{case.id}/drawn/{seed}")
    return Expectation(case, recovered=Expectation(case).drawn(stream))


@functools.lru_cache(maxsize=1024)
def correct(expectation: Expectation) -> Result:
    """What is right, in float64."""
    return simulated(expectation, None)


Fingerprint = tuple[str, int, bool, str, str]


def fingerprint(answer: Answer) -> Fingerprint:
    """What two answers have in common that agree to the last bit, and in how they came about."""
    return answer.digest, len(answer.outputs), answer.repeats, answer.error, answer.gradient_error


@functools.lru_cache(maxsize=1024)
def right_fingerprint(expectation: Expectation) -> Fingerprint:
    """That of what is right, stored in the case's dtype."""
    return fingerprint(correct(expectation).stored(expectation.case))


def forget() -> None:
    """Let go of what is kept for the questions so far."""
    correct.cache_clear()
    right_fingerprint.cache_clear()


@dataclass(frozen=True)
class GeneralFault:
    """A fault that is not written for a layer: a right result, spoilt, or that of another question.

    Attributes:
        name: what is wrong, in plain words.
        spoil: gives the wrong result in float64; None where there is none.
        mark: changes the stored answer.
        draws_once: whether it draws the same numbers whatever its seed.
        essential: whether a spec is at fault in none of whose cases it makes a difference.
        patience: how many questions may show no difference before it is put no more.
    """

    name: str
    spoil: Callable[[Expectation], Result | None] = correct
    mark: Callable[[Answer], Answer] = lambda answer: answer
    draws_once: bool = False
    essential: bool = False
    patience: float = math.inf

    @property
    def may_be_idle(self) -> bool:
        """Whether it is no matter where it makes no difference in any case."""
        return math.isfinite(self.patience)


def outputs_of(expectation: Expectation) -> tuple[Array, ...]:
    """Outputs and states alone, in float64."""
    return _outputs(expectation, None)


def gradients_of(expectation: Expectation) -> tuple[Array, ...]:
    """Gradients alone, in float64."""
    return _gradients(expectation, None)


def simulated(expectation: Expectation, arithmetic: Arithmetic | None) -> Result:
    """The reference itself, in some arithmetic; in float64 for None."""
    return Result(_outputs(expectation, arithmetic), _gradients(expectation, arithmetic))


def inner(name: str) -> Arithmetic:
    """The arithmetic in which implementations of a dtype compute when they take care."""
    return Arithmetic(DTYPES["float32"] if dtype(name).u > DTYPES["float32"].u else dtype(name))


def answer(variant: Variant, expectation: Expectation) -> Answer | None:
    """What an implementation of the variant returns; None where it is no different or cannot be asked."""
    result = run(variant, expectation)
    return result.stored(expectation.case) if result else None


def run(variant: Variant, expectation: Expectation) -> Result | None:
    """The variant's result before it is stored."""
    names = expectation.case.names
    if not evaluate(variant.where, names):
        return None
    right = correct(expectation)
    arithmetic = inner(expectation.case.dtype) if variant.rounds else None
    try:
        wrong = _changed(variant, expectation)
        outputs, gradients = right.outputs, right.gradients
        if variant.spoils != "gradients":
            outputs = _outputs(wrong, arithmetic, variant.reference)
        both = variant.spoils == "both" and _fits(outputs, right)
        if both or variant.spoils == "gradients" or variant.vjp:
            gradients = _gradients(wrong, arithmetic, variant.vjp)
    except ValueError:  # the changed parameters and inputs do not fit together in this case
        return None
    return _edited(variant, expectation, Result(outputs, gradients))


def _fits(outputs: tuple[Array, ...], right: Result) -> bool:
    """Whether outputs have the shapes of the cotangents, without which they have no gradient."""
    return [y.shape for y in outputs] == [y.shape for y in right.outputs]


def _changed(variant: Variant, expectation: Expectation) -> Expectation:
    """What the variant asks of the reference in the place of what the case asks."""
    case = expectation.case
    values = {name: evaluate(text, case.names) for name, text in variant.parameters.items()}
    named = expectation.named
    given = {
        name: _as_given(call_by_name(f, {**named, "given": named[name]}), expectation.inputs[name])
        for name, f in _present(variant, named)
    }
    return expectation.asking(given, values)


def _present(variant: Variant, named: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, function) for name, function in variant.inputs.items() if named[name] is not None]


def _as_given(value: Any, given: Array) -> Array:
    """Inputs keep their kind; what was integer or boolean stays so."""
    return np.asarray(value, given.dtype) if given.dtype.kind in "biu" else np.asarray(value, np.float64)


def _edited(variant: Variant, expectation: Expectation, result: Result) -> Result:
    """The result with the variant's own changes to outputs, states and gradients."""
    spec, named = expectation.case.spec, expectation.named
    named["cotangent"] = widen(expectation.cotangents[0])
    with np.errstate(all="ignore"):
        outputs = [
            _edit(variant.results.get(name), {**named, "result": array})
            for name, array in zip((*spec.outputs, *spec.states), result.outputs, strict=True)
        ]
        gradients = [
            _edit(variant.gradients.get(name), {**named, "result": array, "gradient": array})
            for name, array in zip(expectation.wrt, result.gradients, strict=True)
        ]
    return Result(tuple(outputs), tuple(gradients))


def _edit(change: Any, named: dict[str, Any]) -> Array:
    return np.asarray(call_by_name(change, named)) if change else named["result"]


def _outputs(
    expectation: Expectation, arithmetic: Arithmetic | None, reference: Any = None
) -> tuple[Array, ...]:
    return tuple(map(_plain, expectation.outputs(_representation(expectation, arithmetic), reference)))


def _gradients(expectation: Expectation, arithmetic: Arithmetic | None, vjp: Any = None) -> tuple[Array, ...]:
    gradients = expectation.gradients(_representation(expectation, arithmetic), vjp)
    return tuple(_plain(gradients[name]) for name in expectation.wrt)


def _representation(expectation: Expectation, arithmetic: Arithmetic | None) -> Callable[[Array], Any]:
    stream = Stream(f"{expectation.case.id}/arithmetic")
    return np.asarray if arithmetic is None else lambda array: simulate(array, arithmetic, stream)


def _plain(array: Any) -> Array:
    return array.value if isinstance(array, Simulated) else np.asarray(array)
