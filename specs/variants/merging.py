"""Faults of the layers that make one array of several."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.merging import UFUNCS
from ..language.variant import Fault

Array = Any


def _norms(x: Array, axis: int) -> Array:
    """The norms of the rows of x, beside the rows of a product."""
    return np.sqrt(np.sum(np.square(np.moveaxis(x, axis, -1)), axis=-1))[..., None]


def _cosines(x: Array, y: Array, axes: tuple[int, int]) -> Array:
    """Products of arrays whose columns are divided by their norms."""
    rows, columns = np.moveaxis(x, axes[0], -1), np.moveaxis(y, axes[1], -1)
    of_columns = [
        array / np.sqrt(np.sum(np.square(array), axis=1, keepdims=True)) for array in (rows, columns)
    ]
    return np.einsum("bik,bjk->bij", *of_columns)


FAULTS = {
    "merge": (
        Fault(
            name="average of two, whatever their number",
            results={"y": lambda result: 1.5 * result},
            where="operation == 'average' and inputs == 3",
        ),
        Fault(
            name="average whose sum overflows",
            results={"y": lambda x, result: np.where(np.abs(x) > 1e37, np.inf, result)},
            where="operation == 'average' and data == 'large'",
        ),
        Fault(
            name="the greatest magnitude",
            results={"y": lambda x, y: np.where(np.abs(x) > np.abs(y), x, y)},
            where="operation == 'maximum' and inputs == 2",
        ),
        Fault(
            name="NaN passed over",
            results={"y": lambda x, y: np.fmax(x, y)},
            where="operation == 'maximum' and inputs == 2",
        ),
    ),
    "masked_merge": (
        Fault(
            name="padding merged as it is",
            results={"y": lambda x, y, operation: UFUNCS[operation](x, y)},
            where="inputs == 2 and operation in ('add', 'multiply', 'maximum', 'minimum')",
        ),
        Fault(
            name="left out where either is padding",
            results={
                "y": lambda result, x_mask, y_mask: np.where((x_mask & y_mask)[..., np.newaxis], result, 0.0)
            },
            where="inputs == 2",
        ),
        Fault(
            name="average of two, whatever counts",
            results={
                "y": lambda x, y, x_mask, y_mask: (
                    0.5 * np.where(x_mask[..., np.newaxis], x, 0)
                    + 0.5 * np.where(y_mask[..., np.newaxis], y, 0)
                )
            },
            where="operation == 'average' and inputs == 2 and excluded == 'left_out'",
        ),
    ),
    "dot_merge": (
        Fault(
            name="one norm alone",
            results={"y": lambda x, result, axes: result * _norms(x, axes[0])},
            where="normalize",
        ),
        Fault(
            name="norms of the other axis",
            results={"y": lambda x, y, axes: _cosines(x, y, axes)},
            where="normalize",
        ),
    ),
    "concatenate": (
        Fault(
            name="the first twice",
            results={"y": lambda x, y, axis: np.concatenate([x, x], axis=axis)},
            where="inputs == 2",
        ),
        Fault(
            name="the second first",
            results={"y": lambda x, y, axis: np.concatenate([y, x], axis=axis)},
            where="inputs == 2",
        ),
    ),
}
