"""Specs of the poolings."""

from __future__ import annotations

from ..reference import pooling as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec, sizes_of

X = Input("x", "batch, height, width, channels", meaning="what is pooled")
# The first size has over a thousand windows: compilers take other paths there.
SIZES = ((2, 9, 10, 33), (3, 5, 4, 1), (1, 17, 8, 5))

WINDOW = Parameter("window", ((2, 2), (4, 3), (1, 1)), "number of taps, per axis")
STRIDES = Parameter("strides", ((2, 2), (1, 3)), "distance of neighbouring windows, per axis")
PADDING = Parameter(
    "padding",
    ("valid", "same", ((1, 1), (1, 1)), ((0, 1), (1, 0))),
    "none, so many that as many windows fit as strides do, or pairs (low, high)",
    facet=True,
)
CEIL = Parameter("ceil_mode", (False, True), "whether a last window may reach past the end", facet=True)

POSITIVE = (
    Constraint(
        "C1",
        "min(window) >= 1",
        "the window must have a tap",
        broken_by={"window": (0, 2)},
        also_broken_by=({"window": (2, -1)},),
    ),
    Constraint(
        "C2",
        "min(strides) >= 1",
        "strides must be positive",
        broken_by={"strides": (0, 1)},
        also_broken_by=({"strides": (1, -1)},),
    ),
)

SHAPES = Source("StableHLO, reduce_window", "https://openxla.org/stablehlo/spec#reduce_window")


def extent(dilated: bool) -> str:
    """How far a window reaches along axis i."""
    return "(window[i] - 1) * dilation[i] + 1" if dilated else "window[i]"


def idle_ceil_mode(dilated: bool, past: bool = False) -> str:
    """The condition that windows fit exactly, so that ``ceil_mode`` says nothing.

    With ``past`` also that a last window, were there one more, would begin in the padding.
    """
    room = f"(x[i + 1] + (0 if padding == 'valid' else padding[i][0] + padding[i][1]) - {extent(dilated)})"
    begins = f"({room} // strides[i] + 1) * strides[i]"
    dropped = f" or {begins} >= x[i + 1] + (0 if padding == 'valid' else padding[i][0])" if past else ""
    idle = f"all({room} % strides[i] == 0{dropped} for i in (0, 1))"
    return f"ceil_mode and padding not in ('same', 'same_lower') and {idle}"


def windows_fit(dilated: bool) -> tuple[Constraint, Constraint]:
    """The rules that each padded axis holds a window, and that no window lies in the padding alone."""
    reach = extent(dilated)
    named = "padding in ('valid', 'same', 'same_lower')"
    return (
        Constraint(
            "C3",
            "padding in ('same', 'same_lower') or all("
            "x[i + 1] + (0 if padding == 'valid' else padding[i][0] + padding[i][1]) "
            f" >= {reach} for i in (0, 1))",
            "a window must fit into the padded input",
            broken_by={"window": (2, 40)},
            also_broken_by=({"window": (10, 2)}, {"window": (2, 11)}),
        ),
        Constraint(
            "C4",
            f"{named} or all(max(padding[i]) < {reach} for i in (0, 1))",
            "padding must be less than a window",
            broken_by={"padding": ((2, 2), (0, 0))},
            also_broken_by=({"padding": ((0, 0), (0, 2))}, {"padding": ((9, 9), (0, 0))}),
        ),
    )


GRID = {
    "size": sizes_of((1,), (2, 3, 5), (4, 7), (1,)),
    "window": ((1, 2), (2, 2), (3, 2), (2, 3)),
    "strides": ((1, 1), (2, 1), (2, 3), (3, 2)),
    "padding": ("valid", "same", ((1, 0), (0, 1)), ((1, 1), (1, 1))),
    "ceil_mode": (False, True),
}
"""Windows of one tap, windows smaller than the stride, windows that just fit, and all between."""

max_pool2d = Spec(
    name="max_pool2d",
    reference=reference.max_pool,
    inputs=(X,),
    parameters=(
        WINDOW,
        STRIDES,
        PADDING,
        Parameter("dilation", ((1, 1), (2, 3)), "distance of neighbouring taps, per axis"),
        CEIL,
        Parameter(
            "nan",
            ("hold", "keep", "pass", "ignore"),
            "whose is the gradient of a maximum of NaN: the last NaN's, the first one's, that of what comes "
            "after; or the maximum is that of the numbers",
            facet=True,
        ),
    ),
    sizes=(*SIZES, (3, 1, 1, 4)),  # of a special value, such an image leaves nothing else
    grid=GRID,
    data=("normal", "ties", "zeros", "nan", "negative_infinities", "specials"),
    kernel_data={"low": ("x",), "mixed": ("x",), "nothing": ("x",)},
    constraints=(*POSITIVE, *windows_fit(dilated=True)),
    excluded=(
        idle_ceil_mode(dilated=True),
        "max(dilation) > 1 and max(window) == 1",
        "nan != 'hold' and data not in ('nan', 'specials')",
        "height == 1 and (max(dilation) > 1 or max(strides) > 2 or max(window) > 2)",
    ),
    sources=(
        Source("Boureau, Ponce and LeCun (2010)", "https://icml.cc/Conferences/2010/papers/638.pdf"),
        SHAPES,
    ),
)

avg_pool2d = Spec(
    name="avg_pool2d",
    reference=reference.avg_pool,
    inputs=(X,),
    parameters=(
        WINDOW,
        STRIDES,
        PADDING,
        CEIL,
        Parameter("count_padding", (False, True), "whether the mean counts the padding", facet=True),
    ),
    sizes=SIZES,
    grid=GRID,
    data=("normal", "wide", "nan", "infinities"),
    constraints=(*POSITIVE, *windows_fit(dilated=False)),
    excluded=(
        idle_ceil_mode(dilated=False),
        "count_padding and (padding == 'valid' or max(window) == 1)",
        f"count_padding and {idle_ceil_mode(dilated=False, past=True)}",
    ),
    sources=(
        Source("LeCun et al. (1998)", "http://vision.stanford.edu/cs598_spring07/papers/Lecun98.pdf"),
        SHAPES,
    ),
)
