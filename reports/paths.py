"""The matrix turned: a layer's row over the paths of each framework, and which of them part.

The same case of the same implementation has one verdict by each path. A path parts where its verdict is
another than most of them have; what it does not support, or refuses to run, is no verdict.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..harness.record import FAILING, Target, Verdict
from .overview import Overview

__all__ = ["Ways", "ways"]


@dataclass(frozen=True)
class Ways:
    """The paths of one framework on one device.

    Args:
        name: the framework, with its backend, and the device.
        paths: their names.
        asked: the specs of which several paths gave verdicts.
        parting: by spec and path, how many verdicts of which outcome are others than most paths have.
    """

    name: str
    paths: tuple[str, ...]
    asked: frozenset[str]
    parting: Mapping[str, Mapping[str, Counter[str]]]


def ways(overview: Overview) -> Iterator[Ways]:
    """Each framework on a device that was asked by several paths."""
    groups: defaultdict[str, list[Target]] = defaultdict(list)
    for target in overview.targets:
        if target.available:
            groups[f"{target.framework}/{target.device}"].append(target)
    for name, targets in groups.items():
        if len(targets) > 1:
            yield _of(name, {target.name: target.mode for target in targets}, overview)


def _of(name: str, modes: Mapping[str, str], overview: Overview) -> Ways:
    asked: defaultdict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in overview.record.verdicts:
        if verdict.target in modes and verdict.outcome != "unsupported" and verdict.check != "mode":
            asked[verdict.case, verdict.implementation].append(verdict)
    several = [verdicts for verdicts in asked.values() if len(verdicts) > 1]
    parting: defaultdict[str, defaultdict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for verdicts in several:
        (usual, _), *_ = Counter(map(_kind, verdicts)).most_common(1)
        for verdict in verdicts:
            if _kind(verdict) != usual:
                parting[verdict.spec][modes[verdict.target]][verdict.outcome] += 1
    return Ways(name, tuple(modes.values()), frozenset(v.spec for of_one in several for v in of_one), parting)


def _kind(verdict: Verdict) -> str:
    """What the paths are compared by: how a verdict fails, if it does."""
    return verdict.outcome if verdict.outcome in FAILING else ""
