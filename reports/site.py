"""A site in place of one page: an index, a page for each spec and each API, and how accurate each is.

Every page is a file that opens without a network or a server, and none is large, however many verdicts there
are: those of a page lie in pieces of their own, scripts that the page loads when it is opened, since a page
from a file may load scripts and nothing else. Several records stand side by side.
"""

from __future__ import annotations

import functools
import itertools
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..harness.record import FAILING, OUTCOMES, Record, SpecFacts, Target, Verdict, Worst
from . import accuracy
from .html import TEMPLATES, Numbered, embedded, environment, three_digits
from .overview import MARKS, WORST_FIRST, Finding, Overview, largest_margin, options, version_of
from .paths import Ways, ways

__all__ = ["write_site"]

PIECE = 1_500
"""Most verdicts of a piece."""

ROWS = 4_000
"""Most rows of a piece of the table of accuracies."""

SCRIPTS = 2
"""Of verdicts of a piece that are alike, so many bring their scripts; the record has the others."""

MESSAGE = 600
"""Most characters of a message."""

FINDINGS = 60
"""Most findings of a page; all its verdicts are below them."""


@dataclass(frozen=True)
class Place:
    """A target of a record: a column wherever records stand side by side."""

    number: int
    label: str
    record: str
    target: Target

    @property
    def version(self) -> str:
        """Version of the framework."""
        return version_of(self.target)


@dataclass(frozen=True)
class Cell:
    """What came of a spec, or of one API, in one place."""

    counts: Counter[str]

    @property
    def outcome(self) -> str:
        """The worst outcome."""
        return next((outcome for outcome in WORST_FIRST if self.counts[outcome]), "unasked")


@dataclass(frozen=True)
class Piece:
    """A file of verdicts: those of one API asked one spec."""

    number: int
    spec: str
    api: str
    size: int


Told = tuple[Place, Verdict]
Key = tuple[str, str]


class Site:
    """Records, by name, sorted out for pages."""

    def __init__(self, records: dict[str, Record], atlas: Collection[str] = ()) -> None:
        self.records, self.atlas = records, atlas
        self.places = _places(records)
        self.verdicts: defaultdict[Key, list[Told]] = defaultdict(list)
        self.compositions: set[Key] = set()
        by_name = {(place.record, place.target.name): place for place in self.places}
        for name, record in records.items():
            for verdict in record.verdicts:
                place = by_name[name, verdict.target]
                self.verdicts[verdict.spec, verdict.implementation].append((place, verdict))
            self.compositions |= {(i.spec, i.api) for i in record.implementations if i.composition}
        self.specs = _specs(records, self.verdicts)
        self.counts: dict[Key, dict[int, Counter[str]]] = {
            key: _counted(told) for key, told in self.verdicts.items()
        }
        self.files = _file_names(key[1] for key in self.verdicts)
        self.pieces: defaultdict[Key, list[Piece]] = defaultdict(list)

    @property
    def families(self) -> dict[str, list[SpecFacts]]:
        """The specs by family, in the order of the records."""
        found: defaultdict[str, list[SpecFacts]] = defaultdict(list)
        for spec in self.specs.values():
            found[spec.family].append(spec)
        return dict(found)

    @property
    def totals(self) -> Counter[str]:
        """Number of verdicts by outcome."""
        found = (counts for places in self.counts.values() for counts in places.values())
        return sum(found, Counter[str]())

    @functools.cached_property
    def ways(self) -> dict[str, tuple[Ways, ...]]:
        """By record, the frameworks that were asked by several paths."""
        found = {name: tuple(ways(Overview(record))) for name, record in self.records.items()}
        return {name: frameworks for name, frameworks in found.items() if frameworks}

    def number(self, record: str, target: str) -> int:
        """The place of a target of a record."""
        return next(p.number for p in self.places if (p.record, p.target.name) == (record, target))

    def keys(self, spec: str = "", api: str = "") -> list[Key]:
        """What was asked of a spec, or of an API, in the order of names."""
        return sorted(key for key in self.verdicts if (spec or key[0], api or key[1]) == key)

    def cell(self, keys: Iterable[Key], place: Place) -> Cell:
        """What came of all of these in a place."""
        return Cell(sum((self.counts[key].get(place.number, Counter()) for key in keys), Counter[str]()))


