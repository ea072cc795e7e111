"""Which cases a spec is asked: a small covering selection of its options, sizes, dtypes and data.

Tiers differ in strength only: *smoke* meets every value once, *standard* every pair, *full* every triple
and every data set on every configuration. Restrictions are the conditions under which implementations
exist; each gets a covering of its own part of the space, so that a framework that fixes one facet is not
left with the few cases that happen to agree with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..numerics.dtypes import DTYPES
from .case import BREAKS, Case
from .covering import Row, cover
from .spec import Spec, evaluate

__all__ = ["DTYPE_ORDER", "TIERS", "cases", "invalid_cases"]

TIERS = {"smoke": 1, "standard": 2, "full": 3}

DTYPE_ORDER = ("float32", *(name for name in DTYPES if name != "float32"))
"""float32 first: it is the default."""

Restriction = tuple[str, ...]
"""Expressions over axis and parameter names that all hold where an implementation exists."""


def cases(
    spec: Spec,
    tier: str = "standard",
    restrictions: Iterable[Restriction] = ((),),
    dtypes: Sequence[str] = DTYPE_ORDER,
) -> list[Case]:
    """The cases of ``spec`` in this tier: valid ones first, then one per broken constraint."""
    configurations: list[Row] = []
    factors = _factors(spec, dtypes)
    for restriction in dict.fromkeys(restrictions):
        configurations += cover(factors, TIERS[tier], _admits(spec, restriction), configurations)
    valid = [
        _case(spec, row, data)
        for number, row in enumerate(configurations)
        for data in _data(spec, row, tier, number)
    ]
    return list(dict.fromkeys(valid)) + ([] if tier == "smoke" else invalid_cases(spec))


def invalid_cases(spec: Spec) -> list[Case]:
    """One case per constraint, which breaks that constraint and no other."""
    row: Row = {**spec.defaults, "size": spec.sizes[0], "dtype": DTYPE_ORDER[0]}
    return [_case(spec, row, f"{BREAKS}{constraint.label}") for constraint in spec.constraints]


def _factors(spec: Spec, dtypes: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    factors: dict[str, tuple[Any, ...]] = {p.name: p.values for p in spec.parameters}
    return factors | {"size": spec.sizes, "dtype": tuple(dtypes)}


def _admits(spec: Spec, restriction: Restriction) -> Any:
    def admits(row: Row) -> bool:
        names = _case(spec, row, spec.data[0]).names
        every = (names | {"data": data} for data in spec.data)
        return any(spec.admits(n) and all(evaluate(rule, n) for rule in restriction) for n in every)

    return admits


def _data(spec: Spec, row: Row, tier: str, number: int) -> Iterable[str]:
    """Data sets that the ``number``-th configuration admits: in the smoke tier two in turn, otherwise all."""
    admitted = [data for data in spec.data if spec.admits(_case(spec, row, data).names)]
    if tier == "smoke":
        return dict.fromkeys((admitted[0], admitted[number % len(admitted)]))
    return admitted


def _case(spec: Spec, row: Row, data: str) -> Case:
    parameters = tuple((p.name, row[p.name]) for p in spec.parameters)
    return Case(spec, parameters, row["dtype"], data, tuple(row["size"]))
