"""Activations that are put together from pieces, most of them straight lines, with kinks between them.

Each function stands beside its vector-Jacobian product, ``name_vjp(inputs…, cotangent, …)``. At a kink the
gradient is the slope of one side, ``left`` or ``right``, as a facet says, or by convention.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import Array, require


def leaky_relu(x: Array, *, slope: float = 0.01) -> Array:
    """Leaky rectified linear unit.

    ``leaky_relu(x) = x`` for ``x > 0``, and ``a x`` otherwise

    Args:
        x: any shape. NaN stays NaN.
        slope: ``a``, of either sign and any size.

    Returns:
        The shape of ``x``.

    Source: Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models.
    """
    return np.where(x > 0, x, slope * x)


def leaky_relu_vjp(
    x: Array, cotangent: Array, *, slope: float = 0.01, zero_gradient: str = "left"
) -> tuple[Array]:
    """Gradient of `leaky_relu`: 1 where ``x > 0``, ``a`` where ``x < 0`` and where x is NaN."""
    return (np.where(_right_of_zero(x, zero_gradient), cotangent, slope * cotangent),)


def _right_of_zero(x: Array, zero_gradient: str) -> Array:
    """Where the slope on the right of the kink at 0 is taken; not where x is NaN."""
    return x >= 0 if zero_gradient == "right" else x > 0


def _is_nan(x: Array) -> Array:
    return x != x


def prelu(x: Array, slope: Array) -> Array:
    """Parametric rectified linear unit, whose slope is learned.

    ``prelu(x) = x`` for ``x > 0``, and ``a x`` otherwise

    Args:
        x: ``(batch, …)``.
        slope: ``a``: the lengths of the axes of ``x`` that follow the batch, as many as have slopes of their
            own; ``()`` is one slope for all.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``slope`` has other lengths.

    Source: He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, arXiv:1502.01852, equation 1.
    """
    return np.where(x > 0, x, _beside(slope, x) * x)


def prelu_vjp(
    x: Array, slope: Array, cotangent: Array, *, zero_gradient: str = "left", nan_gradient: str = "left"
) -> tuple[Array, Array]:
    """Gradients of `prelu`: 1 or ``a``, and for ``a`` the sum of ``g x`` where ``x <= 0``.

    At the kink the gradient of x is the slope on its ``left``, on its ``right``, or ``zero``; where x is NaN
    it is the ``left`` one or ``zero``.
    """
    left = np.where(_right_of_zero(x, zero_gradient), cotangent, _beside(slope, x) * cotangent)
    gone = (x == 0) & (zero_gradient == "zero") | _is_nan(x) & (nan_gradient == "zero")
    shared = (0, *range(slope.ndim + 1, x.ndim))
    return np.where(gone, 0.0, left), np.sum(np.where(x > 0, 0.0, cotangent * x), axis=shared)


def _beside(slope: Array, x: Array) -> Array:
    """The slopes with a last axis of length 1 for each axis of ``x`` that shares them."""
    own = x.shape[1 : slope.ndim + 1]
    require(slope.shape == own, f"slope must have shape {own}, as x has after the batch; got {slope.shape}")
    return np.reshape(slope, (*own, *(1 for _ in x.shape[slope.ndim + 1 :])))


def elu(x: Array, *, alpha: float = 1.0) -> Array:
    """Exponential linear unit.

    ``elu(x) = x`` for ``x > 0``, and ``α (exp(x) - 1)`` otherwise

    Args:
        x: any shape. The limit at -∞ is -α; NaN stays NaN.
        alpha: ``α``.

    Returns:
        The shape of ``x``.

    Source: Clevert, Unterthiner and Hochreiter (2015), Fast and accurate deep network learning by exponential
    linear units, arXiv:1511.07289, equation 15.
    """
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0.0, x)))


def elu_vjp(x: Array, cotangent: Array, *, alpha: float = 1.0, nan_gradient: str = "nan") -> tuple[Array]:
    """Gradient of `elu`: 1 where ``x > 0``, and ``α exp(x)`` otherwise, which is α at the kink.

    Where x is NaN it is ``nan``, or the slope ``left`` or ``right`` of the kink.
    """
    held = np.where((x > 0) | _is_nan(x) & (nan_gradient != "nan"), 0.0, x)
    right = (x > 0) | _is_nan(x) & (nan_gradient == "right")
    return (np.where(right, cotangent, cotangent * (alpha * np.exp(held))),)


def celu(x: Array, *, alpha: float = 1.0) -> Array:
    """Continuously differentiable exponential linear unit.

    ``celu(x) = x`` for ``x > 0``, and ``α (exp(x / α) - 1)`` otherwise

    Args:
        x: any shape. The limit at -∞ is -α; NaN stays NaN.
        alpha: ``α``, positive.

    Returns:
        The shape of ``x``.

    Source: Barron (2017), Continuously differentiable exponential linear units, arXiv:1704.07483, equation 2.
    """
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0.0, x) / alpha))


def celu_vjp(x: Array, cotangent: Array, *, alpha: float = 1.0, nan_gradient: str = "nan") -> tuple[Array]:
    """Gradient of `celu`: 1 where ``x > 0``, and ``exp(x / α)`` otherwise.

    Where x is NaN it is ``nan`` or ``zero``.
    """
    gone = _is_nan(x) & (nan_gradient == "zero")
    return (np.where(gone, 0.0, cotangent * np.exp(np.where(x > 0, 0.0, x) / alpha)),)


def relu6(x: Array) -> Array:
    """Rectified linear unit that is held at 6.

    ``relu6(x) = min(max(x, 0), 6)``

    Args:
        x: any shape. NaN stays NaN.

    Returns:
        The shape of ``x``, in [0, 6].

    Source: Krizhevsky (2010), Convolutional deep belief networks on CIFAR-10.
    """
    return np.clip(x, 0.0, 6.0)


def relu6_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `relu6`: the cotangent between 0 and 6; 0 at both, beyond them, and where x is NaN."""
    return (np.where((x > 0.0) & (x < 6.0), cotangent, 0.0),)


