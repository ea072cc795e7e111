"""Losses of TensorFlow over sampled classes, with candidates that are given."""

from __future__ import annotations

from .framework import function

CORRECTS = {"correction": ("all", "TensorFlow subtracts the logarithm of every expected count")}
SHARE = {"true_target": ("share", "TensorFlow divides a target of 1 among the true classes")}
HITS = {"accidental_hits != 'remove'": "TensorFlow removes the last of equal candidates alone"}
SAMPLED = {
    "num_sampled": "sampled.shape[0]",
    "num_classes": "weights.shape[0]",
    "num_true": "labels.shape[1]",
    "sampled_values": "(tf.cast(sampled, tf.int64), true_expected, sampled_expected)",
    "remove_accidental_hits": "accidental_hits != 'keep'",
}
GIVEN = "weights, biases, tf.cast(labels, tf.int64), inputs"

function("sampled_softmax_loss", "tf.nn.sampled_softmax_loss", SAMPLED, on=GIVEN, where=HITS, fixed=CORRECTS)
function("nce_loss", "tf.nn.nce_loss", SAMPLED, on=GIVEN, where=HITS, fixed=CORRECTS | SHARE)
