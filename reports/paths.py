"""The matrix turned: a layer's row over the paths of each framework, and which of them part.

The same case of the same implementation has one verdict by each path. A path parts where its verdict is
another than most of them have; what it does not support, or refuses to run, is no verdict.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..harness.record import FAILING, Target, Verdict
from .overview import WORST_FIRST, Overview

__all__ = ["Parting", "Ways", "ways"]


@dataclass(frozen=True)
class Parting:
    """Verdicts of a spec by one path that are others than most paths have."""

    verdicts: tuple[Verdict, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many there are of each outcome."""
        return Counter(verdict.outcome for verdict in self.verdicts)

    @property
    def worst(self) -> Verdict:
        """The first with the worst outcome."""
        return min(self.verdicts, key=lambda verdict: WORST_FIRST.index(verdict.outcome))


@dataclass(frozen=True)
class Ways:
    """The paths of one framework on one device.

    Args:
        name: the framework, with its backend, and the device.
        paths: their names.
        asked: the specs of which several paths gave verdicts.
        parting: by spec, the paths that part.
    """

    name: str
    paths: tuple[str, ...]
    asked: frozenset[str]
    parting: Mapping[str, Mapping[str, Parting]]


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
    parting: defaultdict[str, defaultdict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
    for verdicts in several:
        usual = _usual(verdicts)
        for verdict in verdicts:
            if _kind(verdict) != _kind(usual) and not _asked_less(verdict, usual):
                parting[verdict.spec][modes[verdict.target]].append(verdict)
    specs = frozenset(verdict.spec for verdicts in several for verdict in verdicts)
    found = {
        spec: {path: Parting(tuple(verdicts)) for path, verdicts in paths.items()}
        for spec, paths in parting.items()
    }
    return Ways(name, tuple(modes.values()), specs, found)


def _kind(verdict: Verdict) -> str:
    """What the paths are compared by: how a verdict fails, if it does."""
    return verdict.outcome if verdict.outcome in FAILING else ""


def _usual(verdicts: Sequence[Verdict]) -> Verdict:
    """A verdict of the kind that most paths have."""
    (usual, _), *_ = Counter(map(_kind, verdicts)).most_common(1)
    return next(verdict for verdict in verdicts if _kind(verdict) == usual)


def _asked_less(verdict: Verdict, usual: Verdict) -> bool:
    """Whether it passes because its path has no gradients, by which the others fail."""
    told = any(margin.array.startswith("gradient of") for margin in verdict.margins)
    return verdict.outcome not in FAILING and usual.check == "gradients" and not told
