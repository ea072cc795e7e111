"""Error rules of elementwise functions: a table from NumPy and SciPy ufuncs to rules on ``Moments``.

A rule takes the profile and one ``Moments`` for each operand.  Its bound holds for *every* error within the
operands' bounds, not to first order only; its variance is first order.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from scipy import special

from ._moments import (
    CORRECTLY_ROUNDED,
    U_REFERENCE,
    Mask,
    Moments,
    Origin,
    Outcome,
    add,
    at_least,
    bound_of,
    exact_where,
    is_zero,
    least_of,
    least_rounded,
    operand,
    overflow_of,
    power_of_two,
    rounded,
    scale,
    variance_of,
)
from .dtypes import DTYPES, Array
from .profiles import Profile

Rule = Callable[..., Moments]

# Largest errors, in ulps, of library functions in (float64, float32, float16): "OpenCL Numerical Compliance",
# section "Relative Error as ULPs", full profile, in the OpenCL SPIR-V Environment Specification.  This is the
# one published set that vendors of CPUs and GPUs alike are tested against.  It is generous where nothing
# forces a vendor's hand: the erf and erfc of today's libraries stay within 2 ulp in float32, not 16.
# erfcx, which the table lacks, is given what erfc has.
LIBRARY_ULPS: dict[str, tuple[float, float, float]] = {
    "divide": (0.5, 2.5, 0.5),
    "sqrt": (0.5, 3.0, 0.5),
    "exp": (3.0, 3.0, 2.0),
    "exp2": (3.0, 3.0, 2.0),
    "expm1": (3.0, 3.0, 2.0),
    "log": (3.0, 3.0, 2.0),
    "log2": (3.0, 3.0, 2.0),
    "log10": (3.0, 3.0, 2.0),
    "log1p": (2.0, 2.0, 2.0),
    "power": (16.0, 16.0, 4.0),
    "hypot": (4.0, 4.0, 2.0),
    "sin": (4.0, 4.0, 2.0),
    "cos": (4.0, 4.0, 2.0),
    "sinh": (4.0, 4.0, 2.0),
    "cosh": (4.0, 4.0, 2.0),
    "tanh": (5.0, 5.0, 2.0),
    "arcsin": (4.0, 4.0, 2.0),
    "arccos": (4.0, 4.0, 2.0),
    "arctan": (5.0, 5.0, 2.0),
    "arcsinh": (4.0, 4.0, 2.0),
    "arccosh": (4.0, 4.0, 2.0),
    "arctanh": (5.0, 5.0, 2.0),
    "erf": (16.0, 16.0, 4.0),
    "erfc": (16.0, 16.0, 4.0),
    "erfcx": (16.0, 16.0, 4.0),
}


def library_ulps(name: str, u: float) -> float:
    """Largest error of a library function in a format with roundoff ``u``, in ulps."""
    if name in _COMPOSED_ULPS:
        return _COMPOSED_ULPS[name](u)
    double, single, half = LIBRARY_ULPS[name]
    if u >= DTYPES["float16"].u:
        return half
    return single if u >= DTYPES["float32"].u else double


def _logistic_ulps(u: float) -> float:
    """``1 / (1 + exp(-x))``: each step passes a relative error on by a factor of at most 1."""
    return library_ulps("exp", u) + CORRECTLY_ROUNDED + library_ulps("divide", u)


def _log_logistic_ulps(u: float) -> float:
    """``min(x, 0) - log1p(exp(-|x|))``: each step passes a relative error on by a factor of at most 1."""
    return library_ulps("exp", u) + library_ulps("log1p", u) + CORRECTLY_ROUNDED


# Functions that no table gives, from the steps that a stable implementation takes.
_COMPOSED_ULPS: dict[str, Callable[[float], float]] = {
    "expit": _logistic_ulps,
    "log_expit": _log_logistic_ulps,
}

# What every library returns exactly: the exponential of zero (C17, F.10.3; section 7.5.1 of the OpenCL C
# specification demands it of special cases).
ONE_AT_ZERO = frozenset({np.exp, np.exp2, np.cosh})


# --- arithmetic ---


def _add(profile: Profile, x: Moments, y: Moments) -> Moments:
    """``z = x + y``, which is at least the sum of what both are, if that is not negative."""
    result = _added(profile, x, y, x.value + y.value)
    if x.least is None and y.least is None:
        return result
    least = least_of(x) + least_of(y)
    known = np.where(least >= 0, least_rounded(profile, least, CORRECTLY_ROUNDED), -np.inf)
    return at_least(result, known)


def _subtract(profile: Profile, x: Moments, y: Moments) -> Moments:
    return _added(profile, x, y, x.value - y.value)


def _added(profile: Profile, x: Moments, y: Moments, value: Array) -> Moments:
    """``z = x ± y``; adding an exact zero rounds nothing."""
    result = rounded(
        profile,
        value,
        _shaped(add(x.bound, y.bound), value),
        _shaped(add(x.variance, y.variance), value),
        Origin((x, y)),
        exact=exact_where(x, is_zero) | exact_where(y, is_zero),
    )
    outward = np.abs(value) >= np.maximum(np.abs(x.value), np.abs(y.value))
    return _overflowing(result, x, outward, y, outward)


@overload
def _shaped(part: Mask, value: Array) -> Mask: ...
@overload
def _shaped(part: Array | None, value: Array) -> Array | None: ...
def _shaped(part: Any, value: Array) -> Any:
    """Give a mask or an error the shape of the result that it is broadcast to."""
    return part if part is None or part.shape == value.shape else np.broadcast_to(part, value.shape)


def _multiply(profile: Profile, x: Moments, y: Moments) -> Moments:
    """``z = x y`` with ``|e| <= |x| b_y + |y| b_x + b_x b_y``; exact by 0 and powers of two."""
    if x is y:
        return _square(profile, x)
    size_x, size_y = np.abs(x.value), np.abs(y.value)
    bound = add(scale(size_x, y.bound), scale(size_y, x.bound))
    if x.bound is not None and y.bound is not None:
        bound = add(bound, x.bound * y.bound)
    variance = add(scale(size_x**2, y.variance), scale(size_y**2, x.variance))
    if variance is not None and x.variance is not None and y.variance is not None and bound is not None:
        both = x.variance * y.variance
        # Where both factors have cancelled, the product of their errors is all there is; its tails are long.
        variance = np.where(both > variance, np.maximum(variance + both, bound**2), variance + both)
    result = rounded(
        profile,
        x.value * y.value,
        bound,
        variance,
        Origin((x, y), nonzero=True),
        exact=exact_where(x, power_of_two) | exact_where(y, power_of_two),
    )
    result = _overflowing(result, x, size_y - bound_of(y) >= 1, y, size_x - bound_of(x) >= 1)
    return at_least(result, _not_negative(x, y))


def _not_negative(x: Moments, y: Moments) -> Array | None:
    """0 where neither operand is negative, so that neither their product nor their quotient is."""
    if x.least is None and y.least is None:
        return None
    return np.where((least_of(x) >= 0) & (least_of(y) >= 0), 0.0, -np.inf)


def _overflowing(result: Moments, x: Moments, grows_x: Mask, y: Moments, grows_y: Mask) -> Moments:
    """Where an operand is sure to overflow and is made no smaller, the result overflows too."""
    if x.overflow is None and y.overflow is None:
        return result
    certain = (overflow_of(x) & grows_x) | (overflow_of(y) & grows_y) | overflow_of(result)
    return replace(result, overflow=_shaped(certain, result.value))


def _square(profile: Profile, x: Moments) -> Moments:
    """``z = x**2`` with ``|e| <= 2 |x| b + b**2``, and not negative."""
    size = np.abs(x.value)
    result = rounded(
        profile,
        np.square(x.value),
        None if x.bound is None else scale(2 * size + x.bound, x.bound),
        scale(4 * size**2, x.variance),
        Origin((x,), nonzero=True),
        exact=exact_where(x, power_of_two),
    )
    return at_least(result, np.zeros(()))


def _divide(profile: Profile, x: Moments, y: Moments) -> Moments:
    """``z = x / y`` with ``|e| <= (b_x + |z| b_y) / (|y| - b_y)``, unbounded where ``y`` may be 0."""
    value, size_y = x.value / y.value, np.abs(y.value)
    if y.least is not None:
        return _divide_by_at_least(profile, x, y, y.least, value)
    size = np.abs(value)
    margin = size_y if y.bound is None else size_y - y.bound
    bound = scale(1 / margin, add(x.bound, scale(size, y.bound)))
    variance = scale(1 / size_y**2, add(x.variance, scale(size**2, y.variance)))
    return _quotient(profile, x, y, value, bound, variance, margin)


def _divide_by_at_least(profile: Profile, x: Moments, y: Moments, least: Array, value: Array) -> Moments:
    """The quotient by a divisor that is never below ``l > 0``, where such a number is known.

    Where the quotient grows the divisor strays no further than ``y - l``; where it strays by ``b`` to the
    other side, the quotient loses ``|z| b / (y + b)``. The variance is that of the chord, as it is of a
    function of a library.
    """
    size, size_y, bound_y = np.abs(value), np.abs(y.value), bound_of(y)
    inward = np.fmin(bound_y, np.where(least > 0, np.maximum(size_y - least, 0.0), np.inf))
    margin = size_y - inward
    moved = np.maximum(inward / margin, 1 / (1 + size_y / bound_y))
    bound = bound_of(x) / margin + size * moved
    far = np.where(least > 0, np.fmin(_FAR * np.sqrt(variance_of(y)), inward), 0.0)
    variance = (variance_of(x) + np.square(size) * variance_of(y)) / np.square(size_y - far)
    return _quotient(profile, x, y, value, bound, np.fmin(variance, np.square(bound)), margin)


def _quotient(
    profile: Profile,
    x: Moments,
    y: Moments,
    value: Array,
    bound: Array | None,
    variance: Array | None,
    margin: Array,
) -> Moments:
    """Round a quotient whose divisor comes as near to 0 as ``margin``: unbounded where that is reached."""
    doubt = None
    if y.bound is not None and bound is not None:
        # NaN is NaN whatever it is divided by.
        doubt = _shaped((margin <= 0) & (y.bound > 0) & ~np.isnan(x.value), value)
        bound = np.where(doubt, np.inf, bound)
    result = rounded(
        profile,
        value,
        bound,
        variance,
        Origin((x, y), doubt=doubt, pole=y.value == 0, nonzero=True),
        ulps=max(library_ulps("divide", profile.u), _RECIPROCAL_AND_PRODUCT),
        exact=_shaped(exact_where(y, power_of_two), value),
    )
    return at_least(result, _not_negative(x, y))


# Compilers multiply by the reciprocal of a divisor that is known or used twice: two roundings.
_RECIPROCAL_AND_PRODUCT = 2 * CORRECTLY_ROUNDED


def _reciprocal(profile: Profile, x: Moments) -> Moments:
    return _divide(profile, Moments(np.ones(())), x)


# --- operations that make no error of their own ---


def _negative(profile: Profile, x: Moments) -> Moments:
    return Moments(-x.value, x.bound, x.variance, x.overflow)


def _positive(profile: Profile, x: Moments) -> Moments:
    return x


def _absolute(profile: Profile, x: Moments) -> Moments:
    return Moments(np.abs(x.value), x.bound, x.variance, x.overflow)


def _maximum(profile: Profile, x: Moments, y: Moments) -> Moments:
    return _extreme(x, y, np.maximum(x.value, y.value), x.value - y.value)


def _minimum(profile: Profile, x: Moments, y: Moments) -> Moments:
    return _extreme(x, y, np.minimum(x.value, y.value), y.value - x.value)


def _fmax(profile: Profile, x: Moments, y: Moments) -> Moments:
    return _extreme(x, y, np.fmax(x.value, y.value), x.value - y.value)


def _fmin(profile: Profile, x: Moments, y: Moments) -> Moments:
    return _extreme(x, y, np.fmin(x.value, y.value), y.value - x.value)


def _extreme(x: Moments, y: Moments, value: Array, lead: Array) -> Moments:
    """The operand that wins, ``x`` being ahead by ``lead``: its error, or the larger one in a near tie."""
    if x.bound is None and y.bound is None:
        return Moments(value)
    bound_x, bound_y = bound_of(x), bound_of(y)
    variance_x, variance_y = variance_of(x), variance_of(y)
    tie = np.abs(lead) <= bound_x + bound_y
    bound = np.where(tie, np.maximum(bound_x, bound_y), np.where(lead > 0, bound_x, bound_y))
    variance = np.where(tie, np.maximum(variance_x, variance_y), np.where(lead > 0, variance_x, variance_y))
    certain = ~np.isfinite(value) & np.isfinite(bound)
    return Moments(value, np.where(certain, 0.0, bound), np.where(certain, 0.0, variance))


def _clip(profile: Profile, x: Moments, low: Moments, high: Moments) -> Moments:
    return _minimum(profile, _maximum(profile, x, low), high)


def _step(function: Callable[[Array], Array]) -> Rule:
    """A function with steps: exact, but where rounding may cross a step it may be off by the whole of it."""

    def rule(profile: Profile, x: Moments) -> Moments:
        value = function(x.value)
        if x.bound is None:
            return Moments(value)
        jump = np.maximum(function(x.value + x.bound) - value, value - function(x.value - x.bound))
        jump = np.where(np.isfinite(value), jump, 0.0)
        return Moments(value, jump, jump**2)

    return rule


# --- functions of a library ---


@dataclass(frozen=True)
class Monotone:
    """What the error of a monotone function depends on.

    Attributes:
        derivative: from the argument and the value.
        domain: closed interval of arguments; the ends of an argument's interval are held inside.
        positive: the exact value is never 0, so that a 0 is an underflow.
    """

    derivative: Callable[[Array, Array], Array]
    domain: tuple[float, float] = (-np.inf, np.inf)
    positive: bool = False


_TWO_OVER_ROOT_PI = 2 / np.sqrt(np.pi)

_MONOTONE: dict[np.ufunc, Monotone] = {
    np.exp: Monotone(lambda x, z: z, positive=True),
    np.exp2: Monotone(lambda x, z: z * np.log(2), positive=True),
    np.expm1: Monotone(lambda x, z: np.exp(x)),
    np.log: Monotone(lambda x, z: 1 / x, domain=(0.0, np.inf)),
    np.log2: Monotone(lambda x, z: 1 / (x * np.log(2)), domain=(0.0, np.inf)),
    np.log10: Monotone(lambda x, z: 1 / (x * np.log(10)), domain=(0.0, np.inf)),
    np.log1p: Monotone(lambda x, z: 1 / (1 + x), domain=(-1.0, np.inf)),
    np.sqrt: Monotone(lambda x, z: 0.5 / z, domain=(0.0, np.inf)),
    np.tanh: Monotone(lambda x, z: (1 - z) * (1 + z)),
    np.sinh: Monotone(lambda x, z: np.cosh(x)),
    np.arcsin: Monotone(lambda x, z: 1 / np.sqrt((1 - x) * (1 + x)), domain=(-1.0, 1.0)),
    np.arccos: Monotone(lambda x, z: -1 / np.sqrt((1 - x) * (1 + x)), domain=(-1.0, 1.0)),
    np.arctan: Monotone(lambda x, z: 1 / (1 + x * x)),
    np.arcsinh: Monotone(lambda x, z: 1 / np.hypot(1, x)),
    np.arccosh: Monotone(lambda x, z: 1 / np.sqrt((x - 1) * (x + 1)), domain=(1.0, np.inf)),
    np.arctanh: Monotone(lambda x, z: 1 / ((1 - x) * (1 + x)), domain=(-1.0, 1.0)),
    special.erf: Monotone(lambda x, z: _TWO_OVER_ROOT_PI * np.exp(-x * x)),
    special.erfc: Monotone(lambda x, z: -_TWO_OVER_ROOT_PI * np.exp(-x * x), positive=True),
    special.erfcx: Monotone(lambda x, z: 2 * x * z - _TWO_OVER_ROOT_PI, positive=True),
    special.expit: Monotone(lambda x, z: z * special.expit(-x), positive=True),
    special.log_expit: Monotone(lambda x, z: special.expit(-x), positive=True),
}


def _monotone(function: np.ufunc, about: Monotone) -> Rule:
    """Evaluate at both ends of the argument's interval; the slope covers ends too close to tell apart."""

    def rule(profile: Profile, x: Moments) -> Moments:
        value = function(x.value)
        bound, variance, doubt = None, None, None
        if x.bound is not None:
            slope = np.abs(about.derivative(x.value, value))
            bound, doubt = _reach(function, about, x, value, slope)
            if x.overflow is not None:
                bound = np.where(x.overflow, _beyond_range(function, profile, x, value), bound)
            chord = _chord(function, about, x, value, slope)
            variance = np.fmin(scale(chord**2, variance_of(x)), bound**2)
        # A function with an end to its domain is infinite there, and nowhere else.
        pole = np.isinf(value) if np.isfinite(about.domain).any() else None
        origin = Origin((x,), doubt=doubt, pole=pole, nonzero=about.positive)
        exact = exact_where(x, is_zero) if function in ONE_AT_ZERO else None
        ulps = library_ulps(function.__name__, profile.u)
        return rounded(profile, value, bound, variance, origin, ulps=ulps, exact=exact)

    return rule


