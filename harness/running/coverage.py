"""How much of a framework's surface is asked: each name is bound, left out with a reason, or uncovered.

So is each argument of a loss that all bindings give the same. The names are read off the framework in a
worker process of its own.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec

from ...adapters.surface import bound_names
from ...adapters.unbound import exclusions
from .processes import Worker, WorkerSettings

__all__ = ["STATUSES", "Coverage", "Name", "coverage"]

Status = Literal["bound", "excluded", "uncovered"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class SurfaceSettings(WorkerSettings):
    """What a worker is started with that tells names and ends."""

    service = "serve_names"

    def arguments(self, log: str) -> tuple[Any, ...]:
        """What the service is given beside its channel."""
        return self.framework, self.device, log


class Name(msgspec.Struct, frozen=True):
    """A public name, and what is done with it; ``reason`` says why nothing is, or under which other name."""

    name: str
    status: Status
    reason: str = ""

    @property
    def module(self) -> str:
        """The module that it is a name of."""
        return self.name.rpartition(".")[0]


class Coverage(msgspec.Struct, frozen=True):
    """The surface of one framework."""

    framework: str
    versions: dict[str, str]
    names: tuple[Name, ...]
    arguments: tuple[Name, ...] = ()
    """Those of losses that every binding leaves as they are, as ``api(argument)``."""

    def of(self, status: Status) -> tuple[Name, ...]:
        """The names of which this is so."""
        return tuple(name for name in self.names if name.status == status)


def coverage(settings: WorkerSettings) -> Coverage:
    """The surface of a framework, and what is done with each name of it.

    Raises:
        Unstarted: the framework is not to be had.
    """
    worker = Worker(SurfaceSettings(settings.framework, python=settings.python))
    try:
        facts = worker.start()
    finally:
        worker.stop()
    bound = bound_names(settings.family)
    counted: dict[str, str] = facts["names"]
    elsewhere = bound - counted.keys()
    names = (_name(name, same, bound, elsewhere) for name, same in counted.items())
    arguments = (_left_out(argument, "ungiven") for argument in facts["ungiven"])
    return Coverage(settings.framework, facts["versions"], tuple(names), tuple(arguments))


def _name(name: str, same: str, bound: Container[str], elsewhere: Container[str]) -> Name:
    """What is done with a name; ``elsewhere`` are bound names of modules that are not counted."""
    if name in bound or same in elsewhere:
        return Name(name, "bound", f"as {same}" if same in elsewhere else "")
    if same:
        return Name(name, "excluded", f"the same object as {same}")
    return _left_out(name, "excluded")


def _left_out(name: str, table: str) -> Name:
    """A name that nothing is asked of: why, where that is on file."""
    for exclusion in exclusions(table):
        if any(fnmatch.fnmatchcase(name, glob) for glob in exclusion.names):
            return Name(name, "excluded", exclusion.reason)
    return Name(name, "uncovered")
