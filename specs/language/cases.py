"""Which cases a spec is asked: a small covering selection of its options, sizes, dtypes and data.

Tiers differ in strength: *smoke* meets every value, *standard* every pair, *full* every triple.
Implementations exist under conditions; each meets every pair of options that it can be asked (in smoke every
value), so that one that fixes a facet is not left with the few cases that happen to agree with it. Only
float32 meets every pair of options and sizes; each other dtype meets every value of both.

What is asked of a dtype does not hang on which others are asked: a selection is made over all of them, and a
command names which to ask. Of smoke and grid these are few where none is named; whoever names another gets
the same cases in that dtype. Nor does what is asked hang on the frameworks: the selection is made over every
implementation that is known; a user's own add to it.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...numerics.dtypes import DTYPES
from .case import BREAKS, Case
from .covering import Part, Row, cover, product
from .scope import Restriction, Scope, case_of
from .smoke import chosen_for_smoke
from .spec import Spec

__all__ = ["DTYPE_ORDER", "TIERS", "cases", "dtypes_of", "invalid_cases"]

TIERS = {"smoke": 1, "standard": 2, "full": 3, "grid": 0}
"""Which combinations of options occur: each value, pair, triple; of a few small values, every one."""

DTYPE_ORDER = ("float32", *(name for name in DTYPES if name != "float32"))
"""float32 first: it is the default."""

OWN_DTYPES = {"smoke": ("float32", "bfloat16"), "grid": ("float32",)}
"""The dtypes of a tier where none is named; all where it is not here."""


def dtypes_of(tier: str) -> tuple[str, ...]:
    """The dtypes that a tier is asked in where none is named."""
    return OWN_DTYPES.get(tier, DTYPE_ORDER)


def cases(
    spec: Spec,
    tier: str = "standard",
    restrictions: Iterable[Restriction] = ((),),
    dtypes: Sequence[str] = (),
    further: Iterable[Restriction] = (),
) -> list[Case]:
    """The cases of ``spec`` in this tier: valid ones, the defaults first, then one per broken constraint.

    Args:
        spec: the spec.
        tier: one of `TIERS`.
        restrictions: the conditions of each implementation, among which the selection is made.
        dtypes: those that are asked for; the tier's own if none is named. Invalid cases have one dtype only.
        further: conditions of a user's own implementations: they add cases and take none away.
    """
    named = dtypes or dtypes_of(tier)
    selected = _selected(spec, tier, tuple(dict.fromkeys(restrictions)), tuple(dict.fromkeys(further)))
    return [case for case in selected if case.dtype in named or not case.valid]


def invalid_cases(spec: Spec) -> list[Case]:
    """One case for each breach of each constraint, which breaks that constraint and no other."""
    row: Row = {**spec.defaults, "size": spec.sizes[0], "dtype": DTYPE_ORDER[0]}
    return [case_of(spec, row, f"{BREAKS}{label}") for c in spec.constraints for label in c.breaches]


@functools.lru_cache(maxsize=1024)
def _selected(
    spec: Spec, tier: str, restrictions: tuple[Restriction, ...], further: tuple[Restriction, ...]
) -> tuple[Case, ...]:
    """The cases of a tier in every dtype."""
    if tier == "grid":
        return tuple(_grid(spec, DTYPE_ORDER))
    scope, own = Scope(spec, restrictions), Scope(spec, further)
    if tier == "smoke":
        valid = _smoke(spec, scope, own)
    else:
        rows = _configurations(spec, TIERS[tier], scope)
        rows += _for_each(_in_scope(spec, own), TIERS[tier], own, rows)
        valid = [case_of(spec, row, data) for row in rows for data in scope.data_sets(row)]
    grid = _grid(spec, DTYPE_ORDER[:1]) if tier == "full" else ()
    return (*dict.fromkeys(valid), *invalid_cases(spec), *grid)


# --- standard and full ---


def _configurations(spec: Spec, strength: int, scope: Scope) -> list[Row]:
    """Every tuple of so many values, for the union of all implementations; every pair for each of them."""
    every = _in_scope(spec, scope)
    rows = [row for row in _one_by_one(spec) if scope.restrictions(row)]
    # What a pair of options does is seen best where results have digits enough, in the first dtype.
    rows += cover(_in_first_dtype(every), strength, scope.union, rows)
    rows += cover(every, 2, scope.union, rows, _met_in_first_dtype)
    return rows + _for_each(every, strength, scope, rows)


def _for_each(every: Sequence[Row], strength: int, scope: Scope, rows: Sequence[Row]) -> list[Row]:
    """What ``rows`` lack for each implementation by itself: tuples a strength lower, and pairs of options."""
    added: list[Row] = []
    for restriction in scope.every:
        part = [row for row in every if restriction in scope.restrictions(row)]
        alone = functools.partial(_alone, scope, restriction)
        added += cover(part, strength - 1, alone, (*rows, *added), _met_in_first_dtype)
    return added + cover(_in_first_dtype(every), 2, scope.restrictions, (*rows, *added), _of_sizes)


def _of_sizes(part: Part) -> bool:
    return "size" in dict(part)


def _alone(scope: Scope, restriction: Restriction, row: Row) -> tuple[Restriction, ...]:
    return tuple(found for found in scope.restrictions(row) if found == restriction)


def _in_scope(spec: Spec, scope: Scope) -> list[Row]:
    """Every configuration that some implementation can be asked."""
    options: dict[str, Sequence[Any]] = {p.name: p.values for p in spec.parameters}
    rows = product(options | {"size": spec.sizes, "dtype": DTYPE_ORDER})
    return [row for row in rows if scope.restrictions(row)]


def _in_first_dtype(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["dtype"] == DTYPE_ORDER[0]]


def _met_in_first_dtype(part: Part) -> bool:
    """Whether a part pairs options and sizes, which the first dtype has met."""
    return len(part) == 2 and dict(part).get("dtype", DTYPE_ORDER[0]) == DTYPE_ORDER[0]


def _one_by_one(spec: Spec) -> Iterator[Row]:
    """In every dtype the defaults, then each option changed by itself, at the first size.

    Beside an option the others are plain, in all dtypes but the first, which meets them in pairs.
    """
    plain = {p.name: p.plain for p in spec.parameters if p.plain is not None}
    for dtype in DTYPE_ORDER:
        start: Row = {**spec.defaults, "size": spec.sizes[0], "dtype": dtype}
        yield start
        beside = start if dtype == DTYPE_ORDER[0] else {**start, **plain}
        for p in spec.parameters:
            yield from ({**beside, p.name: value} for value in p.values[1:])


# --- smoke ---


def _smoke(spec: Spec, scope: Scope, own: Scope) -> list[Case]:
    """The cases on file, then what they leave: other dtypes, values that nothing has, a user's own.

    A spec that is not on file is asked a covering selection.
    """
    known = [case for case in chosen_for_smoke(spec) if scope.restrictions(_row(case))]
    rows = list({case.configuration: _row(case) for case in known}.values()) or _plainest(spec, scope)
    fresh = [] if known else list(rows)
    for each in (scope, own):
        every = [row for row in _in_scope(spec, each) if row["dtype"] in OWN_DTYPES["smoke"]]
        fresh += cover(every, 1, each.restrictions, [*rows, *fresh], _of_sizes)
    asked = [*known, *(case_of(spec, row, data) for row in fresh for data in scope.data_sets(row))]
    others = [dtype for dtype in DTYPE_ORDER if dtype not in OWN_DTYPES["smoke"]]
    again = [dataclasses.replace(case, dtype=dtype) for dtype in others for case in asked]
    return [*asked, *(case for case in again if case.data in scope.data_sets(_row(case)))]


def _row(case: Case) -> Row:
    return {**dict(case.parameters), "size": case.size, "dtype": case.dtype}


def _plainest(spec: Spec, scope: Scope) -> list[Row]:
    """The defaults, at the first two sizes: the second, often of a single element, is met once."""
    rows = [{**spec.defaults, "size": size, "dtype": DTYPE_ORDER[0]} for size in spec.sizes[:2]]
    return [row for row in rows if scope.restrictions(row)]


# --- grid ---


def _grid(spec: Spec, dtypes: Sequence[str]) -> list[Case]:
    """Every valid combination of the values in the spec's grid, the rest at its default; empty arrays."""
    every_value = itertools.product(*spec.grid.values()) if spec.grid else ()
    rows: list[Row] = [dict(zip(spec.grid, values, strict=True)) for values in every_value]
    rows += ({"size": size} for size in empty_sizes(spec))
    starts: list[Row] = [{"data": spec.data[0], **spec.defaults, **row} for row in rows]
    every = (case_of(spec, {**row, "dtype": dtype}, row["data"]) for dtype in dtypes for row in starts)
    return [case for case in every if not spec.broken(case.names)]


def empty_sizes(spec: Spec) -> list[tuple[int, ...]]:
    """The first size, with no elements along each axis that may be empty; none of a stochastic layer."""
    first = dict(zip(spec.axis_names, spec.sizes[0], strict=True))
    may_be = () if spec.recover else (axis for axis in first if axis in spec.empty)
    return [tuple({**first, axis: 0}.values()) for axis in may_be]
