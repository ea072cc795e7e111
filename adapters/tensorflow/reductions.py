"""What is made of the losses of elements, where TensorFlow leaves it to the user."""

from __future__ import annotations

from .framework import tf


def reduced(losses, reduction):
    """The losses, their mean or their sum."""
    if reduction == "none":
        return losses
    return tf.reduce_mean(losses) if reduction == "mean" else tf.reduce_sum(losses)


def v1_reduction(reduction):
    """Name of a reduction in ``tf.compat.v1.losses``."""
    return {
        "none": "none",
        "sum": "weighted_sum",
        "mean": "weighted_sum_over_batch_size",
        "mean_weights": "weighted_mean",
        "mean_counted": "weighted_sum_by_nonzero_weights",
    }[reduction]


UNWEIGHTED = {"weighted": (False, "the function takes no weights")}
UNWEIGHTED_SAMPLES = {"samples_weighted": UNWEIGHTED["weighted"]}
OF_ROWS = {"weights": "1.0 if sample_weights is None else sample_weights"}
OF_ELEMENTS = {"weights": "1.0 if sample_weights is None else sample_weights[:, None]"}
"""Weights of samples for ``tf.compat.v1.losses``, which spreads them over axes of length 1 alone."""
UNMASKED = {"masked": (False, "takes no mask"), "masking": ("select", "and so none is left out")}
