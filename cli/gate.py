"""The commands ``assay gate`` and ``assay waive``: whether an upgrade changes what layers mean or how well.

Exit status: 0 clean, 1 something changed or a waiver is not true, 2 wrong usage, 3 could not run or could not
compare everything, or a defect of assay's own. What was learned before an interrupt or a defect is compared
and reported.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter
from rich.markup import escape

from ..adapters.binding import load_bindings
from ..errors import Usage
from ..harness.gating.atlases import atlas_changes, beside
from ..harness.gating.compare import Gate, read_gate
from ..harness.gating.environments import frameworks_of
from ..harness.gating.gate import SIDES, GateScope, Side, run_gate
from ..harness.gating.meanings import Subjects, atlas_entry, with_meanings
from ..harness.gating.waivers import apply, read_atlas_waivers, read_waivers, waivers_of, write_waiver
from ..harness.plan import checked_dtypes
from ..harness.record import Verdict
from ..harness.running.processes import paths_of
from ..harness.running.run import Run
from ..reports.console import Progress, Screen
from ..reports.difference import Difference, workflow_commands
from ..reports.gate import console as gate_on_console
from ..reports.gate import write_gate
from .ending import EXPECTED, keeping
from .options import ALL_FRAMEWORKS, Device, Names, Paths, Tier

__all__ = ["Watch", "gate", "waive"]

WAIVERS = Path("assay-waivers.toml")
"""The file of waivers that is read without being named, if it is there."""


def gate(
    records: tuple[Path, ...] = (),
    /,
    *,
    baseline: str = "",
    candidate: str = "",
    baseline_python: str = "",
    candidate_python: str = "",
    spec: Names = (),
    framework: Names = (),
    device: Device = "cpu",
    dtype: Names = (),
    tier: Tier = "smoke",
    path: Paths = (),
    waivers: Path | None = None,
    bindings_from: Annotated[tuple[Path, ...], Parameter(name="--bindings", negative="")] = (),
    out: Path = Path("gate"),
    with_atlas: Annotated[bool, Parameter(name="--atlas", negative="")] = False,
    resume: Annotated[bool, Parameter(negative="")] = False,
    fail_on: Literal["", "new"] = "",
    time_limit: float = 120.0,
    start_limit: float = 300.0,
) -> int:
    """Compare a baseline with a candidate, case by case; write gate.json and reports of what changed.

    Each side is a record, a set of requirements that is installed in an environment of its own, or an
    interpreter whose environment is asked as it is. Give two records; or a record, which is the baseline, and
    a candidate; or a baseline and a candidate.

    Parameters
    ----------
    records
        One or two run.json: the baseline, then the candidate.
    baseline
        Requirements of the baseline, such as "keras==3.12.3".
    candidate
        Requirements of the candidate, such as "keras==3.15.1", or "--pre keras".
    baseline_python
        The baseline's interpreter; with --baseline, the one that its environment is made with.
    candidate_python
        The candidate's interpreter; with --candidate, the one that its environment is made with.
    spec
        Names or globs of specs; may be given many times. All if none is given.
    framework
        torch, tensorflow, keras, keras[jax], keras[torch] or jax; may be given many times. By default those
        of the baseline's record, or those that the requirements name.
    device
        Where torch and jax run.
    dtype
        float32, float64, bfloat16, float16; may be given many times. If none is given: float32 and
        bfloat16 in smoke, float32 in grid, otherwise all.
    tier
        smoke meets every option once, standard every pair of options, full every triple; grid meets all
        combinations of a few small values, and of functions of one element every number of a half type.
    path
        How calls are run instead of the framework's default: compiled, xla, no_grad …, or all; may be given
        many times. `assay paths` lists them. Every configuration proves that it ran so; what a path refuses
        is a verdict with the reason.
    waivers
        TOML file of changes that are known; assay-waivers.toml is read if it is there.
    bindings_from
        A Python file of further bindings; may be given many times.
    out
        Folder of the results.
    with_atlas
        Compare the atlases too: what arguments are by default, signatures, weights, types, errors and names.
        That takes about as long again. Of a side that is a record, run.json, the atlas is run.atlas.json.
    resume
        Go on where an interrupted gate in the same folder stopped.
    fail_on
        'new': what fails and is a finding on file does not make the exit status 1.
    time_limit
        Seconds after which a call counts as hung.
    start_limit
        Seconds after which a framework counts as not starting.
    """
    sides = _sides(records, (baseline, candidate), (baseline_python, candidate_python))
    file = waivers or (WAIVERS if WAIVERS.is_file() else None)
    known = read_waivers(file) if file else ()
    meant = read_atlas_waivers(file) if file else ()
    for one in bindings_from:
        load_bindings(one)
    frameworks = tuple(framework or _named(sides))
    paths_of(frameworks, path if frameworks else ())
    scope = GateScope(
        specs=spec,
        frameworks=frameworks,
        tier=tier,
        dtypes=checked_dtypes(dtype),
        device=device,
        paths=path,
        bindings=tuple(map(str, bindings_from)),
        time_limit=time_limit,
        start_limit=start_limit,
        resume=resume,
        command=shlex.join(["assay", *sys.argv[1:]]),
    )
    screen = Screen()
    runs = [out / n / "run.json" for n, side in zip(SIDES, sides, strict=True) if side.record is None]
    with keeping(*runs):
        with _terminable(), Watch(screen) as watch:
            compared, candidate_record, failure = run_gate(sides, scope, out, watch)
        subjects: Subjects = frozenset()
        if with_atlas and failure is None:
            compared, subjects = _with_atlas(compared, sides, scope, out, screen)
        compared = apply(compared, candidate_record, known, datetime.date.today())
        compared = with_meanings(compared, meant if with_atlas else (), subjects, datetime.date.today())
        compared = _ended_early(compared, failure) if failure else compared
        if sides[0].record and not compared.troubles:  # half a record makes no baseline
            newer = sides[1].record or out / "candidate" / "run.json"
            accept = shlex.join(["cp", str(newer), str(sides[0].record)])
            if with_atlas:
                accept += " && " + shlex.join(["cp", str(beside(newer)), str(beside(sides[0].record))])
            compared = msgspec.structs.replace(compared, accept=accept)
        _reported(compared, out, screen)
        if failure is not None and not isinstance(failure, (KeyboardInterrupt, *EXPECTED)):
            raise failure
    return compared.status_of_new if fail_on == "new" else compared.status


def _with_atlas(
    compared: Gate, sides: tuple[Side, Side], scope: GateScope, folder: Path, screen: Screen
) -> tuple[Gate, Subjects]:
    """The gate with what changed from one atlas to the other, and what was measured."""

    def watch(name: str) -> None:
        screen.print(f"[bold]the atlas of the {name}[/bold]")

    frameworks = scope.frameworks or tuple(dict.fromkeys(t.framework for t in compared.baseline.targets))
    changes, subjects, troubles = atlas_changes(sides, scope, frameworks, folder, watch)
    troubles = (*compared.troubles, *troubles)
    return msgspec.structs.replace(compared, atlas=changes, troubles=troubles), subjects


def _ended_early(compared: Gate, failure: BaseException) -> Gate:
    """The gate with what ended a run of it."""
    words = "interrupted" if isinstance(failure, KeyboardInterrupt) else str(failure) or repr(failure)
    troubles = (*compared.troubles, f"the run ended early: {words}; add --resume to go on")
    return msgspec.structs.replace(compared, troubles=troubles)


def _reported(compared: Gate, folder: Path, screen: Screen) -> None:
    """Write the reports of a gate, then show it: the reports are there whoever reads the screen."""
    difference = Difference(compared, str(folder))
    written = write_gate(compared, folder)
    screen.print(gate_on_console(difference))
    for path in written:
        screen.print(f"[dim]wrote[/dim] {escape(str(path))}")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in workflow_commands(difference):
            print(line)


def waive(
    file: Path,
    number: int,
    /,
    *,
    reason: str = "",
    link: str = "",
    expires: datetime.date | None = None,
    waivers: Path = WAIVERS,
    of_atlas: Annotated[bool, Parameter(name="--atlas", negative="")] = False,
) -> None:
    """Write a waiver of one group of changes, for a person to edit; comments and order of the file survive.

    Parameters
    ----------
    file
        The gate.json.
    number
        The group, as the gate's reports print it.
    reason
        Why the change is accepted, in a sentence; an entry without one is refused when it is read.
    link
        The framework's note, issue or commit.
    expires
        The day on which it is looked at again, as 2026-12-31.
    waivers
        The TOML file to add it to.
    of_atlas
        The number is that of what changed beside the numbers.
    """
    found = read_gate(file)
    if of_atlas:
        if not 0 < number <= len(found.atlas):
            raise Usage(f"{file} has no change {number} of the atlas; it has {len(found.atlas)}")
        name = write_waiver(waivers, atlas_entry(found.atlas[number - 1], reason, link, expires), "atlas")
        print(f"wrote {name} to {waivers}" + ("" if reason else "; fill in its reason"))
        return
    groups = {group.number: group for group in Difference(found).groups}
    if number not in groups:
        raise Usage(f"{file} has no change {number}; it has {len(groups)}")
    group = groups[number]
    if group.known:
        raise Usage(f"change {number} is known already, as {group.known!r}")
    for implementation in group.implementations:
        changes = [c for c in group.changes if c.verdict.implementation == implementation]
        for entry in waivers_of(changes, found.candidate.targets, reason, link, expires):
            name = write_waiver(waivers, entry)
            print(f"wrote {name} to {waivers}" + ("" if reason else "; fill in its reason"))


def _sides(
    files: tuple[Path, ...], requirements: tuple[str, str], pythons: tuple[str, str]
) -> tuple[Side, Side]:
    """The baseline and the candidate that the command line names.

    Raises:
        ValueError: a side is missing, or named twice.
    """
    if len(files) > 2:
        raise Usage(f"{len(files)} records were given; a gate compares two")
    given: tuple[Path | None, ...] = (*files, None, None)[:2]
    found = []
    for name, record, wanted, python in zip(SIDES, given, requirements, pythons, strict=True):
        if record and (wanted or python):
            raise Usage(f"the {name} is the record {record}; leave out --{name} and --{name}-python")
        if not (record or wanted or python):
            raise Usage(f"there is no {name}; give a record, --{name} or --{name}-python")
        found.append(Side(record, wanted, python or sys.executable))
    return found[0], found[1]


def _named(sides: tuple[Side, Side]) -> tuple[str, ...]:
    """The frameworks to ask where none is named: none means those of the record."""
    if any(side.record for side in sides):
        return ()
    return frameworks_of([side.requirements for side in sides]) or ALL_FRAMEWORKS


class Watch:
    """Shows how far each of the two runs is."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, name: str, run: Run) -> Callable[[Verdict], None]:
        """Begin to show a run, by its side's name; returns what is told of each verdict."""
        self._stack.close()
        self._screen.print(f"[bold]{name}[/bold]")
        progress = self._stack.enter_context(Progress(self._screen))
        for target, total in run.counts().items():
            progress.start(target, total)
        return progress.advance


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Take a request to end, as a CI sends it when a job is cancelled, for one interrupt."""

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # only the main thread may say so
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
