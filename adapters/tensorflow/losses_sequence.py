"""Losses of sequences, from what TensorFlow has."""

from __future__ import annotations

from .framework import binds, function, tf
from .reductions import UNWEIGHTED
from .reductions import reduced as reduced  # rows name it

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


# --- labels that stand anywhere ---


def class_of(labels, blank, logits):
    """The classes of labels that are numbered without the blank."""
    return labels + tf.cast(labels >= blank % logits.shape[-1], labels.dtype)


def sparse_labels(labels, lengths):
    """The labels that count."""
    counts = tf.sequence_mask(lengths, labels.shape[1])
    return tf.SparseTensor(
        tf.where(counts), tf.boolean_mask(labels, counts), tf.cast(tf.shape(labels), tf.int64)
    )


STEPS = "tf.fill([logits.shape[0]], logits.shape[1]) if logit_lengths is None else logit_lengths"
CTC = {
    "options": {"logits_time_major": "False", "blank_index": "blank"},
    "returns": "reduced(y, reduction)",
    "unused": ("sample_weights",),
}
CTC_FIXED = UNWEIGHTED | {
    "domain": ("logits", "TensorFlow takes the softmax itself"),
    "gradient": ("exact", "TensorFlow differentiates the loss of logits"),
}
CTC_WHERE = {
    "reduction != 'mean_labels'": "TensorFlow leaves the reduction to the user",
    "infeasible == 'infinity'": "TensorFlow has no mask for what is infeasible",
}

function(
    "ctc_loss",
    "tf.nn.ctc_loss",
    **CTC,
    on=f"class_of(labels, blank, logits), logits, label_lengths, {STEPS}",
    where=CTC_WHERE | {"dtype != 'float64'": "dense labels are scored in float32"},
    fixed=CTC_FIXED,
)
function(
    "ctc_loss",
    "tf.nn.ctc_loss(unique)",
    {"blank_index": "blank", "unique": "tf.nn.ctc_unique_labels(class_of(labels, blank, logits))"},
    on=f"class_of(labels, blank, logits), tf.transpose(logits, [1, 0, 2]), label_lengths, {STEPS}",
    returns=CTC["returns"],
    unused=CTC["unused"],
    where=CTC_WHERE | {"dtype != 'float64'": "dense labels are scored in float32"},
    fixed=CTC_FIXED,
)
function(
    "ctc_loss",
    "tf.nn.ctc_loss(SparseTensor)",
    **CTC,
    on=f"sparse_labels(class_of(labels, blank, logits), label_lengths), logits, None, {STEPS}",
    where=CTC_WHERE
    | {
        "dtype in ('float32', 'float64')": "TensorFlow has this kernel in float32 and float64",
        "steps >= 2 * length - 1": "TensorFlow raises where there are not steps enough",
    },
    fixed=CTC_FIXED | {"shortest": (1, "TensorFlow raises where a sequence has no labels")},
)
