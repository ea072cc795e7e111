"""Normalization layers: centre, scale to unit variance, then an affine map of each channel.

Channels are the last axis. Variances are those of the data, ``Σ (x - μ)² / n``, taken in two passes; where a
running variance is Bessel-corrected instead, a parameter says so. Normalized values are computed as
``a x + (β - a μ)``, which is where implementations round, but from a pivot ``p`` near the data, as
``a (x - p) + (β - a (μ - p))``: an error of the slope ``a`` then moves differences only, as it does in truth.
"""

from __future__ import annotations

import numpy as np

from ..numerics.doubt import in_doubt
from .chain import chained, part
from .checks import Array, require, require_rank, require_shape
from .convolution import conv
from .dense import dense

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
    "group_norm",
    "group_norm_vjp",
    "instance_norm",
    "instance_norm_vjp",
    "layer_norm",
    "layer_norm_vjp",
    "local_response_norm",
    "local_response_norm_vjp",
    "masked_batch_norm",
    "masked_batch_norm_vjp",
    "rms_norm",
    "rms_norm_vjp",
]

MASKINGS = ("select", "select_values", "multiply")
"""How masked places are kept out of statistics."""

Axes = tuple[int, ...]
Optional = Array | None


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
    _require_channels(x, running_mean=running_mean, running_variance=running_variance, scale=scale, bias=bias)
    mean, variance = moments_of(x, _leading(x))
    spread = variance * (count / (count - 1)) if bessel and count > 1 else variance
    seen = in_doubt(mean, np.isinf(mean)) if infinite_mean == "updates" else mean
    return (
        normalized(x, mean, variance, scale, bias, epsilon, pivot_of(x, _leading(x))),
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
    dx, *affine = _standardized_vjp(x, scale, bias, cotangent, _leading(x), epsilon)
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
    _require_channels(x, mean=mean, variance=variance, scale=scale, bias=bias)
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
    axes, slope = _leading(x), _slope(variance, scale, epsilon)
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
    _require_channels(kernel, offset=offset, mean=mean, variance=variance, scale=scale, bias=bias)
    slope = _slope(variance, scale, epsilon)
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
    _require_channels(x, running_mean=running_mean, running_variance=running_variance, scale=scale, bias=bias)
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
    counts, axes = mask[..., np.newaxis], _leading(x)
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
    _require_channels(x, scale=scale, bias=bias)
    return normalized(x, *moments_of(x, (-1,)), scale, bias, epsilon, pivot_of(x, (-1,)))


def layer_norm_vjp(
    x: Array, scale: Optional, bias: Optional, cotangent: Array, *, epsilon: float = 1e-5
) -> tuple[Array, Optional, Optional]:
    """Gradient of `layer_norm`: ``(h - mean h - z mean(h z)) / √(σ² + ε)``, ``h = γ g``, z standardized."""
    return _standardized_vjp(x, scale, bias, cotangent, (-1,), epsilon)


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
    _require_channels(x, scale=scale, bias=bias)
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
    axes, through = _within_group(grouped), _grouped(_scaled(cotangent, scale), groups)
    standard = np.reshape(_standardized(grouped, axes, epsilon), x.shape)
    dx = np.reshape(centred_vjp(grouped, through, axes, epsilon), x.shape)
    return (dx, *_affine_vjp(standard, scale, bias, cotangent))


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
    _require_channels(x, scale=scale, bias=bias)
    enough = max(x.shape[1:-1]) > 1 or lone_value == "bias"
    require(enough, f"x must have more than one value in each channel of a sample; got shape {x.shape}")
    axes = _between(x)
    return normalized(x, *moments_of(x, axes), scale, bias, epsilon, pivot_of(x, axes))


def instance_norm_vjp(
    x: Array, scale: Optional, bias: Optional, cotangent: Array, *, epsilon: float = 1e-5
) -> tuple[Array, Optional, Optional]:
    """Gradient of `instance_norm`: that of `layer_norm` over the places of each channel of a sample."""
    return _standardized_vjp(x, scale, bias, cotangent, _between(x), epsilon)


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
    _require_channels(x, scale=scale)
    return _scaled(x / _root_mean_square(x, epsilon), scale)


def rms_norm_vjp(
    x: Array, scale: Optional, cotangent: Array, *, epsilon: float = 1e-5
) -> tuple[Array, Optional]:
    """Gradient of `rms_norm`: ``(h - z mean(h z)) / √(mean x² + ε)`` with ``h = γ g`` and z normalized."""
    root, through = _root_mean_square(x, epsilon), _scaled(cotangent, scale)
    standard = x / root
    dx = (through - standard * np.mean(through * standard, axis=-1, keepdims=True)) / root
    return dx, _affine_vjp(standard, scale, None, cotangent)[0]


def _of_batch(statistics: str) -> bool:
    known = statistics in ("running", "batch")
    require(known, f"statistics must be running or batch; got {statistics!r}")
    return statistics == "batch"


def moments_of(x: Array, axes: Axes) -> tuple[Array, Array]:
    """Mean, and variance about it."""
    mean = np.mean(x, axis=axes, keepdims=True)
    return mean, np.mean(np.square(x - mean), axis=axes, keepdims=True)


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


def pivot_of(x: Array, axes: Axes) -> Array:
    """A number near the first element along ``axes``, which are kept; 0 where it is the only one."""
    first = x
    for axis in axes:
        first = np.take(first, [0], axis=axis)
    return BESIDE * first if first.size < x.size else np.zeros_like(x)


BESIDE = 1.0078125  # 1 + 2**-7, of few enough digits for every format
"""The pivot is not one of the data, and is rounded: nothing of ``a x + (β - a μ)`` is exact there, either.

The rounding of ``p`` stands for those of ``a x`` and ``a μ``, which are of the same size.
"""


def normalized(
    x: Array,
    mean: Array,
    variance: Array,
    scale: Optional,
    bias: Optional,
    epsilon: float,
    pivot: Array = 0.0,
) -> Array:
    slope = _slope(variance, scale, epsilon)
    offset = (pivot - mean) * slope
    return (x - pivot) * slope + (offset if bias is None else bias + offset)


def _standardized(x: Array, axes: Axes, epsilon: float) -> Array:
    return normalized(x, *moments_of(x, axes), None, None, epsilon, pivot_of(x, axes))


def centred_vjp(x: Array, through: Array, axes: Axes, epsilon: float) -> Array:
    """Gradient of `_standardized`."""
    deviation = np.sqrt(moments_of(x, axes)[1] + epsilon)
    standard = _standardized(x, axes, epsilon)
    level = np.mean(through, axis=axes, keepdims=True)
    slope = np.mean(through * standard, axis=axes, keepdims=True)
    return (through - level - standard * slope) / deviation


def _standardized_vjp(
    x: Array, scale: Optional, bias: Optional, cotangent: Array, axes: Axes, epsilon: float
) -> tuple[Array, Optional, Optional]:
    """Gradient of standardizing over ``axes`` and then scaling and shifting the last axis."""
    dx = centred_vjp(x, _scaled(cotangent, scale), axes, epsilon)
    return (dx, *_affine_vjp(_standardized(x, axes, epsilon), scale, bias, cotangent))


def _affine_vjp(
    standard: Array, scale: Optional, bias: Optional, cotangent: Array
) -> tuple[Optional, Optional]:
    axes = _leading(cotangent)
    return (
        None if scale is None else np.sum(cotangent * standard, axis=axes),
        None if bias is None else np.sum(cotangent, axis=axes),
    )


def _scaled(x: Array, scale: Optional) -> Array:
    return x if scale is None else x * scale


def _slope(variance: Array, scale: Optional, epsilon: float) -> Array:
    deviation = np.sqrt(variance + epsilon)
    return 1.0 / deviation if scale is None else scale / deviation


def _running(running: Array, batch: Array, momentum: float) -> Array:
    return momentum * running + (1.0 - momentum) * np.reshape(batch, running.shape)


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


def _between(x: Array) -> Axes:
    """All axes but the first and the last."""
    return tuple(range(1, x.ndim - 1))


def _leading(x: Array) -> Axes:
    """All axes but the last."""
    return tuple(range(x.ndim - 1))


def _require_channels(x: Array, **given: Optional) -> None:
    for name, array in given.items():
        if array is not None:
            require_shape(name, array, x.shape[-1:], "channels")
