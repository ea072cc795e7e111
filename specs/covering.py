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
) -> list[Row]:
    """Rows to add to ``rows`` so that every admissible ``strength``-tuple of values occurs in some row.

    Greedy: each new row starts from the first uncovered tuple and takes, factor by factor, the value that
    covers most of what is left; ties go to the value listed first, so defaults prevail.

    Args:
        factors: the values of each factor, default first.
        strength: 1 covers every value, 2 every pair, 3 every triple.
        admits: whether a complete row is in scope.
        rows: rows chosen already; those that ``admits`` accepts count as coverage.
    """
    strength = min(strength, len(factors))
    everything = [row for row in _product(factors) if admits(row)]
    wanted = dict.fromkeys(part for row in everything for part in _parts(row, factors, strength))
    for row in rows:
        if admits(row):
            _strike(wanted, row, factors, strength)
    added: list[Row] = []
    while wanted:
        target = next(iter(wanted))
        candidates = (row for row in everything if all(row[name] == value for name, value in target))
        best = max(candidates, key=lambda row: sum(part in wanted for part in _parts(row, factors, strength)))
        _strike(wanted, best, factors, strength)
        added.append(best)
    return added


def _product(factors: Mapping[str, Sequence[Any]]) -> Iterator[Row]:
    for values in itertools.product(*factors.values()):
        yield dict(zip(factors, values, strict=True))


def _parts(row: Row, factors: Mapping[str, Sequence[Any]], strength: int) -> Iterator[Part]:
    return itertools.combinations(((name, row[name]) for name in factors), strength)


def _strike(wanted: dict[Part, None], row: Row, factors: Mapping[str, Sequence[Any]], strength: int) -> None:
    for part in _parts(row, factors, strength):
        wanted.pop(part, None)
