"""Losses of sequences, from what TensorFlow has."""

from __future__ import annotations

from .framework import binds, tf

NO_STEPS = "empty == 'nan' and average != 'places' and data == 'masked_rows'"
DIVIDED = {
    f"empty_gradient == 'nan' or not ({NO_STEPS})": "0 divided by 0 has a NaN gradient",
    "masking == 'multiply' or data != 'padding_nan'": "multiplies the losses by the mask",
}


@binds(
    "sequence_cross_entropy",
    "tf.nn.sparse_softmax_cross_entropy_with_logits",
    where=DIVIDED,
    composition=True,
)
def masked_means(logits, labels, mask, *, average, empty):
    weights = tf.cast(mask, logits.dtype)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits) * weights
    if average == "places":
        return tf.reduce_mean(losses)
    axis = 1 if average == "sequences" else None
    divide = tf.math.divide_no_nan if empty == "zero" else tf.math.divide
    total, count = tf.reduce_sum(losses, axis=axis), tf.reduce_sum(weights, axis=axis)
    return tf.reduce_mean(divide(total, count))
