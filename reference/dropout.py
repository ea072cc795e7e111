"""Dropout layers. Randomness is an input: a reference takes the mask."""

from __future__ import annotations

import math

import numpy as np

from .activations import SELU_SATURATION
from .checks import Array, require, require_mask, require_rank, require_shape

__all__ = [
    "alpha_dropout",
    "alpha_dropout_vjp",
    "dropout",
    "dropout_by_feature",
    "dropout_by_feature_vjp",
    "dropout_vjp",
    "gaussian_dropout",
    "gaussian_dropout_vjp",
    "gaussian_noise",
    "gaussian_noise_vjp",
]


def dropout(
    x: Array, mask: Array | None = None, *, rate: float = 0.5, training: bool = True, dropped: str = "zero"
) -> Array:
    """Dropout: elements are dropped at random, the others scaled so that the expectation stays.

    ``y = x / (1 - rate)`` where the mask is True, 0 elsewhere; ``y = x`` at inference and at rate 0

    Args:
        x: any shape.
        mask: whether each element is kept, with probability ``1 - rate``; the axes of ``x``, of length 1
            where elements share their fate. Not needed at inference, nor at the rates 0 and 1.
        rate: probability in [0, 1] that an element is dropped.
        training: False for inference.
        dropped: what stands at dropped places: ``zero``, or the ``product`` of x and 0, which is NaN where x
            is NaN or infinite.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``rate`` is no probability, or ``mask`` is missing or does not fit ``x``.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), Dropout: a simple way to
    prevent neural networks from overfitting, section 4; scaled in training as in section 10.
    """
    _check_rate(rate)
    if not training or rate == 0:
        return x
    return _masked(x, _kept(x, mask, rate), rate, dropped)


def dropout_vjp(
    x: Array, mask: Array | None, cotangent: Array, *, rate: float = 0.5, training: bool = True
) -> tuple[Array]:
    """Gradient of `dropout`: the cotangent dropped and scaled by the same mask; 0 at rate 1."""
    if not training or rate == 0:
        return (cotangent,)
    return (_masked(cotangent, _kept(x, mask, rate), rate, "zero"),)


def dropout_by_feature(x: Array, rates: Array, mask: Array) -> Array:
    """Dropout of the first features, each at a rate of its own; the others are left alone.

    ``y = x / (1 - rates)`` where the mask is True, 0 elsewhere, in as many features as there are rates

    Args:
        x: ``(batch, features)``.
        rates: probability below 1 that an element of the feature is dropped, ``(dropping,)``, for at most as
            many features as x has.
        mask: whether each element is kept, ``(batch, dropping)``.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a shape does not fit.

    Source: Ba and Frey (2013), Adaptive dropout for training deep neural networks, where units have
    probabilities of their own; scaled as in `dropout`.
    """
    _check_rates(x, rates, mask)
    dropping = rates.shape[0]
    return np.concatenate([np.where(mask, x[:, :dropping] / (1.0 - rates), 0.0), x[:, dropping:]], axis=1)


