"""Losses of sequences of Keras, whose losses take a mask or weights of samples."""

from __future__ import annotations

from .framework import binds, keras
from .layers import dtype_of, function, instance
from .reductions import UNWEIGHTED
from .reductions import class_reduction as class_reduction  # rows name them
from .reductions import reduced as reduced

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


# --- labels that stand anywhere ---


def class_of(labels, blank, logits):
    """The classes of labels that are numbered without the blank."""
    return labels + keras.ops.cast(labels >= blank % logits.shape[-1], labels.dtype)


def up_to(labels, lengths):
    """The classes of labels where the blank is 0, and 0 behind the last."""
    return keras.ops.where(keras.ops.arange(labels.shape[1]) < lengths[:, None], labels + 1, 0)


CTC = {
    "domain": ("logits", "Keras takes the softmax itself"),
    "gradient": ("exact", "Keras differentiates the loss of logits"),
    "infeasible": ("infinity", "Keras has no mask for what is infeasible"),
}
UNRAGGED = CTC | {
    "blank": (0, "0 is the blank of Keras's losses"),
    "ragged": (False, "every step counts in Keras's losses"),
}
CTC_WHERE = {
    "reduction != 'mean_labels'": "Keras divides by no number of labels",
    "dtype == 'float32'": "Keras computes this loss in float32, and gives it so for half types",
}

function(
    "ctc_loss",
    "keras.ops.ctc_loss",
    {"mask_index": "blank % logits.shape[-1]"},
    on="class_of(labels, blank, logits), logits, label_lengths,"
    " keras.ops.full(logits.shape[:1], logits.shape[1], 'int32') if logit_lengths is None else logit_lengths",
    returns="reduced(y, reduction)",
    unused=("sample_weights",),
    where=CTC_WHERE,
    fixed=CTC | UNWEIGHTED,
)
function(
    "ctc_loss",
    "keras.losses.ctc",
    on="up_to(labels, label_lengths), logits",
    returns="reduced(y, reduction)",
    unused=("logit_lengths", "sample_weights"),
    where=CTC_WHERE,
    fixed=UNRAGGED | UNWEIGHTED,
)
instance(
    "ctc_loss",
    "keras.losses.CTC",
    {"reduction": "class_reduction(reduction)", "dtype": "dtype_of(logits)"},
    on="up_to(labels, label_lengths), logits, sample_weights",
    unused=("logit_lengths",),
    where=CTC_WHERE,
    fixed=UNRAGGED,
)
