"""The record of a run: one JSON document from which every report is drawn, and nothing else.

The types here are its schema (``assay.harness.record.schema()``). A record must be readable without the
frameworks, without the specs of the version that wrote it, and after years.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from ..errors import Usage

__all__ = [
    "CHECKS",
    "FAILING",
    "OUTCOMES",
    "Implementation",
    "Known",
    "Margin",
    "Outcome",
    "Problem",
    "Record",
    "SpecFacts",
    "Target",
    "Timings",
    "Verdict",
    "Worst",
    "problems_of",
    "read",
    "schema",
    "write",
]

Timings = defaultdict[str, float]
"""Seconds by what they were spent on, while a run goes on."""

FORMAT = 1
"""Version of the document's format."""

Outcome = Literal[
    "conforms",
    "inaccurate",
    "differs",
    "deviates",
    "rejects",
    "accepts",
    "unresolved",
    "unsupported",
    "crashed",
    "hung",
]

OUTCOMES: dict[str, str] = {
    "conforms": "structure and special values exact; errors explained by a declared rounding profile",
    "deviates": "differs exactly as a deviation on file says",
    "unresolved": "of some array nothing can be judged: every element's tolerance is infinite",
    "unsupported": "the implementation has no such thing; the reason is given",
    "inaccurate": "right meaning, but more error than any declared rounding profile explains",
    "differs": "wrong value, shape, dtype, special value, state or gradient",
    "rejects": "raised where the spec asks for a value",
    "accepts": "gave a value where the spec asks for an error",
    "crashed": "the process died",
    "hung": "ran past its time limit",
}
"""Every outcome with its meaning, the quiet ones first."""

FAILING = ("inaccurate", "differs", "rejects", "accepts", "crashed", "hung")
"""Outcomes that a gate does not let pass."""


CHECKS = ("raised", "structure", "special values", "values", "states", "gradients", "repeats", "randomness")
"""What an answer is judged by, in the order of its use to a reader."""


class Worst(msgspec.Struct, frozen=True):
    """The element that decided: where it is, what was got, what was expected, what would have passed."""

    array: str
    index: tuple[int, ...]
    got: str
    expected: str
    tolerance: str
    error_ulps: float | None
    wrong: int
    size: int


class Margin(msgspec.Struct, frozen=True):
    """Largest error of one array as a fraction of its tolerance; at most 1 where it conforms.

    ``rms`` is the root of the mean squared error of ``size`` elements, in carried standard deviations; a
    ``size`` of 0 stands in records from before sizes were kept. The largest finite number stands for
    infinity and NaN, which JSON cannot write.
    """

    array: str
    worst: float
    rms: float
    unresolved: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        for name in ("worst", "rms"):
            if not getattr(self, name) <= sys.float_info.max:
                msgspec.structs.force_setattr(self, name, sys.float_info.max)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with an answer; ``deviation`` names the entry on file that says so, if any."""

    outcome: Outcome
    check: str
    message: str
    explained_by: str | None = None
    worst: Worst | None = None
    deviation: str | None = None


class Told(Protocol):
    """What a verdict and a judgement have in common: the worst problem, and what stands beside it."""

    @property
    def outcome(self) -> Outcome: ...
    @property
    def check(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def explained_by(self) -> str | None: ...
    @property
    def worst(self) -> Worst | None: ...
    @property
    def deviation(self) -> str | None: ...
    @property
    def further(self) -> tuple[Problem, ...]: ...


def problems_of(told: Told) -> tuple[Problem, ...]:
    """Everything that is wrong, worst first; none where nothing was found or nothing was judged."""
    if told.outcome in ("conforms", "unresolved", "unsupported"):
        return ()
    fields = (getattr(told, name) for name in Problem.__struct_fields__)
    return (Problem(*fields), *told.further)


class Verdict(msgspec.Struct, frozen=True):
    """What came of one case on one implementation.

    Outcome, check and message are those of the worst problem; ``further`` holds the others, worst first.
    ``in_force`` says what shows that the target's mode ran the call, where that is not eager. ``inputs`` and
    ``digest`` are fingerprints of every bit that was handed over and that came back. Both are
    empty where nothing was asked, and ``digest`` also where nothing came back. ``findings`` names the entries
    on file that account for all that is wrong with a verdict that fails; where it is empty, something is new.
    """

    case: str
    implementation: str
    target: str
    outcome: Outcome
    check: str = ""
    message: str = ""
    profile: str | None = None
    explained_by: str | None = None
    margins: tuple[Margin, ...] = ()
    worst: Worst | None = None
    deviation: str | None = None
    further: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    inputs: str = ""
    digest: str = ""
    seconds: float = 0.0
    in_force: str = ""
    reproduction: str | None = None
    findings: tuple[str, ...] = ()

    @property
    def spec(self) -> str:
        """Name of the spec."""
        return self.case.partition("/")[0]

    @property
    def failing(self) -> bool:
        """Whether a gate does not let it pass."""
        return self.outcome in FAILING

    @property
    def new(self) -> bool:
        """Whether it fails, and no finding on file accounts for that."""
        return self.failing and not self.findings

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong, worst first."""
        return problems_of(self)

    @property
    def told(self) -> str:
        """Everything that is wrong, in words: a line for each problem."""
        beside = (f"also {p.outcome} ({p.check}): {p.message}" for p in self.further)
        return "\n".join((self.message, *beside))

    @property
    def margin(self) -> float | None:
        """Largest margin of any array."""
        return max((margin.worst for margin in self.margins), default=None)


