"""Faults and controls of the normalization layers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...reference import normalization as right
from ...reference.convolution import conv
from ...reference.dense import dense
from ..language.variant import Control, Fault, each_way

Array = Any
Function = Callable[..., Any]
Axes = tuple[int, ...]
Standardize = Callable[[Array, Axes, float], Array]
"""Gives values of mean 0 and variance 1, from an array, the axes of its statistics and epsilon."""


# --- statistics, and what is made of them ---


def mean_of(x: Array, axes: Axes) -> Array:
    """Mean along axes, which are kept."""
    return np.mean(x, axis=axes, keepdims=True)


def count_of(x: Array, axes: Axes) -> int:
    """How many values each statistic is of."""
    return int(np.prod([x.shape[axis] for axis in axes]))


def centred(x: Array, axes: Axes) -> tuple[Array, Array]:
    """Distances from the mean, and the variance."""
    distances = x - mean_of(x, axes)
    return distances, mean_of(np.square(distances), axes)


def textbook(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / √(σ² + ε)``, in the order in which it is written."""
    distances, variance = centred(x, axes)
    return distances / np.sqrt(variance + epsilon)


def reciprocal(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) · 1/√(σ² + ε)``, as where the reciprocal root is one instruction."""
    distances, variance = centred(x, axes)
    return distances * (1.0 / np.sqrt(variance + epsilon))


def multiplied_out(x: Array, axes: Axes, epsilon: float) -> Array:
    """``x a - μ a``, each product rounded, as where a layer becomes one multiplication and one addition."""
    _, variance = centred(x, axes)
    slope = 1.0 / np.sqrt(variance + epsilon)
    return x * slope - mean_of(x, axes) * slope


def welford(x: Array, axes: Axes, epsilon: float) -> Array:
    """One pass that updates the mean and the sum of squares about it (Welford, 1962)."""
    values, like = _terms(x, axes)
    mean, squares = _updated(values)
    return (x - np.reshape(mean, like)) / np.sqrt(np.reshape(squares / float(len(values)), like) + epsilon)


def _updated(values: Array) -> tuple[Array, Array]:
    """Mean, and sum of squares about it, updated by one value after the other."""
    mean, squares = values[0], np.zeros_like(values[0])
    for count, value in enumerate(values[1:], start=2):
        distance = value - mean
        mean = mean + distance / float(count)
        squares = squares + distance * (value - mean)
    return mean, squares


def chan(x: Array, axes: Axes, epsilon: float) -> Array:
    """Moments of two halves, merged (Chan, Golub and LeVeque, 1983)."""
    values, like = _terms(x, axes)
    if len(values) < 2:
        return textbook(x, axes, epsilon)
    halves = values[: len(values) // 2], values[len(values) // 2 :]
    (one, first), (other, second) = ((np.mean(half, axis=0), float(len(half))) for half in halves)
    squares = [np.sum(np.square(h - m), axis=0) for h, m in zip(halves, (one, other), strict=True)]
    total, apart = first + second, other - one
    mean = one + apart * (second / total)
    variance = (squares[0] + squares[1] + np.square(apart) * (first * second / total)) / total
    return (x - np.reshape(mean, like)) / np.sqrt(np.reshape(variance, like) + epsilon)


def _terms(x: Array, axes: Axes) -> tuple[Array, tuple[int, ...]]:
    """The values of each statistic along a first axis, and the shape of a statistic beside ``x``."""
    axes = tuple(axis % x.ndim for axis in axes)
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    flat = np.reshape(np.transpose(x, (*axes, *rest)), (count_of(x, axes), *(x.shape[a] for a in rest)))
    return flat, tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))


def epsilon_outside(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / (σ + ε)``."""
    distances, variance = centred(x, axes)
    return distances / (np.sqrt(variance) + epsilon)


