"""Arithmetic as implementations do it, simulated: every primitive rounds, and sums add in a given order.

``Simulated`` is a NumPy duck array. A reference written for float64 arrays, run on it unchanged, gives what a
correct implementation computes in some arithmetic::

    x = simulate(np.float32([1, 2, 3]), Arithmetic(dtype("float32"), order="pairwise"))
    np.exp(x) / np.sum(np.exp(x))

It shares no rule with ``carried``: what carried error explains is put to the test by what is computed here.
Primitives are computed in float64 and rounded to the working format. float64 itself is simulated in the order
of its sums only.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from scipy import special

from ._functions import STRUCTURAL
from ._ufuncs import LIBRARY_ULPS, ONE_AT_ZERO, library_ulps
from .dtypes import Array, DType, nearest, nearest_quietly, round_to, widen
from .generator import Stream

__all__ = ["ORDERS", "Arithmetic", "Simulated", "simulate", "to_precision"]


@dataclass(frozen=True)
class Arithmetic:
    """Where an implementation rounds, and in which order it adds.

    Attributes:
        working: the format that each primitive's result is rounded to.
        accumulator: the format of partial sums; the working one if None.
        order: how sums run, a key of ``ORDERS``.
        fused_multiply_add: whether products reach the accumulator unrounded.
        bits_in: significant bits that are left of the inputs of contractions, 0 for all.
        library: how far library functions are off within what the published table permits: ``random``, all at
            the ``upper`` or all at the ``lower`` limit; not at all if empty.
        flush: whether results below the smallest normal number become zero.
    """

    working: DType
    accumulator: DType | None = None
    order: str = "in order"
    fused_multiply_add: bool = False
    bits_in: int = 0
    library: str = ""
    flush: bool = False

    @property
    def partial(self) -> DType:
        """The format of partial sums."""
        return self.accumulator or self.working


def to_precision(value: Any, u: float) -> Any:
    """Round to ``-log2(u)`` significant bits, ties to even."""
    significand, exponent = np.frexp(value)
    return np.ldexp(np.rint(significand / u) * u, exponent)


def simulate(array: Any, arithmetic: Arithmetic, stream: Stream | None = None) -> Simulated:
    """Put an array whose numbers the format can hold into this arithmetic.

    Args:
        array: any array of a real type.
        arithmetic: where it rounds.
        stream: what random orders and errors are drawn from; arrays that meet must share it.
    """
    return Simulated(widen(np.asarray(array)), arithmetic, stream or Stream("simulated"))


# --- sums ---

Terms = Array
Sum = Callable[[Terms, DType, Stream], Array]
"""Adds ``(terms, …)`` along the first axis in the accumulator's format."""


def _accumulate(terms: Terms, accumulator: DType, axis: int = 0) -> Array:
    """One term after the other; every partial sum is rounded."""
    rounded = round_to(terms, accumulator)
    partial = np.add.accumulate(rounded, axis=axis, dtype=rounded.dtype)
    return widen(partial.take(-1, axis=axis))