class Target(msgspec.Struct, frozen=True):
    """Framework, device and mode: what a worker process stood for.

    The ``reason`` says why it is not available, or which part of it, where the rest is.
    """

    name: str
    framework: str
    device: str
    mode: str
    available: bool
    reason: str = ""
    versions: dict[str, str] = {}
    flags: dict[str, str] = {}
    python: str = ""
    packages: dict[str, str] = {}


class Implementation(msgspec.Struct, frozen=True):
    """One public API on one target: a row's or a column's name in every report."""

    spec: str
    api: str
    target: str
    composition: bool = False
    where: dict[str, str] = {}


class SpecFacts(msgspec.Struct, frozen=True):
    """What a report prints of a spec."""

    name: str
    family: str
    summary: str
    formula: str
    inputs: tuple[tuple[str, str, str], ...]
    parameters: tuple[tuple[str, tuple[str, ...], str, bool], ...]
    constraints: tuple[tuple[str, str, str], ...]
    outputs: tuple[str, ...]
    axes: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]


class Known(msgspec.Struct, frozen=True):
    """What a run says of a finding on file.

    Args:
        id: its name.
        title: what happens, in a sentence.
        standing: ``defect``, ``limit`` or ``convention``.
        link: where it is reported, if it is.
        shown: number of verdicts that it accounts for.
        conforming: its examples that conform, each as a case and an implementation with its target.
        stale: whether examples of it were asked on versions that it is known of, and none shows it.
    """

    id: str
    title: str
    standing: str
    link: str = ""
    shown: int = 0
    conforming: tuple[tuple[str, str, str], ...] = ()
    stale: bool = False


class Record(msgspec.Struct, frozen=True):
    """One run; ``findings`` are those on file that it shows, or should and does not."""

    assay: str
    started: str
    seconds: float
    tier: str
    complete: bool
    command: str
    machine: dict[str, str]
    targets: tuple[Target, ...]
    specs: tuple[SpecFacts, ...]
    implementations: tuple[Implementation, ...]
    verdicts: tuple[Verdict, ...]
    timings: dict[str, float] = {}
    format: int = FORMAT
    findings: tuple[Known, ...] = ()


def read(path: Path) -> Record:
    """The record in a file.

    Raises:
        ValueError: the file is no record; says why.
    """
    if not path.is_file():
        raise Usage(f"there is no file {path}; `assay run` writes a run.json into its folder --out")
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except msgspec.DecodeError as error:
        raise Usage(f"{path} is no assay record: {error}") from error
    if record.format != FORMAT:
        raise Usage(f"{path} has format {record.format}; this assay reads format {FORMAT}")
    return record


def write(record: Record, path: Path) -> None:
    """Write ``record`` to a file, whole or not at all. Raises OSError."""
    draft = path.with_suffix(".tmp")
    draft.write_bytes(msgspec.json.encode(record))
    draft.replace(path)


def schema() -> dict[str, Any]:
    """JSON Schema of the record."""
    return msgspec.json.schema(Record)
