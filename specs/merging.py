"""Specs of the layers that make one array of several."""

from __future__ import annotations

from ..reference import merging as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

merge = Spec(
    reference=reference.merge,
    inputs=(
        Input("x", "batch, features", meaning="the first"),
        Input("y", "batch, 1 if broadcast else features", meaning="the second"),
        Input("z", "batch, features", meaning="the third", when="inputs == 3"),
    ),
    parameters=(
        Parameter("operation", reference.OPERATIONS, "what is done with them"),
        Parameter("inputs", (2, 3), "how many there are"),
        Parameter("broadcast", (False, True), "whether one element of the second stands for all features"),
        Parameter("tie_gradient", ("split", "first"), "who has the gradient of a tie", facet=True),
        Parameter("nan_gradient", ("both", "neither", "second"), "who has the gradient of NaN", facet=True),
    ),
    excluded=(
        "operation == 'subtract' and inputs == 3",
        "operation not in ('maximum', 'minimum') and (tie_gradient != 'split' or nan_gradient != 'both')",
    ),
    sizes=((3, 17),),
    data=("normal", "ties", "large", "nan"),
)

STEPS = "batch, steps, features"
masked_merge = Spec(
    reference=reference.masked_merge,
    inputs=(
        Input("x", STEPS, meaning="the first"),
        Input("y", STEPS, meaning="the second"),
        Input("z", STEPS, meaning="the third", when="inputs == 3"),
        Input("x_mask", "batch, steps", kind="mask", meaning="which steps of the first count"),
        Input("y_mask", "batch, steps", kind="mask", meaning="which of the second"),
        Input("z_mask", "batch, steps", kind="mask", meaning="which of the third", when="inputs == 3"),
    ),
    parameters=(
        Parameter("operation", tuple(reference.NEUTRAL), "what is done with them"),
        Parameter("inputs", (2, 3), "how many there are"),
        Parameter(
            "excluded",
            ("left_out", "zero"),
            "whether steps that do not count are left out, or merged as zeros",
            facet=True,
        ),
    ),
    sizes=((3, 5, 4), (2, 7, 1)),
    data=("normal",),
    sources=(
        Source(
            "Keras, Understanding masking and padding",
            "https://keras.io/guides/understanding_masking_and_padding/",
        ),
    ),
)

concatenate = Spec(
    reference=reference.concatenate,
    inputs=(
        Input("x", "batch, features", meaning="the first"),
        Input(
            "y",
            "more if axis == 0 else batch, features if axis == 0 else more",
            meaning="the second",
        ),
        Input("z", "batch, features", meaning="the third", when="inputs == 3"),
    ),
    parameters=(
        Parameter("axis", (-1, 1, 0), "the axis along which they are joined"),
        Parameter("inputs", (2, 3), "how many there are"),
    ),
    constraints=(
        Constraint(
            "C1",
            "x[axis - 1] == y[axis - 1]",
            "x and y must agree in every axis but one",
            broken_by={"y": "batch + 1, more"},
        ),
    ),
    sizes=((3, 17, 5), (2, 8, 0)),
    data=("normal", "zeros", "specials"),
    signed_zeros=True,
)

dot_merge = Spec(
    reference=reference.dot_merge,
    inputs=(
        Input(
            "x",
            "batch, rows if axes[0] == 2 else features, features if axes[0] == 2 else rows",
            meaning="the rows",
        ),
        Input(
            "y",
            "batch, columns if axes[1] == 2 else features, features if axes[1] == 2 else columns",
            meaning="the columns",
        ),
    ),
    parameters=(
        Parameter("axes", ((2, 2), (1, 1), (1, 2)), "which axes hold the features"),
        Parameter("normalize", (False, True), "whether cosines are taken"),
    ),
    constraints=(
        Constraint(
            "C1",
            "x[axes[0]] == y[axes[1]]",
            "x and y must have as many features",
            broken_by={"y": "batch, columns, features + 1"},
        ),
    ),
    sizes=((2, 3, 17, 5),),
    data=("normal", "wide", "cancelling", "nan"),
)
