"""Choose the cases of the smoke tier by what the judge catches in them.

    python benchmarks/smoke.py --jobs 2

writes specs/smoke.txt, and benchmarks/smoke_power.json for docs/judge-power.md. Every fault of a spec is put
through the standard tier as each implementation meets it, in float32 until three cases have caught it, in the
other dtypes where none has. Of those cases a greedy choice takes few: each catches most of what is not yet
caught, for what it costs. A configuration costs a compilation for each implementation, a further data set
next to nothing.

The choice is over pairs of a fault and an implementation, and over what each implementation must meet anyway:
every value of its options, every data set in float32, and bfloat16. It stops short of the last pairs, which
cost a configuration each.
"""

from __future__ import annotations

import argparse
import collections
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import msgspec
from pages import PAGE, filled
from rich.progress import track

from assay.harness.auditing import audit as auditing
from assay.harness.auditing import faults as auditing_faults
from assay.harness.auditing.variants import expected, fingerprint, forget
from assay.harness.plan import implementations, refusal, selection
from assay.specs import all_specs
from assay.specs.language.case import Case
from assay.specs.language.cases import DTYPE_ORDER, dtypes_of
from assay.specs.language.smoke import FILE
from assay.specs.language.spec import Spec

ROOT = Path(__file__).resolve().parents[1]
POWER = Path(__file__).with_name("smoke_power.json")
"""What each tier catches, for docs/judge-power.md."""

TEMPLATE = "smoke_power.md.jinja"

MEASURED = ("smoke", "standard")
"""Tiers whose power is measured."""

ENOUGH = 3
"""Cases in float32 that must have caught a fault of an implementation before it is put no more."""

SHARE = 0.98
"""Of the pairs of a fault and an implementation that the standard tier catches, so many are to be caught."""

DATA_SET = 0.05
"""What a further data set costs of what a configuration does."""

Want = tuple[str, ...]
"""A fault or a value, and the implementation that is to meet it."""


class Caught(msgspec.Struct):
    """The cases of a spec that are known to catch each fault, in the order of the standard tier."""

    spec: str
    faults: dict[str, list[str]]


def caught(name: str) -> Caught:
    """Put the faults of a spec through its standard tier."""
    forget()
    spec = all_specs()[name]
    bindings, every = implementations(spec), auditing_faults.faults(spec)
    known: dict[str, list[str]] = {fault.name: [] for fault in every}
    times: collections.Counter[tuple[str, str]] = collections.Counter()
    patience = {f.name: getattr(f, "patience", math.inf) for f in every}
    for case in _by_dtype(selection(spec, "standard")):
        keys = [binding.key for binding in bindings if refusal(binding, case) is None]
        enough = ENOUGH if case.dtype == DTYPE_ORDER[0] else 1
        open_faults = [
            fault
            for fault in every
            if patience[fault.name] > 0 and any(times[fault.name, key] < enough for key in keys)
        ]
        found, shown, idle = catching(case, open_faults)
        for fault in found:
            known[fault].append(case.id)
            times.update((fault, key) for key in keys)
        patience |= dict.fromkeys(shown, math.inf) | {fault: patience[fault] - 1 for fault in idle}
    return Caught(name, known)


def _by_dtype(cases: Iterable[Case]) -> list[Case]:
    """The valid cases, the first dtype's before the others."""
    return sorted((case for case in cases if case.valid), key=lambda case: DTYPE_ORDER.index(case.dtype))


def catching(case: Case, faults: Sequence[auditing.AnyFault]) -> tuple[list[str], list[str], list[str]]:
    """Names of the faults that a case catches, that it shows, and in which it shows no difference.

    Equal answers are judged once.
    """
    expectation = expected(case) if faults else None
    found, shown, idle, seen = list[str](), list[str](), list[str](), dict[Any, bool]()
    for fault in faults:
        assert expectation is not None
        again = functools.partial(auditing_faults.answer, fault)
        try:
            answer = auditing_faults.returned(fault, expectation)
        except IndexError:  # the fault reads indices that the case means to be out of range
            continue
        if answer is None:
            continue
        if auditing_faults.is_right(fault, expectation, answer):
            idle.append(fault.name)
            continue
        shown.append(fault.name)
        once = getattr(fault, "draws_once", False)
        key = fault.name if case.spec.recover else fingerprint(answer)
        if key not in seen:
            seen[key] = auditing._judged(expectation, answer, again, once).failing
        if seen[key]:
            found.append(fault.name)
    return found, shown, idle


