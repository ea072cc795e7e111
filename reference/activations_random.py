"""Activations that draw: what was drawn is an input."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_shape
from .softmax import softmax, softmax_vjp

__all__ = [
    "gumbel_softmax",
    "gumbel_softmax_hard",
    "gumbel_softmax_hard_vjp",
    "gumbel_softmax_vjp",
    "rrelu",
    "rrelu_vjp",
]


def rrelu(
    x: Array,
    drawn: Array | None = None,
    *,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
) -> Array:
    """Randomized leaky rectified linear unit.

    ``y = x`` where ``x > 0``, and ``a x`` elsewhere, with a slope ``a = lower + (upper - lower) r`` for each
    element, of which r is drawn; at inference ``a = (lower + upper) / 2``

    Args:
        x: any shape.
        drawn: ``r``, between 0 and 1, in the shape of ``x``. Not needed at inference.
        lower: the least slope.
        upper: the greatest slope.
        training: whether slopes are drawn.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``lower`` is above ``upper``, or ``drawn`` is missing or does not fit ``x``.

    Source: Xu, Wang, Chen and Li (2015), Empirical evaluation of rectified activations in convolutional
    network, arXiv:1505.00853, for the bounds of what is drawn; slopes are factors here, as in `leaky_relu`.
    """
    return np.where(x > 0, x, _slope(x, drawn, lower, upper, training) * x)


def rrelu_vjp(
    x: Array,
    drawn: Array | None,
    cotangent: Array,
    *,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
) -> tuple[Array]:
    """Gradient of `rrelu`: 1 where ``x > 0``, and the slope elsewhere, at 0 too."""
    return (np.where(x > 0, cotangent, _slope(x, drawn, lower, upper, training) * cotangent),)


def _slope(x: Array, drawn: Array | None, lower: float, upper: float, training: bool) -> Array | float:
    require(lower <= upper, f"lower must be at most upper, {upper}; got {lower}")
    if not training:
        return (lower + upper) / 2
    return lower + (upper - lower) * _given(x, drawn)


def _given(x: Array, drawn: Array | None) -> Array:
    require(drawn is not None, "drawn must be given in training")
    require_shape("drawn", drawn, x.shape, "that of x")
    return drawn


def gumbel_softmax(x: Array, noise: Array, *, tau: float = 1.0, axis: int = -1) -> Array:
    """Softmax of logits with Gumbel noise: near one class, which is drawn, where the temperature is low.

    ``y = softmax((x + noise) / tau)``; with standard Gumbel noise the largest entry of ``x + noise`` is that
    of class i with the probability ``softmax(x)_i``

    Args:
        x: logits, any shape.
        noise: the shape of ``x``. What is added to all classes alike makes no difference.
        tau: temperature, positive.
        axis: the axis of the classes.

    Returns:
        The shape of ``x``; sums along ``axis`` are 1.

    Raises:
        ValueError: ``tau`` is not positive, or ``noise`` does not fit ``x``.

    Source: Jang, Gu and Poole (2016), Categorical reparameterization with Gumbel-softmax, arXiv:1611.01144,
    section 2.1.
    """
    return softmax(_noisy(x, noise, tau), axis=axis)


def gumbel_softmax_vjp(
    x: Array, noise: Array, cotangent: Array, *, tau: float = 1.0, axis: int = -1
) -> tuple[Array]:
    """Gradient of `gumbel_softmax`: that of the softmax, over the temperature."""
    (gradient,) = softmax_vjp(_noisy(x, noise, tau), cotangent, axis=axis)
    return (gradient / tau,)


def gumbel_softmax_hard(x: Array, noise: Array, *, tau: float = 1.0, axis: int = -1) -> tuple[Array, Array]:
    """Gumbel softmax whose greatest share is taken for all, and the shares.

    ``y`` is 1 where `gumbel_softmax` is greatest along ``axis``, and 0 elsewhere

    Args:
        x: logits, any shape.
        noise: the shape of ``x``.
        tau: temperature, positive.
        axis: the axis of the classes.

    Returns:
        ``y``, exactly one-hot, and the shares, both in the shape of ``x``.

    Raises:
        ValueError: as `gumbel_softmax`.

    Source: Jang, Gu and Poole (2016), arXiv:1611.01144, section 2.2, the straight-through estimator.
    """
    soft = gumbel_softmax(x, noise, tau=tau, axis=axis)
    chosen = np.expand_dims(np.argmax(soft, axis=axis), axis)
    places = np.arange(x.shape[axis]).reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    return np.where(places == chosen, np.ones_like(x), 0.0), soft


def gumbel_softmax_hard_vjp(
    x: Array, noise: Array, cotangents: tuple[Array, Array], *, tau: float = 1.0, axis: int = -1
) -> tuple[Array]:
    """Gradient of `gumbel_softmax_hard`: straight through, as if the shares had been returned both times."""
    straight, own = (gumbel_softmax_vjp(x, noise, g, tau=tau, axis=axis)[0] for g in cotangents)
    return (straight + own,)


def _noisy(x: Array, noise: Array, tau: float) -> Array:
    require(tau > 0, f"tau must be positive; got {tau}")
    require_shape("noise", noise, x.shape, "that of x")
    return (x + noise) / tau