def epsilon_as_floor(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / √max(σ², ε)``."""
    distances, variance = centred(x, axes)
    return distances / np.sqrt(np.maximum(variance, epsilon))


def unbiased(x: Array, axes: Axes, epsilon: float) -> Array:
    """The variance with ``n - 1`` for ``n``; that of a single value is 0."""
    distances, variance = centred(x, axes)
    count = count_of(x, axes)
    return distances / np.sqrt(variance * (count / max(count - 1, 1)) + epsilon)


def one_pass(x: Array, axes: Axes, epsilon: float) -> Array:
    """The variance as ``mean x² - μ²``, whose digits cancel where the mean is large; not below 0."""
    mean = mean_of(x, axes)
    variance = np.maximum(mean_of(np.square(x), axes) - np.square(mean), 0.0)
    return (x - mean) / np.sqrt(variance + epsilon)


def variance_about_zero(x: Array, axes: Axes, epsilon: float) -> Array:
    """The mean square for the variance."""
    return centred(x, axes)[0] / np.sqrt(mean_of(np.square(x), axes) + epsilon)


def not_centred(x: Array, axes: Axes, epsilon: float) -> Array:
    """``x / √(σ² + ε)``."""
    return x / np.sqrt(centred(x, axes)[1] + epsilon)


def by_variance(x: Array, axes: Axes, epsilon: float) -> Array:
    """``(x - μ) / (σ² + ε)``, the root forgotten."""
    distances, variance = centred(x, axes)
    return distances / (variance + epsilon)


# --- layers upon them ---


def affine(standard: Array, scale: Array | None, bias: Array | None) -> Array:
    """``γ z + β``."""
    scaled = standard if scale is None else standard * scale
    return scaled if bias is None else scaled + bias


def layer_norm(
    x: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
    standardize: Standardize = textbook,
    axes: Axes = (-1,),
) -> Array:
    """Layer normalization, standardized in some way along some axes."""
    return affine(standardize(x, axes, epsilon), scale, bias)


def group_norm(
    x: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    groups: int = 1,
    epsilon: float = 1e-5,
    standardize: Standardize = textbook,
    first: int = 1,
) -> Array:
    """Group normalization, standardized in some way, its statistics from the ``first`` axis on."""
    grouped = np.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups))
    axes = (*range(first, grouped.ndim - 2), grouped.ndim - 1)
    return affine(np.reshape(standardize(grouped, axes, epsilon), x.shape), scale, bias)


def instance_norm(
    x: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
    standardize: Standardize = textbook,
    first: int = 1,
) -> Array:
    """Instance normalization, standardized in some way, its statistics from the ``first`` axis on."""
    return affine(standardize(x, tuple(range(first, x.ndim - 1)), epsilon), scale, bias)


def local_response_norm(
    x: Array,
    *,
    window: int,
    alpha: float,
    beta: float,
    offset: float,
    alpha_of: str,
    low: Callable[[int], int] = lambda window: window // 2,
    counted: bool = False,
) -> Array:
    """Local response normalization tap after tap, ``low`` of them below; or by the channels that exist."""
    below = low(window)
    padded = np.pad(np.square(x), ((0, 0),) * (x.ndim - 1) + ((below, window - 1 - below),))
    squares = sum(padded[..., tap : tap + x.shape[-1]] for tap in range(window))
    if counted:
        there = np.pad(np.ones(x.shape[-1]), (below, window - 1 - below))
        count: Any = sum(there[tap : tap + x.shape[-1]] for tap in range(window))
    else:
        count = window
    level = offset + (alpha / count if alpha_of == "mean" else alpha) * squares
    return x / np.exp(beta * np.log(level))


def local_response_alone(
    x: Array, cotangent: Array, *, window: int, alpha: float, beta: float, offset: float, alpha_of: str
) -> tuple[Array]:
    """A gradient of local response normalization that takes the squares for constants."""
    ones = np.ones_like(x)
    level = x / right.local_response_norm(
        x, window=window, alpha=alpha, beta=beta, offset=offset, alpha_of=alpha_of
    )
    return (cotangent / np.where(x == 0, ones, level),)


def batch_norm(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    bessel: bool = False,
    standardize: Standardize = textbook,
    first: int = 0,
) -> tuple[Array, Array, Array]:
    """Batch normalization, standardized in some way, from the ``first`` axis on; its states are right."""
    _, *running = right.batch_norm(
        x, running_mean, running_variance, epsilon=epsilon, momentum=momentum, bessel=bessel
    )
    axes = tuple(range(min(first, x.ndim - 2), x.ndim - 1))
    return (affine(standardize(x, axes, epsilon), scale, bias), *running)


def batch_norm_by_updates(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    bessel: bool = False,
) -> tuple[Array, Array, Array]:
    """Batch normalization by Welford's one pass, whose mean becomes the running one too."""
    axes = _leading(x)
    values, _ = _terms(x, axes)
    mean, squares = _updated(values)
    count = len(values)
    variance = squares / float(count - 1 if bessel and count > 1 else count)
    return (
        affine(welford(x, axes, epsilon), scale, bias),
        momentum * running_mean + (1.0 - momentum) * mean,
        momentum * running_variance + (1.0 - momentum) * variance,
    )


def batch_norm_folded(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    bessel: bool = False,
) -> tuple[Array, Array, Array]:
    """``x a + (β - μ a)``, from the moments of the batch; its states are right."""
    _, *running = right.batch_norm(
        x, running_mean, running_variance, epsilon=epsilon, momentum=momentum, bessel=bessel
    )
    axes = _leading(x)
    return (
        folded(x, mean_of(x, axes), centred(x, axes)[1], scale, bias, epsilon=epsilon),
        *running,
    )


def interleaved(x: Array, groups: int) -> Array:
    """Channels put so that neighbours become members of different groups."""
    return np.reshape(
        np.moveaxis(np.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups)), -1, -2), x.shape
    )


