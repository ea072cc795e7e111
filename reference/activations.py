"""Activations: functions of one array, element by element or along one axis.

Each function stands beside its vector-Jacobian product, ``name_vjp(inputs…, cotangent, …)``.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfc, expit, log_expit

from .checks import Array, require, require_axis


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


def swish(x: Array, *, beta: float = 1.0) -> Array:
    """Swish: `silu` with another slope inside.

    ``swish(x) = x σ(β x)``

    Args:
        x: any shape. The limits are 0 at -∞ and ∞ at ∞.
        beta: ``β``, positive.

    Returns:
        The shape of ``x``.

    Source: Ramachandran, Zoph and Le (2017), Searching for activation functions, arXiv:1710.05941, section 4.
    """
    return np.maximum(x, SILU_VANISHES / beta) * expit(beta * x)


def swish_vjp(x: Array, cotangent: Array, *, beta: float = 1.0) -> tuple[Array]:
    """Gradient of `swish`: ``σ(β x) (1 + β x (1 - σ(β x)))``; 0 at -∞ and 1 at ∞."""
    return silu_vjp(beta * np.clip(x, SILU_VANISHES / beta, -SILU_VANISHES / beta), cotangent)


LOG_2 = math.log(2.0)


def log1mexp(x: Array) -> Array:
    """Logarithm of 1 less an exponential: of the chance that something of log-probability -x fails.

    ``log1mexp(x) = log(1 - exp(-x))``

    Up to log 2 it is ``log(-expm1(-x))``, and beyond ``log1p(-exp(-x))``: each loses its digits where the
    other keeps them.

    Args:
        x: any shape, not negative. -∞ at 0, 0 at ∞, and NaN below 0.

    Returns:
        The shape of ``x``, at most 0.

    Source: Mächler (2012), Accurately computing log(1 - exp(-|a|)), equation 7.
    """
    near, far = np.minimum(x, LOG_2), np.maximum(x, LOG_2)
    return np.where(x > LOG_2, np.log1p(-np.exp(-far)), np.log(-np.expm1(-near)))


def log1mexp_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `log1mexp`: ``1 / (exp(x) - 1)``, which goes on below 0, where there is no value.

    At zeros of either sign it is ∞, the limit from above.
    """
    return (cotangent / np.where(x == 0, 0.0, np.expm1(x)),)


def identity(x: Array) -> Array:
    """The identity.

    ``identity(x) = x``, to the last bit

    Args:
        x: any shape.

    Returns:
        The same.
    """
    return 1.0 * x


def identity_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `identity`: the cotangent."""
    return (1.0 * cotangent,)


def sigmoid(x: Array) -> Array:
    """Logistic sigmoid.

    ``σ(x) = 1 / (1 + exp(-x))``

    Args:
        x: any shape. The limits are 0 at -∞ and 1 at ∞; NaN stays NaN.

    Returns:
        The shape of ``x``, in [0, 1].

    Source: Verhulst (1845), Recherches mathématiques sur la loi d'accroissement de la population.
    """
    return expit(x)


def sigmoid_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `sigmoid`: ``y (1 - y)``, of the output as it is kept."""
    y = expit(x)
    return (cotangent * (y * (1.0 - y)),)


def tanh(x: Array) -> Array:
    """Hyperbolic tangent.

    ``tanh(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x))``

    Args:
        x: any shape. The limits are -1 at -∞ and 1 at ∞; NaN stays NaN.

    Returns:
        The shape of ``x``, in [-1, 1].
    """
    return np.tanh(x)


def tanh_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `tanh`: ``1 - y² = (1 + y) (1 - y)``, of the output as it is kept."""
    y = np.tanh(x)
    return (cotangent * ((1.0 + y) * (1.0 - y)),)


def log_sigmoid(x: Array) -> Array:
    """Logarithm of the sigmoid.

    ``log σ(x) = -log(1 + exp(-x))``

    Args:
        x: any shape. The limits are -∞ at -∞ and 0 at ∞; NaN stays NaN.

    Returns:
        The shape of ``x``, at most 0.
    """
    return log_expit(x)


def log_sigmoid_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `log_sigmoid`: ``σ(-x)``; 1 at -∞ and 0 at ∞."""
    return (cotangent * expit(-x),)


