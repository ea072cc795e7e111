"""Losses of sequences, from what optax and JAX have."""

from __future__ import annotations

from .framework import binds, jnp, optax


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
