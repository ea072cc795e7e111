"""A counter-based random generator with the same bits on every machine, in every version.

Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a
128-bit counter and a 64-bit key into 128 bits.  NumPy promises no stable stream for its own generators, and
a case must be rebuilt bit for bit from its id alone.  All that follows is integer arithmetic, or one IEEE
operation that every machine rounds alike.
"""

import hashlib
import math

import numpy as np
import numpy.typing as npt

from .dtypes import Array

Words = npt.NDArray[np.uint64]
Shape = tuple[int, ...]

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)

_TOGETHER = 2**13
"""Counters that are turned at a time: few enough for a processor to keep them near."""


def philox4x32(counter: Words, key: tuple[int, int]) -> Words:
    """Philox4x32-10 of many counters under one key.

    Args:
        counter: ``(4, n)``, 32-bit words held in 64 bits so that products keep their high halves.
        key: two 32-bit words.

    Returns:
        ``(4, n)``, 32-bit words.
    """
    c0, c1, c2, c3 = counter
    for i in range(_ROUNDS):
        k0, k1 = (np.uint64((k + i * w) & 0xFFFFFFFF) for k, w in zip(key, _WEYL, strict=True))
        first, second = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (second >> _HALF) ^ c1 ^ k0,
            second & _LOW,
            (first >> _HALF) ^ c3 ^ k1,
            first & _LOW,
        )
    return np.stack([c0, c1, c2, c3])


class Stream:
    """Random numbers named by a string: two streams of one key are equal, of two keys independent.

    Each draw continues where the last one ended.  What is drawn from a ``child`` does not move its parent, so
    data stay the same when a sibling is added.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        digest = np.frombuffer(hashlib.blake2b(key.encode(), digest_size=16).digest(), dtype="<u4")
        self._key = (int(digest[0]), int(digest[1]))
        self._nonce = (int(digest[2]), int(digest[3]))
        self._block = 0

    def child(self, name: str) -> "Stream":
        """An independent stream of this one's key and a name."""
        return Stream(f"{self.key}/{name}")

    def bits(self, shape: Shape) -> npt.NDArray[np.uint32]:
        """Uniform 32-bit words."""
        count = math.prod(shape)
        blocks = -(-count // 4)
        words = np.empty((blocks, 4), dtype=np.uint32)
        for first in range(0, blocks, _TOGETHER):
            position = np.arange(first, min(first + _TOGETHER, blocks), dtype=np.uint64)
            words[first : first + _TOGETHER] = self._words(position + np.uint64(self._block)).T
        self._block += blocks
        return words.reshape(-1)[:count].reshape(shape)

    def _words(self, position: Words) -> Words:
        """The words of blocks at these positions."""
        nonce = [np.full(position.shape, word, dtype=np.uint64) for word in self._nonce]
        return philox4x32(np.stack([position & _LOW, position >> _HALF, *nonce]), self._key)

    def uniform(self, shape: Shape) -> Array:
        """Uniform in the open interval (0, 1): odd multiples of 2**-33."""
        return np.asarray(np.ldexp(2.0 * self.bits(shape) + 1.0, -33))

    def normal(self, shape: Shape) -> Array:
        """Mean 0, variance 1 (less than 2**-64 apart), between -6 and 6, symmetric, and nearly normal.

        The sum of 12 uniforms less 6 (Irwin-Hall), added as integers: an odd multiple of 2**-54, which is
        rounded once.  Box-Muller and the like go through log and cos, whose last bits no two libraries share.
        """
        words = self.bits((13, *shape))
        # Twelve 32-bit uniforms, taken at the middle of their cells; the last word refines one of them.
        coarse = np.sum(words[:12], axis=0, dtype=np.int64) - 6 * (2**32 - 1)
        fine = words[12].astype(np.int64) >> 11
        # One cell of 2**-32 is 2**21 fine ones of which `fine` counts, again from the middle.
        cells = 2 * (coarse * 2**21 + fine) - (2**21 - 1)
        return np.asarray(np.ldexp(np.asarray(cells, dtype=np.float64), -54))

    def integers(self, low: int, high: int, shape: Shape) -> npt.NDArray[np.int64]:
        """Integers from ``low`` up to ``high``, which is left out; probabilities are even within 2**-32.

        Raises:
            ValueError: there is no integer between, or more than 2**32.
        """
        if not 0 < high - low <= 2**32:
            raise ValueError(f"low is {low} and high is {high}, but high - low must be from 1 to 2**32")
        scaled = (self.bits(shape).astype(np.uint64) * np.uint64(high - low)) >> _HALF
        return np.asarray(scaled.astype(np.int64) + low)

    def signs(self, shape: Shape) -> Array:
        """-1 and 1 with even odds."""
        return np.asarray(2.0 * self.integers(0, 2, shape) - 1.0, dtype=np.float64)

    def permutation(self, n: int) -> npt.NDArray[np.int64]:
        """The numbers below ``n`` in random order."""
        return np.asarray(np.argsort(self.bits((n,)), kind="stable"), dtype=np.int64)
