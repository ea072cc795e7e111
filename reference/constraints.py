"""Constraints of a kernel: what it is projected to after an update, or computed from before its use.

A *projection* (`unit_norm`, `max_norm`, `min_max_norm`, `non_neg`) replaces the kernel after an update, so
that the update itself does not know of it. A *reparametrization* (`weight_norm`, `spectral_norm`) computes
the kernel from what is trained, and the gradient goes through it. Norms are Euclidean.
"""

from __future__ import annotations

import numpy as np

from ..numerics.magnitude import magnitude
from .checks import Array, require, require_shape

__all__ = [
    "max_norm",
    "max_norm_vjp",
    "min_max_norm",
    "min_max_norm_vjp",
    "non_neg",
    "non_neg_vjp",
    "spectral_norm",
    "spectral_norm_inference",
    "spectral_norm_inference_vjp",
    "spectral_norm_vjp",
    "unit_norm",
    "unit_norm_vjp",
    "weight_norm",
    "weight_norm_vjp",
]

Axes = tuple[int, ...]
KERAS_EPSILON = 1e-7
"""What Keras and ``torch.renorm`` add to a norm that they divide by."""


def unit_norm(kernel: Array, *, axis: int = 0, epsilon: float = 1e-12, epsilon_at: str = "floor") -> Array:
    """Vectors along an axis, divided by their norms.

    ``y = x / d`` with, of the norm ``n = ‖x‖`` along the axis, ``d = n`` (``none``), ``n + ε`` (``added``),
    ``√(n² + ε)`` (``inside``), ``max(n, ε)`` (``floor``) or ``√max(n², ε)`` (``floor_of_square``)

    Args:
        kernel: x, ``(features, units)``; axis 0 makes unit vectors of what each unit is fed by.
        axis: the axis along which norms are taken.
        epsilon: ε, not negative.
        epsilon_at: where ε acts.

    Returns:
        The shape of ``kernel``.

    Raises:
        ValueError: ``axis`` is no axis of ``kernel``, or ``epsilon_at`` is none of these.

    Source: Salimans and Kingma (2016), Weight normalization, arXiv:1602.07868, section 2, of a fixed g.
    """
    _require_axis(kernel, axis)
    return kernel / _divisor(kernel, (axis,), epsilon, epsilon_at)


def unit_norm_vjp(
    kernel: Array, cotangent: Array, *, axis: int = 0, epsilon: float = 1e-12, epsilon_at: str = "floor"
) -> tuple[Array]:
    """Gradient of `unit_norm`: ``(g - y Σ(g y) d/n) / d`` of norms that move; ``g / d`` below a floor."""
    return (_divided_vjp(kernel, cotangent, (axis,), epsilon, epsilon_at),)


def min_max_norm(
    kernel: Array,
    *,
    min_value: float = 0.0,
    max_value: float = 1.0,
    rate: float = 1.0,
    axis: int = 0,
    epsilon_at: str = "added",
) -> Array:
    """Vectors along an axis, drawn towards norms between two bounds.

    ``y = x (ρ clip(n, min, max) + (1 - ρ) n) / d`` with the norm ``n = ‖x‖`` along the axis, and
    ``d = n + ε`` (``added``, ε = 1e-7) or ``d = n`` (``none``)

    Args:
        kernel: x, ``(features, units)``.
        min_value: the least norm.
        max_value: the greatest norm.
        rate: ρ, from 0 for no change to 1 for norms within the bounds.
        axis: the axis along which norms are taken.
        epsilon_at: where ε acts.

    Returns:
        The shape of ``kernel``.

    Raises:
        ValueError: the bounds are in the wrong order, or ``axis`` is no axis of ``kernel``.

    Source: keras.constraints.MinMaxNorm.
    """
    require(min_value <= max_value, f"min_value must be at most max_value; got {min_value} and {max_value}")
    _require_axis(kernel, axis)
    desired, _ = _desired(euclidean_norm(kernel, (axis,)), min_value, max_value, rate)
    return kernel * (desired / _divisor(kernel, (axis,), KERAS_EPSILON, epsilon_at))