def write_site(records: dict[str, Record], folder: Path, atlas: Collection[str] = ()) -> list[Path]:
    """Write the site of records, by name, into a folder, which is made if it is missing; returns its pages.

    Pieces and pages of an earlier site there are removed. Pages of the specs that have one in the ``atlas``,
    which lies in the folder of this name, lead there.
    """
    site = Site(records, atlas)
    for name in ("specs", "apis", "data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for left in (folder / name).iterdir():
            left.unlink()
    _write_pieces(site, folder)
    rows = accuracy.accuracies(
        (place.label, verdict) for told in site.verdicts.values() for place, verdict in told
    )
    pages = [folder / "index.html", folder / "accuracy.html"]
    _write_accuracy(site, rows, folder)
    _page("site_index", folder / "index.html", site, "", totals=site.totals)
    names = [[spec.name, spec.family, spec.summary] for spec in site.specs.values()]
    _write_script(folder / "data" / "names.js", "names", names, list(site.files.items()))
    by_spec, by_api = _grouped(rows, "spec"), _grouped(rows, "implementation")
    for spec in site.specs.values():
        pages.append(folder / "specs" / f"{spec.name}.html")
        _content(pages[-1], site, spec.name, site.keys(spec=spec.name), by_spec.get(spec.name, []), spec)
    for api, name in site.files.items():
        pages.append(folder / "apis" / f"{name}.html")
        _content(pages[-1], site, api, site.keys(api=api), by_api.get(api, []), None)
    style = "\n".join((TEMPLATES / name).read_text("utf-8") for name in ("report.css", "site.css"))
    (folder / "site.css").write_text(style, "utf-8")
    (folder / "site.js").write_text((TEMPLATES / "site.js").read_text("utf-8"), "utf-8")
    return pages


# --- sorting out -------------------------------------------------------------------------------------------


def _places(records: dict[str, Record]) -> list[Place]:
    """Every target of every record, also one that only a verdict names; those of one name stand together."""
    found: defaultdict[str, list[tuple[str, str, Target]]] = defaultdict(list)
    for name, record in records.items():
        known = {target.name: target for target in record.targets if target.available}
        for verdict in record.verdicts:
            if verdict.target not in known:
                framework, _, rest = verdict.target.partition("/")
                device, _, mode = rest.partition("/")
                known[verdict.target] = Target(verdict.target, framework, device, mode, available=True)
        for target in known.values():
            label = f"{name}: {target.name}" if len(records) > 1 else target.name
            found[target.name].append((label, name, target))
    return [Place(number, *place) for number, place in enumerate(itertools.chain(*found.values()))]


def _specs(records: dict[str, Record], keys: Iterable[Key]) -> dict[str, SpecFacts]:
    """What the newest record that tells of a spec says of it; those that only a verdict names come last."""
    found: dict[str, SpecFacts] = {}
    for record in records.values():
        found |= {spec.name: spec for spec in record.specs}
    for name, _ in keys:
        found.setdefault(name, SpecFacts(name, "others", "", "", (), (), (), (), (), ()))
    return found


def _counted(told: Iterable[Told]) -> dict[int, Counter[str]]:
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for place, verdict in told:
        counts[place.number][verdict.outcome] += 1
    return dict(counts)


def _file_names(apis: Iterable[str]) -> dict[str, str]:
    """A file name for each API: its own, as far as every file system takes it, and never one for two."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for api in sorted(set(apis)):
        plain = re.sub(r"[^\w.-]+", "-", api, flags=re.ASCII)[:100].strip(".-") or "api"
        names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
        found[api] = next(name for name in names if name.lower() not in taken)
        taken.add(found[api].lower())
    return found


def _grouped(rows: Iterable[accuracy.Accuracy], field: str) -> dict[str, list[accuracy.Accuracy]]:
    found: defaultdict[str, list[accuracy.Accuracy]] = defaultdict(list)
    for row in rows:
        found[getattr(row, field)].append(row)
    return found


def _findings(told: Iterable[Told]) -> list[Finding]:
    """What a gate does not let pass, verdicts that are alike together, worst first."""
    groups: defaultdict[tuple[str, str, str, str], list[Verdict]] = defaultdict(list)
    for _, verdict in told:
        if verdict.failing:
            key = verdict.spec, verdict.implementation, verdict.outcome, verdict.check
            groups[key].append(verdict)
    found = [Finding(*key, tuple(verdicts)) for key, verdicts in groups.items()]
    return sorted(found, key=lambda f: (WORST_FIRST.index(f.outcome), -(f.margin or 0), -len(f.verdicts)))


# --- pages -------------------------------------------------------------------------------------------------


def _page(template: str, path: Path, site: Site, root: str, **values: Any) -> None:
    text = (
        environment()
        .get_template(f"{template}.html.jinja")
        .render(site=site, root=root, here=path.stem, meanings=OUTCOMES, failing=FAILING, **values)
    )
    path.write_bytes(text.encode("utf-8", "replace"))


def _content(
    path: Path,
    site: Site,
    title: str,
    keys: list[Key],
    rows: list[accuracy.Accuracy],
    spec: SpecFacts | None,
) -> None:
    """The page of a spec, or of an API."""
    told = [one for key in keys for one in site.verdicts[key]]
    shown = {place.number for place, _ in told}
    findings = _findings(told)
    _page(
        "site_content",
        path,
        site,
        "../",
        title=title,
        keys=keys,
        spec=spec,
        rows=rows,
        places=[place for place in site.places if place.number in shown],
        findings=findings[:FINDINGS],
        more=len(findings) - FINDINGS,
        verdicts=len(told),
        page=embedded(_loaded(site, keys)),
    )


def _loaded(site: Site, keys: Iterable[Key]) -> dict[str, Any]:
    """What the script of a page needs beside the pieces that it loads."""
    return {
        "outcomes": WORST_FIRST,
        "marks": {outcome: mark.glyph for outcome, mark in MARKS.items()},
        "failing": FAILING,
        "places": [[place.label, shlex.join(options(place.target.name))] for place in site.places],
        "pieces": [[p.number, p.spec, p.api, p.size] for key in keys for p in site.pieces[key]],
    }


def _write_accuracy(site: Site, rows: Sequence[accuracy.Accuracy], folder: Path) -> None:
    (folder / "accuracy.csv").write_text(accuracy.as_csv(rows), "utf-8", "replace")
    numbers = range(0, len(rows), ROWS)
    for start in numbers:
        strings = Numbered()
        table = [_accuracy(row, strings) for row in rows[start : start + ROWS]]
        _write_script(folder / "data" / f"accuracy-{start // ROWS}.js", "accuracy", strings.values, table)
    page = {"files": site.files, "accuracies": len(numbers), "marks": {o: m.glyph for o, m in MARKS.items()}}
    _page("site_accuracy", folder / "accuracy.html", site, "", rows=rows, page=embedded(page))


def _accuracy(row: accuracy.Accuracy, strings: Numbered) -> list[Any]:
    """A row, its texts by their number but for that of the case, which no other row has."""
    texts = (row.spec, row.implementation, row.dtype, row.place, row.outcome)
    errors = map(three_digits, (row.largest, row.percentile, row.ulps))
    return [*map(strings.number, texts), row.verdicts, *errors, row.case.partition("/")[2]]


def _write_script(path: Path, function: str, *arguments: Any) -> None:
    """A script that hands its arguments to a function of the page that loads it."""
    text = ",".join(map(embedded, arguments))
    path.write_bytes(f"assay.{function}({text})\n".encode("utf-8", "replace"))


# --- pieces ------------------------------------------------------------------------------------------------


def _write_pieces(site: Site, folder: Path) -> None:
    numbers = itertools.count()
    for key in sorted(site.verdicts):
        told = sorted(site.verdicts[key], key=_severity)
        for start in range(0, len(told), PIECE):
            part = told[start : start + PIECE]
            piece = Piece(next(numbers), *key, len(part))
            site.pieces[key].append(piece)
            _write_script(folder / "data" / f"{piece.number}.js", "piece", piece.number, _verdicts(part))


def _severity(told: Told) -> tuple[int, float]:
    return WORST_FIRST.index(told[1].outcome), -(largest_margin(told[1]) or 0.0)


def _verdicts(told: Sequence[Told]) -> dict[str, Any]:
    """Verdicts of one API asked one spec, column by column, each text stored once."""
    cases, strings = Numbered(), Numbered([""])
    told_of = _Details(strings)
    return {
        "case": [cases.number(verdict.case.partition("/")[2]) for _, verdict in told],
        "place": [place.number for place, _ in told],
        "outcome": [WORST_FIRST.index(verdict.outcome) for _, verdict in told],
        "margin": [three_digits(largest_margin(verdict)) for _, verdict in told],
        "detail": [told_of.number(place, verdict) for place, verdict in told],
        "details": told_of.rows,
        "cases": cases.values,
        "strings": strings.values,
    }


class _Details:
    """What is told of single verdicts: rows, whose texts are numbers; many verdicts share one."""

    def __init__(self, strings: Numbered) -> None:
        self.rows: list[list[Any]] = []
        self._strings = strings
        self._seen: dict[tuple[int, ...], int] = {}
        self._scripts = Counter[tuple[str, str, str]]()

    def number(self, place: Place, verdict: Verdict) -> int:
        """The place of the row."""
        texts = (verdict.profile, verdict.told, verdict.explained_by, verdict.deviation, verdict.in_force)
        row = tuple(self._text(text or "") for text in (verdict.check, *texts, "; ".join(verdict.notes)))
        if verdict.outcome == "conforms":
            if row not in self._seen:
                self._seen[row] = self._add(row)
            return self._seen[row]
        shown = verdict.worst and _worst(verdict.worst)
        margins = [[self._text(m.array), three_digits(m.worst), three_digits(m.rms)] for m in verdict.margins]
        return self._add(row, shown, margins, self._script(place, verdict))

    def _add(self, *row: Any) -> int:
        self.rows.append(list(row))
        return len(self.rows) - 1

    def _text(self, text: str) -> int:
        return self._strings.number(text if len(text) <= MESSAGE else text[:MESSAGE] + "…")

    def _script(self, place: Place, verdict: Verdict) -> list[int]:
        """The script as numbers of its lines, most of which many scripts share."""
        kind = place.label, verdict.outcome, verdict.check
        self._scripts[kind] += 1
        if not verdict.reproduction or self._scripts[kind] > SCRIPTS:
            return []
        return [self._strings.number(line) for line in verdict.reproduction.split("\n")]


def _worst(worst: Worst) -> list[Any]:
    where = f"{worst.array}[{', '.join(map(str, worst.index))}]"
    numbers = three_digits(worst.error_ulps), worst.wrong, worst.size
    return [where, worst.got, worst.expected, worst.tolerance, *numbers]
