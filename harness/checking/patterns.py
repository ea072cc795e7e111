"""What wrong elements have in common: the last tile, one column, every masked place, one factor.

Where a kernel is wrong says more than by how much. A pattern is told only where it fits every wrong element,
within the tolerances that the case itself carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["TILES", "Wrong", "patterns", "regions"]

Array = np.ndarray[Any, Any]

TILES = (128, 64, 32, 16, 8)
"""Lengths of tiles that kernels commonly work in, largest first."""


@dataclass(frozen=True)
class Wrong:
    """An array that is wrong somewhere.

    ``got``, ``expected`` and ``tolerance`` are float64 of one shape, and ``wrong`` says where it is wrong.
    ``inputs`` are the arrays that were given, by name; ``tiles`` the lengths of the kernel's own blocks.
    """

    got: Array
    expected: Array
    tolerance: Array
    wrong: Array
    inputs: Mapping[str, Array] = field(default_factory=dict)
    tiles: Sequence[int] = ()

    @property
    def first(self) -> tuple[int, ...]:
        """Index of the first wrong element, in row-major order."""
        return tuple(int(i) for i in np.unravel_index(int(np.argmax(self.wrong)), self.wrong.shape))

    @property
    def finite(self) -> Array:
        """Where element is wrong, and both sides and the tolerance are finite."""
        return self.wrong & np.isfinite(self.got) & np.isfinite(self.expected) & np.isfinite(self.tolerance)


def patterns(wrong: Wrong) -> tuple[str, ...]:
    """What the wrong elements have in common, most telling first; empty where nothing is found."""
    with np.errstate(all="ignore"):
        return tuple(text for find in FINDERS for text in find(wrong))


def regions(places: Array, tiles: Sequence[int] = ()) -> tuple[str, ...]:
    """The part of an array that these places fill; empty where it is none that has a name."""
    zeros = np.zeros(places.shape)
    return tuple(_region(Wrong(zeros, zeros, zeros, places, tiles=tiles)))


# --- what stands there ---


def _one_value(w: Wrong) -> Iterator[str]:
    """Wrong elements all hold the same thing."""
    values = w.got[w.wrong]
    if np.all(np.isnan(values)):
        yield "NaN stands in every wrong place"
    elif np.all(np.isinf(values)):
        yield "infinity stands in every wrong place"
    elif np.all(values == 0):
        yield "0 stands in every wrong place"
    elif len(values) > 1 and np.all(values == values[0]):
        yield f"{values[0]:.6g} stands in every wrong place"


def _factor(w: Wrong) -> Iterator[str]:
    """Wrong elements are the right ones, multiplied."""
    if not _comparable(w) or not np.any(w.got[w.wrong]):
        return
    factor = _factors(w, None)
    if not _scaled(w, factor):
        for axis in range(w.wrong.ndim):
            if _counts(w, axis) and _scaled(w, _factors(w, axis)):
                yield f"each line along axis {axis} is off by a factor of its own"
                return
    elif _scaled(w, np.float64(-1.0)):
        yield "the sign is wrong"
    else:
        yield f"all are off by one factor: {float(factor.reshape(-1)[0]):.6g}"


def _factors(w: Wrong, axis: int | None) -> Array:
    """Ratio of got to expected where the largest magnitude is expected, of all or of each line."""
    size = np.where(w.finite, np.abs(w.expected), -1.0)
    if axis is None:
        top = np.unravel_index(int(np.argmax(size)), size.shape)
        return np.asarray(w.got[top] / w.expected[top])
    place = np.expand_dims(np.argmax(size, axis=axis), axis)
    ratio: Array = np.take_along_axis(w.got / w.expected, place, axis)
    return ratio


def _scaled(w: Wrong, factor: Array | np.float64) -> bool:
    error = np.abs(w.got - factor * w.expected)
    return bool(np.all((error <= (1 + np.abs(factor)) * w.tolerance)[w.wrong]))


def _constant(w: Wrong) -> Iterator[str]:
    """Wrong elements are the right ones, shifted."""
    if not _comparable(w):
        return
    difference = w.got - w.expected
    if _shifted_by(w, difference[w.first]):
        yield f"all are off by one constant: {difference[w.first]:+.6g}"
        return
    for axis in range(w.wrong.ndim):
        place = np.expand_dims(np.argmax(w.finite, axis=axis), axis)
        if _counts(w, axis) and _shifted_by(w, np.take_along_axis(difference, place, axis)):
            yield f"each line along axis {axis} is off by a constant of its own"
            return


def _shifted_by(w: Wrong, constant: Any) -> bool:
    return bool(np.all((np.abs(w.got - w.expected - constant) <= 2 * w.tolerance)[w.wrong]))


def _comparable(w: Wrong) -> bool:
    """Whether there are several wrong elements, all of them numbers and the expected ones not all alike."""
    expected = w.expected[w.wrong]
    return bool(np.array_equal(w.finite, w.wrong) and np.unique(expected).size > 1 and np.any(expected != 0))


def _counts(w: Wrong, axis: int) -> bool:
    """Whether every line along an axis has enough wrong elements for one factor to be no accident."""
    lines = np.sum(w.wrong, axis=axis)
    return w.wrong.ndim > 1 and bool(np.all((lines == 0) | (lines > 2)))


def _moved(w: Wrong) -> Iterator[str]:
    """Right values in wrong places."""
    for axis, length in enumerate(w.wrong.shape):
        for step in (1, -1):
            if length > 2 and _equal(w, np.roll(w.expected, step, axis)):
                side = "before" if step == 1 else "after"
                yield f"each holds the value that belongs one place {side} it along axis {axis}"
                return
    if w.wrong.ndim > 1 and _equal(w, np.swapaxes(w.expected, -1, -2).reshape(w.expected.shape)):
        square = w.wrong.shape[-1] == w.wrong.shape[-2]
        yield "the last two axes are exchanged" if square else TRANSPOSED


TRANSPOSED = "the elements lie in the order of the transposed array"


def _equal(w: Wrong, other: Array) -> bool:
    """Whether all that is got is ``other``, most of which is not what is expected."""
    error = np.where(w.got == other, 0.0, np.abs(w.got - other))
    return bool(
        np.all(error <= np.max(w.tolerance)) and 2 * np.sum(w.wrong) > w.wrong.size and w.wrong.size > 4
    )


# --- where it stands ---


def _region(w: Wrong) -> Iterator[str]:
    """Wrong elements fill a part of one axis: a tile, a line, everything from somewhere on."""
    if np.all(w.wrong):
        yield "every element is wrong"
        return
    for axis, length in enumerate(w.wrong.shape):
        others = tuple(a for a in range(w.wrong.ndim) if a != axis)
        (places,) = np.nonzero(np.any(w.wrong, axis=others))
        first, last = int(places[0]), int(places[-1])
        if len(places) == length or last - first + 1 != len(places):
            continue
        whole = bool(np.all(np.take(w.wrong, places, axis)))
        if first == last and (whole or w.wrong.ndim == 1) and not _starts_a_tile(w, first, length):
            yield f"only index {first} of axis {axis} is wrong{_which(first, length)}"
        elif last == length - 1:
            yield from _tail(w, axis, first, length)
        elif whole:
            yield f"only indices {first} to {last} of axis {axis} are wrong, of {length}"


def _which(index: int, length: int) -> str:
    return {0: ", the first", length - 1: ", the last"}.get(index, f", of {length}")


def _starts_a_tile(w: Wrong, index: int, length: int) -> bool:
    """Whether the last index of an axis is all there is of its tile."""
    return index == length - 1 and any(index and index % tile == 0 for tile in w.tiles or TILES[:-1])


def _tail(w: Wrong, axis: int, first: int, length: int) -> Iterator[str]:
    tiles = [t for t in (*w.tiles, *TILES) if first % t == 0]
    tile = next((t for t in tiles if length - first <= t), tiles[0] if tiles else None)
    if tile is None:
        yield f"wrong from index {first} of axis {axis} to its end, of {length}"
    elif length - first > tile:
        yield f"wrong from index {first} of axis {axis} on: behind the first {first // tile} tiles of {tile}"
    else:
        kind = "last, partial tile" if (length - first) % tile else "last tile"
        yield f"only the {kind} of {tile} along axis {axis} is wrong: from index {first} on, of {length}"


def _inputs(w: Wrong) -> Iterator[str]:
    """Wrong elements are those where an input has some property: masked, negative, NaN."""
    for name, given in w.inputs.items():
        try:
            if np.broadcast_shapes(given.shape, w.wrong.shape) != w.wrong.shape:
                continue
        except ValueError:
            continue
        for words, where in _properties(name, given):
            places = np.broadcast_to(where, w.wrong.shape)
            if np.array_equal(places, w.wrong) and not np.all(places):
                yield f"exactly the places where {words}"
                return


def _properties(name: str, given: Array) -> Iterator[tuple[str, Array]]:
    if given.dtype == np.bool_:
        yield f"{name} is False (masked)", ~given
        yield f"{name} is True", given
        return
    values = given.astype(np.float64)
    tests: dict[str, Callable[[Array], Array]] = {
        "is NaN": np.isnan,
        "is infinite": np.isinf,
        "is not finite": lambda x: ~np.isfinite(x),
        "is 0": lambda x: x == 0,
        "is negative": lambda x: x < 0,
        "is positive": lambda x: x > 0,
        "is not positive": lambda x: ~(x > 0),
    }
    for words, test in tests.items():
        yield f"{name} {words}", np.asarray(test(values))


FINDERS: tuple[Callable[[Wrong], Iterator[str]], ...] = (
    _region,
    _inputs,
    _one_value,
    _moved,
    _factor,
    _constant,
)
