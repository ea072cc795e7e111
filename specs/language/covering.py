"""Covering selections: few combinations of options that still hold every pair (or triple) of values.

The selection is our own rather than a library's because case ids are a promise: the same spec must give
the same cases on every machine and in every later version.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["Part", "Row", "Scopes", "cover", "product"]

Row = dict[str, Any]
Part = tuple[tuple[str, Any], ...]
Scopes = Callable[[Row], Iterable[Hashable]]
Wanted = dict[tuple[Hashable, Part], None]


def product(factors: Mapping[str, Sequence[Any]]) -> Iterator[Row]:
    """Every combination of the values of each factor, in the order in which they are listed."""
    for values in itertools.product(*factors.values()):
        yield dict(zip(factors, values, strict=True))


def cover(
    candidates: Iterable[Row],
    strength: int,
    scopes: Scopes,
    rows: Sequence[Row] = (),
    needless: Callable[[Part], bool] = lambda part: False,
) -> list[Row]:
    """Rows to add to ``rows`` so that in each scope every ``strength``-tuple of values occurs in some row.

    Greedy: each new row holds the last uncovered tuple, and is the one that covers most of what is left; ties
    go to the one listed first.

    Args:
        candidates: the rows to choose from, plainest first, such as the `product` of all factors.
        strength: 0 covers everything by one row, 1 every value, 2 every pair, 3 every triple.
        scopes: those that a complete row lies in; each meets every tuple that some row in it holds.
        rows: rows chosen already, which count where they lie.
        needless: whether a value or a tuple of them need not occur.
    """
    covered = {want for row in rows for want in _wants(row, strength, scopes)}
    wanted: Wanted = {}
    useful: list[tuple[Row, list[tuple[Hashable, Part]]]] = []
    for row in candidates:
        wants = [w for w in _wants(row, strength, scopes) if w not in covered]
        wants = [w for w in wants if w in wanted or not needless(w[1])]
        if wants:
            wanted.update(dict.fromkeys(wants))
            useful.append((row, wants))
    added: list[Row] = []
    while wanted:
        scope, target = next(reversed(wanted))
        holding = [(row, wants) for row, wants in useful if (scope, target) in wants]
        best, covers = max(holding, key=lambda one: sum(want in wanted for want in one[1]))
        for want in covers:
            wanted.pop(want, None)
        added.append(best)
    return added


def _wants(row: Row, strength: int, scopes: Scopes) -> list[tuple[Hashable, Part]]:
    """The single values of a row, and its combinations of ``strength`` values, in each scope of the row."""
    found = tuple(scopes(row))
    if not found:
        return []
    lengths = dict.fromkeys((min(strength, 1), min(strength, len(row))))
    parts = [part for length in lengths for part in itertools.combinations(row.items(), length)]
    return [(scope, part) for scope in found for part in parts]
