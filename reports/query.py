"""Questions to records: the verdicts as a table of SQLite, which the standard library has, and SQL on it.

The table lives in memory and holds what is short of each verdict, a row each; what is long, such as scripts,
stays in the record.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Usage
from ..harness.record import Head, Verdict, opened
from .overview import dtype_of, largest_margin, version_of

__all__ = ["COLUMNS", "Answer", "query"]

COLUMNS = {
    "record": "the file",
    "spec": "name of the spec",
    "family": "its family",
    "implementation": "public API",
    "target": "framework, device and mode",
    "framework": "torch, tensorflow, keras, keras[jax], keras[torch] or jax",
    "version": "of the framework",
    "device": "cpu or cuda",
    "mode": "eager, jit, graph, xla or compiled",
    '"case"': "id of the case",
    "dtype": "float32, float64, bfloat16 or float16",
    "data": "name of the data set",
    "outcome": "conforms, differs, …",
    "failing": "1 where a gate does not let it pass, otherwise 0",
    '"check"': "what the worst problem was found by",
    "message": "the worst problem in words",
    "margin": "largest error of any array as a multiple of its tolerance",
    "rms": "largest root of the mean squared error of any array, in carried standard deviations",
    "ulps": "error of the worst element in units in the last place, where it fails",
    "profile": "rounding profile that explains the answer",
    "explained_by": "undeclared profile that would explain it",
    "deviation": "name of the deviation on file",
    "seconds": "that the call took",
}
"""The columns of the table ``verdicts``, with what each holds; SQL wants two of the names in quotes."""


@dataclass(frozen=True)
class Answer:
    """What a question came to: names of columns, and rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def query(paths: Sequence[Path], sql: str) -> Answer:
    """The answer to one SELECT over all verdicts of the records in these files.

    Raises:
        ValueError: a file is no record, or the question is no SELECT that SQLite understands; says why.
    """
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE verdicts ({', '.join(COLUMNS)})")
    places = ", ".join("?" * len(COLUMNS))
    for path in paths:
        with opened(path) as (head, verdicts):
            base.executemany(f"INSERT INTO verdicts VALUES ({places})", _rows(str(path), head, verdicts))
    base.set_authorizer(_reading)
    try:
        found = base.execute(sql)
    except (sqlite3.Error, sqlite3.Warning) as error:
        columns = ", ".join(COLUMNS)
        raise Usage(f"{error}; the table is called verdicts, and its columns are {columns}") from error
    return Answer(tuple(column[0] for column in found.description or ()), found.fetchall())


def _reading(action: int, *_: object) -> int:
    """Whether a question may do this: it reads, and writes nothing, neither here nor in a file."""
    allowed = (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    )
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _rows(name: str, head: Head, verdicts: Iterable[Verdict]) -> Iterator[tuple[Any, ...]]:
    families = {spec.name: spec.family for spec in head.specs}
    targets = {
        target.name: (target.framework, version_of(target), target.device, target.mode)
        for target in head.targets
    }
    for v in verdicts:
        framework, version, device, mode = targets.get(v.target, (v.target.partition("/")[0], "", "", ""))
        data = v.case.split("/")[3] if v.case.count("/") == 4 else ""
        rms = max((margin.rms for margin in v.margins), default=None)
        yield (
            *(name, v.spec, families.get(v.spec, ""), v.implementation, v.target, framework, version, device),
            *(mode, v.case, dtype_of(v.case), data, v.outcome, int(v.failing), v.check, v.message),
            *(_finite(largest_margin(v)), _finite(rms), v.worst and v.worst.error_ulps),
            *(v.profile, v.explained_by, v.deviation, v.seconds),
        )


def _finite(value: float | None) -> float | None:
    """The number; infinite where it stands for that."""
    return math.inf if value is not None and value >= 1e300 else value
