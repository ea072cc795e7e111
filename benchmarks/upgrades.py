"""Write the tables of docs/upgrades.md from the gates of real upgrades.

    assay gate BASELINE.json CANDIDATE.json --out gates/keras-3.14.1-3.15.1
    python benchmarks/upgrades.py gates

Each folder in ``gates`` that holds a gate.json fills the part of the document between the two comments with
the folder's name; the words around it are written by hand. A part without a gate is left as it is, and one
that has no place in the document is named.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from assay.harness.gating.compare import KINDS, read_gate
from assay.reports.difference import Difference, Group
from assay.reports.markdown import code, plain, row

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "upgrades.md"

SHOWN = 12
"""Most groups of one class in a table; the others are counted."""

WORD = 110
"""Most characters of a cause."""


def table(difference: Difference) -> str:
    """What moved, the counts, and a row for each group, failing ones first."""
    gate = difference.gate
    counts = ", ".join(f"{count:,} {kind}" for kind, count in difference.counts)
    lines = [
        f"{', '.join(map(plain, difference.tested))}; tier {gate.candidate.tier}, "
        f"Python {gate.candidate.targets[0].python}. {counts}; "
        f"{difference.identical:,} of {difference.compared:,} answers equal, "
        f"{difference.improved:,} clearly more accurate.",
        "",
        row(["", "layer", "what", "cases", "implementations"]),
        row(["---", "---", "---", "---:", "---"]),
    ]
    for kind in KINDS:
        groups = [group for group in difference.groups if group.kind == kind]
        lines += [line(group) for group in groups[:SHOWN]]
        if len(groups) > SHOWN:
            rest = sum(len(group.changes) for group in groups[SHOWN:])
            lines.append(row([kind, f"and {len(groups) - SHOWN} more groups", "", f"{rest:,}", ""]))
    return "\n".join(lines if difference.groups else lines[:1])


def line(group: Group) -> str:
    """A row of the table."""
    cause = group.cause + (f", known as {group.known}" if group.known else "")
    said = cause if len(cause) <= WORD else cause[: WORD - 1] + "…"
    return row(
        [
            group.kind,
            code(group.spec),
            plain(f"{said} ({', '.join(group.dtypes)})"),
            f"{len(group.changes):,}",
            ", ".join(map(code, group.implementations)),
        ]
    )


def filled(text: str, name: str, part: str) -> str:
    """The document with one part replaced. Raises ValueError where it has no place for it."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if begin not in text or end not in text:
        raise ValueError(f"docs/upgrades.md has no place for {name}; add {begin} and {end}")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n\n{part}\n\n{end}", text)


def main() -> None:
    text = DOCUMENT.read_text("utf-8")
    for path in sorted(Path(sys.argv[1]).glob("*/gate.json")):
        text = filled(text, path.parent.name, table(Difference(read_gate(path))))
    DOCUMENT.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
