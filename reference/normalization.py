"""Normalization of each sample: centre, scale to unit variance, then an affine map of each channel.

Channels are the last axis. Variances are those of the data, ``Σ (x - μ)² / n``, taken in two passes.
"""

from __future__ import annotations

import numpy as np

from .checks import Array, require
from .standardizing import (
    Axes,
    Optional,
    affine_vjp,
    between,
    centred_vjp,
    moments_of,
    normalized,
    pivot_of,
    require_channels,
    scaled,
    standardized,
    standardized_vjp,
)

__all__ = [
    "group_norm",
    "group_norm_vjp",
    "instance_norm",
    "instance_norm_vjp",
    "layer_norm",
    "layer_norm_vjp",
    "local_response_norm",
    "local_response_norm_vjp",
    "rms_norm",
    "rms_norm_vjp",
]


def layer_norm(x: Array, scale: Optional = None, bias: Optional = None, *, epsilon: float = 1e-5) -> Array:
    """Layer normalization of the last axis.

    ``y = γ (x - μ) / √(σ² + ε) + β`` with the mean ``μ`` and variance ``σ²`` of the last axis

    Args:
        x: ``(…, features)``, at least one feature.
        scale: γ, ``(features,)``, or None for 1.
        bias: β, ``(features,)``, or None for 0.
        epsilon: added to the variance, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``scale`` or ``bias`` does not fit the features.

    Source: Ba, Kiros and Hinton (2016), Layer normalization, arXiv:1607.06450, section 3.
    """
    require_channels(x, scale=scale, bias=bias)
    return normalized(x, *moments_of(x, (-1,)), scale, bias, epsilon, pivot_of(x, (-1,)))


def layer_norm_vjp(
    x: Array, scale: Optional, bias: Optional, cotangent: Array, *, epsilon: float = 1e-5
) -> tuple[Array, Optional, Optional]:
    """Gradient of `layer_norm`: ``(h - mean h - z mean(h z)) / √(σ² + ε)``, ``h = γ g``, z standardized."""
    return standardized_vjp(x, scale, bias, cotangent, (-1,), epsilon)


def group_norm(
    x: Array, scale: Optional = None, bias: Optional = None, *, groups: int = 1, epsilon: float = 1e-5
) -> Array:
    """Group normalization: each sample's channels in groups, each standardized over all its values.

    ``y = γ (x - μ) / √(σ² + ε) + β`` with the moments of a group of neighbouring channels over all axes but
    the first; γ and β are per channel

    Args:
        x: ``(batch, …, channels)``, any number of axes between.
        scale: γ, ``(channels,)``, or None for 1.
        bias: β, ``(channels,)``, or None for 0.
        groups: number of groups; it divides the channels.
        epsilon: added to the variance, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``groups`` does not divide the channels, or ``scale`` or ``bias`` does not fit them.

    Source: Wu and He (2018), Group normalization, arXiv:1803.08494, section 3.
    """
    require_channels(x, scale=scale, bias=bias)
    grouped = _grouped(x, groups)
    factor, shift = (None if a is None else _grouped(a, groups) for a in (scale, bias))
    axes = _within_group(grouped)
    y = normalized(grouped, *moments_of(grouped, axes), factor, shift, epsilon, pivot_of(grouped, axes))
    return np.reshape(y, x.shape)


def group_norm_vjp(
    x: Array,
    scale: Optional,
    bias: Optional,
    cotangent: Array,
    *,
    groups: int = 1,
    epsilon: float = 1e-5,
) -> tuple[Array, Optional, Optional]:
    """Gradient of `group_norm`: that of `layer_norm` within each group."""
    grouped = _grouped(x, groups)
    axes, through = _within_group(grouped), _grouped(scaled(cotangent, scale), groups)
    standard = np.reshape(standardized(grouped, axes, epsilon), x.shape)
    dx = np.reshape(centred_vjp(grouped, through, axes, epsilon), x.shape)
    return (dx, *affine_vjp(standard, scale, bias, cotangent))


def instance_norm(
    x: Array,
    scale: Optional = None,
    bias: Optional = None,
    *,
    epsilon: float = 1e-5,
    lone_value: str = "bias",
) -> Array:
    """Instance normalization: each channel of each sample, standardized over its places.

    ``y = γ (x - μ) / √(σ² + ε) + β`` with the moments of a channel of one sample over all axes between; γ and
    β are per channel

    Args:
        x: ``(batch, …, channels)``, one axis or more between.
        scale: γ, ``(channels,)``, or None for 1.
        bias: β, ``(channels,)``, or None for 0.
        epsilon: added to the variance, inside the root.
        lone_value: ``bias``: a channel of a single value becomes its bias; ``error``: it is refused.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: no axis between, a single value per channel is refused, or ``scale`` or ``bias`` does not
            fit the channels.

    Source: Ulyanov, Vedaldi and Lempitsky (2016), Instance normalization, arXiv:1607.08022, equation 3.
    """
    require(x.ndim >= 3, f"x must have the axes (batch, …, channels); got shape {x.shape}")
    require_channels(x, scale=scale, bias=bias)
    enough = max(x.shape[1:-1]) > 1 or lone_value == "bias"
    require(enough, f"x must have more than one value in each channel of a sample; got shape {x.shape}")
    axes = between(x)
    return normalized(x, *moments_of(x, axes), scale, bias, epsilon, pivot_of(x, axes))


