"""Arrays that carry the rounding error which an implementation may have made beside each value.

``Carried`` is a NumPy duck array (NEP 13 and NEP 18).  A reference written for float64 arrays, run on it
unchanged, gives the reference's value together with a worst-case bound and a variance of the difference
between that value and what a sensible implementation computes under a rounding profile::

    x = carry(np.float32([1, 2, 3]), profiles("float32")[0])
    z = finish(np.exp(x) / np.sum(np.exp(x)))
    z.value, z.bound, z.variance

The rules are in ``_moments`` (rounding and range), ``_ufuncs`` (elementwise) and ``_functions`` (arrays).
What no rule covers raises TypeError: nothing ever falls back to plain arrays and loses its error.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from ._functions import FUNCTIONS, REDUCTIONS, matmul
from ._moments import (
    Mask,
    Moments,
    Origin,
    Outcome,
    bound_of,
    in_range,
    operand,
    overflow_of,
    representable,
    variance_of,
)
from ._ufuncs import COMPARISONS, LOGICAL, PREDICATES, UFUNCS, combine, compare
from .dtypes import Array, widen
from .profiles import Profile

Self = TypeVar("Self", bound="_Duck")


class _Duck(NDArrayOperatorsMixin):
    """What ``Carried`` and ``Doubtful`` share: dispatch, shape and indexing."""

    __slots__ = ("_content", "profile")
    __hash__ = None  # type: ignore[assignment]

    _content: Any
    profile: Profile

    def __init__(self, content: Moments | Outcome, profile: Profile) -> None:
        self._content = content
        self.profile = profile

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Apply the rule of a ufunc (NEP 13)."""
        if ufunc.nout == 1 and _is_in_place(kwargs.get("out"), inputs):
            # `x += y` rebinds x to a new array: nothing that shares x's memory changes.
            kwargs.pop("out")
        if method == "__call__" and not kwargs:
            return self._apply(lambda profile, *contents: _call(ufunc, profile, *contents), inputs, {})
        rule = REDUCTIONS.get((ufunc, method))
        if rule is None:
            asked = "" if method == "__call__" else f".{method}"
            with_keywords = f" with {', '.join(kwargs)}" if kwargs else ""
            raise TypeError(f"no error rule for {ufunc.__name__}{asked}{with_keywords}")
        if method in {"reduce", "accumulate"}:
            kwargs.setdefault("axis", 0)
        return self._apply(rule, inputs, kwargs)

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Apply the rule of an array function (NEP 18)."""
        rule = FUNCTIONS.get(func)
        if rule is None:
            raise TypeError(f"no error rule for {func.__module__}.{func.__name__}")
        return self._apply(rule, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is no plain array; its .value is one, without the error")

    def __bool__(self) -> NoReturn:
        raise TypeError("an error-carrying array has no truth value; choose with np.where")

    def _apply(self, rule: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Run a rule on the contents, and make duck arrays of what it returns."""
        contents = [self._unwrap(x) for x in args]
        options = {name: self._unwrap(x) for name, x in kwargs.items()}
        with np.errstate(all="ignore"):
            return _wrap(rule(self.profile, *contents, **options), self.profile)

    def _unwrap(self, x: Any) -> Any:
        if isinstance(x, _Duck):
            if x.profile is not self.profile and x.profile != self.profile:
                raise ValueError(f"arrays of profiles {self.profile.name!r} and {x.profile.name!r} are mixed")
            return x._content
        if isinstance(x, list | tuple) and any(isinstance(item, _Duck) for item in x):
            return [self._unwrap(item) for item in x]
        return x

    def _structural(self: Self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        return type(self)(self._content.map(lambda t: function(t, *args, **kwargs)), self.profile)

    @property
    def value(self) -> Any:
        """The reference's value."""
        return self._content.value

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return np.shape(self._content.value)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.size(self._content.value))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of ``value``."""
        return np.asarray(self._content.value).dtype

    @property
    def T(self: Self) -> Self:
        """The array with its axes reversed."""
        return self._structural(np.transpose)

    def __len__(self) -> int:
        return len(self._content.value)

    def __getitem__(self: Self, index: Any) -> Self:
        if any(isinstance(i, _Duck) for i in (index if isinstance(index, tuple) else (index,))):
            raise TypeError("an error-carrying array cannot be an index; choose with np.where")
        return self._structural(lambda t: t[index])

    def __iter__(self: Self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def reshape(self: Self, *shape: Any) -> Self:
        """As ``numpy.ndarray.reshape``."""
        return self._structural(np.reshape, shape[0] if len(shape) == 1 else shape)

    def transpose(self: Self, *axes: Any) -> Self:
        """As ``numpy.ndarray.transpose``."""
        return self._structural(lambda t: t.transpose(*axes))

    def swapaxes(self: Self, axis1: int, axis2: int) -> Self:
        """As ``numpy.ndarray.swapaxes``."""
        return self._structural(np.swapaxes, axis1, axis2)

    def squeeze(self: Self, axis: Any = None) -> Self:
        """As ``numpy.ndarray.squeeze``."""
        return self._structural(np.squeeze, axis)

    def ravel(self: Self) -> Self:
        """As ``numpy.ndarray.ravel``."""
        return self._structural(np.ravel)

    def copy(self: Self) -> Self:
        """As ``numpy.ndarray.copy``."""
        return self._structural(np.copy)


class Carried(_Duck):
    """A float64 array with a bound and a variance of its error under a profile.

    Arithmetic, NumPy's and SciPy's functions and indexing propagate both.  Made by ``carry``; plain arrays
    that meet one are exact, scalars are constants rounded to the working precision.
    """

    __slots__ = ()
    _content: Moments

    @property
    def bound(self) -> Array:
        """The largest error that an implementation may have made; inf where nothing is known."""
        return bound_of(self._content)

    @property
    def variance(self) -> Array:
        """The variance of that error, roundings taken as independent."""
        return variance_of(self._content)

    @property
    def exact(self) -> bool:
        """Whether every element is known without error."""
        return self._content.bound is None or not self._content.bound.any()

    def __repr__(self) -> str:
        return f"Carried({self.profile.name}, value={self.value!r}, bound={self.bound!r})"

    def astype(self, dtype: npt.DTypeLike, **_: Any) -> "Carried":
        """Itself: error is carried in float64 alone.

        Raises:
            TypeError: ``dtype`` is another type than float64.
        """
        if np.dtype(dtype) != np.float64:
            raise TypeError(f"an error-carrying array is float64 and cannot become {np.dtype(dtype)}")
        return self

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As ``numpy.sum``."""
        return np.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As ``numpy.mean``."""
        return np.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As ``numpy.max``."""
        return np.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """As ``numpy.min``."""
        return np.min(self, axis=axis, keepdims=keepdims)


