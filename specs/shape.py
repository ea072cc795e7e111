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
