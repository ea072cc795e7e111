"""Normalization over axes of one's choice, by norms of other powers, and with statistics that are kept."""

from __future__ import annotations

import math

import numpy as np

from .checks import Array, require, require_shape
from .normalization import instance_norm, instance_norm_vjp, rms_norm, rms_norm_vjp
from .normalization_batch import batch_norm, batch_norm_vjp
from .standardizing import centred_vjp, moments_of, normalized, pivot_of

__all__ = [
    "POWERS",
    "batch_norm_over_axis",
    "batch_norm_over_axis_vjp",
    "layer_norm_over_axes",
    "layer_norm_over_axes_vjp",
    "normalize",
    "normalize_vjp",
    "rms_norm_over_axes",
    "rms_norm_over_axes_vjp",
    "tracked_instance_norm",
    "tracked_instance_norm_vjp",
]

POWERS = (1, 2, 3, "max")
"""Of the norms; that of the largest magnitude is their limit."""

Axes = tuple[int, ...]
Optional = Array | None


# --- statistics over some axes, parameters along the same or along the channels ---


def layer_norm_over_axes(
    x: Array,
    scale: Array,
    bias: Array,
    *,
    axes: Axes,
    parameters_along: str = "normalized",
    epsilon: float = 1e-5,
) -> Array:
    """Layer normalization over several axes, or over another one than the last.

    ``y = γ (x - μ) / √(σ² + ε) + β`` with the mean ``μ`` and variance ``σ²`` over the axes

    Args:
        x: ``(…, channels)``.
        scale: γ, with the lengths of x along the axes, or ``(channels,)``.
        bias: β, as ``scale``.
        axes: those that the statistics are of, from the first on.
        parameters_along: ``normalized``: γ and β have an element for each place along the axes; ``channels``:
            for each channel.
        epsilon: added to the variance, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``scale`` or ``bias`` does not fit, or ``parameters_along`` is neither.

    Source: Ba, Kiros and Hinton (2016), Layer normalization, arXiv:1607.06450, section 3.
    """
    factor, shift = (_spread(x, a, axes, parameters_along) for a in (scale, bias))
    return normalized(x, *moments_of(x, axes), factor, shift, epsilon, pivot_of(x, axes))


