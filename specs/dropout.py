"""Specs of the dropout layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..numerics.dtypes import widen
from ..reference import dropout as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec


def read_mask(names: Mapping[str, Any], answers: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The mask behind the output: dropped where y is 0, or NaN although x is not."""
    x, y = names["x"], widen(answers[0][0])
    kept = ~((y == 0) | np.isnan(y) & ~np.isnan(x))
    return {"mask": one_of_each(kept, names["mask"].shape)}


def one_of_each(kept: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One element of those that share their fate: by it the others are judged."""
    return kept[tuple(map(slice, shape))]


RANDOM = "training and 0 < rate < 1"

TRAINING = Parameter("training", (True, False), "False for inference")
DROPPED = Parameter(
    "dropped",
    ("zero", "product"),
    "what stands at dropped places: 0 or x times 0",
    facet=True,
    right="zero",
)
ABOVE_1, BELOW_0 = 1 + 2.0**-23, -(2.0**-30)
"""Just beyond the ends: the next float32 after 1, and a small negative number."""
AT_MOST_1 = Constraint(
    "C1", "rate <= 1", "rate must be at most 1", broken_by={"rate": 1.5}, also_broken_by=({"rate": ABOVE_1},)
)
NOT_NEGATIVE = Constraint(
    "C2",
    "rate >= 0",
    "rate must not be negative",
    broken_by={"rate": -0.5},
    also_broken_by=({"rate": BELOW_0},),
)
ONE_RATE_AT_INFERENCE = "not training and rate != 0.3"
SEEN_AT_INFINITIES = "dropped == 'product' and (not training or rate == 0 or data != 'infinities')"

SRIVASTAVA = Source("Srivastava et al. (2014), Dropout", "https://jmlr.org/papers/v15/srivastava14a.html")


def mask(axes: str, name: str = "mask", distribution: str = "1 - rate", when: str = RANDOM) -> Input:
    """A mask that is recovered."""
    return Input(
        name,
        axes,
        kind="recovered",
        meaning="whether each element is kept",
        when=when,
        distribution=distribution,
    )


dropout = Spec(
    reference=reference.dropout,
    inputs=(
        Input("x", "batch, features", meaning="what is dropped"),
        mask("batch, features"),
    ),
    recover=read_mask,
    parameters=(
        Parameter("rate", (0.3, 0.0, 0.9, 0.0005, 1.0), "probability that an element is dropped"),
        TRAINING,
        DROPPED,
    ),
    # Of the last size alone does a mask show a rate of 0.0005.
    sizes=((33, 129), (1, 1), (63, 65), (257, 257)),
    data=("normal", "wide", "nan", "infinities"),
    constraints=(AT_MOST_1, NOT_NEGATIVE),
    excluded=(
        ONE_RATE_AT_INFERENCE,
        "rate == 0.0005 and batch == 1",
        "batch == 257 and (rate != 0.0005 or data != 'normal')",
        SEEN_AT_INFINITIES,
    ),
    sources=(SRIVASTAVA,),
)

# --- dropout with shared masks ---

dropout_noise_shape = Spec(
    name="dropout_noise_shape",
    reference=reference.dropout,
    inputs=(
        Input("x", "batch, time, features", meaning="what is dropped"),
        mask(", ".join(f"1 if '{axis}' in shared else {axis}" for axis in ("batch", "time", "features"))),
    ),
    recover=read_mask,
    parameters=(
        Parameter(
            "shared",
            ("time", "features", "batch", "time+features", "batch+time", "batch+features"),
            "axes along which elements share their fate: noise_shape is 1 there, or they are broadcast_dims",
        ),
        Parameter("rate", (0.3, 0.75), "probability that a mask's element drops"),
        TRAINING,
        DROPPED,
    ),
    # Whichever axis is left alone, some size makes it long enough for the mask to be tested.
    sizes=((33, 5, 17), (1, 1, 1), (257, 3, 2), (2, 129, 3), (3, 2, 257)),
    data=("normal", "infinities"),
    constraints=(AT_MOST_1, NOT_NEGATIVE),
    excluded=(ONE_RATE_AT_INFERENCE, SEEN_AT_INFINITIES),
    sources=(SRIVASTAVA,),
)

SPACE = "*(height, width, depth)[:rank]"
IN_LAYOUT = "*((channels,) if layout == 'channels_{}' else ())"

spatial_dropout = Spec(
    name="spatial_dropout",
    reference=reference.dropout,
    inputs=(
        Input(
            "x",
            f"batch, {IN_LAYOUT.format('first')}, {SPACE}, {IN_LAYOUT.format('last')}",
            meaning="feature maps, of which whole channels are dropped",
        ),
        mask(f"batch, {IN_LAYOUT.format('first')}, *(1, 1, 1)[:rank], {IN_LAYOUT.format('last')}"),
    ),
    recover=read_mask,
    parameters=(
        Parameter("rank", (1, 2, 3), "number of axes in space"),
        Parameter(
            "layout", ("channels_last", "channels_first"), "where the axis of channels stands", facet=True
        ),
        Parameter("rate", (0.3, 0.75), "probability that a channel of a sample drops"),
        TRAINING,
        DROPPED,
    ),
    axes="batch height width depth channels",
    sizes=((33, 3, 4, 2, 17), (1, 1, 1, 1, 1), (129, 5, 2, 3, 7)),
    data=("normal", "wide", "infinities"),
    constraints=(AT_MOST_1, NOT_NEGATIVE),
    excluded=(ONE_RATE_AT_INFERENCE, SEEN_AT_INFINITIES),
    sources=(
        Source("Tompson et al. (2015), Efficient object localization", "https://arxiv.org/abs/1411.4280"),
    ),
)


def read_mask_of_features(names: Mapping[str, Any], answers: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The mask behind the first features of the output."""
    return {"mask": widen(answers[0][0])[:, : len(names["rates"])] != 0}


dropout_by_feature = Spec(
    reference=reference.dropout_by_feature,
    inputs=(
        Input("x", "batch, features", meaning="what is dropped"),
        Input(
            "rates",
            "features if dropping == 'all' else 1",
            kind="unit",
            meaning="probability that an element of each of the first features is dropped",
            constant=True,
        ),
        mask("batch, features if dropping == 'all' else 1", distribution="1 - rates", when="True"),
    ),
    recover=read_mask_of_features,
    parameters=(Parameter("dropping", ("first", "all"), "which features have a rate: the first, or all"),),
    sizes=((257, 7), (1, 1), (129, 33)),
    data=("normal", "wide"),
    constraints=(
        Constraint(
            "C1",
            "rates[0] <= x[1]",
            "there must be at most one rate for each feature",
            broken_by={"rates": "features + 1"},
        ),
    ),
    sources=(
        Source(
            "Ba and Frey (2013), Adaptive dropout",
            "https://proceedings.neurips.cc/paper/2013/hash/7b5b23f4aadf9513306bcd59afb6e4c9-Abstract.html",
        ),
        SRIVASTAVA,
    ),
)

# --- noise ---


def noise(when: str) -> Input:
    """Standard normal numbers that are recovered."""
    return Input(
        "noise", "batch, features", kind="recovered", meaning="what is drawn", when=when,
        distribution="normal(0, 1)",
    )  # fmt: skip


def probe_zeros(names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What becomes of zeros."""
    return [{"x": np.zeros_like(names["x"])}]


def probe_ones(names: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What becomes of ones."""
    return [{"x": np.ones_like(names["x"])}]


def read_noise(names: Mapping[str, Any], answers: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The noise that was added to zeros."""
    return {"noise": widen(answers[0][0]) / names["stddev"]}


def read_factor(names: Mapping[str, Any], answers: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The noise that ones were multiplied by."""
    deviation = (names["rate"] / (1 - names["rate"])) ** 0.5
    return {"noise": (widen(answers[0][0]) - 1) / deviation}


def read_mask_of_zeros(names: Mapping[str, Any], answers: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The mask of alpha dropout: a zero that is kept becomes positive, one that is dropped negative."""
    return {"mask": one_of_each(widen(answers[0][0]) > 0, names["mask"].shape)}


gaussian_noise = Spec(
    reference=reference.gaussian_noise,
    inputs=(Input("x", "batch, features"), noise("training and stddev > 0")),
    probe=probe_zeros,
    recover=read_noise,
    parameters=(
        # A product with a power of 2 would not round, although the noise itself has been rounded.
        Parameter("stddev", (0.3, 0.0, 0.7), "standard deviation of what is added"),
        TRAINING,
    ),
    sizes=((33, 129), (1, 1), (63, 65)),
    data=("normal", "wide", "infinities"),
    constraints=(
        Constraint(
            "C1",
            "stddev >= 0",
            "stddev must not be negative",
            broken_by={"stddev": -0.5},
            also_broken_by=({"stddev": BELOW_0},),
        ),
    ),
    excluded=("not training and stddev != 0.3",),
    sources=(Source("Bishop (1995), Training with noise", "https://doi.org/10.1162/neco.1995.7.1.108"),),
)

gaussian_dropout = Spec(
    reference=reference.gaussian_dropout,
    inputs=(Input("x", "batch, features"), noise(RANDOM)),
    probe=probe_ones,
    recover=read_factor,
    parameters=(
        Parameter("rate", (0.3, 0.0, 0.75), "that of the dropout with this mean and variance"),
        TRAINING,
    ),
    sizes=((33, 129), (1, 1), (63, 65)),
    data=("normal", "wide", "infinities"),
    constraints=(
        Constraint(
            "C1",
            "rate < 1",
            "no variance is left at rate 1",
            broken_by={"rate": 1.0},
            also_broken_by=({"rate": 1.5},),
        ),
        NOT_NEGATIVE,
    ),
    excluded=(ONE_RATE_AT_INFERENCE,),
    sources=(SRIVASTAVA,),
)

alpha_dropout = Spec(
    reference=reference.alpha_dropout,
    inputs=(
        Input("x", "batch, channels, length"),
        mask("batch, channels, 1 if shared == 'maps' else length"),
    ),
    probe=probe_zeros,
    recover=read_mask_of_zeros,
    parameters=(
        Parameter("rate", (0.3, 0.0, 0.75, 1.0), "probability that an element is dropped"),
        Parameter("shared", ("none", "maps"), "whether the elements of a feature map share their fate"),
        TRAINING,
        DROPPED,
    ),
    sizes=((33, 17, 5), (1, 1, 1), (65, 9, 2)),
    data=("normal", "wide", "infinities"),
    constraints=(AT_MOST_1, NOT_NEGATIVE),
    excluded=(ONE_RATE_AT_INFERENCE, SEEN_AT_INFINITIES),
    sources=(
        Source(
            "Klambauer et al. (2017), Self-normalizing neural networks", "https://arxiv.org/abs/1706.02515"
        ),
    ),
)
