"""A gate on the console, as JUnit, as Markdown for a job summary, and as a page that opens on the difference.

Everything is drawn from the gate's document alone. What did not change is counted and not listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import msgspec
from jinja2.filters import do_mark_safe
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from ..harness.gating.compare import KINDS, Change, Gate
from ..harness.mapping.changes import Change as Meaning
from . import difference as differences
from .console import Printable, broken
from .difference import KIND_MARKS, Difference
from .html import TEMPLATES, environment
from .junit import Writer, class_of, document
from .markdown import LIMIT, RESERVE, Page, code, plain, row
from .overview import plural

__all__ = ["console", "html", "junit", "markdown", "write_gate"]

LISTED = 200
"""Most cases of one group that the page and the summary list."""

UNCHANGED = ("same", "unsupported")
"""Classes of which no report lists the cases."""

STYLES = {
    "regressed": "bold red",
    "changed": "red",
    "drifted": "yellow",
    "missing": "magenta",
    "new": "cyan",
    "fixed": "green",
    "same": "dim",
    "unsupported": "dim",
}


def write_gate(gate: Gate, folder: Path) -> list[Path]:
    """Write ``gate.json``, ``junit.xml``, ``summary.md`` and ``index.html``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    difference = Difference(gate, str(folder))
    made = {
        "gate.json": msgspec.json.encode(gate),
        "junit.xml": junit(difference).encode("utf-8", "replace"),
        "summary.md": markdown(difference).encode("utf-8", "replace"),
        "index.html": html(difference).encode("utf-8", "replace"),
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in made]


# --- console -----------------------------------------------------------------------------------------------


def console(difference: Difference, limit: int = 40) -> Group:
    """What changed first, then at most so many groups, what was accounted for, and the totals."""
    return Group(Printable(_Changes(difference, limit)), Printable(_Totals(difference)))


class _Changes:
    """Groups of changes, failing ones first, each with the commands that look closer and accept it."""

    def __init__(self, difference: Difference, limit: int) -> None:
        self._difference, self._limit = difference, limit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        difference, gate = self._difference, self._difference.gate
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for group in difference.groups[: self._limit]:
            mark = KIND_MARKS[group.kind]
            sign = mark.ascii if options.ascii_only else mark.glyph
            grid.add_row(Text(sign, STYLES[group.kind]), _what(group))
            for named in difference.named(group):
                grid.add_row("", Text(named, "blue"))
            if group.failing:
                told = group.example.message.partition("\n")[0][:300]
                lines = [] if told.startswith(group.cause) else [told]
                lines.append(broken(group.explain(gate), group.example.verdict.case, options.max_width - 4))
                grid.add_row("", Text("\n".join((*lines, difference.accept(group))), "dim"))
        if difference.groups:
            yield grid
        left = len(difference.groups) - self._limit
        if left > 0:
            yield Text(f"and {plural(left, 'more group')} in index.html", "dim")


def _what(group: differences.Group) -> Text:
    known = f", known as {group.known}" if group.known else ""
    return Text.assemble(
        (group.kind, STYLES[group.kind]), " ", (group.spec, "bold"), f" {group.cause}: {group.extent}{known}"
    )


class _Totals:
    """The sentence, what is wrong besides, and one line that counts everything."""

    def __init__(self, difference: Difference) -> None:
        self._difference = difference

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        difference, gate = self._difference, self._difference.gate
        yield Text("")
        for one in gate.atlas:
            yield Text(
                f"{one}, known as {one.known}" if one.known else str(one), "dim" if one.known else "red"
            )
            if not one.known:
                yield Text(f"  {difference.accept_meaning(one)}", "dim")
        for trouble in gate.troubles:
            yield Text(f"could not be compared: {trouble}", "magenta")
        for complaint in gate.complaints:
            yield Text(complaint, "red")
        for note in gate.notes:
            yield Text(f"note: {note}", "dim")
        moved = difference.versions
        if moved:
            rest = f" and {plural(len(moved) - 6, 'more package')}" if len(moved) > 6 else ""
            yield Text(", ".join(moved[:6]) + rest)
        counts = [Text(f"{count:,} {kind}", STYLES[kind]) for kind, count in difference.counts]
        yield Text(", ").join(counts)
        yield Text(_equal(difference), "dim")
        yield Text(difference.headline + ".", "bold red" if gate.status else "bold green")
        if gate.accept and gate.failing:
            yield Text(f"To accept all of it: {gate.accept}")