SOFTPLUS_BENDS = 14.0
"""Where ``log(1 + exp(β x))`` is ``β x`` to a part in a million, far from where it overflows."""


def softplus(x: Array, *, beta: float = 1.0, threshold: float | None = None) -> Array:
    """Softplus, a smooth version of the rectifier.

    ``softplus(x) = log(1 + exp(β x)) / β``, or ``x`` where ``β x`` is above a threshold

    Where ``β x`` is large it is ``x + log(1 + exp(-β x)) / β``, in which nothing overflows.

    Args:
        x: any shape. The limits are 0 at -∞ and ∞ at ∞; NaN stays NaN.
        beta: ``β``, positive.
        threshold: of ``β x``; none if None.

    Returns:
        The shape of ``x``, at least 0.

    Raises:
        ValueError: ``beta`` is not positive.

    Source: Dugas et al. (2001), Incorporating second-order functional knowledge for better option pricing,
    section 3.
    """
    require(beta > 0, f"beta must be positive; got {beta}")
    held = np.minimum(x, SOFTPLUS_BENDS / beta)
    smooth = np.log1p(np.exp(beta * held)) / beta
    smooth = np.where(x > SOFTPLUS_BENDS / beta, x + np.log1p(np.exp(-beta * np.abs(x))) / beta, smooth)
    return smooth if threshold is None else np.where(beta * x > threshold, x, smooth)


def softplus_vjp(
    x: Array, cotangent: Array, *, beta: float = 1.0, threshold: float | None = None
) -> tuple[Array]:
    """Gradient of `softplus`: ``σ(β x)``, or 1 above the threshold."""
    smooth = cotangent * expit(beta * x)
    return (smooth if threshold is None else np.where(beta * x > threshold, cotangent, smooth),)


SOFTSIGN_SATURATES = 2.0**60
"""Beyond it ``1 + |x|`` is ``|x|`` in float64: x is held there, an infinite one too."""


def softsign(x: Array) -> Array:
    """Softsign.

    ``softsign(x) = x / (1 + |x|)``

    Args:
        x: any shape. The limits are -1 at -∞ and 1 at ∞; NaN stays NaN.

    Returns:
        The shape of ``x``, in [-1, 1].

    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural
    networks, section 3.
    """
    held = np.clip(x, -SOFTSIGN_SATURATES, SOFTSIGN_SATURATES)
    return held / (1.0 + np.abs(held))


def softsign_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `softsign`: ``1 / (1 + |x|)²``; 0 at ±∞."""
    root = 1.0 / (1.0 + np.abs(x))
    return (cotangent * root * root,)


def mish(x: Array) -> Array:
    """Mish.

    ``mish(x) = x tanh(log(1 + exp(x)))``

    With ``t = exp(-|x|)`` the factor is ``(1 + 2t) / (1 + 2t + 2t²)`` for positive x, and
    ``(t² + 2t) / (t² + 2t + 2)`` otherwise, in which nothing cancels or overflows.

    Args:
        x: any shape. The limits are 0 at -∞ and ∞ at ∞; NaN stays NaN.

    Returns:
        The shape of ``x``.

    Source: Misra (2019), Mish: a self regularized non-monotonic activation function, arXiv:1908.08681.
    """
    return np.maximum(x, SILU_VANISHES) * _mish_gate(x, np.exp(-np.abs(x)))


def mish_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `mish`: ``w + x σ(x) (1 - w²)`` with the factor ``w`` as it is kept; 0 at -∞ and 1 at ∞."""
    gate, held = _mish_gate(x, np.exp(-np.abs(x))), np.clip(x, SILU_VANISHES, -SILU_VANISHES)
    return (cotangent * (gate + held * expit(x) * ((1.0 + gate) * (1.0 - gate))),)


