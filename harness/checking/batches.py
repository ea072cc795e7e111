"""Samples of a batch: along which axis they are independent, and what each gives alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..judging.expectation import Expectation

__all__ = ["Batch", "batches", "outputs_on", "positions"]

Array = np.ndarray[Any, Any]


def outputs_on(expectation: Expectation, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    """Outputs of the reference on these arrays, for their shapes."""
    if arrays is expectation.inputs:
        return tuple(np.asarray(y) for y in expectation.forward())
    return tuple(np.asarray(y) for y in Expectation(expectation.case, inputs=arrays).forward())


@dataclass(frozen=True)
class Batch:
    """An axis along which samples are independent: its name, and where inputs and outputs have it."""

    name: str
    length: int
    inputs: Mapping[str, int]
    outputs: tuple[int, ...]

    def alone(self, arrays: Mapping[str, Array], index: int) -> dict[str, Array]:
        """Inputs of one sample alone."""
        return {
            name: np.take(array, [index], self.inputs[name]) if name in self.inputs else array
            for name, array in arrays.items()
        }

    def repeated(self, arrays: Mapping[str, Array], index: int, length: int) -> dict[str, Array]:
        """Inputs in which one sample stands ``length`` times."""
        return {
            name: np.repeat(np.take(array, [index], self.inputs[name]), length, self.inputs[name])
            if name in self.inputs
            else array
            for name, array in arrays.items()
        }

    def parts(self, outputs: Sequence[Array], index: int) -> list[Array]:
        """One sample's part of each output."""
        return [np.take(y, [index], axis) for y, axis in zip(outputs, self.outputs, strict=True)]


def batches(expectation: Expectation) -> Iterator[Batch]:
    """Axes along which the reference's result for a sample does not depend on the others.

    Found by computation: the other samples are changed, and the sample's outputs must not.
    """
    spec, names = expectation.case.spec, expectation.case.names
    for axis in spec.axis_names:
        where = positions(expectation, axis)
        length = names[axis]
        if not where or length < 2:
            continue
        whole = [np.asarray(y) for y in expectation.forward()]
        batch = Batch(axis, length, where, ())
        try:
            alone = [np.asarray(y) for y in outputs_on(expectation, batch.alone(expectation.inputs, 0))]
            places = tuple(_split_axis(y, z, length) for y, z in zip(whole, alone, strict=True))
            if None in places:
                continue
            batch = replace(batch, outputs=tuple(p for p in places if p is not None))
            rolled = outputs_on(expectation, _other_samples(expectation.inputs, where))
        except (ValueError, IndexError):
            continue
        if all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in zip(batch.parts(whole, 0), batch.parts(rolled, 0), strict=True)
        ):
            yield batch


def positions(expectation: Expectation, axis: str) -> dict[str, int]:
    """Which axis of each input has this name alone as its length."""
    found: dict[str, int] = {}
    for given in expectation.case.given:
        lengths = [text.strip() for text in given.axes.split(",")]
        if axis in lengths:
            before, after = lengths[: lengths.index(axis)], lengths[lengths.index(axis) + 1 :]
            if not any("*" in text for text in before):
                found[given.name] = len(before)
            elif not any("*" in text for text in after):
                found[given.name] = np.ndim(expectation.inputs[given.name]) - 1 - len(after)
    mentioned = [g.name for g in expectation.case.given if axis in g.axes.replace(",", " ").split()]
    return found if len(found) == len(mentioned) else {}


def _split_axis(whole: Array, alone: Array, length: int) -> int | None:
    """The one axis on which a result for a single sample is shorter."""
    if whole.ndim != alone.ndim:
        return None
    differing = [a for a in range(whole.ndim) if whole.shape[a] != alone.shape[a]]
    fits = len(differing) == 1 and whole.shape[differing[0]] == length and alone.shape[differing[0]] == 1
    return differing[0] if fits else None


def _other_samples(arrays: Mapping[str, Array], where: Mapping[str, int]) -> dict[str, Array]:
    """The inputs with every sample but the first replaced by the last; by the first where there are two.

    No sum over the samples stays the same, as it would in another order.
    """
    changed = {}
    for name, array in arrays.items():
        if name in where:
            length = array.shape[where[name]]
            order = [0, *[length - 1 if length > 2 else 0] * (length - 1)]
            array = np.take(array, order, where[name])
        changed[name] = array
    return changed
