"""Layers that make one array of several.

Each function stands beside its vector-Jacobian product, ``name_vjp(inputs…, cotangent, …)``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from .checks import Array, require, require_mask

OPERATIONS = ("add", "subtract", "multiply", "average", "maximum", "minimum")


def merge(x: Array, y: Array, z: Array | None = None, *, operation: str = "add") -> Array:
    """Two or three arrays, element by element.

    ``x + y + z``, ``x - y``, ``x y z``, ``(x + y + z) / n``, ``max(x, y, z)`` or ``min(x, y, z)``

    Args:
        x: any shape.
        y: the shape of ``x``, or of length 1 along axes where one element stands for all.
        z: the shape of ``x``, or None.
        operation: one of `OPERATIONS`; ``subtract`` takes two arrays. NaN is not passed over by any.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: the operation is none of these, the shapes do not fit, or three arrays are subtracted.
    """
    given = _given(x, y, z)
    require(operation in OPERATIONS, f"operation must be one of {', '.join(OPERATIONS)}; got {operation!r}")
    require(operation != "subtract" or z is None, "operation 'subtract' takes two arrays; got three")
    for name, array in zip("yz", given[1:], strict=False):
        fits = array.ndim == x.ndim and all(n in (1, m) for n, m in zip(array.shape, x.shape, strict=True))
        require(fits, f"{name} must have the shape {x.shape} of x, or 1 in places; got {array.shape}")
    if operation == "average":
        return functools.reduce(np.add, [array / float(len(given)) for array in given])
    return functools.reduce(UFUNCS[operation], given)


UFUNCS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def merge_vjp(
    x: Array,
    y: Array,
    z: Array | None,
    cotangent: Array,
    *,
    operation: str = "add",
    tie_gradient: str = "split",
    nan_gradient: str = "both",
) -> tuple[Array | None, ...]:
    """Gradients of `merge`, which sum over what one element stands for.

    Of several maxima or minima two at a time are compared. Of a tie, each has half of the cotangent
    (``split``), or the ``first`` all. Where one is NaN, ``both`` have it, ``neither``, or the ``second``.
    """
    given = _given(x, y, z)
    if operation in ("maximum", "minimum"):
        wide = _gradients_of_extremes(given, cotangent, operation, tie_gradient, nan_gradient)
    elif operation == "multiply":
        wide = [_product([*given[:n], cotangent, *given[n + 1 :]]) for n in range(len(given))]
    else:
        shares = {"add": [1.0] * len(given), "subtract": [1.0, -1.0]}
        each = 1.0 / float(len(given))
        wide = [share * cotangent for share in shares.get(operation, [each] * len(given))]
    narrow = [_summed(gradient, array.shape) for gradient, array in zip(wide, given, strict=True)]
    return (*narrow, None) if z is None else tuple(narrow)


NEUTRAL = {"add": 0.0, "average": 0.0, "multiply": 1.0, "maximum": -np.inf, "minimum": np.inf}
"""What changes no result, by operation."""


def masked_merge(
    x: Array,
    y: Array,
    z: Array | None,
    x_mask: Array,
    y_mask: Array,
    z_mask: Array | None = None,
    *,
    operation: str = "maximum",
    excluded: str = "left_out",
) -> Array:
    """Sequences merged step by step, each of which has padding of its own.

    Of the arrays whose step counts, it is the sum, product, average, maximum or minimum; 0 where none does

    Args:
        x: ``(batch, steps, features)``.
        y: the shape of ``x``.
        z: the shape of ``x``, or None.
        x_mask: ``(batch, steps)``, True where a step counts.
        y_mask: the shape of ``x_mask``.
        z_mask: the shape of ``x_mask``, or None as ``z``.
        operation: one of `NEUTRAL`.
        excluded: ``left_out``: of what does not count nothing is seen; ``zero``: it is merged as 0, which is
            neutral in a sum alone, and counts in an average.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: the operation or ``excluded`` is none of these, or a mask is not one of steps.
    """
    held, counts = _held([x, y, z], [x_mask, y_mask, z_mask], operation, excluded)
    if excluded == "zero":
        return merge(*held, operation=operation)
    number = np.sum(counts, axis=0)
    merged = merge(*held, operation="add" if operation == "average" else operation)
    merged = merged / np.maximum(number, 1.0) if operation == "average" else merged
    return np.where(number > 0, merged, 0.0)


def masked_merge_vjp(
    x: Array,
    y: Array,
    z: Array | None,
    x_mask: Array,
    y_mask: Array,
    z_mask: Array | None,
    cotangent: Array,
    *,
    operation: str = "maximum",
    excluded: str = "left_out",
) -> tuple[Array | None, ...]:
    """Gradients of `masked_merge`: those of `merge` where a step counts, and 0 elsewhere."""
    held, counts = _held([x, y, z], [x_mask, y_mask, z_mask], operation, excluded)
    if operation == "average" and excluded == "left_out":
        operation, cotangent = "add", cotangent / np.maximum(np.sum(counts, axis=0), 1.0)
    first, second, *third = held
    of_held = merge_vjp(first, second, third[0] if third else None, cotangent, operation=operation)
    known = [np.where(one > 0, g, 0.0) for one, g in zip(counts, of_held, strict=False) if g is not None]
    return (*known, None) if z is None else tuple(known)


def _held(
    arrays: Sequence[Array | None], masks: Sequence[Array | None], operation: str, excluded: str
) -> tuple[list[Array], list[Array]]:
    """Each array with what changes nothing, or 0, where it does not count, and where it does as 1."""
    require(operation in NEUTRAL, f"operation must be one of {', '.join(NEUTRAL)}; got {operation!r}")
    require(excluded in ("left_out", "zero"), f"excluded must be left_out or zero; got {excluded!r}")
    fill, held, counts = NEUTRAL[operation] if excluded == "left_out" else 0.0, [], []
    for name, array, mask in zip("xyz", arrays, masks, strict=True):
        if array is not None and mask is not None:
            require_mask(f"{name}_mask", mask, array.shape[:2], "batch, steps")
            held.append(np.where(mask[..., np.newaxis], array, fill))
            counts.append(np.broadcast_to(mask[..., np.newaxis], array.shape) * 1.0)
    return held, counts


def _given(x: Array, y: Array, z: Array | None) -> list[Array]:
    return [x, y] if z is None else [x, y, z]


def _product(factors: Sequence[Array]) -> Array:
    return functools.reduce(np.multiply, factors)


def _summed(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The sum along the axes in which an array of this shape has length 1."""
    axes = tuple(a for a, n in enumerate(shape) if n == 1 and gradient.shape[a] != 1)
    return np.sum(gradient, axis=axes, keepdims=True) if axes else gradient