def bounded_relu(
    x: Array,
    *,
    max_value: float | None = None,
    negative_slope: float = 0.0,
    threshold: float = 0.0,
    at_threshold: str = "above",
    nan: str = "kept",
) -> Array:
    """Rectified linear unit with a bound, a slope and a threshold.

    ``bounded_relu(x) = min(x, m)`` where ``x ≥ t``, and ``s (x - t)`` below

    Args:
        x: any shape.
        max_value: ``m``; none if None.
        negative_slope: ``s``.
        threshold: ``t``.
        at_threshold: ``above``: as above, where x is just the threshold; ``apart``: there it is 0.
        nan: NaN is ``kept``, or ``lost``: not above the threshold, it is 0.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``at_threshold`` is neither.

    Source: keras.layers.ReLU.
    """
    known = at_threshold in ("above", "apart")
    require(known, f"at_threshold must be above or apart; got {at_threshold!r}")
    above = x >= threshold if at_threshold == "above" else x > threshold
    held = x if max_value is None else np.minimum(x, max_value)
    below = negative_slope * (x - threshold) if negative_slope else np.zeros_like(x)
    return np.where(x != x, 0.0 if nan == "lost" else x, np.where(above, held, below))


def bounded_relu_vjp(
    x: Array,
    cotangent: Array,
    *,
    max_value: float | None = None,
    negative_slope: float = 0.0,
    threshold: float = 0.0,
    at_threshold: str = "above",
    kink_gradient: str = "inside",
) -> tuple[Array]:
    """Gradient of `bounded_relu`: the cotangent up to the bound, ``s`` times it below the threshold.

    At the bound it is the slope ``inside``, 1, or ``outside``, 0. Just at a threshold that is ``apart``, and
    where x is NaN, it is 0.
    """
    above = x >= threshold if at_threshold == "above" else x > threshold
    bound = math.inf if max_value is None else max_value
    inside = x <= bound if kink_gradient == "inside" else x < bound
    slope = np.where(above, np.where(inside, 1.0, 0.0), np.where(x < threshold, negative_slope, 0.0))
    return (cotangent * slope,)


def hard_tanh(x: Array, *, bounds: tuple[float, float] = (-1.0, 1.0)) -> Array:
    """The identity between two bounds, and the nearer bound beyond them.

    ``hard_tanh(x) = min(max(x, a), b)``

    Args:
        x: any shape. NaN stays NaN.
        bounds: ``a`` and ``b``.

    Returns:
        The shape of ``x``.

    Source: Collobert (2004), Large scale machine learning, thesis, section 6.
    """
    return np.clip(x, *bounds)


