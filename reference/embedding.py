"""Embedding layers: rows of a table, chosen by index."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_rank

__all__ = ["embedding", "embedding_vjp"]


def embedding(
    indices: Array, table: Array, *, out_of_range: str = "error", negative: str = "out_of_range"
) -> Array:
    """Lookup in a table of vectors.

    ``y[…, :] = table[indices[…], :]``

    Args:
        indices: whole numbers of any shape, from 0 to ``rows - 1``.
        table: ``(rows, features)``.
        out_of_range: what an index that is no row gives: ``error``; ``nan``, a row of NaN; ``clamp``, the
            nearest row.
        negative: ``wrap``: an index from ``-rows`` to -1 counts from the end; ``out_of_range``: it is no row.

    Returns:
        The shape of ``indices`` with ``features`` appended.

    Raises:
        ValueError: ``table`` has not two axes, or an index is no row where that is an error.

    Source: Bengio, Ducharme, Vincent and Jauvin (2003), A neural probabilistic language model, section 2.
    """
    require_rank("table", table, 2, "rows, features")
    found, outside = _rows(indices, table.shape[0], negative)
    require(
        out_of_range != "error" or not outside.any(),
        f"indices must lie between 0 and {table.shape[0] - 1}; got {indices[outside][:3].tolist()}",
    )
    y = np.take(table, found, axis=0)
    return np.where(outside[..., np.newaxis], np.nan, y) if out_of_range == "nan" else y


def embedding_vjp(
    indices: Array,
    table: Array,
    cotangent: Array,
    *,
    out_of_range: str = "error",
    negative: str = "out_of_range",
    padding_index: int | None = None,
) -> tuple[Array]:
    """Gradient of `embedding`: each row collects the cotangents of all places that chose it.

    A row of NaN passes none on, and the row ``padding_index`` gets none.
    """
    rows, features = table.shape
    found, outside = _rows(indices, rows, negative)
    chosen = (np.reshape(found, -1) == np.arange(rows)[:, np.newaxis]) & ~(
        np.reshape(outside, -1) & (out_of_range == "nan")
    )
    if padding_index is not None:
        chosen = chosen & (np.arange(rows) != padding_index)[:, np.newaxis]
    return (np.matmul(chosen.astype(np.float64), np.reshape(cotangent, (-1, features))),)


def _rows(indices: Array, rows: int, negative: str) -> tuple[Array, Array]:
    """The nearest row of each index, and whether the index is none."""
    counted = np.where(indices < 0, indices + rows, indices) if negative == "wrap" else indices
    return np.clip(counted, 0, rows - 1), (counted < 0) | (counted >= rows)
