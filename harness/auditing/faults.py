"""Faults: what a layer can get wrong. Those of the spec, of its inputs and options, and of any layer.

A general fault spoils a right result, of the outputs or of the gradients. Where it changes nothing (there is
no NaN to swallow) it is no fault of that case.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, dtype, nearest, round_to, widen
from ...numerics.simulated import Arithmetic
from ...specs.language.spec import Parameter, Spec
from ...specs.language.variant import Fault
from ...specs.variants import faults_of
from ..judging.expectation import Expectation
from ..judging.judge import Answer
from ..plan import implementations
from .variants import Result, correct, inner, of_inputs, question, run, simulated
from .variants import answer as answer_of_variant

__all__ = ["GENERAL", "GeneralFault", "answer", "faults", "result"]

Array = np.ndarray[Any, Any]
Spoil = Callable[[Array, Expectation], Array]


@dataclass(frozen=True)
class GeneralFault:
    """A fault that needs no knowledge of the layer: a right result, spoilt, or one of other inputs.

    ``spoil`` takes the expectation and gives the wrong result in float64; ``mark`` changes the stored answer.
    What ``draws_once`` returns the same numbers whatever its seed.
    """

    name: str
    spoil: Callable[[Expectation], Result] = correct
    mark: Callable[[Answer], Answer] = lambda answer: answer
    draws_once: bool = False


def faults(spec: Spec) -> tuple[Fault | GeneralFault, ...]:
    """Every fault of a spec: its own first, then those of its inputs and options, then the general ones."""
    return (*faults_of(spec), *_lost(spec), *_ignored(spec), *GENERAL)


def _lost(spec: Spec) -> Iterator[GeneralFault]:
    """Each input lost, and each read from the neighbouring place: other units, gates, channels.

    Without its mask a layer lets everything count.
    """
    for given in spec.inputs:
        if given.kind != "recovered":
            read, instead = ("ones", np.ones_like) if given.kind == "mask" else ("zeros", np.zeros_like)
            yield GeneralFault(
                f"{given.name} read as {read}", functools.partial(_with_input, given.name, instead)
            )
        if given.differentiable and given.axes:
            shifted = functools.partial(_with_input, given.name, lambda array: np.roll(array, 1, axis=-1))
            yield GeneralFault(f"{given.name} shifted by one along its last axis", shifted)


def _with_input(name: str, change: Callable[[Array], Array], expectation: Expectation) -> Result:
    if name not in expectation.inputs:
        return correct(expectation)
    try:
        return of_inputs(expectation, {name: change(expectation.inputs[name])})
    except ValueError:  # no such input is valid
        return correct(expectation)


def _ignored(spec: Spec) -> Iterator[GeneralFault]:
    """Each option of the reference or its vjp left at its default; where that is refused, it raises.

    The others act through inputs, which are lost above; an option that only invalid cases change is met by
    the case of its constraint.
    """
    acting = {*spec.accepted(spec.reference, spec.defaults), *spec.accepted(spec.vjp, spec.defaults)}
    acting -= {name for c in spec.constraints for name in c.broken_by if len(c.broken_by) > 1}
    for option in spec.parameters:
        if option.name in acting and len(option.values) > 1 and not _pinned(spec, option):
            default = Fault(
                name=f"{option.name} left at its default",
                parameters={option.name: repr(option.default)},
                spoils="both",
            )
            yield GeneralFault(default.name, functools.partial(_defaulting, default, option))


def _pinned(spec: Spec, option: Parameter) -> bool:
    """Whether every implementation fixes an option at its default: kernels alone are asked another value."""
    found = implementations(spec)
    return bool(found) and all(f"{option.name} == {option.default!r}" in b.where for b in found)


def _defaulting(fault: Fault, option: Parameter, expectation: Expectation) -> Result:
    found = run(fault, expectation.asking(_drawn_by_default(option, expectation)))
    if found is None:
        raise ValueError("the default is no option here")
    return found


def _drawn_by_default(option: Parameter, expectation: Expectation) -> dict[str, Array]:
    """What the layer draws where an option is left at its default, and should not draw in this case."""
    case = expectation.case
    if case.spec.recover is None:
        return {}
    left = tuple((name, option.default if name == option.name else v) for name, v in case.parameters)
    default = question(dataclasses.replace(case, parameters=left))
    return {name: default.inputs[name] for name in default.distributions if name not in expectation.inputs}


def answer(fault: Fault | GeneralFault, expectation: Expectation) -> Answer | None:
    """What an implementation with the fault returns; None where it is no fault or cannot be asked."""
    if isinstance(fault, Fault):
        found = answer_of_variant(fault, expectation)
    else:
        found = _answer_of(fault, expectation)
    right = correct(expectation).stored(expectation.case)
    if found is None or (not getattr(fault, "draws_once", False) and _same(found, right)):
        return None
    return found


def _answer_of(fault: GeneralFault, expectation: Expectation) -> Answer:
    try:
        return fault.mark(fault.spoil(expectation).stored(expectation.case))
    except ValueError as error:
        return Answer(error=str(error))


def _same(one: Answer, other: Answer) -> bool:
    """Whether two answers agree to the last bit, and in how they came about."""
    facts = [(a.digest, a.repeats, a.error, a.gradient_error) for a in (one, other)]
    return facts[0] == facts[1]


def result(fault: Fault | GeneralFault, expectation: Expectation) -> Result | None:
    """What an implementation with the fault computes, before it is stored in the case's dtype."""
    with contextlib.suppress(ValueError):
        return run(fault, expectation) if isinstance(fault, Fault) else fault.spoil(expectation)
    return None


