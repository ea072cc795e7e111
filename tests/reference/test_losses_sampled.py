"""Losses over sampled classes: worked figures, many digits, and what they are when every class is drawn."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_classification import (
    sigmoid_cross_entropy,
    sigmoid_cross_entropy_vjp,
    sparse_softmax_cross_entropy,
    sparse_softmax_cross_entropy_vjp,
)
from assay.reference.losses_sampled import (
    nce_loss,
    nce_loss_vjp,
    sampled_softmax_loss,
    sampled_softmax_loss_vjp,
)

CLASSES, FEATURES, BATCH = 11, 5, 4
WEIGHTS = Stream("weights").normal((CLASSES, FEATURES))
BIASES = Stream("biases").normal((CLASSES,))
INPUTS = Stream("inputs").normal((BATCH, FEATURES))
LABELS = np.array([[3], [0], [10], [3]])
TWO_LABELS = np.array([[3, 1], [0, 7], [10, 3], [3, 2]])
SAMPLED = np.array([3, 8, 10, 5, 8])
LAYER = carried(WEIGHTS), carried(BIASES), carried(INPUTS)
COTANGENT = carried(Stream("cotangent").normal((BATCH,)))
EVERY = np.arange(CLASSES)


def counts(labels, sampled):
    """Expected counts of both, by class."""
    of_class = 0.25 + Stream("expected").uniform((CLASSES,))
    return carried(of_class[labels]), carried(of_class[sampled])


def equal_counts(labels, sampled, count=1.0):
    return carried(np.full(labels.shape, count)), carried(np.full(sampled.shape, count))


def scores():
    weights, biases, inputs = LAYER
    return np.einsum("bf,cf->bc", inputs, weights) + biases


def through_layer(of_scores):
    """Gradients of weights, biases and inputs from those of the scores of every class."""
    weights, _, inputs = LAYER
    return (
        np.einsum("bc,bf->cf", of_scores, inputs),
        np.sum(of_scores, axis=0),
        np.einsum("bc,cf->bf", of_scores, weights),
    )


# --- worked figures ---

ZERO = carried(np.zeros((4, 2))), carried(np.zeros(4)), carried(np.array([[1.0, -2.0]]))
ONE_LABEL = np.array([[2]])
TWICE = np.array([0, 3])


@proves(sampled_softmax_loss, sampled_softmax_loss_vjp, by="worked figures")
def test_sampled_softmax_of_equal_scores_counts_candidates_by_their_expectation():
    # exp of the corrected logits: 1 for the label, 1/2 for each of two candidates; the label has half of it.
    given = (*ZERO, ONE_LABEL, TWICE, carried(np.array([[1.0]])), carried(np.array([2.0, 2.0])))
    assert_same(sampled_softmax_loss(*given), [mpmath.log(2)])
    of_weights, of_biases, of_inputs = sampled_softmax_loss_vjp(*given, carried(np.array([4.0])))
    assert_same(of_biases, [1.0, 0.0, -2.0, 1.0])
    assert_same(of_weights, [[1.0, -2.0], [0.0, 0.0], [-2.0, 4.0], [1.0, -2.0]])
    assert_same(of_inputs, np.zeros((1, 2)))


@proves(nce_loss, nce_loss_vjp, by="worked figures")
def test_nce_of_equal_scores_is_the_logistic_loss_of_the_expected_counts():
    # Logits 0, -log 3 and -log 3: the losses are log 2, log 4/3 and log 4/3.
    given = (*ZERO, ONE_LABEL, TWICE, carried(np.array([[1.0]])), carried(np.array([3.0, 3.0])))
    assert_same(nce_loss(*given), [mpmath.log(2) + 2 * mpmath.log(mpmath.mpf(4) / 3)])
    of_weights, of_biases, of_inputs = nce_loss_vjp(*given, carried(np.array([4.0])))
    assert_same(of_biases, [1.0, 0.0, -2.0, 1.0])
    assert_same(of_weights, [[1.0, -2.0], [0.0, 0.0], [-2.0, 4.0], [1.0, -2.0]])
    assert_same(of_inputs, np.zeros((1, 2)))


@proves(sampled_softmax_loss, nce_loss, by="high precision")
@pytest.mark.parametrize("correction", ["all", "sampled", "none"])
@pytest.mark.parametrize("accidental_hits", ["keep", "remove"])
def test_losses_agree_with_many_digits(correction, accidental_hits):
    of_true, of_sampled = counts(TWO_LABELS, SAMPLED)
    given = (*LAYER, TWO_LABELS, SAMPLED, of_true, of_sampled)
    options = {"correction": correction, "accidental_hits": accidental_hits}
    softmax, logistic = [], []
    with mpmath.workdps(60):
        for row, labels, expected in zip(INPUTS, TWO_LABELS, of_true.value, strict=True):

            def score(place, row=row):
                products = zip(WEIGHTS[place], row, strict=True)
                return mpmath.fsum(mpmath.mpf(w) * mpmath.mpf(x) for w, x in products) + BIASES[place]

            true = [
                score(c) - (mpmath.log(q) if correction == "all" else 0)
                for c, q in zip(labels, expected, strict=True)
            ]
            noise = [
                score(c) - (mpmath.log(q) if correction != "none" else 0)
                for c, q in zip(SAMPLED, of_sampled.value, strict=True)
                if accidental_hits == "keep" or c not in labels
            ]
            total = mpmath.log(mpmath.fsum(mpmath.exp(o) for o in true + noise))
            softmax.append(mpmath.fsum(total - o for o in true) / 2)
            halves = [mpmath.log1p(mpmath.exp(-o)) + mpmath.log1p(mpmath.exp(o)) for o in true]
            logistic.append(mpmath.fsum(halves) / 2 + mpmath.fsum(mpmath.log1p(mpmath.exp(o)) for o in noise))
    assert_same(sampled_softmax_loss(*given, **options), softmax)
    assert_same(nce_loss(*given, **options), logistic)


# --- laws ---


@proves(sampled_softmax_loss, sparse_softmax_cross_entropy, by="law")
@pytest.mark.parametrize("count", [1.0, 0.3])
def test_with_every_class_as_candidate_sampled_softmax_is_the_full_one(count):
    loss = sampled_softmax_loss(*LAYER, LABELS, EVERY, *equal_counts(LABELS, EVERY, count))
    assert_same(loss, sparse_softmax_cross_entropy(scores(), LABELS[:, 0], reduction="none"))


@proves(sampled_softmax_loss_vjp, by="law")
def test_with_every_class_as_candidate_its_gradient_is_the_full_one():
    given = (*LAYER, LABELS, EVERY, *equal_counts(LABELS, EVERY))
    (of_scores,) = sparse_softmax_cross_entropy_vjp(scores(), LABELS[:, 0], None, COTANGENT, reduction="none")
    assert_same(sampled_softmax_loss_vjp(*given, COTANGENT), through_layer(of_scores))


@proves(nce_loss, sigmoid_cross_entropy, by="law")
def test_with_every_class_as_candidate_nce_is_one_logistic_loss_for_each_class():
    options = {"correction": "none", "accidental_hits": "remove"}
    loss = nce_loss(*LAYER, LABELS, EVERY, *counts(LABELS, EVERY), **options)
    one_hot = np.eye(CLASSES)[LABELS[:, 0]]
    assert_same(loss, np.sum(sigmoid_cross_entropy(scores(), one_hot, reduction="none"), axis=-1))


@proves(nce_loss_vjp, by="law")
def test_with_every_class_as_candidate_its_gradient_is_that_of_logistic_losses():
    options = {"correction": "none", "accidental_hits": "remove"}
    given = (*LAYER, LABELS, EVERY, *counts(LABELS, EVERY))
    cotangent = np.broadcast_to(COTANGENT[:, np.newaxis], (BATCH, CLASSES))
    one_hot = np.eye(CLASSES)[LABELS[:, 0]]
    of_scores, _ = sigmoid_cross_entropy_vjp(scores(), one_hot, None, cotangent, reduction="none")
    assert_same(nce_loss_vjp(*given, COTANGENT, **options), through_layer(of_scores))


@proves(sampled_softmax_loss, nce_loss, by="law")
def test_several_true_classes_count_evenly():
    # Logistic losses of true classes add; each is met once with target 1, and both once with target 1/2.
    of_true, of_sampled = counts(TWO_LABELS, SAMPLED)
    both = (*LAYER, TWO_LABELS, SAMPLED, of_true, of_sampled)
    ones = [
        nce_loss(*LAYER, TWO_LABELS[:, k : k + 1], SAMPLED, of_true[:, k : k + 1], of_sampled)
        for k in range(2)
    ]
    noise = nce_loss(*LAYER, TWO_LABELS[:, :0], SAMPLED, of_true[:, :0], of_sampled, true_target="one")
    assert_same(nce_loss(*both, true_target="one"), ones[0] + ones[1] - noise)
    twice = np.concatenate([LABELS, LABELS], axis=1)
    given = (*LAYER, twice, SAMPLED, *counts(twice, SAMPLED))
    assert_same(
        np.exp(sampled_softmax_loss(*given)) - 1.0,
        np.exp(sampled_softmax_loss(*LAYER, LABELS, SAMPLED, *counts(LABELS, SAMPLED))),
    )


@proves(sampled_softmax_loss, by="law")
def test_a_candidate_that_stands_twice_is_one_expected_half_as_often():
    labels, once, twice = LABELS[:1], np.array([5, 8]), np.array([5, 8, 8])
    layer = (*LAYER[:2], LAYER[2][:1])
    of_true, of_once = equal_counts(labels, once)
    halved = of_once * carried(np.array([1.0, 0.5]))
    assert_same(
        sampled_softmax_loss(*layer, labels, twice, *equal_counts(labels, twice)),
        sampled_softmax_loss(*layer, labels, once, of_true, halved),
    )


@proves(sampled_softmax_loss, nce_loss, by="law")
@pytest.mark.parametrize("loss", [sampled_softmax_loss, nce_loss])
def test_removing_an_accidental_hit_is_leaving_the_candidate_out(loss):
    labels, hit, left = LABELS[:1], np.array([3, 8, 3]), np.array([8])
    layer = (*LAYER[:2], LAYER[2][:1])
    removed = loss(*layer, labels, hit, *counts(labels, hit), accidental_hits="remove")
    assert_same(removed, loss(*layer, labels, left, *counts(labels, left), accidental_hits="keep"))
    last = loss(*layer, labels, hit, *counts(labels, hit), accidental_hits="remove_last")
    assert_same(last, loss(*layer, labels, hit[:2], *counts(labels, hit[:2]), accidental_hits="keep"))


@proves(sampled_softmax_loss, by="law")
def test_equal_expected_counts_change_no_softmax():
    given = (*LAYER, LABELS, SAMPLED, *equal_counts(LABELS, SAMPLED, 0.125))
    assert_same(sampled_softmax_loss(*given), sampled_softmax_loss(*given, correction="none"))


@pytest.mark.parametrize("vjp", [sampled_softmax_loss_vjp, nce_loss_vjp])
def test_classes_that_no_row_names_have_no_gradient_beside_nan(vjp):
    inputs = INPUTS.copy()
    inputs[1, 2] = np.nan
    given = (WEIGHTS, BIASES, inputs, LABELS, SAMPLED, *(c.value for c in counts(LABELS, SAMPLED)))
    of_weights, of_biases, _ = vjp(*given, np.ones(BATCH))
    named = np.isin(EVERY, [*LABELS.ravel(), *SAMPLED])
    assert not of_weights[~named].any()
    assert not of_biases[~named].any()
    assert np.isnan(of_biases[LABELS[1, 0]])


# --- errors ---


@pytest.mark.parametrize("loss", [sampled_softmax_loss, nce_loss])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": WEIGHTS[0]}, "weights must have the axes"),
        ({"biases": BIASES[1:]}, "biases must have shape"),
        ({"inputs": INPUTS[:, 1:]}, "inputs must have shape"),
        ({"labels": LABELS[:, 0]}, "labels must have the axes"),
        ({"labels": LABELS + 1}, r"labels must be in \[0, 11\); got \[11\]"),
        ({"sampled": -SAMPLED}, r"sampled must be in \[0, 11\); got \[-3\]"),
        ({"sampled": SAMPLED[:, np.newaxis]}, "sampled must have the axes"),
        ({"true_expected": np.ones(BATCH)}, "true_expected must have shape"),
        ({"sampled_expected": np.ones(3)}, "sampled_expected must have shape"),
        ({"accidental_hits": "drop"}, "accidental_hits must be one of keep, remove"),
        ({"correction": "true"}, "correction must be one of all, sampled, none"),
    ],
)
def test_bad_input_is_named(loss, change, message):
    given = {
        "weights": WEIGHTS,
        "biases": BIASES,
        "inputs": INPUTS,
        "labels": LABELS,
        "sampled": SAMPLED,
        "true_expected": np.ones(LABELS.shape),
        "sampled_expected": np.ones(SAMPLED.shape),
    }
    with pytest.raises(ValueError, match=message):
        loss(**(given | change))


def test_unknown_target_of_true_classes_is_named():
    given = WEIGHTS, BIASES, INPUTS, LABELS, SAMPLED, np.ones(LABELS.shape), np.ones(SAMPLED.shape)
    with pytest.raises(ValueError, match="true_target must be share or one; got 'half'"):
        nce_loss(*given, true_target="half")
