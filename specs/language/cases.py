"""Which cases a spec is asked: a small covering selection of its options, sizes, dtypes and data.

Tiers differ in strength: *smoke* meets every value once, in float32 and bfloat16; *standard* meets every
pair, except that only float32 meets every size; *full* meets every triple. Restrictions are the conditions
under which implementations exist; each meets the same a strength lower within its own part of the space, so
that a framework that fixes one facet is not left with the few cases that happen to agree with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ...numerics.dtypes import DTYPES
from .case import BREAKS, Case
from .covering import Part, Row, cover
from .spec import Spec, evaluate

__all__ = ["DTYPE_ORDER", "TIERS", "cases", "invalid_cases"]

TIERS = {"smoke": 1, "standard": 2, "full": 3, "grid": 0}
"""Which combinations of options occur: each value, pair, triple; of a few small values, every one."""

DTYPE_ORDER = ("float32", *(name for name in DTYPES if name != "float32"))
"""float32 first: it is the default."""

SMOKE_DTYPES = ("float32", "bfloat16")

Restriction = tuple[str, ...]
"""Expressions over axis and parameter names that all hold where an implementation exists."""


def cases(
    spec: Spec,
    tier: str = "standard",
    restrictions: Iterable[Restriction] = ((),),
    dtypes: Sequence[str] = DTYPE_ORDER,
) -> list[Case]:
    """The cases of ``spec`` in this tier: valid ones, the defaults first, then one for each breach."""
    if tier == "grid":
        return _grid(spec, dtypes)
    factors = _factors(spec, tier, dtypes)
    restrictions = tuple(dict.fromkeys(restrictions))
    in_scope = _InScope(spec, restrictions)
    defaults = {name: values[0] for name, values in factors.items()}
    configurations = [defaults] if in_scope.of_any(defaults) else []
    if tier == "smoke":
        # The second size, often of a single element, is met once: options are seen at the first.
        small = ({**defaults, "size": size} for size in spec.sizes[1:2])
        configurations += [row for row in small if in_scope.of_any(row)]
    else:
        # What a pair of options does is seen best where results have digits enough, in the first dtype.
        alone = (row for row in _one_by_one(spec, factors, defaults) if row != defaults)
        configurations += [row for row in alone if in_scope.of_any(row)]
        first = {**factors, "dtype": factors["dtype"][:1]}
        configurations += cover(first, TIERS[tier], in_scope.of_any, configurations)
    across = 1 if tier == "smoke" else 2
    configurations += cover(factors, across, in_scope.of_any, configurations, _unpaired)
    for restriction in restrictions:
        admits = in_scope.under(restriction)
        configurations += cover(factors, TIERS[tier] - 1, admits, configurations, _unpaired)
    valid = [
        _case(spec, row, data)
        for number, row in enumerate(configurations)
        for data in _data(spec, row, tier, number)
    ]
    more = [] if tier == "smoke" else invalid_cases(spec)
    return [*dict.fromkeys(valid), *more, *(_grid(spec, dtypes) if tier == "full" else ())]


def invalid_cases(spec: Spec) -> list[Case]:
    """One case for each breach of each constraint, which breaks that constraint and no other."""
    row: Row = {**spec.defaults, "size": spec.sizes[0], "dtype": DTYPE_ORDER[0]}
    return [_case(spec, row, f"{BREAKS}{label}") for c in spec.constraints for label in c.breaches]


def _one_by_one(spec: Spec, factors: dict[str, tuple[Any, ...]], defaults: Row) -> Iterator[Row]:
    """In every dtype the defaults, then each option changed by itself, at the first size.

    Beside an option the others are plain, in all dtypes but the first, which meets them in pairs.
    """
    plain = {p.name: p.plain for p in spec.parameters if p.plain is not None}
    for dtype in factors["dtype"]:
        start = {**defaults, "dtype": dtype}
        yield start
        beside = start if dtype == DTYPE_ORDER[0] else {**start, **plain}
        for p in spec.parameters:
            yield from ({**beside, p.name: value} for value in p.values[1:])


def _grid(spec: Spec, dtypes: Sequence[str]) -> list[Case]:
    """Every valid combination of the values in the spec's grid, the rest at its default."""
    if not spec.grid:
        return []
    rows = (dict(zip(spec.grid, values, strict=True)) for values in itertools.product(*spec.grid.values()))
    start: Row = {**spec.defaults, "dtype": next(d for d in DTYPE_ORDER if d in dtypes)}
    every = (_case(spec, {**start, **row}, spec.data[0]) for row in rows)
    return [case for case in every if not spec.broken(case.names)]


def _factors(spec: Spec, tier: str, dtypes: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    factors: dict[str, tuple[Any, ...]] = {p.name: p.values for p in spec.parameters}
    if tier != "smoke":
        return factors | {"size": spec.sizes, "dtype": tuple(dtypes)}
    quick = tuple(d for d in dtypes if d in SMOKE_DTYPES) or tuple(dtypes)
    return factors | {"size": spec.sizes[:2], "dtype": quick}


def _unpaired(part: Part) -> bool:
    """Leaves out pairs of options and sizes, which the first dtype has met."""
    return len(part) == 2 and dict(part).get("dtype", DTYPE_ORDER[0]) == DTYPE_ORDER[0]


class _InScope:
    """Which configurations a spec admits with some data set, under which restrictions."""

    def __init__(self, spec: Spec, restrictions: Sequence[Restriction]) -> None:
        self.spec, self.restrictions = spec, restrictions
        rules = (*(c.rule for c in spec.constraints), *spec.excluded, *itertools.chain(*restrictions))
        self.aims = spec.data if any("data" in rule for rule in rules) else spec.data[:1]
        self.admitting: dict[tuple[Any, ...], frozenset[Restriction]] = {}

    def of_any(self, row: Row) -> bool:
        """Whether a configuration is in scope of at least one implementation."""
        return bool(self._restrictions(row))

    def under(self, restriction: Restriction) -> Callable[[Row], bool]:
        """Whether a configuration is in scope where the ``restriction`` holds."""
        return lambda row: restriction in self._restrictions(row)

    def _restrictions(self, row: Row) -> frozenset[Restriction]:
        key = tuple(row.values())
        if key not in self.admitting:
            names = _case(self.spec, row, self.spec.data[0]).names
            every = [names | {"data": data} for data in self.aims]
            admitted = [names for names in every if self.spec.admits(names)]
            self.admitting[key] = frozenset(
                rules for rules in self.restrictions if any(_hold(rules, names) for names in admitted)
            )
        return self.admitting[key]


def _hold(rules: Restriction, names: dict[str, Any]) -> bool:
    return all(evaluate(rule, names) for rule in rules)


def _data(spec: Spec, row: Row, tier: str, number: int) -> Iterable[str]:
    """Data sets that the ``number``-th configuration admits: in the smoke tier two in turn, otherwise all."""
    admitted = [data for data in spec.data if spec.admits(_case(spec, row, data).names)]
    if tier == "smoke":
        return dict.fromkeys((admitted[0], admitted[number % len(admitted)]))
    return admitted


def _case(spec: Spec, row: Row, data: str) -> Case:
    parameters = tuple((p.name, row[p.name]) for p in spec.parameters)
    return Case(spec, parameters, row["dtype"], data, tuple(row["size"]))
