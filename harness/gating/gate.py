"""The two runs of a gate: a record on file, or a run in an environment that exists or is made for it.

Whatever ends a run early costs what it had not yet learned. What it had is compared, and the gate says that
it is not all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ...errors import Usage
from ...specs import all_specs
from ...specs.language.case import parse
from .. import record as records
from ..plan import Question, plan, select_specs
from ..record import Record, Target, Verdict
from ..running.processes import WorkerSettings, paths_of
from ..running.run import Run, RunSettings
from .compare import Gate, compare
from .environments import environment, requirements_of

__all__ = ["SIDES", "GateScope", "Side", "run_gate"]

SIDES = ("baseline", "candidate")
"""What the two are called, and the folders in which their runs leave their records."""

Watch = Callable[[str, Run], Callable[[Verdict], None]]
"""Told a side's name and the run that begins; returns what is told of each verdict."""


@dataclass(frozen=True)
class Side:
    """One of the two: a record on file, or else where to run.

    ``requirements`` are installed in an environment made with ``python``; with no requirements, ``python`` is
    asked as it is.
    """

    record: Path | None = None
    requirements: str = ""
    python: str = sys.executable

    @property
    def label(self) -> str:
        """What reports call it."""
        return str(self.record) if self.record else self.requirements or self.python

    def interpreter(self) -> str:
        """The interpreter to ask; makes its environment if there must be one. Raises Unmade."""
        if self.record or not self.requirements:
            return self.python
        return str(environment(requirements_of(self.requirements), self.python))


@dataclass(frozen=True)
class GateScope:
    """What both sides are asked. Where one is a record on file, the other is asked what that one was.

    No ``frameworks`` are all that a record names; ``cases``, by their ids, are asked in place of a tier's.
    """

    specs: Sequence[str]
    frameworks: Sequence[str]
    tier: str
    dtypes: Sequence[str]
    device: str = "cpu"
    paths: Sequence[str] = ()
    bindings: tuple[str, ...] = ()
    time_limit: float = 120.0
    start_limit: float = 300.0
    resume: bool = False
    command: str = ""
    cases: Sequence[str] = ()

    def questions(self, like: Record | None) -> list[Question]:
        """The questions of the tier, or those that a record answers, as far as there are such cases still."""
        if like is None:
            return plan(select_specs(self.specs).values(), self.tier, self.dtypes, self.cases)
        ids = [case for case in dict.fromkeys(verdict.case for verdict in like.verdicts) if _known(case)]
        ids = [case for case in ids if case in self.cases or not self.cases]
        return plan((), self.tier, self.dtypes, ids) if ids else []

    def workers(self, python: str, like: Record | None) -> list[WorkerSettings]:
        """A worker for each framework, or for each target of a record."""
        asked = [(name, self.device, mode) for name, mode in paths_of(self.frameworks, self.paths)]
        if like is not None:
            asked = [(target.framework, target.device, _mode(target)) for target in like.targets]
        limits = self.start_limit, self.time_limit
        return [WorkerSettings(*one, python, self.bindings, *limits) for one in asked]

    def narrowed(self, record: Record) -> Record:
        """The part of a record that this is about."""
        chosen = select_specs(self.specs) if self.specs else None
        targets = [t for t in record.targets if not self.frameworks or t.framework in self.frameworks]
        if self.paths and "all" not in self.paths:
            targets = [t for t in targets if t.mode in self.paths]
        names = {target.name for target in targets}
        verdicts = [v for v in record.verdicts if v.target in names and (chosen is None or v.spec in chosen)]
        return msgspec.structs.replace(record, targets=tuple(targets), verdicts=tuple(verdicts))


def run_gate(
    sides: tuple[Side, Side], scope: GateScope, folder: Path, watch: Watch
) -> tuple[Gate, Record, BaseException | None]:
    """Compare a baseline with a candidate, running whichever is no record.

    Args:
        sides: the baseline and the candidate.
        scope: what both are asked.
        folder: where the runs leave their records, in ``baseline`` and ``candidate``.
        watch: see `Watch`.

    Returns:
        The comparison, the candidate's record, and what ended a run early, if anything did.

    Raises:
        Unmade: an environment could not be made, so that nothing was run.
        ValueError: a record cannot be read, or no spec or framework is called so.
    """
    pythons = [side.interpreter() for side in sides]
    on_file = [scope.narrowed(records.read(side.record)) if side.record else None for side in sides]
    like = next(filter(None, on_file), None)
    done: list[Record] = []
    failure: BaseException | None = None
    for name, record, python in zip(SIDES, on_file, pythons, strict=True):
        if record is None and failure is None:
            record, failure = _run(name, scope, python, like, folder / name, watch)
        elif record is None:
            record = msgspec.structs.replace(done[0], targets=(), verdicts=(), complete=False)
        done.append(record)
    gate = compare(done[0], done[1], (sides[0].label, sides[1].label))
    if not sides[1].record:
        candidate = msgspec.structs.replace(gate.candidate, python=pythons[1])
        gate = msgspec.structs.replace(gate, candidate=candidate)
    return gate, done[1], failure


def _run(
    name: str, scope: GateScope, python: str, like: Record | None, folder: Path, watch: Watch
) -> tuple[Record, BaseException | None]:
    """The record of a run, and what ended it early."""
    settings = RunSettings(
        questions=scope.questions(like),
        workers=scope.workers(python, like),
        folder=folder,
        tier=like.tier if like else scope.tier,
        command=scope.command,
        resume=scope.resume,
    )
    run = Run(settings)
    run.on_verdict = watch(name, run)
    try:
        return run.execute(), None
    except (KeyboardInterrupt, Exception) as error:
        if run.record is None or isinstance(error, Usage):
            raise
        return run.record, error


def _known(case: str) -> bool:
    """Whether the specs of this version have such a case."""
    try:
        parse(case, all_specs())
    except ValueError:
        return False
    return True


def _mode(target: Target) -> str:
    """The mode that was asked for, which a target's name ends with; empty if it was the default."""
    return target.name.split("/", 2)[2] if target.name.count("/") == 2 else ""
