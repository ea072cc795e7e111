"""Specs of the activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..reference import activations as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec


def elementwise(function: Callable[..., Any], *sources: Source, **more: Any) -> Spec:
    """The spec of a function of one element."""
    return Spec(
        reference=function,
        inputs=(Input("x", "batch, features", meaning="what is activated"),),
        sizes=((3, 17), (1, 1), (2, 64), (5, 129)),
        data=("normal", "tails", "zeros", "wide", "subnormal", "large", "specials"),
        kernel_data={"edges": ("x",)},
        sources=sources,
        **more,
    )


def along_axis(function: Callable[..., Any], *sources: Source) -> Spec:
    """The spec of a function that normalises along an axis."""
    return Spec(
        reference=function,
        inputs=(Input("x", "batch, features", meaning="the logits"),),
        parameters=(
            Parameter("axis", (-1, 0), "the axis that is normalised"),
            Parameter(
                "infinite_logit",
                ("nan", "one_hot"),
                "what is beside a lone infinite logit: NaN, for ∞ - ∞, or the limit",
                facet=True,
                right="one_hot",
            ),
        ),
        excluded=("infinite_logit != 'nan' and data != 'infinities'",),
        constraints=(
            Constraint(
                "C1",
                "-2 <= axis < 2",
                "axis must be an axis of x",
                broken_by={"axis": 2},
                also_broken_by=({"axis": -3},),
            ),
        ),
        sizes=((3, 17), (1, 1), (2, 64), (5, 129)),
        data=("normal", "wide", "offset", "saturated", "constant", "ties", "nan", "infinities"),
        kernel_data={name: ("x",) for name in ("low", "late", "mixed", "nothing")},
        sources=sources,
    )


relu = elementwise(
    reference.relu,
    Source("Nair and Hinton (2010)", "https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf"),
    parameters=(Parameter("nan_gradient", ("zero", "pass"), "gradient where x is NaN", facet=True),),
)

gelu = elementwise(
    reference.gelu,
    Source("Hendrycks and Gimpel (2016), Gaussian error linear units", "https://arxiv.org/abs/1606.08415"),
    parameters=(
        Parameter("approximate", (False, True), "the tanh form instead of the exact one", facet=True),
    ),
)

silu = elementwise(
    reference.silu,
    Source("Elfwing, Uchibe and Doya (2017)", "https://arxiv.org/abs/1702.03118"),
)

selu = elementwise(
    reference.selu,
    Source("Klambauer et al. (2017), Self-normalizing neural networks", "https://arxiv.org/abs/1706.02515"),
    parameters=(
        Parameter("zero_gradient", ("left", "right"), "which slope is taken at zero", facet=True),
        Parameter("nan_gradient", ("nan", "pass"), "gradient where x is NaN", facet=True, right="nan"),
    ),
)

softmax = along_axis(reference.softmax)

log_softmax = along_axis(
    reference.log_softmax,
    Source("Blanchard, Higham and Higham (2021)", "https://arxiv.org/abs/1909.03469"),
)
