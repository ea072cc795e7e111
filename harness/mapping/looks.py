"""What points of questions look at that no case can ask: defaults, weights, calls, arguments, names."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ...adapters.binding import Binding, bindings
from ...specs import all_specs
from ...specs.questions import Looks, Point
from ...syntax import parse
from ..running.processes import Unstarted, Worker, WorkerSettings
from ..running.provenance import target_facts
from .arguments import Argument, Desk
from .sheets import Sheet, sheet

__all__ = ["Look", "looks", "looks_of"]

HOMES: Mapping[str, tuple[str, ...]] = {
    "torch": ("torch",),
    "tensorflow": ("tf",),
    "keras": ("keras",),
    "jax": ("jax", "jnp", "flax", "nnx", "linen", "optax"),
}
"""Modules by which a line of code shows whose it is."""


class Look(msgspec.Struct, frozen=True):
    """What one API showed.

    Args:
        kind: what was looked at.
        asked: as the point names it.
        target: what was asked, such as ``torch/cpu``.
        subject: the API, with the argument where there may be several; or the code.
        said: what was seen, as a text, or an argument that was measured.
    """

    kind: Looks
    asked: str
    target: str
    subject: str
    said: str | Argument


def looks(points: Iterable[Point], workers: Sequence[WorkerSettings]) -> list[Look]:
    """What the points look at, of every framework that can be asked."""
    wanted = dict.fromkeys((kind, one) for p in points for kind, every in p.shows.items() for one in every)
    found = list[Look]()
    for settings in workers if wanted else ():
        worker = Worker(settings)
        try:
            desk = Desk(worker, target_facts(settings, worker.start()))
            found += looks_of(desk, settings.family, wanted)
        except Unstarted:
            continue
        finally:
            worker.stop()
    return found


def looks_of(desk: Desk, family: str, wanted: Iterable[tuple[Looks, str]]) -> Iterator[Look]:
    """What one framework shows."""
    sheets: dict[str, Sheet] = {}
    for kind, asked in wanted:
        about = kind, asked, desk.target.name
        if kind == "code":
            if _is_of(asked, family):
                yield Look(*about, asked, desk.worker.ask({"code": asked})["shows"])
        elif kind == "having":
            for name, argument, default in desk.worker.ask({"having": asked})["having"]:
                yield Look(*about, f"{name}({argument})", default or "no default")
        else:
            where, _, what = asked.partition(" ")
            for binding in _named(where, family):
                for subject, said in _seen(desk, kind, binding, what, sheets):
                    yield Look(*about, subject, said)


def _is_of(code: str, family: str) -> bool:
    """Whether a line of code is a framework's."""
    names = {node.id for node in ast.walk(parse(code)) if isinstance(node, ast.Name)}
    return bool(names & {*HOMES[family]})


def _named(glob: str, family: str) -> list[Binding]:
    """Implementations of a framework that are one API of their own."""
    known = bindings([family])
    named = (b for key, b in known.items() if fnmatch.fnmatchcase(key, glob))
    return [b for b in named if b.row is not None or not b.composition]


def _seen(
    desk: Desk, kind: Looks, binding: Binding, what: str, sheets: dict[str, Sheet]
) -> Iterator[tuple[str, str | Argument]]:
    """What is seen of one implementation, with the name of what shows it."""
    spec = all_specs()[binding.spec]
    if kind == "default":
        api = binding.api.partition("(")[0]
        for option, parameters in desk.options(binding, spec).items():
            if fnmatch.fnmatchcase(option, what):
                yield f"{api}({option})", desk.measured(binding, spec, option, parameters)
        return
    if binding.key not in sheets:
        sheets[binding.key] = sheet(desk, binding, spec)
    shown = sheets[binding.key]
    if kind == "weights" and shown.weights:
        yield binding.api, ", ".join(f"{one.name} {one.axes}" for one in shown.weights)
    if kind == "call":
        for one in shown.seen:
            if one.what == what:
                yield binding.api, one.gives or f"raises {one.raises.partition(':')[0]}"
