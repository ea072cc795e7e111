"""The history that dated records tell: what fails since which version, what changed when, and pass rates.

Records are read one after the other, so that many large ones need no more memory than two.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TypeVar

from ..errors import Usage
from ..harness.record import FAILING, Head, Verdict, opened
from .overview import plural, version_of

__all__ = ["Change", "Edition", "History", "Kind", "Span", "history", "markdown", "picture"]

NAMES = ("*.json", "*.jsonl", "*.jsonl.gz", "*.json.gz")
"""What files of records are called."""

Place = tuple[str, str, str]
"""Spec, implementation and target."""


@dataclass
class Edition:
    """One record: when it was made, with which versions, and how many verdicts of each family failed."""

    name: str
    started: str
    versions: dict[str, str]
    asked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def day(self) -> str:
        """The day on which it was made."""
        return self.started[:10]

    @property
    def label(self) -> str:
        """Its version, where one framework was asked; else its day."""
        return next(iter(self.versions.values())) if len(self.versions) == 1 else self.day

    def rate(self, family: str) -> float | None:
        """Which part of a family's verdicts a gate lets pass; None if it was not asked."""
        asked = self.asked[family]
        return 1 - self.failed[family] / asked if asked else None


@dataclass
class Kind:
    """Failing verdicts that are alike, and the first and the last edition that has one."""

    spec: str
    implementation: str
    target: str
    outcome: str
    check: str
    first: int
    last: int
    cases: int = 0
    gone: bool = False


@dataclass
class Span:
    """A finding, or the failing verdicts of an API that none accounts for: its first and its last edition."""

    name: str
    first: int
    last: int
    cases: int = 0
    places: set[Place] = field(default_factory=set)
    gone: bool = False


@dataclass
class Change:
    """An implementation of whose cases some came out otherwise in an edition than when asked before."""

    edition: int
    place: Place
    worse: int = 0
    better: int = 0
    other: int = 0


@dataclass
class History:
    """Editions in the order of their dates, and what they tell."""

    editions: list[Edition]
    kinds: list[Kind]
    changes: list[Change]
    spans: list[Span]

    @functools.cached_property
    def families(self) -> list[str]:
        """Every family that was asked."""
        return list(dict.fromkeys(name for edition in self.editions for name in edition.asked))


def history(folder: Path) -> History:
    """What the records in a folder and below it tell, in the order of their dates.

    Files that hold something else are passed over.

    Raises:
        ValueError: no file there is a record.
    """
    dated = sorted(_dated(folder))
    if not dated:
        raise Usage(
            f"there is no record in {folder}; keep the run.json of each run there, under names of its own"
        )
    editions: list[Edition] = []
    kinds: dict[tuple[str, ...], Kind] = {}
    changes: list[Change] = []
    spans: dict[str, Span] = {}
    newest: dict[Place, int] = {}
    outcomes: dict[Place, dict[str, str]] = {}
    for number, (_, path) in enumerate(dated):
        with opened(path) as (head, verdicts):
            edition = _edition(path.relative_to(folder), head)
            here = _taken_in(edition, head, verdicts, number, kinds, spans)
        editions.append(edition)
        changes += _changes(number, outcomes, here)
        for place, told in here.items():
            outcomes.setdefault(place, {}).update(told)
        newest |= dict.fromkeys(here, number)
    for kind in kinds.values():
        kind.gone = kind.last < newest[kind.spec, kind.implementation, kind.target]
    for span in spans.values():
        span.gone = span.last < max(newest[place] for place in span.places)
    return History(editions, _newest(kinds.values()), changes, _newest(spans.values()))


Dated = TypeVar("Dated", Kind, Span)


def _newest(found: Iterable[Dated]) -> list[Dated]:
    """What is there today before what is gone, what began last first."""
    return sorted(found, key=lambda one: (one.gone, -one.first, -one.cases))


