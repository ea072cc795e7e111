"""Other numbers, the same answers: the smoke tier under many seeds is a test of false alarms.

`make seeds` puts every case of the smoke tier to every framework with SEEDS draws of its numbers. Each
failing verdict must be a finding on file (docs/findings.md); what is not is a false alarm of ours or a
finding that is not on file, and is printed with the command that shows it. The figures go into
benchmarks/seeds.json, from which docs/judge-power.md tells them.

    python benchmarks/seeds.py RECORD.json…
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import findings
import msgspec
from pages import PAGE, filled

from assay.harness.record import Record, read

FIGURES = Path(__file__).with_name("seeds.json")
TEMPLATE = "seeds.md.jinja"


def figures(record: Record) -> Iterator[dict[str, object]]:
    """What a record shows of each target: draws and verdicts, and what nothing explains."""
    for target in record.targets:
        verdicts = [v for v in record.verdicts if v.target == target.name and v.outcome != "unsupported"]
        alone = msgspec.structs.replace(record, targets=(target,), verdicts=tuple(verdicts))
        if verdicts:
            yield {
                "name": target.name,
                "seeds": 1 + max(int(v.case.partition("#")[2] or 0) for v in verdicts),
                "versions": dict(sorted(target.versions.items())),
                "verdicts": len(verdicts),
                "failing": sum(verdict.failing for verdict in verdicts),
                "unexplained": len(list(findings.unexplained(alone))),
            }


def main(paths: list[str]) -> int:
    """Keep the figures, write them on the page, and tell what no finding explains."""
    found = [target for path in paths for target in figures(read(Path(path)))]
    FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    versions = {name: version for target in found for name, version in target["versions"].items()}
    page = filled(PAGE.read_text("utf-8"), TEMPLATE, targets=found, versions=versions)
    PAGE.write_text(page, "utf-8")
    return findings.main(paths)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
