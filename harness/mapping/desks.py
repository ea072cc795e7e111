"""A recipe from names alone: the workers that it takes are started, and ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ..running.processes import Worker, WorkerSettings
from ..running.provenance import target_facts
from .arguments import Desk
from .porting import Recipe, pair, port

__all__ = ["desk_of", "recipe_of"]


def recipe_of(
    source: str,
    target: str,
    given: Mapping[str, str],
    spec: str = "",
    python: Path = Path(sys.executable),
) -> Recipe:
    """The recipe by which ``target`` does what ``source`` does with these of its own arguments.

    Raises:
        Usage: an API or an argument is unknown, or has a value that the spec has no word for.
    """
    two = pair(source, target, spec)
    with ExitStack() as stack:
        names = dict.fromkeys((two.source.framework, two.target.framework))
        desks = {name: desk_of(name, python, stack) for name in names}
        return port(two, given, desks[two.source.framework], desks[two.target.framework])


def desk_of(framework: str, python: Path, stack: ExitStack) -> Desk:
    """Asks a framework of an interpreter, until ``stack`` is left."""
    settings = WorkerSettings(framework, python=str(python))
    worker = Worker(settings)
    stack.callback(worker.stop)
    return Desk(worker, target_facts(settings, worker.start()))
