"""Faults and controls of the losses that are given probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, xlogy

from ...reference.reductions import reduce, single_elements, single_rows
from ...reference.softmax import softmax
from ..language.variant import Control, Fault, each_way
from .losses_classification import BASE_2

Array = Any


@single_rows.loss
def categorical_by_gathering(
    predictions: Array,
    targets: Array | None = None,
    labels: Array | None = None,
    *,
    epsilon: float = 0.0,
    normalized: str = "none",
    zero_target: str = "zero",
) -> Array:
    """Quotients by a difference of logarithms; of labels the one probability that counts."""
    total = np.log(np.sum(predictions, axis=-1, keepdims=True)) if normalized == "before" else 0.0
    log_p = np.log(predictions) - total
    if labels is not None:
        return -np.take_along_axis(log_p, labels[:, np.newaxis], axis=-1)[:, 0]
    terms = targets * log_p
    return np.sum(np.where(targets == 0, -0.0, -terms) if zero_target == "zero" else -terms, axis=-1)


@single_elements.loss
def binary_by_difference(
    predictions: Array,
    targets: Array,
    *,
    guard: str = "none",
    epsilon: float = 1e-7,
    zero_target: str = "zero",
) -> Array:
    """``log1p(-p)``, as a user of NumPy would write it."""
    return -(targets * np.log(predictions) + (1.0 - targets) * np.log1p(-predictions))


FAULTS = {
    "categorical_cross_entropy": (
        *each_way(
            Fault(
                name="clipped at 1e-8",
                parameters={"epsilon": "1e-8"},
                where="epsilon > 0 and data == 'zeros'",
            )
        ),
        *each_way(Fault(name="clipped at 1e-2", parameters={"epsilon": "1e-2"})),
        *each_way(
            Fault(
                name="divided by the sum on the other side of the clipping",
                parameters={"normalized": "'after' if normalized == 'before' else 'before'"},
                where="normalized != 'none' and epsilon > 0",
            )
        ),
        *each_way(
            Fault(
                name="softmax of probabilities",
                inputs={"predictions": lambda predictions: softmax(predictions)},
            )
        ),
        BASE_2,
        Fault(
            name="gradient where clipped",
            gradients={
                "predictions": lambda gradient, predictions, epsilon: np.where(
                    predictions < epsilon, -1.0 / epsilon, gradient
                )
            },
            where="epsilon > 0 and data == 'zeros' and reduction == 'none'",
        ),
        Fault(
            name="gradient supposes a softmax",
            gradients={"predictions": lambda gradient, predictions: gradient * predictions},
        ),
    ),
    "binary_cross_entropy": (
        *(
            fault
            for guard in ("none", "clip", "add", "log")
            for fault in each_way(
                Fault(
                    name=f"guarded by {guard}",
                    parameters={"guard": f"'{guard}'"},
                    where=f"guard != '{guard}' and gradient == 'exact' and data == 'zeros'",
                )
            )
        ),
        *each_way(
            Fault(
                name="epsilon 1e-8",
                parameters={"epsilon": "1e-8"},
                where="guard in ('clip', 'add') and data == 'zeros'",
            )
        ),
        *each_way(
            Fault(
                name="sigmoid of probabilities",
                inputs={"predictions": lambda predictions: expit(predictions)},
            )
        ),
        *each_way(
            Fault(name="targets of the other class", inputs={"targets": lambda targets: 1.0 - targets})
        ),
        Fault(
            name="term of the other class left out",
            results={
                "y": lambda predictions, targets, row_mean: reduce(
                    -xlogy(targets, predictions), "none", row_mean=row_mean
                )
            },
            where="reduction == 'none' and not weighted",
        ),
        BASE_2,
        Fault(
            name="gradient supposes a sigmoid",
            gradients={
                "predictions": lambda gradient, predictions: gradient * predictions * (1.0 - predictions)
            },
        ),
    ),
}


CONTROLS = {
    "categorical_cross_entropy": (
        Control(
            name="difference of logarithms",
            reference=categorical_by_gathering,
            where="epsilon == 0 and data == 'normal'",
        ),
    ),
    "binary_cross_entropy": (
        Control(
            name="log1p",
            reference=binary_by_difference,
            where="guard == 'none' and (zero_target == 'nan' or data == 'normal')",
        ),
    ),
}
