"""Complex step: derivatives of a reference without subtraction, hence to full precision.

``f(x + ih v) = f(x) + ih J v + O(h²)``, so ``J v = Im f(x + ih v) / h`` with ``h`` so small that the rest
vanishes (Squire and Trapp 1998, Using complex variables to estimate derivatives of real functions).
"""

from __future__ import annotations

import numpy as np
from scipy import special

STEP = 1e-150


class ComplexStep(np.ndarray):
    """A complex array whose comparisons, maxima and absolute values look at the real part only.

    They are then the analytic continuation of the real functions, away from their kinks.
    """

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [np.asarray(x) if isinstance(x, np.ndarray) else x for x in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(map(np.asarray, kwargs["out"]))
        if method == "reduce" and ufunc in (np.maximum, np.minimum):
            return _extremum_along(ufunc, plain[0], **kwargs)
        if method == "__call__" and ufunc in RULES:
            result = RULES[ufunc](*plain)
        else:
            result = getattr(ufunc, method)(*plain, **kwargs)
        return _stepping(result)

    def __array_function__(self, function, types, arguments, keywords):
        # Choosing and joining make plain arrays of what they are given.
        return _stepping(super().__array_function__(function, types, arguments, keywords))


def _stepping(result):
    stepped = isinstance(result, np.ndarray) and result.dtype.kind == "c"
    return result.view(ComplexStep) if stepped else result


def _extremum_along(ufunc, x, axis=None, keepdims=False, **_):
    pick = np.argmax if ufunc is np.maximum else np.argmin
    if axis is None:
        return x.ravel()[pick(x.real)]
    if isinstance(axis, tuple):
        moved = np.moveaxis(x, axis, range(-len(axis), 0))
        flat = moved.reshape(*moved.shape[: -len(axis)], -1)
        best = np.take_along_axis(flat, pick(flat.real, axis=-1)[..., None], axis=-1)[..., 0]
        return (np.expand_dims(best, axis) if keepdims else best).view(ComplexStep)
    best = np.take_along_axis(x, np.expand_dims(pick(x.real, axis=axis), axis), axis=axis)
    return (best if keepdims else np.squeeze(best, axis=axis)).view(ComplexStep)


def _real(function):
    return lambda *arrays: function(*map(np.real, arrays))


def _expit(x):
    return 1.0 / (1.0 + np.exp(-x))


def _logaddexp(x, y):
    larger, smaller = (np.where(keep, x, y) for keep in (x.real >= y.real, x.real < y.real))
    nothing = np.isneginf(smaller.real)
    behind = np.where(nothing, 0.0, smaller) - np.where(nothing, 0.0, larger)
    return larger + np.where(nothing, 0.0, np.log1p(np.exp(behind)))


RULES = {
    special.expit: _expit,
    np.logaddexp: _logaddexp,
    special.log_expit: lambda x: -np.log1p(np.exp(-x)),
    special.xlogy: lambda x, y: x * np.log(y),
    np.absolute: lambda x: np.where(x.real < 0, -x, x),
    np.hypot: lambda x, y: np.sqrt(x * x + y * y),
    np.sign: lambda x: np.sign(x.real),
    np.maximum: lambda x, y: np.where(np.real(x) >= np.real(y), x, y),
    np.minimum: lambda x, y: np.where(np.real(x) <= np.real(y), x, y),
    **{
        ufunc: _real(ufunc)
        for ufunc in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
    },
}


def directional_derivative(function, arrays, directions):
    """``J v`` of a ``function`` that returns a tuple, along ``directions`` (None: held fixed)."""
    stepped = [
        array if v is None else (np.asarray(array, complex) + 1j * STEP * v).view(ComplexStep)
        for array, v in zip(arrays, directions, strict=True)
    ]
    return tuple(np.asarray(np.imag(np.asarray(y)) / STEP) for y in function(*stepped))