def hard_tanh_vjp(
    x: Array,
    cotangent: Array,
    *,
    bounds: tuple[float, float] = (-1.0, 1.0),
    kink_gradient: str = "outside",
    nan_gradient: str = "pass",
) -> tuple[Array]:
    """Gradient of `hard_tanh`: the cotangent between the bounds, and 0 beyond them.

    At a bound it is the slope ``outside``, 0, or ``inside``, 1. Where x is NaN the cotangent passes, or
    with ``nan_gradient="zero"`` it is 0.
    """
    return (np.where(_between(x, *bounds, kink_gradient, nan_gradient), cotangent, 0.0),)


def _between(x: Array, low: float, high: float, kink_gradient: str, nan_gradient: str) -> Array:
    """Where the slope between two bounds is taken."""
    inside = (x >= low) & (x <= high) if kink_gradient == "inside" else (x > low) & (x < high)
    return inside | _is_nan(x) & (nan_gradient == "pass")


def hard_sigmoid(x: Array) -> Array:
    """A sigmoid of three straight lines.

    ``hard_sigmoid(x) = min(max(x + 3, 0), 6) / 6``

    Args:
        x: any shape. NaN stays NaN.

    Returns:
        The shape of ``x``, in [0, 1].

    Source: Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
    """
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


def hard_sigmoid_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `hard_sigmoid`: 1/6 between the kinks, and 0 at them, beyond them, and where x is NaN."""
    return (np.where((x > -3.0) & (x < 3.0), cotangent / 6.0, 0.0),)


def hard_silu(x: Array) -> Array:
    """Hard sigmoid linear unit, also called hard swish.

    ``hard_silu(x) = x min(max(x + 3, 0), 6) / 6``

    Args:
        x: any shape. The limits are 0 at -∞ and ∞ at ∞; NaN stays NaN.

    Returns:
        The shape of ``x``.

    Source: Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
    """
    return np.maximum(x, -3.0) * hard_sigmoid(x)


def hard_silu_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `hard_silu`: ``(x + 3) / 6 + x / 6`` between the kinks, 0 up to -3, and 1 from 3 on."""
    between = hard_sigmoid(x) + np.clip(x, -3.0, 3.0) / 6.0
    return (cotangent * np.where(x >= 3.0, 1.0, np.where(x <= -3.0, 0.0, between)),)


def soft_shrink(x: Array, *, threshold: float = 0.5, nan: str = "kept") -> Array:
    """Everything moved towards 0 by a threshold, and 0 within it.

    ``soft_shrink(x) = sign(x) max(|x| - λ, 0)``

    Args:
        x: any shape.
        threshold: ``λ``, at least 0.
        nan: whether NaN is ``kept``, or ``lost``, and becomes 0.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: the threshold is negative.

    Source: Donoho (1995), De-noising by soft-thresholding, equation 4.
    """
    require(threshold >= 0, f"threshold must be at least 0; got {threshold}")
    return np.where(x > threshold, x - threshold, np.where(x < -threshold, x + threshold, _within(x, nan)))


def soft_shrink_vjp(x: Array, cotangent: Array, *, threshold: float = 0.5, nan: str = "kept") -> tuple[Array]:
    """Gradient of `soft_shrink`: the cotangent beyond the threshold, and where NaN is kept; else 0."""
    return (np.where((np.abs(x) > threshold) | _is_nan(x) & (nan == "kept"), cotangent, 0.0),)


def _within(x: Array, nan: str, value: float = 0.0) -> Array:
    """What stands where x does not get past a threshold: the value, and NaN where that is kept."""
    return np.where(_is_nan(x) & (nan == "kept"), x, value)


def hard_shrink(x: Array, *, threshold: float = 0.5, nan: str = "kept") -> Array:
    """0 within a threshold, and the identity beyond it.

    ``hard_shrink(x) = x`` for ``|x| > λ``, and 0 otherwise

    Args:
        x: any shape.
        threshold: ``λ``; one that is negative lets everything through.
        nan: whether NaN is ``kept``, or ``lost``, and becomes 0.

    Returns:
        The shape of ``x``.

    Source: Donoho and Johnstone (1994), Ideal spatial adaptation by wavelet shrinkage, section 1.4.
    """
    return np.where(np.abs(x) > threshold, x, _within(x, nan))


