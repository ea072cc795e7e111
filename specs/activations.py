"""Specs of the activations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..reference import activations as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

LENGTHS = ((3, 17), (1, 1), (2, 64), (5, 129))
LOOPS = ((3, 17), (5, 129))
"""A few elements, and a loop over vectors with a rest: all that a function of one element can tell apart."""


EVERY = ((1, 131079), (3973, 33))
"""Room for every number of a half type twice: one loop with a rest, and many short ones."""


def elementwise(
    function: Callable[..., Any],
    *sources: Source,
    sizes: tuple[tuple[int, ...], ...] = LENGTHS,
    data: tuple[str, ...] = ("normal", "tails", "zeros", "wide", "subnormal", "large", "specials"),
    parameters: tuple[Parameter, ...] = (),
    **more: Any,
) -> Spec:
    """The spec of a function of one element, which the grid asks of every number of a half type."""
    inputs = (Input("x", "batch, features", meaning="what is activated"),)
    # What is done with 0 and NaN is asked elsewhere.
    options = {p.name: p.values for p in parameters if p.name not in ("nan", "nan_gradient", "zero_gradient")}
    return Spec(
        function,
        inputs,
        sizes,
        data,
        parameters=parameters,
        grid={"size": EVERY, "data": ("every",), **options},
        kernel_data={"edges": ("x",)},
        sources=sources,
        **more,
    )


plain = functools.partial(elementwise, sizes=LOOPS)
"""The spec of a function of one element, of which few sizes tell all."""


def an_axis(use: str) -> tuple[Parameter, Constraint]:
    """The axis along which something is done, and that it is one of x."""
    given = Parameter("axis", (-1, 0), f"the axis that is {use}")
    return given, Constraint(
        "C1",
        "-2 <= axis < 2",
        "axis must be an axis of x",
        broken_by={"axis": 2},
        also_broken_by=({"axis": -3},),
    )


def nan_gradient(*values: str, right: str | None = None) -> Parameter:
    """The facet of what the gradient is where x is NaN."""
    return Parameter("nan_gradient", values, "gradient where x is NaN", facet=True, right=right)


relu = elementwise(
    reference.relu,
    Source("Nair and Hinton (2010)", "https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf"),
    parameters=(nan_gradient("zero", "pass"),),
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
        nan_gradient("nan", "pass", right="nan"),
    ),
)


identity = plain(reference.identity, signed_zeros=True)

sigmoid = plain(reference.sigmoid)

tanh = plain(reference.tanh)

log_sigmoid = plain(reference.log_sigmoid)

softplus = plain(
    reference.softplus,
    Source(
        "Dugas et al. (2001), Incorporating second-order functional knowledge for better option pricing",
        "https://proceedings.neurips.cc/paper/2000/hash/44968aece94f667e4095002d140b5896-Abstract.html",
    ),
    parameters=(
        Parameter("beta", (1.0, 2.0), "the slope of the exponent"),
        Parameter("threshold", (None, 2.0), "of beta x, above which x is returned", facet=True),
    ),
)

swish = plain(
    reference.swish,
    Source("Ramachandran, Zoph and Le (2017)", "https://arxiv.org/abs/1710.05941"),
    parameters=(Parameter("beta", (2.0, 0.5), "the slope inside"),),
)

softsign = plain(
    reference.softsign,
    Source("Glorot and Bengio (2010)", "https://proceedings.mlr.press/v9/glorot10a.html"),
)

mish = plain(reference.mish, Source("Misra (2019)", "https://arxiv.org/abs/1908.08681"))

tanh_shrink = plain(reference.tanh_shrink)

exponential = plain(reference.exponential, data=("normal", "tails", "zeros", "wide", "subnormal", "specials"))

log1mexp = plain(
    reference.log1mexp,
    Source("Mächler (2012)", "https://cran.r-project.org/web/packages/Rmpfr/vignettes/log1mexp-note.pdf"),
    data=("above_zero", "specials"),
)

squareplus = plain(
    reference.squareplus,
    Source("Barron (2021)", "https://arxiv.org/abs/2112.11687"),
    parameters=(Parameter("b", (4.0, 1.0), "how far the bend reaches"),),
)

GLU_AXIS, IS_AXIS = an_axis("cut in two")
glu = Spec(
    reference=reference.glu,
    inputs=(Input("x", "batch, features", meaning="values, then gates"),),
    parameters=(GLU_AXIS,),
    constraints=(
        IS_AXIS,
        Constraint(
            "C2",
            "axis < -2 or axis >= 2 or (batch, features)[axis] % 2 == 0",
            "x must have an even length along axis",
            broken_by={"features": 17},
        ),
    ),
    sizes=((4, 18), (6, 130)),
    data=("normal", "wide", "saturated", "nan", "infinities"),
    sources=(Source("Dauphin et al. (2016)", "https://arxiv.org/abs/1612.08083"),),
)