# How many standard deviations a tolerance reaches, about: the lambda of ``tolerance`` for some 100 elements.
_FAR = 8.0


def _chord(function: np.ufunc, about: Monotone, x: Moments, value: Array, slope: Array) -> Array:
    """Slope of the chord to the farthest value that the argument's likely error can reach.

    Where a function curves within its argument's error (the tails of exp and expit in half precision), the
    tangent promises less error than there is.
    """
    low, high = _domain(about, x)
    far = np.fmin(_FAR * np.sqrt(variance_of(x)), bound_of(x))
    reach = np.maximum(
        np.abs(function(np.minimum(x.value + far, high)) - value),
        np.abs(function(np.maximum(x.value - far, low)) - value),
    )
    return np.where(far > 0, np.fmax(slope, np.where(np.isnan(reach), np.inf, reach / far)), slope)


def _reach(function: np.ufunc, about: Monotone, x: Moments, value: Array, slope: Array) -> tuple[Array, Mask]:
    """How far the value moves over the argument's interval, and where it moves at all."""
    low, high = _domain(about, x)
    below, above = x.value - bound_of(x), x.value + bound_of(x)
    inside = (below >= low) & (above <= high)
    below, above = function(np.maximum(below, low)), function(np.minimum(above, high))
    reach = np.maximum(np.abs(above - value), np.abs(value - below))
    linear = np.fmin(scale(slope, bound_of(x)), reach + _too_close(x, value, reach, slope))
    reach = np.fmax(reach, np.where(inside, linear, 0.0))
    return np.where(np.isnan(reach), np.inf, reach), (above != below) & (bound_of(x) > 0)


