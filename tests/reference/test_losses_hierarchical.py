"""Losses of classes in clusters: worked figures, and what they are without clusters or with certain ones."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.dense import dense
from assay.reference.losses_classification import (
    sparse_softmax_cross_entropy,
    sparse_softmax_cross_entropy_vjp,
)
from assay.reference.losses_hierarchical import (
    adaptive_log_probs,
    adaptive_log_probs_vjp,
    adaptive_log_softmax,
    adaptive_log_softmax_vjp,
)
from assay.reference.softmax import log_softmax, logsumexp


def drawn(*shape):
    return carried(Stream(f"adaptive {shape}").normal(shape))


INPUTS, HEAD, HEAD_BIAS = drawn(5, 8), drawn(8, 5), drawn(5)
TAILS = drawn(8, 4), drawn(4, 4), drawn(8, 2), drawn(2, 2)
LABELS = np.array([0, 2, 3, 6, 8])


@proves(adaptive_log_probs, adaptive_log_softmax, by="worked figures")
def test_without_weights_every_class_of_a_cluster_shares_what_the_cluster_has():
    # Three in the head have 1/3 each; the first cluster has two classes, the second one.
    x, none = carried(np.ones((2, 2))), np.zeros
    layer = map(carried, (none((2, 3)), none((2, 1)), none((1, 2)), none((2, 1)), none((1, 1))))
    head, *tails = layer
    third, sixth = -mpmath.log(3), -mpmath.log(6)
    expected = [third, sixth, sixth, third]
    assert_same(adaptive_log_probs(x, head, None, *tails), [expected, expected])
    of_labels, loss = adaptive_log_softmax(x, head, None, *tails, np.array([0, 2]))
    assert_same(of_labels, [third, sixth])
    assert_same(loss, (mpmath.log(3) + mpmath.log(6)) / 2)


@proves(adaptive_log_probs, by="law")
@pytest.mark.parametrize("tails", [TAILS, TAILS[:2]])
def test_probabilities_sum_to_one(tails):
    head = HEAD if len(tails) == 4 else HEAD[:, :4]
    log_p = adaptive_log_probs(INPUTS, head, None, *tails)
    assert_same(logsumexp(log_p), np.zeros(5), size=10)


@proves(adaptive_log_softmax, adaptive_log_softmax_vjp, sparse_softmax_cross_entropy, by="law")
def test_of_labels_it_is_the_cross_entropy_of_all_log_probabilities():
    layer = INPUTS, HEAD, HEAD_BIAS, *TAILS
    log_p = adaptive_log_probs(*layer)
    of_labels, loss = adaptive_log_softmax(*layer, LABELS)
    assert_same(of_labels, -sparse_softmax_cross_entropy(log_p, LABELS, reduction="none"), size=10)
    assert_same(loss, sparse_softmax_cross_entropy(log_p, LABELS), size=10)
    g = carried(Stream("cotangent").normal((5,)))
    gradients = adaptive_log_softmax_vjp(*layer, LABELS, (g, carried(np.array(0.0))))
    (of_log_p,) = sparse_softmax_cross_entropy_vjp(log_p, LABELS, None, -g, reduction="none")
    for got, expected in zip(gradients, adaptive_log_probs_vjp(*layer, of_log_p), strict=True):
        assert_same(got, expected, size=100)


@proves(adaptive_log_probs, adaptive_log_probs_vjp, by="law")
def test_frequent_classes_have_the_softmax_of_the_head():
    log_p = adaptive_log_probs(INPUTS, HEAD, HEAD_BIAS, *TAILS)
    of_head = log_softmax(dense(INPUTS, HEAD, HEAD_BIAS))
    assert_same(log_p[:, :3], of_head[:, :3])
    assert_same(logsumexp(log_p[:, 3:7]), of_head[:, 3], size=10)
    g = carried(np.pad(Stream("cotangent").normal((5, 3)), ((0, 0), (0, 6))))
    of_tails = adaptive_log_probs_vjp(INPUTS, HEAD, HEAD_BIAS, *TAILS, g)[3:]
    for got, tail in zip(of_tails, TAILS, strict=True):
        assert_same(got, np.zeros(tail.shape), size=1)


def test_a_label_that_is_no_class_is_named():
    with pytest.raises(ValueError, match="labels must be classes: 0 to 8"):
        adaptive_log_softmax(INPUTS, HEAD, None, *TAILS, LABELS + 1)
    with pytest.raises(ValueError, match="head must have a column for each of 2 clusters"):
        adaptive_log_probs(INPUTS, HEAD[:, :2], None, *TAILS)
