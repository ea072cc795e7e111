"""Pairs: every data set beside every option, and every option beside every other.

A mask may be lost only where a diagonal is asked for as well, and the last lane of a tile may matter only to
data whose last element decides. Few cases hold all pairs: each begins with a pair that is left and takes in
what else fits beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from ...specs.language.case import Case
from ...specs.language.spec import Value
from .sizes import Admitted

__all__ = ["paired"]

Change = tuple[str, Value]
Pair = frozenset[Change]

TRIED = 12
"""Further pairs that are tried beside the first of a case."""


def paired(
    base: Case, data: Sequence[str], sizes: Sequence[tuple[int, ...]], admitted: Admitted
) -> Iterator[Case]:
    """Cases that hold every admitted pair of options, and of an option and a data set.

    Options are paired on the case's own data, where each is seen best. What pairs with data meets the
    ``sizes`` in turn, so that these meet more than ordinary data.
    """
    options = [(p.name, value) for p in base.spec.parameters for value in p.values]
    changed = [change for change in options if change not in base.parameters]
    both = [frozenset((a, b)) for n, a in enumerate(changed) for b in changed[n + 1 :] if a[0] != b[0]]
    yield from _covering(base, both, admitted)
    beside = [frozenset((("data", name), change)) for name in data if name != base.data for change in changed]
    alone = [frozenset((("data", name),)) for name in data if name != base.data]
    for number, case in enumerate(_covering(base, [*beside, *alone], admitted)):
        other = dataclasses.replace(case, size=sizes[number % len(sizes)]) if sizes else case
        yield other if admitted(other) else case


def _covering(base: Case, wanted: Iterable[Pair], admitted: Admitted) -> list[Case]:
    """Few cases in which each pair occurs that is admitted somewhere."""
    left, found = dict.fromkeys(wanted), []
    while left:
        first = next(iter(left))
        del left[first]
        started = _started(base, first, admitted)
        if started is None:
            continue
        changes, case = started
        for other in list(left)[:TRIED]:
            joined = changes | other
            if len(dict(joined)) == len(joined) and admitted(_with(base, joined)):
                changes, case = joined, _with(base, joined)
        for pair in [pair for pair in left if pair <= changes]:
            del left[pair]
        found.append(case)
    return found


def _started(base: Case, pair: Pair, admitted: Admitted) -> tuple[Pair, Case] | None:
    """A pair as a case; some are admitted beside a third change only: an empty row needs a mask."""
    if admitted(_with(base, pair)):
        return pair, _with(base, pair)
    taken = dict(pair)
    for parameter in base.spec.parameters:
        for value in parameter.values if parameter.name not in taken else ():
            more = pair | {(parameter.name, value)}
            if admitted(_with(base, more)):
                return more, _with(base, more)
    return None


def _with(base: Case, changes: Iterable[Change]) -> Case:
    named = dict(changes)
    data = str(named.pop("data", base.data))
    parameters = tuple((name, named.get(name, value)) for name, value in base.parameters)
    return dataclasses.replace(base, data=data, parameters=parameters)