def _too_close(x: Moments, value: Array, reach: Array, slope: Array) -> Array:
    """By how much float64 may be wrong about the distance of two values, of libraries within 4 ulps."""
    return 8 * U_REFERENCE * (2 * np.abs(value) + reach + slope * np.abs(x.value))


def _domain(about: Monotone, x: Moments) -> tuple[Array | float, float]:
    """Where arguments lie: in the domain of the function, and not below the least that they are."""
    low, high = about.domain
    return (low if x.least is None else np.fmax(low, x.least)), high


def _square_root(profile: Profile, x: Moments) -> Moments:
    """The root, at least that of the least argument."""
    result = _monotone(np.sqrt, _MONOTONE[np.sqrt])(profile, x)
    if x.least is None:
        return result
    least = np.sqrt(np.maximum(x.least, 0.0))
    return at_least(result, least_rounded(profile, least, library_ulps("sqrt", profile.u)))


def _beyond_range(function: np.ufunc, profile: Profile, x: Moments, value: Array) -> Array:
    """How far the value moves while an overflowing argument lies anywhere from there to infinity."""
    ends = (np.copysign(end, x.value) for end in (profile.largest, np.inf))
    far = np.max([np.abs(function(end) - value) for end in ends], axis=0)
    return np.where(np.isnan(far), np.inf, far)


