"""Specs of the layers that compute nothing: the same numbers at other places."""

from __future__ import annotations

from ..reference import shape as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

BLOCK = Parameter("block", (2, 3), "side of a block")
ORDER = Parameter(
    "channel_order",
    ("channel", "block"),
    "what runs fastest where a block is laid out among the channels: the channel, or the place in the block",
    facet=True,
)
AT_LEAST_ONE = Constraint(
    "C2",
    "block >= 1",
    "block must be positive",
    broken_by={"block": 0, "x": "batch, height, width, channels"},
    also_broken_by=({"block": -2, "x": "batch, 4, 4, 8"},),
)
SUB_PIXEL = Source("Shi et al. (2016), equation 4", "https://arxiv.org/abs/1609.05158")

SIZES = ((2, 3, 4, 5), (1, 1, 2, 1), (1, 2, 3, 4))
DATA = ("normal", "specials")

depth_to_space = Spec(
    reference=reference.depth_to_space,
    inputs=(Input("x", "batch, height, width, channels * block * block", meaning="what is laid out"),),
    parameters=(BLOCK, ORDER),
    axes="batch height width channels",
    sizes=SIZES,
    data=DATA,
    constraints=(
        Constraint(
            "C1",
            "block < 1 or x[-1] % (block * block) == 0",
            "the channels must be blocks",
            broken_by={"x": "batch, height, width, channels * block * block + 1"},
        ),
        AT_LEAST_ONE,
    ),
    sources=(SUB_PIXEL,),
)

space_to_depth = Spec(
    reference=reference.space_to_depth,
    inputs=(Input("x", "batch, height * block, width * block, channels", meaning="what is laid out"),),
    parameters=(BLOCK, ORDER),
    axes="batch height width channels",
    sizes=SIZES,
    data=DATA,
    constraints=(
        Constraint(
            "C1",
            "block < 1 or x[1] % block == x[2] % block == 0",
            "height and width must be blocks",
            broken_by={"x": "batch, height * block, width * block + 1, channels"},
            also_broken_by=({"x": "batch, height * block + 1, width * block, channels"},),
        ),
        AT_LEAST_ONE,
    ),
    sources=(SUB_PIXEL,),
)

reshape = Spec(
    reference=reference.reshape,
    inputs=(Input("x", "batch, 6, 4, channels", meaning="samples of three axes"),),
    parameters=(
        Parameter("target", ((-1,), (2, 3, 4, -1), (-1, 8)), "shape of a sample of the result"),
        Parameter(
            "layout",
            ("channels_last", "channels_first"),
            "whether samples are laid out as they stand, or with their first axis last",
            facet=True,
        ),
    ),
    sizes=((2, 5), (1, 1), (3, 8)),
    data=DATA,
    constraints=(
        Constraint(
            "C1",
            "len(target) == 1 or target[0] == 2 or x[-1] * 24 % target[1] == 0",
            "the numbers of a sample must fill the target",
            broken_by={"target": (-1, 7)},
            also_broken_by=({"target": (-1, 121)},),
        ),
    ),
    excluded=("layout == 'channels_first' and len(target) > 1",),
    sources=(Source("numpy.reshape", "https://numpy.org/doc/stable/reference/generated/numpy.reshape.html"),),
)

permute = Spec(
    reference=reference.permute,
    inputs=(Input("x", "batch, height, width, channels", meaning="what is laid out"),),
    parameters=(
        Parameter(
            "axes",
            ((0, 3, 1, 2), (0, 2, 3, 1), (0, 2, 1, 3), (1, 0, 3, 2)),
            "for each axis of the result the one that it is",
        ),
    ),
    axes="batch height width channels",
    sizes=SIZES,
    data=DATA,
    constraints=(
        Constraint(
            "C1",
            "all(any(axis == place for axis in axes) for place in (0, 1, 2, 3)) and len(axes) == 4",
            "each axis must be named once",
            broken_by={"axes": (0, 1, 2, 2)},
            also_broken_by=({"axes": (0, 2, 1)}, {"axes": (0, 3, 2, 4)}),
        ),
    ),
    sources=(
        Source("numpy.transpose", "https://numpy.org/doc/stable/reference/generated/numpy.transpose.html"),
    ),
)

repeat_vector = Spec(
    reference=reference.repeat_vector,
    inputs=(Input("x", "batch, features", meaning="what is repeated"),),
    parameters=(Parameter("steps", (3, 1, 17), "how often"),),
    sizes=((2, 5), (1, 1), (3, 33)),
    data=(*DATA, "wide"),
    constraints=(
        Constraint(
            "C1",
            "steps >= 1",
            "steps must be positive",
            broken_by={"steps": 0},
            also_broken_by=({"steps": -2},),
        ),
    ),
    sources=(
        Source("keras.layers.RepeatVector", "https://keras.io/api/layers/reshaping_layers/repeat_vector/"),
    ),
)

