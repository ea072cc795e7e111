"""Products of groups of rows, each with a matrix of its own, as of the tokens of experts."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_rank, require_shape

__all__ = ["grouped_matmul", "grouped_matmul_vjp"]


def grouped_matmul(x: Array, kernel: Array, sizes: Array) -> Array:
    """Rows of each group times the matrix of the group.

    ``y_t = x_t W_e`` for the rows t of group e, which follow those of the groups before

    Rows past the last group are nobody's: whatever they hold, they give 0, and reach no gradient.

    Args:
        x: ``(rows, depth)``.
        kernel: W, ``(groups, depth, units)``.
        sizes: ``(groups,)``, how many rows each group has: whole numbers, of which any may be 0.

    Returns:
        ``(rows, units)``

    Raises:
        ValueError: a shape does not fit, a size is negative, or all together are more than there are rows.

    Source: Gale et al. (2022), MegaBlocks, arXiv:2211.15841, section 4.
    """
    require_rank("x", x, 2, "rows, depth")
    require_rank("kernel", kernel, 3, "groups, depth, units")
    require(kernel.shape[1] == x.shape[1], f"kernel must have the depth {x.shape[1]}; got {kernel.shape[1]}")
    require_shape("sizes", sizes, kernel.shape[:1], "groups")
    fits = bool((sizes >= 0).all()) and sizes.sum() <= len(x)
    require(fits, f"sizes must not be negative, nor above {len(x)} together; got {sizes.tolist()}")
    groups, owned = _owners(x, sizes)
    y = np.einsum("td,tdu->tu", np.where(owned, x, 0.0), np.take(kernel, groups, axis=0))
    return np.where(owned, y, 0.0)


def grouped_matmul_vjp(x: Array, kernel: Array, sizes: Array, cotangent: Array) -> tuple[Array, Array]:
    """Gradients of `grouped_matmul`: of a group without rows the matrix has a gradient of 0."""
    groups, owned = _owners(x, sizes)
    through = np.where(owned, cotangent, 0.0)
    of_x = np.einsum("tu,tdu->td", through, np.take(kernel, groups, axis=0))
    ends = np.cumsum(sizes)
    of_kernel = [
        np.einsum("td,tu->du", x[end - size : end], cotangent[end - size : end])
        if size
        else np.zeros_like(kernel[0])
        for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)
    ]
    return np.where(owned, of_x, 0.0), np.stack(of_kernel)


def _owners(x: Array, sizes: Array) -> tuple[Array, Array]:
    """The group of each row, the last one for what is nobody's; and whether the row is anybody's."""
    ends, rows = np.cumsum(sizes), np.arange(len(x))
    groups = np.minimum(np.searchsorted(ends, rows, side="right"), len(sizes) - 1)
    return groups, (rows < ends[-1])[:, np.newaxis]