def _sine(function: np.ufunc, derivative: np.ufunc) -> Rule:
    """``sin`` and ``cos``: ``|e| <= |f'| b + b**2 / 2``, for ``|f''| <= 1``, and never above 2."""

    def rule(profile: Profile, x: Moments) -> Moments:
        value, slope = function(x.value), np.abs(derivative(x.value))
        bound = None if x.bound is None else np.minimum(slope * x.bound + x.bound**2 / 2, 2.0)
        return rounded(
            profile,
            value,
            bound,
            scale(slope**2, x.variance),
            Origin((x,)),
            ulps=library_ulps(function.__name__, profile.u),
        )

    return rule


def _cosh(profile: Profile, x: Moments) -> Moments:
    """``cosh`` grows with ``|x|``, so its largest change is outward."""
    size, value = np.abs(x.value), np.cosh(x.value)
    bound = None
    if x.bound is not None:
        bound = np.fmax(np.cosh(size + x.bound) - value, np.sinh(size) * x.bound)
    return rounded(
        profile,
        value,
        bound,
        scale(np.sinh(size) ** 2, x.variance),
        Origin((x,)),
        ulps=library_ulps("cosh", profile.u),
        exact=exact_where(x, is_zero),
    )


def _hypot(profile: Profile, x: Moments, y: Moments) -> Moments:
    """``sqrt(x**2 + y**2)``, which changes by no more than each operand does: ``|e| <= hypot(b_x, b_y)``."""
    value = np.hypot(x.value, y.value)
    share_x = np.where(value == 0, 1.0, np.abs(x.value) / value)
    share_y = np.where(value == 0, 1.0, np.abs(y.value) / value)
    bound = None if x.bound is None and y.bound is None else np.hypot(bound_of(x), bound_of(y))
    return rounded(
        profile,
        value,
        bound,
        add(scale(share_x**2, x.variance), scale(share_y**2, y.variance)),
        Origin((x, y)),
        ulps=library_ulps("hypot", profile.u),
    )


