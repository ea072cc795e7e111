"""What every report says of a record: counts, the matrix of specs and targets, and the findings, worst first.

A report lays these out and adds nothing of its own; nothing here knows how a report looks.
"""

from __future__ import annotations

import functools
import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ..harness.record import FAILING, Known, Record, SpecFacts, Target, Verdict

__all__ = [
    "MARKS",
    "WORST_FIRST",
    "Cell",
    "Finding",
    "Mark",
    "Overview",
    "command",
    "dtype_of",
    "duration",
    "largest_margin",
    "number",
    "options",
    "plural",
    "readable_date",
    "times",
    "title_of",
    "version_of",
    "worst_first",
]

Counts = Counter[str]

WORST_FIRST = (
    "crashed",
    "hung",
    "differs",
    "rejects",
    "accepts",
    "inaccurate",
    "deviates",
    "unresolved",
    "unsupported",
    "conforms",
)
"""Outcomes in the order in which a reader wants to hear of them."""


@dataclass(frozen=True)
class Mark:
    """Sign of an outcome where there is no room for its name, and its stand-in where only ASCII prints."""

    glyph: str
    ascii: str


MARKS = {
    "crashed": Mark("†", "X"),
    "hung": Mark("…", "..."),
    "differs": Mark("≠", "!="),
    "rejects": Mark("!", "!"),
    "accepts": Mark("?", "?"),
    "inaccurate": Mark("±", "+-"),
    "deviates": Mark("≈", "~"),
    "unresolved": Mark("○", "o"),
    "unsupported": Mark("–", "-"),
    "conforms": Mark("✓", "ok"),
}


@dataclass(frozen=True)
class Cell:
    """How one implementation did on one target."""

    spec: str
    implementation: str
    target: str
    composition: bool
    counts: Counts

    @property
    def outcome(self) -> str:
        """The worst outcome of any case; empty if no case was asked."""
        return next(worst_first(self.counts), "")

    @property
    def failing(self) -> int:
        """Number of cases that a gate does not let pass."""
        return sum(self.counts[outcome] for outcome in FAILING)


@dataclass(frozen=True)
class Finding:
    """Verdicts that are not plainly good, and alike: same spec, implementation, outcome and check.

    Those that fail are all new, or all known as findings on file.
    """

    spec: str
    implementation: str
    outcome: str
    check: str
    verdicts: tuple[Verdict, ...]

    @functools.cached_property
    def worst(self) -> Verdict:
        """The verdict with the largest margin; the first of them if several are equal."""
        return max(self.verdicts, key=lambda verdict: largest_margin(verdict) or 0.0)

    @functools.cached_property
    def targets(self) -> tuple[str, ...]:
        """Where it was seen."""
        return tuple(dict.fromkeys(verdict.target for verdict in self.verdicts))

    @functools.cached_property
    def known(self) -> tuple[str, ...]:
        """The names of the findings on file that account for all of them; none where any is new."""
        if any(verdict.new for verdict in self.verdicts):
            return ()
        return tuple(dict.fromkeys(name for verdict in self.verdicts for name in verdict.findings))

    @functools.cached_property
    def scope(self) -> str:
        """The dtypes and data sets it was seen with, if they are few: ``in float32, with data tails``."""
        parts = [verdict.case.split("/") for verdict in self.verdicts]
        dtypes, data = (dict.fromkeys(part[place] for part in parts if len(part) == 5) for place in (2, 3))
        named = (("in", dtypes), ("with data", data))
        return ", ".join(f"{word} {', '.join(found)}" for word, found in named if 0 < len(found) <= 3)

    @functools.cached_property
    def margin(self) -> float | None:
        """Largest error as a multiple of its tolerance; None where no numbers were compared."""
        return largest_margin(self.worst)

    @property
    def measure(self) -> str:
        """The worst number in words: ``2.1e+04 × tolerance``; empty where no numbers were compared."""
        return "" if self.margin is None else f"{times(self.margin)} tolerance"

    @property
    def explained_by(self) -> str:
        """Profiles that are not declared but would explain some of the verdicts."""
        return ", ".join(dict.fromkeys(v.explained_by for v in self.verdicts if v.explained_by))