def interleaved_group_norm(
    x: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    groups: int = 1,
    epsilon: float = 1e-5,
) -> Array:
    """Channel c in group ``c mod groups``."""
    mixed = interleaved(x, x.shape[-1] // groups)
    standard = right.group_norm(mixed, groups=groups, epsilon=epsilon)
    return affine(interleaved(standard, groups), scale, bias)


def rms_norm(
    x: Array,
    scale: Array | None = None,
    *,
    epsilon: float = 1e-5,
    root: Function = lambda square, epsilon: np.sqrt(square + epsilon),
    mean: Function = mean_of,
    axes: Axes = (-1,),
) -> Array:
    """Root mean square normalization by some root of some mean of the squares."""
    return affine(x / root(mean(np.square(x), axes), epsilon), scale, None)


def rms(x: Array, epsilon: float) -> Array:
    """``√(mean x² + ε)``."""
    return np.sqrt(mean_of(np.square(x), (-1,)) + epsilon)


def rms_norm_with_sum(x: Array, through: Array, epsilon: float) -> Array:
    """Gradient ``(h - z Σ(h z)) / √(mean x² + ε)``: a sum for the mean."""
    standard = x / rms(x, epsilon)
    return (through - standard * np.sum(through * standard, axis=-1, keepdims=True)) / rms(x, epsilon)


def rms_norm_by_reciprocal(x: Array, scale: Array | None = None, *, epsilon: float = 1e-5) -> Array:
    """``(x · 1/√(mean x² + ε)) γ``, the mean as a dot product."""
    square = np.einsum("...i,...i->...", x, x)[..., np.newaxis] * (1.0 / x.shape[-1])
    return affine(x * (1.0 / np.sqrt(square + epsilon)), scale, None)


def rms_norm_scaled_first(x: Array, scale: Array | None = None, *, epsilon: float = 1e-5) -> Array:
    """``(x γ) / √(mean (x γ)² + ε)``: γ takes part in the statistic."""
    scaled = affine(x, scale, None)
    return scaled / np.sqrt(mean_of(np.square(scaled), (-1,)) + epsilon)


def inference(
    x: Array,
    mean: Array,
    variance: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
) -> Array:
    """``(x - μ) / √(σ² + ε) γ + β``, in the order in which it is written."""
    return affine((x - mean) / np.sqrt(variance + epsilon), scale, bias)


def folded(
    x: Array,
    mean: Array,
    variance: Array,
    scale: Array | None = None,
    bias: Array | None = None,
    *,
    epsilon: float = 1e-5,
) -> Array:
    """``x a + b`` with ``a`` and ``b`` computed beforehand, as where it is folded into a convolution."""
    slope = (
        1.0 / np.sqrt(variance + epsilon) if scale is None else scale * (1.0 / np.sqrt(variance + epsilon))
    )
    return x * slope + (-mean * slope if bias is None else bias - mean * slope)


def frozen(
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
    """Frozen batch normalization as it is written; its states are right."""
    if statistics == "batch":
        given = x, running_mean, running_variance, scale, bias
        return batch_norm(*given, epsilon=epsilon, momentum=momentum, bessel=bessel)
    y = inference(x, running_mean, running_variance, scale, bias, epsilon=epsilon)
    return y, running_mean, running_variance


def not_folded(
    x: Array,
    kernel: Array,
    offset: Array | None,
    mean: Array,
    variance: Array,
    scale: Array,
    bias: Array,
    *,
    epsilon: float = 1e-5,
) -> Array:
    """The layer before, and the normalization after it."""
    y = (dense if kernel.ndim == 2 else conv)(x, kernel, offset)
    return inference(y, mean, variance, scale, bias, epsilon=epsilon)


def repeated(
    x: Array,
    running_mean: Array,
    running_variance: Array,
    scale: Array,
    bias: Array,
    *,
    momentum: float | None = None,
    seen: int = 0,
    bessel: bool = False,
) -> tuple[Array, Array, Array]:
    """A cumulative mean by sums, an exponential one by powers."""
    calls, batch, _ = x.shape
    means, variances = np.mean(x, axis=1), centred(x, (1,))[1][:, 0] * (batch / (batch - 1) if bessel else 1)
    if momentum is None:
        before, shares = seen / (seen + calls), np.full(calls, 1.0 / (seen + calls))
    else:
        before, shares = momentum**calls, (1 - momentum) * momentum ** np.arange(calls)[::-1]
    return (
        affine(textbook(x, (1,), 1e-5), scale, bias),
        before * running_mean + np.sum(shares[:, np.newaxis] * means, axis=0),
        before * running_variance + np.sum(shares[:, np.newaxis] * variances, axis=0),
    )


def masked(
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
    normalize: Function = inference,
) -> tuple[Array, Array, Array]:
    """The places that count, taken out of the array and normalized as it is written, or in another way."""
    counted = (
        x[mask] if masking != "multiply" else np.reshape(x, (-1, x.shape[-1])) * np.reshape(mask, (-1, 1))
    )
    count = float(np.sum(mask))
    mean = np.sum(counted, axis=0) / (count + count_epsilon)
    distances = counted - mean if masking != "multiply" else (counted - mean) * np.reshape(mask, (-1, 1))
    variance = np.sum(np.square(distances), axis=0) / (count + count_epsilon)
    y = normalize(x, mean, variance, scale, bias, epsilon=epsilon)
    spread = variance * count / (count - 1) if bessel and count > 1 else variance
    return (
        y if masked_output == "normalized" else np.where(mask[..., np.newaxis], y, 0.0),
        momentum * running_mean + (1 - momentum) * mean,
        momentum * running_variance + (1 - momentum) * spread,
    )


# --- what they share ---


BIAS = (
    Fault(
        name="bias added before the scale",
        inputs={"bias": lambda bias, scale: bias * scale},
        where="use_scale and use_bias",
    ),
)


def _leading(x: Array) -> Axes:
    return tuple(range(x.ndim - 1))


AFFINE_GRADIENTS = (
    Fault(
        name="gradient of the scale from x that is not normalized",
        gradients={"scale": lambda x, cotangent: np.sum(x * cotangent, axis=_leading(x))},
    ),
    Fault(
        name="gradient of the scale averaged over the rows",
        gradients={"scale": lambda gradient, x: gradient * gradient.size / x.size},
    ),
    Fault(
        name="gradient of the bias scaled",
        gradients={"bias": lambda gradient, scale: gradient * scale},
        where="use_scale and use_bias",
    ),
)

STANDARDIZED: dict[str, Standardize] = {
    "epsilon outside the root": epsilon_outside,
    "epsilon as a floor": epsilon_as_floor,
    "unbiased variance": unbiased,
    "variance about zero": variance_about_zero,
    "mean not subtracted": not_centred,
    "divided by the variance": by_variance,
}
"""Faults of what all layers do that take mean and variance of their data."""

STANDARDIZED_RIGHT: dict[str, Standardize] = {
    "(x - μ) / √(σ² + ε)": textbook,
    "times the reciprocal root": reciprocal,
    "x a - μ a": multiplied_out,
    "Welford's one pass": welford,
    "moments of two halves merged": chan,
}
"""Controls of the same."""


def standardizing_faults(layer: Function) -> tuple[Fault, ...]:
    """Faults of the moments of a layer that takes ``standardize``."""
    exact = (
        Fault(name=name, reference=functools.partial(layer, standardize=way))
        for name, way in STANDARDIZED.items()
    )
    one = Fault(
        name="one-pass variance", reference=functools.partial(layer, standardize=one_pass), rounds=True
    )
    return (*exact, one)


def standardizing_controls(layer: Function) -> tuple[Control, ...]:
    """Other ways to the same moments for a layer that takes ``standardize``."""
    return tuple(
        Control(name=name, reference=functools.partial(layer, standardize=way))
        for name, way in STANDARDIZED_RIGHT.items()
    )


def _axes_of_groups(grouped: Array) -> Axes:
    """All axes of a grouped array but the first and the groups."""
    return (*range(1, grouped.ndim - 2), grouped.ndim - 1)


def _in_groups(x: Array, groups: int) -> Array:
    return np.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups))


