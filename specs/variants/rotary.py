"""Faults and controls of rotary position embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numerics.dtypes import DTYPES, nearest
from ...reference.rotary import join_pairs, split_pairs
from ..language.variant import Control, Fault

Array = Any

TWO_PI_IN_FLOAT32 = float(np.float32(2 * np.pi))


@dataclass(frozen=True)
class Turns:
    """How an array is turned."""

    pairing: str
    rotated: int | None
    base: float
    direction: str

    def width(self, x: Array) -> int:
        """How many features are turned."""
        return int(x.shape[-1] if self.rotated is None else self.rotated)

    def frequencies(self, x: Array) -> Array:
        """One for each pair."""
        return self.base ** (-np.arange(0, self.width(x), 2) / self.width(x))

    def by(self, x: Array, first: Array, second: Array) -> Array:
        """The array turned by angles of the first ones of pairs and of the second ones."""
        sign = 1.0 if self.direction == "forward" else -1.0
        a, b = split_pairs(x[..., : self.width(x)], self.pairing)
        one = a * np.cos(first) - sign * b * np.sin(first)
        other = b * np.cos(second) + sign * a * np.sin(second)
        return np.concatenate([join_pairs(one, other, self.pairing), x[..., self.width(x) :]], axis=-1)


def rotary(turn: Callable[[Array, Array, Turns], Array]) -> Callable[..., Array]:
    """A rotary embedding that is ``turn(x, positions, turns)``."""

    def forward(
        x: Array, positions: Array, *, pairing: str, rotated: int | None, base: float, direction: str
    ) -> Array:
        return turn(x, positions, Turns(pairing, rotated, base, direction))

    return forward


def by_frequencies(frequencies: Callable[[Array, Turns], Array]) -> Callable[..., Array]:
    """A rotary embedding with other frequencies."""

    def turn(x: Array, positions: Array, turns: Turns) -> Array:
        angles = positions[..., None, None] * frequencies(x, turns)
        return turns.by(x, angles, angles)

    return rotary(turn)


def with_fast_sines(x: Array, positions: Array, turns: Turns) -> Array:
    """Angles brought to one turn by a 2π of float32."""
    angles = positions[..., None, None] * turns.frequencies(x)
    reduced = angles - np.rint(angles / TWO_PI_IN_FLOAT32) * TWO_PI_IN_FLOAT32
    return turns.by(x, reduced, reduced)


def laid_out_otherwise(x: Array, positions: Array, turns: Turns) -> Array:
    """Pairs as they should be, their angles laid out as those of the other pairing."""
    angles = positions[..., None, None] * turns.frequencies(x)
    other = "half" if turns.pairing == "interleaved" else "interleaved"
    return turns.by(x, *split_pairs(join_pairs(angles, angles, other), turns.pairing))


def last_features(x: Array, positions: Array, turns: Turns) -> Array:
    """The last features turned, and the first left."""
    start = x.shape[-1] - turns.width(x)
    angles = positions[..., None, None] * turns.frequencies(x)
    return np.concatenate([x[..., :start], turns.by(x[..., start:], angles, angles)], axis=-1)


def turned_by_heads(x: Array, positions: Array, turns: Turns) -> Array:
    """The axis of heads taken for that of steps."""
    angles = np.arange(x.shape[2])[:, None] * turns.frequencies(x)
    return turns.by(x, angles, angles)


def rest_left_out(x: Array, result: Array, width: int) -> Array:
    """What is not turned, as zeros."""
    return np.concatenate([result[..., :width], np.zeros_like(x[..., width:])], axis=-1)


def by_rotated_copy(
    x: Array, cosines: Array, sines: Array, *, tables: str, pairing: str, direction: str
) -> Array:
    """``x cos + rotated(x) sin``, the copy with its signs changed and its pairs exchanged."""
    if tables == "pairs":
        cosines, sines = (join_pairs(table, table, pairing) for table in (cosines, sines))
    width = cosines.shape[-1]
    a, b = split_pairs(x[..., :width], pairing)
    copy = join_pairs(-b, a, pairing) * (sines if direction == "forward" else -sines)[:, None]
    return np.concatenate([x[..., :width] * cosines[:, None] + copy, x[..., width:]], axis=-1)


def one_half_of_the_tables(x: Array, cosines: Array, sines: Array, *, pairing: str, direction: str) -> Array:
    """Tables of all features of which those of the first ones of pairs are read for both."""
    first = [split_pairs(table, pairing)[0] for table in (cosines, sines)]
    return by_rotated_copy(x, *first, tables="pairs", pairing=pairing, direction=direction)


def turned_back_forwards(
    x: Array, cosines: Array, sines: Array, cotangent: Array, *, tables: str, pairing: str, direction: str
) -> tuple[Array]:
    """Turned back by the forward formula with other signs, which is the transpose where a pair shares one."""
    other = "transposed" if direction == "forward" else "forward"
    return (by_rotated_copy(cotangent, cosines, sines, tables=tables, pairing=pairing, direction=other),)


FAR = "data == 'long_context'"

FAULTS = {
    "rotary_embedding": (
        Fault(
            name="positions in bfloat16",
            inputs={"positions": lambda given: nearest(given.astype(float), DTYPES["bfloat16"]).astype(int)},
            where=FAR,
            spoils="both",
        ),
        Fault(name="2π of float32", reference=rotary(with_fast_sines), where=FAR),
        Fault(
            name="frequencies in bfloat16",
            reference=by_frequencies(lambda x, turns: nearest(turns.frequencies(x), DTYPES["bfloat16"])),
            where=FAR,
        ),
        Fault(
            name="exponents of all features",
            reference=by_frequencies(lambda x, turns: turns.frequencies(x) ** (turns.width(x) / x.shape[-1])),
            where="rotated is not None and rotated < features",
        ),
        Fault(
            name="exponents i / R", reference=by_frequencies(lambda x, turns: np.sqrt(turns.frequencies(x)))
        ),
        Fault(name="angles laid out for the other pairing", reference=rotary(laid_out_otherwise)),
        Fault(
            name="the last features turned",
            reference=rotary(last_features),
            where="rotated is not None and rotated < features",
        ),
        Fault(
            name="the axis of heads for that of steps", reference=rotary(turned_by_heads), where="heads > 1"
        ),
        Fault(
            name="what is not turned left out",
            results={"y": lambda x, result, rotated: rest_left_out(x, result, rotated)},
            where="rotated is not None and rotated < features",
        ),
        Fault(
            name="no gradient of what is not turned",
            gradients={"x": lambda x, gradient, rotated: rest_left_out(x, gradient, rotated)},
            where="rotated is not None and rotated < features",
        ),
    ),
    "apply_rotary_embedding": (
        Fault(
            name="one half of the tables for both of a pair",
            reference=one_half_of_the_tables,
            where="tables == 'features'",
        ),
        Fault(
            name="turned back as if a pair shared its angle",
            vjp=turned_back_forwards,
            where="tables == 'features'",
        ),
    ),
}

CONTROLS = {
    "apply_rotary_embedding": (
        Control(name="the array and a copy with its pairs exchanged", reference=by_rotated_copy),
    ),
}
