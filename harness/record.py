"""The record of a run: one document from which every report is drawn, and nothing else.

The types here are its schema (``assay.harness.record.schema()``). A record must be readable without the
frameworks, without the specs of the version that wrote it, and after years. It is kept as one JSON document,
or as JSON Lines, where the first line is all but the verdicts (`Head`), and each further line is a verdict:
what is large can then be written, read and searched piece by piece.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from ..errors import Usage

__all__ = [
    "CHECKS",
    "COMPACT",
    "FAILING",
    "OUTCOMES",
    "Head",
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
    "opened",
    "problems_of",
    "read",
    "schema",
    "write",
    "written",
]

Timings = defaultdict[str, float]
"""Seconds by what they were spent on, while a run goes on."""

FORMAT = 1
"""Version of the document's format."""

COMPACT = "run.jsonl.gz"
"""Name of a record that is kept as JSON Lines and compressed."""

SCRIPTS = 4
"""How many of verdicts that are alike keep their scripts in JSON Lines; ``assay repro`` prints any other."""

DIGITS = 6
"""Digits of margins in JSON Lines."""

CHUNK = 1 << 22
"""Bytes of lines that are read at once."""

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


class Worst(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The element that decided: where it is, what was got, what was expected, what would have passed."""

    array: str
    index: tuple[int, ...]
    got: str
    expected: str
    tolerance: str
    error_ulps: float | None
    wrong: int
    size: int


class Margin(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


class Head(msgspec.Struct, frozen=True, tag_field="holds", tag="head"):
    """The first of a record's JSON Lines: all that a `Record` holds beside its verdicts."""

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
    timings: dict[str, float] = {}
    format: int = FORMAT
    findings: tuple[Known, ...] = ()

    @classmethod
    def of(cls, record: Record) -> Head:
        """The head of a record."""
        return cls(**{name: getattr(record, name) for name in cls.__struct_fields__})

    def record(self, verdicts: Iterable[Verdict]) -> Record:
        """The record with this head."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return Record(**fields, verdicts=tuple(verdicts))


def read(path: Path) -> Record:
    """The record in a file.

    Raises:
        ValueError: the file is no record; says why.
    """
    with opened(path) as (head, verdicts):
        return head.record(verdicts)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Head, Iterator[Verdict]]]:
    """The head of the record in a file, and its verdicts, which are read as they are asked for.

    Raises:
        ValueError: the file is no record, or holds a verdict that is none; says why.
    """
    if not path.is_file():
        raise Usage(f"there is no file {path}; `assay run` writes a run.json into its folder --out")
    with path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if compressed else raw
        try:
            first = file.readline()
            in_lines = first.startswith(HEAD)
            head, verdicts = _in_lines(first, file) if in_lines else _in_one(first + file.read())
            if head.format != FORMAT:
                raise Usage(f"{path} has format {head.format}; this assay reads format {FORMAT}")
            yield head, verdicts
        except (msgspec.DecodeError, EOFError, gzip.BadGzipFile) as error:
            raise Usage(f"{path} is no assay record: {error}") from error


HEAD = b'{"holds":"head"'
"""How JSON Lines begin."""


def _in_one(data: bytes) -> tuple[Head, Iterator[Verdict]]:
    record = msgspec.json.decode(data, type=Record)
    return Head.of(record), iter(record.verdicts)


def _in_lines(first: bytes, file: io.BufferedIOBase) -> tuple[Head, Iterator[Verdict]]:
    return msgspec.json.decode(first, type=Head), _verdicts(file)


def _verdicts(file: io.BufferedIOBase) -> Iterator[Verdict]:
    decoder = msgspec.json.Decoder(Verdict)
    while lines := file.readlines(CHUNK):
        yield from decoder.decode_lines(b"".join(lines))


def write(record: Record, path: Path) -> None:
    """Write ``record`` to a file, whole or not at all. Raises OSError.

    A name that ends in ``.jsonl`` or ``.jsonl.gz`` asks for JSON Lines, where margins have `DIGITS` digits,
    and of verdicts that are alike the first `SCRIPTS` keep the script that reproduces them; any other for one
    JSON document.
    """
    if ".jsonl" in path.suffixes:
        written(Head.of(record), record.verdicts, path)
        return
    draft = path.with_suffix(".tmp")
    draft.write_bytes(msgspec.json.encode(record))
    draft.replace(path)


def written(head: Head, verdicts: Iterable[Verdict], path: Path) -> None:
    """Write JSON Lines, whole or not at all, compressed where the name ends in ``.gz``. Raises OSError."""
    draft, encoder = path.with_suffix(".tmp"), msgspec.json.Encoder()
    # The time and the name in a header of gzip would make two files of one record differ.
    with draft.open("wb") as raw, contextlib.ExitStack() as stack:
        file: io.BufferedIOBase = raw
        if path.suffix == ".gz":
            file = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))
        lines = encoder.encode_lines([head])
        told = _shortened(verdicts)
        while lines:
            file.write(lines)
            lines = encoder.encode_lines(list(itertools.islice(told, 4096)))
    draft.replace(path)


def _shortened(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """The verdicts as JSON Lines keep them."""
    seen = Counter[tuple[str, ...]]()
    for verdict in verdicts:
        script = verdict.reproduction
        if script is not None:
            kind = verdict.spec, verdict.implementation, verdict.target, verdict.outcome, verdict.check
            seen[kind] += 1
            script = script if seen[kind] <= SCRIPTS else None
        margins = tuple(map(_rounded, verdict.margins))
        yield msgspec.structs.replace(verdict, margins=margins, reproduction=script)


def _rounded(margin: Margin) -> Margin:
    """The margin in `DIGITS` digits, on the side of 1 where it was: what conforms goes on to."""
    worst, rms = (float(f"{value:.{DIGITS}g}") for value in (margin.worst, margin.rms))
    worst = worst if (worst > 1) == (margin.worst > 1) else margin.worst
    return Margin(margin.array, worst, rms, margin.unresolved, margin.size)


def schema() -> dict[str, Any]:
    """JSON Schema of the record."""
    return msgspec.json.schema(Record)
