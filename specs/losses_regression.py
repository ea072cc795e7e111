"""Specs of the losses of regression."""

from __future__ import annotations

from ..reference import losses_regression as reference
from .language.loss import loss
from .language.spec import Constraint, Input, Parameter, Source

PREDICTIONS = Input("predictions", "batch, features", meaning="what the model says")
TARGETS = Input("targets", "batch, features", meaning="what is true")
SIZES = ((3, 17), (1, 1), (5, 129))
DATA = ("normal", "ties", "offset", "large", "nan", "infinities")

NAN_SIGN = Parameter(
    "nan_sign",
    ("nan", "zero", "negative"),
    "slope of |e| at NaN; 'negative' is -1 wherever e is not 0 or more, and 1 at 0",
    facet=True,
    right="nan",
)
mean_squared_error = loss(
    reference.mean_squared_error,
    (PREDICTIONS, TARGETS),
    Parameter("factor", (1.0, 0.5), "of the square: 1/2 makes the gradient the error itself", facet=True),
    row_mean=True,
    sizes=SIZES,
    data=DATA,
    # There neither a square nor a gradient stays within the range.
    excluded=("data == 'large' and row_mean and features == 1",),
)

huber = loss(
    reference.huber,
    (PREDICTIONS, TARGETS),
    Parameter("delta", (1.0, 0.3), "where the square turns into a line"),
    row_mean=True,
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
    sources=(
        Source(
            "Huber (1964), Robust estimation of a location parameter",
            "https://doi.org/10.1214/aoms/1177703732",
        ),
    ),
)

smooth_l1 = loss(
    reference.smooth_l1,
    (PREDICTIONS, TARGETS),
    Parameter("beta", (1.0, 0.3, 0.0), "where the square turns into a line"),
    NAN_SIGN,
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