class Doubtful(_Duck):
    """A comparison of which rounding may have turned some elements.

    ``np.where`` takes it as its condition and adds the distance between the branches to the error of what is
    in doubt.  ``&``, ``|``, ``^`` and ``~`` combine it; in arithmetic it counts as 0 or 1.
    """

    __slots__ = ()
    _content: Outcome

    @property
    def doubt(self) -> Mask:
        """Where the outcome could be the other one."""
        return self._content.doubt

    def __repr__(self) -> str:
        return f"Doubtful({self.profile.name}, value={self.value!r}, doubt={self.doubt!r})"

    def astype(self, dtype: npt.DTypeLike, **_: Any) -> "Carried | Doubtful":
        """The indicator, 0 or 1, as an error-carrying array; itself for bool."""
        if np.dtype(dtype) == np.bool_:
            return self
        return carry_moments(operand(self._content, self.profile), self.profile).astype(dtype)


def carry(array: npt.ArrayLike, profile: Profile) -> Carried:
    """An exact leaf: an input as an implementation is given it.

    Where the profile may flush subnormals to zero, a subnormal input may count as 0.
    """
    value = widen(np.asarray(array))
    size = np.abs(value)
    if profile.underflow < profile.smallest_normal:
        return Carried(Moments(value), profile)
    flushed = np.where(size < profile.smallest_normal, size, 0.0)
    if not flushed.any():
        return Carried(Moments(value), profile)
    return Carried(Moments(value, flushed, flushed**2 / 3), profile)


