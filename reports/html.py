"""``index.html``: the whole report in one file that needs no network, no server and no other file.

The page reads without JavaScript: head, matrix, findings, margins, specs and environment are HTML. The
verdicts lie beside it as compact JSON, from which the script filters, counts again and shows single cases.
A policy in the page forbids it to load anything and any script but its own.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import math
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import jinja2
from jinja2.filters import do_mark_safe

from ..harness.record import FAILING, OUTCOMES, Margin, Record, Verdict, Worst
from .overview import (
    MARKS,
    WORST_FIRST,
    Cell,
    Overview,
    command,
    dtype_of,
    duration,
    largest_margin,
    options,
    plural,
    readable_date,
    version_of,
    worst_first,
)
from .paths import ways
from .prose import prose

__all__ = ["TEMPLATES", "Numbered", "embedded", "environment", "render", "three_digits"]

TEMPLATES = Path(__file__).parent / "templates"

SCRIPTS = 24_000_000
"""Characters of reproduction scripts in the page, before lines that repeat are stored once."""

MESSAGE = 4_000
"""Most characters of any message in the page."""


def render(record: Record) -> str:
    """The record as one HTML page."""
    overview = Overview(record)
    frameworks = tuple(ways(overview))
    script = (TEMPLATES / "report.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        environment()
        .get_template("report.html.jinja")
        .render(
            overview=overview,
            record=record,
            frameworks=frameworks,
            asked={spec for one in frameworks for spec in one.asked},
            cell_numbers={cell: number for number, cell in enumerate(map(_key, overview.cells))},
            finding_numbers={id(finding): number for number, finding in enumerate(overview.findings)},
            meanings=OUTCOMES,
            failing_outcomes=FAILING,
            spectra=_spectra(record.verdicts),
            script=do_mark_safe(script),
            script_digest=digest,
            style=do_mark_safe((TEMPLATES / "report.css").read_text("utf-8")),
            data=embedded(_data(overview)),
        )
    )


@functools.cache
def environment() -> jinja2.Environment:
    """The templates of pages, with what they may say."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "MARKS": MARKS,
        "SCALE": SCALE,
        "WORST_FIRST": WORST_FIRST,
        "command": command,
        "id": id,
        "plural": plural,
        "version_of": version_of,
        "worst_first": lambda counts: list(worst_first(counts)),
    }
    environment.filters |= {
        "breakable": breakable,
        "date": readable_date,
        "duration": duration,
        "linkable": linkable,
        "magnitude": magnitude,
        "prose": prose,
        "spaced": spaced,
    }
    return environment


def embedded(data: Any) -> str:
    """JSON in which nothing can end the element that holds it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return do_mark_safe(text)


def breakable(text: str) -> str:
    """Text that may be broken after dots, slashes, commas and underscores."""
    return do_mark_safe("<wbr>".join(map(escape, re.split(r"(?<=[./,_])", text))))


def spaced(name: str) -> str:
    """A name of the code as words: ``losses_classification`` is ``losses, classification``."""
    return name.replace("losses_", "losses, ").replace("_", " ")


def linkable(link: str) -> bool:
    """Whether a source's link leads to a page: anything else, such as a script, is only printed."""
    return link.startswith(("https://", "http://"))


def magnitude(value: float) -> str:
    """Three digits, with a power of ten where there are many more: ``0.031``, ``41``, ``2.1×10⁵``, ``∞``."""
    if math.isinf(value):
        return "∞"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = f"{value:.3g}"
        return f"{float(digits):,.0f}" if "e" in digits else digits
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{float(mantissa):g}×10{power}".removeprefix("1×")


