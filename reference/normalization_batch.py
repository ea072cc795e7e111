"""Batch normalization: in training, at inference, frozen, folded, of one batch after another, of what counts.

Channels are the last axis. Variances are those of the data, ``Σ (x - μ)² / n``, taken in two passes; where a
running variance is Bessel-corrected instead, a parameter says so.
"""

from __future__ import annotations

import numpy as np

from ..numerics.doubt import in_doubt
from .chain import chained, part
from .checks import Array, require, require_rank, require_shape
from .convolution import conv
from .dense import dense
from .standardizing import (
    BESIDE,
    Optional,
    leading,
    moments_of,
    normalized,
    pivot_of,
    require_channels,
    slope_of,
    standardized_vjp,
)

__all__ = [
    "MASKINGS",
    "batch_norm",
    "batch_norm_folded",
    "batch_norm_folded_vjp",
    "batch_norm_frozen",
    "batch_norm_frozen_vjp",
    "batch_norm_inference",
    "batch_norm_inference_vjp",
    "batch_norm_repeated",
    "batch_norm_repeated_vjp",
    "batch_norm_vjp",
    "masked_batch_norm",
    "masked_batch_norm_vjp",
]


MASKINGS = ("select", "select_values", "multiply")
"""How masked places are kept out of statistics."""


def batch_norm(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Optional = None,
    bias: Optional = None,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    bessel: bool = False,
    lone_value: str = "bias",
    infinite_mean: str = "sum",
) -> tuple[Array, Array, Array]:
    """Batch normalization in training.

    ``y = γ (x - μ) / √(σ² + ε) + β`` with the mean ``μ`` and variance ``σ²`` of each channel over all other
    axes; the running statistics become ``m r + (1 - m) μ`` and ``m r + (1 - m) σ²``

    Args:
        x: ``(batch, …, channels)``, any number of axes between.
        running_mean: ``(channels,)``.
        running_variance: ``(channels,)``.
        scale: γ, ``(channels,)``, or None for 1.
        bias: β, ``(channels,)``, or None for 0.
        epsilon: added to the variance, inside the root.
        momentum: fraction ``m`` of the running statistics that is kept.
        bessel: the running variance takes ``σ² n / (n - 1)`` for n values per channel (σ² for a single one).
        lone_value: ``bias``: a single value per channel becomes its bias; ``error``: it is refused.
        infinite_mean: ``sum``: a mean with an infinity in it is infinite; ``updates``: it is moved by
            differences, value by value or part by part, and after an infinity they are ∞ - ∞: it is NaN, or
            still infinite, as their order has it.

    Returns:
        The shape of ``x``; the new running mean; the new running variance.

    Raises:
        ValueError: a statistic, ``scale`` or ``bias`` does not fit the channels, or a single value per
            channel is refused, or ``infinite_mean`` is neither.

    Source: Ioffe and Szegedy (2015), Batch normalization, arXiv:1502.03167, algorithm 1; for the updates
    Welford (1962), Note on a method for calculating corrected sums of squares and products.
    """
    known = infinite_mean in ("sum", "updates")
    require(known, f"infinite_mean must be sum or updates; got {infinite_mean!r}")
    count = x.size // max(x.shape[-1], 1)
    enough = count > 1 or lone_value == "bias"
    require(enough, f"x must have more than one value per channel; got shape {x.shape}")
    require_channels(x, running_mean=running_mean, running_variance=running_variance, scale=scale, bias=bias)
    mean, variance = moments_of(x, leading(x))
    spread = variance * (count / (count - 1)) if bessel and count > 1 else variance
    seen = in_doubt(mean, np.isinf(mean)) if infinite_mean == "updates" else mean
    return (
        normalized(x, mean, variance, scale, bias, epsilon, pivot_of(x, leading(x))),
        _running(running_mean, seen, momentum),
        _running(running_variance, spread, momentum),
    )


def batch_norm_vjp(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Optional,
    bias: Optional,
    cotangent: Array,
    *,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array, Optional, Optional]:
    """Gradient of ``y`` of `batch_norm`, through the batch's own statistics; the running ones have none."""
    dx, *affine = standardized_vjp(x, scale, bias, cotangent, leading(x), epsilon)
    return (dx, np.zeros_like(running_mean), np.zeros_like(running_variance), *affine)