def dropout_by_feature_vjp(x: Array, rates: Array, mask: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `dropout_by_feature` with respect to x: the cotangent under the same mask and rates."""
    return (dropout_by_feature(cotangent, rates, mask),)


def gaussian_noise(
    x: Array, noise: Array | None = None, *, stddev: float = 1.0, training: bool = True
) -> Array:
    """Additive Gaussian noise.

    ``y = x + stddev · noise``; ``y = x`` at inference and where ``stddev`` is 0

    Args:
        x: any shape.
        noise: standard normal numbers, in the shape of ``x``. Not needed at inference, nor without deviation.
        stddev: standard deviation of what is added, at least 0.
        training: False for inference.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``stddev`` is negative, or ``noise`` is missing or does not fit ``x``.

    Source: Bishop (1995), Training with noise is equivalent to Tikhonov regularization, Neural
    Computation 7(1).
    """
    require(stddev >= 0, f"stddev must not be negative; got {stddev}")
    return x if not training or stddev == 0 else x + stddev * _noise(x, noise)


def gaussian_noise_vjp(x: Array, noise: Array | None, cotangent: Array) -> tuple[Array]:
    """Gradient of `gaussian_noise`: the cotangent."""
    return (cotangent,)


def gaussian_dropout(
    x: Array, noise: Array | None = None, *, rate: float = 0.5, training: bool = True
) -> Array:
    """Gaussian dropout: multiplicative noise with the mean and the variance that dropout has.

    ``y = x (1 + √(rate / (1 - rate)) · noise)``; ``y = x`` at inference and at rate 0

    Args:
        x: any shape.
        noise: standard normal numbers, in the shape of ``x``. Not needed at inference, nor at rate 0.
        rate: in [0, 1): that of the dropout with this mean and variance.
        training: False for inference.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``rate`` is out of range (no variance is left at rate 1), or ``noise`` is missing or does
            not fit ``x``.

    Source: Srivastava et al. (2014), Dropout, section 10.
    """
    require(0 <= rate < 1, f"rate must be at least 0 and below 1; got {rate}")
    return x if not training or rate == 0 else _multiplied(x, x, noise, rate)


def gaussian_dropout_vjp(
    x: Array, noise: Array | None, cotangent: Array, *, rate: float = 0.5, training: bool = True
) -> tuple[Array]:
    """Gradient of `gaussian_dropout`: the cotangent times the same noise."""
    return (cotangent if not training or rate == 0 else _multiplied(cotangent, x, noise, rate),)


def alpha_dropout(
    x: Array, mask: Array | None = None, *, rate: float = 0.5, training: bool = True, dropped: str = "zero"
) -> Array:
    """Alpha dropout: what is dropped becomes SELU's saturation, and mean 0 and variance 1 are restored.

    ``y = a x + b`` where the mask is True, ``a α' + b`` elsewhere, with ``α' = -λ α = -1.7581``,
    ``a = ((1 - rate)(1 + rate α'²))^(-1/2)`` and ``b = -a rate α'``; 0 at rate 1, where this tends to;
    ``y = x`` at inference and at rate 0

    Args:
        x: any shape.
        mask: whether each element is kept, with probability ``1 - rate``; the axes of ``x``, of length 1
            where elements share their fate. Not needed at inference, nor at the rates 0 and 1.
        rate: probability in [0, 1] that an element is dropped.
        training: False for inference.
        dropped: whether at dropped places α' is selected (``zero`` is left of x), or the ``product`` of x and
            0 added to it, which is NaN where x is NaN or infinite.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``rate`` is no probability, or ``mask`` is missing or does not fit ``x``.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-normalizing neural networks,
    arXiv:1706.02515, section 2, "New dropout technique".
    """
    _check_rate(rate)
    if not training or rate == 0:
        return x
    kept = _kept(x, mask, rate)
    if rate == 1:
        return np.where(kept, x, 0.0) if dropped == "zero" else x * kept
    a = _restoring_factor(x, rate)
    lowest = SELU_SATURATION
    mixed = np.where(kept, x, lowest) if dropped == "zero" else x * kept + lowest * (1.0 - kept)
    return a * mixed - a * rate * lowest


def alpha_dropout_vjp(
    x: Array, mask: Array | None, cotangent: Array, *, rate: float = 0.5, training: bool = True
) -> tuple[Array]:
    """Gradient of `alpha_dropout`: the cotangent times a where the mask is True, 0 elsewhere."""
    if not training or rate == 0:
        return (cotangent,)
    kept = _kept(x, mask, rate)
    return (np.where(kept, cotangent if rate == 1 else _restoring_factor(cotangent, rate) * cotangent, 0.0),)


def _restoring_factor(x: Array, rate: float) -> Array:
    """The factor a of `alpha_dropout` for each element of x, computed in the precision of x."""
    one = np.ones_like(x)
    return one / np.sqrt((1.0 - rate) * (one + rate * SELU_SATURATION**2 * one))


def _multiplied(factor: Array, x: Array, noise: Array | None, rate: float) -> Array:
    return factor * (1.0 + math.sqrt(rate / (1.0 - rate)) * _noise(x, noise))


def _noise(x: Array, noise: Array | None) -> Array:
    require(noise is not None, "noise must be given in training")
    require_shape("noise", noise, x.shape, "that of x")
    return noise


def _check_rate(rate: float) -> None:
    require(0 <= rate <= 1, f"rate must be a probability between 0 and 1; got {rate}")


def _check_rates(x: Array, rates: Array, mask: Array) -> None:
    require_rank("x", x, 2, "batch, features")
    require_rank("rates", rates, 1, "dropping")
    dropping = rates.shape[0]
    require(dropping <= x.shape[1], f"rates must be at most as many as features {x.shape[1]}; got {dropping}")
    require_shape("mask", mask, (x.shape[0], dropping), "batch, dropping")


def _kept(x: Array, mask: Array | None, rate: float) -> Array:
    if rate == 1:
        return np.zeros(x.shape, dtype=np.bool_)
    require(mask is not None, f"mask must be given at rate {rate} in training")
    require_mask("mask", mask, x.shape, "that of x")
    return mask


def _masked(x: Array, kept: Array, rate: float, dropped: str) -> Array:
    scaled = x if rate == 1 else x / (1.0 - rate)
    return np.where(kept, scaled, 0.0) if dropped == "zero" else scaled * kept
