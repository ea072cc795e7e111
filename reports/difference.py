"""What every report says of a gate: what changed first, grouped by layer and cause, and how to accept it.

A report lays these out and adds nothing of its own.
"""

from __future__ import annotations

import functools
import shlex
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ..harness.gating.compare import KINDS, Change, Gate, Tally
from ..harness.mapping.changes import Change as Meaning
from .overview import Mark, command, plural

__all__ = ["ANNOTATIONS", "KIND_MARKS", "Difference", "Group", "workflow_commands"]

KIND_MARKS = {
    "regressed": Mark("▼", "v"),
    "changed": Mark("≠", "!="),
    "drifted": Mark("↘", "\\"),
    "missing": Mark("–", "-"),
    "new": Mark("+", "+"),
    "fixed": Mark("▲", "^"),
    "same": Mark("=", "="),
    "unsupported": Mark("∅", "o"),
}

ANNOTATIONS = 10
"""Most annotations of one step that GitHub shows."""

Key = tuple[bool, str, str, str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Group:
    """Changes of one layer that have one cause; numbered, so that a command can name it."""

    number: int
    changes: tuple[Change, ...]

    @property
    def kind(self) -> str:
        """The class of the changes."""
        return self.changes[0].kind

    @property
    def spec(self) -> str:
        """The layer."""
        return self.changes[0].spec

    @property
    def cause(self) -> str:
        """What the changes have in common."""
        return self.changes[0].cause

    @property
    def known(self) -> str:
        """The deviation or waiver that accounts for them; empty if none does."""
        return self.changes[0].known

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings on file that account for what fails, or failed before."""
        return self.changes[0].findings

    @property
    def failing(self) -> bool:
        """Whether the gate does not let them pass."""
        return self.changes[0].failing

    @functools.cached_property
    def implementations(self) -> dict[str, int]:
        """The public APIs, with the number of cases of each."""
        found: defaultdict[str, int] = defaultdict(int)
        for change in self.changes:
            found[change.verdict.implementation] += 1
        return dict(found)

    @functools.cached_property
    def targets(self) -> tuple[str, ...]:
        """Where it was seen."""
        return tuple(dict.fromkeys(change.verdict.target for change in self.changes))

    @functools.cached_property
    def dtypes(self) -> tuple[str, ...]:
        """In which dtypes."""
        return tuple(dict.fromkeys(change.verdict.case.split("/")[2] for change in self.changes))

    @functools.cached_property
    def example(self) -> Change:
        """The change with the largest margin; the first of them if several are equal."""
        return max(self.changes, key=lambda change: change.verdict.margin or 0.0)

    @property
    def extent(self) -> str:
        """How much of what: ``12 cases in float32 of torch.nn.GELU, torch.nn.functional.gelu``."""
        return (
            f"{plural(len(self.changes), 'case')} in {', '.join(self.dtypes)} "
            f"of {', '.join(self.implementations)} on {', '.join(self.targets)}"
        )

    def explain(self, gate: Gate) -> str:
        """The command that looks closer, in the candidate's environment."""
        python = gate.candidate.python
        there = f" --python {shlex.quote(python)}" if python else ""
        return command("explain", self.example.verdict) + there


@dataclass(frozen=True)
class Difference:
    """A gate, grouped. ``folder`` is where its document lies, for the commands that name it."""

    gate: Gate
    folder: str = "."

    @functools.cached_property
    def groups(self) -> tuple[Group, ...]:
        """The changes by layer and cause: failing ones first, then by class, layer and size."""
        found: defaultdict[Key, list[Change]] = defaultdict(list)
        for change in self.gate.changes:
            key = change.failing, change.kind, change.spec, change.cause, change.known, change.findings
            found[key].append(change)
        order = list(KINDS)
        ranked = sorted(
            found.values(),
            key=lambda group: (not group[0].failing, order.index(group[0].kind), -len(group)),
        )
        return tuple(Group(number, tuple(changes)) for number, changes in enumerate(ranked, 1))

    @property
    def failing(self) -> tuple[Group, ...]:
        """The groups that the gate does not let pass."""
        return tuple(group for group in self.groups if group.failing)

    @property
    def quiet(self) -> tuple[Group, ...]:
        """The groups that are accounted for, and what is new and right."""
        return tuple(group for group in self.groups if not group.failing)

    @property
    def headline(self) -> str:
        """The gate in one sentence."""
        gate = self.gate
        known = sum(not change.unheard for change in gate.failing)
        parts = list(filter(None, (_changes(len(gate.failing), known),)))
        if gate.meanings:
            parts.append(f"{plural(len(gate.meanings), 'change')} of the atlas")
        if gate.complaints:
            parts.append(f"{plural(len(gate.complaints), 'waiver')} not true any more")
        if not parts:
            told = "Nothing changed" if self.compared else "Nothing was compared"
            return "Not everything could be compared" if gate.troubles else told
        return " and ".join(parts)

    @property
    def versions(self) -> list[str]:
        """What both have in another version, what is under test first: ``keras 3.7.0 → 3.8.0``."""
        moved = {name: pair for name, pair in self.gate.versions.items() if all(pair)}
        tested = {name for target in self.gate.candidate.targets for name in target.versions}
        named = sorted(moved, key=lambda name: (name.removesuffix("-cpu") not in tested, name))
        return [f"{name} {moved[name][0]} → {moved[name][1]}" for name in named]

    @property
    def tested(self) -> list[str]:
        """The versions under test, those that moved and those that did not."""
        found: dict[str, str] = {}
        olds = {target.name: target.versions for target in self.gate.baseline.targets}
        for target in self.gate.candidate.targets:
            for name, version in target.versions.items():
                before = olds.get(target.name, {}).get(name, "none")
                found[name] = version if before == version else f"{before} → {version}"
        return [f"{name} {versions}" for name, versions in found.items()]

    @property
    def compared(self) -> int:
        """Number of cases that ran on both sides."""
        return sum(tally.compared for tally in self.gate.tallies)

    @property
    def identical(self) -> int:
        """Number of cases whose answers are equal: in every bit, or in what they raised."""
        return sum(tally.identical for tally in self.gate.tallies)

    @property
    def improved(self) -> int:
        """Number of cases that conform with clearly less error than before."""
        return sum(tally.improved for tally in self.gate.tallies)

    @functools.cached_property
    def counts(self) -> list[tuple[str, int]]:
        """The classes that occur, with their numbers."""
        totals = self.gate.totals
        return [(kind, totals[kind]) for kind in KINDS if totals[kind]]

    @functools.cached_property
    def layers(self) -> dict[str, tuple[Tally, ...]]:
        """The implementations of each layer that has any."""
        found: defaultdict[str, list[Tally]] = defaultdict(list)
        for tally in self.gate.tallies:
            found[tally.spec].append(tally)
        return {spec: tuple(tallies) for spec, tallies in found.items()}

    def named(self, group: Group) -> tuple[str, ...]:
        """The findings on file of a group, by name and title, behind what they are to it."""
        word = "mended" if group.kind == "fixed" else "the finding"
        titles = self.gate.findings
        return tuple(f"{word} {name}: {titles.get(name, '')}".rstrip(": ") for name in group.findings)

    def accept(self, group: Group) -> str:
        """The command that accepts a group."""
        return f"assay waive {shlex.quote(f'{self.folder}/gate.json')} {group.number}"

    def accept_meaning(self, one: Meaning) -> str:
        """The command that accepts what changed beside the numbers; empty where a waiver does."""
        number = self.gate.atlas.index(one) + 1
        return "" if one.known else f"assay waive {shlex.quote(f'{self.folder}/gate.json')} {number} --atlas"


def _changes(count: int, known: int) -> str:
    """So many changes, of which so many are known as findings; empty where there is none."""
    if not known:
        return f"{plural(count, 'change')} that nobody knows of" if count else ""
    few = "all" if known == count else f"{known:,}"
    return f"{plural(count, 'change')}, {few} of them known as findings"


def workflow_commands(difference: Difference) -> Iterator[str]:
    """GitHub's workflow commands for the first groups: what it shows beside a run, at most `ANNOTATIONS`."""
    gate = difference.gate
    told = [
        *((f"assay: {g.spec} {g.kind}", f"{g.cause}: {g.extent}") for g in difference.failing),
        *((f"assay: {one.spec} {one.what}", str(one)) for one in gate.meanings),
        *(("assay: a waiver is not true", complaint) for complaint in gate.complaints),
        *(("assay: not everything was compared", trouble) for trouble in gate.troubles),
    ]
    shown = told if len(told) <= ANNOTATIONS else told[: ANNOTATIONS - 1]
    for title, message in shown:
        yield f"::error title={_property(title)}::{_data(message)}"
    if len(shown) < len(told):
        yield f"::error title=assay::{len(told) - len(shown)} more are in the job summary"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