def _equal(difference: Difference) -> str:
    better = f", {difference.improved:,} clearly more accurate" if difference.improved else ""
    return (
        f"{difference.identical:,} of {plural(difference.compared, 'answer')} that both gave "
        f"are equal, in every bit or in what they raised{better}"
    )


# --- Markdown ----------------------------------------------------------------------------------------------


def markdown(difference: Difference) -> str:
    """The gate as Markdown, below what a job summary may have; changed cases only."""
    gate, page = difference.gate, Page(LIMIT - RESERVE, "gate.json")
    page.add("\n".join(_head(difference)), "the head")
    for title, texts in (("Not compared", gate.troubles), ("Not true any more", gate.complaints)):
        page.section(f"## {title}\n", (f"- {plain(text)}" for text in texts), len(texts), "line")
    page.section(
        "## What changed\n",
        (_item(group, difference) for group in difference.failing),
        len(difference.failing),
        "group",
    )
    page.section(
        "## Known, or new and right\n",
        (_item(group, difference) for group in difference.quiet),
        len(difference.quiet),
        "group",
    )
    page.section(
        "## What changed beside the numbers\n",
        (_meaning(one, difference) for one in gate.atlas),
        len(gate.atlas),
        "change",
    )
    lines = list(_layers(difference))
    page.section("## Layers\n\n" + "\n".join(lines[:2]), lines[2:], len(lines) - 2, "layer")
    page.section("## Notes\n", (f"- {plain(note)}" for note in gate.notes), len(gate.notes), "note")
    return page.text()


def _head(difference: Difference) -> Iterator[str]:
    gate = difference.gate
    yield f"# assay gate: {difference.headline[0].lower()}{difference.headline[1:]}"
    yield ""
    labels = f"{code(gate.baseline.label)} → {code(gate.candidate.label)}"
    yield f"{labels}: {', '.join(map(plain, difference.tested))}."
    yield ""
    yield row(["class", "cases", "meaning"])
    yield row(["---", "---:", "---"])
    for kind, count in difference.counts:
        meaning = KINDS[kind]  # type: ignore[index]
        yield row([f"{KIND_MARKS[kind].glyph} {kind}", f"{count:,}", meaning])
    yield ""
    yield f"{_equal(difference)}."
    if gate.accept and gate.failing:
        yield f"To accept all of it: {code(gate.accept, 1_000)}"


def _item(group: differences.Group, difference: Difference) -> str:
    gate = difference.gate
    facts = [
        f"- **{KIND_MARKS[group.kind].glyph} {group.kind}** {code(group.spec)} {plain(group.cause)}: "
        f"{plural(len(group.changes), 'case')} in {', '.join(group.dtypes)} of "
        f"{', '.join(code(name) for name in group.implementations)} on {', '.join(map(plain, group.targets))}"
    ]
    facts += map(plain, difference.named(group))
    if group.known:
        facts.append(f"known as {code(group.known)}")
    if group.failing:
        commands = group.explain(gate), difference.accept(group)
        facts += [plain(group.example.message), *(code(command, 1_000) for command in commands)]
        cases = list(dict.fromkeys(change.verdict.case for change in group.changes))
        rest = [f"and {len(cases) - LISTED:,} more"] if len(cases) > LISTED else []
        listed = "<br>".join((*map(code, cases[:LISTED]), *rest))
        facts.append(f"<details><summary>cases</summary>{listed}</details>")
    return "<br>".join(fact for fact in facts if fact)


