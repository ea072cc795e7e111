"""Specs of the paddings and of cropping."""

from __future__ import annotations

from ..reference import padding as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec

pad = Spec(
    reference=reference.pad,
    inputs=(Input("x", "batch, *(height, width, 3)[:spatial], channels", meaning="what is padded"),),
    parameters=(
        Parameter(
            "mode", ("constant", "reflect", "symmetric", "replicate", "circular"), "what stands outside"
        ),
        Parameter(
            "widths",
            (((1, 2), (2, 0), (0, 1)), ((2, 2), (1, 1), (1, 1)), ((-1, 2), (0, -1), (1, 0))),
            "pairs (low, high) of the axes, of which the first ones are used; negative: cropped",
        ),
        Parameter("value", (0.0, -2.5), "what a constant is"),
        Parameter(
            "spatial", (2, 1, 3), "number of axes between batch and channels; a third one has length 3"
        ),
    ),
    sizes=((2, 3, 5, 4), (1, 4, 3, 1)),
    data=("normal", "specials"),
    constraints=(
        Constraint(
            "C1",
            "mode in ('constant', 'replicate') or all("
            "max(widths[i]) <= (x[i + 1] - 1 if mode == 'reflect' else x[i + 1]) "
            "for i in (0, 1, 2)[:len(x) - 2])",
            "there must be as many elements as stand outside, and one more where the outermost is no twin",
            broken_by={"mode": "reflect", "widths": ((3, 0), (0, 0), (0, 0))},
            also_broken_by=(
                {"mode": "reflect", "widths": ((0, 0), (0, 5), (0, 0))},
                {"mode": "symmetric", "widths": ((4, 0), (0, 0), (0, 0))},
                {"mode": "circular", "widths": ((0, 0), (0, 6), (0, 0))},
            ),
        ),
    ),
    excluded=("mode != 'constant' and (value != 0 or min(widths[0]) < 0)",),
    sources=(Source("numpy.pad", "https://numpy.org/doc/stable/reference/generated/numpy.pad.html"),),
)

crop = Spec(
    reference=reference.crop,
    inputs=(Input("x", "batch, *(height, width, 3)[:spatial], channels", meaning="what is cropped"),),
    parameters=(
        Parameter(
            "widths",
            (((1, 2), (2, 0), (0, 1)), ((2, 2), (1, 1), (1, 1)), ((0, 0), (0, 1), (1, 0))),
            "pairs (low, high) of the axes, of which the first ones are used",
        ),
        Parameter(
            "spatial", (2, 1, 3), "number of axes between batch and channels; a third one has length 3"
        ),
    ),
    sizes=((2, 6, 5, 4), (1, 5, 3, 1)),
    data=("normal", "specials"),
    constraints=(
        Constraint(
            "C1",
            "all(x[i + 1] > widths[i][0] + widths[i][1] for i in (0, 1, 2)[:len(x) - 2])",
            "something must be left of each axis",
            broken_by={"widths": ((4, 4), (0, 0), (0, 0))},
            also_broken_by=({"widths": ((3, 3), (0, 0), (0, 0))}, {"widths": ((0, 0), (0, 5), (0, 0))}),
        ),
    ),
    sources=(
        Source(
            "tf.keras.layers.Cropping2D (Keras 2)",
            "https://tensorflow.org/versions/r2.10/api_docs/python/tf/keras/layers/Cropping2D",
        ),
    ),
)
