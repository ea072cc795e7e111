"""Normalization together with what stands beside it in a transformer: residuals, gates, rotations.

Such layers are written as one kernel. Each is a composition of references, and so is its gradient.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from .activations import silu, silu_vjp
from .checks import Array, require, require_shape
from .normalization import layer_norm, layer_norm_vjp, rms_norm, rms_norm_vjp
from .rotary import rotary_embedding, rotary_embedding_vjp

__all__ = [
    "fused_add_layer_norm",
    "fused_add_layer_norm_vjp",
    "fused_add_rms_norm",
    "fused_add_rms_norm_vjp",
    "gated_rms_norm",
    "gated_rms_norm_vjp",
    "offset_rms_norm",
    "offset_rms_norm_vjp",
    "qk_norm_rope",
    "qk_norm_rope_vjp",
]

Optional = Array | None


def offset_rms_norm(x: Array, scale: Array, *, offset: float = 1.0, epsilon: float = 1e-6) -> Array:
    """Root mean square normalization whose scale is kept as its distance from a number.

    ``y = (o + γ) x / √(mean x² + ε)``

    Args:
        x: ``(…, features)``, at least one feature.
        scale: γ, ``(features,)``.
        offset: o: 1 where a scale of 0 is to change nothing, as in Gemma; 0 for none.
        epsilon: added to the mean square, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``scale`` does not fit the features.

    Source: Zhang and Sennrich (2019), Root mean square layer normalization, arXiv:1910.07467, equation 4.
    """
    return rms_norm(x, offset + scale, epsilon=epsilon)


def offset_rms_norm_vjp(
    x: Array, scale: Array, cotangent: Array, *, offset: float = 1.0, epsilon: float = 1e-6
) -> tuple[Array, Optional]:
    """Gradient of `offset_rms_norm`: that of `rms_norm`; for γ the number is nothing."""
    return rms_norm_vjp(x, offset + scale, cotangent, epsilon=epsilon)


def fused_add_rms_norm(
    x: Array, residual: Array, scale: Array, *, offset: float = 0.0, epsilon: float = 1e-6
) -> tuple[Array, Array]:
    """Root mean square normalization of a sum, and the sum.

    ``s = x + r`` and ``y = (o + γ) s / √(mean s² + ε)``

    Args:
        x: ``(…, features)``, what a layer adds.
        residual: r, the shape of ``x``: what is handed on beside it.
        scale: γ, ``(features,)``.
        offset: o, as in `offset_rms_norm`.
        epsilon: added to the mean square, inside the root.

    Returns:
        y, and s, which the next layer is given as its residual.

    Raises:
        ValueError: ``residual`` has another shape than ``x``, or ``scale`` does not fit the features.

    Source: Zhang and Sennrich (2019), Root mean square layer normalization, arXiv:1910.07467, equation 4.
    """
    require_shape("residual", residual, x.shape, "those of x")
    total = x + residual
    return offset_rms_norm(total, scale, offset=offset, epsilon=epsilon), total


def fused_add_rms_norm_vjp(
    x: Array,
    residual: Array,
    scale: Array,
    cotangents: tuple[Array, Array],
    *,
    offset: float = 0.0,
    epsilon: float = 1e-6,
) -> tuple[Array, Array, Optional]:
    """Gradients of `fused_add_rms_norm`: x and r both have that of y through the norm, and that of s.

    Implementations add up as it comes what reaches s: its own cotangent, what passes the norm, and what comes
    by way of the mean.
    """
    of_y, of_sum = cotangents
    total = x + residual
    root = np.sqrt(np.mean(np.square(total), axis=-1, keepdims=True) + epsilon)
    through, standard = of_y * (offset + scale), total / root
    slope = np.mean(through * standard, axis=-1, keepdims=True)
    added = of_sum + through / root - standard * slope / root
    return added, added, np.sum(of_y * standard, axis=tuple(range(x.ndim - 1)))


def fused_add_layer_norm(
    x: Array,
    residual: Array,
    scale: Array,
    bias: Array,
    mask: Optional = None,
    *,
    rate: float = 0.25,
    epsilon: float = 1e-5,
) -> tuple[Array, Array]:
    """Layer normalization of a sum, of which one part has had dropout, and the sum.

    ``s = m x / (1 - p) + r`` and ``y = γ (s - μ) / √(σ² + ε) + β`` with the moments of s along the last axis

    Args:
        x: ``(…, features)``, what a layer adds.
        residual: r, the shape of ``x``.
        scale: γ, ``(features,)``.
        bias: β, ``(features,)``.
        mask: m, the shape of ``x``, True where x is kept; None where there is no dropout.
        rate: p, in [0, 1), which share of x was dropped.
        epsilon: added to the variance, inside the root.

    Returns:
        y, and s.

    Raises:
        ValueError: a shape does not fit, or ``rate`` is not in [0, 1).

    Source: Ba, Kiros and Hinton (2016), Layer normalization, arXiv:1607.06450, section 3.
    """
    require_shape("residual", residual, x.shape, "those of x")
    total = _kept(x, mask, rate) + residual
    return layer_norm(total, scale, bias, epsilon=epsilon), total


def fused_add_layer_norm_vjp(
    x: Array,
    residual: Array,
    scale: Array,
    bias: Array,
    mask: Optional,
    cotangents: tuple[Array, Array],
    *,
    rate: float = 0.25,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Optional, Optional]:
    """Gradients of `fused_add_layer_norm`: what reaches s reaches r as it is, and x where that was kept.

    What reaches s is added up as it comes, as in `fused_add_rms_norm_vjp`.
    """
    of_y, of_sum = cotangents
    total = _kept(x, mask, rate) + residual
    _, of_scale, of_bias = layer_norm_vjp(total, scale, bias, of_y, epsilon=epsilon)
    deviation = np.sqrt(_variance(total) + epsilon)
    through, standard = of_y * scale, layer_norm(total, epsilon=epsilon)
    level = np.mean(through, axis=-1, keepdims=True)
    slope = np.mean(through * standard, axis=-1, keepdims=True)
    added = of_sum + through / deviation - (level + standard * slope) / deviation
    return _kept(added, mask, rate), added, of_scale, of_bias


GATES = {
    "silu": (silu, silu_vjp),
    "sigmoid": (expit, lambda z, cotangent: (cotangent * (expit(z) * (1.0 - expit(z))),)),
    "identity": (lambda z: z, lambda _, cotangent: (cotangent,)),
}


def gated_rms_norm(
    x: Array,
    gate: Array,
    scale: Array,
    *,
    order: str = "gate_first",
    activation: str = "silu",
    groups: int = 1,
    epsilon: float = 1e-5,
) -> Array:
    """Root mean square normalization beside a gate.

    ``y = γ u / √(mean u² + ε)`` with ``u = x f(z)``, or with ``order="norm_first"``
    ``y = γ x / √(mean x² + ε) · f(z)``

    Args:
        x: ``(…, features)``.
        gate: z, the shape of ``x``.
        scale: γ, ``(features,)``.
        order: ``gate_first`` or ``norm_first``.
        activation: f, ``silu``, ``sigmoid``, or ``identity`` for a gate that has been opened before.
        groups: over how many groups of neighbouring features means are taken, each its own.
        epsilon: added to the mean square, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a shape does not fit, ``groups`` does not divide the features, or a word is unknown.

    Source: Dao and Gu (2024), Transformers are SSMs, arXiv:2405.21060, section 7.
    """
    require_shape("gate", gate, x.shape, "those of x")
    require_shape("scale", scale, x.shape[-1:], "features")
    require(order in ("gate_first", "norm_first"), f"order must be gate_first or norm_first; got {order!r}")
    require(activation in GATES, f"activation must be one of {', '.join(GATES)}; got {activation!r}")
    divides = groups > 0 and x.shape[-1] % groups == 0
    require(divides, f"groups must divide the {x.shape[-1]} features; got {groups}")
    opened = GATES[activation][0](gate)
    if order == "gate_first":
        return _in_groups(x * opened, groups, epsilon) * scale
    return _in_groups(x, groups, epsilon) * scale * opened


def gated_rms_norm_vjp(
    x: Array,
    gate: Array,
    scale: Array,
    cotangent: Array,
    *,
    order: str = "gate_first",
    activation: str = "silu",
    groups: int = 1,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """Gradients of `gated_rms_norm`, by the chain rule."""
    function, vjp = GATES[activation]
    opened, leading = function(gate), tuple(range(x.ndim - 1))
    if order == "gate_first":
        normed = _in_groups(x * opened, groups, epsilon)
        inner = _in_groups_vjp(x * opened, cotangent * scale, groups, epsilon)
        of_x, of_opened = inner * opened, inner * x
        return of_x, *vjp(gate, of_opened), np.sum(cotangent * normed, axis=leading)
    normed = _in_groups(x, groups, epsilon)
    of_x = _in_groups_vjp(x, cotangent * opened * scale, groups, epsilon)
    (of_gate,) = vjp(gate, cotangent * (normed * scale))
    return of_x, of_gate, np.sum(cotangent * opened * normed, axis=leading)


def qk_norm_rope(
    x: Array,
    scale: Array,
    positions: Array,
    *,
    scope: str = "head",
    order: str = "norm_first",
    pairing: str = "half",
    epsilon: float = 1e-6,
) -> Array:
    """Root mean square normalization of queries or keys, and a rotary embedding.

    ``y = R_p (γ x / √(mean x² + ε))``, where ``R_p`` turns pairs by their position; or, with
    ``order="rotation_first"``, ``y = γ R_p x / √(mean (R_p x)² + ε)``

    Args:
        x: ``(batch, steps, heads, features)``.
        scale: γ: ``(features,)``, for every head; or ``(heads, features)`` with ``scope="all_heads"``.
        positions: ``(batch, steps)``, whole numbers.
        scope: whether the mean is that of each ``head``, or of ``all_heads`` of a step.
        order: ``norm_first`` or ``rotation_first``.
        pairing: ``half`` or ``interleaved``, as in `rotary_embedding`.
        epsilon: added to the mean square, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a shape does not fit, the number of features is odd, or a word is unknown.

    Source: Henry et al. (2020), Query-key normalization for transformers, arXiv:2010.04245, section 3, for
    norms; Su et al. (2021), RoFormer, arXiv:2104.09864, section 3.2.2, for rotations.
    """
    require(scope in ("head", "all_heads"), f"scope must be head or all_heads; got {scope!r}")
    known = order in ("norm_first", "rotation_first")
    require(known, f"order must be norm_first or rotation_first; got {order!r}")
    if order == "norm_first":
        return rotary_embedding(_of_heads(x, scale, scope, epsilon), positions, pairing=pairing)
    return _of_heads(rotary_embedding(x, positions, pairing=pairing), scale, scope, epsilon)


def qk_norm_rope_vjp(
    x: Array,
    scale: Array,
    positions: Array,
    cotangent: Array,
    *,
    scope: str = "head",
    order: str = "norm_first",
    pairing: str = "half",
    epsilon: float = 1e-6,
) -> tuple[Array, Array]:
    """Gradients of `qk_norm_rope`: turned back, and through the norm, in the other order."""
    if order == "norm_first":
        (back,) = rotary_embedding_vjp(x, positions, cotangent, pairing=pairing)
        return _of_heads_vjp(x, scale, back, scope, epsilon)
    turned = rotary_embedding(x, positions, pairing=pairing)
    through, of_scale = _of_heads_vjp(turned, scale, cotangent, scope, epsilon)
    return *rotary_embedding_vjp(x, positions, through, pairing=pairing), of_scale


# --- parts ---


def _kept(x: Array, mask: Optional, rate: float) -> Array:
    """What dropout leaves of x, and its own gradient."""
    if mask is None:
        return x
    require_shape("mask", mask, x.shape, "those of x")
    require(0 <= rate < 1, f"rate must be in [0, 1); got {rate}")
    return np.where(mask, x * (1.0 / (1.0 - rate)), 0.0)


def _variance(x: Array) -> Array:
    """Of the last axis, which is kept."""
    return np.mean(np.square(x - np.mean(x, axis=-1, keepdims=True)), axis=-1, keepdims=True)


def _in_groups(x: Array, groups: int, epsilon: float) -> Array:
    return np.reshape(rms_norm(_grouped(x, groups), epsilon=epsilon), x.shape)


def _in_groups_vjp(x: Array, cotangent: Array, groups: int, epsilon: float) -> Array:
    of_x, _ = rms_norm_vjp(_grouped(x, groups), None, _grouped(cotangent, groups), epsilon=epsilon)
    return np.reshape(of_x, x.shape)


def _grouped(x: Array, groups: int) -> Array:
    return np.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups))


def _of_heads(x: Array, scale: Array, scope: str, epsilon: float) -> Array:
    rows, weights = _rows(x, scale, scope)
    return np.reshape(rms_norm(rows, weights, epsilon=epsilon), x.shape)


def _of_heads_vjp(
    x: Array, scale: Array, cotangent: Array, scope: str, epsilon: float
) -> tuple[Array, Array]:
    rows, weights = _rows(x, scale, scope)
    of_rows, of_weights = rms_norm_vjp(rows, weights, np.reshape(cotangent, rows.shape), epsilon=epsilon)
    assert of_weights is not None
    return np.reshape(of_rows, x.shape), np.reshape(of_weights, scale.shape)


def _rows(x: Array, scale: Array, scope: str) -> tuple[Array, Array]:
    """What has a mean of its own along its last axis, and the factors of each."""
    if scope == "head":
        require_shape("scale", scale, x.shape[-1:], "features")
        return x, scale
    require_shape("scale", scale, x.shape[-2:], "heads, features")
    return np.reshape(x, (*x.shape[:-2], -1)), np.reshape(scale, (-1,))
