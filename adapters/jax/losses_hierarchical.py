"""Losses of classes in clusters, as users of JAX write them."""

from __future__ import annotations

from .framework import binds, jax, jnp


def all_log_probs(inputs, head, head_bias, first_down, first_up, second_down, second_up):
    """Log-probabilities of frequent classes, and of those of each cluster."""
    of_head = jax.nn.log_softmax(inputs @ head if head_bias is None else inputs @ head + head_bias)
    tails = [(first_down, first_up)] + ([] if second_down is None else [(second_down, second_up)])
    shortlist = head.shape[1] - len(tails)
    found = [of_head[:, :shortlist]]
    for place, (down, up) in enumerate(tails, start=shortlist):
        found.append(jax.nn.log_softmax(inputs @ down @ up) + of_head[:, place, None])
    return jnp.concatenate(found, axis=-1)


@binds("adaptive_log_probs", "jax.nn.log_softmax", composition=True)
def adaptive_log_probs(inputs, head, head_bias, first_down, first_up, second_down, second_up):
    return all_log_probs(inputs, head, head_bias, first_down, first_up, second_down, second_up)


@binds(
    "adaptive_log_softmax",
    "jax.nn.log_softmax",
    where={"data != 'out_of_range'": "an index out of range gathers NaN"},
    composition=True,
)
def adaptive_log_softmax(inputs, head, head_bias, first_down, first_up, second_down, second_up, labels):
    log_p = all_log_probs(inputs, head, head_bias, first_down, first_up, second_down, second_up)
    found = jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0]
    return found, -jnp.mean(found)