# --- the choice ---


class Choice:
    """A greedy choice among the standard cases of a spec."""

    def __init__(self, spec: Spec, known: Caught) -> None:
        self.spec, self.bindings = spec, implementations(spec)
        candidates = [case for case in selection(spec, "standard") if case.valid]
        self.cases = [case for case in candidates if case.dtype in dtypes_of("smoke")]
        self.keys = {c: [b.key for b in self.bindings if refusal(b, c) is None] for c in candidates}
        by_case: dict[str, list[str]] = collections.defaultdict(list)
        for fault, ids in known.faults.items():
            for text in ids:
                by_case[text].append(fault)
        self.catches = {
            case: frozenset((fault, key) for fault in by_case[case.id] for key in self.keys[case])
            for case in candidates
        }
        self.standard = frozenset().union(*self.catches.values())
        self.values = {case: self._values(case) for case in self.cases}
        self.chosen: list[Case] = []

    def caught(self) -> set[Want]:
        """Pairs of a fault and an implementation that the chosen cases are known to catch."""
        return set().union(*(self.catches[case] for case in self.chosen))

    def _values(self, case: Case) -> set[Want]:
        """The values that a case has, for each implementation that can be asked it."""
        values = [("dtype", case.dtype), *((n, repr(v)) for n, v in case.parameters)]
        if case.dtype == DTYPE_ORDER[0]:
            values.append(("data", case.data))
        return {(*value, key) for value in values for key in self.keys[case]}

    def must(self) -> set[Want]:
        """Every value that each implementation can be asked in a smoke case."""
        return set().union(*self.values.values())

    def choose(self, share: float) -> list[Case]:
        """The defaults, what meets every value, then what catches the share; less what is needless by now.

        Of the configurations that are left, every data set that catches more is asked.
        """
        self.chosen = self.cases[:1]
        self._add(self.cases, self.must(), frozenset(), 0)
        self._learn()
        most = int((1 - share) * len(self.standard))
        self._add(self.cases, set(), self.standard, most)
        self._drop(most)
        self._add(self._of_chosen_configurations(), set(), self.standard, 0)
        order = {case: number for number, case in enumerate(self.cases)}
        return sorted(self.chosen, key=order.__getitem__)

    def _of_chosen_configurations(self) -> list[Case]:
        """The cases that cost next to nothing more."""
        asked = {case.configuration for case in self.chosen}
        return [case for case in self.cases if case.configuration in asked]

    def _add(self, cases: Sequence[Case], values: set[Want], pairs: frozenset[Want], most: int) -> None:
        """Add some of the cases until all values are met and at most so many pairs are left."""
        values = values.difference(*(self.values[case] for case in self.chosen))
        pairs = pairs - self.caught()
        asked = {case.configuration for case in self.chosen}
        while self.chosen and (values or len(pairs) > most):
            best = max(cases, key=lambda case: self._worth(case, values, pairs, asked))
            if values.isdisjoint(self.values[best]) and pairs.isdisjoint(self.catches[best]):
                return  # what is left is caught elsewhere
            self.chosen.append(best)
            values, pairs = values - self.values[best], pairs - self.catches[best]
            asked.add(best.configuration)

    def _worth(
        self, case: Case, values: set[Want], pairs: frozenset[Want], asked: set[tuple[Any, ...]]
    ) -> float:
        """What a case adds for each unit of what it costs; among equals, the one that catches more."""
        cost = len(self.keys[case]) * (DATA_SET if case.configuration in asked else 1.0)
        gain = len(values & self.values[case]) + len(pairs & self.catches[case])
        among_equals = len(self.catches[case]) / (1 + len(self.standard))
        return (gain + among_equals) / cost if gain and cost else 0.0

    def _learn(self) -> None:
        """Put the pairs that are left through every data set of the configurations chosen so far."""
        cases, missed = self._of_chosen_configurations(), self.standard - self.caught()
        for case, faults in caught_after_all(self.spec, cases, missed):
            self.catches[case] |= {(fault, key) for fault in faults for key in self.keys[case]} & missed

    def _drop(self, most: int) -> None:
        """Leave out what is needless by now, the dearest configurations first; the defaults stay."""
        must = self.must()
        cost = collections.Counter({c.configuration: len(self.keys[c]) for c in self.chosen})
        del cost[self.chosen[0].configuration]
        for configuration, _ in cost.most_common():
            rest = [case for case in self.chosen if case.configuration != configuration]
            caught = set[Want]().union(*(self.catches[case] for case in rest))
            if (
                must <= set[Want]().union(*(self.values[case] for case in rest))
                and len(self.standard - caught) <= most
            ):
                self.chosen = rest


