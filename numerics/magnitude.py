"""The size of an array as a power of two, by which a formula is scaled without any rounding.

Squares and sums may leave the range where a norm or a mean stays within it. A reference that divides by this
number beforehand, and multiplies by it afterwards, overflows nowhere on the way, and rounds as it did before.
"""

from typing import Any

import numpy as np

from .dtypes import Array

Axis = int | tuple[int, ...] | None


def magnitude(x: Any, axis: Axis = None) -> Array:
    """The largest power of two that is not above the largest finite size along ``axis``, which is kept.

    It is a plain number, for it makes no error. Where all is 0 or not finite it is 1.

    Args:
        x: a plain array, or a duck array whose numbers are its ``value``.
        axis: one axis or more; all of them for None.
    """
    value = np.real(np.asarray(getattr(x, "value", x)))
    size = np.where(np.isfinite(value), np.abs(value), 0.0)
    largest = np.max(size, axis=axis, keepdims=True, initial=0.0)
    return np.where(largest > 0, np.ldexp(1.0, np.frexp(largest)[1] - 1), 1.0)