@dataclass(frozen=True)
class Overview:
    """A record, counted and grouped."""

    record: Record

    @functools.cached_property
    def totals(self) -> Counts:
        """Number of verdicts by outcome."""
        return Counter(verdict.outcome for verdict in self.record.verdicts)

    @property
    def failing(self) -> int:
        """Number of verdicts that a gate does not let pass."""
        return sum(self.totals[outcome] for outcome in FAILING)

    @functools.cached_property
    def new(self) -> int:
        """Number of failing verdicts that no finding on file accounts for."""
        return sum(verdict.new for verdict in self.record.verdicts)

    @functools.cached_property
    def shown(self) -> tuple[Known, ...]:
        """The findings on file that account for verdicts, the widest first."""
        return tuple(sorted((k for k in self.record.findings if k.shown), key=lambda known: -known.shown))

    @property
    def split(self) -> str:
        """How many failing verdicts are new: ``2 new, 500 known as 97 findings``; empty where none fails."""
        known = self.failing - self.new
        told = f", {known:,} known as {plural(len(self.shown), 'finding')}" if known else ""
        return f"{self.new:,} new{told}" if self.failing else ""

    @functools.cached_property
    def news(self) -> tuple[str, ...]:
        """What is good news of findings on file, and which of them are stale, in sentences."""
        good = [
            f"{api} conforms in {case} on {target}, where it showed the finding {known.id}: {known.title}"
            for known in self.record.findings
            for case, api, target in known.conforming
        ]
        stale = [
            f"the finding {known.id} is stale: no example of it shows it any more ({known.title})"
            for known in self.record.findings
            if known.stale
        ]
        return (*good, *stale)

    def named(self, names: Iterable[str]) -> tuple[str, ...]:
        """Findings on file by name and title."""
        titles = {known.id: known.title for known in self.record.findings}
        return tuple(f"{name}: {titles[name]}" if name in titles else name for name in names)

    @functools.cached_property
    def cases(self) -> int:
        """Number of different cases that were asked."""
        return len({verdict.case for verdict in self.record.verdicts})

    @functools.cached_property
    def targets(self) -> tuple[Target, ...]:
        """Every target, also one that only a verdict names."""
        known = {target.name: target for target in self.record.targets}
        for name in (cell.target for cell in self.cells):
            framework, _, rest = name.partition("/")
            device, _, mode = rest.partition("/")
            known.setdefault(name, Target(name, framework, device, mode, available=True))
        return tuple(known.values())

    @functools.cached_property
    def families(self) -> dict[str, tuple[SpecFacts, ...]]:
        """Every spec by family, in the order of the record, also one that only a verdict names."""
        known = {spec.name: spec for spec in self.record.specs}
        for name in (cell.spec for cell in self.cells):
            known.setdefault(name, SpecFacts(name, "others", "", "", (), (), (), (), (), ()))
        found: defaultdict[str, list[SpecFacts]] = defaultdict(list)
        for spec in known.values():
            found[spec.family].append(spec)
        return {family: tuple(specs) for family, specs in found.items()}

    @property
    def specs(self) -> tuple[SpecFacts, ...]:
        """Every spec, family by family."""
        return tuple(spec for specs in self.families.values() for spec in specs)

    @functools.cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every implementation on every target, also one that only a verdict names."""
        compositions = {(i.spec, i.api, i.target): i.composition for i in self.record.implementations}
        counts: dict[tuple[str, str, str], Counts] = {key: Counter() for key in compositions}
        for verdict in self.record.verdicts:
            key = (verdict.spec, verdict.implementation, verdict.target)
            counts.setdefault(key, Counter())[verdict.outcome] += 1
        return tuple(Cell(*key, compositions.get(key, False), count) for key, count in counts.items())

    @functools.cached_property
    def matrix(self) -> dict[tuple[str, str], tuple[Cell, ...]]:
        """The implementations by (spec, target)."""
        found: defaultdict[tuple[str, str], list[Cell]] = defaultdict(list)
        for cell in self.cells:
            found[cell.spec, cell.target].append(cell)
        return {place: tuple(cells) for place, cells in found.items()}

    def counts(self, spec: str, target: str) -> Counts:
        """Number of verdicts by outcome of all implementations of a spec on a target."""
        return sum((cell.counts for cell in self.matrix.get((spec, target), ())), Counter())

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What a gate does not let pass, grouped, what is new first, then worst first."""
        return self._grouped(FAILING)

    @functools.cached_property
    def themes(self) -> tuple[tuple[Finding, ...], ...]:
        """The findings that differ in nothing but the implementation, together; the worst comes first."""
        found: defaultdict[tuple[str, str, str], list[Finding]] = defaultdict(list)
        for finding in self.findings:
            found[finding.spec, finding.outcome, finding.check].append(finding)
        return tuple(map(tuple, found.values()))

    @functools.cached_property
    def deviations(self) -> tuple[Finding, ...]:
        """What differs as a deviation on file says, grouped; the check is the deviation's name."""
        return self._grouped(("deviates",))

    @functools.cached_property
    def unresolved(self) -> tuple[Finding, ...]:
        """What nothing bounds, grouped; the check is what cannot be judged."""
        return self._grouped(("unresolved",))

    @functools.cached_property
    def gaps(self) -> tuple[Finding, ...]:
        """What is unsupported, grouped; the check is the reason."""
        return self._grouped(("unsupported",))

    def _grouped(self, outcomes: Iterable[str]) -> tuple[Finding, ...]:
        wanted = frozenset(outcomes)
        groups: defaultdict[tuple[str, str, str, str, bool], list[Verdict]] = defaultdict(list)
        for verdict in self.record.verdicts:
            if verdict.outcome in wanted:
                kind = {
                    "deviates": verdict.deviation,
                    "unresolved": verdict.message,
                    "unsupported": verdict.message,
                }.get(verdict.outcome)
                check = kind or verdict.check
                key = verdict.spec, verdict.implementation, verdict.outcome, check, verdict.new
                groups[key].append(verdict)
        found = [Finding(*key[:4], tuple(verdicts)) for key, verdicts in groups.items()]
        return tuple(sorted(found, key=_severity))


