"""Faults and controls of batch normalization."""

from __future__ import annotations

import functools

import numpy as np

from ...reference import normalization_batch as right
from ...reference.convolution import conv
from ...reference.dense import dense
from ..language.variant import Control, Fault, each_way
from .normalization import layer_norm
from .standardizing import (
    AFFINE_GRADIENTS,
    BIAS,
    Array,
    Function,
    Standardize,
    affine,
    centred,
    gradients_along,
    leading,
    mean_of,
    standardizing_controls,
    standardizing_faults,
    terms_of,
    textbook,
    updated,
    welford,
)


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
    axes = leading(x)
    values, _ = terms_of(x, axes)
    mean, squares = updated(values)
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
    axes = leading(x)
    return (
        folded(x, mean_of(x, axes), centred(x, axes)[1], scale, bias, epsilon=epsilon),
        *running,
    )


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
                    momentum * running_variance + (1 - momentum) * np.std(x, axis=leading(x))
                )
            },
        ),
        Fault(
            name="variance about the running mean",
            results={
                "running_variance": lambda x, running_mean, running_variance, momentum: (
                    momentum * running_variance
                    + (1 - momentum) * np.mean(np.square(x - running_mean), axis=leading(x))
                )
            },
        ),
        *BIAS,
        *gradients_along(leading),
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
                x, scale, bias, epsilon=epsilon, axes=leading(x)
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
                    np.sum(x * cotangent, axis=leading(x)) / np.sqrt(variance + epsilon)
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
                    momentum * running_mean + (1 - momentum) * np.mean(x, axis=leading(x))
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
}