def _pairwise(terms: Terms, accumulator: DType, stream: Stream) -> Array:
    """Neighbours first, then sums of neighbours."""
    terms = nearest(terms, accumulator)
    while len(terms) > 1:
        even, odd = terms[: len(terms) // 2 * 2 : 2], terms[1::2]
        pairs = nearest(even + odd, accumulator)
        terms = np.concatenate([pairs, terms[len(pairs) * 2 :]])
    return np.asarray(terms[0])


def _parts(terms: Terms, rows: int, accumulator: DType) -> Array:
    """So many parts of consecutive terms, each added up in order, then their sums in order."""
    length = -(-len(terms) // rows)
    padded = np.zeros((rows * length, *terms.shape[1:]))
    padded[: len(terms)] = terms
    parts = _accumulate(padded.reshape(rows, length, *terms.shape[1:]), accumulator, axis=1)
    return _accumulate(parts, accumulator)


def _compensated(terms: Terms, accumulator: DType, stream: Stream) -> Array:
    """Kahan and Babuška's summation as Neumaier has it: what each addition loses is added at the end."""
    total = np.zeros(terms.shape[1:])
    lost = np.zeros(terms.shape[1:])
    with np.errstate(all="ignore"):
        for term in nearest_quietly(terms, accumulator):
            exact = total + term
            added = nearest_quietly(exact, accumulator)
            missing = exact - added if accumulator.name != "float64" else _lost(total, term, added)
            lost = nearest_quietly(lost + np.where(np.isfinite(added), missing, 0.0), accumulator)
            total = added
        return nearest_quietly(total + lost, accumulator)


ORDERS: dict[str, Sum] = {
    "in order": lambda terms, accumulator, _: _accumulate(terms, accumulator),
    "reversed": lambda terms, accumulator, _: _accumulate(terms[::-1], accumulator),
    "random": lambda terms, accumulator, stream: _accumulate(
        terms[stream.permutation(len(terms))], accumulator
    ),
    "pairwise": _pairwise,
    "in blocks of 32": lambda terms, accumulator, _: _parts(terms, -(-len(terms) // 32), accumulator),
    "over 4 threads": lambda terms, accumulator, _: _parts(terms, 4, accumulator),
    "compensated": _compensated,
}
"""Ways to sum that are all correct."""


def _lost(total: Array, term: Array, added: Array) -> Array:
    """What an addition in float64 lost; those of shorter formats are exact there."""
    large = np.abs(total) >= np.abs(term)
    return np.where(large, (total - added) + term, (term - added) + total)


def _fused(terms: Terms, accumulator: DType) -> Array:
    """Fused multiply-add: the exact product is added, and the sum rounded once."""
    total = np.zeros(terms.shape[1:])
    for term in terms:
        total = nearest_quietly(total + term, accumulator)
    return total


@functools.lru_cache(maxsize=1024)
def _constant(number: float, working: DType) -> Array:
    """The number of the working format that stands for a constant."""
    return nearest(number, working)


# --- the duck array ---


class Simulated(NDArrayOperatorsMixin):
    """Values that the working format can hold, and an arithmetic upon them."""

    __slots__ = ("arithmetic", "stream", "value")

    def __init__(self, value: Any, arithmetic: Arithmetic, stream: Stream) -> None:
        self.value = np.asarray(value, dtype=np.float64)
        self.arithmetic = arithmetic
        self.stream = stream

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Compute in float64, then round (NEP 13)."""
        kwargs.pop("out", None)
        if (ufunc, method) in _REDUCTIONS:
            kwargs.setdefault("axis", 0)
            return self.__array_function__(_REDUCTIONS[ufunc, method], (), inputs, kwargs)
        with np.errstate(all="ignore"):
            if ufunc is np.matmul:
                return _matmul(self, *inputs)
            held = [self._held(x) for x in inputs]
            result = getattr(ufunc, method)(*held, **kwargs)
            if self.arithmetic.library and ufunc in _LIBRARY:
                result = result + self._library_error(ufunc, result, *held)
            return self._rounded(result)

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Sum in the order asked for; what moves elements moves them (NEP 18)."""
        with np.errstate(all="ignore"):
            if func in _SUMS:
                return _SUMS[func](self, *args, **kwargs)
            if func in _MOVING:
                moved = func(*self._plain(args), **self._plain(kwargs))
                return (
                    [self._like(m) for m in moved] if isinstance(moved, list | tuple) else self._like(moved)
                )
            if func in _OF_VALUE:
                return func(*self._plain(args), **kwargs)
            if func in _ROUNDING:
                return self._rounded(func(*self._plain(args), **self._plain(kwargs)))
        raise TypeError(f"{func.__module__}.{func.__name__} is not simulated")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a simulated array is no plain array; its .value is one")

    def __getitem__(self, index: Any) -> Simulated:
        return self._like(self.value[index])

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Simulated]:
        return (self[i] for i in range(len(self)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of ``value``."""
        return self.value.dtype

    @property
    def T(self) -> Simulated:
        """The array with its axes reversed."""
        return self._like(self.value.T)

    def reshape(self, *shape: Any) -> Simulated:
        """As ``numpy.ndarray.reshape``."""
        return self._like(self.value.reshape(*shape))

    def _like(self, value: Any) -> Simulated:
        return Simulated(value, self.arithmetic, self.stream)

    def _held(self, x: Any) -> Any:
        """The number that stands for a plain one in the working format."""
        if isinstance(x, Simulated):
            return x.value
        if isinstance(x, float) and x:  # zeros of both signs are equal, and are not kept
            return _constant(x, self.arithmetic.working)
        plain = np.asarray(x)
        return plain if plain.dtype.kind in "biu" else nearest(plain, self.arithmetic.working)

    def _plain(self, arguments: Any) -> Any:
        if isinstance(arguments, Simulated):
            return arguments.value
        if isinstance(arguments, dict):
            return {name: self._plain(x) for name, x in arguments.items()}
        if isinstance(arguments, list | tuple):
            return type(arguments)([self._plain(x) for x in arguments])
        return arguments

    def _library_error(self, ufunc: np.ufunc, result: Array, first: Any, *_: Any) -> Array:
        """What the table permits beside the rounding. Limits at infinity are exact (C17, F.10)."""
        u = self.arithmetic.working.u
        permitted = (library_ulps(ufunc.__name__, u) - 0.5) * np.ldexp(u, np.frexp(result)[1])
        known = ~np.isfinite(first) | ((first == 0) if ufunc in ONE_AT_ZERO else False)
        known = known | ~np.isfinite(result) | (result == 0)
        return np.where(known, 0.0, _AT[self.arithmetic.library](self, permitted))

    def _rounded(self, value: Any) -> Any:
        value = np.asarray(value)
        if value.dtype.kind in "biu":
            return value
        working = self.arithmetic.working
        rounded = nearest_quietly(value, working)
        if self.arithmetic.flush:
            rounded = np.where(np.abs(rounded) < working.smallest_normal, np.copysign(0.0, rounded), rounded)
        return self._like(rounded)

    def _summed(self, terms: Array, axis: Any, keepdims: bool, products: bool = False) -> Simulated:
        """Sum along axes, in order and format of the arithmetic."""
        axes = tuple(range(terms.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(a % terms.ndim for a in axes)
        rest = [a for a in range(terms.ndim) if a not in axes]
        shape = [1 if a in axes else n for a, n in enumerate(terms.shape)]
        count = math.prod(terms.shape[a] for a in axes)
        flat = np.transpose(terms, (*axes, *rest)).reshape(count, *(terms.shape[a] for a in rest))
        if not count:
            total = np.zeros(flat.shape[1:])
        elif products and self.arithmetic.fused_multiply_add:
            total = _fused(flat, self.arithmetic.partial)
        else:
            total = ORDERS[self.arithmetic.order](flat, self.arithmetic.partial, self.stream)
        result: Simulated = self._rounded(total)
        return self._like(result.value.reshape(shape)) if keepdims else result

    def _product(self, x: Any) -> Array:
        """A factor of a contraction."""
        held = np.asarray(self._held(x), dtype=np.float64)
        return to_precision(held, 2.0**-self.arithmetic.bits_in) if self.arithmetic.bits_in else held


def _sum(self: Simulated, a: Any, axis: Any = None, *rest: Any, keepdims: Any = False, **_: Any) -> Simulated:
    return self._summed(self._held(a), axis, keepdims is True)


def _mean(self: Simulated, a: Any, axis: Any = None, *rest: Any, keepdims: Any = False, **_: Any) -> Any:
    total = self._summed(self._held(a), axis, keepdims is True)
    return total / (np.size(self._held(a)) // max(total.size, 1))


def _matmul(self: Simulated, a: Any, b: Any) -> Simulated:
    x, y = self._product(a), self._product(b)
    if y.ndim == 1:
        return self._summed(x * y, -1, False, products=True)
    if x.ndim == 1:
        return self._summed(x[:, np.newaxis] * y, -2, False, products=True)
    return self._summed(x[..., :, :, np.newaxis] * y[..., np.newaxis, :, :], -2, False, products=True)


def _einsum(self: Simulated, subscripts: str, *operands: Any, **_: Any) -> Simulated:
    given, _arrow, kept = subscripts.replace(" ", "").partition("->")
    letters = dict.fromkeys(c for c in given if c.isalpha())
    summed = "".join(c for c in letters if c not in kept)
    terms = np.einsum(f"{given}->{summed}{kept}", *(self._product(x) for x in operands))
    return self._summed(terms, tuple(range(len(summed))), False, products=len(operands) > 1)


def _tensordot(self: Simulated, a: Any, b: Any, axes: Any = 2) -> Simulated:
    x, y = self._product(a), self._product(b)
    left = list(range(x.ndim - axes, x.ndim)) if isinstance(axes, int) else list(np.ravel(axes[0]))
    right = list(range(axes)) if isinstance(axes, int) else list(np.ravel(axes[1]))
    count = len(left)
    x, y = np.moveaxis(x, left, range(count)), np.moveaxis(y, right, range(count))
    terms = x.reshape(*x.shape, *(1,) * (y.ndim - count)) * y.reshape(
        *y.shape[:count], *(1,) * (x.ndim - count), *y.shape[count:]
    )
    return self._summed(terms, tuple(range(count)), False, products=True)


_LIBRARY = frozenset(
    getattr(np, name, None) or getattr(special, name)
    for name in ("expit", "log_expit", *LIBRARY_ULPS)
    if name not in ("divide", "sqrt")
)
"""Functions that libraries do not round correctly."""

_AT: dict[str, Callable[[Simulated, Array], Array]] = {
    "random": lambda x, limit: limit * (2 * x.stream.uniform(np.shape(limit)) - 1),
    "upper": lambda x, limit: limit,
    "lower": lambda x, limit: -limit,
}
"""Where library functions lie within their limits."""

_SUMS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.sum: _sum,
    np.mean: _mean,
    np.matmul: _matmul,
    np.dot: _matmul,
    np.einsum: _einsum,
    np.tensordot: _tensordot,
}

_MOVING = frozenset(
    {
        *STRUCTURAL,
        *(np.concatenate, np.stack, np.split, np.array_split, np.broadcast_arrays),
        *(np.max, np.amax, np.min, np.amin),
        *(np.zeros_like, np.ones_like, np.full_like),
    }
)
"""Functions whose results are among their arguments, so that nothing rounds."""

_ROUNDING = frozenset({np.where, np.clip, np.pad, np.cumsum, np.prod})
"""Functions that may bring a constant in, or round once for each element."""

_OF_VALUE = frozenset({np.argmax, np.argmin, np.argsort, np.ndim, np.shape, np.size})

_REDUCTIONS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    (np.add, "reduce"): np.sum,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "reduce"): np.prod,
}
