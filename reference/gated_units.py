"""Gated units: one half of an array, let through by a function of the other.

Which half is the gate, and how the two lie in the array, is where implementations part.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from scipy.special import expit

from .activations import gelu, gelu_vjp, relu, relu_vjp, sigmoid, sigmoid_vjp, silu, silu_vjp
from .checks import Array, require
from .rotary import join_pairs, split_pairs

__all__ = ["clamped_swiglu", "clamped_swiglu_vjp", "gated_linear_unit", "gated_linear_unit_vjp"]

ACTIVATIONS: dict[str, tuple[Callable[..., Array], Callable[..., tuple[Array]]]] = {
    "sigmoid": (sigmoid, sigmoid_vjp),
    "silu": (silu, silu_vjp),
    "gelu_tanh": (lambda g: gelu(g, approximate=True), lambda g, c: gelu_vjp(g, c, approximate=True)),
    "gelu_erf": (gelu, gelu_vjp),
    "relu": (relu, relu_vjp),
}
LAYOUTS = {"concatenated": "half", "interleaved": "interleaved"}
"""How the halves lie in an array, as pairs are called."""

HALVES = ("first", "second")


def gated_linear_unit(
    x: Array, *, activation: str = "sigmoid", gate: str = "second", layout: str = "concatenated"
) -> Array:
    """Gated linear unit, of any activation.

    ``y = u f(g)``, with ``u`` and ``g`` the halves of x

    Args:
        x: ``(…, 2 features)``.
        activation: f: ``sigmoid`` (GLU), ``silu`` (SwiGLU), ``gelu_tanh`` or ``gelu_erf`` (GEGLU), or
            ``relu`` (ReGLU), whose slope at 0 is 0.
        gate: whether g is the ``first`` half or the ``second``.
        layout: ``concatenated``, one half after the other; or ``interleaved``, at even and at odd places.

    Returns:
        ``(…, features)``

    Raises:
        ValueError: the last axis is of odd length, or a word is unknown.

    Source: Shazeer (2020), GLU variants improve transformer, arXiv:2002.05202, equation 5.
    """
    known = ", ".join(ACTIVATIONS)
    require(activation in ACTIVATIONS, f"activation must be one of {known}; got {activation!r}")
    value, opening = _halves(x, gate, layout)
    return value * ACTIVATIONS[activation][0](opening)


def gated_linear_unit_vjp(
    x: Array,
    cotangent: Array,
    *,
    activation: str = "sigmoid",
    gate: str = "second",
    layout: str = "concatenated",
) -> tuple[Array]:
    """Gradient of `gated_linear_unit`: ``f(g)`` for u, and ``u f'(g)`` for g."""
    function, vjp = ACTIVATIONS[activation]
    value, opening = _halves(x, gate, layout)
    (of_gate,) = vjp(opening, cotangent * value)
    return (_whole(cotangent * function(opening), of_gate, gate, layout),)


def clamped_swiglu(
    x: Array,
    *,
    alpha: float = 1.702,
    limit: float = 7.0,
    beta: float = 1.0,
    gate: str = "first",
    layout: str = "interleaved",
) -> Array:
    """Gated unit of silu whose halves are held within a limit.

    ``y = g' σ(α g') (u' + β)`` with ``g' = min(g, L)`` and ``u' = max(-L, min(u, L))``

    Args:
        x: ``(…, 2 features)``.
        alpha: α, by which the logistic is steeper.
        limit: L, above 0. The gate is held from above alone.
        beta: β, added to what is let through.
        gate: whether g is the ``first`` half or the ``second``.
        layout: ``interleaved`` or ``concatenated``, as in `gated_linear_unit`.

    Returns:
        ``(…, features)``

    Raises:
        ValueError: the last axis is of odd length, the limit is not above 0, or a word is unknown.

    Source: OpenAI (2025), gpt-oss-120b and gpt-oss-20b model card, arXiv:2508.10925, section 2.2.
    """
    require(limit > 0, f"limit must be above 0; got {limit}")
    value, opening = _halves(x, gate, layout)
    held = np.minimum(opening, limit)
    return held * expit(alpha * held) * (np.clip(value, -limit, limit) + beta)


def clamped_swiglu_vjp(
    x: Array,
    cotangent: Array,
    *,
    alpha: float = 1.702,
    limit: float = 7.0,
    beta: float = 1.0,
    gate: str = "first",
    layout: str = "interleaved",
    kink_gradient: float = 1.0,
    nan_gradient: str = "pass",
) -> tuple[Array]:
    """Gradient of `clamped_swiglu`: 0 where a half is held, and ``kink_gradient`` of it just at a limit.

    To a half that is NaN it passes; or it is 0 (``nan_gradient="zero"``), or 0 times what would pass
    (``"multiply"``), which is NaN for the gate.
    """
    value, opening = _halves(x, gate, layout)
    held = np.minimum(opening, limit)
    level = expit(alpha * held)
    slope = level * (1.0 + alpha * held * (1.0 - level))
    of_gate = cotangent * (np.clip(value, -limit, limit) + beta) * slope
    of_value = cotangent * (held * level)
    passes = functools.partial(_passing, limit=limit, kink=kink_gradient, nan_gradient=nan_gradient)
    return (_whole(passes(of_value, np.abs(value)), passes(of_gate, opening), gate, layout),)


def _passing(gradient: Array, x: Array, *, limit: float, kink: float, nan_gradient: str) -> Array:
    """The gradient of x, which is held below a limit, from that of what it is held to."""
    held = np.where(x == limit, kink * gradient, 0.0)
    if nan_gradient != "zero":
        held = np.where(x != x, gradient if nan_gradient == "pass" else 0.0 * gradient, held)
    return np.where(x < limit, gradient, held)


def _halves(x: Array, gate: str, layout: str) -> tuple[Array, Array]:
    """What is let through, and the gate."""
    require(gate in HALVES, f"gate must be {' or '.join(HALVES)}; got {gate!r}")
    require(layout in LAYOUTS, f"layout must be {' or '.join(LAYOUTS)}; got {layout!r}")
    require(x.ndim and x.shape[-1] % 2 == 0, f"x must have a last axis of even length; got shape {x.shape}")
    first, second = split_pairs(x, LAYOUTS[layout])
    return (second, first) if gate == "first" else (first, second)


def _whole(value: Array, opening: Array, gate: str, layout: str) -> Array:
    """What `_halves` has taken apart."""
    first, second = (opening, value) if gate == "first" else (value, opening)
    return join_pairs(first, second, LAYOUTS[layout])
