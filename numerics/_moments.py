"""A value with the two measures of its rounding error, and the rules that every operation shares.

``Moments`` is the content of ``carried.Carried``.  The difference ``e`` between what an implementation
computes and what the reference computes is described by ``|e| <= bound`` (running error analysis: Higham,
Accuracy and Stability of Numerical Algorithms, 3.3) and by a ``variance`` that takes separate roundings as
independent, of mean zero and uniform over their range (Higham & Mary, "A new approach to probabilistic
rounding error analysis", SIAM J. Sci. Comput. 41(5), 2019).
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from .dtypes import Array
from .profiles import Profile

Mask = npt.NDArray[np.bool_]

# The reference runs in float64 and rounds too; its error counts beside the implementation's.
U_REFERENCE = 2.0**-53

CORRECTLY_ROUNDED = 0.5  # ulp


@dataclass(slots=True, eq=False)
class Moments:
    """``value`` with ``bound`` and ``variance`` of its error.

    Attributes:
        value: the reference's value.
        bound: largest error, inf where nothing is known; None where every element is exact.
        variance: of the error; None where every element is exact.
        overflow: where nothing is known of what is computed from here, but the result itself is certain to
            overflow; None for nowhere.
        least: what no implementation computes less than, where that says more than the bound: a square is not
            negative, however it is rounded; None where nothing is said.
    """

    value: Array
    bound: Array | None = None
    variance: Array | None = None
    overflow: Mask | None = None
    least: Array | None = None

    def map(self, function: Callable[[Any], Any]) -> "Moments":
        """Apply a structural operation, one that moves elements and computes nothing."""
        if self.bound is None or self.variance is None:
            return Moments(function(self.value))
        overflow = None if self.overflow is None else function(self.overflow)
        least = None if self.least is None else function(self.least)
        return Moments(function(self.value), function(self.bound), function(self.variance), overflow, least)


@dataclass(slots=True, eq=False)
class Outcome:
    """A comparison's ``value`` and, elementwise, the ``doubt`` whether rounding could turn it."""

    value: Mask
    doubt: Mask

    def map(self, function: Callable[[Any], Any]) -> "Outcome":
        """Apply a structural operation."""
        return Outcome(function(self.value), function(self.doubt))


def bound_of(x: Moments) -> Array:
    """The bound as an array, zeros where the value is exact."""
    return np.zeros(x.value.shape) if x.bound is None else x.bound


def variance_of(x: Moments) -> Array:
    """The variance as an array, zeros where the value is exact."""
    return np.zeros(x.value.shape) if x.variance is None else x.variance


def overflow_of(x: Moments) -> Mask:
    """Where the value is certain to overflow, as an array."""
    return np.zeros(x.value.shape, dtype=np.bool_) if x.overflow is None else x.overflow


def least_of(x: Moments) -> Array:
    """What no implementation computes less than: the lower end of the interval, if nothing more is known."""
    low = x.value - bound_of(x)
    return low if x.least is None else np.fmax(low, x.least)


def at_least(x: Moments, least: Array | None) -> Moments:
    """The same, where nothing less is computed, by a rule of which no rounding is an excuse."""
    if least is None or x.bound is None or x.variance is None:
        return x
    return replace(x, least=np.broadcast_to(least, x.value.shape))


def least_rounded(profile: Profile, least: Array, ulps: float) -> Array:
    """What a result of at least ``least``, which is not negative, is at least when it has been rounded."""
    lost = np.where(least < profile.smallest_normal, profile.underflow, 0.0)
    return np.maximum(least * (1 - 2 * ulps * (profile.u + U_REFERENCE)) - lost, 0.0)


def operand(x: Any, profile: Profile) -> Moments:
    """What an operation takes for ``x``: arrays of plain numbers are exact, scalars are rounded constants."""
    if isinstance(x, Moments):
        return x
    if isinstance(x, Outcome):
        # An indicator: where in doubt it may be off by one.
        doubt = x.doubt.astype(np.float64)
        return Moments(x.value.astype(np.float64), doubt, doubt)
    value = np.asarray(x, dtype=np.float64)
    return constant(value, profile) if value.ndim == 0 else Moments(value)


def constant(value: Array, profile: Profile) -> Moments:
    """A literal of the formula: the implementation holds it rounded to its working precision."""
    if not np.isfinite(value) or representable(value, profile.u).all():
        return Moments(value)
    return _rounded_constant(float(value), profile)


@functools.lru_cache(maxsize=1024)
def _rounded_constant(value: float, profile: Profile) -> Moments:
    return rounded(profile, np.asarray(value), None, None)


def representable(value: Array, u: float) -> Mask:
    """Whether each number has at most -log2(u) significant bits: the rest of its 53 are 0."""
    rest = np.int64(2.0**53 * u - 1)
    return np.asarray((value.view(np.int64) & rest) == 0)


def power_of_two(value: Array) -> Mask:
    """Whether each number is 0 or a positive or negative power of two, by which a product is exact."""
    return representable(value, 0.5)


def exact_where(x: Moments, property: Callable[[Array], Mask]) -> Mask:
    """Where ``x`` is known without error and its value has the property."""
    if x.bound is None:
        return property(x.value)
    return np.asarray(property(x.value) & (x.bound == 0))


