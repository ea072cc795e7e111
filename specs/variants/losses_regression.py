"""Faults and controls of the losses of regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...reference.losses_regression import huber
from ...reference.reductions import reduce
from ..language.variant import Control, Fault

Array = Any

# --- what all of them share ---


def mean_of_overflowing_sum(predictions: Array, targets: Array, *, delta: float = 1.0) -> Array:
    """Huber loss, whose mean is the quotient of a sum that large losses overflow."""
    return np.mean(huber(predictions, targets, delta=delta, reduction="none"))


SUM_FOR_MEAN = (
    Fault(name="sum for the mean", parameters={"reduction": "'sum'"}, where="reduction == 'mean'"),
)
MEAN_FOR_SUM = (
    Fault(name="mean for the sum", parameters={"reduction": "'mean'"}, where="reduction == 'sum'"),
)
SHARED = (
    *SUM_FOR_MEAN,
    *MEAN_FOR_SUM,
    Fault(name="no gradient of the targets", gradients={"targets": lambda targets: np.zeros_like(targets)}),
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
    *,
    factor: float = 1.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``x² - 2 x t + t²``, whose digits cancel where both are large."""
    squares = np.square(predictions) - 2 * predictions * targets + np.square(targets)
    return reduce(factor * squares, reduction, row_mean=row_mean)


def square_by_product(
    predictions: Array,
    targets: Array,
    *,
    factor: float = 1.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``((x - t) · factor) (x - t)``, from the other side, then a product with ``1/n``."""
    errors = targets - predictions
    losses = (errors * factor) * errors
    losses = np.sum(losses, axis=-1) * (1.0 / losses.shape[-1]) if row_mean else losses
    if reduction == "none":
        return losses
    return np.sum(losses) * (1.0 / losses.size if reduction == "mean" else 1.0)


def huber_by_clipping(
    predictions: Array,
    targets: Array,
    *,
    delta: float = 1.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``q²/2 + δ (|e| - q)`` with ``q = min(|e|, δ)``."""
    size = np.abs(predictions - targets)
    quadratic = np.minimum(size, delta)
    losses = 0.5 * quadratic * quadratic + delta * (size - quadratic)
    return reduce(losses, reduction, row_mean=row_mean)


def pseudo_huber(
    predictions: Array,
    targets: Array,
    *,
    delta: float = 1.0,
    reduction: str = "mean",
    row_mean: bool = False,
) -> Array:
    """``δ² (√(1 + (e/δ)²) - 1)``."""
    scaled = (predictions - targets) / delta
    return reduce(delta**2 * (np.sqrt(1 + np.square(scaled)) - 1), reduction, row_mean=row_mean)


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


FAULTS = {
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
            where="reduction == 'mean'",
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
            where="reduction == 'mean' and not row_mean and data == 'large'",
        ),
        Fault(
            name="line not lowered by half of delta",
            results={
                "y": lambda predictions, targets, delta, reduction, row_mean: huber_with_line(
                    predictions, targets, delta * np.abs(predictions - targets), delta, reduction, row_mean
                )
            },
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
}
