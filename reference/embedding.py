"""Embedding layers: rows of a table, chosen by index."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_rank

__all__ = ["embedding", "embedding_vjp"]

FILLED = {"nan": np.nan, "zero": 0.0}
"""What stands in the place of a row, by the policy for an index that is none."""


def embedding(
    indices: Array,
    table: Array,
    *,
    out_of_range: str = "error",
    negative: str = "out_of_range",
    padding_index: int | None = None,
    padding: str = "blocked",
) -> Array:
    """Lookup in a table of vectors.

    ``y[…, :] = table[indices[…], :]``

    Args:
        indices: whole numbers of any shape, from 0 to ``rows - 1``.
        table: ``(rows, features)``.
        out_of_range: what an index that is no row gives: ``error``; ``nan``, a row of NaN; ``zero``, a
            row of zeros; ``clamp``, the nearest row; ``modulo``, the remainder of its division
            by ``rows``.
        negative: ``wrap``: an index from ``-rows`` to -1 counts from the end; ``out_of_range``: it is no row.
        padding_index: a row that stands for no word, or None for none.
        padding: ``zeroed``: that row is read as zeros; ``blocked``: it is read as it is, but never learns.

    Returns:
        The shape of ``indices`` with ``features`` appended.

    Raises:
        ValueError: ``table`` has not two axes, or an index is no row where that is an error.

    Source: Bengio, Ducharme, Vincent and Jauvin (2003), A neural probabilistic language model, section 2.
    """
    require_rank("table", table, 2, "rows, features")
    found, outside = _rows(indices, table.shape[0], out_of_range, negative)
    require(
        out_of_range != "error" or not outside.any(),
        f"indices must lie between 0 and {table.shape[0] - 1}; got {indices[outside][:3].tolist()}",
    )
    y = np.take(table, found, axis=0)
    if out_of_range in FILLED:
        y = np.where(outside[..., np.newaxis], FILLED[out_of_range], y)
    padded = found == padding_index if padding == "zeroed" and padding_index is not None else None
    return y if padded is None else np.where(padded[..., np.newaxis], 0.0, y)


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

    Rows not looked up get zero. A row of NaN or of zeros passes none on, and the row ``padding_index`` gets
    none, whether it is read as zeros or not.
    """
    rows, features = table.shape
    found, outside = _rows(indices, rows, out_of_range, negative)
    chosen = (np.reshape(found, -1) == np.arange(rows)[:, np.newaxis]) & ~(
        np.reshape(outside, -1) & (out_of_range in FILLED)
    )
    if padding_index is not None:
        chosen = chosen & (np.arange(rows) != padding_index)[:, np.newaxis]
    return (np.matmul(chosen.astype(np.float64), np.reshape(cotangent, (-1, features))),)


def _rows(indices: Array, rows: int, out_of_range: str, negative: str) -> tuple[Array, Array]:
    """The row that each index chooses, or the nearest one, and whether the index is none."""
    if out_of_range == "modulo":
        return indices % rows, np.zeros(indices.shape, bool)
    counted = np.where(indices < 0, indices + rows, indices) if negative == "wrap" else indices
    return np.clip(counted, 0, rows - 1), (counted < 0) | (counted >= rows)
