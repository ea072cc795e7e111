"""The audit on the terminal: what was caught and what slipped, spec by spec and dtype by dtype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..harness.auditing.audit import Audit, Entry
from .overview import plural

__all__ = ["audit_details", "audit_summary"]

STYLES = {
    "caught": "green",
    "left to standard": "yellow",
    "passes": "green",
    "below resolution": "dim",
    "no effect": "dim",
    "slipped": "bold red",
    "false alarm": "bold red",
    "unresolved": "cyan",
    "blind": "bold red",
}


def audit_summary(audit: Audit) -> RenderableType:
    """One row per spec: faults caught of those that can be seen, and controls that pass, in each dtype."""
    return Group(_matrix(audit.entries), Text(), *map(_failure, audit.failing), _verdict(audit))


def audit_details(entries: Iterable[Entry]) -> RenderableType:
    """Every fault and control of one spec: the case that decided, by which check, with which margin."""
    table = _table("", "dtype", "outcome", "case", "by", "margin")
    for entry in entries:
        table.add_row(
            entry.name,
            entry.dtype,
            Text(entry.outcome, style=STYLES[entry.outcome]),
            entry.case.partition("/")[2],
            entry.check,
            _margin(entry),
        )
    return table


def _matrix(entries: Sequence[Entry]) -> Table:
    dtypes = tuple(dict.fromkeys(entry.dtype for entry in entries))
    table = _table("spec", *(f"{dtype}: faults" for dtype in dtypes), "controls")
    for column in table.columns[1:]:
        column.justify = "right"
    for spec in dict.fromkeys(entry.spec for entry in entries):
        own = [entry for entry in entries if entry.spec == spec]
        cells = [_caught([e for e in own if e.dtype == dtype and e.kind == "fault"]) for dtype in dtypes]
        table.add_row(spec, *cells, _passing([e for e in own if e.kind == "control"]))
    return table


def _caught(entries: Sequence[Entry]) -> Text:
    """``61`` caught, or ``60 of 61``; ``+3`` below the resolution of the dtype."""
    count = Counter(entry.outcome for entry in entries)
    caught = count["caught"]
    seen = caught + count["left to standard"] + count["slipped"]
    text = Text(str(caught) if caught == seen else f"{caught} of {seen}")
    text.stylize("bold red" if count["slipped"] else "green" if caught == seen else "yellow")
    hidden = count["below resolution"]
    return text.append(f" +{hidden}", style="dim") if hidden else text


def _passing(entries: Sequence[Entry]) -> Text:
    passing = sum(entry.outcome == "passes" for entry in entries)
    every = passing == len(entries)
    shown = str(passing) if every else f"{passing} of {len(entries)}"
    return Text(shown, style="green" if every else "bold red")


def _failure(entry: Entry) -> Text:
    text = Text.assemble(
        (entry.outcome, STYLES[entry.outcome]),
        f"  {entry.spec}, {entry.dtype}: ",
        (entry.name, "bold"),
        f"\n  {entry.case}\n",
    )
    if entry.kind != "fault":
        return text.append(f"  {entry.message}\n")
    effect = f"moves a result by {entry.effect:.3g} roundoffs where correct ones err by {entry.noise:.3g}"
    return text.append(f"  {effect}; the nearest verdict used {entry.margin:.0%} of its tolerance\n")


def _verdict(audit: Audit) -> Text:
    faults = [entry for entry in audit.entries if entry.kind == "fault"]
    count = Counter(entry.outcome for entry in audit.entries)
    beyond = _beyond_smoke(count["left to standard"])
    lines = [
        f"{plural(len({(e.spec, e.name) for e in faults}), 'fault')} of {plural(len(audit.specs), 'spec')}: "
        f"{count['caught']:,} times caught, {beyond}{count['slipped']} times slipped, "
        f"{count['below resolution']} times below the resolution of the dtype (+), "
        f"{count['no effect']:,} times without effect there",
        f"{count['passes'] + count['false alarm']} controls: {count['false alarm']} false alarms; "
        f"{plural(count['blind'], 'array')} without power, {count['unresolved']:,} unresolved",
    ]
    if not audit.complete:
        lines.append("The audit was cut off: this is what it had learned.")
    return Text("\n".join(lines), style="bold red" if audit.failing else "")


def _beyond_smoke(times: int) -> str:
    return f"{times} times by cases of the standard tier alone, " if times else ""


def _margin(entry: Entry) -> str:
    if entry.outcome == "below resolution":
        return f"{entry.effect:.2g} of {entry.noise:.2g} u"
    return f"{entry.margin:.2g}" if entry.margin else ""


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