def is_zero(value: Array) -> Mask:
    """Whether each number is 0 of either sign."""
    return np.asarray(value == 0)


def add(x: Array | None, y: Array | None) -> Array | None:
    """The sum of those errors that are there."""
    if x is None or y is None:
        return y if x is None else x
    return x + y


@overload
def scale(factor: Array, error: Array) -> Array: ...
@overload
def scale(factor: Array, error: Array | None) -> Array | None: ...
def scale(factor: Array, error: Array | None) -> Array | None:
    """``factor * error``, if there is an error."""
    return None if error is None else factor * error


@dataclass(slots=True, eq=False)
class Origin:
    """What a result came from, as far as the ends of the range ask.

    Attributes:
        operands: what went in.
        doubt: where rounding decides whether the result is finite at all.
        pole: where an infinity is the exact value and no overflow.
        nonzero: whether the result is 0 only for an operand that is 0 or infinite.
    """

    operands: Sequence[Moments] = ()
    doubt: Mask | None = None
    pole: Mask | None = None
    nonzero: bool = False

    def unresolved(self, shape: tuple[int, ...]) -> Mask:
        """Where a non-finite result hangs on what is not known."""
        unresolved = np.zeros(shape, dtype=np.bool_) if self.doubt is None else self.doubt
        for x in self.operands:
            if x.bound is not None:
                unresolved = unresolved | np.isinf(x.bound)
        return unresolved

    def special(self, value: Array) -> Mask:
        """Where the result is NaN or infinite by definition: not finite, and no overflow."""
        by_definition = np.isnan(value)
        if self.pole is not None:
            by_definition = by_definition | (self.pole & np.isinf(value))
        for x in self.operands:
            by_definition = by_definition | (~np.isfinite(x.value) & np.isinf(value))
        return by_definition

    def vanished(self, value: Array) -> Mask | bool:
        """Where a result that is not 0 came out as 0: below the range of float64."""
        if not self.nonzero:
            return False
        vanished = np.equal(value, 0)
        for x in self.operands:
            vanished = vanished & (x.value != 0) & np.isfinite(x.value)
        return np.asarray(vanished)


_NOWHERE = Origin()


def rounded(
    profile: Profile,
    value: Array,
    bound: Array | None,
    variance: Array | None,
    origin: Origin = _NOWHERE,
    *,
    ulps: float = CORRECTLY_ROUNDED,
    exact: Mask | None = None,
) -> Moments:
    """A primitive's result: its propagated error, plus its own of at most ``ulps``, within the range.

    One ulp is at most ``2 u |z|``.  The computed result, whose size is up to ``|z| + bound``, is what gets
    rounded.  An own error spread evenly over its range has the variance ``bound**2 / 3``.

    Args:
        profile: the roundings and the range.
        value: the reference's result.
        bound: propagated bound.
        variance: propagated variance.
        origin: what it came from.
        ulps: largest error of the operation itself, in units in the last place.
        exact: where the operation itself makes no error.
    """
    u = 2 * ulps * (profile.u + U_REFERENCE)
    size = np.abs(value)
    if exact is not None and exact.any():
        if exact.all():
            return in_range(profile, value, bound, variance, origin)
        size = np.where(exact, 0.0, size)
    own, own_variance = u * size, (u * u / 3) * (size * size)
    if bound is None or variance is None:
        return in_range(profile, value, own, own_variance, origin)
    return in_range(profile, value, (1 + u) * bound + own, variance + own_variance, origin)


def in_range(
    profile: Profile, value: Array, bound: Array | None, variance: Array | None, origin: Origin = _NOWHERE
) -> Moments:
    """Apply the rules of the ends of the range to a result.

    Below ``smallest_normal`` an absolute error of ``underflow`` is added.  Past ``largest`` an implementation
    overflows, or it finds a way around: nothing is known of what is computed from there, but a final result
    is infinite.  Infinities and NaN by definition are exact, unless the operands leave them in doubt.
    """
    size = np.abs(value)
    low, high = (size, size) if bound is None else (size - bound, size + bound)
    if not low.size or (low.min() >= profile.smallest_normal and high.max() <= profile.largest):
        return Moments(value, bound, variance)
    some = np.zeros(value.shape) if bound is None else bound
    spread = np.zeros(value.shape) if variance is None else variance

    small = ((low < profile.smallest_normal) & (high > 0)) | origin.vanished(value)
    some = np.where(small, some + profile.underflow, some)
    spread = np.where(small, spread + profile.underflow**2 / 3, spread)

    # A bound above the value says little about the value's size, so it counts no further than that.
    overflow = size + np.minimum(some, size) > profile.largest
    certain = size - some > profile.largest * (1 + profile.u)
    some = np.where(overflow | np.isnan(some), np.inf, some)
    spread = np.where(overflow | np.isnan(spread), np.inf, spread)

    if not np.isfinite(value).all():
        special, unresolved = origin.special(value), origin.unresolved(value.shape)
        error = np.where(unresolved, np.inf, 0.0)
        some, spread = np.where(special, error, some), np.where(special, error, spread)
        certain = (certain | (np.isinf(value) & ~unresolved)) & ~special
    if bound is None and not some.any():
        return Moments(value)
    return Moments(value, some, spread, certain if certain.any() else None)
