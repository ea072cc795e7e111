"""Specs of the losses of classification that are given probabilities."""

from __future__ import annotations

import dataclasses

from ..reference import losses_probabilities as reference
from .language.loss import KEPT_REDUCTION, LABELS_ARE_CLASSES, MEAN_OF_MEANS, ROW_MEAN, loss
from .language.spec import Input, Parameter, Source
from .losses_classification import ZERO_TARGET

KERAS_EPSILON = Source("keras.config.epsilon", "https://keras.io/api/utils/backend_utils/")

categorical_cross_entropy = loss(
    reference.categorical_cross_entropy,
    (
        Input("predictions", "batch, classes", kind="unit", meaning="probabilities; rows of any sum"),
        Input("targets", "batch, classes", kind="unit", when="not sparse", meaning="rows of any sum"),
        Input("labels", "batch", kind="index", limit="classes", when="sparse"),
    ),
    Parameter("sparse", (False, True), "whether a row has one class in place of a distribution"),
    Parameter("epsilon", (0.0, 1e-7, 1e-3), "probabilities are clipped this far from 0 and 1", facet=True),
    Parameter(
        "normalized",
        reference.NORMALIZED,
        "whether rows are divided by their sum, and on which side of the clipping",
        facet=True,
    ),
    ZERO_TARGET,
    reduction=KEPT_REDUCTION,
    weighted=True,
    sizes=((5, 7), (1, 2), (4, 33)),
    data=("normal", "zeros"),
    constraints=(
        dataclasses.replace(LABELS_ARE_CLASSES, broken_by={"sparse": True, **LABELS_ARE_CLASSES.broken_by}),
    ),
    excluded=(
        "zero_target == 'nan' and epsilon > 0",
        # Nothing is between the two sides of a clipping that clips nothing.
        "normalized == 'after' and epsilon == 0",
    ),
    sources=(KERAS_EPSILON,),
)

binary_cross_entropy = loss(
    reference.binary_cross_entropy,
    (
        Input("predictions", "batch, features", kind="unit", meaning="probabilities"),
        Input("targets", "batch, features", kind="unit", meaning="probabilities"),
    ),
    Parameter("guard", reference.GUARDS, "what keeps the logarithms finite", facet=True),
    Parameter("epsilon", (1e-7, 1e-3), "what a guard clips at or adds", facet=True),
    ROW_MEAN,
    Parameter(
        "gradient",
        ("exact", "bounded"),
        "exact, or with p (1 - p) held above 1e-12",
        facet=True,
        right="exact",
    ),
    ZERO_TARGET,
    reduction=KEPT_REDUCTION,
    weighted=True,
    sizes=((3, 17), (1, 1), (2, 65)),
    data=("normal", "zeros"),
    excluded=(
        MEAN_OF_MEANS,
        "epsilon != 1e-7 and guard in ('none', 'log')",
        "gradient == 'bounded' and guard != 'log'",
        "zero_target == 'nan' and guard != 'none'",
    ),
    sources=(KERAS_EPSILON,),
)
