"""Faults and controls of products of groups of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.grouped import grouped_matmul, grouped_matmul_vjp
from ..language.variant import Control, Fault

Array = Any


def last_group_takes_the_rest(x: Array, kernel: Array, sizes: Array) -> Array:
    """Rows of nobody, multiplied by the last matrix."""
    rest = len(x) - sizes.sum()
    return grouped_matmul(x, kernel, np.concatenate([sizes[:-1], [sizes[-1] + rest]]))


def rest_in_the_gradient(x: Array, kernel: Array, sizes: Array, cotangent: Array) -> tuple[Array, Array]:
    """Gradients that reach rows of nobody, and come from them."""
    rest = len(x) - sizes.sum()
    return grouped_matmul_vjp(x, kernel, np.concatenate([sizes[:-1], [sizes[-1] + rest]]), cotangent)


def without_a_gap(x: Array, kernel: Array, sizes: Array) -> Array:
    """Groups without rows left out, their matrices with them: the next ones take their places."""
    order = np.argsort(sizes == 0, kind="stable")
    held = np.sort(np.flatnonzero(sizes))
    moved = np.concatenate([kernel[: len(held)], kernel[len(held) :]])
    return grouped_matmul(x, moved, sizes[order])


def multiplied_by_a_mask(x: Array, kernel: Array, sizes: Array) -> Array:
    """Rows of nobody times 0, so that NaN stays."""
    owned = (np.arange(len(x)) < sizes.sum())[:, None]
    return last_group_takes_the_rest(x, kernel, sizes) * owned


def by_loops(x: Array, kernel: Array, sizes: Array) -> Array:
    """One product after the other."""
    parts, start = [], 0
    for size, matrix in zip(sizes.tolist(), kernel, strict=True):
        if size:
            parts.append(np.matmul(x[start : start + size], matrix))
        start += size
    return np.concatenate([*parts, np.zeros((len(x) - start, kernel.shape[-1])) + 0.0 * kernel[0, 0]])


FAULTS = {
    "grouped_matmul": (
        Fault(name="rows of nobody by the last matrix", reference=last_group_takes_the_rest),
        Fault(name="gradients of rows of nobody", vjp=rest_in_the_gradient),
        Fault(name="matrices without a gap", reference=without_a_gap, where="groups > 1"),
        Fault(name="rows of nobody times 0", reference=multiplied_by_a_mask, where="data == 'nan'"),
        Fault(
            name="a group without rows left unwritten",
            gradients={
                "kernel": lambda gradient, sizes: np.where((sizes == 0)[:, None, None], 3.0, gradient)
            },
            where="groups > 1",
        ),
        Fault(
            name="rows of nobody left unwritten",
            results={
                "y": lambda x, result, sizes: np.where(
                    (np.arange(len(x)) < sizes.sum())[:, None], result, 7e31
                )
            },
        ),
    ),
}

CONTROLS = {"grouped_matmul": (Control(name="one product after the other", reference=by_loops),)}
