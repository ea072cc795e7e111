"""How long a size would take, by what shorter ones took: an interpreter is slow, and so is a long recurrence.

What costs more than it is worth is left out, and said; whoever names a size has it asked.
"""

from __future__ import annotations

from .probes import Probe

__all__ = ["Pace"]

CALL = {"sizes": 1.0, "tails": 0.5}
"""Seconds of a processor that a call of the kernel may take, by what a probe is asked for."""

REFERENCE = {"sizes": 3.0, "tails": 0.5}
"""The same for the reference."""

TELLING = 16
"""Length from which on a pace can be told: the first calls compile."""

Times = tuple[int, float, float]
"""A length, and the seconds of the kernel and of the reference."""


class Pace:
    """Keeps what the longest array along each axis took: rows may cost more than elements do."""

    def __init__(self) -> None:
        self._longest: dict[int, Times] = {}

    def took(self, probe: Probe, call: float, reference: float) -> None:
        """Keep what a probe took."""
        axis, length = _longest(probe)
        if length >= TELLING and length >= self._longest.get(axis, (1, 0.0, 0.0))[0]:
            self._longest[axis] = length, call, reference

    def too_slow(self, probe: Probe) -> bool:
        """Whether a probe would take longer than it is worth."""
        if probe.aim not in REFERENCE:
            return False
        axis, length = _longest(probe)
        if length <= 2 * TELLING:
            return False
        known, call, reference = self._longest.get(axis, (1, 0.0, 0.0))
        factor = max(length / known, 1.0)
        return call * factor > CALL[probe.aim] or reference * factor > REFERENCE[probe.aim]


def _longest(probe: Probe) -> tuple[int, int]:
    """The longest axis and its length."""
    length = max(probe.case.size)
    return probe.case.size.index(length), length
