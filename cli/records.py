"""The commands that take records and ask no framework: ``assay query`` and its like."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Literal

import msgspec
from rich.markup import escape
from rich.table import Table

from ..errors import Usage
from ..reports.console import Screen
from ..reports.query import Answer
from ..reports.query import query as asked

__all__ = ["query"]


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
        Screen().print(_table(answer))


def _table(answer: Answer) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in answer.columns:
        table.add_column(escape(column), overflow="fold")
    for row in answer.rows:
        table.add_row(*("" if value is None else escape(_shown(value)) for value in row))
    return table


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