def without_mean(through: Array, standard: Array, axes: Axes) -> Array:
    """``h - mean h``: what flows through the variance is left out."""
    return through - mean_of(through, axes)


def without_slope(through: Array, standard: Array, axes: Axes) -> Array:
    """``h - z mean(h z)``: what flows through the mean is left out."""
    return through - standard * mean_of(through * standard, axes)


def with_sum(through: Array, standard: Array, axes: Axes) -> Array:
    """``h - mean h - z Σ(h z)``: a sum for the second mean."""
    slope = np.sum(through * standard, axis=axes, keepdims=True)
    return without_mean(through, standard, axes) - standard * slope


THROUGH: dict[str, Function] = {
    "gradient with the statistics as constants": lambda through, standard, axes: through,
    "gradient not through the variance": without_mean,
    "gradient not through the mean": without_slope,
    "gradient with a sum for the second mean": with_sum,
}
"""What the gradient of the standardized values makes of what flows into them, but for ``1/√(σ² + ε)``."""


def _through(way: Function, x: Array, into: Array, axes: Axes, epsilon: float) -> Array:
    deviation = np.sqrt(centred(x, axes)[1] + epsilon)
    return way(into, textbook(x, axes, epsilon), axes) / deviation


def gradients_along(axes: Callable[[Array], Axes]) -> tuple[Fault, ...]:
    """Faults of the gradient of a layer whose statistics are along these axes of its input."""

    def fault(name: str, way: Function) -> Fault:
        def gradient(x: Array, scale: Array | None, cotangent: Array, epsilon: float) -> Array:
            return _through(way, x, affine(cotangent, scale, None), axes(x), epsilon)

        return Fault(name=name, gradients={"x": gradient})

    return tuple(fault(name, way) for name, way in THROUGH.items())


