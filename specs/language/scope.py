"""Where a spec and its implementations can be asked: conditions, each evaluated once for what it names.

Of hundreds of configurations that differ in what a condition does not name, one is looked at and the others
are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .case import Case
from .expression import evaluate, mentioned
from .spec import Spec

__all__ = ["Restriction", "Scope", "case_of"]

Row = Mapping[str, Any]
"""A value of each parameter, a ``size`` and a ``dtype``."""

Restriction = tuple[str, ...]
"""Expressions over axis and parameter names that all hold where an implementation exists."""


def case_of(spec: Spec, row: Row, data: str) -> Case:
    """The case that asks a configuration with a data set."""
    parameters = tuple((p.name, row[p.name]) for p in spec.parameters)
    return Case(spec, parameters, row["dtype"], data, tuple(row["size"]))


class Scope:
    """Which configurations a spec admits with some data set, and under which of the restrictions."""

    def __init__(self, spec: Spec, restrictions: Sequence[Restriction]) -> None:
        self.spec, self.every = spec, tuple(dict.fromkeys(restrictions))
        self._depends = _dependences(spec)
        self._spec = self._rules([c.rule for c in spec.constraints], spec.excluded)
        self._of = {restriction: self._rules(restriction) for restriction in self.every}
        named = {factor for rules in (self._spec, *self._of.values()) for factor in rules.factors}
        self._deciding = tuple(factor for factor in _factors(spec) if factor in named)
        self._aims = spec.data if "data" in named else spec.data[:1]
        self._known: dict[tuple[Any, ...], tuple[Restriction, ...]] = {}

    def data_sets(self, row: Row) -> list[str]:
        """The data sets with which the spec admits a configuration."""
        return [each["data"] for each in self._admitted(row, self.spec.data)]

    def restrictions(self, row: Row) -> tuple[Restriction, ...]:
        """The restrictions under which a configuration is in scope."""
        key = tuple([row[factor] for factor in self._deciding])
        if key not in self._known:
            rows = self._admitted(row, self._aims)
            self._known[key] = tuple(each for each, rules in self._of.items() if rules.admitted(rows))
        return self._known[key]

    def union(self, row: Row) -> tuple[str, ...]:
        """One scope, of what any implementation can be asked."""
        return ("any",) if self.restrictions(row) else ()

    def _admitted(self, row: Row, data_sets: Sequence[str]) -> list[Row]:
        """The configuration with each of the data sets with which the spec admits it."""
        return self._spec.admitted([{**row, "data": data} for data in data_sets])

    def _rules(self, conditions: Sequence[str], excluded: Sequence[str] = ()) -> _Rules:
        wanted = {**dict.fromkeys(conditions, True), **dict.fromkeys(excluded, False)}
        return _Rules([self._rule(text, value) for text, value in wanted.items()])

    def _rule(self, condition: str, wanted: bool) -> _Rule:
        names = (self._depends.get(name, ()) for name in mentioned(condition))
        return _Rule(
            self.spec, condition, wanted, tuple(sorted({factor for each in names for factor in each}))
        )


class _Rules:
    """Rules that all hold; those that the data set decides are asked last, and the others once."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self.factors = {factor for rule in rules for factor in rule.factors}
        self.of_data = [rule for rule in rules if "data" in rule.factors]
        self.others = [rule for rule in rules if "data" not in rule.factors]

    def admitted(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows, which differ in their data sets alone, where every rule holds."""
        if not rows or not all(rule.holds(rows[0]) for rule in self.others):
            return []
        return [row for row in rows if all(rule.holds(row) for rule in self.of_data)]


class _Rule:
    """A condition that is wanted to be true, or false, as the ``factors`` decide that it names."""

    def __init__(self, spec: Spec, condition: str, wanted: bool, factors: tuple[str, ...]) -> None:
        self.spec, self.condition, self.wanted, self.factors = spec, condition, wanted, factors
        self._known: dict[tuple[Any, ...], bool] = {}

    def holds(self, row: Row) -> bool:
        key = tuple([row[factor] for factor in self.factors])
        if key not in self._known:
            found = evaluate(self.condition, case_of(self.spec, row, row["data"]).names)
            self._known[key] = bool(found) == self.wanted
        return self._known[key]


def _factors(spec: Spec) -> tuple[str, ...]:
    """What tells one configuration from another."""
    return (*(p.name for p in spec.parameters), "size", "dtype")


def _dependences(spec: Spec) -> dict[str, tuple[str, ...]]:
    """The factors on which each name of a case depends; an input's name stands for its shape."""
    found = {name: (name,) for name in (*_factors(spec), "data")}
    found |= dict.fromkeys(spec.axis_names, ("size",))
    shapes = {i.name: mentioned(f"({i.axes},)" if i.axes else "()") for i in spec.inputs}
    return found | {
        name: tuple({f for n in names for f in found.get(n, ())}) for name, names in shapes.items()
    }