def min_max_norm_vjp(
    kernel: Array,
    cotangent: Array,
    *,
    min_value: float = 0.0,
    max_value: float = 1.0,
    rate: float = 1.0,
    axis: int = 0,
    epsilon_at: str = "added",
) -> tuple[Array]:
    """Gradient of `min_max_norm`: ``g f + x Σ(g x) f'(n) / n`` of the factor ``f``."""
    norm, divisor = euclidean_norm(kernel, (axis,)), _divisor(kernel, (axis,), KERAS_EPSILON, epsilon_at)
    desired, slope = _desired(norm, min_value, max_value, rate)
    return (_rescaled_vjp(kernel, cotangent, axis, desired / divisor, (slope - desired / divisor) / divisor),)


def max_norm(kernel: Array, *, max_value: float = 2.0, axis: int = 0, epsilon_at: str = "none") -> Array:
    """Vectors along an axis, shortened to a greatest norm.

    ``y = x min(1, c/n)`` with the norm ``n = ‖x‖`` along the axis (``none``); ``x min(n, c) / (n + ε)``
    (``added``), which shortens every vector a little; ``x c / (n + ε)`` where ``n > c`` and x elsewhere, also
    where n is NaN (``beyond``); ε = 1e-7

    Args:
        kernel: x, ``(features, units)``.
        max_value: c, positive.
        axis: the axis along which norms are taken.
        epsilon_at: where ε acts.

    Returns:
        The shape of ``kernel``.

    Raises:
        ValueError: ``max_value`` is not positive, or ``axis`` is no axis of ``kernel``.

    Source: Srivastava et al. (2014), Dropout, section 5.1, on max-norm regularization.
    """
    require(max_value > 0, f"max_value must be positive; got {max_value}")
    _require_axis(kernel, axis)
    return kernel * shortening(euclidean_norm(kernel, (axis,)), max_value, epsilon_at)[0]


def max_norm_vjp(
    kernel: Array, cotangent: Array, *, max_value: float = 2.0, axis: int = 0, epsilon_at: str = "none"
) -> tuple[Array]:
    """Gradient of `max_norm`: ``g f + x Σ(g x) f'(n) / n`` of the factor ``f``."""
    factor, slope = shortening(euclidean_norm(kernel, (axis,)), max_value, epsilon_at)
    return (_rescaled_vjp(kernel, cotangent, axis, factor, slope),)


def non_neg(kernel: Array) -> Array:
    """Negative weights become zero.

    ``y = max(x, 0)``

    Args:
        kernel: any shape. NaN stays NaN.

    Returns:
        The shape of ``kernel``.

    Source: keras.constraints.NonNeg; the projection to the non-negative orthant, Parikh and Boyd (2014),
    Proximal algorithms, section 6.2.
    """
    return np.maximum(kernel, 0.0)


def non_neg_vjp(
    kernel: Array, cotangent: Array, *, zero_gradient: float = 0.0, nan_gradient: str = "zero"
) -> tuple[Array]:
    """Gradient of `non_neg`: g where ``x > 0``, ``zero_gradient`` of it at 0; at NaN none or all of it."""
    passes = kernel > 0 if nan_gradient == "zero" else ~(kernel <= 0)
    return (np.where(kernel == 0, zero_gradient * cotangent, np.where(passes, cotangent, 0.0)),)


def weight_norm(
    direction: Array,
    magnitude: Array,
    *,
    norm_of: str = "unit",
    epsilon: float = 1e-12,
    epsilon_at: str = "none",
) -> Array:
    """Weight normalization: a kernel as directions and magnitudes.

    ``W = g v / d`` with d the norm ``‖v‖`` over all axes but those that are named, and ε as in `unit_norm`

    Args:
        direction: v, ``(*window, features, units)``.
        magnitude: g, the axes that are named: ``(units,)``, ``(features,)``, both, or none.
        norm_of: ``unit``: one norm of what each unit is fed by; ``feature``: of what each feature feeds;
            ``pair``: of each window between the two; ``all``: one norm.
        epsilon: ε, not negative.
        epsilon_at: where ε acts.

    Returns:
        W, the shape of ``direction``.

    Raises:
        ValueError: ``magnitude`` does not fit, or an option is none of these.

    Source: Salimans and Kingma (2016), Weight normalization, arXiv:1602.07868, equation 2.
    """
    axes = normed(direction, norm_of)
    return spread(magnitude, direction, axes) * (direction / _divisor(direction, axes, epsilon, epsilon_at))