def carry_moments(moments: Moments, profile: Profile) -> Carried:
    """An array with an error that is known already."""
    value = np.asarray(moments.value)
    if moments.bound is None or moments.variance is None:
        return Carried(Moments(value), profile)
    overflow = None if moments.overflow is None else np.asarray(moments.overflow)
    least = None if moments.least is None else np.asarray(moments.least)
    shaped = Moments(value, np.asarray(moments.bound), np.asarray(moments.variance), overflow, least)
    return Carried(shaped, profile)


def finish(result: Carried) -> Carried:
    """The result as an implementation returns it: rounded once by ``u_out``, within the format's own range.

    What overflows for certain is an exact infinity from here on.
    """
    profile, x = result.profile, result._content
    with np.errstate(all="ignore"):
        if profile.u_out:
            x = _round_output(profile, x)
        if x.overflow is not None:
            value = np.where(x.overflow, np.copysign(np.inf, x.value), x.value)
            bound, variance = (np.where(x.overflow, 0.0, error) for error in (bound_of(x), variance_of(x)))
            x = Moments(value, bound, variance)
    return carry_moments(x, profile)


def _round_output(profile: Profile, x: Moments) -> Moments:
    """Round once to the format of the output; what it holds already is kept."""
    size, bound = np.abs(x.value), bound_of(x)
    kept = (bound == 0) & (representable(x.value, profile.u_out) | ~np.isfinite(x.value))
    step = np.where(kept, 0.0, profile.u_out * size)
    bound = np.where(kept, bound, (1 + profile.u_out) * bound + step)
    rounded = in_range(_output_range(profile), x.value, bound, variance_of(x) + step**2 / 3, Origin((x,)))
    if x.overflow is None:
        return rounded
    return dataclasses.replace(rounded, overflow=overflow_of(rounded) | x.overflow)


@functools.cache
def _output_range(profile: Profile) -> Profile:
    """The profile with the range of its outputs in place of its intermediates'."""
    return dataclasses.replace(profile, working=profile.dtype)


def _call(ufunc: np.ufunc, profile: Profile, *contents: Any) -> Any:
    """What the rule of a ufunc gives."""
    if ufunc in LOGICAL:
        return combine(ufunc, *(_outcome(ufunc, x) for x in contents))
    if ufunc in PREDICATES:
        return ufunc(contents[0].value)
    if ufunc is np.matmul:
        return matmul(profile, *contents)
    operands = [operand(x, profile) for x in contents]
    if ufunc in COMPARISONS:
        return compare(ufunc, *operands)
    rule = UFUNCS.get(ufunc)
    if rule is None:
        raise TypeError(f"no error rule for {ufunc.__name__}")
    return rule(profile, *operands)


def _outcome(ufunc: np.ufunc, x: Any) -> Outcome:
    if isinstance(x, Outcome):
        return x
    if isinstance(x, Moments):
        raise TypeError(f"{ufunc.__name__} takes comparisons, not an error-carrying array")
    value = np.asarray(x, dtype=np.bool_)
    return Outcome(value, np.zeros(value.shape, dtype=np.bool_))


def _wrap(result: Any, profile: Profile) -> Any:
    if isinstance(result, Moments):
        return carry_moments(result, profile)
    if isinstance(result, Outcome):
        return Doubtful(result, profile)
    if isinstance(result, list | tuple):
        return type(result)(_wrap(item, profile) for item in result)
    return result


def _is_in_place(out: Any, inputs: tuple[Any, ...]) -> bool:
    return out is not None and len(out) == 1 and out[0] is inputs[0] and isinstance(out[0], _Duck)