# --- powers ---


def _power(profile: Profile, x: Moments, y: Moments) -> Moments:
    """``x**y``: by name where the exponent has one, otherwise ``pow``."""
    if y.bound is None and y.value.ndim == 0 and float(y.value) in _NAMED_POWERS:
        return _NAMED_POWERS[float(y.value)](profile, x)
    return _pow(profile, x, y)


def _one(profile: Profile, x: Moments) -> Moments:
    return Moments(np.ones(x.value.shape))


def _root(profile: Profile, x: Moments) -> Moments:
    return UFUNCS[np.sqrt](profile, x)


def _reciprocal_root(profile: Profile, x: Moments) -> Moments:
    return _reciprocal(profile, _root(profile, x))


_NAMED_POWERS: dict[float, Rule] = {
    0.0: _one,
    1.0: _positive,
    2.0: _square,
    0.5: _root,
    -1.0: _reciprocal,
    -0.5: _reciprocal_root,
}


def _pow(profile: Profile, x: Moments, y: Moments) -> Moments:
    """The general power: monotone in either operand, so extreme at the corners of their intervals."""
    value = np.power(x.value, y.value)
    size = np.abs(value)
    bound, variance, doubt = None, None, None
    if x.bound is not None or y.bound is not None:
        slope_x = np.abs(y.value * np.power(x.value, y.value - 1))
        slope_y = np.abs(value * np.log(np.abs(x.value)))
        variance = scale(slope_x**2, variance_of(x)) + scale(slope_y**2, variance_of(y))
        linear = scale(slope_x, bound_of(x)) + scale(slope_y, bound_of(y))
        reach = _corner_reach(np.abs(x.value), bound_of(x), y.value, bound_of(y), size)
        crosses = (np.abs(x.value) <= bound_of(x)) & (bound_of(x) > 0)
        doubt = crosses & (y.value < 0)
        bound = np.where(np.isfinite(reach), np.fmax(reach, linear), np.inf)
        variance = np.fmin(variance, bound**2)
    return rounded(
        profile,
        value,
        bound,
        variance,
        Origin((x, y), doubt=doubt, pole=x.value == 0, nonzero=True),
        ulps=library_ulps("power", profile.u),
        exact=_shaped(exact_where(x, lambda base: (base == 0) | (base == 1)), value),
    )


