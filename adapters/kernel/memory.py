"""Memory under watch: arrays between guard zones, in any layout, and memory that is handed out poisoned.

A kernel that writes one element too far, reads one too many or leaves some of its output unwritten mostly
gets away with it, because what lies there happens to be harmless. Here it is not: whatever surrounds an
array, and whatever an output holds before it is written, is a pattern of bytes that no result contains.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["LAYOUTS", "PATTERNS", "Placement", "Slab", "differs", "place", "poisoned_heap", "steps"]

Array = np.ndarray[Any, Any]

PATTERNS = (0xFF, 0x4B)
"""Bytes that surround arrays: the first makes NaN in every floating-point format, the second a finite number
of no sensible size."""

GUARD = 4096
"""Bytes on either side of an array: a vector register or a tile too far still falls among them."""

ALIGNMENT = 64
"""Of the first element, except where a layout is made to break it."""

LAYOUTS = {
    "contiguous": "row-major, aligned to 64 bytes",
    "offset": "row-major, one element past the alignment",
    "strided": "every other element of a larger array",
    "transposed": "column-major",
    "pitched": "rows of a wider array",
    "permuted": "the leading axes in the other order, the last one dense",
    "channels_first": "the last axis before those between: what is permuted to that order is row-major",
    "expanded": "one sample, repeated along the first axis by a stride of 0",
    "broadcast": "one element, repeated along every axis by strides of 0",
}
"""Every way that an array can lie in memory here; the first is the ordinary one. The last two need equal
samples, or equal elements."""

PITCH = 5
"""Elements by which rows of a wider array are further apart: odd, so that they lose their alignment."""


@dataclass(frozen=True)
class Placement:
    """Where the elements of an array lie within a slab; all figures in bytes."""

    shape: tuple[int, ...]
    itemsize: int
    offset: int
    strides: tuple[int, ...]
    nbytes: int
    """Length of the slab."""


def place(shape: tuple[int, ...], itemsize: int, layout: str) -> Placement:
    """Placement of an array of this shape in one of the `LAYOUTS`."""
    strides = tuple(itemsize * step for step in steps(shape, layout))
    extent = sum((max(n, 1) - 1) * step for n, step in zip(shape, strides, strict=True)) + itemsize
    offset = GUARD + (itemsize if layout == "offset" else 0)
    length = offset + extent + GUARD
    return Placement(shape, itemsize, offset, strides, length + -length % ALIGNMENT)


def steps(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """Elements from one index to the next along each axis."""
    order, found, step = _order(len(shape), layout), [0] * len(shape), 2 if layout == "strided" else 1
    for number, axis in enumerate(reversed(order)):
        found[axis] = step
        wider = PITCH if layout == "pitched" and number == 0 else 0
        step *= max(shape[axis], 1) + wider
    if layout == "broadcast":
        return (0,) * len(shape)
    return (0, *found[1:]) if layout == "expanded" and shape else tuple(found)


def _order(rank: int, layout: str) -> list[int]:
    """The axes in the order in which they lie in memory, the outermost first."""
    axes = list(range(rank))
    if layout == "transposed":
        return axes[::-1]
    if layout == "permuted":
        return [*axes[:-1][::-1], *axes[-1:]]
    return [0, rank - 1, *axes[1:-1]] if layout == "channels_first" and rank > 2 else axes


def differs(shape: tuple[int, ...], layout: str) -> bool:
    """Whether a layout differs from the ordinary one at this shape: a column is its own transpose."""
    pairs = zip(shape, steps(shape, "contiguous"), steps(shape, layout), strict=True)
    return layout == "offset" or any(length > 1 and one != other for length, one, other in pairs)


class Slab:
    """Bytes on the host with one array in their midst, everything around it filled with a pattern."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        raw = np.empty(placement.nbytes + ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        self.bytes = raw[start : start + placement.nbytes]

    def view(self, dtype: np.dtype[Any]) -> Array:
        """The array."""
        place = self.placement
        found: Array = np.ndarray(place.shape, dtype, self.bytes.data, place.offset, place.strides)
        return found

    def fill(self, pattern: int, content: Array | None) -> None:
        """Fill everything with the pattern, then the array with ``content`` if there is any."""
        self.bytes[:] = pattern
        if content is not None:
            self.view(content.dtype)[...] = content

    @functools.cached_property
    def inside(self) -> Array:
        """Which bytes belong to the array."""
        mask = np.zeros(self.placement.nbytes, np.bool_)
        shape, strides = (*self.placement.shape, self.placement.itemsize), (*self.placement.strides, 1)
        np.ndarray(shape, np.bool_, mask.data, self.placement.offset, strides)[...] = True
        return mask

    def strayed(self, now: Array, pattern: int) -> int | None:
        """Distance in elements of the first byte ``now`` overwritten around the array; None if there is none.

        Negative before the array's first element, positive after its last one (1 is the very next).
        """
        (places,) = np.nonzero((now != pattern) & ~self.inside)
        if not places.size:
            return None
        first, size = self.placement.offset, self.placement.itemsize
        (own,) = np.nonzero(self.inside)
        last = int(own[-1]) if own.size else first - 1
        before, after = places[places < first], places[places > last]
        if after.size:
            return int(after[0] - last - 1) // size + 1
        return -(int(first - before[-1] - 1) // size + 1) if before.size else 0


@functools.cache
def _mallopt() -> Any:
    """The C library's mallopt, or None where it has no such thing."""
    try:
        return ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return None


M_PERTURB = -6
"""glibc: memory is handed out filled with the complement of this option's byte, unless it is 0."""


@contextlib.contextmanager
def poisoned_heap(pattern: int) -> Iterator[None]:
    """Within it, memory from malloc comes filled: the outputs that a kernel allocates for itself.

    With glibc only; elsewhere nothing happens, and an element left unwritten shows if its memory was used
    before. The complement of 0 would turn filling off, so that the pattern 0xFF becomes 0xFE: NaN in
    float16, near the largest number elsewhere.
    """
    mallopt = _mallopt()
    if mallopt is None:
        yield
        return
    mallopt(M_PERTURB, (pattern ^ 0xFF) or 0x01)
    try:
        yield
    finally:
        mallopt(M_PERTURB, 0)