def _gradients_of_extremes(
    given: Sequence[Array], cotangent: Array, operation: str, tie_gradient: str, nan_gradient: str
) -> list[Array]:
    """The last two of which are compared last, so its gradient is known first."""
    if len(given) == 1:
        return [cotangent]
    *others, last = given
    before = functools.reduce(UFUNCS[operation], others)
    first, second = _shares(before, last, operation, tie_gradient, nan_gradient)
    inner = _gradients_of_extremes(others, cotangent * first, operation, tie_gradient, nan_gradient)
    return [*inner, cotangent * second]


def _shares(x: Array, y: Array, operation: str, tie_gradient: str, nan_gradient: str) -> tuple[Array, Array]:
    """How much of the cotangent the first of two has, and the second."""
    ahead, behind = (x > y, x < y) if operation == "maximum" else (x < y, x > y)
    unknown, tie = (x != x) | (y != y), 0.5 if tie_gradient == "split" else 1.0
    first = np.where(ahead, 1.0, np.where(behind, 0.0, tie))
    second = np.where(behind, 1.0, np.where(ahead, 0.0, 1.0 - tie))
    return (
        np.where(unknown, 1.0 if nan_gradient == "both" else 0.0, first),
        np.where(unknown, 0.0 if nan_gradient == "neither" else 1.0, second),
    )