def _meaning(one: Meaning, difference: Difference) -> str:
    told = f"- **{one.what}** {code(one.api)} {plain(str(one).partition(': ')[2])}"
    known = f"known as {code(one.known)}" if one.known else code(difference.accept_meaning(one), 1_000)
    return f"{told}<br>{known}"


def _layers(difference: Difference) -> Iterator[str]:
    """Counts of the layers in which anything changed."""
    kinds = [kind for kind, _ in difference.counts]
    yield row(["layer", *kinds, "equal"])
    yield row(["---", *["---:"] * (len(kinds) + 1)])
    for spec, tallies in difference.layers.items():
        counts = [sum(tally.kinds.get(kind, 0) for tally in tallies) for kind in kinds]
        equal = f"{sum(t.identical for t in tallies):,} of {sum(t.compared for t in tallies):,}"
        if any(count for kind, count in zip(kinds, counts, strict=True) if kind not in UNCHANGED):
            yield row([code(spec), *(f"{count:,}" if count else "" for count in counts), equal])


# --- JUnit -------------------------------------------------------------------------------------------------


def junit(difference: Difference) -> str:
    """The gate as JUnit XML: a test for each change, and one for each implementation's cases that did not."""
    gate = difference.gate
    writer = Writer(gate.candidate.started)
    suites = []
    for spec, tallies in difference.layers.items():
        tests = [_changed(writer, change, gate) for change in gate.changes if change.spec == spec]
        for tally in tallies:
            classname = f"{tally.target}.{spec}.{tally.implementation}"
            if tally.kinds.get("same"):
                tests.append(writer.test(classname, "as before", text=plural(tally.kinds["same"], "case")))
            if tally.kinds.get("unsupported"):
                neither = f"{plural(tally.kinds['unsupported'], 'case')} could be asked of neither side"
                tests.append(writer.test(classname, "unsupported", 0.0, "skipped", "", neither))
        suites.append(writer.suite(spec, tests))
    atlas = [
        writer.test(f"atlas.{c.spec}.{c.api}", str(c), text=f"known as {c.known}")
        if c.known
        else writer.test(f"atlas.{c.spec}.{c.api}", str(c), 0.0, "failure", c.what, str(c))
        for c in gate.atlas
    ]
    if atlas:
        suites.append(writer.suite("atlas", atlas))
    others = [writer.test("assay.gate", text[:200], 0.0, "error", "trouble", text) for text in gate.troubles]
    others += [
        writer.test("assay.waivers", text[:200], 0.0, "failure", "waiver", text) for text in gate.complaints
    ]
    if others:
        suites.append(writer.suite("assay", others))
    return document(suites, gate.baseline.seconds + gate.candidate.seconds)


def _changed(writer: Writer, change: Change, gate: Gate) -> ElementTree.Element:
    verdict = change.verdict
    sides = ((gate.baseline.label, change.before), (gate.candidate.label, change.after))
    told = [f"{label}: {v.outcome} {v.message}" if v else f"{label}: not there" for label, v in sides]
    named = [f"the finding {name}: {gate.findings.get(name, '')}" for name in change.findings]
    text = "\n".join((f"{change.kind}: {change.cause}", *told, *named))
    names = class_of(verdict), f"{verdict.case} {change.kind}"
    if not change.failing:
        known = f"\nknown as {change.known}" if change.known else ""
        return writer.test(*names, verdict.seconds, text=text + known)
    return writer.test(*names, verdict.seconds, "failure", change.kind, change.message or change.cause, text)


# --- HTML --------------------------------------------------------------------------------------------------


def html(difference: Difference) -> str:
    """The gate as one page, which opens on what changed and loads nothing from anywhere."""
    return (
        environment()
        .get_template("gate.html.jinja")
        .render(
            difference=difference,
            gate=difference.gate,
            kinds=KINDS,
            marks=KIND_MARKS,
            equal=_equal(difference),
            LIMIT=LISTED,
            style=do_mark_safe((TEMPLATES / "report.css").read_text("utf-8")),
        )
    )
