"""Arithmetic of a given profile, simulated: what an implementation in that precision would compute.

``Simulated`` is a duck array whose every primitive is computed in float64 and rounded to the working format,
and whose sums add term after term, in an order drawn at random, in the accumulator's format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from assay.numerics.dtypes import round_to, widen
from assay.numerics.generator import Stream
from assay.numerics.profiles import Profile

STRUCTURAL = (np.reshape, np.expand_dims, np.moveaxis, np.pad, np.lib.stride_tricks.sliding_window_view)


def to_precision(value: Any, u: float) -> Any:
    """Round to ``-log2(u)`` significant bits, ties to even."""
    significand, exponent = np.frexp(value)
    return np.ldexp(np.rint(significand / u) * u, exponent)


class Simulated(NDArrayOperatorsMixin):
    """Values that the working format can hold, and the arithmetic of a profile upon them."""

    def __init__(self, value: Any, profile: Profile, orders: Stream) -> None:
        self.value = np.asarray(value, dtype=np.float64)
        self.profile = profile
        self.orders = orders

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def T(self) -> Simulated:
        return Simulated(self.value.T, self.profile, self.orders)

    def __getitem__(self, index: Any) -> Simulated:
        return Simulated(self.value[index], self.profile, self.orders)

    def finish(self) -> Any:
        """The result in the storage of the profile's format."""
        return round_to(self.value, self.profile.dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        values = [self._held(x) for x in inputs]
        with np.errstate(all="ignore"):
            if ufunc is np.matmul:
                a, b = (to_precision(v, self.profile.u_in) if self.profile.u_in else v for v in values)
                return self._sum(a[..., :, :, np.newaxis] * b[..., np.newaxis, :, :], axis=-2)
            if (ufunc, method) == (np.add, "reduce"):
                return self._sum(values[0], **kwargs)
            result = getattr(ufunc, method)(*values, **kwargs)
        return result if result.dtype == np.bool_ else self._rounded(result)

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if func in STRUCTURAL:
            return Simulated(func(args[0].value, *args[1:], **kwargs), self.profile, self.orders)
        if func is np.where:
            return self._rounded(np.where(args[0], *(self._held(x) for x in args[1:])))
        if func is np.mean:
            total = np.sum(*args, **kwargs)
            return total / (args[0].value.size // total.value.size)
        if func in (np.sum, np.max):
            ufunc = np.add if func is np.sum else np.maximum
            return ufunc.reduce(args[0], **dict(zip(("axis",), args[1:], strict=False)), **kwargs)
        raise TypeError(f"{func.__name__} is not simulated")

    def _held(self, x: Any) -> Any:
        if isinstance(x, Simulated):
            return x.value
        return widen(round_to(x, self.profile.working))

    def _rounded(self, value: Any) -> Simulated:
        return Simulated(widen(round_to(value, self.profile.working)), self.profile, self.orders)

    def _sum(self, terms: Any, axis: int | None = None, keepdims: bool = False, **_: Any) -> Simulated:
        terms = terms.ravel() if axis is None else np.moveaxis(terms, axis, 0)
        total = np.zeros(terms.shape[1:])
        for k in self.orders.permutation(len(terms)):
            product = round_to(terms[k], self.profile.accumulator)
            total = widen(round_to(total + widen(product), self.profile.accumulator))
        if keepdims:
            total = np.expand_dims(total, axis)
        return self._rounded(total)
