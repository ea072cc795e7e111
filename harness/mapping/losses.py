"""What each loss of each framework can be asked, and what it gives where nothing counts.

The former follows from specs and bindings: the values of parameters that an implementation can be asked. The
latter is measured, for no spec asks it: a batch without samples, labels all of which are ignored, a mask that
lets nothing count, and weights that are all 0.
"""

from __future__ import annotations

import ast
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from ...adapters.binding import Binding
from ...numerics.dtypes import decode, encode
from ...specs.language.case import Case
from ...specs.language.spec import Parameter, Spec, Value, evaluate
from ...syntax import parse
from ..plan import implementations, selection
from ..record import Target
from ..running.processes import Crashed, Hung, Unstarted, Worker, WorkerSettings
from ..running.provenance import target_facts
from .arguments import admitted, under

__all__ = [
    "ELEMENTS",
    "SITUATIONS",
    "Losses",
    "Nothing",
    "elements",
    "is_loss",
    "losses",
    "settled",
    "where_nothing_counts",
]

Inputs = Mapping[str, Any]

ELEMENTS = (
    "reduction",
    "row_mean",
    "weighted",
    "samples_weighted",
    "masked",
    "ignored",
    "label_smoothing",
    "axis",
    "rank",
    "epsilon",
    "smooth",
    "domain",
)
"""Parameters that many losses have, in which frameworks differ whether or not they are facets."""

MEANS = ("mean", "mean_weights", "mean_rows", "batchmean")
"""Reductions that divide, of which the first that an implementation has is asked."""


TIMES = 3
"""How often a question is put: memory that was never written holds something else at times."""

UNSET = "unset memory"
"""Said of a result that was never written."""


class Nothing(msgspec.Struct, frozen=True):
    """What an implementation gives where nothing counts: a number, an empty array, or that it raises."""

    spec: str
    api: str
    target: str
    situation: str
    said: str


class Losses(msgspec.Struct, frozen=True):
    """What was measured of targets; those that are not available say why."""

    targets: tuple[Target, ...]
    nothing: tuple[Nothing, ...]


def is_loss(spec: Spec) -> bool:
    """Whether a spec is of one of the families of losses."""
    return spec.family.startswith("losses_")


def elements(binding: Binding, spec: Spec) -> dict[str, tuple[Value, ...]]:
    """The values that an implementation can be asked, of facets and of what all losses share."""
    asked = _asked(binding, spec)
    return {
        parameter.name: _offered(binding, parameter, asked)
        for parameter in spec.parameters
        if parameter.facet or parameter.name in ELEMENTS
    }


def _asked(binding: Binding, spec: Spec) -> list[Case]:
    cases = selection(spec, "standard", ("float32",))
    return [case for case in cases if case.valid and admitted(binding, case)]


def _offered(binding: Binding, parameter: Parameter, asked: Sequence[Case]) -> tuple[Value, ...]:
    """The values of a parameter; where data decide what an implementation means, those that hold in most."""
    name = parameter.name
    possible = [v for v in parameter.values if any(admitted(binding, under(c, {name: v})) for c in asked)]
    rules = [rule for rule in binding.where if {name, "data"} <= _names(rule)]

    def holds(value: Value) -> int:
        given = ({**case.names, name: value, "data": data} for case in asked for data in case.spec.data)
        return sum(bool(evaluate(rule, names)) for names in given for rule in rules)

    held = {value: holds(value) for value in possible}
    return tuple(value for value in possible if held[value] == max(held.values()))


def _names(rule: str) -> set[str]:
    return {node.id for node in ast.walk(parse(rule)) if isinstance(node, ast.Name)}


# --- where nothing counts ---


def _without_samples(case: Case) -> tuple[Case, Inputs] | None:
    empty = dataclasses.replace(case, size=(0, *case.size[1:]))
    return empty, empty.inputs()


def _all_ignored(case: Case) -> tuple[Case, Inputs] | None:
    label = case.arguments.get("ignored")
    if label is None or "labels" not in case.inputs():
        return None
    return case, _filled(case, "labels", label)