channel_shuffle = Spec(
    reference=reference.channel_shuffle,
    inputs=(Input("x", "batch, height, width, channels * groups", meaning="what is dealt out"),),
    parameters=(Parameter("groups", (2, 3), "equal parts of the channels"),),
    axes="batch height width channels",
    sizes=SIZES,
    data=DATA,
    constraints=(
        Constraint(
            "C1",
            "groups >= 1 and x[-1] % groups == 0",
            "groups must divide the channels",
            broken_by={"x": "batch, height, width, channels * groups + 1"},
            also_broken_by=({"groups": 0, "x": "batch, height, width, channels"},),
        ),
    ),
    sources=(Source("Zhang et al. (2017), ShuffleNet, section 3.1", "https://arxiv.org/abs/1707.01083"),),
)

PLANE = Input("x", "batch, height, width, channels", meaning="what is laid out")

space_to_batch = Spec(
    reference=reference.space_to_batch,
    inputs=(Input("x", "batch, height * block[0], width * block[1], channels", meaning="what is laid out"),),
    parameters=(
        Parameter("block", ((2, 2), (3, 1)), "height and width of a block"),
        Parameter("widths", (((0, 0), (0, 0)), ((4, 2), (1, 3))), "pairs (low, high) of zeros"),
    ),
    axes="batch height width channels",
    sizes=((2, 3, 4, 5), (1, 1, 2, 1)),
    data=DATA,
    constraints=(
        Constraint(
            "C1",
            "min(block) < 1 or all((x[i + 1] + widths[i][0] + widths[i][1]) % block[i] == 0 for i in (0, 1))",
            "blocks must fill what is padded",
            broken_by={"widths": ((1, 0), (0, 0))},
            also_broken_by=({"widths": ((0, 0), (0, 1))},),
        ),
        Constraint(
            "C2",
            "min(block) >= 1",
            "block must be positive",
            broken_by={"block": (0, 2), "x": "batch, height, 2, channels"},
            also_broken_by=({"block": (2, -2), "x": "batch, 2, 2, channels"},),
        ),
    ),
    sources=(Source("tf.nn.space_to_batch", "https://www.tensorflow.org/api_docs/python/tf/space_to_batch"),),
)

TAPS = "(window[i] - 1) * dilation[i] + 1"
GEOMETRY = (
    Parameter("window", ((2, 3), (1, 2)), "number of taps, per axis"),
    Parameter("strides", ((1, 1), (2, 1)), "distance of neighbouring windows, per axis"),
    Parameter("dilation", ((1, 1), (1, 2)), "distance of neighbouring taps, per axis"),
)
IM2COL = Source("Chellapilla, Puri and Simard (2006)", "https://inria.hal.science/inria-00112631")

unfold = Spec(
    reference=reference.unfold,
    inputs=(PLANE,),
    parameters=(
        *GEOMETRY,
        Parameter(
            "padding",
            ("valid", "same", ((1, 1), (2, 2))),
            "none, so many that as many windows fit as strides do, or pairs (low, high)",
            facet=True,
        ),
        ORDER,
    ),
    axes="batch height width channels",
    sizes=((2, 4, 7, 3), (1, 3, 5, 1)),
    data=DATA,
    constraints=(
        Constraint(
            "C1",
            f"padding == 'same' or all(x[i + 1] + (0 if padding == 'valid' else 2 * padding[i][0]) >= {TAPS} "
            "for i in (0, 1))",
            "a window must fit into the padded input",
            broken_by={"window": (2, 8)},
            also_broken_by=({"window": (5, 2)},),
        ),
    ),
    sources=(IM2COL,),
)

WINDOWS = tuple(
    f"(lengths[{i}] + (0 if padding == 'valid' else 2 * padding[{i}][0]) - (window[{i}] - 1) * dilation[{i}]"
    f" - 1) // strides[{i}] + 1"
    for i in (0, 1)
)
ROWS, COLUMNS = WINDOWS
TAPS_OF_ALL = "channels * window[0] * window[1]"

fold = Spec(
    reference=reference.fold,
    inputs=(Input("x", f"batch, {ROWS}, {COLUMNS}, {TAPS_OF_ALL}", meaning="windows, laid out as channels"),),
    parameters=(
        Parameter("lengths", ((4, 7), (3, 5)), "height and width of the result"),
        *GEOMETRY,
        Parameter("padding", ("valid", ((1, 1), (2, 2))), "none, or pairs (low, high)"),
        ORDER,
    ),
    axes="batch channels",
    sizes=((2, 3), (1, 1)),
    data=DATA,
    constraints=(
        Constraint(
            "C1",
            f"x[1] == {ROWS} and x[2] == {COLUMNS}",
            "there must be as many places as windows",
            broken_by={"x": f"batch, {ROWS} + 1, {COLUMNS}, {TAPS_OF_ALL}"},
            also_broken_by=({"x": f"batch, {ROWS}, {COLUMNS} - 1, {TAPS_OF_ALL}"},),
        ),
        Constraint(
            "C2",
            "x[3] % (window[0] * window[1]) == 0",
            "channels must be windows",
            broken_by={"x": f"batch, {ROWS}, {COLUMNS}, {TAPS_OF_ALL} + 1"},
        ),
    ),
    sources=(IM2COL,),
)
