"""How accurate each API is: of each layer, API, dtype and target the largest and the 99th percentile error.

Errors are multiples of the tolerance, which is the rounding error that a sensible implementation makes there;
in units in the last place they are known where a verdict names its worst element.
"""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ..harness.record import Verdict
from .overview import dtype_of, largest_margin

__all__ = ["Accuracy", "accuracies", "as_csv"]

PERCENTILE = 0.99
"""Of so many of the verdicts the error is at most the second figure of a row."""


@dataclass(frozen=True)
class Accuracy:
    """A row: errors in tolerances, infinite where a number stands against NaN; ``case`` shows the largest."""

    spec: str
    implementation: str
    dtype: str
    place: str
    verdicts: int
    largest: float
    percentile: float
    ulps: float | None
    outcome: str
    case: str


def accuracies(verdicts: Iterable[tuple[str, Verdict]]) -> list[Accuracy]:
    """A row for each layer, API, dtype and place, the least accurate first, of verdicts with their places."""
    groups: defaultdict[tuple[str, str, str, str], list[tuple[float, Verdict]]] = defaultdict(list)
    for place, verdict in verdicts:
        margin = largest_margin(verdict)
        if margin is not None:
            key = verdict.spec, verdict.implementation, dtype_of(verdict.case), place
            groups[key].append((margin, verdict))
    rows = [_row(key, measured) for key, measured in groups.items()]
    return sorted(rows, key=lambda row: (-row.largest, -row.percentile, row.spec, row.implementation))


def _row(key: tuple[str, str, str, str], measured: list[tuple[float, Verdict]]) -> Accuracy:
    largest, worst = max(measured, key=lambda one: one[0])
    margins = sorted(margin for margin, _ in measured)
    told = (verdict.worst.error_ulps for _, verdict in measured if verdict.worst)
    return Accuracy(
        *key,
        verdicts=len(measured),
        largest=largest,
        percentile=margins[math.ceil(PERCENTILE * len(margins)) - 1],
        ulps=max((ulps for ulps in told if ulps is not None), default=None),
        outcome=worst.outcome,
        case=worst.case,
    )


def as_csv(rows: Iterable[Accuracy]) -> str:
    """The rows as comma-separated values, under the names of their fields."""
    names = tuple(Accuracy.__dataclass_fields__)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([names, *([getattr(row, name) for name in names] for row in rows)])
    return text.getvalue()
