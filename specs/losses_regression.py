"""Specs of the losses of regression."""

from __future__ import annotations

import dataclasses

from ..reference import losses_regression as reference
from .language.loss import loss, masking
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
EPSILON_IS_POSITIVE = Constraint(
    "C2",
    "epsilon > 0",
    "epsilon must be positive",
    broken_by={"epsilon": -1.0},
    also_broken_by=({"epsilon": 0.0},),
)

mean_squared_error = loss(
    reference.mean_squared_error,
    (PREDICTIONS, TARGETS),
    Parameter("factor", (1.0, 0.5), "of the square: 1/2 makes the gradient the error itself", facet=True),
    row_mean=True,
    weighted=True,
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
    weighted=True,
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

mean_absolute_error = loss(
    reference.mean_absolute_error,
    (PREDICTIONS, TARGETS),
    NAN_SIGN,
    row_mean=True,
    weighted=True,
    sizes=((3, 17), (5, 65)),
    data=("normal", "ties", "zeros", "large", "nan", "infinities"),
    sources=(
        Source(
            "Willmott and Matsuura (2005), Advantages of the mean absolute error",
            "https://doi.org/10.3354/cr030079",
        ),
    ),
)

log_cosh = loss(
    reference.log_cosh,
    (PREDICTIONS, TARGETS),
    row_mean=True,
    weighted=True,
    sizes=((3, 17), (1, 1)),
    data=("normal", "ties", "saturated", "large", "nan", "infinities"),
    sources=(
        Source(
            "Green (1990), Bayesian reconstructions from emission tomography data",
            "https://doi.org/10.1109/42.52985",
        ),
    ),
)

mean_absolute_percentage_error = loss(
    reference.mean_absolute_percentage_error,
    (PREDICTIONS, TARGETS),
    row_mean=True,
    weighted=True,
    sizes=((3, 17), (1, 1)),
    data=("normal", "ties", "nan"),
    sources=(
        Source(
            "de Myttenaere et al. (2016), Mean absolute percentage error", "https://arxiv.org/abs/1605.02541"
        ),
    ),
)

mean_squared_logarithmic_error = loss(
    reference.mean_squared_logarithmic_error,
    (PREDICTIONS, Input("targets", "batch, features", kind="positive", meaning="what is true")),
    row_mean=True,
    weighted=True,
    sizes=((3, 17), (1, 1)),
    data=("normal", "ties", "wide", "nan"),
    sources=(
        Source(
            "Tofallis (2015), A better measure of relative prediction accuracy",
            "https://arxiv.org/abs/2105.05249",
        ),
    ),
)

poisson_nll = loss(
    reference.poisson_nll,
    (
        Input("log_rates", "batch, features", when="log_input", meaning="logarithms of the rates"),
        Input("rates", "batch, features", kind="unit", when="not log_input"),
        Input("targets", "batch, features", kind="positive", meaning="counts, on either side of 1"),
    ),
    Parameter("log_input", (True, False), "whether the logarithms of the rates are given", facet=True),
    Parameter("epsilon", (1e-8, 1e-7), "what is added to a rate under its logarithm", facet=True),
    Parameter("full", (False, True), "whether Stirling's term of the targets is added"),
    row_mean=True,
    weighted=True,
    sizes=((3, 17), (1, 1)),
    data=("normal", "saturated", "zeros", "infinities"),
    excluded=(
        "log_input and epsilon != 1e-8",
        # Neither epsilon is a normal number of float16, and a rate of 0 is then as good as any other.
        "not log_input and dtype == 'float16' and data != 'normal'",
    ),
    sources=(
        Source(
            "Cameron and Trivedi (2013), Regression analysis of count data",
            "https://doi.org/10.1017/CBO9781139013567",
        ),
    ),
)

FLOOR_GRADIENT = Parameter(
    "floor_gradient",
    ("blocked", "passed"),
    "whether what is held above ε has a gradient below it",
    facet=True,
)

gaussian_nll = loss(
    reference.gaussian_nll,
    (PREDICTIONS, TARGETS, Input("variances", "batch, features", kind="unit")),
    Parameter("epsilon", (1e-6, 0.3), "the least variance"),
    Parameter("full", (False, True), "whether the constant is added"),
    FLOOR_GRADIENT,
    sizes=((3, 17), (1, 1)),
    data=("normal", "zeros", "offset", "nan", "infinities"),
    constraints=(EPSILON_IS_POSITIVE,),
    # The inverse of the least variance leaves the range of float16, and meets an infinite error.
    excluded=("dtype == 'float16' and data == 'infinities' and epsilon == 1e-6",),
    sources=(
        Source(
            "Nix and Weigend (1994), Estimating the mean and variance",
            "https://doi.org/10.1109/ICNN.1994.374138",
        ),
    ),
)

MASK, MASKING, UNMASKED = masking("batch, features")

cosine_similarity = loss(
    reference.cosine_similarity,
    (PREDICTIONS, TARGETS, dataclasses.replace(MASK, meaning="which features count")),
    Parameter("axis", (-1, 0), "along which the vectors stand"),
    Parameter("form", reference.COSINE_FORMS, "the cosine, its negative, or 1 less it", facet=True),
    Parameter("epsilon", (1e-8, 1e-7, 0.0, 1.0), "the least that a vector is divided by", facet=True),
    FLOOR_GRADIENT,
    *MASKING,
    weighted=True,
    # Along the first axis the vectors of the second size are single numbers, some of them 0.
    sizes=((3, 17), (1, 65)),
    data=("normal", "zeros", "offset", "large", "nan", "padding_nan"),
    constraints=(
        Constraint(
            "C2",
            "-2 <= axis < 2",
            "axis must be an axis",
            broken_by={"axis": 2},
            also_broken_by=({"axis": -3},),
        ),
    ),
    excluded=(
        "epsilon == 0 and floor_gradient == 'passed'",
        # Along the first axis there is no loss of a sample.
        "weighted and axis == 0",
        # It is 0 in float16, where a vector of zeros is then divided by 0.
        "epsilon == 1e-8 and dtype == 'float16' and data == 'zeros'",
        *UNMASKED,
        "masked and (axis == 0 or weighted)",
    ),
)
