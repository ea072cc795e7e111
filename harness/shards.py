"""One run on many machines: the questions in parts of nearly equal cost, and the records of parts joined.

A part depends on the questions and on the frameworks alone, so that every machine that is told its number
finds the same parts, without a word between them.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from ..errors import Usage
from .plan import Question, refusal
from .record import Implementation, Record, SpecFacts, Target, Verdict

__all__ = ["Merged", "Shard", "estimate", "merge", "seconds", "shard"]

FIRST = {"torch": 0.004, "tensorflow": 0.10, "keras": 0.13, "jax": 0.75, "onnx": 0.002}
"""Seconds that the first call of a configuration takes, with compilation: means of a smoke tier."""

FURTHER = {"torch": 0.0015, "tensorflow": 0.015, "keras": 0.023, "jax": 0.037, "onnx": 0.002}
"""Seconds that each further call takes; the data of a configuration share what was compiled."""

JUDGED = 0.004
"""Seconds that the reference and the judge take for a verdict."""


@dataclass(frozen=True)
class Shard:
    """One part of so many; the first is number 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The part that ``3/8`` names.

        Raises:
            ValueError: it names none.
        """
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise Usage(f"--shard {text}: give the number of a part and how many there are, such as 3/8")
        return cls(int(number), int(of))


def seconds(questions: Iterable[Question], frameworks: Collection[str]) -> float:
    """How long a worker of each framework will take for the questions of one configuration, all together."""
    total, asked = 0.0, set[str]()
    for question in questions:
        for binding in question.bindings:
            framework = binding.framework
            if framework in frameworks and refusal(binding, question.case) is None:
                costs = FURTHER if binding.api in asked else FIRST
                total += costs.get(framework, costs["keras"]) + JUDGED
                asked.add(binding.api)
    return total


def shard(questions: Sequence[Question], part: Shard, frameworks: Collection[str]) -> list[Question]:
    """The questions of one part, in their order; those of one configuration stay together.

    What takes longest is given away first, each time to the part with the least to do.
    """
    costs = _costs(questions, frameworks)
    parts = [(0.0, number) for number in range(1, part.of + 1)]
    chosen = set[object]()
    for key in sorted(costs, key=lambda key: -costs[key]):
        load, number = heapq.heappop(parts)
        heapq.heappush(parts, (load + costs[key], number))
        if number == part.number:
            chosen.add(key)
    return [question for question in questions if _configuration(question) in chosen]


def estimate(questions: Iterable[Question], frameworks: Collection[str]) -> float:
    """Seconds that all the questions take, on one core and without the starts of frameworks."""
    return sum(_costs(questions, frameworks).values())


def _configuration(question: Question) -> object:
    return question.case.spec.name, question.case.configuration


def _costs(questions: Iterable[Question], frameworks: Collection[str]) -> dict[object, float]:
    """The estimated seconds of every configuration."""
    groups: defaultdict[object, list[Question]] = defaultdict(list)
    for question in questions:
        groups[_configuration(question)].append(question)
    return {key: seconds(group, frameworks) for key, group in groups.items()}


@dataclass(frozen=True)
class Merged:
    """The record of all parts, and what does not fit together, a sentence each."""

    record: Record
    missing: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()


def merge(records: dict[str, Record]) -> Merged:
    """Join the records of the parts of a run, by name; a target must have the same versions in all of them.

    Of a verdict that several have, the first is kept; that another says otherwise is a contradiction.

    Raises:
        ValueError: a target has other versions in one than in another: the parts are not of one run.
    """
    parts = list(records.values())
    targets = _targets(records)
    verdicts: dict[tuple[str, str, str], tuple[str, Verdict]] = {}
    contradictions = list(_other_flags(records))
    for name, record in records.items():
        for verdict in record.verdicts:
            key = verdict.case, verdict.implementation, verdict.target
            earlier, first = verdicts.setdefault(key, (name, verdict))
            if first.outcome != verdict.outcome:
                contradictions.append(
                    f"{verdict.case} on {verdict.implementation} ({verdict.target}): {first.outcome} in "
                    f"{earlier}, {verdict.outcome} in {name}"
                )
    specs, implementations = dict[str, SpecFacts](), dict[tuple[str, str, str], Implementation]()
    for part in parts:
        specs |= {spec.name: spec for spec in part.specs}
        implementations |= {(i.spec, i.api, i.target): i for i in part.implementations}
    timings: Counter[str] = Counter()
    for part in parts:
        timings.update(part.timings)
    missing = tuple(_missing(records, targets))
    whole = msgspec.structs.replace(
        parts[0],
        started=min(part.started for part in parts),
        seconds=max(part.seconds for part in parts),
        complete=all(part.complete for part in parts),
        targets=tuple(targets.values()),
        specs=tuple(specs.values()),
        implementations=tuple(implementations.values()),
        verdicts=tuple(verdict for _, verdict in verdicts.values()),
        timings=dict(timings),
    )
    return Merged(whole, missing, tuple(contradictions))


def _targets(records: dict[str, Record]) -> dict[str, Target]:
    """Every target, available if it was in any part.

    Raises:
        ValueError: two parts ran other software under one name.
    """
    found: dict[str, tuple[str, Target]] = {}
    for name, record in records.items():
        for target in record.targets:
            earlier, known = found.setdefault(target.name, (name, target))
            if not (known.available and target.available):
                found[target.name] = (earlier, known) if known.available else (name, target)
            elif known.versions != target.versions:
                raise Usage(
                    f"{target.name} ran {known.versions} in {earlier} and {target.versions} in {name}; these "
                    "are no parts of one run: compare them with assay gate"
                )
    return {name: target for name, (_, target) in found.items()}


def _other_flags(records: dict[str, Record]) -> Iterable[str]:
    """Where a target ran with other flags in one part than in another."""
    found: dict[str, tuple[str, Target]] = {}
    for name, record in records.items():
        for target in (target for target in record.targets if target.available):
            earlier, known = found.setdefault(target.name, (name, target))
            for flag in sorted({*known.flags, *target.flags}):
                values = known.flags.get(flag, "nothing"), target.flags.get(flag, "nothing")
                if values[0] != values[1]:
                    yield f"{flag} of {target.name} is {values[0]} in {earlier} and {values[1]} in {name}"


def _missing(records: dict[str, Record], targets: dict[str, Target]) -> Iterable[str]:
    """What was not asked, as far as the records can tell."""
    for name, record in records.items():
        if not record.complete:
            yield f"{name} is not complete: it ended before every case was asked"
        there = {target.name for target in record.targets if target.available}
        for target in targets.values():
            if target.available and target.name not in there:
                yield f"{target.name} was not asked in {name}, as it was elsewhere"
    yield from _unseen_parts(records)


def _unseen_parts(records: dict[str, Record]) -> Iterable[str]:
    """The numbers of parts of which there is no record, from the commands that made them."""
    known: defaultdict[int, set[int]] = defaultdict(set)
    for record in records.values():
        words = record.command.replace("--shard=", "--shard ").split()
        for option, value in itertools.pairwise(words):
            if option == "--shard" and "/" in value:
                part = Shard.parse(value)
                known[part.of].add(part.number)
    if len(known) > 1:
        yield f"the records are of {' and of '.join(map(str, sorted(known)))} parts"
    for of, numbers in known.items():
        for number in sorted(set(range(1, of + 1)) - numbers):
            yield f"part {number}/{of} is missing"