def weight_norm_vjp(
    direction: Array,
    magnitude: Array,
    cotangent: Array,
    *,
    norm_of: str = "unit",
    epsilon: float = 1e-12,
    epsilon_at: str = "none",
) -> tuple[Array, Array]:
    """Gradient of `weight_norm`: ``Σ G v / d`` for g; for v, that of the unit vectors, of ``g G``.

    Without ε they are equation 3 of the paper, and the gradient in v is at right angles to v.
    """
    axes = normed(direction, norm_of)
    unit = direction / _divisor(direction, axes, epsilon, epsilon_at)
    scaled = cotangent * spread(magnitude, direction, axes)
    through = _divided_vjp(direction, scaled, axes, epsilon, epsilon_at)
    return through, np.sum(cotangent * unit, axis=axes)


def spectral_norm(
    kernel: Array,
    vector: Array,
    *,
    power_iterations: int = 1,
    starts_from: str = "units",
    axis: str = "units",
    epsilon: float = 1e-12,
    epsilon_at: str = "floor",
) -> tuple[Array, Array]:
    """Spectral normalization: a kernel divided by an estimate of its largest singular value.

    ``y = W / σ`` with ``σ = lᵀ W r``; each power iteration takes ``l = W r`` and then ``r = Wᵀ l``, each
    divided by its norm; or ``r`` first. W is the kernel as a matrix ``(everything else, units)``, or of the
    features in the place of the units, as where those are what a transposed convolution gives.

    Args:
        kernel: ``(*window, features, units)``.
        vector: what the iterations start from: r, ``(units,)``, or l, ``(everything else,)``.
        power_iterations: 1 or more.
        starts_from: ``units``: ``vector`` is r; ``features``: it is l.
        axis: ``units`` or ``features``, whose place the others are named by otherwise.
        epsilon: ε of the norms, as in `unit_norm`, positive.
        epsilon_at: where ε acts: ``floor`` or ``inside``.

    Returns:
        The shape of ``kernel``; the vector that the next call starts from.

    Raises:
        ValueError: ``vector`` does not fit, ``power_iterations`` is below 1, or an option is none of these.

    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks,
    arXiv:1802.05957, algorithm 1.
    """
    options = (power_iterations, starts_from, epsilon, epsilon_at)
    _, kept, sigma = _power_method(_with_last(kernel, axis), vector, *options)
    return kernel / sigma, kept


def spectral_norm_vjp(
    kernel: Array,
    vector: Array,
    cotangent: Array,
    *,
    power_iterations: int = 1,
    starts_from: str = "units",
    axis: str = "units",
    epsilon: float = 1e-12,
    epsilon_at: str = "floor",
) -> tuple[Array]:
    """Gradient of `spectral_norm` with l and r as constants: ``(g - l rᵀ Σ(g W) / σ) / σ``.

    That is equation 9 of the paper, and the derivative itself where l and r are singular vectors.
    """
    turned, options = _with_last(kernel, axis), (power_iterations, starts_from, epsilon, epsilon_at)
    other, kept, sigma = _power_method(turned, vector, *options)
    left, right = (other, kept) if starts_from == "units" else (kept, other)
    outer = _with_last(np.reshape(left[:, np.newaxis] * right, turned.shape), axis)
    return ((cotangent - outer * (np.sum(cotangent * kernel) / sigma)) / sigma,)


