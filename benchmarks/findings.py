"""The table of docs/findings.md: which finding explains a failing verdict.

    python benchmarks/findings.py RECORD.json…

prints the command that shows it for each failing verdict that none explains, and ends with 1 if there is one.
"""

from __future__ import annotations

import fnmatch
import functools
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from assay.harness.record import Record, Verdict, read

FINDINGS = Path(__file__).resolve().parents[1] / "docs" / "findings.md"


@functools.cache
def table() -> list[list[str]]:
    """Rows of the table of patterns: spec, implementation, outcome, finding, profile."""
    lines = FINDINGS.read_text("utf-8").partition("## What explains each failing verdict")[2].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]


def explanations(verdict: Verdict) -> list[str]:
    """The findings that explain a verdict."""
    return [
        finding
        for spec, implementation, outcome, finding, profile in table()
        if fnmatch.fnmatchcase(verdict.spec, spec)
        and fnmatch.fnmatchcase(verdict.implementation, implementation)
        and fnmatch.fnmatchcase(verdict.outcome, outcome)
        and (not profile or verdict.explained_by == profile)
    ]


def unexplained(record: Record) -> Iterator[str]:
    """The command that shows it, for each failing verdict that no finding explains."""
    targets = {target.name: target for target in record.targets}
    for verdict in record.verdicts:
        if verdict.failing and not explanations(verdict):
            target = targets[verdict.target]
            command = ["assay", "explain", verdict.case, "--implementation", verdict.implementation]
            yield shlex.join([*command, "--framework", target.framework, "--mode", target.mode])


def main(paths: list[str]) -> int:
    """Tell what no finding explains."""
    records = [read(Path(path)) for path in paths]
    commands = [command for record in records for command in unexplained(record)]
    print(*commands, sep="\n")
    asked = sum(len(record.verdicts) for record in records)
    print(f"{len(commands)} of {asked:,} verdicts are not explained")
    return int(bool(commands))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
