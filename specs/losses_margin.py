"""Specs of the losses of classification by margins."""

from __future__ import annotations

from ..reference import losses_margin as reference
from .language.loss import loss
from .language.spec import Constraint, Input, Parameter, Source

SCORES = Input("scores", "batch, features", meaning="positive for class 1, negative for class 0")
LABELS = Input("labels", "batch, features", kind="index", limit="2", meaning="0 or 1")
ROSASCO = Source(
    "Rosasco et al. (2004), Are loss functions all the same?", "https://doi.org/10.1162/089976604773135104"
)
MARGIN_IN_RANGE = Constraint(
    "C2",
    "margin >= 0",
    "margin must not be negative",
    broken_by={"margin": -1.0},
    also_broken_by=({"margin": -(2.0**-30)},),
)
SIZES = ((3, 17), (1, 1))

hinge = loss(
    reference.hinge,
    (SCORES, LABELS),
    Parameter("margin", (1.0, 0.0), "how far beyond 0 a score costs nothing: 0 is the perceptron's"),
    Parameter("power", (1, 2), "of what is lacking"),
    Parameter("kink_gradient", (1.0, 0.5, 0.0), "slope where nothing is lacking, just so", facet=True),
    row_mean=True,
    sizes=SIZES,
    data=("normal", "ties", "zeros", "nan", "infinities"),
    constraints=(MARGIN_IN_RANGE,),
    # A square has no kink.
    excluded=("power == 2 and kink_gradient != 1",),
    sources=(ROSASCO,),
)

soft_margin = loss(
    reference.soft_margin,
    (SCORES, LABELS),
    sizes=SIZES,
    data=("normal", "tails", "saturated", "large", "nan", "infinities"),
    sources=(ROSASCO,),
)
