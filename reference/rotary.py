"""Rotary position embeddings: pairs of features, turned by an angle that grows with the position.

A pair ``(a, b)`` becomes ``(a cos φ - b sin φ, a sin φ + b cos φ)``. What is paired with what, and which way
pairs turn, is where implementations part.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..numerics.apart import computed_apart
from .checks import Array, require, require_rank, require_shape

__all__ = [
    "apply_rotary_embedding",
    "apply_rotary_embedding_vjp",
    "join_pairs",
    "rotary_embedding",
    "rotary_embedding_vjp",
    "split_pairs",
]

PAIRINGS = ("half", "interleaved")
DIRECTIONS = ("forward", "transposed")
TABLES = ("pairs", "features")

Pair = tuple[Array, Array]
"""What the first ones of pairs have, and what the second ones have."""


def rotary_embedding(
    x: Array,
    positions: Array,
    *,
    pairing: str = "half",
    rotated: int | None = None,
    base: float = 1e4,
    direction: str = "forward",
) -> Array:
    """Rotary position embedding, of angles computed from positions.

    ``(a, b)ᵢ → (a cos φᵢ - b sin φᵢ, a sin φᵢ + b cos φᵢ)`` with ``φᵢ = p base^(-2 i / R)``, where ``p`` is
    the position and i counts the pairs of the first R features

    The angle is known as well as float32 knows it, or float64 beside data of that type, whatever the data:
    the first pair turns by p itself, exactly; of the others an error in the frequency counts p times.

    Args:
        x: ``(batch, steps, heads, features)``: queries or keys, or the heads of both.
        positions: ``(batch, steps)``, whole numbers.
        pairing: ``half``, features i and ``i + R / 2``; or ``interleaved``, features ``2 i`` and ``2 i + 1``.
        rotated: R, how many features are turned; the rest stays. None for all.
        base: above 0.
        direction: ``forward``; or ``transposed``, by ``-φ``.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: R is odd or above the number of features, positions do not fit, or a word is unknown.

    Source: Su et al. (2021), RoFormer, arXiv:2104.09864, section 3.2.2.
    """
    _require(x, pairing, direction)
    require_shape("positions", positions, x.shape[:2], "batch, steps")
    require(base > 0, f"base must be above 0; got {base}")
    cosines, sines = _computed(x, positions, _width(x, rotated), base)
    return _turned(x, (cosines, cosines), _signed(sines, sines, direction), pairing)


def rotary_embedding_vjp(
    x: Array,
    positions: Array,
    cotangent: Array,
    *,
    pairing: str = "half",
    rotated: int | None = None,
    base: float = 1e4,
    direction: str = "forward",
) -> tuple[Array]:
    """Gradient of `rotary_embedding`: the cotangent turned back."""
    cosines, sines = _computed(x, positions, _width(x, rotated), base)
    return (_turned_back(cotangent, (cosines, cosines), _signed(sines, sines, direction), pairing),)


def apply_rotary_embedding(
    x: Array,
    cosines: Array,
    sines: Array,
    *,
    tables: str = "pairs",
    pairing: str = "half",
    direction: str = "forward",
) -> Array:
    """Rotary position embedding, of tables of cosines and sines.

    ``y_j = x_j cos_j - x_k sin_j`` and ``y_k = x_k cos_k + x_j sin_k``, where j comes first in its pair and k
    second

    Args:
        x: ``(batch, steps, heads, features)``.
        cosines: ``(steps, R / 2)``, or ``(steps, R)``; the features from R on stay.
        sines: the shape of ``cosines``.
        tables: whether they hold a number for each of ``pairs``, or for each of the ``features`` turned.
        pairing: ``half``, features i and ``i + R / 2``; or ``interleaved``, features ``2 i`` and ``2 i + 1``.
        direction: ``forward``; or ``transposed``, with the signs of sines changed.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: tables do not fit each other, the steps or the features, or a word is unknown.

    Source: Su et al. (2021), RoFormer, arXiv:2104.09864, equation 34.
    """
    _require(x, pairing, direction)
    require(tables in TABLES, f"tables must be {' or '.join(TABLES)}; got {tables!r}")
    require_rank("cosines", cosines, 2, "steps, rotated")
    require_shape("sines", sines, cosines.shape, "those of cosines")
    require(len(cosines) == x.shape[1], f"cosines must have {x.shape[1]} steps; got {len(cosines)}")
    _width(x, cosines.shape[1] * (2 if tables == "pairs" else 1))
    first, second = _of_pairs(sines, tables, pairing)
    return _turned(x, _of_pairs(cosines, tables, pairing), _signed(first, second, direction), pairing)


def apply_rotary_embedding_vjp(
    x: Array,
    cosines: Array,
    sines: Array,
    cotangent: Array,
    *,
    tables: str = "pairs",
    pairing: str = "half",
    direction: str = "forward",
) -> tuple[Array]:
    """Gradient of `apply_rotary_embedding` in x, by its transpose; tables are constants."""
    first, second = _of_pairs(sines, tables, pairing)
    signed = _signed(first, second, direction)
    return (_turned_back(cotangent, _of_pairs(cosines, tables, pairing), signed, pairing),)


# --- pairs ---


def split_pairs(x: Array, pairing: str) -> Pair:
    """The first ones of all pairs, and the second ones."""
    if pairing == "interleaved":
        return x[..., 0::2], x[..., 1::2]
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]


def join_pairs(first: Array, second: Array, pairing: str) -> Array:
    """What `split_pairs` has split."""
    if pairing == "half":
        return np.concatenate([first, second], axis=-1)
    both = np.stack([first, second], axis=-1)
    return np.reshape(both, (*first.shape[:-1], 2 * first.shape[-1]))


def _turned(x: Array, cosines: Pair, sines: Pair, pairing: str) -> Array:
    width = 2 * cosines[0].shape[-1]
    a, b = split_pairs(x[..., :width], pairing)
    turned = join_pairs(a * cosines[0] - b * sines[0], b * cosines[1] + a * sines[1], pairing)
    return np.concatenate([turned, x[..., width:]], axis=-1)


def _turned_back(cotangent: Array, cosines: Pair, sines: Pair, pairing: str) -> Array:
    width = 2 * cosines[0].shape[-1]
    g, h = split_pairs(cotangent[..., :width], pairing)
    back = join_pairs(g * cosines[0] + h * sines[1], h * cosines[1] - g * sines[0], pairing)
    return np.concatenate([back, cotangent[..., width:]], axis=-1)


# --- tables ---


def _computed(x: Array, positions: Array, width: int, base: float) -> Pair:
    """Cosines and sines of each pair, at each place, for all heads."""
    cosines, sines = computed_apart(
        x, functools.partial(_of_angles, width=width, base=base), positions, np.arange(0, width, 2)
    )
    return cosines, sines


def _of_angles(positions: Array, twice: Array, *, width: int, base: float) -> Pair:
    frequencies = np.exp(twice / float(width) * -math.log(base))
    angles = positions[..., np.newaxis, np.newaxis] * frequencies
    return np.cos(angles), np.sin(angles)


def _of_pairs(table: Array, tables: str, pairing: str) -> Pair:
    """A table of steps, for all heads."""
    wide = table[:, np.newaxis]
    return (wide, wide) if tables == "pairs" else split_pairs(wide, pairing)


def _signed(first: Array, second: Array, direction: str) -> Pair:
    return (first, second) if direction == "forward" else (-first, -second)


def _width(x: Array, rotated: int | None) -> int:
    """How many features are turned."""
    features = x.shape[-1]
    width = features if rotated is None else rotated
    fits = width % 2 == 0 and 0 <= width <= features
    require(fits, f"an even number of the {features} features can be turned; got {width}")
    return width


def _require(x: Array, pairing: str, direction: str) -> None:
    require_rank("x", x, 4, "batch, steps, heads, features")
    require(pairing in PAIRINGS, f"pairing must be {' or '.join(PAIRINGS)}; got {pairing!r}")
    require(direction in DIRECTIONS, f"direction must be {' or '.join(DIRECTIONS)}; got {direction!r}")