def instance_norm_vjp(
    x: Array, scale: Optional, bias: Optional, cotangent: Array, *, epsilon: float = 1e-5
) -> tuple[Array, Optional, Optional]:
    """Gradient of `instance_norm`: that of `layer_norm` over the places of each channel of a sample."""
    return standardized_vjp(x, scale, bias, cotangent, between(x), epsilon)


def local_response_norm(
    x: Array,
    *,
    window: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    offset: float = 1.0,
    alpha_of: str = "sum",
) -> Array:
    """Local response normalization: each value divided by a power of the squares of neighbouring channels.

    ``y[…, c] = x[…, c] / (k + α S[…, c])^β`` with ``S[…, c] = Σ_j x[…, j]²`` over the channels
    ``c - ⌊n/2⌋ ≤ j ≤ c + ⌊(n - 1)/2⌋``

    Args:
        x: ``(…, channels)``; outside its channels it is 0.
        window: number ``n`` of channels; of an even number, one more lies below than above.
        alpha: factor α of the squares.
        beta: the power β.
        offset: ``k``, above 0.
        alpha_of: ``sum``: as above; ``mean``: α stands before ``S / n``, also at the ends.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``window`` is below 1, or ``alpha_of`` is neither.

    Source: Krizhevsky, Sutskever and Hinton (2012), ImageNet classification with deep convolutional neural
    networks, section 3.3.
    """
    level = _response(x, window, alpha, offset, alpha_of)
    return x * np.exp(-beta * np.log(level))


def local_response_norm_vjp(
    x: Array,
    cotangent: Array,
    *,
    window: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    offset: float = 1.0,
    alpha_of: str = "sum",
) -> tuple[Array]:
    """Gradient of `local_response_norm`: ``g d^-β - 2 α β x Σ g x d^(-β-1)`` with ``d = k + α S``.

    The sum is over the channels in whose window a channel lies.
    """
    level = _response(x, window, alpha, offset, alpha_of)
    factor = np.exp(-beta * np.log(level))
    through = _neighbours(cotangent * x * factor / level, (window - 1) // 2, window // 2)
    return (cotangent * factor - 2.0 * beta * _share(alpha, window, alpha_of) * x * through,)


def _response(x: Array, window: int, alpha: float, offset: float, alpha_of: str) -> Array:
    """``k + α S``."""
    require(window >= 1, f"window must be at least 1; got {window}")
    known = alpha_of in ("sum", "mean")
    require(known, f"alpha_of must be sum or mean; got {alpha_of!r}")
    squares = _neighbours(np.square(x), window // 2, (window - 1) // 2)
    return offset + _share(alpha, window, alpha_of) * squares


def _share(alpha: float, window: int, alpha_of: str) -> float:
    return alpha / window if alpha_of == "mean" else alpha


def _neighbours(x: Array, below: int, above: int) -> Array:
    """Sum over each channel, so many below it and so many above."""
    padded = np.pad(x, (*((0, 0) for _ in x.shape[:-1]), (below, above)))
    return np.sum(np.lib.stride_tricks.sliding_window_view(padded, below + above + 1, axis=-1), axis=-1)


def rms_norm(x: Array, scale: Optional = None, *, epsilon: float = 1e-5) -> Array:
    """Root mean square normalization of the last axis.

    ``y = γ x / √(mean x² + ε)``

    Args:
        x: ``(…, features)``, at least one feature.
        scale: γ, ``(features,)``, or None for 1.
        epsilon: added to the mean square, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``scale`` does not fit the features.

    Source: Zhang and Sennrich (2019), Root mean square layer normalization, arXiv:1910.07467, equation 4.
    """
    require_channels(x, scale=scale)
    return scaled(x / _root_mean_square(x, epsilon), scale)


def rms_norm_vjp(
    x: Array, scale: Optional, cotangent: Array, *, epsilon: float = 1e-5
) -> tuple[Array, Optional]:
    """Gradient of `rms_norm`: ``(h - z mean(h z)) / √(mean x² + ε)`` with ``h = γ g`` and z normalized."""
    root, through = _root_mean_square(x, epsilon), scaled(cotangent, scale)
    standard = x / root
    dx = (through - standard * np.mean(through * standard, axis=-1, keepdims=True)) / root
    return dx, affine_vjp(standard, scale, None, cotangent)[0]


def _root_mean_square(x: Array, epsilon: float) -> Array:
    return np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + epsilon)


def _grouped(x: Array, groups: int) -> Array:
    """``(batch, …, groups, channels // groups)``."""
    channels = x.shape[-1]
    divides = groups > 0 and channels % groups == 0
    require(divides, f"groups must divide the {channels} channels; got {groups}")
    return np.reshape(x, (*x.shape[:-1], groups, channels // groups))


def _within_group(grouped: Array) -> Axes:
    """All axes of a grouped array but the first and the groups."""
    return (*range(1, grouped.ndim - 2), grouped.ndim - 1)
