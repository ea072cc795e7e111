"""Losses of sequences of Keras, whose losses take a mask or weights of samples."""

from __future__ import annotations

from .framework import binds, keras
from .layers import dtype_of, instance

ZERO = {
    "empty == 'zero' or average == 'places'": "Keras divides by no weights without NaN",
    "empty_gradient == 'zero'": "and without a NaN gradient",
    "masking == 'multiply' or data != 'padding_nan'": "multiplies the losses by their weights",
}

instance(
    "sequence_cross_entropy",
    "keras.losses.SparseCategoricalCrossentropy(sample_weight)",
    {
        "from_logits": "True",
        "reduction": "'sum_over_batch_size' if average == 'places' else 'mean_with_sample_weight'",
        "dtype": "dtype_of(logits)",
    },
    on="labels, logits, sample_weight=keras.ops.cast(mask, dtype_of(logits))",
    where={"average != 'sequences'": "Keras averages over all steps at once"} | ZERO,
)


@binds("sequence_cross_entropy", "keras.losses.sparse_categorical_crossentropy", where=ZERO, composition=True)
def masked_means(logits, labels, mask, *, average):
    ops = keras.ops
    losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    weights = ops.cast(mask, dtype_of(logits))
    losses = losses * weights
    if average == "places":
        return ops.mean(losses)
    axis = 1 if average == "sequences" else None
    return ops.mean(ops.divide_no_nan(ops.sum(losses, axis=axis), ops.sum(weights, axis=axis)))
