"""Specs of the dropout layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..numerics.dtypes import widen
from ..reference import dropout as reference
from .spec import Constraint, Input, Parameter, Source, Spec


def read_mask(names: Mapping[str, Any], answers: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The mask behind the output: dropped where y is 0, or NaN although x is not."""
    x, y = names["x"], widen(answers[0][0])
    return {"mask": ~((y == 0) | np.isnan(y) & ~np.isnan(x))}


RANDOM = "training and 0 < rate < 1"

dropout = Spec(
    name="dropout",
    reference=reference.dropout,
    vjp=reference.dropout_vjp,
    inputs=(
        Input("x", "batch, features", meaning="what is dropped"),
        Input(
            "mask",
            "batch, features",
            kind="recovered",
            meaning="whether each element is kept",
            when=RANDOM,
            distribution="1 - rate",
        ),
    ),
    recover=read_mask,
    parameters=(
        Parameter("rate", (0.3, 0.0, 0.9, 0.0005, 1.0), "probability that an element is dropped"),
        Parameter("training", (True, False), "False for inference"),
        Parameter(
            "dropped", ("zero", "product"), "what stands at dropped places: 0 or x times 0", facet=True
        ),
    ),
    axes="batch features",
    # Of the last size alone does a mask show a rate of 0.0005.
    sizes=((33, 129), (1, 1), (63, 65), (257, 257)),
    data=("normal", "wide", "nan", "infinities"),
    constraints=(
        Constraint("C1", "rate <= 1", "rate must be at most 1", broken_by={"rate": 1.5}),
        Constraint("C2", "rate >= 0", "rate must not be negative", broken_by={"rate": -0.5}),
    ),
    excluded=(
        "not training and rate != 0.3",
        "rate == 0.0005 and batch == 1",
        "batch == 257 and (rate != 0.0005 or data != 'normal')",
        "dropped == 'product' and (not training or rate == 0 or data != 'infinities')",
    ),
    sources=(
        Source("Srivastava et al. (2014), Dropout", "https://jmlr.org/papers/v15/srivastava14a.html"),
        Source(
            "torch.nn.functional.dropout",
            "https://pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html",
        ),
        Source("tf.nn.dropout", "https://www.tensorflow.org/api_docs/python/tf/nn/dropout"),
        Source("keras.layers.Dropout", "https://keras.io/api/layers/regularization_layers/dropout/"),
        Source(
            "flax.nnx.Dropout",
            "https://flax.readthedocs.io/en/latest/api_reference/flax.nnx/nn/stochastic.html",
        ),
    ),
)
