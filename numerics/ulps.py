"""Units in the last place: the spacing of a format's numbers, and distances measured in it.

The measure is Khronos's: real-valued, against the exact and unrounded expected value ("OpenCL C
Specification", "Relative Error as ULPs"; Muller, "On the definition of ulp(x)", INRIA RR-5504, 2005).
A correctly rounded result is at most 0.5 away.
"""

import numpy as np
import numpy.typing as npt

from .dtypes import AnyArray, Array, DType, widen


def ulp(x: npt.ArrayLike, dtype: DType) -> Array:
    """Spacing of the format at ``|x|``: ``2**(floor(log2 |x|) - p + 1)``, within the format's range.

    Zero and subnormal numbers have the spacing of the subnormals, what lies beyond ``largest`` that of the
    top binade, and NaN has NaN.
    """
    size = np.abs(np.asarray(x, dtype=np.float64))
    held = np.clip(size, dtype.smallest_normal, dtype.largest)
    exponent = np.frexp(held)[1] - 1
    spacing = np.ldexp(1.0, exponent - dtype.precision + 1)
    return np.where(np.isnan(size), np.nan, spacing)


def ulp_distance(got: AnyArray, expected: npt.ArrayLike, dtype: DType) -> Array:
    """``|got - expected| / ulp(expected)`` for each element.

    Two NaN, and two infinities of one sign, are 0 apart.  An infinity that stands for a finite number counts
    as the number that would follow ``largest`` (as in the OpenCL conformance tests), so that a value that
    rounds to infinity is close to it.  Every other pair with a NaN or an infinity is infinitely far apart.

    Args:
        got: what an implementation returned.
        expected: the reference's value in float64, not rounded to the format.
        dtype: the format.
    """
    actual, exact = np.broadcast_arrays(widen(got), np.asarray(expected, dtype=np.float64))
    with np.errstate(all="ignore"):
        beyond = np.copysign(_after_largest(dtype), actual)
        finite = np.where(np.isinf(actual), beyond, actual)
        distance = np.abs(finite - exact) / ulp(exact, dtype)
    same = (actual == exact) | (np.isnan(actual) & np.isnan(exact))
    comparable = np.isfinite(exact) & ~np.isnan(actual)
    return np.where(same, 0.0, np.where(comparable, distance, np.inf))


def _after_largest(dtype: DType) -> float:
    """2**(emax + 1), the number after ``largest`` with an unbounded exponent; inf for float64."""
    with np.errstate(over="ignore"):
        return float(np.float64(dtype.largest) + ulp(dtype.largest, dtype))