def _corner_reach(base: Array, base_bound: Array, y: Array, y_bound: Array, size: Array) -> Array:
    """Largest change of ``base**y`` over the corners.

    A base that reaches through 0 to the other sign gets no further there than outward, where it is larger.
    """
    inner, outer = np.maximum(base - base_bound, 0.0), base + base_bound
    corners = [np.power(b, e) for b in (inner, outer) for e in (y - y_bound, y + y_bound)]
    return np.asarray(np.max([np.abs(corner - size) for corner in corners], axis=0))


# --- compositions: the rule is a formula in the rules above ---


def _apply(profile: Profile, function: np.ufunc, *operands: Any) -> Moments:
    """The rule of a ufunc, with scalars taken as constants."""
    return UFUNCS[function](profile, *(operand(x, profile) for x in operands))


def _logaddexp(profile: Profile, x: Moments, y: Moments) -> Moments:
    """``max(x, y) + log1p(exp(-|x - y|))``."""
    of = functools.partial(_apply, profile)
    gap = of(np.absolute, of(np.subtract, x, y))
    result = of(np.add, of(np.maximum, x, y), of(np.log1p, of(np.exp, of(np.negative, gap))))
    return _with_value(result, np.logaddexp(x.value, y.value))


def _ndtr(profile: Profile, x: Moments) -> Moments:
    """``erfc(-x / sqrt(2)) / 2``."""
    of = functools.partial(_apply, profile)
    return of(np.multiply, of(special.erfc, of(np.multiply, x, -np.sqrt(0.5))), 0.5)