def _severity(finding: Finding) -> tuple[bool, int, float, int]:
    worst = WORST_FIRST.index(finding.outcome), -(finding.margin or 0.0), -len(finding.verdicts)
    return bool(finding.known), *worst


def worst_first(counts: Counts) -> Iterator[str]:
    """The outcomes that were counted, worst first."""
    return (outcome for outcome in WORST_FIRST if counts[outcome])


def largest_margin(verdict: Verdict) -> float | None:
    """Largest margin of any array, infinite where a number stands against NaN; None where there are none."""
    return max((_finite_or_infinite(margin.worst) for margin in verdict.margins), default=None)


def _finite_or_infinite(value: float | None) -> float:
    """JSON has no infinity: it comes back as null, or as the largest finite number."""
    return math.inf if value is None or not value < 1e300 else value


def dtype_of(case: str) -> str:
    """The dtype that a case id names; empty if the id is not of the usual form."""
    parts = case.split("/")
    return parts[2] if len(parts) == 5 else ""


def version_of(target: Target) -> str:
    """Version of the target's framework, without a local part such as ``+cpu``; empty if unknown."""
    base = target.framework.partition("[")[0]
    version = target.versions.get(base) or target.versions.get(f"{base}-cpu") or ""
    return version.partition("+")[0]


def title_of(target: Target) -> str:
    """Framework, version and mode: ``torch 2.13.0 eager``."""
    return " ".join(word for word in (target.framework, version_of(target), target.mode) if word)


def command(verb: str, verdict: Verdict) -> str:
    """The shell command that looks closer at a verdict: ``assay explain CASE --implementation API …``."""
    words = (
        "assay",
        verb,
        verdict.case,
        "--implementation",
        verdict.implementation,
        *options(verdict.target),
    )
    return shlex.join(words)


def options(target: str) -> tuple[str, ...]:
    """The options that ask for a target: for ``keras[jax]/cpu/graph``, a framework and a mode."""
    framework, _, rest = target.partition("/")
    device, _, mode = rest.partition("/")
    asked = {
        "--framework": framework if "[" in framework else "",
        "--device": device if device != "cpu" else "",
        "--mode": mode,
    }
    return tuple(word for option, value in asked.items() if value for word in (option, value))


def number(value: float) -> str:
    """Three significant digits: ``0.0312``, ``41``, ``2.1e+04``, ``∞``."""
    return "∞" if math.isinf(_finite_or_infinite(value)) else f"{value:.3g}"


def times(value: float) -> str:
    """A factor: ``2.1e+04 ×``."""
    return f"{number(value)} ×"


def plural(count: int, noun: str) -> str:
    """A count and what is counted: ``1 case``, ``12,480 cases``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """A length of time: ``41 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def readable_date(started: str) -> str:
    """``2025-11-12T09:41:03+00:00`` as ``12 November 2025, 09:41``; anything else as it is."""
    try:
        moment = datetime.fromisoformat(started.replace("Z", "+00:00"))
    except ValueError:
        return started
    months = "January February March April May June July August September October November December"
    zone = f" {moment.tzname()}" if moment.tzinfo else ""
    return f"{moment.day} {months.split()[moment.month - 1]} {moment.year}, {moment:%H:%M}{zone}"
