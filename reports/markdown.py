"""``summary.md``: the run in one page of GitHub-flavoured Markdown, as a job summary shows it.

GitHub refuses a summary of more than 1 MiB, so the page ends before `LIMIT` with a sentence that says what
was left out. What matters most comes first.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..harness.record import FAILING, OUTCOMES, Record
from .overview import (
    MARKS,
    WORST_FIRST,
    Finding,
    Overview,
    command,
    duration,
    plural,
    readable_date,
    title_of,
    worst_first,
)

__all__ = ["LIMIT", "RESERVE", "Page", "code", "plain", "render", "row"]

LIMIT = 900_000
"""Most bytes of the page in UTF-8."""

MESSAGE = 300
"""Most characters of any quoted text."""

RESERVE = 4_000
"""Bytes kept for the sentences about what was left out."""


def render(record: Record) -> str:
    """The record as Markdown, at most `LIMIT` bytes."""
    overview = Overview(record)
    page = Page(LIMIT - RESERVE)
    page.add(_head(overview), "the head")
    page.add(_totals(overview), "outcomes")
    page.table("Environment", _environment(overview), "target", "of the environment")
    page.table("Specs and targets", _matrix(overview), "row", "of the matrix")
    told = functools.partial(_finding, overview=overview)
    page.items("Findings", overview.findings, told, "finding")
    page.items("Deviations on file", overview.deviations, _quiet, "deviation")
    page.items("Unresolved", overview.unresolved, _quiet, "case that nothing bounds")
    page.items("Unsupported", overview.gaps, _quiet, "unsupported implementation")
    return page.text()


class Page:
    """Text that grows up to a limit, and then counts what it had no room for."""

    def __init__(self, limit: int, data: str = "run.json") -> None:
        self._data = data
        self._parts: list[str] = []
        self._left = limit
        self._missing: list[str] = []

    def add(self, text: str, what: str = "") -> bool:
        """Append a paragraph if there is room for it."""
        size = len(text.encode("utf-8", "replace")) + 1
        if size > self._left:
            if what:
                self._missing.append(what)
            return False
        self._left -= size
        self._parts.append(text)
        return True

    def items(
        self, title: str, findings: Sequence[Finding], write: Callable[[Finding], str], noun: str
    ) -> None:
        """A section with an item for each finding; those that do not fit are counted."""
        self.section(f"## {title}\n", map(write, findings), len(findings), noun)

    def table(self, title: str, lines: Sequence[str], noun: str, of: str) -> None:
        """A section with a table, whose first two lines are its head."""
        self.section(f"## {title}\n\n{lines[0]}\n{lines[1]}", lines[2:], len(lines) - 2, noun, f" {of}")

    def section(self, head: str, items: Iterable[str], count: int, noun: str, of: str = "") -> None:
        """A head and the items that fit; the others are counted."""
        fitting = 0
        if count and self.add(f"\n{head}"):
            fitting = sum(1 for _ in itertools.takewhile(self.add, items))
        if fitting < count:
            self._missing.append(plural(count - fitting, noun) + of)

    def text(self) -> str:
        """The page."""
        if self._missing:
            left_out = ", ".join(self._missing)
            self._parts.append(
                f"\n_Left out to keep this page below {LIMIT:,} bytes: {left_out}. "
                f"The full report is `index.html`, the data `{self._data}`._"
            )
        return "\n".join(self._parts) + "\n"


def _head(overview: Overview) -> str:
    record = overview.record
    failing = overview.failing
    verdict = (
        f"{plural(failing, 'verdict')} fail{'s' if failing == 1 else ''}: {overview.split}"
        if failing
        else "nothing fails"
    )
    counts = ", ".join(
        (
            plural(len(record.verdicts), "verdict"),
            plural(overview.cases, "case"),
            plural(len(overview.specs), "spec"),
            plural(sum(target.available for target in overview.targets), "target"),
        )
    )
    lines = [
        f"# assay: {verdict}",
        "",
        f"{counts}; tier {plain(record.tier)}; {plain(readable_date(record.started))}, "
        f"{duration(record.seconds)}; assay {plain(record.assay)}.",
    ]
    if not record.complete:
        lines += ["", "**The run is incomplete: it ended before every case was asked.**"]
    for news in overview.news:
        lines += ["", plain(news)]
    for target in overview.targets:
        if not target.available:
            lines += ["", f"**{plain(target.name)} was not tested:** {plain(target.reason)}"]
        elif target.reason:
            lines += ["", f"**{plain(target.name)} was tested in part:** {plain(target.reason)}"]
    return "\n".join(lines)


def _totals(overview: Overview) -> str:
    lines = ["", "| outcome | verdicts | gate | meaning |", "|---|---:|---|---|"]
    for outcome in reversed(WORST_FIRST):
        count = overview.totals[outcome]
        if count:
            gate = "fails" if outcome in FAILING else "ok"
            lines.append(f"| {MARKS[outcome].glyph} {outcome} | {count:,} | {gate} | {OUTCOMES[outcome]} |")
    return "\n".join(lines) if overview.totals else "\nNo case was asked."


def _matrix(overview: Overview) -> list[str]:
    head = ["spec", *(f"{plain(title_of(t))}<br>{plain(t.device)}" for t in overview.targets)]
    lines = [row(head), row(["---"] * len(head))]
    for family, specs in overview.families.items():
        lines.append(row([f"**{plain(family)}**", *[""] * len(overview.targets)]))
        lines += [row([code(spec.name), *_cells(overview, spec.name)]) for spec in specs]
    return lines


def _cells(overview: Overview, spec: str) -> Iterator[str]:
    for target in overview.targets:
        counts = overview.counts(spec, target.name)
        found = [f"{counts[outcome]} {MARKS[outcome].glyph}" for outcome in worst_first(counts)]
        yield ", ".join(reversed(found))


def _finding(finding: Finding, overview: Overview) -> str:
    worst = finding.worst
    known = "".join(f"known as {plain(named)}<br>" for named in overview.named(finding.known))
    facts = [plural(len(finding.verdicts), "case"), finding.measure, ", ".join(map(plain, finding.targets))]
    if finding.scope:
        facts.append(plain(finding.scope))
    if finding.explained_by:
        facts.append(f"{code(finding.explained_by)} would explain it")
    check = f" ({plain(finding.check)})" if finding.check else ""
    return (
        f"- **{MARKS[finding.outcome].glyph} {finding.outcome}**{check} {code(finding.spec)} in "
        f"{code(finding.implementation)}: {'; '.join(fact for fact in facts if fact)}<br>"
        f"{known}{plain(worst.told)}<br>{code(command('explain', worst), 1_000)}"
    )


def _quiet(finding: Finding) -> str:
    return (
        f"- {code(finding.spec)} in {code(finding.implementation)}: "
        f"{plural(len(finding.verdicts), 'case')} on {', '.join(map(plain, finding.targets))}; "
        f"{plain(finding.check or finding.worst.message)}"
    )


def _environment(overview: Overview) -> list[str]:
    lines = [row(["target", "versions", "flags", "Python"]), row(["---"] * 4)]
    for target in overview.targets:
        lines.append(
            row([code(target.name), *map(_facts, (target.versions, target.flags)), plain(target.python)])
        )
    lines.append(row(["machine", _facts(overview.record.machine), "", ""]))
    lines.append(row(["command", code(overview.record.command, 1_000), "", ""]))
    return lines


def _facts(facts: dict[str, str]) -> str:
    return "<br>".join(f"{plain(name)} {plain(value)}" for name, value in facts.items())


def row(cells: Iterable[str]) -> str:
    """A row of a table."""
    escaped = (re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _short(text: str, limit: int) -> str:
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def plain(text: str) -> str:
    """Text in which no character means anything to Markdown or HTML, on one line."""
    escaped = re.sub(r"([\\`*\[\]#|~$])|(?<!\w)(_)|(_)(?!\w)", r"\\\g<0>", _short(text, MESSAGE))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str, limit: int = MESSAGE) -> str:
    """Text as code, on one line."""
    line = _short(text, limit)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"
