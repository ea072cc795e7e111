"""Losses of sequences, from what optax and JAX have."""

from __future__ import annotations

from .framework import binds, jnp, optax
from .modules import function
from .reductions import UNWEIGHTED
from .reductions import reduced as reduced  # rows name it


@binds(
    "sequence_cross_entropy",
    "optax.softmax_cross_entropy_with_integer_labels",
    where={
        "empty == 'nan'": "a mean of no steps is NaN in JAX",
        "masking == 'select_values' or data != 'padding_nan'": "where= leaves out values, not gradients",
        "empty_gradient == 'zero' or data != 'masked_rows'": "where= selects, so that masked steps have none",
    },
    composition=True,
)
def masked_means(logits, labels, mask, *, average):
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    if average == "places":
        return jnp.mean(jnp.where(mask, losses, 0.0))
    return jnp.mean(jnp.mean(losses, axis=1 if average == "sequences" else None, where=mask))


# --- labels that stand anywhere ---


def class_of(labels, blank, logits):
    """The classes of labels that are numbered without the blank."""
    return labels + (labels >= blank % logits.shape[-1])


def paddings(lengths, like):
    """1 in the places of an array that do not count, else 0."""
    if lengths is None:
        return jnp.zeros(like.shape[:2])
    return (jnp.arange(like.shape[1]) >= lengths[:, None]).astype(jnp.float32)


CTC = {
    "options": {"blank_id": "blank % logits.shape[-1]"},
    "on": "logits, paddings(logit_lengths, logits), class_of(labels, blank, logits),"
    " paddings(label_lengths, labels)",
    "where": {
        "reduction != 'mean_labels'": "optax leaves the reduction to the user",
        "infeasible == 'infinity'": "optax has no mask for what is infeasible",
        "dtype in ('float32', 'float64')": "optax gives float32 for half types",
    },
    "unused": ("sample_weights",),
    "fixed": UNWEIGHTED
    | {
        "domain": ("logits", "optax takes the softmax itself"),
        "gradient": ("exact", "JAX differentiates what is written"),
    },
}

function("ctc_loss", "optax.losses.ctc_loss", **CTC, returns="reduced(y, reduction)")
function(
    "ctc_loss",
    "optax.losses.ctc_loss_with_forward_probs",
    **CTC,
    gives="y, blank_scores, label_scores",
    returns="reduced(y, reduction)",
)