def spectral_norm_inference(kernel: Array, left: Array, right: Array, *, inference: str = "kept") -> Array:
    """Spectral normalization at inference, which leaves the singular vectors as they are.

    ``y = W / σ`` with ``σ = lᵀ W r`` of the vectors that training has kept (``kept``), or of those after one
    more power iteration from r (``iterated``, whose norms are ``√(n² + ε)`` with ε = 1e-12); or ``y = W``
    (``raw``), where training has divided the kernel itself

    Args:
        kernel: W, ``(features, units)``.
        left: l, ``(features,)``.
        right: r, ``(units,)``.
        inference: ``kept``, ``iterated`` or ``raw``.

    Returns:
        The shape of ``kernel``.

    Raises:
        ValueError: a vector does not fit, or ``inference`` is none of these.

    Source: `spectral_norm`; the pages of ``torch.nn.utils.parametrizations.spectral_norm``,
    ``flax.nnx.SpectralNorm`` and ``keras.layers.SpectralNormalization``.
    """
    require_shape("left", left, kernel.shape[:1], "features")
    require_shape("right", right, kernel.shape[1:], "units")
    known = inference in ("kept", "iterated", "raw")
    require(known, f"inference must be kept, iterated or raw; got {inference!r}")
    if inference == "iterated":
        return spectral_norm(kernel, right, epsilon_at="inside")[0]
    return kernel / np.sum(left * np.matmul(kernel, right)) if inference == "kept" else kernel


def spectral_norm_inference_vjp(
    kernel: Array, left: Array, right: Array, cotangent: Array, *, inference: str = "kept"
) -> tuple[Array]:
    """Gradient of `spectral_norm_inference` in the kernel: ``(g - l rᵀ Σ(g W) / σ) / σ``; g of a raw one."""
    if inference == "iterated":
        return spectral_norm_vjp(kernel, right, cotangent, epsilon_at="inside")
    if inference == "raw":
        return (cotangent,)
    sigma = np.sum(left * np.matmul(kernel, right))
    along = np.sum(cotangent * kernel) / sigma
    return ((cotangent - left[:, np.newaxis] * right * along) / sigma,)


def _with_last(kernel: Array, axis: str) -> Array:
    """The kernel with this axis last, in the place of the units; twice, the kernel."""
    require(axis in ("units", "features"), f"axis must be units or features; got {axis!r}")
    return kernel if axis == "units" else np.swapaxes(kernel, -1, -2)


def _power_method(
    kernel: Array, vector: Array, power_iterations: int, starts_from: str, epsilon: float, epsilon_at: str
) -> tuple[Array, Array, Array]:
    """The singular vector that is not kept, the one that is, and ``σ = lᵀ W r``.

    With ``p`` the last product, of norm n, and the kept vector ``p / d``, the value is ``n² / d``.
    """
    require(power_iterations >= 1, f"power_iterations must be at least 1; got {power_iterations}")
    known = starts_from in ("units", "features")
    require(known, f"starts_from must be units or features; got {starts_from!r}")
    known = epsilon_at in ("floor", "inside")
    require(known, f"epsilon_at must be floor or inside; got {epsilon_at!r}")
    matrix = np.reshape(kernel, (-1, kernel.shape[-1]))
    matrix = np.transpose(matrix) if starts_from == "features" else matrix
    require_shape("vector", vector, matrix.shape[1:], starts_from)
    other = kept = product = vector
    for _ in range(power_iterations):
        other = _unit(np.matmul(matrix, kept), epsilon, epsilon_at)
        product = np.matmul(other, matrix)
        kept = _unit(product, epsilon, epsilon_at)
    return other, kept, _value(np.sum(np.square(product)), epsilon, epsilon_at)


def _value(squares: Array, epsilon: float, epsilon_at: str) -> Array:
    """``n² / d``."""
    if epsilon_at == "inside":
        return squares / np.sqrt(squares + epsilon)
    return np.where(squares > epsilon**2, np.sqrt(squares), squares / epsilon)


def _unit(vector: Array, epsilon: float, epsilon_at: str) -> Array:
    return vector / _divisor(vector, (0,), epsilon, epsilon_at)


NAMED_AXES = {"unit": (-1,), "feature": (-2,), "pair": (-2, -1), "all": ()}
"""The axes of a kernel that have norms of their own."""


def normed(kernel: Array, norm_of: str) -> Axes:
    """The axes that norms are taken over."""
    known = norm_of in NAMED_AXES
    require(known, f"norm_of must be one of {', '.join(NAMED_AXES)}; got {norm_of!r}")
    return tuple(axis for axis in range(kernel.ndim) if axis - kernel.ndim not in NAMED_AXES[norm_of])


def spread(magnitude: Array, direction: Array, axes: Axes) -> Array:
    """The magnitudes in the rank of the direction."""
    names = ", ".join(("features", "units")[a - direction.ndim] for a in _others(direction, axes))
    require_shape("magnitude", magnitude, tuple(direction.shape[a] for a in _others(direction, axes)), names)
    lengths = (1 if axis in axes else direction.shape[axis] for axis in range(direction.ndim))
    return np.reshape(magnitude, tuple(lengths))