# --- spoilt arrays ---


def _last(y: Array, value: Callable[[Array], Any], count: int = 1) -> Array:
    """The last elements replaced by what ``value`` makes of them."""
    flat = y.reshape(-1).copy()
    flat[-count:] = value(flat[-count:])
    return np.asarray(flat.reshape(y.shape))


def _beyond(y: Array, tile: int) -> Array:
    """Zero beyond the last full tile of the last axis; right where the axis fits or has no full tile."""
    full = y.shape[-1] // tile * tile if y.ndim else 0
    if not full or full == y.shape[-1]:
        return y
    return np.concatenate([y[..., :full], np.zeros_like(y[..., full:])], axis=-1)


def _last_row_repeated(y: Array) -> Array:
    return np.concatenate([y[:-1], y[-2:-1]]) if y.ndim and len(y) > 1 else y


def _middle(y: Array, factor: float) -> Array:
    flat = y.reshape(-1).copy()
    flat[len(flat) // 2 : len(flat) // 2 + 1] *= factor
    return np.asarray(flat.reshape(y.shape))


def _clear(expectation: Expectation) -> float:
    """A relative error that is 1 %, and no less than 32 roundoffs: twice as many as 1e-6 is in float32."""
    return max(0.01, 32 * dtype(expectation.case.dtype).u)


def _through(y: Array, expectation: Expectation) -> Array:
    """Stored on the way in the next narrower format."""
    narrower = {"float64": "float32", "float32": "bfloat16"}.get(expectation.case.dtype)
    return nearest(y, dtype(narrower)) if narrower else y


SPOILS: dict[str, Spoil] = {
    "zeros": lambda y, _: np.zeros_like(y),
    "negated": lambda y, _: -y,
    "off by 1 % or 32 roundoffs": lambda y, e: y * (1 + _clear(e)),
    "times 1 + 1e-6": lambda y, _: y * (1 + 1e-6),
    "last element dropped": lambda y, _: _last(y, np.zeros_like),
    "first element never written": lambda y, _: _last(y.reshape(-1)[::-1], lambda e: 3.0 + 0 * e)[
        ::-1
    ].reshape(y.shape),
    "one element off by 1 % or 32 roundoffs": lambda y, e: _middle(y, 1 + _clear(e)),
    "last tile of 16 dropped": lambda y, _: _beyond(y, 16),
    "wrong beyond a multiple of 32": lambda y, _: _beyond(y, 32),
    "last row is the one before": lambda y, _: _last_row_repeated(y),
    "shifted by one": lambda y, _: np.roll(y, 1),
    "laid out in the other order": lambda y, _: y.T.reshape(y.shape),
    "NaN swallowed": lambda y, _: np.where(np.isnan(y), 0.0, y),
    "infinity clipped": lambda y, _: np.where(np.isinf(y), np.copysign(1e4, y), y),
    "infinity becomes NaN": lambda y, _: np.where(np.isinf(y), np.nan, y),
    "a NaN at the end": lambda y, _: _last(y, lambda e: np.full_like(e, np.nan)),
    "stored in a narrower format": _through,
}
"""What goes wrong between a right result and what is returned, on float64 arrays."""


def _spoil_output(spoil: Spoil, expectation: Expectation) -> Result:
    right = correct(expectation)
    first, *others = right.outputs
    return dataclasses.replace(right, outputs=(_spoilt(spoil, first, expectation), *others))


def _spoil_gradients(spoil: Spoil, expectation: Expectation) -> Result:
    right = correct(expectation)
    return dataclasses.replace(
        right, gradients=tuple(_spoilt(spoil, g, expectation) for g in right.gradients)
    )


def _spoilt(spoil: Spoil, array: Array, expectation: Expectation) -> Array:
    if not array.size or array.dtype.kind in "biu":
        return array
    with np.errstate(all="ignore"):
        return spoil(array, expectation)


# --- results of something else ---


def _stale(expectation: Expectation) -> Result:
    """The outputs for other numbers, as if a cache or a buffer were not renewed."""
    other = correct(question(dataclasses.replace(expectation.case, seed=expectation.case.seed + 1)))
    return dataclasses.replace(correct(expectation), outputs=other.outputs)


def _reduced_inputs(bits: int, expectation: Expectation) -> Result:
    """Contractions whose inputs keep so many bits, where the dtype has more."""
    if dtype(expectation.case.dtype).u >= 2.0**-bits:
        return correct(expectation)
    return simulated(expectation, dataclasses.replace(inner(expectation.case.dtype), bits_in=bits))


LONG = 128
"""Length of an axis from which on a half type cannot hold the count of its places and a fraction."""


def _low_accumulator(expectation: Expectation) -> Result:
    """Partial sums in the half type itself, or in bfloat16 for wider ones, where sums may be long."""
    if max(expectation.case.size) < LONG:
        return correct(expectation)
    half = dtype(expectation.case.dtype)
    half = half if half.u > DTYPES["float32"].u else DTYPES["bfloat16"]
    return simulated(expectation, Arithmetic(dtype(expectation.case.dtype), half))


def _as(name: str) -> Callable[[Answer], Answer]:
    """The same numbers in another format."""

    def mark(answer: Answer) -> Answer:
        return dataclasses.replace(answer, outputs=tuple(_converted(y, name) for y in answer.outputs))

    return mark


def _converted(y: Array, name: str) -> Array:
    return y if y.dtype.kind in "biu" else round_to(widen(y), dtype(name))


GENERAL: tuple[GeneralFault, ...] = (
    *(GeneralFault(name, functools.partial(_spoil_output, spoil)) for name, spoil in SPOILS.items()),
    *(
        GeneralFault(f"gradients: {name}", functools.partial(_spoil_gradients, spoil))
        for name, spoil in SPOILS.items()
    ),
    GeneralFault("stale output", _stale),
    GeneralFault("contractions of TF32 inputs", functools.partial(_reduced_inputs, 11)),
    GeneralFault("contractions of bfloat16 inputs", functools.partial(_reduced_inputs, 8)),
    GeneralFault("long sums in a half type", _low_accumulator),
    GeneralFault("other bits at each run", mark=lambda answer: dataclasses.replace(answer, repeats=False)),
    GeneralFault("same numbers for every seed", draws_once=True),
    GeneralFault("raises", mark=lambda _: Answer(error="ValueError")),
    GeneralFault("returned as float64", mark=_as("float64")),
    GeneralFault("returned as float32", mark=_as("float32")),
    GeneralFault(
        "one axis too many",
        mark=lambda answer: dataclasses.replace(answer, outputs=tuple(y[..., None] for y in answer.outputs)),
    ),
    GeneralFault(
        "last output missing", mark=lambda answer: dataclasses.replace(answer, outputs=answer.outputs[:-1])
    ),
    GeneralFault(
        "gradient raises",
        mark=lambda answer: dataclasses.replace(answer, gradient_error="NotImplementedError"),
    ),
)
"""Faults that any layer can have."""
