"""What the specs of all losses share: how losses are reduced, and by what the samples are weighted.

A loss says what it is given, its own parameters and its data. Under ``@elements.loss`` and ``@rows.loss`` of
`assay.reference.reductions` its reference takes the rest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .spec import Constraint, Input, Parameter, Spec

__all__ = [
    "KEPT_REDUCTION",
    "LABELS_ARE_CLASSES",
    "MASKED_DATA",
    "MEAN_OF_MEANS",
    "REDUCTION",
    "ROW_MEAN",
    "WEIGHTED_REDUCTION",
    "loss",
    "masking",
    "weighing",
]

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
KEPT_REDUCTION = dataclasses.replace(
    WEIGHTED_REDUCTION, values=("none", "mean", "sum", "mean_weights", "mean_counted")
)
"""The same, of losses that are left as they are unless something else is said."""
ROW_MEAN = Parameter("row_mean", (False, True), "the last axis is averaged before the reduction", facet=True)

MEAN_OF_MEANS = "row_mean and reduction not in ('none', 'sum')"
"""A condition under which row_mean makes no difference."""

LABELS_ARE_CLASSES = Constraint(
    "labels", "data != 'out_of_range'", "labels must be classes", broken_by={"data": "out_of_range"}
)
"""The rule of losses that know no other meaning of a label that is no class."""

MASKED_DATA = ("masked_rows", "padding_nan")
"""Data sets that are there for masks alone."""


def weighing(name: str = "weighted") -> tuple[Parameter, Input, tuple[str, str]]:
    """The parameter of that name, whether samples have weights; these weights; and what is out of scope.

    That is means that divide by weights where there are none, and a single sample, of weight 0 for many.
    """
    return (
        Parameter(name, (False, True), "whether samples have weights, some of them 0"),
        Input("sample_weights", "batch", kind="sample_weight", when=name, constant=True),
        (f"not {name} and reduction in ('mean_weights', 'mean_counted')", f"{name} and batch == 1"),
    )


def masking(
    axes: str, seen: str = "data == 'padding_nan'"
) -> tuple[Input, tuple[Parameter, Parameter], tuple[str, ...]]:
    """The mask of what counts along the last of the axes; its parameters; and what is out of scope.

    Args:
        axes: those of the inputs that it speaks of.
        seen: where it matters whether gradients are selected too.
    """
    return (
        Input("mask", axes, kind="mask", when="masked", meaning="which classes count"),
        (
            Parameter("masked", (False, True), "whether some classes are left out"),
            Parameter(
                "masking",
                ("select", "select_values"),
                "whether what is left out has no gradient, or 0 times its own",
                facet=True,
                right="select",
            ),
        ),
        (
            f"masking != 'select' and not (masked and {seen})",
            f"masked and data not in {('normal', *MASKED_DATA)}",
            f"not masked and data in {MASKED_DATA}",
        ),
    )


def _beside_a_column(spec: Spec) -> Spec:
    """The spec of losses of elements, whose last input is also a vector where the others are columns.

    A vector of N numbers is spread against a column of N in silence, to N times N losses.
    """

    def further(constraint: Constraint) -> Constraint:
        if constraint.label != "shape" or constraint.broken_by not in [
            {i.name: "batch, 1"} for i in spec.inputs if i.axes == "batch, features"
        ]:
            return constraint
        (last,) = constraint.broken_by
        return dataclasses.replace(constraint, also_broken_by=({"features": "1", last: "batch"},))

    return dataclasses.replace(spec, constraints=tuple(map(further, spec.constraints)))


def loss(
    reference: Callable[..., Any],
    inputs: tuple[Input, ...],
    *parameters: Parameter,
    row_mean: bool = False,
    weighted: bool | str = False,
    reduction: Parameter | None = None,
    excluded: tuple[str, ...] = (),
    **more: Any,
) -> Spec:
    """The spec of a loss of elements or rows, which is reduced as all of them are.

    Args:
        reference: the reduced loss.
        inputs: what it is given, without the weights of samples.
        parameters: its own, between ``reduction`` and ``row_mean``.
        row_mean: whether some average the last axis first.
        weighted: whether samples may have weights, or the name of the parameter that says so, where
            ``weighted`` says so of classes.
        reduction: the first parameter, where it has other values than most.
        excluded: conditions of valid cases that are out of scope, beside those that follow.
        more: the other fields of a `Spec`.
    """
    shared: tuple[Parameter, ...] = (reduction or (WEIGHTED_REDUCTION if weighted else REDUCTION),)
    follows = (MEAN_OF_MEANS,) * row_mean
    if weighted:
        whether, weights, senseless = weighing(weighted if isinstance(weighted, str) else "weighted")
        inputs, shared, follows = (*inputs, weights), (*shared, whether), (*follows, *senseless)
    spec = Spec(
        reference=reference,
        inputs=inputs,
        parameters=(*shared, *parameters, *(ROW_MEAN,) * row_mean),
        excluded=(*follows, *excluded),
        empty=(),  # what a mean of nothing is, is a question of its own
        **more,
    )
    return _beside_a_column(spec)
