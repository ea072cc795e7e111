"""How much of the frameworks' surface is asked: a table by module, and the sum of it in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..harness.running.coverage import STATUSES, Coverage

__all__ = ["coverage_table", "sentence"]


def coverage_table(found: Sequence[Coverage], *, details: bool = False) -> RenderableType:
    """How many names of each module are bound, left out and uncovered; ``details`` lists the last two."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("module", *STATUSES, "of"):
        table.add_column(heading, justify="left" if heading == "module" else "right")
    counts = Counter((name.module, name.status) for one in found for name in one.names)
    for module in dict.fromkeys(name.module for one in found for name in one.names):
        numbers = [counts[module, status] for status in STATUSES]
        table.add_row(module, *map(str, (*numbers, sum(numbers))))
    return Group(table, "", *(_listed(found) if details else ()), sentence(found))


def _listed(found: Sequence[Coverage]) -> Iterator[Text]:
    """Why names and arguments are left out, and which are uncovered."""
    every = [name for one in found for name in (*one.names, *one.arguments) if name.status != "bound"]
    for reason in dict.fromkeys(name.reason for name in every):
        names = ", ".join(name.name for name in every if name.reason == reason)
        yield Text(f"{reason or 'uncovered'}: {names}\n")


def sentence(found: Sequence[Coverage]) -> str:
    """The sum over all modules."""
    counts = Counter(name.status for one in found for name in one.names)
    return (
        f"Of {counts.total()} public names {counts['bound']} are bound, {counts['excluded']} are left out "
        f"with a reason, and {counts['uncovered']} are uncovered."
    )
