"""Losses of classification by margins of TensorFlow, which takes labels of 0 and 1."""

from __future__ import annotations

from .framework import function
from .framework import tf as tf  # rows name it
from .reductions import OF_ELEMENTS
from .reductions import reduced as reduced
from .reductions import v1_reduction as v1_reduction

HINGE = {
    "margin": (1.0, "TensorFlow has no option for it"),
    "power": (1, "TensorFlow has no squared hinge"),
    "kink_gradient": (0.0, "relu has no gradient at 0"),
    "row_mean": (False, "TensorFlow reduces over all elements at once"),
}

function(
    "hinge",
    "tf.compat.v1.losses.hinge_loss",
    {"reduction": "v1_reduction(reduction)"} | OF_ELEMENTS,
    on="labels, scores",
    fixed=HINGE,
)
function(
    "soft_margin",
    "tf.math.softplus",
    on="tf.cast(1 - 2 * labels, scores.dtype) * scores",
    returns="reduced(y, reduction)",
    composition=True,
)