def _dated(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted({path for name in NAMES for path in folder.rglob(name)}):
        try:
            with opened(path) as (head, _):
                yield head.started, path
        except Usage:
            continue


def _edition(path: Path, head: Head) -> Edition:
    versions = {target.name: version_of(target) for target in head.targets if target.available}
    return Edition(str(path), head.started, versions)


def _taken_in(
    edition: Edition,
    head: Head,
    verdicts: Iterable[Verdict],
    number: int,
    kinds: dict[tuple[str, ...], Kind],
    spans: dict[str, Span],
) -> dict[Place, dict[str, str]]:
    """Count the verdicts of an edition; returns the outcome of every case by place."""
    families = {spec.name: spec.family for spec in head.specs}
    here: defaultdict[Place, dict[str, str]] = defaultdict(dict)
    seen: Counter[tuple[str, ...]] = Counter()
    shown: defaultdict[str, list[Place]] = defaultdict(list)
    for verdict in verdicts:
        place = verdict.spec, verdict.implementation, verdict.target
        here[place][verdict.case] = verdict.outcome
        if verdict.outcome != "unsupported":
            family = families.get(verdict.spec, "others")
            edition.asked[family] += 1
            edition.failed[family] += verdict.failing
        if verdict.failing:
            kind_of = *place, verdict.outcome, verdict.check
            seen[kind_of] += 1
            for name in verdict.findings or (verdict.implementation,):
                shown[name].append(place)
    for key, count in seen.items():
        spec, implementation, target, outcome, check = key
        kind = kinds.setdefault(key, Kind(spec, implementation, target, outcome, check, number, number))
        kind.last, kind.cases = number, max(kind.cases, count)
    for name, places in shown.items():
        span = spans.setdefault(name, Span(name, number, number))
        span.last, span.cases = number, max(span.cases, len(places))
        span.places.update(places)
    return here


def _changes(
    number: int, before: dict[Place, dict[str, str]], here: dict[Place, dict[str, str]]
) -> Iterator[Change]:
    """The implementations of which some case came out otherwise than when it was asked before."""
    for place, outcomes in here.items():
        earlier = before.get(place, {})
        change = Change(number, place)
        for case, outcome in outcomes.items():
            was = earlier.get(case, outcome)
            if was != outcome:
                failed, fails = was in FAILING, outcome in FAILING
                change.worse += fails and not failed
                change.better += failed and not fails
                change.other += failed == fails
        if change.worse or change.better or change.other:
            yield change


# --- the page ----------------------------------------------------------------------------------------------


def markdown(told: History, most: int = 200) -> str:
    """The history as a page of Markdown, with at most so many rows in each table."""
    lines = ["# History", "", f"{plural(len(told.editions), 'record')}, pass rates by family:", ""]
    lines += ["![pass rates by family](history.svg)", ""]
    lines += _table("Records", ("", "day", "record", "versions"), _editions(told.editions), most)
    lines += _table("Findings", ("finding", "cases", "since", "until"), _found(told), most)
    lines += _table("What changed", ("day", "API", "target", "version", "cases"), _changed(told), most)
    titles = ("API", "target", "what", "cases", "since", "until")
    lines += _table("What fails", titles, _failing(told), most)
    return "\n".join(lines) + "\n"


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], most: int) -> list[str]:
    found = list(rows)
    lines = [f"## {title}", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    lines += ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in found[:most]]
    if len(found) > most:
        lines += ["", f"… and {len(found) - most:,} more."]
    return [*lines, ""]


def _editions(editions: Sequence[Edition]) -> Iterator[tuple[str, ...]]:
    for number, edition in enumerate(editions, 1):
        versions = ", ".join(f"{target} {version}" for target, version in edition.versions.items())
        yield str(number), edition.day, f"`{edition.name}`", versions


def _found(told: History) -> Iterator[tuple[str, ...]]:
    """A row for each finding, and for each API of which something is new."""
    for span in told.spans:
        first, last = (told.editions[number].label for number in (span.first, span.last))
        yield f"`{span.name}`", f"{span.cases:,}", first, last if span.gone else "today"


def _changed(told: History) -> Iterator[tuple[str, ...]]:
    for change in reversed(told.changes):
        edition, (spec, api, target) = told.editions[change.edition], change.place
        words = (("worse", change.worse), ("better", change.better), ("otherwise", change.other))
        cases = ", ".join(f"{count:,} {word}" for word, count in words if count)
        yield edition.day, f"`{api}` ({spec})", target, edition.versions.get(target, ""), cases


def _failing(told: History) -> Iterator[tuple[str, ...]]:
    for kind in told.kinds:
        first, last = (_when(told.editions[number], kind.target) for number in (kind.first, kind.last))
        until = last if kind.gone else "today"
        what = f"{kind.outcome} ({kind.check})" if kind.check else kind.outcome
        yield f"`{kind.implementation}` ({kind.spec})", kind.target, what, f"{kind.cases:,}", first, until


def _when(edition: Edition, target: str) -> str:
    """The version and the day: ``2.13.0, 2026-11-30``."""
    return ", ".join(filter(None, (edition.versions.get(target, ""), edition.day)))


# --- the picture -------------------------------------------------------------------------------------------

