"""Covering selections: few combinations of options that still hold every pair (or triple) of values.

The selection is our own rather than a library's because case ids are a promise: the same spec must give
the same cases on every machine and in every later version.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["cover"]

Row = dict[str, Any]
Part = tuple[tuple[str, Any], ...]


def cover(
    factors: Mapping[str, Sequence[Any]],
    strength: int,
    admits: Callable[[Row], bool],
    rows: Sequence[Row] = (),
    unpaired: Callable[[Part], bool] = lambda part: False,
) -> list[Row]:
    """Rows to add to ``rows`` so that every admissible ``strength``-tuple of values occurs in some row.

    Greedy: each new row starts from the first uncovered tuple and takes, factor by factor, the value that
    covers most of what is left; ties go to the value listed first, so defaults prevail.

    Args:
        factors: the values of each factor, default first.
        strength: 0 covers everything by one row, 1 every value, 2 every pair, 3 every triple.
        admits: whether a complete row is in scope.
        rows: rows chosen already; those that ``admits`` accepts count as coverage.
        unpaired: tuples that need not occur together; their values still do, each in some row.
    """
    everything = [row for row in _product(factors) if admits(row)]
    parts = {id(row): _parts(row, strength) for row in (*everything, *rows)}
    wanted = dict.fromkeys(p for row in everything for p in parts[id(row)] if len(p) < 2 or not unpaired(p))
    for row in filter(admits, rows):
        _strike(wanted, parts[id(row)])
    added: list[Row] = []
    while wanted:
        target = next(reversed(wanted))
        candidates = (row for row in everything if all(row[name] == value for name, value in target))
        best = max(candidates, key=lambda row: sum(part in wanted for part in parts[id(row)]))
        _strike(wanted, parts[id(best)])
        added.append(best)
    return added


def _product(factors: Mapping[str, Sequence[Any]]) -> Iterator[Row]:
    for values in itertools.product(*factors.values()):
        yield dict(zip(factors, values, strict=True))


def _parts(row: Row, strength: int) -> tuple[Part, ...]:
    """The single values of a row, and its combinations of ``strength`` values."""
    values = row.items()
    sizes = dict.fromkeys((min(strength, 1), min(strength, len(row))))
    return tuple(part for size in sizes for part in itertools.combinations(values, size))


def _strike(wanted: dict[Part, None], parts: tuple[Part, ...]) -> None:
    for part in parts:
        wanted.pop(part, None)