def concatenate(x: Array, y: Array, z: Array | None = None, *, axis: int = -1) -> Array:
    """Two or three arrays one after the other along an axis.

    Args:
        x: any shape.
        y: the shape of ``x`` but for its length along ``axis``, which may be 0.
        z: the shape of ``x`` but for its length along ``axis``, or None.
        axis: the axis along which they are joined.

    Returns:
        As long along ``axis`` as all together.

    Raises:
        ValueError: they differ in another axis, or ``axis`` is not an axis of ``x``.
    """
    require(-x.ndim <= axis < x.ndim, f"axis must be an axis of an array of shape {x.shape}; got {axis}")
    for name, array in zip("yz", _given(x, y, z)[1:], strict=False):
        fits = array.ndim == x.ndim and all(
            n == m for a, (n, m) in enumerate(zip(array.shape, x.shape, strict=True)) if a != axis % x.ndim
        )
        require(fits, f"{name} must have the shape {x.shape} of x but for axis {axis}; got {array.shape}")
    return np.concatenate(_given(x, y, z), axis=axis)


def concatenate_vjp(
    x: Array, y: Array, z: Array | None, cotangent: Array, *, axis: int = -1
) -> tuple[Array | None, ...]:
    """Gradients of `concatenate`: to each the part of the cotangent in its place."""
    last = np.moveaxis(cotangent, axis, -1)
    ends = np.cumsum([array.shape[axis] for array in _given(x, y, z)])
    starts = [0, *ends[:-1]]
    parts = [np.moveaxis(last[..., a:b], -1, axis) for a, b in zip(starts, ends, strict=True)]
    return (*parts, None) if z is None else tuple(parts)


NORM_LEAST = 1e-7
"""What norms are held above, as Keras holds them."""


def dot_merge(x: Array, y: Array, *, axes: tuple[int, int] = (2, 2), normalize: bool = False) -> Array:
    """Products of the rows of two arrays, sample by sample.

    ``zᵢⱼ = Σₖ xᵢₖ yⱼₖ``, or with ``normalize`` the cosines ``zᵢⱼ / (max(‖xᵢ‖, ε) max(‖yⱼ‖, ε))``

    with ``ε = 1e-7``.

    Args:
        x: ``(batch, rows, features)``, or with features before rows.
        y: ``(batch, columns, features)``, or with features before columns.
        axes: the axes of x and y that hold the features.
        normalize: whether cosines are taken.

    Returns:
        ``(batch, rows, columns)``.

    Raises:
        ValueError: x and y differ in their features.
    """
    one, other = x.shape[axes[0]], y.shape[axes[1]]
    require(one == other, f"x and y must have as many features; got {one} and {other}")
    rows, columns = _last(x, axes[0]), _last(y, axes[1])
    if normalize:
        rows, columns = rows / _norms(rows), columns / _norms(columns)
    return np.einsum("bik,bjk->bij", rows, columns)


def dot_merge_vjp(
    x: Array, y: Array, cotangent: Array, *, axes: tuple[int, int] = (2, 2), normalize: bool = False
) -> tuple[Array, Array]:
    """Gradients of `dot_merge`; through a norm that is not held, what is along the row itself is lost."""
    rows, columns = _last(x, axes[0]), _last(y, axes[1])
    units = (rows / _norms(rows), columns / _norms(columns)) if normalize else (rows, columns)
    of_rows = np.einsum("bij,bjk->bik", cotangent, units[1])
    of_columns = np.einsum("bij,bik->bjk", cotangent, units[0])
    if normalize:
        of_rows, of_columns = _through_norms(rows, of_rows), _through_norms(columns, of_columns)
    return np.moveaxis(of_rows, -1, axes[0]), np.moveaxis(of_columns, -1, axes[1])


def _last(x: Array, axis: int) -> Array:
    return np.moveaxis(x, axis, -1)


def _norms(rows: Array) -> Array:
    return np.maximum(np.sqrt(np.sum(np.square(rows), axis=-1, keepdims=True)), NORM_LEAST)


def _through_norms(rows: Array, gradient: Array) -> Array:
    """The gradient of rows from that of the rows divided by their norms."""
    norms = _norms(rows)
    units = rows / norms
    along = np.sum(gradient * units, axis=-1, keepdims=True)
    return np.where(norms > NORM_LEAST, gradient - units * along, gradient) / norms
