"""Faults and controls of the losses of regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...numerics.magnitude import magnitude
from ...reference.losses_regression import huber, vectors_over
from ...reference.reductions import reduce, rows
from ..language.variant import Control, Fault, each_way

Array = Any

# --- what all of them share ---


def mean_of_overflowing_sum(
    predictions: Array, targets: Array, sample_weights: Array | None = None, *, delta: float = 1.0
) -> Array:
    """Huber loss, whose mean is the quotient of a sum that large losses overflow."""
    return np.mean(huber(predictions, targets, delta=delta, reduction="none"))


SHARED = (
    Fault(name="gradient of the targets not negated", gradients={"targets": lambda gradient: -gradient}),
    Fault(
        name="cotangent left out of the gradient",
        gradients={"predictions": lambda gradient, cotangent: gradient / cotangent},
        where="reduction == 'sum' or reduction == 'mean'",
    ),
)
"""What any loss of an error can get wrong."""

# --- other ways to compute them ---


def expanded_square(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    factor: float = 1.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``x² - 2 x t + t²``, whose digits cancel where both are large."""
    squares = np.square(predictions) - 2 * predictions * targets + np.square(targets)
    return reduce(factor * squares, reduction, row_mean=row_mean, weights=sample_weights)


def square_by_product(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    factor: float = 1.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``((x - t) · factor) (x - t)``, from the other side, then a product with ``1/n``."""
    errors = targets - predictions
    losses = (errors * factor) * errors
    losses = np.sum(losses, axis=-1) * (1.0 / losses.shape[-1]) if row_mean else losses
    if reduction != "mean":
        return reduce(losses, reduction, weights=sample_weights)
    return np.sum(weighted(losses, sample_weights)) * (1.0 / losses.size)


def huber_by_clipping(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    delta: float = 1.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``q²/2 + δ (|e| - q)`` with ``q = min(|e|, δ)``."""
    size = np.abs(predictions - targets)
    quadratic = np.minimum(size, delta)
    losses = 0.5 * quadratic * quadratic + delta * (size - quadratic)
    return reduce(losses, reduction, row_mean=row_mean, weights=sample_weights)


def pseudo_huber(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    delta: float = 1.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``δ² (√(1 + (e/δ)²) - 1)``."""
    scaled = (predictions - targets) / delta
    return reduce(
        delta**2 * (np.sqrt(1 + np.square(scaled)) - 1), reduction, row_mean=row_mean, weights=sample_weights
    )


def huber_with_line(
    predictions: Array, targets: Array, line: Array, delta: float, reduction: str, row_mean: bool
) -> Array:
    """Huber loss with another line beyond the threshold."""
    size = np.abs(predictions - targets)
    return reduce(np.where(size <= delta, 0.5 * np.square(size), line), reduction, row_mean=row_mean)


def smooth_l1_by_product(
    predictions: Array, targets: Array, *, beta: float = 1.0, reduction: str = "mean"
) -> Array:
    """``e² (1/(2β))`` with the factor computed beforehand."""
    size = np.abs(targets - predictions)
    curved = size * size * (0.5 / beta) if beta else size
    return reduce(np.where(size < beta, curved, size - 0.5 * beta), reduction)


def smooth_l1_dividing_by_zero(
    predictions: Array, targets: Array, *, beta: float = 1.0, reduction: str = "mean"
) -> Array:
    """``min(|e|/β, 1) (|e| - …)`` with no case for β = 0: NaN where the error is 0."""
    size = np.abs(predictions - targets)
    share = np.minimum(size / np.asarray(beta), 1.0)
    return reduce(share * (size - 0.5 * beta * share), reduction)


def weighted(losses: Array, sample_weights: Array | None) -> Array:
    """Losses, of elements or of rows, times the weights of their samples."""
    if sample_weights is None:
        return losses
    return losses * np.reshape(sample_weights, (-1, *(1,) * (losses.ndim - 1)))


def absolute_by_maximum(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``max(t - x, x - t)``, and a mean over the rows of weighted means."""
    losses = weighted(np.maximum(targets - predictions, predictions - targets), sample_weights)
    if reduction in ("mean_weights", "mean_counted") and sample_weights is not None:
        counts = sample_weights if reduction == "mean_weights" else (sample_weights != 0) * 1.0
        return np.sum(np.mean(losses, axis=-1)) / np.sum(counts)
    return reduce(losses, reduction, row_mean=row_mean)


def log_cosh_of_overflowing_cosh(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """The definition to the letter: infinite where the hyperbolic cosine is."""
    return reduce(
        np.log(np.cosh(predictions - targets)), reduction, row_mean=row_mean, weights=sample_weights
    )


def log_cosh_by_softplus(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``e + log(1 + exp(-2e)) - log 2``, which cancels where the error is small."""
    errors = predictions - targets
    losses = errors + np.logaddexp(0.0, -2.0 * errors) - np.log(2.0)
    return reduce(losses, reduction, row_mean=row_mean, weights=sample_weights)


def log_cosh_by_tanh(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``-log(1 - tanh²(e)) / 2`` of small errors, for 1/cosh² = 1 - tanh²."""
    size = np.abs(targets - predictions)
    near = -0.5 * np.log1p(-np.square(np.tanh(np.minimum(size, 0.5))))
    far = (size - np.log(2.0)) + np.log1p(np.exp(-2.0 * size))
    return reduce(np.where(size < 0.5, near, far), reduction, row_mean=row_mean, weights=sample_weights)


def percentage_by_factor(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``(100 / m) |t - x|``."""
    losses = np.abs(targets - predictions) * (100.0 / np.maximum(np.abs(targets), 1e-7))
    return reduce(losses, reduction, row_mean=row_mean, weights=sample_weights)


def logarithmic_by_product(
    predictions: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``d · d`` with the difference from the other side."""
    difference = np.log1p(np.maximum(targets, 1e-7)) - np.log1p(np.maximum(predictions, 1e-7))
    return reduce(difference * difference, reduction, row_mean=row_mean, weights=sample_weights)


def poisson_by_parts(
    log_rates: Array,
    rates: Array,
    targets: Array,
    sample_weights: Array | None = None,
    *,
    epsilon: float = 1e-8,
    full: bool = False,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``λ - t log λ``, and Stirling's term as ``(t + 1/2) log t - t + log(2π)/2``."""
    logarithms = log_rates if rates is None else np.log(rates + epsilon)
    losses = (np.exp(log_rates) if rates is None else rates) - np.minimum(logarithms, 1e4) * targets
    if full:
        beyond = np.maximum(targets, 1.0)
        stirling = (np.log(beyond) + 0.5 * np.log(2 * np.pi)) + (beyond - 0.5) * np.log(beyond) - beyond
        losses = losses + np.where(targets > 1, stirling, 0.0)
    return reduce(losses, reduction, row_mean=row_mean, weights=sample_weights)


def poisson_with_stirling_for_all(targets: Array, result: Array, reduction: str, row_mean: bool) -> Array:
    """The loss, with Stirling's term where it is no approximation."""
    below = np.minimum(targets, 1.0)
    stirling = below * np.log(below) - below + 0.5 * np.log(2.0 * np.pi * below)
    return result + reduce(np.where(targets > 1, 0.0, stirling), reduction, row_mean=row_mean)


def gaussian_by_deviation(
    predictions: Array,
    targets: Array,
    variances: Array,
    *,
    epsilon: float = 1e-6,
    full: bool = False,
    reduction: str = "mean",
) -> Array:
    """``(log v + log(2π) + (e · e) · (1/v)) / 2``."""
    held = np.maximum(variances, epsilon)
    errors = targets - predictions
    terms = np.log(held) + (errors * errors) * (1.0 / held)
    return reduce((terms + np.log(2 * np.pi)) / 2 if full else terms / 2, reduction)


@rows.loss
@vectors_over.loss
def cosine_of_dot_product(
    predictions: Array, targets: Array, *, axis: int = -1, epsilon: float = 1e-8, form: str = "similarity"
) -> Array:
    """``⟨x, t⟩ / (‖x‖ ‖t‖)``: the dot product first, of vectors that are made small enough for it."""
    small = [x / magnitude(x, axis) for x in (predictions, targets)]
    least = [epsilon / magnitude(x, axis) for x in (predictions, targets)]
    norms = [
        np.maximum(np.sqrt(np.sum(x * x, axis=axis, keepdims=True)), floor)
        for x, floor in zip(small, least, strict=True)
    ]
    cosine = np.sum(small[0] * small[1], axis=axis) / np.squeeze(norms[0] * norms[1], axis)
    return {"similarity": cosine, "negative": -cosine, "distance": 1.0 - cosine}[form]


def without_length(x: Array, axis: int) -> Array:
    """Vectors of length 1; those of zeros as they are."""
    length = np.sqrt(np.sum(np.square(x / magnitude(x, axis)), axis=axis, keepdims=True))
    return np.where(length == 0, x, x / magnitude(x, axis) / np.where(length == 0, 1.0, length))


def along(predictions: Array, targets: Array, axis: int, epsilon: float) -> Array:
    """What is taken out of the gradient of the cosine: ``c x / ‖x‖²``."""
    units = [
        x / np.maximum(np.linalg.norm(x, axis=axis, keepdims=True), epsilon) for x in (predictions, targets)
    ]
    cosine = np.sum(units[0] * units[1], axis=axis, keepdims=True)
    return cosine * units[0] / np.maximum(np.linalg.norm(predictions, axis=axis, keepdims=True), epsilon)


FAULTS = {
    "mean_absolute_error": (
        *SHARED,
        Fault(
            name="weighted mean divided by the weights",
            parameters={"reduction": "'mean_weights'"},
            where="weighted and reduction == 'mean'",
        ),
        *each_way(
            Fault(
                name="weighted mean divided by the number of losses",
                parameters={"reduction": "'mean'"},
                where="reduction in ('mean_weights', 'mean_counted')",
            )
        ),
        Fault(
            name="gradient of 1 where there is no error",
            gradients={
                "predictions": lambda gradient, predictions, targets, cotangent: np.where(
                    predictions == targets, np.max(np.abs(gradient)), gradient
                )
            },
            where="nan_sign != 'negative'",
        ),
    ),
    "log_cosh": (
        *SHARED,
        Fault(name="hyperbolic cosine overflows", reference=log_cosh_of_overflowing_cosh, rounds=True),
        Fault(name="small errors cancel", reference=log_cosh_by_softplus, rounds=True),
        Fault(
            name="log 2 left out",
            results={"y": lambda result: result + np.log(2.0)},
            where="reduction != 'sum' and not weighted",
        ),
        Fault(
            name="gradient is the sign of the error",
            gradients={
                "predictions": lambda gradient, predictions, targets: (
                    gradient / np.tanh(np.maximum(np.abs(predictions - targets), 1e-6))
                )
            },
        ),
    ),
    "mean_absolute_percentage_error": (
        *SHARED,
        Fault(name="share for the percentage", results={"y": lambda result: result / 100}),
        Fault(
            name="targets taken as constant below the line",
            gradients={
                "targets": lambda targets, predictions, gradient: (
                    np.abs(gradient) * np.where(targets >= predictions, 1.0, -1.0) * (targets != predictions)
                )
            },
        ),
    ),
    "mean_squared_logarithmic_error": (
        *SHARED,
        Fault(
            name="logarithm of the number itself",
            inputs={
                "predictions": lambda predictions: np.maximum(predictions, 1e-7) - 1 + 1e-7,
                "targets": lambda targets: np.maximum(targets, 1e-7) - 1 + 1e-7,
            },
        ),
        Fault(
            name="gradient below the clipping",
            gradients={
                "predictions": lambda gradient, predictions: np.where(
                    predictions > 0, gradient, np.max(np.abs(gradient))
                )
            },
        ),
        Fault(name="gradient without the 2", gradients={"predictions": lambda gradient: gradient / 2}),
    ),
    "poisson_nll": (
        Fault(
            name="Stirling's term for small targets too",
            results={
                "y": lambda targets, result, reduction, row_mean: poisson_with_stirling_for_all(
                    targets, result, reduction, row_mean
                )
            },
            where="full and not weighted",
        ),
        *each_way(
            Fault(name="ten times epsilon", parameters={"epsilon": "10 * epsilon"}, where="not log_input")
        ),
    ),
    "gaussian_nll": (
        *SHARED,
        *each_way(
            Fault(name="deviations for variances", inputs={"variances": lambda variances: np.sqrt(variances)})
        ),
        Fault(
            name="epsilon added to variances",
            inputs={"variances": lambda variances, epsilon: variances + epsilon},
        ),
    ),
    "cosine_similarity": (
        *SHARED,
        Fault(
            name="predictions not divided by their length",
            results={
                "y": lambda predictions, targets, axis, form: (
                    {
                        "similarity": 1.0,
                        "negative": -1.0,
                        "distance": -1.0,
                    }[form]
                    * np.sum(predictions * without_length(targets, axis), axis=axis)
                )
            },
            where="reduction == 'none' and not weighted",
        ),
        Fault(
            name="lengths over what does not count too",
            results={
                "y": lambda predictions, targets, mask: np.sum(
                    mask * without_length(predictions, -1) * without_length(targets, -1), axis=-1
                )
            },
            where="masked and reduction == 'none' and form == 'similarity' and epsilon < 1",
        ),
        Fault(name="other sign", parameters={"form": "'similarity'"}, where="form != 'similarity'"),
        *each_way(
            Fault(
                name="along the other axis",
                parameters={"axis": "-1 - axis"},
                where="batch > 1 and not weighted",
            )
        ),
        Fault(
            name="gradient along the vector not taken out",
            gradients={
                "predictions": lambda gradient, predictions, targets, axis, form, epsilon, cotangent: (
                    gradient
                    + along(predictions, targets, axis, epsilon)
                    * np.expand_dims(cotangent, axis)
                    * (1.0 if form == "similarity" else -1.0)
                )
            },
            where="data == 'normal' and reduction == 'none' and not weighted",
        ),
    ),
    "mean_squared_error": (
        *SHARED,
        Fault(name="square expanded", reference=expanded_square, rounds=True),
        Fault(
            name="absolute error",
            results={
                "y": lambda predictions, targets, factor, reduction, row_mean: reduce(
                    factor * np.abs(predictions - targets), reduction, row_mean=row_mean
                )
            },
            where="not weighted",
        ),
        Fault(
            name="root of the mean",
            results={"y": lambda result: np.sqrt(result)},
            where="reduction == 'mean'",
        ),
        Fault(
            name="square of the mean error",
            results={
                "y": lambda predictions, targets, factor: factor * np.square(np.mean(predictions - targets))
            },
            where="reduction == 'mean' and not weighted",
        ),
        Fault(
            name="gradient is the sign of the error",
            gradients={
                "predictions": lambda gradient, predictions, targets: (
                    gradient / np.maximum(np.abs(predictions - targets), 1e-30)
                )
            },
        ),
    ),
    "huber": (
        *SHARED,
        Fault(name="divided by delta, as smooth L1", results={"y": lambda result, delta: result / delta}),
        Fault(
            name="infinite mean of large losses",
            reference=mean_of_overflowing_sum,
            rounds=True,
            where="reduction == 'mean' and not row_mean and not weighted and data == 'large'",
        ),
        Fault(
            name="line not lowered by half of delta",
            results={
                "y": lambda predictions, targets, delta, reduction, row_mean: huber_with_line(
                    predictions, targets, delta * np.abs(predictions - targets), delta, reduction, row_mean
                )
            },
            where="not weighted",
        ),
        Fault(
            name="line of slope 1",
            results={
                "y": lambda predictions, targets, delta, reduction, row_mean: huber_with_line(
                    predictions,
                    targets,
                    np.abs(predictions - targets) - 0.5 * delta,
                    delta,
                    reduction,
                    row_mean,
                )
            },
            where="not weighted",
        ),
        Fault(
            name="square beyond delta as well",
            results={
                "y": lambda predictions, targets, delta, reduction, row_mean: huber_with_line(
                    predictions,
                    targets,
                    0.5 * np.square(predictions - targets),
                    delta,
                    reduction,
                    row_mean,
                )
            },
            where="not weighted",
        ),
        Fault(name="pseudo-Huber", reference=pseudo_huber),
        Fault(
            name="gradient not held",
            gradients={
                "predictions": lambda gradient, predictions, targets, delta: np.where(
                    np.abs(predictions - targets) > delta,
                    gradient * np.abs(predictions - targets) / delta,
                    gradient,
                )
            },
        ),
        Fault(
            name="no gradient beyond delta",
            gradients={
                "predictions": lambda gradient, predictions, targets, delta: np.where(
                    np.abs(predictions - targets) > delta, 0, gradient
                )
            },
        ),
        Fault(
            name="no gradient at the threshold itself",
            gradients={
                "predictions": lambda gradient, predictions, targets, delta: np.where(
                    np.abs(predictions - targets) == delta, 0, gradient
                )
            },
        ),
    ),
    "smooth_l1": (
        *SHARED,
        Fault(
            name="times beta, as the Huber loss",
            results={"y": lambda result, beta: result * beta},
            where="beta > 0",
        ),
        Fault(
            name="NaN for beta 0 and no error",
            reference=smooth_l1_dividing_by_zero,
            where="beta == 0",
        ),
        Fault(
            name="gradient NaN for beta 0 and no error",
            gradients={
                "predictions": lambda gradient, predictions, targets: np.where(
                    predictions == targets, np.nan, gradient
                )
            },
            where="beta == 0",
        ),
        Fault(
            name="gradient 1 for beta 0 and no error",
            gradients={
                "predictions": lambda gradient, predictions, targets, features, batch, reduction, cotangent: (
                    np.where(
                        predictions == targets,
                        cotangent / (batch * features if reduction == "mean" else 1),
                        gradient,
                    )
                )
            },
            where="beta == 0",
        ),
        Fault(
            name="curve not halved",
            results={
                "y": lambda predictions, targets, beta, reduction: reduce(
                    np.where(
                        np.abs(predictions - targets) < beta,
                        np.square(predictions - targets) / beta,
                        np.abs(predictions - targets) - 0.5 * beta,
                    ),
                    reduction,
                )
            },
            where="beta > 0",
        ),
        Fault(
            name="line not lowered by half of beta",
            results={
                "y": lambda predictions, targets, beta, reduction: reduce(
                    np.where(
                        np.abs(predictions - targets) < beta,
                        np.square(predictions - targets) / (2 * beta),
                        np.abs(predictions - targets),
                    ),
                    reduction,
                )
            },
            where="beta > 0",
        ),
        Fault(
            name="gradient not divided by beta",
            gradients={
                "predictions": lambda gradient, predictions, targets, beta: np.where(
                    np.abs(predictions - targets) < beta, gradient * beta, gradient
                )
            },
        ),
        Fault(
            name="gradient of an error of NaN",
            gradients={
                "predictions": lambda gradient, predictions, targets, nan_sign: np.where(
                    np.isnan(predictions - targets), 0.0 if nan_sign != "zero" else np.nan, gradient
                )
            },
        ),
    ),
}

CONTROLS = {
    "mean_squared_error": (Control(name="product of the errors, times 1/n", reference=square_by_product),),
    "huber": (Control(name="by clipping", reference=huber_by_clipping),),
    "smooth_l1": (Control(name="factor computed beforehand", reference=smooth_l1_by_product),),
    "mean_absolute_error": (
        Control(name="by the maximum", reference=absolute_by_maximum, where="data != 'large'"),
    ),
    "log_cosh": (Control(name="by the hyperbolic tangent", reference=log_cosh_by_tanh),),
    "mean_absolute_percentage_error": (Control(name="factor first", reference=percentage_by_factor),),
    "mean_squared_logarithmic_error": (Control(name="by a product", reference=logarithmic_by_product),),
    "poisson_nll": (Control(name="Stirling's term by parts", reference=poisson_by_parts),),
    "gaussian_nll": (Control(name="times the precision", reference=gaussian_by_deviation),),
    "cosine_similarity": (Control(name="dot product first", reference=cosine_of_dot_product),),
}
