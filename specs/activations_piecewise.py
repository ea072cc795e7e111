"""Specs of the activations with kinks."""

from __future__ import annotations

import functools

from ..reference import activations_piecewise as reference
from .activations import an_axis, nan_gradient, plain
from .language.spec import Constraint, Input, Parameter, Source, Spec

kinked = functools.partial(
    plain, data=("normal", "tails", "zeros", "kinks", "wide", "subnormal", "large", "specials")
)
"""The spec of a function of one element with kinks beside 0."""


def side(name: str, values: tuple[str, ...], place: str) -> Parameter:
    """The facet of which slope is taken at a kink."""
    return Parameter(name, values, f"which slope is taken {place}", facet=True)


def nan_in_where() -> Parameter:
    """The facet of a comparison with a threshold that NaN does not pass."""
    return Parameter("nan", ("kept", "lost"), "whether NaN is kept", facet=True, right="kept")


leaky_relu = plain(
    reference.leaky_relu,
    Source(
        "Maas, Hannun and Ng (2013)",
        "https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf",
    ),
    parameters=(
        Parameter("slope", (0.01, -0.5, 2.0), "the slope below 0"),
        side("zero_gradient", ("left", "right"), "at zero"),
    ),
)

prelu = Spec(
    reference=reference.prelu,
    inputs=(
        Input("x", "batch, channels, features", meaning="what is activated"),
        Input("slope", "*(channels, features)[:own_axes]", kind="weight", meaning="the slopes below 0"),
    ),
    parameters=(
        Parameter("own_axes", (1, 0, 2), "how many axes after the batch have slopes of their own"),
        side("zero_gradient", ("left", "right", "zero"), "at zero"),
        nan_gradient("left", "zero"),
    ),
    sizes=((3, 5, 7), (2, 3, 65)),
    data=("normal", "wide", "zeros", "specials"),
    sources=(Source("He, Zhang, Ren and Sun (2015)", "https://arxiv.org/abs/1502.01852"),),
)

elu = plain(
    reference.elu,
    Source("Clevert, Unterthiner and Hochreiter (2015)", "https://arxiv.org/abs/1511.07289"),
    parameters=(
        Parameter("alpha", (1.0, 0.5), "the limit at -∞ is -alpha"),
        nan_gradient("nan", "right", "left", right="nan"),
    ),
)

celu = plain(
    reference.celu,
    Source("Barron (2017)", "https://arxiv.org/abs/1704.07483"),
    parameters=(
        Parameter("alpha", (1.0, 0.5), "the limit at -∞ is -alpha"),
        nan_gradient("nan", "zero", right="nan"),
    ),
)

relu6 = kinked(
    reference.relu6,
    Source("Krizhevsky (2010)", "https://www.cs.toronto.edu/~kriz/conv-cifar10-aug2010.pdf"),
)

bounded_relu = plain(
    reference.bounded_relu,
    Source("keras.layers.ReLU", "https://keras.io/api/layers/activation_layers/relu/"),
    data=("normal", "zeros", "kinks", "wide", "nan", "infinities"),
    parameters=(
        Parameter("max_value", (4.0, 6.0, None), "the bound"),
        Parameter("negative_slope", (0.0, 0.25), "the slope below the threshold"),
        Parameter("threshold", (0.0, 0.5), "from where on x is let through"),
        Parameter(
            "at_threshold",
            ("above", "apart"),
            "whether x that is just the threshold is let through, or neither that nor below",
            facet=True,
        ),
        side("kink_gradient", ("inside", "outside"), "at the bound"),
        nan_in_where(),
    ),
    # One of these is relu, the other leaky_relu.
    excluded=("max_value is None and threshold == 0", "nan == 'lost' and data != 'nan'"),
)

hard_tanh = kinked(
    reference.hard_tanh,
    Source("Collobert (2004)", "https://ronan.collobert.com/pub/2004_phdthesis_lip6.pdf"),
    parameters=(
        Parameter("bounds", ((-1.0, 1.0), (-0.5, 2.0)), "least and greatest value"),
        side("kink_gradient", ("outside", "inside"), "at a bound"),
        nan_gradient("pass", "zero"),
    ),
)

MOBILE = Source("Howard et al. (2019), Searching for MobileNetV3", "https://arxiv.org/abs/1905.02244")

hard_sigmoid = kinked(reference.hard_sigmoid, MOBILE)

hard_silu = kinked(reference.hard_silu, MOBILE)

soft_shrink = kinked(
    reference.soft_shrink,
    Source("Donoho (1995), De-noising by soft-thresholding", "https://doi.org/10.1109/18.382009"),
    parameters=(Parameter("threshold", (0.5, 0.0), "by how much"), nan_in_where()),
    constraints=(
        Constraint(
            "C1",
            "threshold >= 0",
            "threshold must not be negative",
            broken_by={"threshold": -1.0},
            also_broken_by=({"threshold": -0.01},),
        ),
    ),
)

hard_shrink = kinked(
    reference.hard_shrink,
    Source("Donoho and Johnstone (1994)", "https://doi.org/10.1093/biomet/81.3.425"),
    parameters=(Parameter("threshold", (0.5, -1.0), "up to where"), nan_in_where()),
)

threshold = kinked(
    reference.threshold,
    parameters=(
        Parameter("threshold", (0.5, -1.0), "up to where"),
        Parameter("value", (0.0, -2.0), "what stands there"),
        nan_in_where(),
    ),
)

SPARSEMAX = Source("Martins and Astudillo (2016)", "https://arxiv.org/abs/1602.02068")

sparse_plus = kinked(reference.sparse_plus, SPARSEMAX)

sparse_sigmoid = plain(
    reference.sparse_sigmoid,
    SPARSEMAX,
    data=("normal", "zeros", "kinks", "large", "specials"),
    parameters=(
        side("kink_gradient", ("outside", "mean"), "at -1 and 1"),
        nan_gradient("zero", "pass"),
    ),
)

AXIS, IS_AXIS = an_axis("joined")
crelu = Spec(
    reference=reference.crelu,
    inputs=(Input("x", "batch, features", meaning="what is activated"),),
    parameters=(AXIS,),
    constraints=(IS_AXIS,),
    sizes=((3, 17), (5, 129)),
    data=("normal", "zeros", "specials"),
    sources=(Source("Shang, Sohn, Almeida and Lee (2016)", "https://arxiv.org/abs/1603.05201"),),
)
