"""Other numbers, the same answers: the smoke tier under many seeds is a test of false alarms.

`make seeds` puts every case of the smoke tier to every framework with SEEDS draws of its numbers. Each
failing verdict must be explained by a finding of docs/findings.md; what is not is a false alarm of ours or a
finding that is not on file, and is printed with the command that shows it. The figures go into
benchmarks/seeds.json, from which docs/judge-power.md tells them.

    python benchmarks/seeds.py RECORD.json…
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import findings

from assay.harness.record import Record, Verdict, read

FIGURES = Path(__file__).with_name("seeds.json")


def figures(record: Record) -> dict[str, object]:
    """What a record shows: versions, seeds and verdicts of each target, and what nothing explains."""
    versions = {name: v for target in record.targets for name, v in target.versions.items()}
    asked = Counter(v.target for v in record.verdicts if v.outcome != "unsupported")
    return {
        "tier": record.tier,
        "seeds": 1 + max(map(seed_of, record.verdicts), default=0),
        "versions": dict(sorted(versions.items())),
        "verdicts": dict(asked),
        "failing": sum(verdict.failing for verdict in record.verdicts),
        "unexplained": list(findings.unexplained(record)),
    }


def seed_of(verdict: Verdict) -> int:
    """The seed that a case's numbers are drawn from."""
    return int(verdict.case.partition("#")[2] or 0)


def main(paths: list[str]) -> int:
    """Keep the figures, and tell what no finding explains."""
    found = [figures(read(Path(path))) for path in paths]
    FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return findings.main(paths)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