def batch_norm_repeated(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array,
    bias: Array,
    *,
    momentum: float | None = None,
    seen: int = 0,
    epsilon: float = 1e-5,
    bessel: bool = False,
) -> tuple[Array, Array, Array]:
    """Batch normalization in training, of one batch after another.

    Each batch is normalized as by `batch_norm`; what becomes of the running statistics is a mean over
    batches, exponential with a momentum, and cumulative without: of the k-th batch that the layer has
    seen they take ``1 / k``, so that every batch counts alike

    Args:
        x: the batches, ``(calls, batch, channels)``.
        running_mean: before the first of them, ``(channels,)``.
        running_variance: before the first of them, ``(channels,)``.
        scale: γ, ``(channels,)``.
        bias: β, ``(channels,)``.
        momentum: fraction of the running statistics that each batch keeps; None for a cumulative mean.
        seen: how many batches the running statistics are the mean of, which matters to a cumulative one.
        epsilon: added to the variance, inside the root.
        bessel: the running variance takes ``σ² n / (n - 1)`` for n values per channel.

    Returns:
        The shape of ``x``; the running mean after the last batch; the running variance after it.

    Raises:
        ValueError: a statistic, ``scale`` or ``bias`` does not fit the channels, or ``seen`` is negative.

    Source: `batch_norm`; for the cumulative mean ``torch.nn.BatchNorm1d`` with ``momentum=None``.
    """
    require_rank("x", x, 3, "calls, batch, channels")
    require(seen >= 0, f"seen must not be negative; got {seen}")
    outputs, mean, variance = [], running_mean, running_variance
    for number in range(len(x)):
        kept = (seen + number) / (seen + number + 1) if momentum is None else momentum
        y, mean, variance = batch_norm(
            x[number], mean, variance, scale, bias, epsilon=epsilon, momentum=kept, bessel=bessel
        )
        outputs.append(y)
    return np.stack(outputs), mean, variance


