"""A matrix product with a bias, as dense layers and convolutions have it."""

from __future__ import annotations

import numpy as np

from .checks import Array

__all__ = ["affine"]


def affine(x: Array, matrix: Array, bias: Array | None) -> Array:
    """``x A + b``, without b where it is None.

    Implementations start the sum with the bias or end with it. Taking it into the sum, off and on again
    changes no value and carries the error of either.

    Args:
        x: ``(…, terms)``.
        matrix: ``(…, terms, units)``, with as many leading axes as ``x`` beyond two, or none.
        bias: ``(…, units)`` with the leading axes of ``matrix``, or None.

    Returns:
        ``(…, units)``
    """
    if bias is None:
        return np.matmul(x, matrix)
    row = np.expand_dims(bias, -2)
    with_one = np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)
    whole = np.matmul(with_one, np.concatenate([matrix, row], axis=-2))
    added = bias if matrix.ndim == 2 else row
    return whole - np.where(np.isfinite(added), added, 0.0) + added
