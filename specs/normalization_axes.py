"""Specs of normalization over axes of one's choice, by other norms, and with statistics that are kept."""

from __future__ import annotations

from ..reference import normalization_axes as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec
from .normalization import BIAS as CHANNEL_BIAS
from .normalization import EPSILON, USE_BIAS, USE_SCALE, instance_norm, layer_norm, rms_norm
from .normalization import SCALE as CHANNEL_SCALE
from .normalization import X as ANY_RANK
from .normalization_batch import batch_norm

X = Input("x", "batch, height, width, channels", meaning="what is normalized")
ALONG = "*((height, width, channels)[a - 1] for a in (axes if parameters_along == 'normalized' else (3,)))"
SCALE = Input("scale", ALONG, kind="weight", meaning="factors")
BIAS = Input("bias", ALONG, kind="weight", meaning="what is added")
AXES = Parameter("axes", ((1, 2, 3), (2, 3), (1,)), "the axes that are normalized together")
PARAMETERS_ALONG = Parameter(
    "parameters_along",
    ("normalized", "channels"),
    "whether each place along these axes has parameters of its own, or each channel",
    facet=True,
)
# In the last, two axes have one length: whoever takes one for the other is not refused.
SIZES = ((3, 5, 2, 7), (2, 3, 4, 17), (1, 4, 3, 4))
# Where one axis alone is normalized, of three or five values, a bfloat16 has no digit left.
DATA = ("normal", "tiny", "offset", "nan")
FEW = ("data == 'offset' and axes == (1,) and dtype in ('bfloat16', 'float16')",)


def fits(name: str) -> Constraint:
    """The rule that parameters have the lengths of the axes that they lie along."""
    return Constraint(
        "C1" if name == "scale" else "C2",
        f"{name} == ({ALONG},)".replace("height, width, channels", "x[1], x[2], x[3]"),
        f"{name} must have the lengths of x along its axes",
        broken_by={name: "height, width, channels + 1"},
        also_broken_by=({name: "width, height, channels"},),
    )


layer_norm_over_axes = Spec(
    reference=reference.layer_norm_over_axes,
    inputs=(X, SCALE, BIAS),
    parameters=(AXES, PARAMETERS_ALONG, EPSILON),
    axes="batch height width channels",
    sizes=SIZES,
    data=DATA,
    constraints=(fits("scale"), fits("bias")),
    excluded=FEW,
    sources=layer_norm.sources,
)

rms_norm_over_axes = Spec(
    reference=reference.rms_norm_over_axes,
    inputs=(X, SCALE),
    # The second is what PyTorch takes where none is given, in float32.
    parameters=(AXES, PARAMETERS_ALONG, Parameter("epsilon", (1e-5, 2.0**-23), EPSILON.meaning)),
    axes="batch height width channels",
    sizes=SIZES,
    data=DATA,
    constraints=(fits("scale"),),
    sources=rms_norm.sources,
)

normalize = Spec(
    reference=reference.normalize,
    inputs=(Input("x", "batch, rows, features", meaning="vectors"),),
    parameters=(
        Parameter("power", (2, *(p for p in reference.POWERS if p != 2)), "of the norm"),
        Parameter("axes", ((2,), (1,), (1, 2)), "the axes that a vector lies along"),
        Parameter("epsilon", (1e-12, 0.5), "the least that is divided by"),
    ),
    sizes=((3, 5, 7), (1, 1, 1), (2, 4, 33)),
    data=("normal", "tiny", "wide", "zeros", "ties", "nan"),
    sources=(
        Source(
            "numpy.linalg.norm", "https://numpy.org/doc/stable/reference/generated/numpy.linalg.norm.html"
        ),
    ),
)

tracked_instance_norm = Spec(
    reference=reference.tracked_instance_norm,
    inputs=(
        ANY_RANK,
        Input("running_mean", "channels", kind="weight"),
        Input("running_variance", "channels", kind="positive"),
        CHANNEL_SCALE,
        CHANNEL_BIAS,
    ),
    states=("running_mean", "running_variance"),
    parameters=(
        Parameter(
            "spatial", (2, 1, 3), "number of axes between batch and channels; a third one has length 2"
        ),
        Parameter("momentum", (0.9, 0.75), "fraction of the running statistics that is kept"),
        # Beside a variance near 1, only a large epsilon is seen in a half type.
        Parameter("epsilon", (1e-5, 0.1), EPSILON.meaning),
        USE_SCALE,
        USE_BIAS,
    ),
    sizes=((3, 5, 2, 7), (2, 4, 3, 6)),
    empty=(),
    data=("normal", "offset", "nan"),
    constraints=(
        Constraint(
            "C2",
            "max(x[1:-1]) > 1",
            "each channel of a sample must have more than one value",
            broken_by={"x": "batch, 1, 1, channels"},
        ),
    ),
    sources=instance_norm.sources,
)

CHANNELS = "(batch, height, width, last)[axis]"
batch_norm_over_axis = Spec(
    reference=reference.batch_norm_over_axis,
    inputs=(
        Input("x", "batch, height, width, last", meaning="what is normalized"),
        Input("running_mean", CHANNELS, kind="weight"),
        Input("running_variance", CHANNELS, kind="positive"),
        Input("scale", CHANNELS, kind="weight", meaning="factor of each channel", when="use_scale"),
        Input("bias", CHANNELS, kind="weight", meaning="added to each channel", when="use_bias"),
    ),
    states=("running_mean", "running_variance"),
    parameters=(
        Parameter("axis", (1, -2), "the axis of the channels"),
        # Beside a variance near 1, only a large epsilon is seen in a half type.
        Parameter("epsilon", (1e-5, 0.1), EPSILON.meaning),
        Parameter("momentum", (0.9, 0.75), "fraction of the running statistics that is kept"),
        USE_SCALE,
        USE_BIAS,
    ),
    axes="batch height width last",
    # In the second, all axes have one length: whoever takes one for another is not refused.
    sizes=((2, 9, 3, 2), (2, 2, 2, 2)),
    empty=(),
    data=("normal", "offset", "nan"),
    sources=batch_norm.sources,
)
