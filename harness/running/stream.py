"""Verdicts on disk as they come: one JSON line each, so that nothing learned is lost."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import IO

import msgspec

from ...errors import Usage
from ..record import Target, Verdict

__all__ = ["Stream"]


class Line(msgspec.Struct, omit_defaults=True):
    """A line: the start of a target, or a verdict."""

    target: Target | None = None
    verdict: Verdict | None = None


class Stream:
    """The file of verdicts of a run; with ``resume`` it is read first and continued.

    Raises:
        ValueError: a target to resume has other versions than the ones on file.
    """

    def __init__(self, path: Path, resume: bool) -> None:
        self.path = path
        self.verdicts: list[Verdict] = []
        self.targets: dict[str, Target] = {}
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        if resume and path.exists():
            self._read()
        self.known = {(v.case, v.implementation, v.target) for v in self.verdicts}

    def __enter__(self) -> Stream:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab" if self.verdicts else "wb", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def begin(self, target: Target) -> None:
        """Note that a target has started."""
        earlier = self.targets.setdefault(target.name, target)
        if earlier.versions != target.versions:
            raise Usage(
                f"cannot resume: {target.name} ran {earlier.versions} then and is {target.versions} now; "
                "start anew without --resume"
            )
        self._append(Line(target=target))

    def write(self, verdict: Verdict) -> None:
        """Append a verdict. Raises OSError where the disk takes no more."""
        self._append(Line(verdict=verdict))
        with self._lock:
            self.verdicts.append(verdict)

    def _append(self, line: Line) -> None:
        assert self._file is not None
        data = msgspec.json.encode(line) + b"\n"
        with self._lock:
            end = self._file.tell()
            if self._file.write(data) != len(data):
                self._file.truncate(end)
                raise OSError(f"{self.path} could not be written in full; is the disk full?")

    def _read(self) -> None:
        """Take in every complete line, and cut off one that was broken in mid-write."""
        whole = 0
        for text in self.path.read_bytes().splitlines(keepends=True):
            try:
                line = msgspec.json.decode(text, type=Line)
            except msgspec.DecodeError:
                break
            if not text.endswith(b"\n"):
                break
            whole += len(text)
            if line.verdict is not None:
                self.verdicts.append(line.verdict)
            if line.target is not None:
                self.targets.setdefault(line.target.name, line.target)
        with self.path.open("r+b") as file:
            file.truncate(whole)