def batch_norm_repeated_vjp(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array,
    bias: Array,
    cotangent: Array,
    *,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """Gradient of ``y`` of `batch_norm_repeated`: of each batch by itself; for scale and bias their sum."""
    by_batch = [
        batch_norm_vjp(batch, running_mean, running_variance, scale, bias, g, epsilon=epsilon)
        for batch, g in ((x[number], cotangent[number]) for number in range(len(x)))
    ]
    dx, _, _, dscale, dbias = zip(*by_batch, strict=True)
    return np.stack(dx), np.sum(np.stack(dscale), axis=0), np.sum(np.stack(dbias), axis=0)


def batch_norm_inference(
    x: Array,
    mean: Array,
    variance: Array,
    scale: Optional = None,
    bias: Optional = None,
    *,
    epsilon: float = 1e-5,
) -> Array:
    """Batch normalization at inference: an affine map of each channel.

    ``y = a x + (β - a μ)`` with ``a = γ / √(σ² + ε)``

    Args:
        x: ``(batch, …, channels)``, any number of axes between.
        mean: μ, ``(channels,)``.
        variance: σ², ``(channels,)``, not negative.
        scale: γ, ``(channels,)``, or None for 1.
        bias: β, ``(channels,)``, or None for 0.
        epsilon: added to the variance, inside the root.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: a statistic, ``scale`` or ``bias`` does not fit the channels.

    Source: Ioffe and Szegedy (2015), Batch normalization, arXiv:1502.03167, algorithm 2.
    """
    require_channels(x, mean=mean, variance=variance, scale=scale, bias=bias)
    return normalized(x, mean, variance, scale, bias, epsilon)


def batch_norm_inference_vjp(
    x: Array,
    mean: Array,
    variance: Array,
    scale: Optional,
    bias: Optional,
    cotangent: Array,
    *,
    centred: bool = False,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array, Optional, Optional]:
    """Gradient of `batch_norm_inference`: ``g a`` for x and ``-a Σ g`` for the mean.

    With ``c = Σ g x - μ Σ g`` it is ``-a c / (2 (σ² + ε))`` for the variance and ``c / √(σ² + ε)`` for scale.
    ``centred``, it is ``c = Σ g (x - μ)``, which differs where μ is infinite.
    """
    axes, slope = leading(x), slope_of(variance, scale, epsilon)
    total = np.sum(cotangent, axis=axes)
    if centred:
        correlation = np.sum(cotangent * (x - mean), axis=axes)
    else:
        correlation = np.sum(cotangent * x, axis=axes) - mean * total
    return (
        cotangent * slope,
        -slope * total,
        -0.5 * slope / (variance + epsilon) * correlation,
        None if scale is None else correlation / np.sqrt(variance + epsilon),
        None if bias is None else total,
    )


def batch_norm_frozen(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array,
    bias: Array,
    *,
    statistics: str = "running",
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    bessel: bool = False,
) -> tuple[Array, Array, Array]:
    """Batch normalization whose weights are frozen, in a model that trains.

    With ``running`` statistics all of the layer is frozen: it is `batch_norm_inference`, and the running
    statistics stay. With those of the ``batch`` the weights alone are: it is `batch_norm`, and the running
    statistics move on.

    Args:
        x: ``(batch, …, channels)``, any number of axes between.
        running_mean: ``(channels,)``.
        running_variance: ``(channels,)``, not negative.
        scale: γ, ``(channels,)``.
        bias: β, ``(channels,)``.
        statistics: ``running`` or ``batch``.
        epsilon: added to the variance, inside the root.
        momentum: fraction of the running statistics that is kept, where they move.
        bessel: the running variance takes ``σ² n / (n - 1)`` for n values per channel.

    Returns:
        The shape of ``x``; the running mean afterwards; the running variance afterwards.

    Raises:
        ValueError: a statistic, ``scale`` or ``bias`` does not fit the channels, or ``statistics`` is
            neither.

    Source: Keras, Transfer learning and fine-tuning, on freezing a BatchNormalization layer.
    """
    if _of_batch(statistics):
        running = x, running_mean, running_variance, scale, bias
        return batch_norm(*running, epsilon=epsilon, momentum=momentum, bessel=bessel)
    y = batch_norm_inference(x, running_mean, running_variance, scale, bias, epsilon=epsilon)
    return y, running_mean, running_variance


def batch_norm_frozen_vjp(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array,
    bias: Array,
    cotangent: Array,
    *,
    statistics: str = "running",
    epsilon: float = 1e-5,
) -> tuple[Array]:
    """Gradient of `batch_norm_frozen` in x alone: through the statistics only where they are the batch's."""
    vjp = batch_norm_vjp if _of_batch(statistics) else batch_norm_inference_vjp
    return vjp(x, running_mean, running_variance, scale, bias, cotangent, epsilon=epsilon)[:1]


def batch_norm_folded(
    x: Array,
    kernel: Array,
    offset: Optional,
    mean: Array,
    variance: Array,
    scale: Array,
    bias: Array,
    *,
    epsilon: float = 1e-5,
) -> Array:
    """A dense layer or a convolution and batch normalization at inference, which fold into one.

    ``y = a (W x + b - μ) + β = (a W) x + (a (b - μ) + β)`` with ``a = γ / √(σ² + ε)`` of each unit

    Args:
        x: ``(batch, features)``, or ``(batch, …, channels)`` for a convolution.
        kernel: W, ``(features, units)``, or ``(*window, channels, units)`` for one without padding.
        offset: b, ``(units,)``, or None for 0.
        mean: μ, ``(units,)``.
        variance: σ², ``(units,)``, not negative.
        scale: γ, ``(units,)``.
        bias: β, ``(units,)``.
        epsilon: added to the variance, inside the root.

    Returns:
        ``(batch, units)``, or ``(batch, …, units)`` with what a convolution leaves of the other axes.

    Raises:
        ValueError: ``kernel`` does not fit ``x``, or another array does not fit the units.

    Source: Jacob et al. (2017), Quantization and training of neural networks for efficient
    integer-arithmetic-only inference, arXiv:1712.05877, section 3.2.
    """
    require_channels(kernel, offset=offset, mean=mean, variance=variance, scale=scale, bias=bias)
    slope = slope_of(variance, scale, epsilon)
    shift = (-mean if offset is None else offset - mean) * slope + bias
    return part(dense if kernel.ndim == 2 else conv, x, kernel * slope, shift)


batch_norm_folded_vjp = chained(batch_norm_folded, wrt=1)


def masked_batch_norm(
    x: Array,
    mask: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array,
    bias: Array,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    bessel: bool = False,
    masked_output: str = "normalized",
    masking: str = "select",
    count_epsilon: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Batch normalization in training, whose statistics are those of the places that count.

    ``y = γ (x - μ) / √(σ² + ε) + β`` with ``μ = Σ m x / (Σ m + δ)`` and ``σ² = Σ m (x - μ)² / (Σ m + δ)`` of
    each channel, where m is 1 at a place that counts and 0 at one that is masked; the running statistics
    become ``r k + (1 - r) μ`` and ``r v + (1 - r) σ²``, of which they keep the fraction r

    Args:
        x: ``(batch, steps, channels)``.
        mask: whether a place counts, ``(batch, steps)``; at least one does.
        running_mean: k, ``(channels,)``.
        running_variance: v, ``(channels,)``.
        scale: γ, ``(channels,)``.
        bias: β, ``(channels,)``.
        epsilon: ε, added to the variance, inside the root.
        momentum: r, the fraction of the running statistics that is kept.
        bessel: the running variance takes ``σ² n / (n - 1)`` for n places that count (σ² for one alone).
        masked_output: a masked place is ``normalized`` like any other, or its output is ``zero``.
        masking: ``select``: masked places are left out; ``multiply``: multiplied by 0, which NaN survives;
            ``select_values``: left out, but their gradient is multiplied by 0.
        count_epsilon: δ, added to the number of places that count.

    Returns:
        The shape of ``x``; the new running mean; the new running variance.

    Raises:
        ValueError: ``mask`` does not fit ``x`` or masks all of it, a statistic, ``scale`` or ``bias`` does
            not fit the channels, or an option is none of these.

    Source: `batch_norm`; for the mask ``keras.layers.BatchNormalization`` and ``flax.nnx.BatchNorm``.
    """
    require_rank("x", x, 3, "batch, steps, channels")
    require_shape("mask", mask, x.shape[:-1], "batch, steps")
    require(bool(np.any(mask)), "mask must let one place count at least; it masks all of them")
    require_channels(x, running_mean=running_mean, running_variance=running_variance, scale=scale, bias=bias)
    known = masked_output in ("normalized", "zero")
    require(known, f"masked_output must be normalized or zero; got {masked_output!r}")
    require(masking in MASKINGS, f"masking must be one of {', '.join(MASKINGS)}; got {masking!r}")
    mean, variance = _counted_moments(x, mask, masking, count_epsilon)
    count = float(np.sum(mask))
    y = normalized(x, mean, variance, scale, bias, epsilon, _counted_pivot(x, mask))
    return (
        np.where(mask[..., np.newaxis], y, 0.0) if masked_output == "zero" else y,
        _running(running_mean, mean, momentum),
        _running(
            running_variance, variance * (count / (count - 1)) if bessel and count > 1 else variance, momentum
        ),
    )


def masked_batch_norm_vjp(
    x: Array,
    mask: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array,
    bias: Array,
    cotangent: Array,
    *,
    epsilon: float = 1e-5,
    masked_output: str = "normalized",
    masking: str = "select",
    count_epsilon: float = 0.0,
) -> tuple[Array, Array, Array, Array, Array]:
    """Gradient of ``y`` of `masked_batch_norm`: ``(h - m (Σ h + (z - δ μ / (n σ)) Σ h z) / n) / σ``.

    Here ``h = γ g``, 0 at places whose output is, z is standardized, ``σ`` has ε in it, and n has δ. What
    a masked output receives goes to its own input, and through the statistics to those that count. From the
    statistics a masked place gets nothing, unless by 0 times what it holds, which is NaN for NaN.
    """
    counts, axes = mask[..., np.newaxis], leading(x)
    mean, variance = _counted_moments(x, mask, masking, count_epsilon)
    deviation, count = np.sqrt(variance + epsilon), float(np.sum(mask)) + count_epsilon
    if masked_output == "zero":
        cotangent = np.where(counts, cotangent, 0.0)
        x = np.where(counts, x, 0.0) if masking == "select" else x
    standard = normalized(x, mean, variance, None, None, epsilon, _counted_pivot(x, mask))
    through = cotangent * scale
    slope = np.sum(through * standard, axis=axes)
    behind = (standard - mean / deviation * (count_epsilon / count)) * slope
    statistics = (np.sum(through, axis=axes) + behind) / count
    at_masked = 0.0 if masking == "select" else 0.0 * x
    return (
        (through - np.where(counts, statistics, at_masked)) / deviation,
        np.zeros_like(running_mean),
        np.zeros_like(running_variance),
        np.sum(cotangent * standard, axis=axes),
        np.sum(cotangent, axis=axes),
    )


def _of_batch(statistics: str) -> bool:
    known = statistics in ("running", "batch")
    require(known, f"statistics must be running or batch; got {statistics!r}")
    return statistics == "batch"


def _counted_moments(x: Array, mask: Array, masking: str, count_epsilon: float) -> tuple[Array, Array]:
    """Mean of the places that count, and variance about it, of each channel."""
    counts, count = mask[..., np.newaxis], float(np.sum(mask)) + count_epsilon

    def counted(values: Array) -> Array:
        return values * (counts * 1.0) if masking == "multiply" else np.where(counts, values, 0.0)

    mean = np.sum(counted(x), axis=(0, 1), keepdims=True) / count
    return mean, np.sum(counted(np.square(x - mean)), axis=(0, 1), keepdims=True) / count


def _counted_pivot(x: Array, mask: Array) -> Array:
    """A number near the first element that counts; 0 where it is the only one."""
    rows = np.reshape(x, (-1, x.shape[-1]))
    first = np.take(rows, [int(np.argmax(mask))], axis=0)[np.newaxis]
    return BESIDE * first if np.sum(mask) > 1 else np.zeros_like(first)


def _running(running: Array, batch: Array, momentum: float) -> Array:
    return momentum * running + (1.0 - momentum) * np.reshape(batch, running.shape)