def _all_masked(case: Case) -> tuple[Case, Inputs] | None:
    return (case, _filled(case, "mask", False)) if "mask" in case.inputs() else None


def _no_weight(case: Case) -> tuple[Case, Inputs] | None:
    given = case.inputs()
    return (case, _filled(case, "sample_weights", 0)) if "sample_weights" in given else None


SITUATIONS: dict[str, Callable[[Case], tuple[Case, Inputs] | None]] = {
    "no samples": _without_samples,
    "all ignored": _all_ignored,
    "all masked": _all_masked,
    "all weights 0": _no_weight,
}
"""Where nothing counts: the question that a case becomes, or None where it cannot come to that."""


def _filled(case: Case, name: str, value: Any) -> Inputs:
    given = case.inputs()
    return given | {name: np.full_like(given[name], value)}


def losses(
    specs: Sequence[Spec],
    workers: Sequence[WorkerSettings],
    advance: Callable[[str], None] = lambda target: None,
) -> Losses:
    """Ask every implementation of the specs what it gives where nothing counts.

    Args:
        specs: losses.
        workers: a worker for each target.
        advance: called with a target for each implementation that is done.
    """
    targets, found = list[Target](), list[Nothing]()
    for settings in workers:
        worker = Worker(settings)
        try:
            target = target_facts(settings, worker.start())
        except Unstarted as error:
            targets.append(target_facts(settings, {}, str(error)))
            continue
        targets.append(target)
        try:
            for spec in specs:
                for binding in implementations(spec, [settings.family]):
                    found += where_nothing_counts(worker, binding, spec, target)
                    advance(settings.target)
        finally:
            worker.stop()
    return Losses(tuple(targets), tuple(found))


def where_nothing_counts(worker: Worker, binding: Binding, spec: Spec, target: Target) -> Iterator[Nothing]:
    """What an implementation gives in each situation that it can be asked."""
    cases = _asked(binding, spec)
    for situation, make in SITUATIONS.items():
        questions = (made for case in sorted(cases, key=_divides) if (made := make(case)))
        if question := next(questions, None):
            said = [_said(worker, binding, *question) for _ in range(TIMES)]
            yield Nothing(spec.name, binding.api, target.name, situation, settled(situation, said))


def settled(situation: str, said: Sequence[str]) -> str:
    """What was said each time; a loss of no samples that is a number, but for 0, was never written."""
    if len(set(said)) > 1 or (situation == "no samples" and _is_number(said[0])):
        return UNSET
    return said[0]


def _is_number(said: str) -> bool:
    """Whether something is a finite number that is not 0."""
    try:
        return float(said) not in (0.0, math.inf, -math.inf) and said != "NaN"
    except ValueError:
        return False


def _divides(case: Case) -> tuple[bool, bool, int]:
    """Means first, of classes without weights, and small ones before others."""
    given = case.arguments
    return given.get("reduction", "mean") not in MEANS, bool(given.get("weighted")), sum(case.size)


def _said(worker: Worker, binding: Binding, case: Case, inputs: Inputs) -> str:
    """What the first output is, in a word."""
    given = {one.name: inputs.get(one.name) for one in case.spec.inputs}
    sent = {
        "binding": binding.key,
        "unsaid": "",
        "parameters": case.arguments,
        "seed": None,
        "inputs": {name: None if array is None else encode(array) for name, array in given.items()},
        "wrt": (),
        "cotangents": None,
        "repeat": False,
    }
    try:
        reply = worker.ask(sent)
    except (Crashed, Hung) as error:
        return f"ends the process: {error}"
    if not reply.get("outputs"):
        return "raises"
    return _word(decode(*reply["outputs"][0]))


def _word(found: np.ndarray[Any, Any]) -> str:
    if not found.size:
        return "empty"
    values = {"NaN" if math.isnan(v) else f"{v:g}".replace("inf", "∞") for v in found.reshape(-1).tolist()}
    return values.pop() if len(values) == 1 else "some " + ", some ".join(sorted(values)[:2])
