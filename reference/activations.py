"""Activations: functions of one array, element by element or along one axis.

Each function stands beside its vector-Jacobian product, ``name_vjp(inputs…, cotangent, …)``.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfc, expit

from .checks import Array, require


def relu(x: Array) -> Array:
    """Rectified linear unit.

    ``relu(x) = max(x, 0)``

    Args:
        x: any shape. NaN stays NaN.

    Returns:
        The shape of ``x``.

    Source: Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
    """
    return np.maximum(x, 0.0)


def relu_vjp(x: Array, cotangent: Array, *, nan_gradient: str = "zero") -> tuple[Array]:
    """Gradient of `relu`: the cotangent where ``x > 0``; the subgradient at the kink ``x = 0`` is 0.

    Where ``x`` is NaN the gradient is zero, or with ``nan_gradient="pass"`` the cotangent.
    """
    active = x > 0 if nan_gradient == "zero" else ~(x <= 0)
    return (np.where(active, cotangent, 0.0),)


GELU_REACH = 40.0
"""Beyond it both forms are 0 or x, and their slopes 0 or 1, to the last bit of float64.

Arguments are held there, so that neither a cube overflows nor an infinity meets the 0 that outweighs it.
"""


def gelu(x: Array, *, approximate: bool = False) -> Array:
    """Gaussian error linear unit.

    ``gelu(x) = x Φ(x) = x/2 erfc(-x/√2)``, or with ``approximate``
    ``x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))``

    The complementary error function and, for the approximation, the logistic form
    ``(1 + tanh(z))/2 = 1/(1 + exp(-2z))`` keep full relative accuracy for negative ``x``.

    Args:
        x: any shape. The limits are 0 at -∞ and ∞ at ∞.
        approximate: the tanh form instead of the exact one.

    Returns:
        The shape of ``x``.

    Source: Hendrycks and Gimpel (2016), Gaussian error linear units, arXiv:1606.08415, section 2.
    """
    held = np.clip(x, -GELU_REACH, GELU_REACH)
    gate = _gelu_gate_tanh(held) if approximate else 0.5 * erfc(-_scaled(held))
    return np.maximum(x, -GELU_REACH) * gate


def gelu_vjp(x: Array, cotangent: Array, *, approximate: bool = False) -> tuple[Array]:
    """Gradient of `gelu`: ``Φ(x) + x φ(x)``, or the derivative of the approximation; 0 at -∞ and 1 at ∞."""
    x = np.clip(x, -GELU_REACH, GELU_REACH)
    if not approximate:
        density = math.sqrt(0.5 / math.pi) * np.exp(-np.square(_scaled(x)))
        return (cotangent * (0.5 * erfc(-_scaled(x)) + x * density),)
    gate, complement = _gelu_gate_tanh(x), _gelu_gate_tanh(-x)
    slope = 2.0 * math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * np.square(x))
    return (cotangent * (gate + x * gate * complement * slope),)


def _scaled(x: Array) -> Array:
    """``x/√2``: ``Φ(x) = erfc(-x/√2)/2`` and ``φ(x) = exp(-(x/√2)²)/√(2π)``."""
    return x * math.sqrt(0.5)


def _gelu_gate_tanh(x: Array) -> Array:
    return expit(2.0 * math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * np.square(x)))


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
SELU_SATURATION = -1.7580993408473768599  # -scale alpha, which SELU tends to at -∞


def selu(x: Array) -> Array:
    """Scaled exponential linear unit.

    ``selu(x) = λ x`` for ``x > 0``, and ``λ α (exp(x) - 1)`` otherwise, with ``λ`` and ``α`` such that mean 0
    and variance 1 of normal inputs are kept

    Args:
        x: any shape. NaN stays NaN.

    Returns:
        The shape of ``x``.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-normalizing neural networks,
    arXiv:1706.02515, equation 2.
    """
    below = SELU_ALPHA * np.expm1(np.where(x > 0, 0.0, x))
    return SELU_SCALE * np.where(x > 0, x, below)


def selu_vjp(
    x: Array, cotangent: Array, *, zero_gradient: str = "left", nan_gradient: str = "nan"
) -> tuple[Array]:
    """Gradient of `selu`: ``λ`` where ``x > 0``, and ``λ α exp(x)`` where ``x < 0``.

    At the kink ``x = 0`` it is the slope on its ``left``, ``λ α``, or on its ``right``, λ. Where x is NaN it
    is NaN, or with ``nan_gradient="pass"`` λ.
    """
    positive = x > 0 if zero_gradient == "left" else x >= 0
    positive = positive | (x != x) if nan_gradient == "pass" else positive
    below = SELU_ALPHA * np.exp(np.where(positive, 0.0, x))
    return (cotangent * (SELU_SCALE * np.where(positive, 1.0, below)),)


def silu(x: Array) -> Array:
    """Sigmoid linear unit, also called swish.

    ``silu(x) = x σ(x) = x / (1 + exp(-x))``

    Args:
        x: any shape. The limits are 0 at -∞ and ∞ at ∞.

    Returns:
        The shape of ``x``.

    Source: Elfwing, Uchibe and Doya (2017), Sigmoid-weighted linear units, arXiv:1702.03118, section 2.
    """
    return np.maximum(x, SILU_VANISHES) * expit(x)


def silu_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `silu`: ``σ(x) (1 + x (1 - σ(x)))``; 0 at -∞ and 1 at ∞."""
    gate, held = expit(x), np.clip(x, SILU_VANISHES, SILU_PASSES)
    return (cotangent * (gate * (1.0 + held * (1.0 - gate))),)


