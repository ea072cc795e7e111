"""Faults: what a layer can get wrong. Those written for it, those of its spec, and those of any layer.

A general fault spoils a right result, of the outputs or of the gradients. Where it changes nothing (there is
no NaN to swallow) it is no fault of that case.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, dtype, nearest, round_to, widen
from ...numerics.simulated import Arithmetic
from ...specs.language.spec import Spec
from ...specs.language.variant import Fault
from ...specs.variants import faults_of
from ..judging.expectation import Expectation
from ..judging.judge import Answer
from .generated import generated
from .variants import (
    GeneralFault,
    Result,
    correct,
    expected,
    fingerprint,
    inner,
    right_fingerprint,
    run,
    simulated,
)
from .variants import answer as answer_of_variant

__all__ = ["GENERAL", "GeneralFault", "answer", "answers", "faults", "is_right", "result", "returned"]

Array = np.ndarray[Any, Any]
Spoil = Callable[[Array, Expectation], Array]


def faults(spec: Spec) -> tuple[Fault | GeneralFault, ...]:
    """Every fault of a spec: those written for it, those that follow from it, then the general ones."""
    return (*faults_of(spec), *generated(spec), *GENERAL)


def answers(
    fault: Fault | GeneralFault, expectations: Iterable[Expectation]
) -> Iterator[tuple[Expectation, Answer]]:
    """What an implementation with the fault returns to those questions where it makes a difference.

    A fault of little patience is put no more once so many have shown none.
    """
    patience = getattr(fault, "patience", math.inf)
    for expectation in expectations:
        found = returned(fault, expectation)
        if found is None:
            continue
        if not is_right(fault, expectation, found):
            patience = math.inf
            yield expectation, found
        elif (patience := patience - 1) == 0:
            return


def answer(fault: Fault | GeneralFault, expectation: Expectation) -> Answer | None:
    """What an implementation with the fault returns; None where it is no fault or cannot be asked."""
    found = returned(fault, expectation)
    return None if found is None or is_right(fault, expectation, found) else found


def returned(fault: Fault | GeneralFault, expectation: Expectation) -> Answer | None:
    """What an implementation with the fault returns, right or not; None where it cannot be asked."""
    if isinstance(fault, Fault):
        return answer_of_variant(fault, expectation)
    try:
        spoilt = fault.spoil(expectation)
        return fault.mark(spoilt.stored(expectation.case)) if spoilt else None
    except ValueError as error:
        return Answer(error=str(error))


def is_right(fault: Fault | GeneralFault, expectation: Expectation, found: Answer) -> bool:
    """Whether what a fault returned is right, so that it is no fault of that question."""
    return not getattr(fault, "draws_once", False) and fingerprint(found) == right_fingerprint(expectation)


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
    other = correct(expected(dataclasses.replace(expectation.case, seed=expectation.case.seed + 1)))
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
