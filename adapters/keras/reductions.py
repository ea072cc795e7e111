"""What is made of the losses of elements: names of reductions, and reductions by hand."""

from __future__ import annotations

from .framework import keras


def reduced(losses, reduction):
    """The losses, their mean or their sum, for functions that reduce nothing but the last axis."""
    if reduction == "none":
        return losses
    return keras.ops.mean(losses) if reduction == "mean" else keras.ops.sum(losses)


def class_reduction(reduction):
    """Name of a reduction in a Keras loss class."""
    return {"mean": "sum_over_batch_size", "mean_weights": "mean_with_sample_weight"}.get(
        reduction, reduction
    )


COUNTED = {"reduction != 'mean_counted'": "Keras counts no weights"}
UNWEIGHTED = {"weighted": (False, "the function takes no weights")}
"""Of the functions beside the classes, which take no weights of samples."""
UNWEIGHTED_SAMPLES = {"samples_weighted": UNWEIGHTED["weighted"]}
UNMASKED = {"masked": (False, "takes no mask"), "masking": ("select", "and so none is left out")}
