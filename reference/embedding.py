"""Embedding layers: rows of a table, chosen by index, one by one or in bags; and classes as numbers."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_mask, require_rank, require_shape
from .constraints import euclidean_norm, max_norm_vjp, shortening

__all__ = [
    "embedding",
    "embedding_bag",
    "embedding_bag_vjp",
    "embedding_vjp",
    "multi_hot",
    "multi_hot_vjp",
    "one_hot",
    "one_hot_vjp",
    "renormed_embedding",
    "renormed_embedding_vjp",
    "tied_embedding",
    "tied_embedding_vjp",
]

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


# --- bags ---

MODES = ("sum", "mean", "sqrtn", "max")


def embedding_bag(
    indices: Array,
    table: Array,
    mask: Array | None = None,
    weights: Array | None = None,
    *,
    mode: str = "mean",
    padding_index: int | None = None,
) -> Array:
    """Lookup of bags of rows, each of which is reduced to one vector.

    ``y[b, :] = Σ_t w[b, t] table[indices[b, t], :] / n[b]`` over the places that count

    - ``sum``: ``n`` is 1;
    - ``mean``: ``n = Σ_t w[b, t]``, without weights the number of places;
    - ``sqrtn``: ``n = √(Σ_t w[b, t]²)``;
    - ``max``: the greatest of each feature; it takes no weights.

    A bag in which nothing counts is 0.

    Args:
        indices: ``(batch, places)``, whole numbers from 0 to ``rows - 1`` where they count.
        table: ``(rows, features)``.
        mask: ``(batch, places)``, True where a place counts, or None for all.
        weights: ``(batch, places)``, or None for 1.
        mode: one of the above.
        padding_index: a row that does not count, or None for none.

    Returns:
        ``(batch, features)``.

    Raises:
        ValueError: shapes do not fit, an index that counts is no row, ``mode`` is none of the above, or there
            are weights of a maximum.

    Source: torch.nn.EmbeddingBag; tf.nn.embedding_lookup_sparse.
    """
    counts = _counting(indices, table, mask, weights, mode, padding_index)
    rows = np.take(table, np.where(counts, indices, 0), axis=0)
    filled = counts.any(axis=1)[:, np.newaxis]
    if mode == "max":
        return np.where(filled, np.max(np.where(counts[..., np.newaxis], rows, -np.inf), axis=1), 0.0)
    shares = np.where(counts, 1.0 if weights is None else weights, 0.0)
    total = np.sum(np.where(counts[..., np.newaxis], shares[..., np.newaxis] * rows, 0.0), axis=1)
    return np.where(filled, total / np.where(filled, _divisor(shares, mode), 1.0), 0.0)


def embedding_bag_vjp(
    indices: Array,
    table: Array,
    mask: Array | None,
    weights: Array | None,
    cotangent: Array,
    *,
    mode: str = "mean",
    padding_index: int | None = None,
    by_frequency: bool = False,
) -> tuple[Array, Array | None]:
    """Gradient of `embedding_bag`: each row collects its shares of the cotangents of its bags.

    Of a maximum the first of the greatest takes it all. A weight's is ``g · (row - y n' ) / n``, with ``n'``
    the derivative of ``n``. ``by_frequency``, a row's is divided by how often it counts in the batch.
    """
    counts = _counting(indices, table, mask, weights, mode, padding_index)
    shares = np.where(counts, 1.0 if weights is None else weights, 0.0)
    filled = counts.any(axis=1)[:, np.newaxis]
    divisor = np.where(filled, _divisor(shares, mode), 1.0)
    rows = np.take(table, np.where(counts, indices, 0), axis=0)
    if mode == "max":
        greatest = np.argmax(np.where(counts[..., np.newaxis], rows, -np.inf), axis=1)[:, np.newaxis]
        takes = (np.arange(indices.shape[1])[:, np.newaxis] == greatest) & filled[..., np.newaxis]
        places = np.where(takes, cotangent[:, np.newaxis], 0.0)
    else:
        scaled = cotangent if mode == "sum" else cotangent * (np.ones_like(cotangent[:, :1]) / divisor)
        each = scaled[:, np.newaxis] if weights is None else weights[..., np.newaxis] * scaled[:, np.newaxis]
        places = np.where(counts[..., np.newaxis], each, 0.0)
    chosen = (np.reshape(np.where(counts, indices, -1), -1) == np.arange(len(table))[:, np.newaxis]) * 1.0
    gradient = np.matmul(chosen, np.reshape(places, (-1, table.shape[1])))
    if by_frequency:
        gradient = gradient / np.maximum(chosen.sum(axis=1), 1.0)[:, np.newaxis]
    if weights is None:
        return gradient, None
    of_rows = np.sum(rows * cotangent[:, np.newaxis], axis=-1)
    if mode != "sum":
        slope = 1.0 if mode == "mean" else shares / divisor
        of_bag = np.sum(np.sum(shares[..., np.newaxis] * rows, axis=1) / divisor * cotangent, axis=-1)
        of_rows = (of_rows - of_bag[:, np.newaxis] * slope) / divisor
    return gradient, np.where(counts, of_rows, 0.0)


def _counting(
    indices: Array,
    table: Array,
    mask: Array | None,
    weights: Array | None,
    mode: str,
    padding_index: int | None,
) -> Array:
    """Which places of bags that may be asked count."""
    require_rank("table", table, 2, "rows, features")
    require_rank("indices", indices, 2, "batch, places")
    require(mode in MODES, f"mode must be one of {', '.join(MODES)}; got {mode!r}")
    require(weights is None or mode != "max", "there must be no weights of a maximum")
    if weights is not None:
        require_shape("weights", weights, indices.shape, "batch, places")
    counts = np.ones(indices.shape, bool)
    if mask is not None:
        require_mask("mask", mask, indices.shape, "batch, places")
        counts = counts & mask
    outside = counts & ((indices < 0) | (indices >= len(table)))
    found = indices[outside][:3].tolist()
    require(not found, f"indices must lie between 0 and {len(table) - 1}; got {found}")
    return counts if padding_index is None else counts & (indices != padding_index)


def _divisor(shares: Array, mode: str) -> Array:
    """What the sum of a bag is divided by: ``(batch, 1)``."""
    if mode == "mean":
        return np.sum(shares, axis=1, keepdims=True)
    if mode == "sqrtn":
        return np.sqrt(np.sum(shares * shares, axis=1, keepdims=True))
    return np.ones((len(shares), 1))


# --- rows that are kept short ---

NORMS = {
    1: lambda table: np.sum(np.abs(table), axis=1, keepdims=True),
    2: lambda table: euclidean_norm(table, (1,)),
    float("inf"): lambda table: np.max(np.abs(table), axis=1, keepdims=True),
}
"""The norms of the rows of a table, by their degree."""


def renormed_embedding(
    indices: Array,
    table: Array,
    *,
    max_value: float,
    norm_type: float = 2,
    in_place: bool = True,
    mode: str = "rows",
    epsilon_at: str = "none",
) -> tuple[Array, Array]:
    """Lookup in a table whose rows are shortened to a greatest norm when they are looked up.

    ``y[…, :] = t[indices[…], :]`` of the table ``t[r, :] = table[r, :] min(1, c / n)``, with ``n`` the norm
    of row r and ε as in `max_norm`; ``sum`` and ``mean`` take those over the last axis of the indices

    Args:
        indices: ``(batch, steps)``, whole numbers from 0 to ``rows - 1``.
        table: ``(rows, features)``.
        max_value: c, positive.
        norm_type: the degree of the norm: 1, 2 or infinity.
        in_place: the table itself is changed in the rows that are looked up, and what learns is the table as
            it is then; else it stays, and the gradient goes through the factor.
        mode: ``rows``, ``sum`` or ``mean``.
        epsilon_at: where ε = 1e-7 acts: ``none`` or ``beyond``.

    Returns:
        ``(batch, steps, features)``, of a sum or mean ``(batch, features)``; the table as the call leaves it.

    Raises:
        ValueError: an index is no row, ``max_value`` is not positive, or an option is none of these.

    Source: ``torch.nn.Embedding``; Srivastava et al. (2014), Dropout, section 5.1, on max-norm.
    """
    require(max_value > 0, f"max_value must be positive; got {max_value}")
    require(norm_type in NORMS, f"norm_type must be 1, 2 or infinity; got {norm_type}")
    require(in_place or norm_type == 2, "norm_type must be 2 of a table that stays")
    require(mode in ("rows", "sum", "mean"), f"mode must be rows, sum or mean; got {mode!r}")
    short = table * shortening(NORMS[norm_type](table), max_value, epsilon_at)[0]
    y = embedding(indices, short)
    if mode != "rows":
        y = np.sum(y, axis=1) / (indices.shape[1] if mode == "mean" else 1)
    return y, np.where(_met(indices, table) & in_place, short, table)


def renormed_embedding_vjp(
    indices: Array,
    table: Array,
    cotangent: Array,
    *,
    max_value: float,
    norm_type: float = 2,
    in_place: bool = True,
    mode: str = "rows",
    epsilon_at: str = "none",
) -> tuple[Array]:
    """Gradient of `renormed_embedding`: that of a lookup; then that of `max_norm` where the table stays."""
    if mode != "rows":
        share = cotangent / (indices.shape[1] if mode == "mean" else 1)
        cotangent = share[:, np.newaxis] * np.ones((*indices.shape, 1))
    (of_rows,) = embedding_vjp(indices, table, cotangent)
    if in_place:
        return (of_rows,)
    (through,) = max_norm_vjp(table, of_rows, max_value=max_value, axis=1, epsilon_at=epsilon_at)
    return (np.where(_met(indices, table), through, 0.0),)


def _met(indices: Array, table: Array) -> Array:
    """Which rows of a table are looked up: ``(rows, 1)``."""
    return np.isin(np.arange(len(table)), indices)[:, np.newaxis]


# --- the table once more, from vectors to rows ---


def tied_embedding(
    x: Array, table: Array | None = None, reverse: Array | None = None, *, soft_cap: float | None = None
) -> Array:
    """Scores of all rows of an embedding's table: the lookup backwards.

    ``y = x tableᵀ``, or ``y = x reverse``; with a soft cap ``c`` that is ``c tanh(y / c)``

    Args:
        x: ``(…, features)``.
        table: ``(rows, features)``, that of the lookup; or None.
        reverse: ``(features, rows)``, a kernel of its own in the place of the table; or None.
        soft_cap: ``c``, which no score exceeds, or None for none.

    Returns:
        ``(…, rows)``.

    Raises:
        ValueError: there is a table and a kernel, or neither, or its features are not those of ``x``.

    Source: Press and Wolf (2017), Using the output embedding to improve language models, arXiv:1608.05859;
    Gemma Team (2024), Gemma 2, arXiv:2408.00118, section 2, for the soft cap.
    """
    y = np.matmul(x, _kernel(x, table, reverse))
    return y if soft_cap is None else soft_cap * np.tanh(y / soft_cap)


def tied_embedding_vjp(
    x: Array,
    table: Array | None,
    reverse: Array | None,
    cotangent: Array,
    *,
    soft_cap: float | None = None,
) -> tuple[Array, Array | None, Array | None]:
    """Gradient of `tied_embedding`: that of a product, times ``1 - tanh²(y / c)``."""
    kernel = _kernel(x, table, reverse)
    if soft_cap is not None:
        bounded = np.tanh(np.matmul(x, kernel) / soft_cap)
        cotangent = cotangent * ((1.0 - bounded) * (1.0 + bounded))
    features, rows = kernel.shape
    flat = np.matmul(np.reshape(x, (-1, features)).T, np.reshape(cotangent, (-1, rows)))
    of_table, of_reverse = (flat.T, None) if reverse is None else (None, flat)
    return np.matmul(cotangent, kernel.T), of_table, of_reverse


def _kernel(x: Array, table: Array | None, reverse: Array | None) -> Array:
    require((table is None) != (reverse is None), "there must be a table, or a kernel in its place")
    kernel: Array = reverse if table is None else table.T
    require_rank("the table", kernel, 2, "features, rows")
    require_shape("the features", kernel[:, 0], (x.shape[-1],), "features")
    return kernel


# --- classes as numbers ---


def one_hot(indices: Array, *, depth: int, axis: int = -1, out_of_range: str = "error") -> Array:
    """Each class as a vector of 0 and a single 1.

    ``y[…, c, …] = 1 if indices[…] = c else 0``

    Args:
        indices: whole numbers of any shape.
        depth: how many classes there are.
        axis: where theirs stands in the result.
        out_of_range: what an index that is no class gives: ``error``, or ``zeros``.

    Returns:
        Integers in the shape of ``indices``, with an axis of ``depth``.

    Raises:
        ValueError: an index is no class where that is an error.

    Source: numpy.eye(depth)[indices].
    """
    outside = (indices < 0) | (indices >= depth)
    require(
        out_of_range == "zeros" or not outside.any(),
        f"indices must lie between 0 and {depth - 1}; got {indices[outside][:3].tolist()}",
    )
    return np.moveaxis((indices[..., np.newaxis] == np.arange(depth)).astype(np.int64), -1, axis)


def one_hot_vjp(
    indices: Array, cotangent: Array, *, depth: int, axis: int = -1, out_of_range: str = "error"
) -> tuple[()]:
    """Gradient of `one_hot`: whole numbers have none."""
    return ()


def multi_hot(indices: Array, *, depth: int, mode: str = "present", out_of_range: str = "error") -> Array:
    """Which classes occur in each sample, or how often.

    ``y[b, c] = Σ_t [indices[b, t] = c]``, or 1 where that is positive

    Args:
        indices: ``(batch, places)``, whole numbers.
        depth: how many classes there are.
        mode: ``present`` for 0 and 1, ``count`` for the sum.
        out_of_range: what an index that is no class does: ``error``, or ``zeros``, none of which counts.

    Returns:
        Integers ``(batch, depth)``.

    Raises:
        ValueError: an index is no class where that is an error, or ``mode`` is neither.

    Source: numpy.bincount.
    """
    require_rank("indices", indices, 2, "batch, places")
    require(mode in ("present", "count"), f"mode must be present or count; got {mode!r}")
    times = np.sum(one_hot(indices, depth=depth, out_of_range=out_of_range), axis=1)
    return np.minimum(times, 1) if mode == "present" else times


def multi_hot_vjp(
    indices: Array, cotangent: Array, *, depth: int, mode: str = "present", out_of_range: str = "error"
) -> tuple[()]:
    """Gradient of `multi_hot`: whole numbers have none."""
    return ()


def _rows(indices: Array, rows: int, out_of_range: str, negative: str) -> tuple[Array, Array]:
    """The row that each index chooses, or the nearest one, and whether the index is none."""
    if out_of_range == "modulo":
        return indices % rows, np.zeros(indices.shape, bool)
    counted = np.where(indices < 0, indices + rows, indices) if negative == "wrap" else indices
    return np.clip(counted, 0, rows - 1), (counted < 0) | (counted >= rows)
