"""Which lengths fail: all but multiples of a tile, from one on, one alone.

A single array shows where it is wrong; only several sizes show at which it is. A rule is told only where it
holds of every size that was asked, of those that pass and of those that fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .patterns import TILES
from .probes import Probe

__all__ = ["failing_lengths"]

ENOUGH = 4
"""Sizes below which a rule would be an accident."""


def failing_lengths(probe: Probe, outcomes: Iterable[tuple[Probe, bool]]) -> tuple[str, ...]:
    """The rule of each axis along which some lengths fail and others pass, other things being equal.

    Args:
        probe: a probe that failed.
        outcomes: every probe that was asked for the same check, and whether it failed.
    """
    alike = [
        (other.case, failed) for other, failed in outcomes if other.ordinary and _same_question(other, probe)
    ]
    found = []
    for axis, name in enumerate(probe.case.spec.axis_names):
        fates = {case.size[axis]: failed for case, failed in alike if _differs_in(case.size, probe, axis)}
        rule = _rule(fates) if len(fates) >= ENOUGH else ""
        if rule:
            found.append(f"along {name} {rule}")
    return tuple(found)


def _same_question(other: Probe, probe: Probe) -> bool:
    one, two = other.case, probe.case
    return (one.parameters, one.dtype, one.data) == (two.parameters, two.dtype, two.data)


def _differs_in(size: tuple[int, ...], probe: Probe, axis: int) -> bool:
    """Whether a size is that of the probe, but for one axis."""
    own = probe.case.size
    return (*size[:axis], *size[axis + 1 :]) == (*own[:axis], *own[axis + 1 :])


def _rule(fates: Mapping[int, bool]) -> str:
    """What tells the lengths that fail from those that pass; empty where all fare alike."""
    failing = sorted(n for n, failed in fates.items() if failed)
    passing = sorted(n for n, failed in fates.items() if not failed)
    if not failing or not passing:
        return ""
    return next(_rules(failing, passing), f"it fails at {_listed(failing)} and passes at {_listed(passing)}")


def _rules(failing: list[int], passing: list[int]) -> Iterator[str]:
    if failing == [1]:
        yield "only length 1 fails"
    if failing[0] > passing[-1]:
        yield f"every length from {failing[0]} on fails, and all up to {passing[-1]} pass"
    if failing[-1] < passing[0]:
        yield f"every length up to {failing[-1]} fails, and all from {passing[0]} on pass"
    if max(map(_odd_part, passing)) == 1 < min(map(_odd_part, failing)) and len(passing) > 2:
        yield "all lengths fail but powers of two"
    for tile in (*TILES, 4, 2):
        if not any(n % tile == 0 for n in failing) and all(n % tile == 0 for n in passing):
            yield f"all lengths fail but multiples of {tile}"
        if all(n % tile == 0 for n in failing) and not any(n % tile == 0 for n in passing):
            yield f"only multiples of {tile} fail"
        if all(n > tile and n % tile for n in failing) and all(n <= tile or n % tile == 0 for n in passing):
            yield f"only lengths beyond {tile} fail that are no multiples of it"


def _odd_part(length: int) -> int:
    return length // (length & -length)


def _listed(lengths: list[int]) -> str:
    shown = ", ".join(map(str, lengths[:8]))
    return shown if len(lengths) <= 8 else f"{shown} and {len(lengths) - 8} more"
