"""Losses of TensorFlow over sampled classes, with candidates that are given."""

from __future__ import annotations

from typing import Any

from .framework import binds, tf

CORRECTS = {"correction == 'all'": "TensorFlow subtracts the logarithm of every expected count"}
HITS = {"accidental_hits != 'remove'": "TensorFlow removes the last of equal candidates alone"}
SHARE = {"true_target == 'share'": "TensorFlow divides a target of 1 among the true classes"}


def sampled_loss(
    loss: Any,
    weights: Any,
    biases: Any,
    inputs: Any,
    labels: Any,
    sampled: Any,
    true_expected: Any,
    sampled_expected: Any,
    accidental_hits: str,
) -> Any:
    """One of the two losses, which share their signature."""
    return loss(
        weights=weights,
        biases=biases,
        labels=tf.cast(labels, tf.int64),
        inputs=inputs,
        num_sampled=sampled.shape[0],
        num_classes=weights.shape[0],
        num_true=labels.shape[1],
        sampled_values=(tf.cast(sampled, tf.int64), true_expected, sampled_expected),
        remove_accidental_hits=accidental_hits != "keep",
    )


@binds("sampled_softmax_loss", "tf.nn.sampled_softmax_loss", where=CORRECTS | HITS)
def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    inputs: Any,
    labels: Any,
    sampled: Any,
    true_expected: Any,
    sampled_expected: Any,
    *,
    accidental_hits: str,
) -> Any:
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    return sampled_loss(tf.nn.sampled_softmax_loss, *given, accidental_hits)


@binds("nce_loss", "tf.nn.nce_loss", where=CORRECTS | HITS | SHARE)
def nce_loss(
    weights: Any,
    biases: Any,
    inputs: Any,
    labels: Any,
    sampled: Any,
    true_expected: Any,
    sampled_expected: Any,
    *,
    accidental_hits: str,
) -> Any:
    given = weights, biases, inputs, labels, sampled, true_expected, sampled_expected
    return sampled_loss(tf.nn.nce_loss, *given, accidental_hits)