# --- the distribution of margins ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """Where a margin stands on a strip: exact results on the left, infinite errors on the right.

    The script draws with the same numbers, which the page hands over.
    """

    low: int = -4
    high: int = 8
    bins_per_decade: int = 4
    gap: int = 3

    @property
    def bins(self) -> int:
        """Number of bins of the logarithmic part."""
        return (self.high - self.low) * self.bins_per_decade

    @property
    def width(self) -> int:
        """Bins and gaps: exact, gap, the logarithmic part, gap, infinite."""
        return self.bins + 2 * (self.gap + 2)

    def place(self, margin: float) -> int:
        """The place of a margin, from 0 to less than ``width``."""
        if margin == 0:
            return 0
        start = 2 + self.gap
        if math.isinf(margin):
            return start + self.bins + self.gap
        index = math.floor((math.log10(margin) - self.low) * self.bins_per_decade)
        return start + min(max(index, 0), self.bins - 1)

    def position(self, exponent: float) -> float:
        """Where a power of ten stands, in per cent of the width."""
        return 100 * (2 + self.gap + (exponent - self.low) * self.bins_per_decade) / self.width

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions in per cent and their labels."""
        named = [(e, magnitude(10.0**e)) for e in range(self.low, self.high + 1, 2)]
        ends = [(100 / self.width, "exact"), (100 - 100 / self.width, "∞")]
        return [ends[0], *((self.position(e), label) for e, label in named), ends[1]]


SCALE = Scale()
KINDS = ("good", "known", "bad")


@dataclass(frozen=True)
class Spectrum:
    """How many verdicts have which margin."""

    counts: dict[str, Counter[int]]
    worst: float

    def path(self, kind: str) -> str:
        """Outline of one kind's bars in a box of `SCALE.width` × 100; heights go with the square root."""
        tallest = max((max(c.values()) for c in self.counts.values() if c), default=1)
        bars = sorted(self.counts[kind].items())
        return "".join(_bar(place, count, tallest) for place, count in bars)


def _bar(place: int, count: int, tallest: int) -> str:
    height = max(8, round(100 * math.sqrt(count / tallest)))
    width = 2 if place in (0, SCALE.width - 2) else 1
    return f"M{place} 100v-{height}h{width}v{height}z"


def _spectra(verdicts: Iterable[Verdict]) -> dict[str, Spectrum]:
    """The distribution of margins of every spec, and of all under an empty name."""
    counts: defaultdict[str, dict[str, Counter[int]]] = defaultdict(
        lambda: {kind: Counter() for kind in KINDS}
    )
    worst: defaultdict[str, float] = defaultdict(float)
    for verdict in verdicts:
        margin = largest_margin(verdict)
        if margin is not None:
            kind = "bad" if verdict.failing else "known" if verdict.outcome == "deviates" else "good"
            for name in ("", verdict.spec):
                counts[name][kind][SCALE.place(margin)] += 1
                worst[name] = max(worst[name], margin)
    return {name: Spectrum(kinds, worst[name]) for name, kinds in counts.items()}


# --- the verdicts as data ----------------------------------------------------------------------------------


