"""Losses over sampled classes, from what PyTorch has."""

from __future__ import annotations

from .framework import F, binds, torch

HITS = {"accidental_hits != 'remove_last'": "a comparison finds all of equal candidates"}


def candidate_logits(
    weights, biases, inputs, labels, sampled, true_expected, sampled_expected, accidental_hits, correction
):
    """Corrected logits of the true classes and of the candidates, -inf where these are removed."""
    true = torch.einsum("bf,btf->bt", inputs, F.embedding(labels, weights)) + biases[labels]
    noise = F.linear(inputs, F.embedding(sampled, weights), biases[sampled])
    if correction == "all":
        true = true - true_expected.log()
    if correction != "none":
        noise = noise - sampled_expected.log()
    if accidental_hits == "remove":
        hits = (labels[:, :, None] == sampled).any(dim=1)
        noise = noise.masked_fill(hits, float("-inf"))
    return true, noise


@binds("sampled_softmax_loss", "torch.nn.functional.log_softmax", where=HITS, composition=True)
def sampled_softmax_loss(
    weights, biases, inputs, labels, sampled, true_expected, sampled_expected, *, accidental_hits, correction
):
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    true, noise = candidate_logits(*given, accidental_hits, correction)
    log_p = F.log_softmax(torch.cat([true, noise], dim=1), dim=1)
    return -log_p[:, : labels.shape[1]].mean(dim=1)


@binds("nce_loss", "torch.nn.functional.logsigmoid", where=HITS, composition=True)
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
    of_true = target * F.logsigmoid(true) + (1.0 - target) * F.logsigmoid(-true)
    return -of_true.sum(dim=1) - F.logsigmoid(-noise).sum(dim=1)