def _log_ndtr(profile: Profile, x: Moments) -> Moments:
    """``log1p(-erfc(t) / 2)`` above -1, ``log(erfcx(-t) / 2) - t**2`` below, with ``t = x / sqrt(2)``."""
    of = functools.partial(_apply, profile)
    t = of(np.multiply, x, np.sqrt(0.5))
    upper = of(np.log1p, of(np.multiply, of(special.erfc, t), -0.5))
    tail = of(np.log, of(np.multiply, of(special.erfcx, of(np.negative, t)), 0.5))
    lower = of(np.subtract, tail, of(np.square, t))
    return _with_value(pick(x.value > -1, upper, lower), special.log_ndtr(x.value))


def _x_log(logarithm: np.ufunc) -> Rule:
    """``x log(y)`` or ``x log1p(y)``, and 0 where ``x`` is exactly 0."""

    def rule(profile: Profile, x: Moments, y: Moments) -> Moments:
        of = functools.partial(_apply, profile)
        product = of(np.multiply, x, of(logarithm, y))
        zero = exact_where(x, is_zero) & ~np.isnan(y.value)
        return pick(_shaped(zero, product.value), Moments(np.zeros(())), product)

    return rule


def _entr(profile: Profile, x: Moments) -> Moments:
    """``-x log(x)``, 0 at 0 and -inf below."""
    result = _apply(profile, np.negative, _apply(profile, special.xlogy, x, x))
    return _with_value(result, special.entr(x.value))


def _logit(profile: Profile, x: Moments) -> Moments:
    """``log(x / (1 - x))``."""
    of = functools.partial(_apply, profile)
    return of(np.log, of(np.divide, x, of(np.subtract, 1.0, x)))


