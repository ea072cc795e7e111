"""The table of docs/findings.md: which finding explains a failing verdict.

    python benchmarks/findings.py RECORD.json…

prints the command that shows it for each failing verdict that none explains, and ends with 1 if there is one.

A row that names a mode explains what fails in that mode alone. Where the records hold a framework's default
mode as well, what fails in another mode, and not so in the default one, must be explained by such a row.
"""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from assay.adapters.framework import framework
from assay.harness.judging.deviations import fits
from assay.harness.record import Record, Target, Verdict, read

FINDINGS = Path(__file__).resolve().parents[1] / "docs" / "findings.md"

Asked = tuple[str, str, str, str]
"""A case and an implementation, with its framework and device: what there is one verdict of in each mode."""

Failure = tuple[str, str]
"""An outcome, and the check that it is about."""

NOTHING: Mapping[Asked, Failure] = {}
"""Where no default mode was asked."""


class Row(NamedTuple):
    """A row of the table: globs over verdicts, and the finding that explains them."""

    spec: str
    implementation: str
    outcome: str
    finding: str
    profile: str
    mode: str

    def explains(self, verdict: Verdict, target: Target) -> bool:
        """Whether a verdict on a target is one of those that the row is about."""
        return (
            fits(verdict.spec, self.spec)
            and fits(verdict.implementation, self.implementation)
            and fits(verdict.outcome, self.outcome)
            and self.profile in ("", verdict.explained_by)
            and fits(target.mode, self.mode or "*")
        )


@functools.cache
def table() -> list[Row]:
    """The rows of the table."""
    lines = FINDINGS.read_text("utf-8").partition("## What explains each failing verdict")[2].splitlines()
    rows = [Row(*(cell.strip() for cell in line[1:-1].split("|"))) for line in lines if line.startswith("|")]
    return rows[2:]


def explanations(verdict: Verdict, target: Target, *, by_mode: bool = False) -> list[str]:
    """The findings that explain a verdict on a target; ``by_mode`` asks that they name the mode."""
    rows = (row for row in table() if row.mode or not by_mode)
    return [row.finding for row in rows if row.explains(verdict, target)]


def unexplained(record: Record, plain: Mapping[Asked, Failure] = NOTHING) -> Iterator[str]:
    """The command that shows it, for each failing verdict that no finding explains.

    Args:
        record: any record.
        plain: what came of the same questions `in_default_modes`.
    """
    targets = {target.name: target for target in record.targets}
    for verdict in record.verdicts:
        target = targets[verdict.target]
        if verdict.failing and not explanations(verdict, target, by_mode=is_alone(verdict, target, plain)):
            command = ["assay", "explain", verdict.case, "--implementation", verdict.implementation]
            yield shlex.join([*command, "--framework", target.framework, "--mode", target.mode])


def is_alone(verdict: Verdict, target: Target, plain: Mapping[Asked, Failure]) -> bool:
    """Whether a verdict is not what the framework's default mode shows as well, if that was asked."""
    seen = (verdict.outcome, verdict.check)
    return plain.get(asked_of(verdict, target), seen) != seen


def in_default_modes(records: Iterable[Record]) -> dict[Asked, Failure]:
    """What came of each question that was asked in the default mode of its framework."""
    found: dict[Asked, Failure] = {}
    for record in records:
        targets = {target.name: target for target in record.targets if is_default(target)}
        asked = [verdict for verdict in record.verdicts if verdict.target in targets]
        found |= {asked_of(v, targets[v.target]): (v.outcome, v.check) for v in asked}
    return found


def is_default(target: Target) -> bool:
    """Whether a target is its framework in the mode that users meet first."""
    return target.mode == framework(target.framework, target.device).modes[0]


def asked_of(verdict: Verdict, target: Target) -> Asked:
    """What a verdict is about, whatever the mode."""
    return verdict.case, verdict.implementation, target.framework, target.device


def main(paths: list[str]) -> int:
    """Tell what no finding explains."""
    records = [read(Path(path)) for path in paths]
    plain = in_default_modes(records)
    commands = [command for record in records for command in unexplained(record, plain)]
    for command in commands:
        print(command)
    asked = sum(len(record.verdicts) for record in records)
    print(f"{len(commands)} of {asked:,} verdicts are not explained")
    return int(bool(commands))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