ROW, COLUMN, LEFT, TOP = 22, 76, 280, 30
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c1b19 }
.soft { fill: #5e5a52; font-size: 12px }
.all, .gone { fill: #2c6a4d } .most { fill: #8a5700 } .less, .there { fill: #b0251d } .none { fill: #e3ddd1 }
.in { fill: #ffffff; font-size: 12px }
@media (prefers-color-scheme: dark) {
  text { fill: #ebe7de } .soft { fill: #a8a195 } .none { fill: #35322d }
  .all, .gone { fill: #86c3a2 } .most { fill: #e3ad55 } .less, .there { fill: #f28b7f } .in { fill: #151413 }
}
"""

MOST = 0.99
"""A family of which at least so much passes is told apart from one of which less does."""


def picture(told: History, most: int = 12) -> str:
    """As SVG, a column for each of the newest editions: pass rates by family, then findings, the last first.

    Args:
        told: the history.
        most: so many editions, and so many findings, are drawn.
    """
    since = max(0, len(told.editions) - most)
    editions, spans = told.editions[since:], [span for span in told.spans if span.last >= since][:most]
    found = TOP + ROW * len(told.families) + (ROW if spans else 0)
    width, height = LEFT + COLUMN * len(editions) + 8, found + ROW * len(spans) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        'aria-label="Pass rates by family, and findings, by record">',
        f"<style>{STYLE}</style>",
        f'<text class="soft" x="0" y="{TOP - 10}">what passes, by {_columns(editions)}</text>',
    ]
    for column, edition in enumerate(editions):
        x = LEFT + COLUMN * column + COLUMN // 2 - 2
        label = escape(edition.label)
        parts.append(f'<text class="soft" x="{x}" y="{TOP - 10}" text-anchor="middle">{label}</text>')
    for row, family in enumerate(told.families):
        y = TOP + ROW * row
        parts.append(f'<text x="0" y="{y + 15}">{escape(family.replace("_", " "))}</text>')
        parts += [_cell(LEFT + COLUMN * n, y, edition, family) for n, edition in enumerate(editions)]
    if spans:
        parts.append(f'<text class="soft" x="0" y="{found - 7}">what was found, the last first</text>')
    parts += [_bar(span, found + ROW * row, editions, since) for row, span in enumerate(spans)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _columns(editions: Sequence[Edition]) -> str:
    """What the columns are: versions of the one target that was asked, or records."""
    targets = {target for edition in editions for target in edition.versions}
    return f"version of {escape(targets.pop().partition('/')[0])}" if len(targets) == 1 else "record"


def _bar(span: Span, y: int, editions: Sequence[Edition], since: int) -> str:
    """A finding from its first edition that is drawn to its last."""
    first, last = max(span.first - since, 0), span.last - since
    x, wide = LEFT + COLUMN * first, COLUMN * (last - first + 1) - 4
    until = editions[last].label if span.gone else "today"
    title = escape(f"{span.name}: {plural(span.cases, 'case')}, {editions[first].label} to {until}")
    name = escape(span.name if len(span.name) < NAME else f"{span.name[: NAME - 1]}…")
    kind = "gone" if span.gone else "there"
    told = "gone" if span.gone else plural(span.cases, "case")
    return (
        f'<g><title>{title}</title><text x="0" y="{y + 15}">{name}</text>'
        f'<rect class="{kind}" x="{x}" y="{y}" width="{wide}" height="{ROW - 3}" rx="2"/>'
        f'<text class="in" x="{x + wide // 2}" y="{y + 14}" text-anchor="middle">{told}</text></g>'
    )


NAME = 40
"""Most characters of a name that are drawn."""


def _cell(x: int, y: int, edition: Edition, family: str) -> str:
    rate, wide, high = edition.rate(family), COLUMN - 4, ROW - 3
    if rate is None:
        return f'<rect class="none" x="{x}" y="{y}" width="{wide}" height="{high}" rx="2"/>'
    kind = "all" if rate == 1 else "most" if rate >= MOST else "less"
    title = f"{family}, {edition.label}: {edition.failed[family]:,} of {edition.asked[family]:,} fail"
    box = f'<rect class="{kind}" x="{x}" y="{y}" width="{wide}" height="{high}" rx="2"/>'
    text = f'<text class="in" x="{x + wide // 2}" y="{y + 14}" text-anchor="middle">{_percent(rate)}</text>'
    return f"<g><title>{escape(title)}</title>{box}{text}</g>"


def _percent(rate: float) -> str:
    """Per cent, of which 100 means all: what is less is never rounded up to it."""
    return "100 %" if rate == 1 else f"{min(100 * rate, 99.9):.1f} %"
