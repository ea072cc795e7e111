"""Specs of the statistics, and of layers that scale by what was measured before."""

from __future__ import annotations

from ..reference import statistics as reference
from .language.spec import Input, Parameter, Source, Spec

AXES = Parameter("axes", ((0, 1), (2,), (1,)), "the axes that are summed over")
SIZES = ((3, 4, 5), (1, 1, 1), (2, 17, 9))

moments = Spec(
    reference=reference.moments,
    inputs=(
        Input("x", "batch, steps, channels", meaning="what is measured"),
        Input("weights", "batch, steps, channels", kind="positive", when="weighted"),
    ),
    outputs=("mean", "variance"),
    parameters=(
        AXES,
        Parameter("keepdims", (False, True), "whether the axes stay, with length 1"),
        Parameter("weighted", (False, True), "whether each number has a weight"),
        Parameter(
            "algorithm",
            ("two_pass", "sums"),
            "the mean of squares about the mean, or that of squares less the squared mean",
            facet=True,
        ),
    ),
    sizes=SIZES,
    empty=(),
    data=("normal", "offset", "wide", "nan"),
    # Of a lone number w x / w is x but for rounding, and nothing else is its variance.
    excluded=("weighted and algorithm == 'sums'", "weighted and channels == 1"),
    sources=(
        Source("Higham (2002), section 1.9", "https://doi.org/10.1137/1.9780898718027"),
        Source("Chan, Golub and LeVeque (1983)", "https://doi.org/10.1080/00031305.1983.10483115"),
    ),
)

sufficient_statistics = Spec(
    reference=reference.sufficient_statistics,
    inputs=(Input("x", "batch, steps, channels", meaning="what is measured"),),
    outputs=("sums", "squares"),
    parameters=(AXES, Parameter("shift", (0.0, 2.5), "what is taken off first")),
    sizes=SIZES,
    data=("normal", "wide", "nan"),
    sources=moments.sources[1:],
)

ALONG = "*((features,) if axis == -1 else (3,) if axis == 1 else (3, features) if axis == (1, 2) else ())"
feature_normalization = Spec(
    reference=reference.feature_normalization,
    inputs=(
        Input("x", "batch, *(3,)[: axis != -1], features", meaning="what is scaled"),
        Input("mean", ALONG, kind="weight", constant=True),
        Input("variance", ALONG, kind="positive", constant=True),
    ),
    axes="batch features",
    parameters=(
        Parameter("axis", (-1, 1, (1, 2), None), "the axes that have statistics of their own, if any"),
        Parameter("invert", (False, True), "whether it is undone"),
    ),
    sizes=((3, 17), (1, 1), (5, 4)),
    data=("normal", "offset", "wide", "nan", "infinities"),
    sources=(
        Source(
            "keras.layers.Normalization",
            "https://keras.io/api/layers/preprocessing_layers/numerical/normalization/",
        ),
    ),
)

rescaling = Spec(
    reference=reference.rescaling,
    inputs=(Input("x", "batch, features", meaning="what is scaled"),),
    parameters=(
        Parameter("scale", (0.25, 1 / 127.5), "factor"),
        Parameter("offset", (0.0, -1.0), "what is added"),
    ),
    sizes=((3, 17), (5, 129)),
    data=("normal", "wide", "specials"),
    sources=(
        Source(
            "keras.layers.Rescaling",
            "https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/",
        ),
    ),
)

activity_regularization = Spec(
    reference=reference.activity_regularization,
    inputs=(Input("x", "batch, features", meaning="outputs of a layer"),),
    outputs=("penalty",),
    parameters=(
        Parameter("l1", (0.01, 0.0), "weight of magnitudes"),
        Parameter("l2", (0.02, 0.0), "weight of squares"),
        Parameter("denominator", ("batch", "one"), "whether it is of one sample, or of all", facet=True),
    ),
    sizes=((3, 17), (1, 1), (5, 9)),
    empty=(),
    data=("normal", "wide", "zeros", "nan"),
    excluded=("l1 == 0 and l2 == 0",),
    sources=(
        Source(
            "keras.layers.ActivityRegularization",
            "https://keras.io/api/layers/regularization_layers/activity_regularization/",
        ),
    ),
)
