"""Which failing verdicts of records no finding on file accounts for.

    python benchmarks/findings.py RECORD.json…

prints the command that shows it for each of them, and ends with 1 if there is one.

Where the records hold a framework's default mode as well, what fails in another mode, and not so in the
default one, must be a finding that names the mode.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from assay.adapters.framework import framework
from assay.harness.judging.findings import accounts
from assay.harness.record import Record, Target, Verdict, read

Asked = tuple[str, str, str, str]
"""A case and an implementation, with its framework and device: what there is one verdict of in each mode."""

Failure = tuple[str, str]
"""An outcome, and the check that it is about."""

NOTHING: Mapping[Asked, Failure] = {}
"""Where no default mode was asked."""


def unexplained(record: Record, plain: Mapping[Asked, Failure] = NOTHING) -> Iterator[str]:
    """The command that shows it, for each failing verdict that no finding accounts for.

    Args:
        record: any record.
        plain: what came of the same questions `in_default_modes`.
    """
    targets = {target.name: target for target in record.targets}
    for verdict in record.verdicts:
        target = targets[verdict.target]
        if verdict.failing and not accounts(verdict, target, by_mode=is_alone(verdict, target, plain)):
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
    print(f"{len(commands)} of {asked:,} verdicts are new")
    return int(bool(commands))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
