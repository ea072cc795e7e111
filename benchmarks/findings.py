"""The table of docs/findings.md: which finding explains a failing verdict."""

from __future__ import annotations

import fnmatch
import functools
from pathlib import Path

from assay.harness.record import Verdict

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