def hard_shrink_vjp(x: Array, cotangent: Array, *, threshold: float = 0.5, nan: str = "kept") -> tuple[Array]:
    """Gradient of `hard_shrink`: the cotangent beyond the threshold, and where NaN is kept; else 0."""
    return (np.where((np.abs(x) > threshold) | _is_nan(x) & (nan == "kept"), cotangent, 0.0),)


def threshold(x: Array, *, threshold: float = 0.5, value: float = 0.0, nan: str = "kept") -> Array:
    """The identity above a threshold, and one value up to it.

    ``threshold(x) = x`` for ``x > t``, and ``v`` otherwise

    Args:
        x: any shape.
        threshold: ``t``.
        value: ``v``.
        nan: whether NaN is ``kept``, or ``lost``, and becomes ``v``.

    Returns:
        The shape of ``x``.
    """
    return np.where(x > threshold, x, _within(x, nan, value))


def threshold_vjp(x: Array, cotangent: Array, *, threshold: float = 0.5, nan: str = "kept") -> tuple[Array]:
    """Gradient of `threshold`: the cotangent above the threshold, and where NaN is kept; else 0."""
    return (np.where((x > threshold) | _is_nan(x) & (nan == "kept"), cotangent, 0.0),)


def sparse_plus(x: Array) -> Array:
    """Sparse plus: 0, a parabola and the identity, joined without kinks.

    ``sparse_plus(x) = 0`` for ``x <= -1``, ``x`` for ``x >= 1``, and ``(x + 1)² / 4`` between

    Args:
        x: any shape. NaN stays NaN.

    Returns:
        The shape of ``x``.

    Source: Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068: the integral of the
    sparsemax of two classes.
    """
    return np.where(x >= 1.0, x, np.square(np.clip(x, -1.0, 1.0) + 1.0) / 4.0)


def sparse_plus_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `sparse_plus`: ``(x + 1) / 2``, held in [0, 1]."""
    return (cotangent * ((np.clip(x, -1.0, 1.0) + 1.0) / 2.0),)


def sparse_sigmoid(x: Array) -> Array:
    """Sparse sigmoid: the sparsemax of two classes, of which one has the logit 0, at ``2 x``.

    ``sparse_sigmoid(x) = min(max((x + 1) / 2, 0), 1)``

    Args:
        x: any shape. NaN stays NaN.

    Returns:
        The shape of ``x``, in [0, 1].

    Source: Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068, section 2.3.
    """
    return (np.clip(x, -1.0, 1.0) + 1.0) / 2.0


def sparse_sigmoid_vjp(
    x: Array, cotangent: Array, *, kink_gradient: str = "outside", nan_gradient: str = "zero"
) -> tuple[Array]:
    """Gradient of `sparse_sigmoid`: 1/2 between -1 and 1, and 0 beyond them.

    At a kink it is the slope ``outside``, or the ``mean`` of both. Where x is NaN it is 0, or 1/2 (``pass``).
    """
    half = np.where(_between(x, -1.0, 1.0, "outside", nan_gradient), cotangent / 2.0, 0.0)
    return (np.where((np.abs(x) == 1.0) & (kink_gradient == "mean"), cotangent / 4.0, half),)


def crelu(x: Array, *, axis: int = -1) -> Array:
    """Concatenated rectified linear unit: what is positive, then what is negative.

    ``crelu(x) = [max(x, 0), max(-x, 0)]``

    Args:
        x: any shape. NaN is in both halves.
        axis: along which the halves are joined.

    Returns:
        Twice as long along ``axis`` as ``x``.

    Source: Shang, Sohn, Almeida and Lee (2016), Understanding and improving convolutional neural networks via
    concatenated rectified linear units, arXiv:1603.05201, definition 2.1.
    """
    return np.concatenate([np.maximum(x, 0.0), np.maximum(-x, 0.0)], axis=axis)


def crelu_vjp(x: Array, cotangent: Array, *, axis: int = -1) -> tuple[Array]:
    """Gradient of `crelu`: that of the half whose sign x has; 0 at 0 and where x is NaN."""
    positive, negative = np.split(cotangent, 2, axis=axis)
    return (np.where(x > 0, positive, np.where(x < 0, -negative, 0.0)),)
