"""Losses over sampled classes, from what JAX has."""

from __future__ import annotations

from .framework import binds, jax, jnp

HITS = {"accidental_hits != 'remove_last'": "a comparison finds all of equal candidates"}


def candidate_logits(
    weights, biases, inputs, labels, sampled, true_expected, sampled_expected, accidental_hits, correction
):
    """Corrected logits of the true classes and of the candidates, -inf where these are removed."""
    true = jnp.einsum("bf,btf->bt", inputs, weights[labels]) + biases[labels]
    noise = inputs @ weights[sampled].T + biases[sampled]
    if correction == "all":
        true = true - jnp.log(true_expected)
    if correction != "none":
        noise = noise - jnp.log(sampled_expected)
    if accidental_hits == "remove":
        hits = jnp.any(labels[:, :, None] == sampled, axis=1)
        noise = jnp.where(hits, -jnp.inf, noise)
    return true, noise


@binds("sampled_softmax_loss", "jax.nn.log_softmax", where=HITS, composition=True)
def sampled_softmax_loss(
    weights, biases, inputs, labels, sampled, true_expected, sampled_expected, *, accidental_hits, correction
):
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    true, noise = candidate_logits(*given, accidental_hits, correction)
    log_p = jax.nn.log_softmax(jnp.concatenate([true, noise], axis=1), axis=1)
    return -jnp.mean(log_p[:, : labels.shape[1]], axis=1)


@binds("nce_loss", "jax.nn.log_sigmoid", where=HITS, composition=True)
def nce_loss(
    weights,
    biases,
    inputs,
    labels,
    sampled,
    true_expected,
    sampled_expected,
    *,
    accidental_hits,
    correction,
    true_target,
):
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    true, noise = candidate_logits(*given, accidental_hits, correction)
    target = 1.0 / labels.shape[1] if true_target == "share" else 1.0
    of_true = target * jax.nn.log_sigmoid(true) + (1.0 - target) * jax.nn.log_sigmoid(-true)
    return -jnp.sum(of_true, axis=1) - jnp.sum(jax.nn.log_sigmoid(-noise), axis=1)