def layer_norm_over_axes_vjp(
    x: Array,
    scale: Array,
    bias: Array,
    cotangent: Array,
    *,
    axes: Axes,
    parameters_along: str = "normalized",
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """Gradient of `layer_norm_over_axes`: that of `layer_norm` of what is normalized together."""
    dx = centred_vjp(x, cotangent * _spread(x, scale, axes, parameters_along), axes, epsilon)
    standard = normalized(x, *moments_of(x, axes), None, None, epsilon, pivot_of(x, axes))
    others = _others(x, axes, parameters_along)
    return dx, np.sum(cotangent * standard, axis=others), np.sum(cotangent, axis=others)


def rms_norm_over_axes(
    x: Array, scale: Array, *, axes: Axes, parameters_along: str = "normalized", epsilon: float = 1e-5
) -> Array:
    """Root mean square normalization over several axes, or over another one than the last.

    ``y = γ x / √(mean x² + ε)`` with the mean over the axes

    Args:
        x: ``(…, channels)``.
        scale: γ, with the lengths of x along the axes, or ``(channels,)``.
        axes: those that the mean is over, from the first on.
        parameters_along: ``normalized``: γ has an element for each place along the axes; ``channels``: for
            each channel.
        epsilon: added to the mean square, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``scale`` does not fit, or ``parameters_along`` is neither.

    Source: Zhang and Sennrich (2019), Root mean square layer normalization, arXiv:1910.07467, equation 4.
    """
    factor = _spread(x, scale, axes, parameters_along)
    return factor * _apart(rms_norm(_together(x, axes), epsilon=epsilon), x, axes)


def rms_norm_over_axes_vjp(
    x: Array,
    scale: Array,
    cotangent: Array,
    *,
    axes: Axes,
    parameters_along: str = "normalized",
    epsilon: float = 1e-5,
) -> tuple[Array, Array]:
    """Gradient of `rms_norm_over_axes`: that of `rms_norm` of what is normalized together."""
    rows, through = _together(x, axes), _together(cotangent * _spread(x, scale, axes, parameters_along), axes)
    standard = _apart(rms_norm(rows, epsilon=epsilon), x, axes)
    dx = rms_norm_vjp(rows, None, through, epsilon=epsilon)[0]
    return _apart(dx, x, axes), np.sum(cotangent * standard, axis=_others(x, axes, parameters_along))


# --- vectors of norm 1 ---


def normalize(x: Array, *, power: int | str = 2, axes: Axes = (-1,), epsilon: float = 1e-12) -> Array:
    """Vectors along some axes, divided by their norms.

    ``y = x / max(‖x‖, ε)`` with ``‖x‖ = (Σ |x|ᵖ)^{1/p}``, or the largest ``|x|``

    Args:
        x: any shape.
        power: p, or ``max``.
        axes: those that a vector lies along, from the first on.
        epsilon: the least that is divided by.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``power`` is none of `POWERS`.

    Source: numpy.linalg.norm, for the norms of vectors.
    """
    return x / np.maximum(_norm(x, power, axes), epsilon)


def normalize_vjp(
    x: Array, cotangent: Array, *, power: int | str = 2, axes: Axes = (-1,), epsilon: float = 1e-12
) -> tuple[Array]:
    """Gradient of `normalize`: ``(g - s Σ g y) / ‖x‖`` with ``s`` the slope of the norm, or ``g / ε``.

    The slope is ``sign(x) (|x| / ‖x‖)^{p-1}``; of equally large magnitudes each has its share, and of 0 it
    is 0.
    """
    norm = _norm(x, power, axes)
    divisor = np.maximum(norm, epsilon)
    along = np.sum(cotangent * (x / divisor), axis=axes, keepdims=True)
    through = np.where(norm > epsilon, _slope(x, divisor, power, axes) * along, 0.0)
    return ((cotangent - through) / divisor,)


def _norm(x: Array, power: int | str, axes: Axes) -> Array:
    require(power in POWERS, f"power must be one of {', '.join(map(str, POWERS))}; got {power!r}")
    size = np.abs(x)
    if power == "max":
        return np.max(size, axis=axes, keepdims=True)
    if power == 1:
        return np.sum(size, axis=axes, keepdims=True)
    total = np.sum(np.square(x) if power == 2 else size * np.square(x), axis=axes, keepdims=True)
    return np.sqrt(total) if power == 2 else np.power(total, 1.0 / 3.0)


def _slope(x: Array, norm: Array, power: int | str, axes: Axes) -> Array:
    if power == 2:
        return x / norm
    if power == 3:
        return np.sign(x) * np.square(x / norm)
    if power == 1:
        return np.sign(x)
    largest = np.where(np.abs(x) == np.max(np.abs(x), axis=axes, keepdims=True), 1.0, 0.0)
    return np.sign(x) * largest / np.sum(largest, axis=axes, keepdims=True)


# --- instance normalization that keeps statistics ---


def tracked_instance_norm(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Optional = None,
    bias: Optional = None,
    *,
    momentum: float = 0.9,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """Instance normalization in training, which keeps what it measures for inference.

    ``y`` is that of `instance_norm`; the running statistics become ``m r + (1 - m) s`` with ``s`` the mean
    over the batch of each sample's own mean, or of its variance ``Σ (x - μ)² / (n - 1)`` over n places

    Args:
        x: ``(batch, …, channels)``, one axis or more between.
        running_mean: ``(channels,)``.
        running_variance: ``(channels,)``.
        scale: γ, ``(channels,)``, or None for 1.
        bias: β, ``(channels,)``, or None for 0.
        momentum: fraction ``m`` of the running statistics that is kept.
        epsilon: added to the variance, inside the root.

    Returns:
        The shape of ``x``; the new running mean; the new running variance.

    Raises:
        ValueError: a statistic, ``scale`` or ``bias`` does not fit the channels, or there is one place.

    Source: Ulyanov, Vedaldi and Lempitsky (2016), Instance normalization, arXiv:1607.08022, equation 3.
    """
    y = instance_norm(x, scale, bias, epsilon=epsilon, lone_value="error")
    for name, array in (("running_mean", running_mean), ("running_variance", running_variance)):
        require_shape(name, array, x.shape[-1:], "channels")
    between, count = tuple(range(1, x.ndim - 1)), int(np.prod(x.shape[1:-1]))
    mean = np.mean(x, axis=between, keepdims=True)
    variance = np.mean(np.square(x - mean), axis=between)
    spread = np.mean(variance, axis=0) * (count / (count - 1))
    level = np.mean(np.reshape(mean, (len(x), x.shape[-1])), axis=0)
    return (
        y,
        momentum * running_mean + (1.0 - momentum) * level,
        momentum * running_variance + (1.0 - momentum) * spread,
    )


def tracked_instance_norm_vjp(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Optional,
    bias: Optional,
    cotangent: Array,
    *,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array, Optional, Optional]:
    """Gradient of ``y`` of `tracked_instance_norm`: that of `instance_norm`; the running ones have none."""
    dx, dscale, dbias = instance_norm_vjp(x, scale, bias, cotangent, epsilon=epsilon)
    return dx, np.zeros_like(running_mean), np.zeros_like(running_variance), dscale, dbias


def batch_norm_over_axis(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Optional = None,
    bias: Optional = None,
    *,
    axis: int = 1,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
) -> tuple[Array, Array, Array]:
    """Batch normalization in training, of channels that lie along another axis than the last.

    That of `batch_norm`, with this axis brought to the end and back

    Args:
        x: any shape of two axes or more.
        running_mean: ``(channels,)``.
        running_variance: ``(channels,)``.
        scale: γ, ``(channels,)``, or None for 1.
        bias: β, ``(channels,)``, or None for 0.
        axis: that of the channels.
        epsilon: added to the variance, inside the root.
        momentum: fraction of the running statistics that is kept.

    Returns:
        The shape of ``x``; the new running mean; the new running variance.

    Raises:
        ValueError: ``axis`` is not an axis of ``x``, or a statistic or parameter does not fit the channels.

    Source: Ioffe and Szegedy (2015), Batch normalization, arXiv:1502.03167, section 3.2.
    """
    require(-x.ndim <= axis < x.ndim, f"axis must be an axis of an array of shape {x.shape}; got {axis}")
    given = (np.moveaxis(x, axis, -1), running_mean, running_variance, scale, bias)
    y, mean, variance = batch_norm(*given, epsilon=epsilon, momentum=momentum)
    return np.moveaxis(y, -1, axis), mean, variance


def batch_norm_over_axis_vjp(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Optional,
    bias: Optional,
    cotangent: Array,
    *,
    axis: int = 1,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array, Optional, Optional]:
    """Gradient of ``y`` of `batch_norm_over_axis`: that of `batch_norm`, brought back."""
    given = (np.moveaxis(x, axis, -1), running_mean, running_variance, scale, bias)
    dx, *others = batch_norm_vjp(*given, np.moveaxis(cotangent, axis, -1), epsilon=epsilon)
    return (np.moveaxis(dx, -1, axis), *others)


# --- axes ---


def _together(x: Array, axes: Axes) -> Array:
    """The array with these axes as one, its last."""
    last = np.moveaxis(x, axes, tuple(range(-len(axes), 0)))
    return np.reshape(last, (*last.shape[: x.ndim - len(axes)], math.prod(x.shape[a] for a in axes)))


def _apart(rows: Array, like: Array, axes: Axes) -> Array:
    """The array of the shape of another, with these rows `_together`."""
    kept = [n for axis, n in enumerate(like.shape) if axis not in axes]
    last = np.reshape(rows, (*kept, *(like.shape[axis] for axis in axes)))
    return np.moveaxis(last, tuple(range(-len(axes), 0)), axes)


def _along(x: Array, axes: Axes, parameters_along: str) -> Axes:
    """The axes that parameters lie along."""
    known = parameters_along in ("normalized", "channels")
    require(known, f"parameters_along must be normalized or channels; got {parameters_along!r}")
    return axes if parameters_along == "normalized" else (x.ndim - 1,)


def _others(x: Array, axes: Axes, parameters_along: str) -> Axes:
    """The axes that the gradient of a parameter is summed over."""
    along = _along(x, axes, parameters_along)
    return tuple(axis for axis in range(x.ndim) if axis not in along)


def _spread(x: Array, parameter: Array, axes: Axes, parameters_along: str) -> Array:
    """A parameter in a shape that spreads over ``x``."""
    along = _along(x, axes, parameters_along)
    require_shape("scale and bias", parameter, tuple(x.shape[axis] for axis in along), "axes")
    return np.reshape(parameter, tuple(n if axis in along else 1 for axis, n in enumerate(x.shape)))
