"""The atlas: the own arguments of every implementation that is one API, their meaning and their defaults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from ...adapters.binding import Binding
from ...specs.language.spec import Spec
from ..plan import implementations, select_specs
from ..record import Target
from ..running.processes import Unstarted, Worker, WorkerSettings
from ..running.provenance import target_facts
from .arguments import Argument, Desk
from .sheets import Sheet, sheet

__all__ = ["Atlas", "atlas", "joined", "specs_of", "subjects"]


AT_ONCE = 2
"""Frameworks that are asked at the same time."""


class Atlas(msgspec.Struct, frozen=True):
    """What was measured of targets: their arguments, and what could not be.

    Args:
        targets: what was asked, with versions; those that are not available say why.
        arguments: each own argument that a spec has a word for.
        functions: implementations that are put together from primitives, and have no arguments of their own.
        sheets: what each API shows beside its numbers.
    """

    targets: tuple[Target, ...]
    arguments: tuple[Argument, ...]
    functions: tuple[tuple[str, str], ...] = ()
    sheets: tuple[Sheet, ...] = ()


def joined(parts: Sequence[Atlas]) -> Atlas:
    """What several atlases have measured, in one; of what two have, what the later one says."""
    targets = {target.name: target for part in parts for target in part.targets}
    functions = dict.fromkeys(one for part in parts for one in part.functions)
    arguments, sheets = list[Argument](), list[Sheet]()
    anew = set[tuple[str, str, str]]()
    for part in reversed(parts):
        arguments[:0] = [one for one in part.arguments if (one.target, one.spec, one.api) not in anew]
        sheets[:0] = [one for one in part.sheets if (one.target, one.spec, one.api) not in anew]
        anew |= {(one.target, one.spec, one.api) for one in part.arguments}
        anew |= {(one.target, one.spec, one.api) for one in part.sheets}
    return Atlas(tuple(targets.values()), tuple(arguments), tuple(functions), tuple(sheets))


def specs_of(atlas: Atlas) -> list[Spec]:
    """The specs of which something was measured, or that are put together."""
    named = {argument.spec for argument in atlas.arguments} | {sheet.spec for sheet in atlas.sheets}
    named |= {spec for spec, _ in atlas.functions}
    return [spec for name, spec in select_specs(()).items() if name in named]


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
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return joined(list(pool.map(lambda settings: _measured(specs, settings, advance), workers)))


def _measured(specs: Sequence[Spec], settings: WorkerSettings, advance: Callable[[str], None]) -> Atlas:
    """What one worker shows."""
    worker = Worker(settings)
    try:
        target = target_facts(settings, worker.start())
    except Unstarted as error:
        return Atlas((target_facts(settings, {}, str(error)),), ())
    found, functions, sheets = list[Argument](), list[tuple[str, str]](), list[Sheet]()
    try:
        desk = Desk(worker, target)
        for spec, binding in subjects(specs, settings.family):
            if binding.composition and binding.row is None:
                functions.append((spec.name, binding.api))
            elif desk.has(binding):
                found += desk.arguments(binding, spec)
                sheets.append(sheet(desk, binding, spec))
            advance(settings.target)
    finally:
        worker.stop()
    return Atlas((target,), tuple(found), tuple(functions), tuple(sheets))
