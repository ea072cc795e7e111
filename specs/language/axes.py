"""What follows from the axes of inputs: the lengths that a case chooses, and where inputs must agree.

An axis that several inputs name is a rule: there they are equally long. The rule has its breach: the first of
them is one longer, so that whoever trusts it reads past the end of the others. Where all inputs have the same
axes, they meet element by element: there the last has length 1 along its last axis, which libraries would
spread in silence.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from ...syntax import parse
from .expression import FUNCTIONS

__all__ = ["Agreement", "agreements", "in_order"]

Agreement = tuple[str, str, str, dict[str, str]]
"""Label, rule, meaning, and the axes of the input that break the rule."""


def in_order(shapes: Iterable[str], others: Iterable[str]) -> str:
    """The names of axes in these shapes, as they are first met; ``others`` are names of something else."""
    known = {*FUNCTIONS, *others}
    found = (name for axes in shapes for name in _names(axes) if name not in known)
    return " ".join(dict.fromkeys(found))


def agreements(shapes: Mapping[str, str], axes: Iterable[str]) -> Iterator[Agreement]:
    """The rules that the inputs of a case agree in the axes that they share.

    Those inputs are compared that name an axis by itself, at a place that no option moves.
    """
    if len(shapes) > 1 and len(set(shapes.values())) == 1:
        yield _same_shape(shapes)
        return
    places = {name: _places(axes) for name, axes in shapes.items()}
    for axis in axes:
        sharing = {name: found[axis] for name, found in places.items() if axis in found}
        if len(sharing) > 1:
            yield _same_length(axis, sharing, shapes)


def _same_shape(shapes: Mapping[str, str]) -> Agreement:
    *others, last = shapes
    meaning = f"{last} must have the shape of {_listed(others)}"
    return "shape", " == ".join(shapes), meaning, {last: _with(shapes[last], -1, "1")}


def _same_length(axis: str, places: Mapping[str, int], shapes: Mapping[str, str]) -> Agreement:
    rule = " == ".join(f"{name}[{place}]" for name, place in places.items())
    first, place = next(iter(places.items()))
    longer = _with(shapes[first], place, f"{axis} + 1")
    return axis, rule, f"{_listed(places)} must agree in {axis}", {first: longer}


def _with(axes: str, place: int, length: str) -> str:
    """The axes, with another length at one place."""
    lengths = [ast.unparse(item) for item in _items(axes)]
    lengths[place] = length
    return ", ".join(lengths)


def _places(axes: str) -> dict[str, int]:
    """Where each axis that is named by itself stands: from the front, or the end if that alone is fixed."""
    items, found = _items(axes), dict[str, int]()
    moves = [isinstance(item, ast.Starred) for item in items]
    for place, item in enumerate(items):
        before, after = any(moves[:place]), any(moves[place:])
        if isinstance(item, ast.Name) and not (before and after):
            found.setdefault(item.id, place - len(items) if before else place)
    return found


def _items(axes: str) -> list[ast.expr]:
    """The expressions that the axes are a list of."""
    listed = parse(f"[{axes}]", "eval").body
    assert isinstance(listed, ast.List)
    return listed.elts


def _names(axes: str) -> list[str]:
    """Every name, from left to right."""
    names = (node for item in _items(axes) for node in ast.walk(item) if isinstance(node, ast.Name))
    return [node.id for node in sorted(names, key=lambda node: node.col_offset)]


def _listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