SILU_VANISHES, SILU_PASSES = -750.0, 50.0
"""Where σ(x) is 0 or 1 in float64, and ``x σ(x)`` 0 or x: factors x are held there, an infinite one too."""


def softmax(x: Array, *, axis: int = -1, infinite_logit: str = "nan") -> Array:
    """Normalised exponentials along an axis.

    ``softmax(x)ᵢ = exp(xᵢ - m) / Σⱼ exp(xⱼ - m)`` with ``m = maxⱼ xⱼ``

    Args:
        x: logits, any shape with at least one element along ``axis``.
        axis: the axis that sums to one.
        infinite_logit: beside a lone logit of ∞ all are ``nan``, for ∞ - ∞; or probabilities are ``one_hot``,
            the limit as it grows. Two of them leave their ratio open: NaN in either case.

    Returns:
        The shape of ``x``, in [0, 1].

    Raises:
        ValueError: ``axis`` is not an axis of ``x``, or ``infinite_logit`` is neither.

    Source: Bridle (1990), Training stochastic model recognition algorithms as networks.
    """
    exponentials = np.exp(_shifted(x, axis, infinite_logit))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


def softmax_vjp(x: Array, cotangent: Array, *, axis: int = -1, infinite_logit: str = "nan") -> tuple[Array]:
    """Gradient of `softmax`: ``y (g - Σ g y)``."""
    y = softmax(x, axis=axis, infinite_logit=infinite_logit)
    return (y * (cotangent - np.sum(cotangent * y, axis=axis, keepdims=True)),)


def log_softmax(x: Array, *, axis: int = -1, infinite_logit: str = "nan") -> Array:
    """Logarithm of the softmax.

    ``log_softmax(x)ᵢ = (xᵢ - m) - log Σⱼ exp(xⱼ - m)`` with ``m = maxⱼ xⱼ``

    Args:
        x: logits, any shape with at least one element along ``axis``.
        axis: the axis whose exponentials sum to one.
        infinite_logit: as of `softmax`; the limits are 0 of the lone infinite logit, and -∞ of the others.

    Returns:
        The shape of ``x``, at most 0.

    Raises:
        ValueError: ``axis`` is not an axis of ``x``, or ``infinite_logit`` is neither.

    Source: Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax
    functions, section 2.
    """
    shifted = _shifted(x, axis, infinite_logit)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def log_softmax_vjp(
    x: Array, cotangent: Array, *, axis: int = -1, infinite_logit: str = "nan"
) -> tuple[Array]:
    """Gradient of `log_softmax`: ``g - softmax(x) Σ g``."""
    y = softmax(x, axis=axis, infinite_logit=infinite_logit)
    return (cotangent - y * np.sum(cotangent, axis=axis, keepdims=True),)


def _shifted(x: Array, axis: int, infinite_logit: str) -> Array:
    """``x - m``, of which an axis has at least one 0."""
    require(-x.ndim <= axis < x.ndim, f"axis must be an axis of an array of shape {x.shape}; got {axis}")
    known = infinite_logit in ("nan", "one_hot")
    require(known, f"infinite_logit must be nan or one_hot; got {infinite_logit!r}")
    return below_maximum(x, x, axis, infinite=infinite_logit == "one_hot")


def below_maximum(x: Array, candidates: Array, axis: int, *, infinite: bool = False) -> Array:
    """``x - m`` with ``m`` the largest of the candidates: 0 at its place, whatever error ``x`` carries.

    At the place of an infinite one it is NaN, or with ``infinite`` 0 at the first of them.

    Any number near the maximum does as well for ``m``, so an implementation that takes another one differs
    by rounding alone.
    """
    places = np.expand_dims(np.arange(x.shape[axis]), tuple(range(1, -axis if axis < 0 else x.ndim - axis)))
    known = np.isfinite(candidates) | (infinite & np.isinf(candidates) & ~np.signbit(candidates))
    top = (places == np.expand_dims(np.argmax(candidates, axis=axis), axis)) & known
    return np.where(top, 0.0, x - np.max(candidates, axis=axis, keepdims=True))
