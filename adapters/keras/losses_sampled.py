"""Losses over sampled classes, from the operations of Keras."""

from __future__ import annotations

from .framework import binds, keras

HITS = {"accidental_hits != 'remove_last'": "a comparison finds all of equal candidates"}


def candidate_logits(
    weights, biases, inputs, labels, sampled, true_expected, sampled_expected, accidental_hits, correction
):
    """Corrected logits of the true classes and of the candidates, -inf where these are removed."""
    ops = keras.ops
    true = ops.einsum("bf,btf->bt", inputs, ops.take(weights, labels, axis=0)) + ops.take(biases, labels)
    rows = ops.take(weights, sampled, axis=0)
    noise = ops.matmul(inputs, ops.transpose(rows)) + ops.take(biases, sampled)
    if correction == "all":
        true = true - ops.log(true_expected)
    if correction != "none":
        noise = noise - ops.log(sampled_expected)
    if accidental_hits == "remove":
        hits = ops.any(labels[:, :, None] == sampled, axis=1)
        noise = ops.where(hits, float("-inf"), noise)
    return true, noise


@binds("sampled_softmax_loss", "keras.ops.log_softmax", where=HITS, composition=True)
def sampled_softmax_loss(
    weights, biases, inputs, labels, sampled, true_expected, sampled_expected, *, accidental_hits, correction
):
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    true, noise = candidate_logits(*given, accidental_hits, correction)
    log_p = keras.ops.log_softmax(keras.ops.concatenate([true, noise], axis=1), axis=1)
    return -keras.ops.mean(log_p[:, : labels.shape[1]], axis=1)


@binds("nce_loss", "keras.ops.log_sigmoid", where=HITS, composition=True)
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
    of_true = target * keras.ops.log_sigmoid(true) + (1.0 - target) * keras.ops.log_sigmoid(-true)
    return -keras.ops.sum(of_true, axis=1) - keras.ops.sum(keras.ops.log_sigmoid(-noise), axis=1)
