"""Specs of the losses of regression."""

from __future__ import annotations

from ..reference import losses_regression as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

PREDICTIONS = Input("predictions", "batch, features", meaning="what the model says")
TARGETS = Input("targets", "batch, features", meaning="what is true")
SIZES = ((3, 17), (1, 1), (5, 129))
DATA = ("normal", "ties", "offset", "large", "nan", "infinities")

REDUCTION = Parameter(
    "reduction", ("mean", "none", "sum"), "what is made of the losses of the elements", plain="none"
)
ROW_MEAN = Parameter("row_mean", (False, True), "the last axis is averaged before the reduction", facet=True)
MEAN_OF_MEANS = "row_mean and reduction == 'mean'"
"""A condition under which row_mean makes no difference."""

mean_squared_error = Spec(
    reference=reference.mean_squared_error,
    inputs=(PREDICTIONS, TARGETS),
    parameters=(
        REDUCTION,
        Parameter("factor", (1.0, 0.5), "of the square: 1/2 makes the gradient the error itself", facet=True),
        ROW_MEAN,
    ),
    sizes=SIZES,
    data=DATA,
    # There neither a square nor a gradient stays within the range.
    excluded=(MEAN_OF_MEANS, "data == 'large' and row_mean and features == 1"),
)

huber = Spec(
    reference=reference.huber,
    inputs=(PREDICTIONS, TARGETS),
    parameters=(REDUCTION, Parameter("delta", (1.0, 0.3), "where the square turns into a line"), ROW_MEAN),
    sizes=SIZES,
    data=DATA,
    constraints=(
        Constraint(
            "C2",
            "delta > 0",
            "delta must be positive",
            broken_by={"delta": -1.0},
            also_broken_by=({"delta": 0.0},),
        ),
    ),
    excluded=(MEAN_OF_MEANS,),
    sources=(
        Source(
            "Huber (1964), Robust estimation of a location parameter",
            "https://doi.org/10.1214/aoms/1177703732",
        ),
    ),
)

smooth_l1 = Spec(
    reference=reference.smooth_l1,
    inputs=(PREDICTIONS, TARGETS),
    parameters=(
        REDUCTION,
        Parameter("beta", (1.0, 0.3, 0.0), "where the square turns into a line"),
        Parameter(
            "nan_sign", ("nan", "zero", "negative"), "gradient for an error of NaN", facet=True, right="nan"
        ),
    ),
    sizes=SIZES,
    data=DATA,
    constraints=(
        Constraint(
            "C2",
            "beta >= 0",
            "beta must not be negative",
            broken_by={"beta": -1.0},
            also_broken_by=({"beta": -(2.0**-30)},),
        ),
    ),
    sources=(Source("Girshick (2015), Fast R-CNN", "https://arxiv.org/abs/1504.08083"),),
)
