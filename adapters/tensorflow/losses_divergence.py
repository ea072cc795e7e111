"""Losses of classification that are divergences, of TensorFlow."""

from __future__ import annotations

from .framework import binds, tf
from .reductions import UNWEIGHTED


@binds(
    "kl_divergence_probabilities",
    "tf.math.xlogy",
    fixed=UNWEIGHTED
    | {
        "reduction": ("rows", "put together for one reduction"),
        "epsilon": (0.0, "TensorFlow clips nothing"),
    },
    where={
        "zero_gradient == 'zero' or data != 'zeros'": "TensorFlow gives no gradient where the target is 0"
    },
    composition=True,
)
def kl_divergence_probabilities(targets, predictions, sample_weights):
    return tf.reduce_sum(tf.math.xlogy(targets, targets) - tf.math.xlogy(targets, predictions), axis=-1)
