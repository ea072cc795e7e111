"""Specs of the activations that draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..numerics.dtypes import widen
from ..numerics.generator import Stream
from ..reference import activations_random as reference
from .activations import an_axis
from .dropout import TRAINING
from .language.spec import Constraint, Input, Parameter, Source, Spec

Names = Mapping[str, Any]
Answers = Sequence[tuple[Any, ...]]


def read_drawn(names: Names, answers: Answers) -> dict[str, Any]:
    """Where slopes lie between the bounds, if x is negative; elsewhere some place, for none is seen there."""
    x, y = names["x"], widen(answers[0][0])
    slope = y / np.where(x < 0, x, 1.0)
    elsewhere = Stream("slopes that are not seen").uniform(x.shape)
    return {"drawn": np.where(x < 0, (slope - names["lower"]) / (names["upper"] - names["lower"]), elsewhere)}


rrelu = Spec(
    reference=reference.rrelu,
    inputs=(
        Input("x", "batch, features", meaning="what is activated"),
        Input(
            "drawn",
            "batch, features",
            kind="recovered",
            meaning="where its slope lies between the bounds",
            when="training",
            distribution="uniform(0, 1)",
        ),
    ),
    recover=read_drawn,
    parameters=(
        Parameter("lower", (0.125, -0.5), "the least slope"),
        Parameter("upper", (0.3, 1.0), "the greatest slope"),
        TRAINING,
    ),
    sizes=((33, 129), (1, 1), (63, 65)),
    data=("normal", "wide", "zeros", "specials"),
    constraints=(
        Constraint(
            "C1",
            "lower <= upper",
            "lower must be at most upper",
            broken_by={"lower": 0.5},
            also_broken_by=({"upper": 0.124},),
        ),
    ),
    # What is drawn for 0 is not seen in a product with it.
    excluded=("training and data in ('zeros', 'specials')",),
    sources=(Source("Xu, Wang, Chen and Li (2015)", "https://arxiv.org/abs/1505.00853"),),
)

# --- Gumbel noise ---

JANG = Source("Jang, Gu and Poole (2016)", "https://arxiv.org/abs/1611.01144")
AXIS, IS_AXIS = an_axis("that of the classes")
NOISE = Input(
    "noise",
    "batch, classes",
    kind="recovered",
    meaning="what is drawn, up to a number for each sample",
    distribution="gumbel(axis)",
)
TAU = Parameter("tau", (1.0, 0.5, 2.0), "temperature")
TAU_IS_POSITIVE = Constraint(
    "C2", "tau > 0", "tau must be positive", broken_by={"tau": 0.0}, also_broken_by=({"tau": -1.0},)
)
X = Input("x", "batch, classes", meaning="the logits")


def read_noise(names: Names, answers: Answers) -> dict[str, Any]:
    """The noise behind shares: their logarithms times tau, less the logits."""
    return {"noise": names["tau"] * np.log(widen(answers[0][-1])) - names["x"]}


gumbel_softmax = Spec(
    reference=reference.gumbel_softmax,
    inputs=(X, NOISE),
    recover=read_noise,
    parameters=(TAU, AXIS),
    sizes=((129, 33), (257, 2), (5, 65)),
    data=("normal", "ties"),
    constraints=(IS_AXIS, TAU_IS_POSITIVE),
    # Of few digits noise is read too coarsely to judge gradients by it, and in float16 small shares are lost.
    excluded=("dtype in ('bfloat16', 'float16')",),
    sources=(JANG,),
)

gumbel_softmax_hard = Spec(
    reference=reference.gumbel_softmax_hard,
    inputs=(X, NOISE),
    recover=read_noise,
    outputs=("y", "soft"),
    parameters=(TAU, AXIS),
    sizes=((129, 33), (257, 2), (5, 65)),
    data=("normal", "ties"),
    constraints=(IS_AXIS, TAU_IS_POSITIVE),
    # Of few digits the greatest shares are often equal.
    excluded=("dtype in ('bfloat16', 'float16')",),
    sources=(JANG,),
)
