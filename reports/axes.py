"""Which axes arrays of an API have, in which order: found from a binding's expressions, without a framework.

An expression such as ``x.movedim(-1, 1)`` is evaluated with names of axes in the place of arrays. What does
more with an array than to move its axes has no picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from types import SimpleNamespace
from typing import Any

from ..adapters.binding import Binding
from ..specs.language.spec import Spec

__all__ = ["Array", "arrays_of", "letters", "picture"]


class Axes(tuple[str, ...]):
    """The names of an array's axes, under the methods of arrays that move axes alone."""

    __slots__ = ()

    def movedim(self, source: int, target: int) -> Axes:
        """One axis elsewhere, the others in their order."""
        left = [*self]
        moved = left.pop(source)
        left.insert(target % len(self), moved)
        return Axes(left)

    def transpose(self, one: int, other: int) -> Axes:
        """Two axes, each in the place of the other."""
        left = [*self]
        left[one], left[other] = left[other], left[one]
        return Axes(left)

    swapaxes = transpose

    @property
    def T(self) -> Axes:  # the name that arrays have for it
        """The axes in the opposite order."""
        return Axes(self[::-1])

    def unsqueeze(self, place: int) -> Axes:
        """One axis more, of length 1."""
        left = [*self]
        left.insert(place % (len(self) + 1), "1")
        return Axes(left)

    def _same(self, *_: object) -> Axes:
        return self

    contiguous = clone = detach = long = _same


def _cast(array: Any, *_: object) -> Any:
    return array


NAMES: dict[str, Any] = {
    "jnp": SimpleNamespace(swapaxes=lambda array, *axes: array.transpose(*axes)),
    "tf": SimpleNamespace(cast=_cast, float32=None, int64=None),
    "__builtins__": {},
}
"""What an expression may name beside inputs and parameters."""


@dataclass(frozen=True)
class Array:
    """An array as an API takes it: the name that it has there, and its axes in order."""

    name: str
    axes: tuple[str, ...]


def arrays_of(binding: Binding, spec: Spec) -> tuple[Array, ...]:
    """The arrays of a row that have more than one axis, by position under the spec's names, then by name."""
    if binding.row is None:
        return ()
    known = dict(_inputs(spec))
    names = NAMES | {p.name: p.values[0] for p in spec.parameters} | known
    taken = [("", binding.row.on)]
    if not isinstance(binding.row.weights, str):
        taken += binding.row.weights.items()
    found = []
    for name, expression in taken:
        for part, axes in _evaluated(expression, names):
            if isinstance(axes, Axes) and len(axes) > 1:
                found.append(Array(name or part.strip("( ").partition(".")[0], axes))
    return tuple(found)


def _inputs(spec: Spec) -> Iterator[tuple[str, Axes]]:
    """The inputs whose axes are a plain list."""
    for one in spec.inputs:
        axes = [axis.strip() for axis in one.axes.split(",")]
        if all(re.fullmatch(r"[\w /*]+", axis) and not axis.startswith("*") for axis in axes):
            yield one.name, Axes(axes)


def _evaluated(expression: str, names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the parts of an expression come to that are arrays by position, each with its text."""
    for part in re.split(r",\s*(?![^()\[\]]*[)\]])", expression):
        try:
            yield part, eval(part, names)
        except Exception:  # it does more than to move axes
            continue


KINDS = {
    "batch": ("N", "batch"),
    "time": ("T", "time"),
    "steps": ("T", "time"),
    "height": ("H", "height"),
    "width": ("W", "width"),
    "channels": ("C", "channels"),
    "features": ("F", "channels"),
    "filters": ("O", "out"),
    "units": ("O", "out"),
    "heads": ("A", "heads"),
    "kernel_time": ("t", "taps"),
    "kernel_depth": ("d", "taps"),
    "kernel_height": ("h", "taps"),
    "kernel_width": ("w", "taps"),
    "channels // groups": ("I", "channels"),
    "queries": ("Q", "time"),
    "keys": ("K", "time"),
    "tokens": ("T", "time"),
    "classes": ("C", "out"),
}
"""Axes by name: the letter of each, and what it is, which has a colour."""

WEIGHT = {"channels": ("I", "channels"), "features": ("I", "channels")}
"""Axes of weights that inputs have too: there they are what goes in."""


def _kind(array: Array, axis: str) -> tuple[str, str]:
    if "batch" not in array.axes and axis in WEIGHT:
        return WEIGHT[axis]
    gates = re.fullmatch(r"(\d+) \* (\w+)", axis)
    if gates and gates[2] in KINDS:
        letter, kind = KINDS[gates[2]]
        return gates[1] + letter, kind
    return KINDS.get(axis, ("1", "one") if axis == "1" else (axis[:1].upper(), "other"))


def letters(array: Array) -> str:
    """The axes in letters: ``NHWC``."""
    return "".join(_kind(array, axis)[0] for axis in array.axes)


def picture(array: Array) -> str:
    """The axes as coloured boxes, in HTML; each says its name."""
    boxes = []
    for axis in array.axes:
        letter, kind = _kind(array, axis)
        boxes.append(f'<span class="axis {kind}" title="{escape(axis)}">{escape(letter)}</span>')
    told = escape(", ".join(array.axes))
    return f'<span class="axes" role="img" aria-label="{escape(array.name)}: {told}">{"".join(boxes)}</span>'
