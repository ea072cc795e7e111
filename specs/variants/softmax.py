"""Faults and controls of softmaxes, their logarithms and the sums in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.softmax import log_softmax, logsumexp, softmax
from ..language.variant import Control, Fault
from .activations import Array


def softmax_without_shift(x: Array, *, axis: Any = -1, temperature: float = 1.0) -> Array:
    """``exp(xᵢ) / Σⱼ exp(xⱼ)``, which overflows for large logits."""
    exponentials = np.exp(x / temperature)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


def softmin_without_shift(x: Array, *, axis: Any = -1) -> Array:
    """``exp(-xᵢ) / Σⱼ exp(-xⱼ)``, which overflows for small logits."""
    return softmax_without_shift(-x, axis=axis)


def log_softmax_without_shift(x: Array, *, axis: Any = -1) -> Array:
    """``xᵢ - log Σⱼ exp(xⱼ)``, which overflows for large logits."""
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def log_of_softmax(x: Array, *, axis: Any = -1) -> Array:
    """``log(softmax(x))``, infinite where the softmax underflows."""
    return np.log(softmax(x, axis=axis))


def online_softmax(x: Array, *, axis: int = -1, temperature: float = 1.0) -> Array:
    """One pass over the row: the sum is rescaled when the maximum grows (Milakov and Gimelshein, 2018)."""
    rows = np.moveaxis(x / temperature, axis, 0)
    top, total = rows[0], np.ones_like(rows[0])
    for row in rows[1:]:
        higher = np.maximum(top, row)
        total, top = total * np.exp(top - higher) + np.exp(row - higher), higher
    return np.moveaxis(np.exp(rows - top) / total, 0, axis)


def sparsemax_by_sorting(x: Array, *, axis: int = -1) -> Array:
    """As the paper has it: the greatest k with ``1 + k z_k > Σ z``, of the sorted logits z."""
    rows = np.moveaxis(x, axis, -1)
    rows = rows - np.max(rows, axis=-1, keepdims=True)
    z = np.take_along_axis(rows, np.argsort(-rows, axis=-1), axis=-1)
    total, k = np.cumsum(z, axis=-1), np.arange(1.0, rows.shape[-1] + 1.0)
    count = np.sum(1.0 + k * z > total, axis=-1, keepdims=True)
    level = (np.sum(np.where(k <= count, z, 0.0), axis=-1, keepdims=True) - 1.0) / count
    return np.moveaxis(np.maximum(rows - level, 0.0), -1, axis)


def logsumexp_without_shift(
    x: Array,
    mask: Array | None = None,
    weights: Array | None = None,
    *,
    axis: Any = -1,
    keepdims: bool = False,
    mean: bool = False,
) -> Array:
    """``log Σ exp(xᵢ)``, which overflows for large numbers."""
    powers = np.exp(x if mask is None else np.where(mask, x, -np.inf))
    powers = powers if weights is None else weights * powers
    total = np.log(np.sum(powers, axis=axis, keepdims=keepdims))
    if not mean:
        return total
    counts = np.ones(x.shape) if mask is None else 1.0 * mask
    return total - np.log(np.sum(counts, axis=axis, keepdims=keepdims))


WITHOUT_SHIFT = Fault(name="no maximum subtracted", reference=softmax_without_shift, rounds=True)


def _powers(x: Array, axis: Any) -> Array:
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


FAULTS = {
    "masked_softmax": (
        Fault(
            name="excluded elements set to 0 afterwards",
            results={"y": lambda x, mask, axis: np.where(mask, _powers(x, axis), 0.0)},
        ),
        Fault(
            name="uniform where nothing counts",
            results={"y": lambda result, mask: np.where(mask.any(axis=-1, keepdims=True), result, 1 / 17)},
            where="axis == -1 and data == 'masked_rows'",
        ),
        Fault(
            name="excluded elements are 0 beforehand",
            results={"y": lambda x, mask, axis: _powers(np.where(mask, x, 0.0), axis)},
        ),
    ),
    "masked_log_softmax": (
        Fault(
            name="logarithm of all, of which the excluded are left out afterwards",
            results={"y": lambda x, mask, axis: np.where(mask, log_softmax(x, axis=axis), -np.inf)},
        ),
        Fault(
            name="excluded elements are 0 beforehand",
            results={"y": lambda x, mask, axis: log_softmax(np.where(mask, x, 0.0), axis=axis)},
        ),
        Fault(
            name="-10⁹ in the place of -∞",
            results={"y": lambda result, mask: np.where(mask, result, -1e9)},
        ),
    ),
    "logsumexp": (
        Fault(name="no maximum subtracted", reference=logsumexp_without_shift, rounds=True),
        Fault(
            name="weights of x for those of its exponentials",
            results={
                "y": lambda x, weights, axis, keepdims: logsumexp(x * weights, axis=axis, keepdims=keepdims)
            },
            where="weighted and not masked",
        ),
        Fault(
            name="excluded numbers count as 0",
            inputs={
                "x": lambda given, mask: np.where(mask, given, 0.0),
                "mask": lambda given: np.ones_like(given),
            },
            where="masked",
        ),
        Fault(
            name="mean over all, whatever counts",
            results={"y": lambda result, x, mask: result + np.log(np.mean(mask))},
            where="mean and masked",
        ),
        Fault(name="-∞ gives NaN", results={"y": lambda result, x: result + 0.0 * np.min(x)}),
    ),
    "softmin": (
        Fault(name="no maximum subtracted", reference=softmin_without_shift, rounds=True),
        Fault(name="what the softmax leaves", results={"y": lambda x, axis: 1.0 - softmax(x, axis=axis)}),
    ),
    "sparsemax": (Fault(name="softmax", results={"y": lambda x, axis: softmax(x, axis=axis)}),),
    "softmax": (
        WITHOUT_SHIFT,
        Fault(name="base 2", reference=lambda x, *, axis=-1: softmax(x * np.log(2), axis=axis)),
        Fault(name="temperature 1.001", reference=lambda x, *, axis=-1: softmax(x / 1.001, axis=axis)),
        Fault(name="epsilon 1e-7 in the denominator", results={"y": lambda result: result / (1 + 1e-7)}),
        Fault(name="clipped below 1e-7", results={"y": lambda result: np.where(result < 1e-7, 1e-7, result)}),
        Fault(
            name="gradient without the sum over the row",
            gradients={"x": lambda x, cotangent, axis: softmax(x, axis=axis) * cotangent},
        ),
    ),
    "log_softmax": (
        Fault(name="no maximum subtracted", reference=log_softmax_without_shift, rounds=True),
        Fault(name="logarithm of the softmax", reference=log_of_softmax, rounds=True),
        Fault(name="logarithm to base 2", results={"y": lambda result: result / np.log(2)}),
        Fault(
            name="gradient y (g - Σ g y), that of the softmax",
            gradients={
                "x": lambda x, cotangent, axis: (
                    softmax(x, axis=axis)
                    * (cotangent - np.sum(cotangent * softmax(x, axis=axis), axis=axis, keepdims=True))
                )
            },
        ),
    ),
}

CONTROLS = {
    "sparsemax": (Control(name="by sorting", reference=sparsemax_by_sorting),),
    "softmax": (
        Control(name="online", reference=online_softmax, where="infinite_logit == 'nan' and axis != (1, 3)"),
    ),
}