def _mish_gate(x: Array, t: Array) -> Array:
    """``tanh(log(1 + exp(x)))`` from ``t = exp(-|x|)``."""
    above, below = 1.0 + 2.0 * t, t * t + 2.0 * t
    return np.where(x > 0, above / (above + 2.0 * t * t), below / (below + 2.0))


def tanh_shrink(x: Array) -> Array:
    """What the hyperbolic tangent leaves.

    ``tanh_shrink(x) = x - tanh(x)``

    Args:
        x: any shape. NaN stays NaN.

    Returns:
        The shape of ``x``.
    """
    return x - np.tanh(x)


def tanh_shrink_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `tanh_shrink`: ``tanh(x)²``."""
    return (cotangent * np.square(np.tanh(x)),)


def exponential(x: Array) -> Array:
    """Exponential function.

    ``exponential(x) = exp(x)``

    Args:
        x: any shape. The limits are 0 at -∞ and ∞ at ∞; NaN stays NaN.

    Returns:
        The shape of ``x``.
    """
    return np.exp(x)


def exponential_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `exponential`: ``exp(x)``."""
    return (cotangent * np.exp(x),)


def squareplus(x: Array, *, b: float = 4.0) -> Array:
    """Squareplus, an algebraic version of softplus.

    ``squareplus(x) = (x + √(x² + b)) / 2``

    For negative x it is ``(b/2) / (√(x² + b) - x)``, in which nothing cancels.

    Args:
        x: any shape. The limits are 0 at -∞ and ∞ at ∞; NaN stays NaN.
        b: how far the bend reaches, positive.

    Returns:
        The shape of ``x``, at least 0.

    Source: Barron (2021), Squareplus: a softplus-like algebraic rectifier, arXiv:2112.11687, equation 1.
    """
    size = np.abs(x)
    root = np.hypot(x, math.sqrt(b))
    return np.where(x > 0, 0.5 * size + 0.5 * root, (0.25 * b) / (0.5 * root + 0.5 * size))


def squareplus_vjp(x: Array, cotangent: Array, *, b: float = 4.0) -> tuple[Array]:
    """Gradient of `squareplus`: ``(1 + x / √(x² + b)) / 2``; 0 at -∞ and 1 at ∞.

    For negative x it is ``(b/2) / (√(x² + b) (√(x² + b) - x))``.
    """
    root, held = np.hypot(x, math.sqrt(b)), np.clip(x, 0.0, SOFTSIGN_SATURATES)
    right = 0.5 + 0.5 * (held / np.hypot(held, math.sqrt(b)))
    return (cotangent * np.where(x > 0, right, (0.5 * b) / root / (root + np.abs(x))),)


def glu(x: Array, *, axis: int = -1) -> Array:
    """Gated linear unit.

    ``glu(x) = a σ(b)``, with ``a`` and ``b`` the halves of x

    Args:
        x: any shape, of even length along ``axis``.
        axis: the axis that is cut in two.

    Returns:
        Half as long along ``axis`` as ``x``.

    Raises:
        ValueError: the length along ``axis`` is odd, or ``axis`` is not an axis of ``x``.

    Source: Dauphin, Fan, Auli and Grangier (2016), Language modeling with gated convolutional networks,
    arXiv:1612.08083, equation 1.
    """
    require_axis(x, axis)
    length = x.shape[axis]
    require(length % 2 == 0, f"x must have an even length along axis {axis}; got {length}")
    value, gate = np.split(x, 2, axis=axis)
    return value * expit(gate)


def glu_vjp(x: Array, cotangent: Array, *, axis: int = -1) -> tuple[Array]:
    """Gradient of `glu`: ``σ(b)`` for a, and ``a σ(b) (1 - σ(b))`` for b."""
    value, gate = np.split(x, 2, axis=axis)
    y = expit(gate)
    return (np.concatenate([cotangent * y, cotangent * value * (y * (1.0 - y))], axis=axis),)
