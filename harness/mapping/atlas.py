"""The atlas: the own arguments of every implementation that is one call, their meaning and their defaults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ...adapters.binding import Binding
from ...specs.language.spec import Spec
from ..plan import implementations
from ..record import Target
from ..running.processes import Crashed, Hung, Unstarted, Worker, WorkerSettings
from ..running.provenance import target_facts
from .arguments import Argument, Desk, options_of

__all__ = ["Atlas", "atlas", "read_atlas", "subjects"]


class Atlas(msgspec.Struct, frozen=True):
    """What was measured of targets: their arguments, and what could not be.

    Args:
        targets: what was asked, with versions; those that are not available say why.
        arguments: each own argument that a spec has a word for.
        functions: implementations that are more than one call, whose arguments are not known as data.
    """

    targets: tuple[Target, ...]
    arguments: tuple[Argument, ...]
    functions: tuple[tuple[str, str], ...] = ()


def subjects(specs: Sequence[Spec], framework: str) -> list[tuple[Spec, Binding]]:
    """Implementations by a framework, with the specs that they are of."""
    return [(spec, binding) for spec in specs for binding in implementations(spec, [framework])]


def atlas(
    specs: Sequence[Spec],
    workers: Sequence[WorkerSettings],
    advance: Callable[[str], None] = lambda target: None,
) -> Atlas:
    """Measure the arguments of every implementation of the specs.

    Args:
        specs: whose implementations are asked.
        workers: a worker for each target.
        advance: called with a target for each implementation that is done.
    """
    targets, found, functions = list[Target](), list[Argument](), list[tuple[str, str]]()
    for settings in workers:
        worker = Worker(settings)
        try:
            target = target_facts(settings, worker.start())
        except Unstarted as error:
            targets.append(target_facts(settings, {}, str(error)))
            continue
        targets.append(target)
        try:
            desk = Desk(worker, target)
            for spec, binding in subjects(specs, settings.family):
                if binding.row is None:
                    functions.append((spec.name, binding.api))
                else:
                    found += _measured(desk, spec, binding)
                advance(settings.target)
        finally:
            worker.stop()
    return Atlas(tuple(targets), tuple(found), tuple(functions))


def _measured(desk: Desk, spec: Spec, binding: Binding) -> list[Argument]:
    """The arguments of one implementation; what ends the worker costs one argument."""
    assert binding.row is not None
    found = []
    for option, parameters in options_of(binding, spec).items():
        try:
            found.append(desk.measured(binding, spec, option, parameters))
        except (Crashed, Hung) as error:
            about = spec.name, binding.api, desk.target.name, option, binding.row.options[option], parameters
            found.append(Argument(*about, "raises", message=str(error)))
    return found


def read_atlas(file: Path) -> Atlas:
    """An atlas from its file."""
    return msgspec.json.decode(file.read_bytes(), type=Atlas)
