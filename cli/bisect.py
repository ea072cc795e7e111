"""The command ``assay bisect``: the release of a framework in which cases changed.

Exit status: 0 nothing changed between the two releases, 1 the change was found, 2 wrong usage, 3 a release
could not be asked.
"""

from __future__ import annotations

import fnmatch
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from ..errors import Usage
from ..harness.gating.bisect import Pinned, in_order, pinned, releases_between
from ..harness.gating.bisect import bisect as halve
from ..harness.gating.compare import Change, Gate
from ..harness.gating.environments import Unmade, frameworks_of
from ..harness.gating.gate import GateScope, Side, run_gate
from ..harness.plan import plan
from ..harness.running.processes import paths_of
from ..reports.console import Screen
from ..reports.overview import plural
from .ending import CannotRun
from .gate import Watch
from .options import ALL_FRAMEWORKS, Device, Names, Paths

__all__ = ["bisect"]


def bisect(
    first: str,
    last: str,
    /,
    *,
    case: Annotated[tuple[str, ...], Parameter(negative="", required=True)],
    implementation: Names = (),
    beside: Annotated[str, Parameter(name="--with")] = "",
    release: Names = (),
    framework: Names = (),
    device: Device = "cpu",
    path: Paths = (),
    python: str = sys.executable,
    out: Path = Path("bisect"),
    time_limit: float = 120.0,
) -> int:
    """Find the release of a framework in which cases changed, by halving the releases between two.

    Each release that is asked is installed in an environment of its own, which the gate knows as well, and
    compared with the first as `assay gate` compares: right, wrong otherwise, or with more error.

    Parameters
    ----------
    first
        The release that all are compared with, such as "keras==3.7.0".
    last
        One that differs from it, such as "keras==3.15.1"; it may be the older one.
    case
        A case id, as reports print it; may be given many times.
    implementation
        Names or globs of the implementations that are looked at; all that the cases are put to, by default.
    beside
        Further requirements of every environment, such as "tensorflow-cpu==2.21.0".
    release
        A version between the two; may be given many times. By default all that pip's index lists.
    framework
        torch, tensorflow, keras, keras[jax], keras[torch] or jax; by default those that first names.
    device
        Where torch and jax run.
    path
        How calls are run instead of the framework's default; `assay paths` lists them.
    python
        The interpreter that environments are made with.
    out
        Folder of the records, one for each release that was asked.
    time_limit
        Seconds after which a call counts as hung.
    """
    ends = pinned(first), pinned(last)
    releases = in_order(*ends, release) if release else releases_between(*ends, python)
    frameworks = tuple(framework) or frameworks_of([f"{first} {beside}"]) or ALL_FRAMEWORKS
    paths_of(frameworks, path)
    known = {binding.api for question in plan((), "smoke", (), case) for binding in question.bindings}
    for pattern in implementation:
        if not fnmatch.filter(known, pattern):
            raise Usage(f"no implementation of the cases is called {pattern!r}; see `assay show SPEC`")
    scope = GateScope(
        specs=(),
        frameworks=frameworks,
        tier="smoke",
        dtypes=(),
        device=device,
        paths=path,
        cases=case,
        time_limit=time_limit,
        command=shlex.join(["assay", *sys.argv[1:]]),
    )
    search = _Search(ends[0], scope, beside, python, out, implementation, Screen())
    differs = search(ends[1])
    if isinstance(differs, str):
        raise CannotRun(f"{ends[1]} could not be compared with {ends[0]}: {differs}")
    if not differs:
        search.screen.print(f"Nothing changed between {ends[0]} and {ends[1]}.")
        return 0
    found = halve(releases, search)
    search.screen.print(f"\n[bold]Changed in {found.changed}[/bold]; {found.last} is as {ends[0]} is.")
    for skipped, why in found.passed_over.items():
        search.screen.print(f"{skipped} lies between them and could not be asked: {escape(why)}")
    for change in search.changes[found.changed]:
        words = f"{change.kind} {change.verdict.case} {change.verdict.implementation}: {change.cause}"
        search.screen.print("  " + escape(words), soft_wrap=True)
    return 1


@dataclass
class _Search:
    """Compares releases with the first one, and tells of each as it comes."""

    first: Pinned
    scope: GateScope
    beside: str
    python: str
    folder: Path
    implementations: tuple[str, ...]
    screen: Screen
    record: Path | None = None
    changes: dict[Pinned, list[Change]] = field(default_factory=dict)

    def __call__(self, release: Pinned) -> bool | str:
        """Whether a release is another than the first; a sentence where it cannot be asked."""
        folder = self.folder / str(release.version)
        try:
            with Watch(self.screen) as watch:
                gate, _, failure = run_gate(self._sides(release), self.scope, folder, watch)
        except Unmade as error:
            return self._told(release, str(error))
        if failure is not None:
            raise failure
        self.record = self.record or folder / "baseline" / "run.json"
        if gate.troubles:
            return self._told(release, "; ".join(gate.troubles))
        self.changes[release] = self._about(gate)
        return self._told(release, bool(self.changes[release]))

    def _sides(self, release: Pinned) -> tuple[Side, Side]:
        old = Side(self.record) if self.record else self._side(self.first)
        return old, self._side(release)

    def _side(self, release: Pinned) -> Side:
        return Side(requirements=f"{release} {self.beside}", python=self.python)

    def _about(self, gate: Gate) -> list[Change]:
        """The changes of the implementations that are looked at."""
        return [
            change
            for change in gate.changes
            if any(fnmatch.fnmatchcase(change.verdict.implementation, p) for p in self.implementations or "*")
        ]

    def _told(self, release: Pinned, said: bool | str) -> bool | str:
        if isinstance(said, str):
            words = f"could not be asked: {said}"
        else:
            words = plural(len(self.changes[release]), "change") if said else f"as {self.first}"
        self.screen.print(f"{release}: {escape(words)}", soft_wrap=True)
        return said