class Numbered:
    """Every value once, in the order of first use."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self.numbers: dict[Any, int] = {}
        for value in values:
            self.number(value)

    def number(self, value: Any) -> int:
        """The place of a value in the list of all."""
        return self.numbers.setdefault(value, len(self.numbers))

    @property
    def values(self) -> list[Any]:
        """Every value once."""
        return list(self.numbers)


def _data(overview: Overview) -> dict[str, Any]:
    """The verdicts, column by column, each text stored once."""
    cells = Numbered(map(_key, overview.cells))
    cases, profiles, strings = Numbered(), Numbered(), Numbered([""])
    details = _Details(strings, {known.id: known.title for known in overview.record.findings})
    columns: dict[str, list[Any]] = {
        name: [] for name in ("cell", "case", "outcome", "margin", "profile", "detail")
    }
    places: dict[int, int] = {}
    for index, verdict in enumerate(overview.record.verdicts):
        places[id(verdict)] = index
        columns["cell"].append(cells.number((verdict.spec, verdict.implementation, verdict.target)))
        columns["case"].append(cases.number(verdict.case))
        columns["outcome"].append(WORST_FIRST.index(verdict.outcome))
        columns["margin"].append(three_digits(largest_margin(verdict)))
        columns["profile"].append(profiles.number(verdict.profile or ""))
        columns["detail"].append(details.add(verdict))
    families = {spec.name: spec.family for spec in overview.specs}
    return {
        "outcomes": WORST_FIRST,
        "meanings": OUTCOMES,
        "marks": {outcome: mark.glyph for outcome, mark in MARKS.items()},
        "failing": FAILING,
        "scale": {
            "low": SCALE.low,
            "bins": SCALE.bins,
            "perDecade": SCALE.bins_per_decade,
            "gap": SCALE.gap,
            "width": SCALE.width,
            "ticks": SCALE.ticks,
        },
        "targets": {
            target.name: {"framework": target.framework, "options": shlex.join(options(target.name))}
            for target in overview.targets
        },
        "families": families,
        "cells": cells.values,
        "where": _conditions(overview.record, cells),
        "cases": cases.values,
        "dtypes": sorted({dtype_of(case) for case in cases.values} - {""}),
        "profiles": profiles.values,
        "verdicts": columns,
        "findings": [[places[id(verdict)] for verdict in finding.verdicts] for finding in overview.findings],
        "details": details.rows,
        "strings": strings.values,
        "scriptsLeftOut": details.left_out,
    }


def _key(cell: Cell) -> tuple[str, str, str]:
    return cell.spec, cell.implementation, cell.target


def _conditions(record: Record, cells: Numbered) -> dict[int, list[list[str]]]:
    """By cell, the conditions under which an implementation exists, with their reasons."""
    return {
        cells.number((i.spec, i.api, i.target)): [[rule, reason] for rule, reason in i.where.items()]
        for i in record.implementations
        if i.where
    }


class _Details:
    """What is told of one verdict, texts by their number."""

    def __init__(self, strings: Numbered, titles: Mapping[str, str]) -> None:
        self.rows: list[list[Any]] = []
        self._titles = titles
        self.left_out = 0
        self._strings = strings
        self._budget = SCRIPTS

    def add(self, verdict: Verdict) -> int:
        """Keep what there is to tell; its place, or -1 if there is nothing."""
        if verdict.outcome == "conforms" and not (verdict.message or verdict.notes):
            return -1
        told = verdict.outcome != "conforms"
        self.rows.append(
            [
                self._text(verdict.check),
                self._text(verdict.told),
                self._text(verdict.explained_by or ""),
                self._text(verdict.deviation or ""),
                [self._text(note) for note in (*map(self._known, verdict.findings), *verdict.notes)],
                [self._margin(margin) for margin in verdict.margins] if told else [],
                self._worst(verdict.worst) if verdict.worst else None,
                verdict.digest if told else "",
                three_digits(verdict.seconds),
                self._script(verdict.reproduction),
            ]
        )
        return len(self.rows) - 1

    def _text(self, text: str) -> int:
        return self._strings.number(text if len(text) <= MESSAGE else text[:MESSAGE] + "…")

    def _known(self, name: str) -> str:
        """A finding on file by name and title."""
        return f"known as {name}: {self._titles.get(name, '')}".removesuffix(": ")

    def _margin(self, margin: Margin) -> list[Any]:
        return [
            self._text(margin.array),
            three_digits(margin.worst, missing=-1),
            three_digits(margin.rms),
            margin.unresolved,
        ]

    def _worst(self, worst: Worst) -> list[Any]:
        shown = (worst.got, worst.expected, worst.tolerance)
        return [worst.array, worst.index, *shown, three_digits(worst.error_ulps), worst.wrong, worst.size]

    def _script(self, script: str | None) -> list[int]:
        """The script as numbers of its lines, most of which many scripts share."""
        if not script:
            return []
        self._budget -= len(script)
        if self._budget < 0:
            self.left_out += 1
            return []
        return [self._strings.number(line) for line in script.split("\n")]


def three_digits(value: float | None, missing: float | None = None) -> float | int | None:
    """Three digits of a number; -1 for infinity, which JSON has not."""
    if value is None:
        return missing
    if not abs(value) < 1e300:
        return -1
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e6 else rounded
