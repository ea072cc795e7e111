"""The softmax family: exponentials that are normalized along one axis or several, their logarithms and sums.

Each function stands beside its vector-Jacobian product, ``name_vjp(inputs…, cotangent, …)``.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import Array, require, require_axis

Axes = int | tuple[int, ...] | None


def softmax(x: Array, *, axis: Axes = -1, temperature: float = 1.0, infinite_logit: str = "nan") -> Array:
    """Normalised exponentials along one axis or several.

    ``softmax(x)ᵢ = exp(xᵢ/T - m) / Σⱼ exp(xⱼ/T - m)`` with ``m = maxⱼ xⱼ/T``

    Args:
        x: logits, any shape with at least one element along the axes.
        axis: the axes that sum to one; None for all.
        temperature: ``T``, positive: above 1 it evens the shares, below it sharpens them.
        infinite_logit: beside a lone logit of ∞ all are ``nan``, for ∞ - ∞; or probabilities are ``one_hot``,
            the limit as it grows. Two of them leave their ratio open: NaN in either case.

    Returns:
        The shape of ``x``, in [0, 1].

    Raises:
        ValueError: ``axis`` is not an axis of ``x``, ``temperature`` is not positive, or ``infinite_logit``
            is neither.

    Source: Bridle (1990), Training stochastic model recognition algorithms as networks; Hinton, Vinyals and
    Dean (2015), Distilling the knowledge in a neural network, equation 1, for the temperature.
    """
    require(temperature > 0, f"temperature must be positive; got {temperature}")
    axes = _axes(x, axis)
    exponentials = np.exp(_shifted(x if temperature == 1 else x / temperature, axes, infinite_logit))
    return _unrolled(exponentials / np.sum(exponentials, axis=-1, keepdims=True), x.shape, axes)


def softmax_vjp(
    x: Array, cotangent: Array, *, axis: Axes = -1, temperature: float = 1.0, infinite_logit: str = "nan"
) -> tuple[Array]:
    """Gradient of `softmax`: ``y (g - Σ g y) / T``."""
    y = softmax(x, axis=axis, temperature=temperature, infinite_logit=infinite_logit)
    gradient = y * (cotangent - np.sum(cotangent * y, axis=_axes(x, axis), keepdims=True))
    return (gradient if temperature == 1 else gradient / temperature,)


def softmin(x: Array, *, axis: Axes = -1, infinite_logit: str = "nan") -> Array:
    """Softmax of the negative logits, in which the smallest has the largest share.

    ``softmin(x) = softmax(-x)``

    Args:
        x: any shape with at least one element along the axes.
        axis: the axes that sum to one; None for all.
        infinite_logit: as of `softmax`, of a lone -∞.

    Returns:
        The shape of ``x``, in [0, 1].

    Raises:
        ValueError: ``axis`` is not an axis of ``x``, or ``infinite_logit`` is neither.
    """
    return softmax(-x, axis=axis, infinite_logit=infinite_logit)


def softmin_vjp(x: Array, cotangent: Array, *, axis: Axes = -1, infinite_logit: str = "nan") -> tuple[Array]:
    """Gradient of `softmin`: that of the softmax, negative."""
    (gradient,) = softmax_vjp(-x, cotangent, axis=axis, infinite_logit=infinite_logit)
    return (-gradient,)


def log_softmax(x: Array, *, axis: Axes = -1, infinite_logit: str = "nan") -> Array:
    """Logarithm of the softmax.

    ``log_softmax(x)ᵢ = (xᵢ - m) - log Σⱼ exp(xⱼ - m)`` with ``m = maxⱼ xⱼ``

    Args:
        x: logits, any shape with at least one element along the axes.
        axis: the axes whose exponentials sum to one; None for all.
        infinite_logit: as of `softmax`; the limits are 0 of the lone infinite logit, and -∞ of the others.

    Returns:
        The shape of ``x``, at most 0.

    Raises:
        ValueError: ``axis`` is not an axis of ``x``, or ``infinite_logit`` is neither.

    Source: Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax
    functions, section 2.
    """
    axes = _axes(x, axis)
    shifted = _shifted(x, axes, infinite_logit)
    total = np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    return _unrolled(shifted - total, x.shape, axes)


def log_softmax_vjp(
    x: Array, cotangent: Array, *, axis: Axes = -1, infinite_logit: str = "nan"
) -> tuple[Array]:
    """Gradient of `log_softmax`: ``g - softmax(x) Σ g``."""
    y = softmax(x, axis=axis, infinite_logit=infinite_logit)
    return (cotangent - y * np.sum(cotangent, axis=_axes(x, axis), keepdims=True),)


def logsumexp(
    x: Array,
    mask: Array | None = None,
    weights: Array | None = None,
    *,
    axis: Axes = -1,
    keepdims: bool = False,
    mean: bool = False,
) -> Array:
    """Logarithm of a sum of exponentials, or of their mean.

    ``logsumexp(x) = m + log Σ wᵢ exp(xᵢ - m)`` with ``m = max xᵢ``, and with ``mean`` less ``log n``

    Args:
        x: any shape with at least one element along the axes.
        mask: the shape of ``x``, True where an element counts; all do without one.
        weights: the shape of ``x``, positive: how often each element counts; 1 without them.
        axis: one axis, several, or None for all.
        keepdims: whether these axes are kept, with length 1.
        mean: whether the sum is divided by the number n of elements that count.

    Returns:
        ``x`` without the axes. -∞ where every element that counts is -∞, or none does; the mean of none is
        NaN.

    Source: Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions,
    section 2.
    """
    axes = _axes(x, axis)
    rows, counts = _rows(x, axes), None if mask is None else _rows(mask, axes)
    held = rows if counts is None else np.where(counts, rows, -np.inf)
    shifted = np.where(np.isinf(held), held, _below_finite_maximum(held))
    powers = np.exp(shifted) if weights is None else np.exp(shifted) * _rows(weights, axes)
    total = np.max(held, axis=-1) + np.log(np.sum(powers, axis=-1))
    if mean:
        total = total - np.log(1.0 * (rows.shape[-1] if counts is None else np.sum(counts, axis=-1)))
    return np.expand_dims(total, axes) if keepdims else total


def logsumexp_vjp(
    x: Array,
    mask: Array | None,
    weights: Array | None,
    cotangent: Array,
    *,
    axis: Axes = -1,
    keepdims: bool = False,
) -> tuple[Array, Array | None]:
    """Gradient of `logsumexp`, and of the mean: the softmax over what counts, 0 elsewhere and beside an ∞.

    At ∞ itself it is NaN, for several may meet there, and so it is where all are -∞. A weight's is the share
    of its element for each time that it counts.
    """
    axes = _axes(x, axis)
    rows = _rows(x if mask is None else np.where(mask, x, -np.inf), axes)
    top, powers = np.max(rows, axis=-1, keepdims=True), np.exp(_below_finite_maximum(rows))
    weighed = powers if weights is None else powers * _rows(weights, axes)
    total = np.sum(weighed, axis=-1, keepdims=True)
    beside = np.where((top > 0) & (rows < np.inf), 0.0, np.nan)
    wide = cotangent if keepdims else np.expand_dims(cotangent, axes)

    def gradient(shares: Array) -> Array:
        known = _unrolled(np.where(np.isinf(top), beside, shares / total), x.shape, axes)
        return known * wide if mask is None else np.where(mask, known * wide, 0.0)

    return gradient(weighed), None if weights is None else gradient(powers)


def _below_finite_maximum(rows: Array) -> Array:
    """`below_maximum` along the last axis, and 0 where the largest is infinite."""
    finite = np.where(np.isinf(np.max(rows, axis=-1, keepdims=True)), 0.0, rows)
    return below_maximum(finite, finite, -1)


def _axes(x: Array, axis: Axes) -> tuple[int, ...]:
    """The axes, counted from the front."""
    several = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for one in several:
        require_axis(x, one)
    return tuple(sorted(one % x.ndim for one in several))


def _rows(x: Array, axes: tuple[int, ...]) -> Array:
    """The array with these axes as one, its last."""
    last = np.moveaxis(x, axes, tuple(range(-len(axes), 0)))
    return np.reshape(last, (*last.shape[: x.ndim - len(axes)], math.prod(x.shape[a] for a in axes)))


def _unrolled(rows: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """The array of this shape whose `_rows` these are."""
    kept = tuple(n for a, n in enumerate(shape) if a not in axes) + tuple(shape[a] for a in axes)
    return np.moveaxis(np.reshape(rows, kept), tuple(range(-len(axes), 0)), axes)


def masked_softmax(x: Array, mask: Array, *, axis: Axes = -1, masking: str = "select") -> Array:
    """Normalised exponentials of what counts, along one axis or several.

    ``y = exp(xᵢ - m) / Σⱼ exp(xⱼ - m)`` over the elements that count, of which m is the largest; 0 elsewhere

    Args:
        x: logits, any shape with at least one element along the axes.
        mask: the shape of ``x``, True where an element counts.
        axis: the axes that sum to one; None for all.
        masking: ``select``: what does not count is left out; ``fill``: its logit is -∞, so that all are NaN
            where nothing counts, and beside a NaN that does.

    Returns:
        The shape of ``x``. Where nothing counts, all are 0.
    """
    if masking == "fill":
        return softmax(np.where(mask, x, -np.inf), axis=axis)
    axes = _axes(x, axis)
    rows, counts = _rows(x, axes), _rows(mask, axes)
    some = np.any(counts, axis=-1, keepdims=True)
    held = np.where(counts | ~some, rows, -np.inf)
    powers = np.where(counts, np.exp(below_maximum(held, held, -1)), 0.0)
    total = np.where(some, np.sum(powers, axis=-1, keepdims=True), 1.0)
    return _unrolled(np.where(counts, powers / total, 0.0), x.shape, axes)


def masked_softmax_vjp(
    x: Array, mask: Array, cotangent: Array, *, axis: Axes = -1, masking: str = "select"
) -> tuple[Array]:
    """Gradient of `masked_softmax`: ``y (g - Σ g y)``, and 0 where an element does not count."""
    if masking == "fill":
        (gradient,) = softmax_vjp(np.where(mask, x, -np.inf), cotangent, axis=axis)
        return (np.where(mask, gradient, 0.0),)
    axes, y = _axes(x, axis), masked_softmax(x, mask, axis=axis)
    along = np.sum(np.where(mask, cotangent * y, 0.0), axis=axes, keepdims=True)
    return (np.where(mask, y * (cotangent - along), 0.0),)


def masked_log_softmax(x: Array, mask: Array, *, axis: Axes = -1, masking: str = "select") -> Array:
    """Logarithm of the softmax of what counts, along one axis or several.

    ``y = (xᵢ - m) - log Σⱼ exp(xⱼ - m)`` over what counts, of which m is the largest; -∞ elsewhere

    Args:
        x: logits, any shape with at least one element along the axes.
        mask: the shape of ``x``, True where an element counts.
        axis: the axes whose exponentials sum to one; None for all.
        masking: ``select``: what does not count is left out; ``fill``: its logit is -∞, so that all are NaN
            where nothing counts, and beside a NaN that does.

    Returns:
        The shape of ``x``, at most 0. Where nothing counts, all are -∞.
    """
    if masking == "fill":
        return log_softmax(np.where(mask, x, -np.inf), axis=axis)
    axes = _axes(x, axis)
    rows, counts = _rows(x, axes), _rows(mask, axes)
    some = np.any(counts, axis=-1, keepdims=True)
    held = np.where(counts | ~some, rows, -np.inf)
    shifted = below_maximum(held, held, -1)
    total = np.sum(np.where(counts, np.exp(shifted), 0.0), axis=-1, keepdims=True)
    known = shifted - np.log(np.where(some, total, 1.0))
    return _unrolled(np.where(counts, known, -np.inf), x.shape, axes)


def masked_log_softmax_vjp(
    x: Array, mask: Array, cotangent: Array, *, axis: Axes = -1, masking: str = "select"
) -> tuple[Array]:
    """Gradient of `masked_log_softmax`: ``g - softmax(x) Σ g`` over what counts, and 0 elsewhere.

    Where logits are filled, the cotangents of those are in the sum too, though they move no finite result.
    """
    if masking == "fill":
        (gradient,) = log_softmax_vjp(np.where(mask, x, -np.inf), cotangent, axis=axis)
        return (np.where(mask, gradient, 0.0),)
    y = masked_softmax(x, mask, axis=axis)
    along = np.sum(np.where(mask, cotangent, 0.0), axis=_axes(x, axis), keepdims=True)
    return (np.where(mask, cotangent - y * along, 0.0),)


def sparsemax(x: Array, *, axis: int = -1) -> Array:
    """Projection on the probability simplex along an axis, which many entries leave with a probability of 0.

    ``sparsemax(x)ᵢ = max(xᵢ - τ, 0)`` with ``τ`` such that they sum to one

    Entry i is positive where ``Σⱼ max(xⱼ - xᵢ, 0) < 1``, and ``τ`` is ``(Σ xⱼ - 1) / n`` over the n that are.

    Args:
        x: any shape with at least one element along ``axis``.
        axis: the axis that sums to one.

    Returns:
        The shape of ``x``, in [0, 1].

    Raises:
        ValueError: ``axis`` is not an axis of ``x``.

    Source: Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068, algorithm 1.
    """
    support, shifted = _support(x, axis), below_maximum(x, x, axis)
    count = np.sum(np.where(support, 1.0, 0.0), axis=axis, keepdims=True)
    level = (np.sum(np.where(support, shifted, 0.0), axis=axis, keepdims=True) - 1.0) / count
    return np.maximum(shifted - level, 0.0)


def sparsemax_vjp(x: Array, cotangent: Array, *, axis: int = -1) -> tuple[Array]:
    """Gradient of `sparsemax`: on the positive entries ``g`` less its mean over them, and 0 elsewhere."""
    support = _support(x, axis)
    count = np.sum(np.where(support, 1.0, 0.0), axis=axis, keepdims=True)
    mean = np.sum(np.where(support, cotangent, 0.0), axis=axis, keepdims=True) / count
    return (np.where(support, cotangent - mean, 0.0),)


def _support(x: Array, axis: int) -> Array:
    """Which entries of the projection are positive: those that others are ahead of by less than 1 in sum."""
    require_axis(x, axis)
    last = np.moveaxis(x, axis, -1)
    ahead = np.sum(np.maximum(last[..., None, :] - last[..., :, None], 0.0), axis=-1)
    return np.moveaxis(ahead, -1, axis) < 1.0


def _shifted(x: Array, axes: tuple[int, ...], infinite_logit: str) -> Array:
    """``x - m`` with these axes as one, its last, which has at least one 0."""
    known = infinite_logit in ("nan", "one_hot")
    require(known, f"infinite_logit must be nan or one_hot; got {infinite_logit!r}")
    rows = _rows(x, axes)
    return below_maximum(rows, rows, -1, infinite=infinite_logit == "one_hot")


def below_maximum(x: Array, candidates: Array, axis: int, *, infinite: bool = False) -> Array:
    """``x - m`` with ``m`` the largest of the candidates: 0 at its place, whatever error ``x`` carries.

    At the place of an infinite one it is NaN, or with ``infinite`` 0 at the first of them.

    Any number near the maximum does as well for ``m``, so an implementation that takes another one differs
    by rounding alone.
    """
    places = np.expand_dims(np.arange(x.shape[axis]), tuple(range(1, -axis if axis < 0 else x.ndim - axis)))
    known = np.isfinite(candidates)
    if infinite:
        known = known | (candidates == np.inf)
    top = (places == np.expand_dims(np.argmax(candidates, axis=axis), axis)) & known
    return np.where(top, 0.0, x - np.max(candidates, axis=axis, keepdims=True))