def _others(kernel: Array, axes: Axes) -> Axes:
    return tuple(axis for axis in range(kernel.ndim) if axis not in axes)


def euclidean_norm(x: Array, axes: Axes) -> Array:
    """``s √Σ (x / s)²`` with s of the size of the largest element, so that squares stay within the range."""
    scale = magnitude(x, axes)
    return scale * np.sqrt(np.sum(np.square(x / scale), axis=axes, keepdims=True))


DIVISORS = {
    "none": lambda norm, epsilon: norm,
    "added": lambda norm, epsilon: norm + epsilon,
    "inside": lambda norm, epsilon: np.hypot(norm, np.sqrt(epsilon)),
    "floor": lambda norm, epsilon: np.maximum(norm, epsilon),
    "floor_of_square": lambda norm, epsilon: np.maximum(norm, np.sqrt(epsilon)),
}
"""What vectors are divided by, from their norms."""


def _divisor(x: Array, axes: Axes, epsilon: float, epsilon_at: str) -> Array:
    known = ", ".join(DIVISORS)
    require(epsilon_at in DIVISORS, f"epsilon_at must be one of {known}; got {epsilon_at!r}")
    return DIVISORS[epsilon_at](euclidean_norm(x, axes), epsilon)


def _divided_vjp(x: Array, cotangent: Array, axes: Axes, epsilon: float, epsilon_at: str) -> Array:
    """Gradient of ``y = x / d``: ``(g - y Σ(g y) d d' / n) / d``."""
    norm, divisor = euclidean_norm(x, axes), _divisor(x, axes, epsilon, epsilon_at)
    unit = x / divisor
    along = unit * np.sum(cotangent * unit, axis=axes, keepdims=True)
    if epsilon_at == "added":
        # At 0 the divisor has no derivative, but y Σ(g y) is of second order there.
        along = along * np.where(norm > 0, divisor / np.where(norm > 0, norm, 1.0), 0.0)
    if epsilon_at.startswith("floor"):
        along = np.where(divisor > norm, 0.0, along)
    return (cotangent - along) / divisor


def _desired(norm: Array, low: float, high: float, rate: float) -> tuple[Array, Array]:
    """The norms that are aimed at, and their derivative."""
    within = (norm > low) & (norm < high)
    aim = np.minimum(np.maximum(norm, low), high)
    return rate * aim + (1.0 - rate) * norm, np.where(within, 1.0, 1.0 - rate)


def shortening(norm: Array, most: float, epsilon_at: str) -> tuple[Array, Array]:
    """The factor of vectors of these norms, and its derivative."""
    known = epsilon_at in ("none", "added", "beyond")
    require(known, f"epsilon_at must be one of none, added, beyond; got {epsilon_at!r}")
    divisor = norm if epsilon_at == "none" else norm + KERAS_EPSILON
    if epsilon_at == "added":
        factor = np.minimum(norm, most) / divisor
        return factor, (np.where(norm < most, 1.0, 0.0) - factor) / divisor
    kept = ~(norm > most) if epsilon_at == "beyond" else norm <= most
    factor = np.where(kept, 1.0, most / np.where(kept, 1.0, divisor))
    return factor, np.where(kept, 0.0, -factor / np.where(kept, 1.0, divisor))


def _rescaled_vjp(x: Array, cotangent: Array, axis: int, factor: Array, slope: Array) -> Array:
    """Gradient of ``x f(n)``: ``g f + x Σ(g x) f'(n) / n``, whose second term is 0 where n or f' is."""
    norm = euclidean_norm(x, (axis,))
    unit = x / np.where(norm > 0, norm, 1.0)
    turned = unit * (np.sum(cotangent * unit, axis=axis, keepdims=True) * (slope * norm))
    return cotangent * factor + np.where(slope == 0, 0.0, turned)


def _require_axis(kernel: Array, axis: int) -> None:
    require(-kernel.ndim <= axis < kernel.ndim, f"axis must be one of {kernel.ndim} axes; got {axis}")
