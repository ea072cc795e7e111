"""Lengths that a kernel is asked: around tiles, equal, single, and a few that are long.

Sizes have regimes. A kernel that is right at 17 columns may have one block of 1024, count rows in 16 bits, or
lose the last of its row blocks; each regime is asked once, with the other axes short.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator

from ...specs.language.case import Case

__all__ = [
    "COMPILED",
    "LARGEST",
    "SEAMS",
    "Admitted",
    "elements",
    "equal",
    "long",
    "shortened",
    "tails",
    "together",
]

SEAMS = {
    "smoke": (15, 17, 33, 65, 129),
    "sweep": (1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257),
}
"""Lengths around the ends of tiles and vectors that every axis is given in turn."""

COMPILED = (1, 16, 33, 65, 129)
"""The same where every size is compiled anew: all axes at once, each at every one of these lengths."""

LONG = (1025, 4099)
"""Lengths past a block of 1024, and of sums that a half type cannot hold."""

WRAPS = 2**16 + 1
"""A length at which an index of 16 bits begins anew."""

LARGEST = 2**18
"""Elements beyond which an input is no size for a quick look, unless a user names it."""

MANY = 2**15
"""Elements beyond which a size of a user's own is asked ordinary data; the rest is asked at shorter axes."""

FEW = 2**13
"""Elements of such shorter axes at most."""

STEPWISE = (
    "recurrent",
    "recurrent_sequences",
    "recurrent_stacked",
    "lstm_variants",
    "masking",
    "losses_sequence",
)
"""Families that go along an axis step by step, where the bound of an error grows with every step."""

EACH_WITH_EACH = ("pdist", "ntxent", "circle")
"""Specs that compare every sample with every other: what they need grows with the square of the batch."""

STEPS = ("steps", "time")
"""What that axis is called."""

FURTHEST = 33
"""How far they are asked to go."""

NEAR = 6
"""Lengths that are tried from a long one on: groups divide only some."""

Admitted = Callable[[Case], bool]
"""Whether a case is in scope of its spec and of the kernel, and small enough."""


def elements(case: Case) -> int:
    """Elements of the largest input."""
    return max((math.prod(case.names[given.name]) for given in case.given), default=0)


def resized(case: Case, axis: int, length: int) -> Case:
    """The case with another length of one axis."""
    size = (*case.size[:axis], length, *case.size[axis + 1 :])
    return dataclasses.replace(case, size=size)


def furthest(case: Case, axis: int) -> int:
    """How long an axis may be."""
    name = case.spec.axis_names[axis]
    stepwise = case.spec.family in STEPWISE and name in STEPS
    paired = case.spec.name in EACH_WITH_EACH and name == "batch"
    return FURTHEST if stepwise or paired else LARGEST


def tails(base: Case, lengths: Iterable[int], admitted: Admitted) -> Iterator[Case]:
    """The case with one axis after the other at each length, as far as the spec admits it."""
    for axis in range(len(base.size)):
        for length in sorted(set(lengths)):
            case = resized(base, axis, length)
            if 0 < length <= furthest(base, axis) and admitted(case):
                yield case


def together(base: Case, lengths: Iterable[int], admitted: Admitted) -> Iterator[Case]:
    """The case with all axes at seams at once, each axis at every length once: where each size is compiled.

    Where a size is not admitted, its longest axes stay as they are in the case.
    """
    every = sorted(set(lengths))
    for step in range(len(every)):
        size = [every[(step + 5 * axis) % len(every)] for axis in range(len(base.size))]
        for axis in (None, *sorted(range(len(size)), key=lambda axis: -size[axis])):
            if axis is not None:
                size[axis] = base.size[axis]
            case = dataclasses.replace(base, size=tuple(size))
            if min(size) > 0 and case.size != base.size and admitted(case):
                yield case
                break


def equal(base: Case, admitted: Admitted) -> Iterator[Case]:
    """The case with axes of one length, which a kernel may take for one another."""
    for length in (4, 6, 5, 3, 2):
        case = dataclasses.replace(base, size=(length,) * len(base.size))
        if len(base.size) > 1 and admitted(case):
            yield case
            return


def long(base: Case, admitted: Admitted, halves: bool) -> Iterator[Case]:
    """The case with one axis long and the others short; in a half type the sums are longer still.

    The first axis is also asked beyond 16 bits, and so is one that counts rows of a table.
    """
    limits = {given.limit for given in base.spec.inputs if given.kind == "index"}
    for axis, name in enumerate(base.spec.axis_names):
        lengths = LONG if halves else LONG[:1]
        lengths = (*lengths, WRAPS) if axis == 0 or name in limits else lengths
        for length in (n for n in lengths if n <= furthest(base, axis)):
            near = (_beside_short(base, axis, length + more, admitted) for more in range(NEAR))
            found = next(filter(None, near), None)
            if found is not None:
                yield found


def _beside_short(base: Case, axis: int, length: int, admitted: Admitted) -> Case | None:
    """The case with one long axis beside the longest of a few short ones that are admitted.

    Where little fits, one axis at the other end keeps a few places: rows of a single value say nothing.
    """
    count, end = len(base.size), 0 if axis == len(base.size) - 1 else len(base.size) - 1
    ends = [tuple(n if other == end else 1 for other in range(count)) for n in (3, 2)]
    for others in (*((n,) * count for n in (3, 2)), *ends, base.size):
        short = tuple(min(n, own) for n, own in zip(others, base.size, strict=True))
        case = resized(dataclasses.replace(base, size=short), axis, length)
        if admitted(case):
            return case
    return None


def shortened(case: Case) -> Case:
    """The case; where it is large, its longest axis halved, odd if odd, until it is small."""
    if elements(case) <= MANY:
        return case
    while elements(case) > FEW and max(case.size) > 2:
        axis = case.size.index(max(case.size))
        case = resized(case, axis, (case.size[axis] + 1) // 2)
    return case