def chosen(known: Caught) -> list[str]:
    """The ids of what is chosen of a spec."""
    return [case.id for case in Choice(all_specs()[known.spec], known).choose(SHARE)]


# --- what came of it ---


class Power(msgspec.Struct):
    """What a tier asks, and what it catches of the pairs of a fault and an implementation."""

    cases: int = 0
    compiled: dict[str, int] = {}
    """Configurations, counted for each implementation of a framework: what is compiled."""

    caught: int = 0
    of: int = 0

    def __add__(self, other: Power) -> Power:
        both = collections.Counter(self.compiled) + collections.Counter(other.compiled)
        caught, of = self.caught + other.caught, self.of + other.of
        return Power(self.cases + other.cases, dict(both), caught, of)


def power(known: Caught, tier: str) -> Power:
    """The power of a tier over one spec; pairs that are not known to be caught are looked at once more."""
    spec, compiled = all_specs()[known.spec], collections.Counter[str]()
    asked = [case for case in selection(spec, tier) if case.valid]
    for binding in implementations(spec):
        mine = {case.configuration for case in asked if refusal(binding, case) is None}
        compiled[binding.framework] += len(mine)
    choice = Choice(spec, known)
    choice.chosen = [case for case in asked if case in choice.catches]
    missed, total = choice.standard - choice.caught(), len(choice.standard)
    after_all = {
        (fault, binding.key)
        for case, found in caught_after_all(spec, asked, missed)
        for binding in implementations(spec)
        if refusal(binding, case) is None
        for fault in found
    }
    still = len(missed - after_all)
    return Power(len(selection(spec, tier)), dict(compiled), total - still, total)


def caught_after_all(
    spec: Spec, cases: Sequence[Case], missed: frozenset[Want]
) -> Iterator[tuple[Case, list[str]]]:
    """The faults, of pairs that are not known to be caught, that each of the cases catches after all."""
    forget()
    left = set(missed)
    for case in cases:
        keys = [binding.key for binding in implementations(spec) if refusal(binding, case) is None]
        names = {fault for fault, key in left if key in keys}
        found, _, _ = catching(case, [fault for fault in auditing_faults.faults(spec) if fault.name in names])
        left -= {(fault, key) for fault in found for key in keys}
        yield case, found


def measured(names: Sequence[str], kept: Path, jobs: int) -> list[Caught]:
    """What is caught in each spec: read from the file, or found out and kept there."""
    lines = kept.read_bytes().splitlines() if kept.exists() else []
    done = {one.spec: one for one in (msgspec.json.decode(line, type=Caught) for line in lines)}
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("ab") as file, auditing.worker_pool(jobs) as pool:
        missing = [pool.submit(caught, name) for name in names if name not in done]
        for future in track(as_completed(missing), "faults of the specs", len(missing)):
            one = future.result()
            done[one.spec] = one
            file.write(msgspec.json.encode(one) + b"\n")
            file.flush()
    return [done[name] for name in names]


def powers(knowns: Sequence[Caught], jobs: int) -> dict[str, Power]:
    """The power of each tier, in processes that read the file of cases as it is now."""
    with auditing.worker_pool(jobs) as pool:
        asked = {(tier, one.spec): pool.submit(power, one, tier) for tier in MEASURED for one in knowns}
        for future in track(as_completed(asked.values()), "power of the tiers", len(asked)):
            future.result()
    return {tier: sum((asked[tier, one.spec].result() for one in knowns), start=Power()) for tier in MEASURED}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=ROOT / ".judge-power" / "caught.jsonl")
    asked = parser.parse_args()
    knowns = measured(list(all_specs()), asked.kept, asked.jobs)
    with auditing.worker_pool(asked.jobs) as pool:
        ids = [text for found in pool.map(chosen, knowns) for text in found]
    FILE.write_text("".join(f"{text}\n" for text in ids), "utf-8")
    tiers = powers(knowns, asked.jobs)
    POWER.write_bytes(msgspec.json.format(msgspec.json.encode(tiers)) + b"\n")
    PAGE.write_text(filled(PAGE.read_text("utf-8"), TEMPLATE, tiers=tiers), "utf-8")


if __name__ == "__main__":
    main()
