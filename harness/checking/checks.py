"""What a check of a kernel says: its list of checks, one line for each, and its findings, as data."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ..judging.judge import Answer, Judgement
from .fooled import Fooled

__all__ = ["CHECKS", "EARLIER", "CheckResult", "Failure", "Finding", "Line", "Seen"]

CHECKS = {
    "runs": "returns a value, without an exception, a crash or a hang",
    "structure": "number, shapes and dtypes of what it returns",
    "written": "writes every element, and depends on nothing that lay in memory before",
    "bounds": "writes nothing around its arrays",
    "inputs": "leaves its inputs as they were",
    "ownership": "returns memory of its own, complete, and never changes it again",
    "values": "errors explained by rounding, on every data set",
    "tails": "the same at lengths around tiles and vectors",
    "sizes": "the same with one axis long, and with equal axes",
    "layouts": "the same for inputs in views: strided, transposed, pitched, permuted, repeated",
    "special values": "NaN and infinity where they belong, and nowhere else",
    "gradients": "gradients explained by rounding",
    "backward": "the same gradients for cotangents in views, one at a time, and after another forward pass",
    "repeats": "the same bits each time",
    "batch": "the same bits for one sample alone as within a batch",
    "lanes": "the same bits for one sample at every place, length and alignment",
}
"""What is checked, in the order in which a developer wants to know."""

EARLIER = "no such case, or an earlier check failed"
"""Why most checks are not asked that are not."""


class Finding(msgspec.Struct, frozen=True):
    """A check that failed: the first case, the smallest, what is wrong in it and what explains that."""

    check: str
    probe: str
    outcome: str
    message: str
    first: str = ""
    patterns: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    smallest: str = ""
    smallest_message: str = ""
    failed: int = 1
    errors: str = ""
    """How many elements are within tolerance, and how far off the others are."""

    right: tuple[str, ...] = ()
    """Arrays of the same answer that are right."""

    after: str = ""
    """A case that has to be asked before, in the same process: the failure hangs on earlier calls."""

    same_as: str = ""


class Line(msgspec.Struct, frozen=True):
    """How one check went: probes that passed and failed, or why it was not asked."""

    check: str
    passed: int
    failed: int
    note: str = ""


class CheckResult(msgspec.Struct, frozen=True):
    """What a check found, as data."""

    kernel: str
    spec: str
    library: str
    device: str
    isolated: bool
    versions: dict[str, str]
    dtypes: tuple[str, ...]
    accumulate: str | None
    probes: int
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    facts: dict[str, str]
    fooled: tuple[Fooled, ...]
    margin: float
    profile: str
    seconds: float
    asked: tuple[str, ...]
    again: str
    """How to ask a single case again, with ``{case}`` for its id."""

    warnings: tuple[str, ...] = ()
    """What makes the result say less than it seems to, or more."""

    unasked: tuple[str, ...] = ()
    """What was not asked, and why."""

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(frozen=True)
class Failure:
    """A check that failed on one probe."""

    check: str
    message: str
    judgement: Judgement | None = None
    answer: Answer | None = None
    patterns: tuple[str, ...] = ()
    ended: bool = False
    """Whether the process died or hung."""


@dataclass(frozen=True)
class Seen:
    """What came of one probe."""

    failures: tuple[Failure, ...]
    checks: tuple[str, ...]
    judgement: Judgement | None = None
    note: str = ""