def _with_value(z: Moments, value: Array) -> Moments:
    """The error of a composition about the value of the function itself, which knows its special cases."""
    if z.bound is None or z.variance is None:
        return Moments(value)
    certain = ~np.isfinite(value) & ~np.isinf(z.bound)
    return Moments(value, np.where(certain, 0.0, z.bound), np.where(certain, 0.0, z.variance))


def pick(choose: Mask, x: Moments, y: Moments) -> Moments:
    """``x`` where chosen, elsewhere ``y``: an exact selection."""
    value = np.where(choose, x.value, y.value)
    if x.bound is None and y.bound is None:
        return Moments(value)
    overflow = None
    if x.overflow is not None or y.overflow is not None:
        overflow = np.where(choose, overflow_of(x), overflow_of(y))
    least = None
    if x.least is not None or y.least is not None:
        least = np.where(choose, least_of(x), least_of(y))
    bound = np.where(choose, bound_of(x), bound_of(y))
    return Moments(value, bound, np.where(choose, variance_of(x), variance_of(y)), overflow, least)


UFUNCS: dict[np.ufunc, Rule] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.square: _square,
    np.divide: _divide,
    np.reciprocal: _reciprocal,
    np.negative: _negative,
    np.positive: _positive,
    np.absolute: _absolute,
    np.fabs: _absolute,
    np.maximum: _maximum,
    np.minimum: _minimum,
    np.fmax: _fmax,
    np.fmin: _fmin,
    np.sign: _step(np.sign),
    np.floor: _step(np.floor),
    np.ceil: _step(np.ceil),
    np.trunc: _step(np.trunc),
    np.rint: _step(np.rint),
    **{function: _monotone(function, about) for function, about in _MONOTONE.items()},
    np.sqrt: _square_root,
    np.sin: _sine(np.sin, np.cos),
    np.cos: _sine(np.cos, np.sin),
    np.cosh: _cosh,
    np.hypot: _hypot,
    np.power: _power,
    np.float_power: _power,
    np.logaddexp: _logaddexp,
    special.ndtr: _ndtr,
    special.log_ndtr: _log_ndtr,
    special.xlogy: _x_log(np.log),
    special.xlog1py: _x_log(np.log1p),
    special.entr: _entr,
    special.logit: _logit,
}


# --- comparisons ---

COMPARISONS: frozenset[np.ufunc] = frozenset(
    {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
)

# Questions about the value alone, answered with plain arrays.
PREDICATES: frozenset[np.ufunc] = frozenset({np.isnan, np.isinf, np.isfinite, np.signbit})

LOGICAL: dict[np.ufunc, np.ufunc] = {
    np.logical_and: np.logical_and,
    np.bitwise_and: np.logical_and,
    np.logical_or: np.logical_or,
    np.bitwise_or: np.logical_or,
    np.logical_xor: np.logical_xor,
    np.bitwise_xor: np.logical_xor,
    np.logical_not: np.logical_not,
    np.invert: np.logical_not,
}


def compare(function: np.ufunc, x: Moments, y: Moments) -> Outcome | Mask:
    """The outcome on the values, in doubt where the intervals overlap; of a number with itself never."""
    value: Mask = function(x.value, y.value)
    reach = None if x is y else add(x.bound, y.bound)
    if reach is None:
        return value
    doubt = (np.abs(x.value - y.value) <= reach) & (reach > 0)
    return Outcome(value, doubt) if doubt.any() else value


def combine(function: np.ufunc, *outcomes: Outcome) -> Outcome | Mask:
    """A logical operation: in doubt where turning what is in doubt can turn the result."""
    logical = LOGICAL[function]
    value: Mask = logical(*(outcome.value for outcome in outcomes))
    turned = np.zeros(value.shape, dtype=np.bool_)
    for choice in np.ndindex(*[2] * len(outcomes)):
        flipped = (o.value ^ o.doubt if turn else o.value for o, turn in zip(outcomes, choice, strict=True))
        turned |= logical(*flipped) != value
    return Outcome(value, turned) if turned.any() else value