def gradients_in_groups() -> tuple[Fault, ...]:
    """Faults of the gradient of group normalization."""

    def fault(name: str, way: Function) -> Fault:
        def gradient(x: Array, scale: Array | None, cotangent: Array, epsilon: float, groups: int) -> Array:
            grouped, into = (_in_groups(a, groups) for a in (x, affine(cotangent, scale, None)))
            return np.reshape(_through(way, grouped, into, _axes_of_groups(grouped), epsilon), x.shape)

        return Fault(name=name, gradients={"x": gradient})

    return tuple(fault(name, way) for name, way in THROUGH.items())


# --- faults and controls ---

FAULTS = {
    "batch_norm": (
        *standardizing_faults(batch_norm),
        Fault(
            name="statistics of each sample",
            reference=functools.partial(batch_norm, first=1),
            where="spatial > 0",
        ),
        Fault(
            name="normalized by the running statistics",
            results={
                "y": lambda x, running_mean, running_variance, scale, bias, epsilon: inference(
                    x, running_mean, running_variance, scale, bias, epsilon=epsilon
                )
            },
        ),
        Fault(name="momentum 0.99", parameters={"momentum": "0.99"}),
        Fault(
            name="running statistics not renewed",
            results={
                "running_mean": lambda running_mean: running_mean,
                "running_variance": lambda running_variance: running_variance,
            },
        ),
        Fault(
            name="epsilon in the running variance",
            results={"running_variance": lambda result, epsilon, momentum: result + (1 - momentum) * epsilon},
        ),
        Fault(
            name="running deviation for the variance",
            results={
                "running_variance": lambda x, running_variance, momentum: (
                    momentum * running_variance + (1 - momentum) * np.std(x, axis=_leading(x))
                )
            },
        ),
        Fault(
            name="variance about the running mean",
            results={
                "running_variance": lambda x, running_mean, running_variance, momentum: (
                    momentum * running_variance
                    + (1 - momentum) * np.mean(np.square(x - running_mean), axis=_leading(x))
                )
            },
        ),
        *BIAS,
        *gradients_along(_leading),
        *AFFINE_GRADIENTS,
    ),
    "batch_norm_repeated": (
        Fault(
            name="exponential mean for a cumulative one",
            parameters={"momentum": "0.9"},
            where="momentum is None",
        ),
        Fault(
            name="running statistics of the last batch alone",
            parameters={"momentum": "0.0"},
            where="momentum is not None or seen > 0 or calls > 1",
        ),
        Fault(
            name="moments of all batches together",
            results={"y": lambda x, scale, bias: affine(textbook(x, (0, 1), 1e-5), scale, bias)},
        ),
        Fault(
            name="the first batch's statistics for all",
            results={
                "y": lambda x, scale, bias: affine(
                    (x - np.mean(x[0], axis=0)) / np.sqrt(np.var(x[0], axis=0) + 1e-5), scale, bias
                )
            },
        ),
        Fault(
            name="gradient of the scale of the last batch alone",
            gradients={
                "scale": lambda x, cotangent: np.sum(cotangent[-1] * textbook(x[-1], (0,), 1e-5), axis=0)
            },
        ),
    ),
    "masked_batch_norm": (
        Fault(
            name="sums divided by the number of all places",
            reference=lambda x, mask, *arrays, **options: right.masked_batch_norm(
                x, mask, *arrays, **options | {"count_epsilon": mask.size - np.sum(mask)}
            ),
        ),
        Fault(
            name="Bessel's correction by the number of all places",
            results={
                "running_variance": lambda result, running_variance, mask, momentum: (
                    momentum * running_variance
                    + (result - momentum * running_variance)
                    * ((mask.sum() - 1) / mask.sum() * mask.size / (mask.size - 1))
                )
            },
            where="bessel",
        ),
        Fault(
            name="running statistics not renewed",
            results={
                "running_mean": lambda running_mean: running_mean,
                "running_variance": lambda running_variance: running_variance,
            },
        ),
        Fault(
            name="gradient with the statistics as constants",
            gradients={
                "x": lambda x, mask, scale, cotangent, epsilon, masked_output: (
                    np.where(mask[..., np.newaxis] | (masked_output == "normalized"), cotangent, 0.0)
                    * scale
                    / np.sqrt(np.var(x[mask], axis=0) + epsilon)
                )
            },
        ),
        Fault(
            name="no gradient at masked places although they are normalized",
            gradients={"x": lambda gradient, mask: np.where(mask[..., np.newaxis], gradient, 0.0)},
            where="masked_output == 'normalized'",
        ),
    ),
    "batch_norm_inference": (
        Fault(
            name="epsilon outside the root",
            inputs={"variance": lambda variance, epsilon: np.square(np.sqrt(variance) + epsilon) - epsilon},
        ),
        *each_way(
            Fault(name="deviation for the variance", inputs={"variance": lambda variance: np.sqrt(variance)})
        ),
        Fault(
            name="statistics of the batch",
            reference=lambda x, mean, variance, scale=None, bias=None, *, epsilon: layer_norm(
                x, scale, bias, epsilon=epsilon, axes=_leading(x)
            ),
        ),
        Fault(
            name="mean subtracted after scaling",
            inputs={"mean": lambda mean, variance, epsilon: mean * np.sqrt(variance + epsilon)},
        ),
        Fault(
            name="bias added before the scale",
            inputs={"bias": lambda bias, scale: bias * scale},
            where="use_scale and use_bias",
        ),
        Fault(
            name="statistics of the next channel",
            inputs={"mean": lambda mean: np.roll(mean, 1), "variance": lambda variance: np.roll(variance, 1)},
        ),
        Fault(
            name="gradient through the statistics of the batch",
            vjp=lambda x, mean, variance, scale, bias, cotangent, *, epsilon: (
                right.batch_norm_vjp(x, mean, variance, scale, bias, cotangent, epsilon=epsilon)[0],
                *right.batch_norm_inference_vjp(x, mean, variance, scale, bias, cotangent, epsilon=epsilon)[
                    1:
                ],
            ),
        ),
        Fault(
            name="gradient without the scale",
            gradients={"x": lambda cotangent, variance, epsilon: cotangent / np.sqrt(variance + epsilon)},
        ),
        Fault(
            name="gradient of the scale from x that is not centred",
            gradients={
                "scale": lambda x, variance, cotangent, epsilon: (
                    np.sum(x * cotangent, axis=_leading(x)) / np.sqrt(variance + epsilon)
                )
            },
        ),
        Fault(
            name="gradient of the variance is that of the deviation",
            gradients={
                "variance": lambda gradient, variance, epsilon: gradient * 2 * np.sqrt(variance + epsilon)
            },
        ),
    ),
    "batch_norm_frozen": (
        Fault(
            name="running statistics renewed although frozen",
            results={
                "running_mean": lambda x, running_mean, momentum: (
                    momentum * running_mean + (1 - momentum) * np.mean(x, axis=_leading(x))
                )
            },
            where="statistics == 'running'",
        ),
        Fault(
            name="running statistics not renewed",
            results={
                "running_mean": lambda running_mean: running_mean,
                "running_variance": lambda running_variance: running_variance,
            },
            where="statistics == 'batch'",
        ),
        Fault(name="no gradient to what is before", gradients={"x": lambda gradient: 0 * gradient}),
    ),
    "batch_norm_folded": (
        Fault(name="deviation for the variance", inputs={"variance": lambda variance: np.sqrt(variance)}),
        Fault(
            name="bias of the layer before not scaled",
            results={
                "y": lambda result, offset, scale, variance, epsilon: (
                    result + offset * (1 - scale / np.sqrt(variance + epsilon))
                )
            },
            where="use_offset",
        ),
        Fault(
            name="gradient of the layer before alone",
            gradients={
                "x": lambda x, kernel, offset, mean, variance, scale, bias, cotangent, epsilon: (
                    right.batch_norm_folded_vjp(
                        x,
                        kernel,
                        offset,
                        mean,
                        1 - epsilon + 0 * mean,
                        1 + 0 * mean,
                        bias,
                        cotangent,
                        epsilon=epsilon,
                    )[0]
                )
            },
        ),
    ),
    "layer_norm": (
        *standardizing_faults(layer_norm),
        Fault(
            name="statistics of each sample, its steps together",
            reference=functools.partial(layer_norm, axes=(-2, -1)),
        ),
        Fault(name="statistics along the steps", reference=functools.partial(layer_norm, axes=(-2,))),
        *BIAS,
        *gradients_along(lambda x: (-1,)),
        *AFFINE_GRADIENTS,
    ),
    "group_norm": (
        *standardizing_faults(group_norm),
        *each_way(Fault(name="a group for each channel", parameters={"groups": "channels"})),
        *each_way(
            Fault(
                name="number of groups for channels in a group, and the reverse",
                parameters={"groups": "channels // groups"},
            )
        ),
        Fault(name="groups of channels far apart", reference=interleaved_group_norm),
        Fault(name="statistics of the whole batch", reference=functools.partial(group_norm, first=0)),
        Fault(
            name="statistics of each place",
            reference=functools.partial(group_norm, first=3),
            where="spatial > 0",
        ),
        Fault(
            name="scale of the group's first channel",
            inputs={
                "scale": lambda scale, groups: np.repeat(scale[:: len(scale) // groups], len(scale) // groups)
            },
        ),
        *BIAS,
        *gradients_in_groups(),
        *AFFINE_GRADIENTS,
    ),
    "instance_norm": (
        *standardizing_faults(instance_norm),
        Fault(name="statistics of the whole batch", reference=functools.partial(instance_norm, first=0)),
        Fault(
            name="statistics of all channels together",
            reference=lambda *arrays, epsilon: right.group_norm(*arrays, epsilon=epsilon),
        ),
        Fault(
            name="statistics of the last axis between alone",
            reference=lambda *arrays, epsilon: instance_norm(
                *arrays, epsilon=epsilon, first=arrays[0].ndim - 2
            ),
            where="spatial > 1",
        ),
        *BIAS,
        *gradients_along(lambda x: tuple(range(1, x.ndim - 1))),
        *AFFINE_GRADIENTS,
    ),
    "local_response_norm": (
        *each_way(Fault(name="the window a radius", parameters={"window": "2 * window + 1"})),
        Fault(
            name="an even window reaches further up",
            reference=functools.partial(local_response_norm, low=lambda window: (window - 1) // 2),
            where="window % 2 == 0",
        ),
        Fault(
            name="means of the channels that exist",
            reference=functools.partial(local_response_norm, counted=True),
            where="alpha_of == 'mean'",
        ),
        Fault(name="gradient without that of the squares", vjp=local_response_alone, where="data != 'nan'"),
    ),
    "rms_norm": (
        Fault(
            name="epsilon outside the root",
            reference=functools.partial(rms_norm, root=lambda square, epsilon: np.sqrt(square) + epsilon),
        ),
        Fault(
            name="epsilon as a floor",
            reference=functools.partial(
                rms_norm, root=lambda square, epsilon: np.sqrt(np.maximum(square, epsilon))
            ),
        ),
        Fault(
            name="divided by the mean square",
            reference=functools.partial(rms_norm, root=lambda square, epsilon: square + epsilon),
        ),
        Fault(
            name="sum of the squares for their mean",
            reference=functools.partial(rms_norm, mean=lambda x, axes: np.sum(x, axis=axes, keepdims=True)),
        ),
        Fault(
            name="mean with n - 1 for n",
            reference=functools.partial(
                rms_norm,
                mean=lambda x, axes: mean_of(x, axes) * (count_of(x, axes) / max(count_of(x, axes) - 1, 1)),
            ),
        ),
        *each_way(
            Fault(name="mean subtracted", inputs={"x": lambda x: x - np.mean(x, axis=-1, keepdims=True)})
        ),
        Fault(
            name="root mean square of each sample, its steps together",
            reference=functools.partial(rms_norm, axes=(-2, -1)),
        ),
        Fault(name="root mean square along the steps", reference=functools.partial(rms_norm, axes=(-2,))),
        Fault(name="scaled before the statistic", reference=rms_norm_scaled_first),
        Fault(
            name="gradient with the root mean square as a constant",
            gradients={
                "x": lambda x, scale, cotangent, epsilon: affine(cotangent, scale, None) / rms(x, epsilon)
            },
        ),
        Fault(
            name="gradient with a sum for the mean",
            gradients={
                "x": lambda x, scale, cotangent, epsilon: rms_norm_with_sum(
                    x, affine(cotangent, scale, None), epsilon
                )
            },
        ),
        Fault(
            name="gradient of the mean of h, not of h z",
            gradients={
                "x": lambda x, scale, cotangent, epsilon: (
                    without_mean(affine(cotangent, scale, None), x, (-1,)) / rms(x, epsilon)
                )
            },
        ),
        *AFFINE_GRADIENTS[:2],
    ),
}

CONTROLS = {
    "batch_norm": (
        *standardizing_controls(batch_norm),
        Control(name="folded into a x + b", reference=batch_norm_folded),
        Control(
            name="Welford's one pass, running statistics too",
            reference=batch_norm_by_updates,
            # Of a lone value that is NaN it says that its variance is 0.
            where="max(x[:-1]) > 1 and (infinite_mean == 'updates' or data != 'infinities')",
        ),
    ),
    "batch_norm_repeated": (Control(name="sums of moments, shared out at the end", reference=repeated),),
    "masked_batch_norm": (
        Control(name="places that count taken out", reference=masked),
        Control(name="folded into a x + b", reference=functools.partial(masked, normalize=folded)),
    ),
    "batch_norm_inference": (
        Control(name="(x - μ) / √(σ² + ε)", reference=inference),
        Control(name="folded into a x + b", reference=folded),
    ),
    "batch_norm_frozen": (Control(name="(x - μ) / √(σ² + ε)", reference=frozen),),
    "batch_norm_folded": (Control(name="one layer after the other", reference=not_folded),),
    "layer_norm": standardizing_controls(layer_norm),
    "group_norm": standardizing_controls(group_norm),
    "instance_norm": standardizing_controls(instance_norm),
    "local_response_norm": (
        Control(name="tap after tap, divided by the power", reference=local_response_norm),
    ),
    "rms_norm": (
        Control(name="textbook", reference=rms_norm),
        Control(name="times the reciprocal root of a dot product", reference=rms_norm_by_reciprocal),
    ),
}
