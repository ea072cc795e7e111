"""Specs of the convolutions and transposed convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..reference import convolution as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec, sizes_of

DATA = ("normal", "wide", "nan", "infinities")

GUIDE = Source(
    "Dumoulin and Visin (2016), A guide to convolution arithmetic", "https://arxiv.org/abs/1603.07285"
)
STABLEHLO = Source("StableHLO, convolution", "https://openxla.org/stablehlo/spec#convolution")

BIAS = Parameter("use_bias", (True, False), "whether a bias is added")
GROUPS = Parameter("groups", (1, 2), "number of equal parts of channels and filters that do not mix")
ONE_TAP = "max(kernel[:-2]) == 1 and max(dilation) > 1"
"""A kernel of one tap has no dilation: such a case would stand in the place of one that shows it."""

CROP = "what is cropped: nothing, all but length times stride, or pairs (low, high); negative: added"
SAME = "none, so many that as many windows fit as strides do, or pairs (low, high)"

GRID_1D = {
    "size": sizes_of((1,), range(1, 8), (2,), (1,), range(1, 5)),
    "strides": ((1,), (2,), (3,)),
    "dilation": ((1,), (2,)),
    "padding": ("valid", "same", ((1, 0),), ((0, 2),)),
}
GRID_2D = {
    "size": sizes_of((1,), (2, 4), (3, 5), (1,), (2,), (1, 2), (1, 3)),
    "strides": ((1, 1), (2, 1), (1, 3), (3, 2)),
    "dilation": ((1, 1), (2, 1), (1, 2)),
    "padding": ("valid", "same", ((1, 0), (0, 2))),
}
"""Kernels of one tap, kernels smaller than the stride, windows that just fit, and all between."""


def geometry(
    rank: int, strides: tuple[tuple[int, ...], ...], dilations: tuple[tuple[int, ...], ...]
) -> tuple[Parameter, ...]:
    """Strides and dilation, each of which every axis may have its own."""
    return (
        Parameter("strides", ((1,) * rank, *strides), "distance of neighbouring windows, per axis"),
        Parameter("dilation", ((1,) * rank, *dilations), "distance of neighbouring taps, per axis"),
    )


def at_least_one(label: str, name: str, rank: int) -> Constraint:
    """The rule that a parameter with a number per axis is positive."""
    rule, below = f"min({name}) >= 1", ({name: (-1,) * rank}, {name: (*(1,) * (rank - 1), -1)})
    return Constraint(
        label, rule, f"{name} must be positive", broken_by={name: (0,) * rank}, also_broken_by=below[:rank]
    )


def windows_fit(label: str, space: tuple[str, ...]) -> Constraint:
    """The rule that each padded axis holds a window."""
    return Constraint(
        label,
        "padding in ('same', 'same_lower', 'causal') or all("
        "x[i + 1] + (0 if padding == 'valid' else padding[i][0] + padding[i][1]) "
        f">= (kernel[i] - 1) * dilation[i] + 1 for i in {tuple(range(len(space)))})",
        "a window must fit into the padded input",
        broken_by={f"kernel_{space[-1]}": 40},
        also_broken_by=tuple({f"kernel_{axis}": f"{axis} + 1"} for axis in space),
    )


def conv(
    name: str,
    space: tuple[str, ...],
    sizes: tuple[tuple[int, ...], ...],
    strides: tuple[tuple[int, ...], ...],
    padding: tuple[str | tuple[tuple[int, int], ...], ...],
    dilations: tuple[tuple[int, ...], ...],
    grid: Mapping[str, tuple[Any, ...]] | None = None,
) -> Spec:
    """The convolution over these spatial axes."""
    window = tuple(f"kernel_{axis}" for axis in space)
    return Spec(
        name=name,
        reference=reference.conv,
        inputs=(
            Input("x", f"batch, {', '.join(space)}, channels"),
            Input("kernel", f"{', '.join(window)}, channels // groups, filters", kind="weight"),
            Input("bias", "filters", kind="weight", when="use_bias"),
        ),
        parameters=(
            *geometry(len(space), strides, dilations),
            Parameter("padding", padding, SAME, facet=True),
            GROUPS,
            BIAS,
        ),
        axes=" ".join(("batch", *space, "channels", "filters", *window)),
        sizes=sizes,
        grid=grid or {},
        data=DATA,
        constraints=(
            Constraint(
                "C1",
                "x[-1] == kernel[-2] * groups",
                "x must have as many channels as the groups of the kernel together",
                broken_by={"x": f"batch, {', '.join(space)}, channels + 1"},
            ),
            Constraint(
                "C2",
                "groups >= 1 and kernel[-1] % groups == 0",
                "groups must divide the filters",
                broken_by={"groups": 2, "filters": 7},
                also_broken_by=({"groups": 2, "filters": 1},),
            ),
            windows_fit("C3", space),
            at_least_one("C4", "strides", len(space)),
            at_least_one("C5", "dilation", len(space)),
        ),
        excluded=(ONE_TAP,),
        sources=(GUIDE, STABLEHLO),
    )


conv1d = conv(
    "conv1d",
    ("time",),
    sizes=((3, 17, 4, 6, 3), (1, 9, 1, 1, 1), (2, 8, 3, 5, 4), (2, 33, 16, 8, 5)),
    grid=GRID_1D,
    strides=((2,), (3,)),
    padding=("valid", "same", "same_lower", "causal", ((2, 2),), ((0, 3),)),
    dilations=((2,),),
)

conv2d = conv(
    "conv2d",
    ("height", "width"),
    sizes=((2, 7, 9, 4, 6, 3, 2), (1, 5, 8, 1, 1, 1, 1), (3, 8, 5, 3, 5, 2, 3), (1, 16, 17, 16, 8, 3, 3)),
    grid=GRID_2D,
    strides=((2, 1), (2, 3)),
    padding=("valid", "same", "same_lower", ((1, 1), (2, 2)), ((1, 0), (0, 2))),
    dilations=((2, 3), (2, 2)),
)

conv3d = conv(
    "conv3d",
    ("depth", "height", "width"),
    sizes=((2, 4, 5, 7, 4, 6, 2, 3, 1), (1, 3, 5, 4, 1, 1, 1, 1, 1), (1, 6, 5, 7, 3, 5, 3, 2, 4)),
    strides=((2, 1, 3),),
    padding=("valid", "same", "same_lower", ((1, 1), (0, 0), (2, 2)), ((0, 1), (1, 0), (2, 1))),
    dilations=((1, 2, 2),),
)


def depthwise(
    name: str,
    space: tuple[str, ...],
    sizes: tuple[tuple[int, ...], ...],
    strides: tuple[tuple[int, ...], ...],
    padding: tuple[str | tuple[tuple[int, int], ...], ...],
    dilations: tuple[tuple[int, ...], ...],
    *,
    separable: bool = False,
    grid: Mapping[str, tuple[Any, ...]] | None = None,
) -> Spec:
    """The depthwise convolution over these spatial axes, or the separable one, which mixes its channels."""
    window = tuple(f"kernel_{axis}" for axis in space)
    filters = "filters" if separable else "channels * multiplier"
    pointwise = Input("pointwise", "channels * multiplier, filters", kind="weight", meaning="mixes channels")
    mixed = Constraint(
        "C1",
        "pointwise[0] == kernel[-2] * kernel[-1]",
        "the channels that are mixed must be those of the depthwise convolution",
        broken_by={"pointwise": "channels * multiplier + 1, filters"},
    )
    return Spec(
        name=name,
        reference=reference.separable_conv if separable else reference.depthwise_conv,
        inputs=(
            Input("x", f"batch, {', '.join(space)}, channels"),
            Input("kernel", f"{', '.join(window)}, channels, multiplier", kind="weight"),
            *((pointwise,) if separable else ()),
            Input("bias", filters, kind="weight", when="use_bias"),
        ),
        parameters=(
            *geometry(len(space), strides, dilations),
            Parameter("padding", padding, SAME, facet=True),
            BIAS,
        ),
        axes=" ".join(("batch", *space, "channels", "multiplier", *(["filters"] * separable), *window)),
        sizes=sizes,
        grid=grid or {},
        data=("normal", "wide", "nan"),
        constraints=(
            *((mixed,) if separable else ()),
            windows_fit("C2", space),
            at_least_one("C3", "strides", len(space)),
            at_least_one("C4", "dilation", len(space)),
        ),
        excluded=(ONE_TAP,),
        sources=(Source("Chollet (2017), Xception", "https://arxiv.org/abs/1610.02357"),),
    )


depthwise_conv1d = depthwise(
    "depthwise_conv1d",
    ("time",),
    sizes=((2, 9, 4, 3, 3), (1, 5, 1, 1, 1), (3, 8, 3, 1, 4), (1, 33, 16, 2, 5)),
    grid=GRID_1D,
    strides=((2,), (3,)),
    padding=("valid", "same", ((1, 1),), ((0, 2),)),
    dilations=((2,),),
)

depthwise_conv2d = depthwise(
    "depthwise_conv2d",
    ("height", "width"),
    sizes=((2, 7, 9, 4, 3, 3, 2), (1, 5, 8, 1, 1, 1, 1), (3, 8, 5, 3, 1, 2, 3), (1, 17, 16, 16, 2, 5, 4)),
    grid=GRID_2D,
    strides=((2, 2), (2, 3)),
    padding=("valid", "same", ((1, 1), (2, 2)), ((1, 0), (0, 2))),
    dilations=((2, 3),),
)

separable_conv1d = depthwise(
    "separable_conv1d",
    ("time",),
    sizes=((2, 9, 4, 3, 5, 3), (1, 5, 1, 1, 1, 1), (3, 8, 3, 1, 6, 4)),
    strides=((2,),),
    padding=("valid", "same", ((1, 1),), ((0, 2),)),
    dilations=((2,),),
    separable=True,
)

separable_conv2d = depthwise(
    "separable_conv2d",
    ("height", "width"),
    sizes=((2, 6, 7, 4, 2, 5, 3, 2), (1, 4, 5, 1, 1, 1, 1, 1), (3, 7, 5, 3, 1, 6, 2, 3)),
    strides=((2, 2), (2, 3)),
    padding=("valid", "same", ((1, 1), (2, 2)), ((1, 0), (0, 2))),
    dilations=((2, 3),),
    separable=True,
)


def conv_transpose(
    name: str,
    space: tuple[str, ...],
    sizes: tuple[tuple[int, ...], ...],
    strides: tuple[int, ...],
    crops: tuple[tuple[tuple[int, int], ...], ...],
    dilations: tuple[tuple[int, ...], ...],
    grid: Mapping[str, tuple[Any, ...]] | None = None,
) -> Spec:
    """The transposed convolution over these spatial axes."""
    rank = len(space)
    window = tuple(f"kernel_{axis}" for axis in space)
    return Spec(
        name=name,
        reference=reference.conv_transpose,
        inputs=(
            Input("x", f"batch, {', '.join(space)}, channels"),
            Input("kernel", f"{', '.join(window)}, filters // groups, channels", kind="weight"),
            Input("bias", "filters", kind="weight", when="use_bias"),
        ),
        parameters=(
            *geometry(rank, (strides,), dilations),
            Parameter(
                "padding",
                ("valid", "same", *crops),
                CROP,
                facet=True,
            ),
            GROUPS,
            Parameter(
                "flip",
                (True, False),
                "the adjoint of a convolution; otherwise its kernel is reversed",
                facet=True,
            ),
            BIAS,
        ),
        axes=" ".join(("batch", *space, "channels", "filters", *window)),
        sizes=sizes,
        grid=grid or {},
        data=("normal", "wide", "nan"),
        constraints=(
            Constraint(
                "C2",
                "groups >= 1 and kernel[-1] % groups == 0",
                "groups must divide the channels",
                broken_by={"groups": 4},
                also_broken_by=({"groups": 12, "filters": 12},),
            ),
            something_left("C3", space, sizes[0]),
            at_least_one("C4", "strides", rank),
            at_least_one("C5", "dilation", rank),
        ),
        excluded=("filters % groups != 0", ONE_TAP),
        sources=(GUIDE,),
    )


def something_left(label: str, space: tuple[str, ...], size: tuple[int, ...]) -> Constraint:
    """The rule that a crop leaves something of each axis, broken in a case of this ``size``."""
    rank = len(space)
    full = [n + k - 1 for n, k in zip(size[1:], size[rank + 3 :], strict=False)]
    none = ((0, 0),) * (rank - 1)
    return Constraint(
        label,
        "padding in ('valid', 'same') or all("
        "(x[i + 1] - 1) * strides[i] + (kernel[i] - 1) * dilation[i] >= padding[i][0] + padding[i][1] "
        f"for i in {tuple(range(rank))})",
        "something must be left of the output",
        broken_by={"padding": ((full[0] // 2 + 1, full[0] // 2 + 1), *none)},
        also_broken_by=(
            {"padding": ((full[0] - full[0] // 2, full[0] // 2), *none)},
            {"padding": (*none, (0, full[-1]))},
        ),
    )


conv_transpose1d = conv_transpose(
    "conv_transpose1d",
    ("time",),
    sizes=((2, 5, 6, 4, 3), (1, 4, 1, 1, 1), (3, 3, 16, 5, 2), (2, 33, 16, 8, 5)),
    grid=GRID_1D,
    strides=(2,),
    crops=(((1, 1),), ((0, -1),), ((1, 0),), ((0, 1),)),
    dilations=((2,),),
)

conv_transpose2d = conv_transpose(
    "conv_transpose2d",
    ("height", "width"),
    sizes=((2, 5, 4, 6, 4, 3, 2), (1, 4, 3, 1, 1, 1, 1), (3, 3, 5, 16, 5, 2, 4)),
    grid=GRID_2D,
    strides=(2, 3),
    crops=(((1, 1), (0, 0)), ((0, -1), (0, -1)), ((1, 0), (0, -1)), ((0, 1), (1, 0))),
    dilations=((2, 3), (2, 2)),
)

conv_transpose3d = conv_transpose(
    "conv_transpose3d",
    ("depth", "height", "width"),
    sizes=((2, 3, 4, 2, 6, 4, 3, 2, 2), (1, 2, 3, 4, 1, 1, 1, 1, 1), (1, 3, 2, 4, 8, 5, 2, 1, 4)),
    strides=(2, 1, 3),
    crops=(((1, 1), (0, 0), (0, 0)), ((0, -1), (0, 0), (0, -1)), ((0, 1), (1, 0), (0, 0))),
    dilations=((2, 1, 2),),
)


def locally_connected(
    name: str,
    space: tuple[str, ...],
    sizes: tuple[tuple[int, ...], ...],
    strides: tuple[tuple[int, ...], ...],
) -> Spec:
    """The locally connected layer over these spatial axes."""
    window = tuple(f"kernel_{axis}" for axis in space)
    places = ", ".join(
        f"({axis} - {taps}) // strides[{i}] + 1 if padding == 'valid' else -(-{axis} // strides[{i}])"
        for i, (axis, taps) in enumerate(zip(space, window, strict=True))
    )
    rank = len(space)
    return Spec(
        name=name,
        reference=reference.locally_connected,
        inputs=(
            Input("x", f"batch, {', '.join(space)}, channels"),
            Input("kernel", f"{places}, {', '.join(window)}, channels, filters", kind="weight"),
            Input("bias", f"{places}, filters", kind="weight", when="use_bias"),
        ),
        parameters=(
            Parameter("strides", ((1,) * rank, *strides), "distance of neighbouring windows, per axis"),
            Parameter("padding", ("valid", "same"), SAME, facet=True),
            Parameter("use_bias", (True, False), "whether a bias is added, of which each place has its own"),
        ),
        axes=" ".join(("batch", *space, "channels", "filters", *window)),
        sizes=sizes,
        data=("normal", "wide", "nan"),
        sources=(
            Source(
                "Taigman, Yang, Ranzato and Wolf (2014), DeepFace",
                "https://openaccess.thecvf.com/content_cvpr_2014/papers/Taigman_DeepFace_Closing_the_2014_CVPR_paper.pdf",
            ),
            Source(
                "tf.keras.layers.LocallyConnected1D (Keras 2)",
                "https://www.tensorflow.org/versions/r2.13/api_docs/python/tf/keras/layers/LocallyConnected1D",
            ),
        ),
    )


locally_connected1d = locally_connected(
    "locally_connected1d",
    ("time",),
    sizes=((3, 9, 4, 6, 2), (1, 3, 1, 1, 1), (2, 11, 3, 5, 4)),
    strides=((2,),),
)

locally_connected2d = locally_connected(
    "locally_connected2d",
    ("height", "width"),
    sizes=((2, 5, 7, 3, 4, 2, 3), (1, 2, 3, 1, 1, 1, 1), (3, 6, 4, 2, 5, 3, 2)),
    strides=((2, 1), (2, 3)),
)

tied_conv_transpose2d = Spec(
    name="tied_conv_transpose2d",
    reference=reference.tied_conv_transpose,
    inputs=(
        Input("x", "batch, height, width, channels"),
        Input(
            "kernel", "kernel_height, kernel_width, channels, filters", kind="weight", meaning="of both uses"
        ),
    ),
    parameters=(
        Parameter("strides", ((1, 1), (2, 1)), "distance of neighbouring windows, per axis"),
        Parameter("padding", ("valid", "same"), "of the convolution and of its transpose", facet=True),
        Parameter(
            "flip",
            (True, False),
            "the adjoint of the convolution; otherwise its taps are reversed",
            facet=True,
        ),
    ),
    axes="batch height width channels filters kernel_height kernel_width",
    sizes=((2, 5, 6, 3, 4, 3, 2), (1, 3, 4, 1, 1, 1, 1), (3, 6, 5, 2, 5, 2, 4)),
    data=("normal", "wide", "offset"),
    constraints=(
        Constraint(
            "C2",
            "padding == 'same' or height >= kernel_height and width >= kernel_width",
            "a window must fit into the input",
            broken_by={"kernel_width": 40},
            also_broken_by=({"kernel_height": "height + 1"}, {"kernel_width": "width + 1"}),
        ),
    ),
    sources=(
        Source(
            "Masci, Meier, Cireşan and Schmidhuber (2011), Stacked convolutional auto-encoders",
            "https://doi.org/10.1007/978-3-642-21735-7_7",
        ),
        GUIDE,
    ),
)
