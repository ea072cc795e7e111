"""Specs of the poolings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..reference import pooling as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec, sizes_of

Lengths = tuple[int, ...]
Paddings = tuple[str | tuple[tuple[int, int], ...], ...]

SHAPES = Source("StableHLO, reduce_window", "https://openxla.org/stablehlo/spec#reduce_window")
FEATURES = Source("Boureau, Ponce and LeCun (2010)", "https://icml.cc/Conferences/2010/papers/638.pdf")
DOCUMENTS = Source("LeCun et al. (1998)", "http://vision.stanford.edu/cs598_spring07/papers/Lecun98.pdf")

CEIL = Parameter("ceil_mode", (False, True), "whether a last window may reach past the end", facet=True)
NAN = Parameter(
    "nan",
    ("hold", "keep", "pass", "ignore"),
    "whose is the gradient of a maximum of NaN: the last NaN's, the first one's, that of what comes "
    "after; or the maximum is that of the numbers",
    facet=True,
)
DIVISOR = Parameter("divisor", (None, 5), "what a sum is divided by; None: the number of its taps")
COUNT = Parameter("count_padding", (False, True), "whether the mean counts the padding", facet=True)

GRID_1D = {
    "size": sizes_of((1,), range(1, 7), (1,)),
    "window": ((1,), (2,), (3,)),
    "strides": ((1,), (2,), (3,)),
    "padding": ("valid", "same", ((1, 0),), ((0, 1),), ((1, 1),)),
    "ceil_mode": (False, True),
}
GRID_2D = {
    "size": sizes_of((1,), (2, 3, 5), (4, 7), (1,)),
    "window": ((1, 2), (2, 2), (3, 2), (2, 3)),
    "strides": ((1, 1), (2, 1), (2, 3), (3, 2)),
    "padding": ("valid", "same", ((1, 0), (0, 1)), ((1, 1), (1, 1))),
    "ceil_mode": (False, True),
}
"""Windows of one tap, windows smaller than the stride, windows that just fit, and all between."""


def geometry(
    windows: tuple[Lengths, ...], strides: tuple[Lengths, ...], padding: Paddings
) -> tuple[Parameter, ...]:
    """Window, strides and padding, of which every axis may have its own."""
    return (
        Parameter("window", windows, "number of taps, per axis"),
        Parameter("strides", strides, "distance of neighbouring windows, per axis"),
        Parameter(
            "padding",
            padding,
            "none, so many that as many windows fit as strides do, or pairs (low, high)",
            facet=True,
        ),
    )


def positive(rank: int) -> tuple[Constraint, Constraint]:
    """The rules that windows have a tap, and that strides go on."""
    before, after = (2,) * (rank - 1), (1,) * (rank - 1)
    return (
        Constraint(
            "C1",
            "min(window) >= 1",
            "the window must have a tap",
            broken_by={"window": (0, *before)},
            also_broken_by=({"window": (*before, -1)},),
        ),
        Constraint(
            "C2",
            "min(strides) >= 1",
            "strides must be positive",
            broken_by={"strides": (0, *after)},
            also_broken_by=({"strides": (*after, -1)},),
        ),
    )


def extent(dilated: bool) -> str:
    """How far a window reaches along axis i."""
    return "(window[i] - 1) * dilation[i] + 1" if dilated else "window[i]"


def idle_ceil_mode(rank: int, dilated: bool, past: bool = False) -> str:
    """The condition that windows fit exactly, so that ``ceil_mode`` says nothing.

    With ``past`` also that a last window, were there one more, would begin in the padding.
    """
    room = f"(x[i + 1] + (0 if padding == 'valid' else padding[i][0] + padding[i][1]) - {extent(dilated)})"
    begins = f"({room} // strides[i] + 1) * strides[i]"
    dropped = f" or {begins} >= x[i + 1] + (0 if padding == 'valid' else padding[i][0])" if past else ""
    idle = f"all({room} % strides[i] == 0{dropped} for i in {tuple(range(rank))})"
    return f"ceil_mode and padding not in ('same', 'same_lower') and {idle}"


def windows_fit(lengths: Lengths, dilated: bool) -> tuple[Constraint, Constraint]:
    """The rules that each padded axis holds a window, and that no window lies in the padding alone.

    They are broken in a case of these ``lengths``, which has windows of two taps.
    """
    reach, rank = extent(dilated), len(lengths)
    named, axes = "padding in ('valid', 'same', 'same_lower')", tuple(range(rank))
    longer = ((2,) * i + (length + 1,) + (2,) * (rank - i - 1) for i, length in enumerate(lengths))
    none = ((0, 0),) * (rank - 1)
    return (
        Constraint(
            "C3",
            "padding in ('same', 'same_lower') or all("
            "x[i + 1] + (0 if padding == 'valid' else padding[i][0] + padding[i][1]) "
            f" >= {reach} for i in {axes})",
            "a window must fit into the padded input",
            broken_by={"window": (*(2,) * (rank - 1), 40)},
            also_broken_by=tuple({"window": window} for window in longer),
        ),
        Constraint(
            "C4",
            f"{named} or all(max(padding[i]) < {reach} for i in {axes})",
            "padding must be less than a window",
            broken_by={"padding": ((2, 2), *none)},
            also_broken_by=({"padding": (*none, (0, 2))}, {"padding": ((9, 9), *none)}),
        ),
    )


@dataclass(frozen=True)
class Space:
    """The spatial axes that are pooled, with what is asked along them; the first of each is the default."""

    axes: tuple[str, ...]
    sizes: tuple[Lengths, ...]
    windows: tuple[Lengths, ...]
    strides: tuple[Lengths, ...]
    padding: Paddings
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def pooled(
        self,
        name: str,
        function: Callable[..., Any],
        data: tuple[str, ...],
        options: tuple[Parameter, ...],
        *,
        dilated: bool = False,
        more_sizes: tuple[Lengths, ...] = (),
        excluded: tuple[str, ...],
        **more: Any,
    ) -> Spec:
        """The spec of a pooling over these axes, whose options stand beside windows, strides and padding."""
        return Spec(
            name=name,
            reference=function,
            inputs=(Input("x", f"batch, {', '.join(self.axes)}, channels", meaning="what is pooled"),),
            parameters=(*geometry(self.windows, self.strides, self.padding), *options),
            sizes=(*self.sizes, *more_sizes),
            grid=self.grid,
            data=data,
            constraints=(*positive(len(self.axes)), *windows_fit(self.sizes[0][1:-1], dilated)),
            excluded=(idle_ceil_mode(len(self.axes), dilated), *excluded),
            **more,
        )


def max_pool(name: str, space: Space, dilation: Lengths, data: tuple[str, ...]) -> Spec:
    """The maximum pooling over these axes."""
    ones = (1,) * len(space.axes)
    dilations = Parameter("dilation", (ones, dilation), "distance of neighbouring taps, per axis")
    return space.pooled(
        name,
        reference.max_pool,
        data,
        (dilations, CEIL, NAN),
        dilated=True,
        more_sizes=((3, *ones, 4),),  # of a special value, such an image leaves nothing else
        kernel_data={"low": ("x",), "mixed": ("x",), "nothing": ("x",)},
        excluded=(
            "max(dilation) > 1 and max(window) == 1",
            "nan != 'hold' and data not in ('nan', 'specials')",
            "max(x[1:-1]) == 1 and (max(dilation) > 1 or max(strides) > 2 or max(window) > 2)",
        ),
        sources=(FEATURES, SHAPES),
    )


def avg_pool(name: str, space: Space, data: tuple[str, ...]) -> Spec:
    """The mean pooling over these axes."""
    idle = idle_ceil_mode(len(space.axes), dilated=False, past=True)
    several = len(space.axes) > 1  # frameworks have another divisor for those alone
    return space.pooled(
        name,
        reference.avg_pool,
        data,
        (CEIL, COUNT, *[DIVISOR] * several),
        excluded=(
            "count_padding and (padding == 'valid' or max(window) == 1)",
            f"count_padding and {idle}",
            *["divisor is not None and count_padding"] * several,
        ),
        sources=(DOCUMENTS, SHAPES),
    )


# The first plane and volume have some hundred windows: compilers take other paths there.
LINE = Space(
    axes=("time",),
    sizes=((2, 17, 5), (3, 10, 1)),
    windows=((2,), (4,)),
    strides=((2,), (3,)),
    padding=("valid", "same", ((1, 1),), ((0, 1),), "same_lower"),
    grid=GRID_1D,
)
PLANE = Space(
    axes=("height", "width"),
    sizes=((2, 9, 10, 33), (3, 5, 4, 1), (1, 17, 8, 5)),
    windows=((2, 2), (4, 3), (1, 1)),
    strides=((2, 2), (1, 3)),
    padding=("valid", "same", ((1, 1), (1, 1)), ((0, 1), (1, 0)), "same_lower"),
    grid=GRID_2D,
)
VOLUME = Space(
    axes=("depth", "height", "width"),
    sizes=((2, 4, 5, 6, 24), (1, 5, 4, 7, 3)),
    windows=((2, 2, 2), (3, 1, 2)),
    strides=((2, 2, 2), (1, 3, 2)),
    padding=("valid", "same", ((1, 1), (0, 0), (1, 1)), ((0, 1), (0, 0), (1, 0)), "same_lower"),
)

max_pool1d = max_pool("max_pool1d", LINE, (2,), ("normal", "ties", "nan", "specials"))
max_pool2d = max_pool(
    "max_pool2d", PLANE, (2, 3), ("normal", "ties", "zeros", "nan", "negative_infinities", "specials")
)
max_pool3d = max_pool("max_pool3d", VOLUME, (1, 2, 3), ("normal", "ties", "nan", "negative_infinities"))

avg_pool1d = avg_pool("avg_pool1d", LINE, ("normal", "wide", "nan", "infinities"))
avg_pool2d = avg_pool("avg_pool2d", PLANE, ("normal", "wide", "nan", "infinities"))
avg_pool3d = avg_pool("avg_pool3d", VOLUME, ("normal", "wide", "nan"))

adaptive_pool = Spec(
    reference=reference.adaptive_pool,
    inputs=(Input("x", "batch, *(height, width, 4)[:spatial], channels", meaning="what is pooled"),),
    parameters=(
        Parameter("operation", ("mean", "max"), "of each window"),
        Parameter(
            "lengths",
            ((3, 2, 2), (1, 1, 1), (4, 7, 3)),
            "what the axes become, of which the first ones are used",
        ),
        Parameter(
            "spatial", (2, 1, 3), "number of axes between batch and channels; a third one has length 4"
        ),
        NAN,
    ),
    sizes=((2, 7, 5, 3), (1, 3, 6, 1)),
    data=("normal", "ties", "nan"),
    constraints=(
        Constraint(
            "C1",
            "min(lengths) >= 1",
            "lengths must be positive",
            broken_by={"lengths": (-1, 2, 2)},
            also_broken_by=({"lengths": (0, 2, 2)},),
        ),
    ),
    excluded=("nan != 'hold' and (data != 'nan' or operation == 'mean')",),
    sources=(Source("He, Zhang, Ren and Sun (2014), section 2.3", "https://arxiv.org/abs/1406.4729"),),
)

# --- one spec for all ranks: of what is given for three axes, the first ones are used ---

POOLED = Input("x", "batch, *(height, width, 4)[:spatial], channels", meaning="what is pooled")
SPATIAL = Parameter(
    "spatial", (2, 1, 3), "number of axes between batch and channels; a third one has length 4"
)
WINDOW = Parameter("window", ((2, 2, 2), (3, 2, 1)), "number of taps, per axis")
STRIDES = Parameter("strides", ((2, 2, 2), (1, 3, 2)), "distance of neighbouring windows, per axis")
ANY_RANK = "for i in (0, 1, 2)[:len(x) - 2]"

global_pool = Spec(
    reference=reference.global_pool,
    inputs=(POOLED,),
    parameters=(
        Parameter("operation", ("mean", "max"), "of all places"),
        SPATIAL,
        Parameter("keepdims", (False, True), "whether the axes stay, with length 1"),
        Parameter("tie_gradient", ("split", "first"), "whose is the gradient of equal maxima", facet=True),
    ),
    sizes=((2, 7, 5, 3), (1, 1, 1, 1), (3, 4, 9, 17)),
    data=("normal", "wide", "ties"),
    excluded=(
        "tie_gradient != 'split' and (operation == 'mean' or data != 'ties')",
        "data == 'ties' and operation == 'mean'",
    ),
    sources=(Source("Lin, Chen and Yan (2013), section 3.2", "https://arxiv.org/abs/1312.4400"),),
)

FITS = Constraint(
    "C1",
    f"padding == 'same' or all("
    f"x[i + 1] + (0 if padding == 'valid' else 2 * padding[i][0]) >= window[i] {ANY_RANK})",
    "a window must fit into the padded input",
    broken_by={"window": (2, 40, 2)},
    also_broken_by=({"window": (10, 2, 2)}, {"window": (2, 11, 2)}),
)
POSITIVE = (
    Constraint(
        "C2",
        f"all(window[i] >= 1 {ANY_RANK})",
        "the window must have a tap",
        broken_by={"window": (0, 2, 2)},
        also_broken_by=({"window": (2, -1, 2)},),
    ),
    Constraint(
        "C3",
        f"all(strides[i] >= 1 {ANY_RANK})",
        "strides must be positive",
        broken_by={"strides": (-1, 1, 1)},
        also_broken_by=({"strides": (1, -1, 1)},),
    ),
)
UNPOOLING = Source(
    "Zeiler, Taylor and Fergus (2011), section 2.2", "https://doi.org/10.1109/ICCV.2011.6126474"
)

max_pool_with_argmax = Spec(
    reference=reference.max_pool_with_argmax,
    inputs=(POOLED,),
    states=("indices",),
    parameters=(
        WINDOW,
        STRIDES,
        Parameter(
            "padding",
            ("valid", "same", ((1, 1), (0, 0), (0, 0))),
            "none, so many that as many windows fit as strides do, or pairs (low, high)",
            facet=True,
        ),
        SPATIAL,
        Parameter("index", ("plane", "image", "batch"), "what the indices count", facet=True),
    ),
    sizes=((2, 9, 10, 5), (1, 4, 5, 1)),
    data=("normal", "ties", "nan"),
    constraints=(FITS, *POSITIVE),
    excluded=("channels == 1 and index == 'image'",),
    sources=(UNPOOLING, FEATURES),
)

adaptive_max_pool_with_argmax = Spec(
    reference=reference.adaptive_max_pool_with_argmax,
    inputs=(POOLED,),
    states=("indices",),
    parameters=(
        Parameter("lengths", ((3, 2, 2), (1, 1, 1), (4, 7, 3)), "what the axes become"),
        SPATIAL,
    ),
    sizes=((2, 7, 5, 3), (1, 3, 6, 1)),
    data=("normal", "ties", "nan"),
    constraints=(
        Constraint(
            "C1",
            "min(lengths) >= 1",
            "lengths must be positive",
            broken_by={"lengths": (-1, 2, 2)},
            also_broken_by=({"lengths": (0, 2, 2)},),
        ),
    ),
    sources=adaptive_pool.sources,
)

max_unpool = Spec(
    reference=reference.max_unpool,
    inputs=(
        Input("x", "batch, *(height, width, 4)[:spatial], channels", meaning="the maxima"),
        Input(
            "taps",
            "batch, *(height, width, 4)[:spatial], channels",
            kind="index",
            limit="window[0] * (1, window[1], window[1] * window[2])[spatial - 1]",
            meaning="where each was inside its window",
        ),
    ),
    parameters=(
        WINDOW,
        SPATIAL,
        Parameter("rest", ((0, 0, 0), (1, 0, 0)), "places after the last window, per axis"),
    ),
    sizes=((2, 4, 5, 3), (1, 1, 1, 1), (3, 2, 3, 7)),
    data=("normal", "specials"),
    sources=(UNPOOLING,),
)

lp_pool = Spec(
    reference=reference.lp_pool,
    inputs=(POOLED,),
    parameters=(
        Parameter("power", (2, 1, 4, 3, float("inf")), "of each tap, and of the root"),
        WINDOW,
        STRIDES,
        Parameter("ceil_mode", (False, True), "whether a last window may reach past the end", facet=True),
        SPATIAL,
    ),
    sizes=((2, 7, 9, 5), (1, 4, 5, 1)),
    data=("normal", "offset", "zeros"),
    constraints=(
        Constraint(
            "C1",
            f"all(x[i + 1] >= window[i] {ANY_RANK})",
            "a window must fit into the input",
            broken_by={"window": (2, 40, 2)},
            also_broken_by=({"window": (8, 2, 2)}, {"window": (2, 10, 2)}),
        ),
        *POSITIVE,
    ),
    excluded=(
        f"ceil_mode and all((x[i + 1] - window[i]) % strides[i] == 0 {ANY_RANK})",
        "power == 3 and data == 'offset' and dtype == 'float16'",  # whose range ends before such cubes
    ),
    sources=(FEATURES,),
)

morphology2d = Spec(
    reference=reference.morphology2d,
    inputs=(
        Input("x", "batch, height, width, channels"),
        Input("kernel", "kernel_height, kernel_width, channels", kind="weight"),
    ),
    parameters=(
        Parameter("operation", ("dilation", "erosion"), "maximum of sums, or minimum of differences"),
        Parameter("strides", ((1, 1), (2, 3)), "distance of neighbouring windows, per axis"),
        Parameter("dilation", ((1, 1), (1, 2)), "distance of neighbouring taps, per axis"),
        Parameter("padding", ("valid", "same"), "none, or so many that as many windows fit as strides do"),
    ),
    axes="batch height width channels kernel_height kernel_width",
    sizes=((2, 7, 9, 4, 3, 2), (1, 4, 5, 1, 1, 1), (1, 6, 8, 3, 2, 4)),
    data=("normal", "wide", "ties"),
    constraints=(
        Constraint(
            "C2",
            "padding == 'same' or all(x[i + 1] >= (kernel[i] - 1) * dilation[i] + 1 for i in (0, 1))",
            "a window must fit into the padded input",
            broken_by={"kernel_width": 40},
            also_broken_by=({"kernel_height": "height + 1"}, {"kernel_width": "width + 1"}),
        ),
    ),
    excluded=("max(kernel[:2]) == 1 and max(dilation) > 1",),
    sources=(
        Source(
            "Serra (1982), Image analysis and mathematical morphology",
            "https://isbnsearch.org/isbn/9780126372427",
        ),
    ),
)
