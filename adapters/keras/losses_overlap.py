"""Losses of the overlap of two sets of Keras, which takes probabilities."""

from __future__ import annotations

from .framework import keras as keras  # rows name it
from .layers import function, instance
from .reductions import COUNTED, UNWEIGHTED_SAMPLES
from .reductions import class_reduction as class_reduction
from .reductions import reduced as reduced

CLASS = {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(targets)"}
OF_CLASS = {
    "on": "targets, predictions, sample_weights",
    "unused": ("logits", "class_weights"),
    "where": COUNTED,
}
OF_FUNCTION = {
    "on": "targets, predictions",
    "unused": ("logits", "class_weights", "sample_weights"),
    "returns": "reduced(y, reduction)",
}
FIXED = {
    "domain": ("probabilities", "Keras takes no logits here"),
    "smooth": (0.0, "Keras adds to the denominator alone"),
    "weighted": (False, "Keras knows no weights of classes"),
    "ignore_background": (False, "Keras knows no background"),
}
TVERSKY = FIXED | {"epsilon": (1e-7, "Keras adds its epsilon, 1e-7")}
DICE = FIXED | {
    "alpha": (0.5, "the Dice loss weighs both alike"),
    "beta": (0.5, "the Dice loss weighs both alike"),
    "epsilon": (5e-8, "Keras adds its epsilon, 1e-7, to twice the denominator"),
}
SHARED = {"axis": "axis"}
WEIGHTS = SHARED | {"alpha": "alpha", "beta": "beta"}

instance("tversky", "keras.losses.Tversky", WEIGHTS | CLASS, **OF_CLASS, fixed=TVERSKY)
function("tversky", "keras.losses.tversky", WEIGHTS, **OF_FUNCTION, fixed=TVERSKY | UNWEIGHTED_SAMPLES)
instance("tversky", "keras.losses.Dice", SHARED | CLASS, **OF_CLASS, fixed=DICE)
function("tversky", "keras.losses.dice", SHARED, **OF_FUNCTION, fixed=DICE | UNWEIGHTED_SAMPLES)
