"""The commands that take records and ask no framework: ``assay query`` and its like."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from ..errors import Usage
from ..harness import record as records
from ..harness.judging.findings import with_findings
from ..harness.mapping.atlas import joined as joined_atlas
from ..harness.mapping.atlas import specs_of
from ..harness.mapping.changes import read as read_atlas
from ..harness.shards import merge as joined
from ..reports import history as histories
from ..reports import write_all
from ..reports.console import Screen, table
from ..reports.query import Answer
from ..reports.query import query as asked

__all__ = ["history", "merge", "query", "report", "reported"]

TOLD = 20
"""Most sentences of a kind that are printed."""


def report(
    *files: Path,
    out: Path | None = None,
    site: Annotated[bool, Parameter(negative="")] = False,
    atlas: tuple[Path, ...] = (),
) -> None:
    """Render the reports of a record again, from the record alone; or a site of one or many records.

    Parameters
    ----------
    files
        Records, as run.json or run.jsonl.gz; of several a site is made.
    out
        Folder of the reports; by default the record's own, and of a site its folder site.
    site
        Make a site, with a page for each spec and each API, in place of one page.
    atlas
        An atlas.json that `assay atlas --out` wrote, for the site's folder atlas; may be given many times.
        Pages of specs and of the atlas lead to each other.
    """
    if not files:
        raise Usage("give a record, such as report/run.json")
    read = {name: with_findings(records.read(file)) for name, file in _names(files).items()}
    first = next(iter(read.values()))
    if site or atlas or len(files) > 1:
        from ..reports.atlas_html import write_atlas
        from ..reports.site import write_site  # its templates take a while to load

        folder = out or files[0].parent / "site"
        measured = joined_atlas([read_atlas(path) for path in atlas])
        specs = specs_of(measured)
        pages = write_site(read, folder, [spec.name for spec in specs])
        pages += write_atlas(measured, specs, folder / "atlas") if specs else []
        Screen().print(f"wrote {len(pages):,} pages; the first is {escape(str(folder / 'index.html'))}")
    else:
        reported(first, out or files[0].parent, Screen())


def reported(record: records.Record, folder: Path, console: Screen) -> None:
    """Write the reports of a record, then show it: the reports are there whoever reads the screen."""
    written = write_all(record, folder)
    console.print(table(record))
    for path in written:
        console.print(f"[dim]wrote[/dim] {escape(str(path))}")


def history(folder: Path, *, out: Path | None = None) -> None:
    """What dated records tell: what fails since which version, what changed when, pass rates by family.

    Parameters
    ----------
    folder
        A folder of records, in it or below, each under a name of its own; their dates are inside.
    out
        Folder for history.md and history.svg; by default they are not written.
    """
    told = histories.history(folder)
    text, screen = histories.markdown(told), Screen()
    if out is None:
        screen.print(Markdown(text.replace("![pass rates by family](history.svg)\n", _rates(told))))
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / "history.md").write_text(text, "utf-8", "replace")
    (out / "history.svg").write_text(histories.picture(told), "utf-8", "replace")
    for name in ("history.md", "history.svg"):
        screen.print(f"[dim]wrote[/dim] {escape(str(out / name))}")


def _rates(told: histories.History) -> str:
    """The pass rates as a list, where no picture can be shown."""
    shown = (
        f"- {family}: "
        + ", ".join("–" if (r := e.rate(family)) is None else f"{r:.1%}" for e in told.editions)
        for family in told.families
    )
    return "\n".join(shown) + "\n"


def merge(*files: Path, out: Path) -> int:
    """Join the records of the parts of a run; exit with 1 if something is missing or contradicts.

    Parameters
    ----------
    files
        Records of parts, as `assay run --shard 3/8` leaves them; a single one is written anew.
    out
        The record of the whole; JSON Lines if its name ends in .jsonl or .jsonl.gz.
    """
    if not files:
        raise Usage("give the records of the parts, such as part-*/run.json")
    found = joined({name: records.read(file) for name, file in _names(files).items()})
    out.parent.mkdir(parents=True, exist_ok=True)
    records.write(found.record, out)
    screen = Screen()
    for title, told in (("Missing", found.missing), ("Contradicts", found.contradictions)):
        for sentence in told[:TOLD]:
            screen.print(f"[bold red]{title}:[/] {escape(sentence)}", soft_wrap=True)
        if len(told) > TOLD:
            screen.print(f"… and {len(told) - TOLD:,} more of the kind.")
    screen.print(f"wrote {escape(str(out))}: {len(found.record.verdicts):,} verdicts")
    return int(bool(found.missing or found.contradictions))


def _names(files: tuple[Path, ...]) -> dict[str, Path]:
    """The files by short names: their own without endings, or all of their paths where two have the same."""
    short = [file.name.partition(".")[0] for file in files]
    names = short if len(set(short)) == len(short) else [str(file) for file in files]
    if len(set(names)) < len(names):
        raise Usage("a record was given twice")
    return dict(zip(names, files, strict=True))


def query(*words: str, form: Literal["table", "csv", "json"] = "table") -> None:
    """Ask records in SQL: a SELECT over the table verdicts, with a row for each verdict of each record.

    Columns are record, spec, family, implementation, target, framework, version, device, mode, "case", dtype,
    data, outcome, failing, "check", message, margin, rms, ulps, profile, explained_by, deviation and seconds.

    Parameters
    ----------
    words
        Records, as run.json or run.jsonl.gz, and at last the question.
    form
        How the answer is printed.
    """
    if len(words) < 2:
        raise Usage("give records, and at last the question, such as 'SELECT count(*) FROM verdicts'")
    answer = asked([Path(word) for word in words[:-1]], words[-1])
    if form == "json":
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([answer.columns, *answer.rows])
    else:
        Screen().print(_answer(answer))


def _answer(answer: Answer) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for column in answer.columns:
        shown.add_column(escape(column), overflow="fold")
    for row in answer.rows:
        shown.add_row(*("" if value is None else escape(_shown(value)) for value in row))
    return shown


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
