"""What the specs of all losses share: how losses are reduced, and by what the samples are weighted.

A loss says what it is given, its own parameters and its data. Under ``@elements.loss`` and ``@rows.loss`` of
`assay.reference.reductions` its reference takes the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .spec import Input, Parameter, Spec

__all__ = ["MEAN_OF_MEANS", "REDUCTION", "ROW_MEAN", "SAMPLE_WEIGHTS", "loss"]

REDUCTION = Parameter(
    "reduction", ("mean", "none", "sum"), "what is made of the losses of the elements", plain="none"
)
WEIGHTED_REDUCTION = Parameter(
    "reduction",
    ("mean", "none", "sum", "mean_weights", "mean_counted"),
    "a mean divides by the number of losses, by their weights, or by how many of these are not 0",
    facet=True,
    plain="none",
)
ROW_MEAN = Parameter("row_mean", (False, True), "the last axis is averaged before the reduction", facet=True)
WEIGHTED = Parameter("weighted", (False, True), "whether samples have weights, some of them 0")
SAMPLE_WEIGHTS = Input("sample_weights", "batch", kind="unit", when="weighted", constant=True)

MEAN_OF_MEANS = "row_mean and reduction not in ('none', 'sum')"
"""A condition under which row_mean makes no difference."""

WITHOUT_WEIGHTS = "not weighted and reduction in ('mean_weights', 'mean_counted')"
"""Means that divide by weights, of which there are none."""

NOTHING_COUNTS = "weighted and batch == 1"
"""The weight of the one sample may be 0, and then a mean is divided by 0."""


def loss(
    reference: Callable[..., Any],
    inputs: tuple[Input, ...],
    *parameters: Parameter,
    row_mean: bool = False,
    weighted: bool = False,
    excluded: tuple[str, ...] = (),
    **more: Any,
) -> Spec:
    """The spec of a loss of elements or rows, which is reduced as all of them are.

    Args:
        reference: the reduced loss.
        inputs: what it is given, without the weights of samples.
        parameters: its own, between ``reduction`` and ``row_mean``.
        row_mean: whether some average the last axis first.
        weighted: whether samples may have weights.
        excluded: conditions of valid cases that are out of scope, beside those that follow.
        more: the other fields of a `Spec`.
    """
    shared = (WEIGHTED_REDUCTION, WEIGHTED) if weighted else (REDUCTION,)
    follows = (MEAN_OF_MEANS,) * row_mean + (WITHOUT_WEIGHTS, NOTHING_COUNTS) * weighted
    return Spec(
        reference=reference,
        inputs=inputs + (SAMPLE_WEIGHTS,) * weighted,
        parameters=(*shared, *parameters, *(ROW_MEAN,) * row_mean),
        excluded=(*follows, *excluded),
        empty=(),  # what a mean of nothing is, is a question of its own
        **more,
    )
