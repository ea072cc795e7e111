"""Losses of sequences: worked figures, and what masking means."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_classification import (
    sparse_softmax_cross_entropy,
    sparse_softmax_cross_entropy_vjp,
)
from assay.reference.losses_sequence import (
    ctc_loss,
    ctc_loss_vjp,
    sequence_cross_entropy,
    sequence_cross_entropy_vjp,
)
from assay.reference.softmax import log_softmax, log_softmax_vjp

LOGITS = 2.0 * Stream("logits").normal((3, 5, 7))
LABELS = Stream("labels").integers(1, 7, (3, 5))
MASK = np.arange(5) < np.array([[5], [2], [3]])
NO_STEPS = MASK & np.array([[True], [False], [True]])
ONE = carried(np.array(1.0))


@proves(sequence_cross_entropy, sequence_cross_entropy_vjp, by="worked figures")
@pytest.mark.parametrize(
    ("average", "loss", "of_first", "of_second"),
    [
        # Losses log 2 and log 4 count in the first sequence, log 4 in the second, of two steps each.
        ("steps", mpmath.mpf(5) / 3, 1 / mpmath.mpf(3), 1 / mpmath.mpf(3)),
        ("sequences", mpmath.mpf(7) / 4, mpmath.mpf(1) / 4, mpmath.mpf(1) / 2),
        ("places", mpmath.mpf(5) / 4, mpmath.mpf(1) / 4, mpmath.mpf(1) / 4),
    ],
)
def test_averages_of_worked_figures(average, loss, of_first, of_second):
    third = np.log(carried(np.array(3.0)))
    probable = np.stack([third, carried(np.array(0.0))])
    likely, unlikely = np.stack([carried(np.array(0.0))] * 2), probable
    logits = np.stack([np.stack([likely, unlikely]), np.stack([unlikely, likely])])
    labels, mask = np.array([[0, 1], [1, 0]]), np.array([[True, True], [True, False]])
    assert_same(sequence_cross_entropy(logits, labels, mask, average=average), loss * mpmath.log(2))
    (gradient,) = sequence_cross_entropy_vjp(logits, labels, mask, ONE, average=average)
    half, most = mpmath.mpf(1) / 2, mpmath.mpf(3) / 4
    expected = [
        [[-half * of_first, half * of_first], [most * of_first, -most * of_first]],
        [[most * of_second, -most * of_second], [mpmath.mpf(0), mpmath.mpf(0)]],
    ]
    assert_same(gradient, expected)


@proves(sequence_cross_entropy, sparse_softmax_cross_entropy, by="law")
@pytest.mark.parametrize(("average", "reduction"), [("steps", "mean_rows"), ("places", "mean_batch")])
def test_masking_is_ignoring_a_label(average, reduction):
    loss = sequence_cross_entropy(carried(LOGITS), LABELS, MASK, average=average)
    ignored = np.where(MASK, LABELS, 0)
    assert_same(loss, sparse_softmax_cross_entropy(carried(LOGITS), ignored, ignored=0, reduction=reduction))


@proves(sequence_cross_entropy_vjp, sparse_softmax_cross_entropy_vjp, by="law")
def test_gradient_of_masking_is_that_of_ignoring_a_label():
    ignored = np.where(MASK, LABELS, 0)
    assert_same(
        sequence_cross_entropy_vjp(carried(LOGITS), LABELS, MASK, ONE),
        sparse_softmax_cross_entropy_vjp(carried(LOGITS), ignored, None, ONE, ignored=0),
    )


@proves(sequence_cross_entropy, by="law")
def test_mean_over_sequences_is_that_of_the_shorter_sequences():
    whole = sequence_cross_entropy(carried(LOGITS), LABELS, MASK, average="sequences")
    each = [
        sparse_softmax_cross_entropy(carried(LOGITS[k, : int(n)]), LABELS[k, : int(n)])
        for k, n in enumerate(MASK.sum(axis=1))
    ]
    assert_same(whole, (each[0] + each[1] + each[2]) / 3.0)


@proves(sequence_cross_entropy, by="law")
def test_without_a_mask_all_averages_are_one():
    every = np.ones_like(MASK)
    steps = sequence_cross_entropy(carried(LOGITS), LABELS, every)
    for average in ("sequences", "places"):
        assert_same(steps, sequence_cross_entropy(carried(LOGITS), LABELS, every, average=average))


@pytest.mark.parametrize(("empty", "expected"), [("nan", np.nan), ("zero", 0.0)])
def test_mean_over_no_steps_is_what_the_facet_says(empty, expected):
    none = np.zeros_like(MASK)
    assert_same(sequence_cross_entropy(LOGITS, LABELS, none, empty=empty), expected)
    of_sequences = sequence_cross_entropy(LOGITS, LABELS, NO_STEPS, average="sequences", empty=empty)
    assert np.isnan(of_sequences) == (empty == "nan")
    assert sequence_cross_entropy(LOGITS, LABELS, none, average="places") == 0.0


@pytest.mark.parametrize("average", ["steps", "sequences"])
def test_gradient_of_a_mean_over_no_steps_is_what_the_facet_says(average):
    none = np.zeros_like(MASK)
    (zero,) = sequence_cross_entropy_vjp(LOGITS, LABELS, none, np.array(1.0), average=average)
    assert not zero.any()
    (nan,) = sequence_cross_entropy_vjp(
        LOGITS, LABELS, none, np.array(1.0), average=average, empty_gradient="nan"
    )
    assert np.isnan(nan).all()


def test_logits_of_masked_steps_reach_neither_loss_nor_gradient():
    logits = np.where(MASK[..., np.newaxis], LOGITS, np.nan)
    assert sequence_cross_entropy(logits, LABELS, MASK) == sequence_cross_entropy(LOGITS, LABELS, MASK)
    (gradient,) = sequence_cross_entropy_vjp(logits, LABELS, MASK, np.array(1.0))
    assert np.isfinite(gradient).all()
    assert not gradient[~MASK].any()


@proves(sequence_cross_entropy, sequence_cross_entropy_vjp, by="law")
@pytest.mark.parametrize("average", ["steps", "sequences", "places"])
def test_multiplying_by_the_mask_leaves_out_all_but_nan(average):
    logits, options = carried(LOGITS), {"average": average, "masking": "multiply"}
    loss = sequence_cross_entropy(logits, LABELS, MASK, average=average)
    assert_same(sequence_cross_entropy(logits, LABELS, MASK, **options), loss)
    (gradient,) = sequence_cross_entropy_vjp(logits, LABELS, MASK, ONE, average=average)
    assert_same(sequence_cross_entropy_vjp(logits, LABELS, MASK, ONE, **options)[0], gradient)
    logits = carried(np.where(MASK[..., np.newaxis], LOGITS, np.nan))
    assert_same(sequence_cross_entropy(logits, LABELS, MASK, **options), np.nan)
    nan_at_masked = np.where(MASK[..., np.newaxis], gradient.value, np.nan)
    assert_same(sequence_cross_entropy_vjp(logits, LABELS, MASK, ONE, **options)[0], nan_at_masked)
    options["masking"] = "select_values"
    assert_same(sequence_cross_entropy(logits, LABELS, MASK, **options), loss)
    assert_same(sequence_cross_entropy_vjp(logits, LABELS, MASK, ONE, **options)[0], nan_at_masked)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sequence_cross_entropy(LOGITS[0], LABELS[0], MASK[0]), "logits must have the axes"),
        (lambda: sequence_cross_entropy(LOGITS, LABELS[:, 1:], MASK), "labels must have shape"),
        (lambda: sequence_cross_entropy(LOGITS, LABELS, MASK[:1]), "mask must have shape"),
        (lambda: sequence_cross_entropy(LOGITS, LABELS, MASK, average="all"), "average must be one of"),
        (lambda: sequence_cross_entropy(LOGITS, LABELS, MASK, masking="drop"), "masking must be one of"),
        (lambda: sequence_cross_entropy(LOGITS, LABELS, MASK, empty="skip"), "empty must be nan or zero"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- labels that stand anywhere ---

SCORES = Stream("scores").normal((4, 5, 4))
RUNS = np.array([[0, 1, 2], [1, 1, 1], [2, 0, 0], [0, 0, 1]])
STEPS, COUNTS = np.array([5, 5, 4, 2]), np.array([3, 3, 1, 0])
EACH = {"reduction": "none"}


def alignments(labels, blank, classes, steps):
    """Every sequence of classes that becomes the labels, as the definition has it."""
    meant = [int(y) + (y >= blank) for y in labels]
    for path in itertools.product(range(classes), repeat=steps):
        merged = [c for c, _ in itertools.groupby(path) if c != blank]
        if merged == meant:
            yield path


def by_enumeration(log_p, labels, blank):
    """Loss and its derivative with respect to ``log_p``, in many digits."""
    steps, classes = log_p.shape
    with mpmath.workdps(40):
        share, total = np.full((steps, classes), mpmath.mpf(0)), mpmath.mpf(0)
        for path in alignments(labels, blank, classes, steps):
            weight = mpmath.exp(mpmath.fsum(mpmath.mpf(log_p[t, c]) for t, c in enumerate(path)))
            total += weight
            share[np.arange(steps), path] += weight
        return -mpmath.log(total), -share / total


@proves(ctc_loss, ctc_loss_vjp, by="high precision")
@pytest.mark.parametrize("blank", [0, 2, 3])
def test_the_loss_of_alignments_is_that_of_all_that_there_are(blank):
    given, options = (RUNS, STEPS, COUNTS), {"blank": blank, "domain": "log_probabilities", **EACH}
    losses = ctc_loss(carried(SCORES), *given, **options)
    (gradient,) = ctc_loss_vjp(carried(SCORES), *given, None, np.ones(4), **options)
    for k, (steps, count) in enumerate(zip(STEPS, COUNTS, strict=True)):
        loss, slopes = by_enumeration(SCORES[k, :steps], RUNS[k, :count], blank)
        assert_same(losses[k], loss)
        assert_same(gradient[k, :steps], slopes)
        assert not gradient.value[k, steps:].any()


@proves(ctc_loss, ctc_loss_vjp, by="worked figures")
def test_one_label_in_two_even_steps():
    # Of nine paths over three classes, three become the label: with a blank before it, behind it, or none.
    even, label = carried(np.zeros((1, 2, 3))), np.array([[0]])
    given = label, None, np.array([1])
    assert_same(ctc_loss(even, *given), mpmath.log(3))
    (gradient,) = ctc_loss_vjp(even, *given, None, ONE)
    # At each step one of the three is at the blank, and two at the label.
    assert_same(gradient, [[[mpmath.mpf(0), -mpmath.mpf(1) / 3, mpmath.mpf(1) / 3]] * 2])


@proves(ctc_loss, ctc_loss_vjp, by="worked figures")
def test_without_labels_every_step_is_a_blank():
    even, none = carried(np.zeros((1, 3, 4))), np.array([0])
    assert_same(ctc_loss(even, np.array([[2]]), None, none), 3 * mpmath.log(4))
    (gradient,) = ctc_loss_vjp(even, np.array([[2]]), None, none, None, ONE)
    quarter = mpmath.mpf(1) / 4
    assert_same(gradient, [[[-3 * quarter, quarter, quarter, quarter]] * 3])


@proves(ctc_loss, ctc_loss_vjp, sparse_softmax_cross_entropy, by="law")
def test_with_a_label_for_each_step_and_no_repeats_it_is_a_likelihood():
    labels = np.array([[0, 2, 1, 2], [1, 0, 1, 2]])
    given = labels, None, np.array([4, 4])
    scores = carried(SCORES[:2, :4])
    likelihood = sparse_softmax_cross_entropy(scores, labels + 1, reduction="none")
    assert_same(ctc_loss(scores, *given, **EACH), np.sum(likelihood, axis=1))
    (gradient,) = ctc_loss_vjp(scores, *given, None, np.ones(2), **EACH)
    expected = sparse_softmax_cross_entropy_vjp(scores, labels + 1, None, np.ones((2, 4)), reduction="none")
    assert_same(gradient, expected[0])


@proves(ctc_loss_vjp, by="law")
@pytest.mark.parametrize("gradient", ["exact", "through_softmax"])
def test_behind_a_logarithm_of_a_softmax_either_gradient_of_log_probabilities_is_that_of_logits(gradient):
    given = RUNS, STEPS, COUNTS
    scores, log_p = carried(SCORES), log_softmax(carried(SCORES))
    (right,) = ctc_loss_vjp(scores, *given, None, np.ones(4), **EACH)
    (of_log_p,) = ctc_loss_vjp(
        log_p, *given, None, np.ones(4), domain="log_probabilities", gradient=gradient, **EACH
    )
    assert_same(log_softmax_vjp(scores, of_log_p)[0], right, size=1)


@proves(ctc_loss_vjp, by="high precision")
def test_log_probabilities_as_they_are_have_the_gradient_that_is_exact_alone():
    given, scores = (RUNS[:1], None, COUNTS[:1]), carried(SCORES[:1])
    of_log_p = {"domain": "log_probabilities"}
    _, slopes = by_enumeration(SCORES[0], RUNS[0], 0)
    assert_same(ctc_loss_vjp(scores, *given, None, ONE, **of_log_p)[0][0], slopes)
    (through,) = ctc_loss_vjp(scores, *given, None, ONE, gradient="through_softmax", **of_log_p)
    assert_same(through[0], np.exp(scores[0]) + carried(slopes.astype(float)))


@proves(ctc_loss, by="law")
def test_steps_and_labels_that_do_not_count_are_as_good_as_none():
    whole = ctc_loss(carried(SCORES), RUNS, STEPS, COUNTS, **EACH)
    poisoned = np.where((np.arange(5) < STEPS[:, np.newaxis])[..., np.newaxis], SCORES, np.nan)
    assert_same(
        ctc_loss(
            carried(poisoned), (RUNS + (np.arange(3) >= COUNTS[:, np.newaxis])) % 3, STEPS, COUNTS, **EACH
        ),
        whole,
    )
    for k, (steps, count) in enumerate(zip(STEPS, COUNTS, strict=True)):
        cut = carried(SCORES[k : k + 1, :steps]), RUNS[k : k + 1, : max(count, 1)], None, COUNTS[k : k + 1]
        assert_same(whole[k : k + 1], ctc_loss(*cut, **EACH))


@proves(ctc_loss, ctc_loss_vjp, by="law")
def test_a_mean_that_divides_by_the_labels_does_so_first():
    given = RUNS, STEPS, COUNTS
    each, share = ctc_loss(carried(SCORES), *given, **EACH), 1.0 / np.maximum(COUNTS, 1)
    assert_same(ctc_loss(carried(SCORES), *given, reduction="mean_labels"), np.mean(each * share))
    (gradient,) = ctc_loss_vjp(carried(SCORES), *given, None, ONE, reduction="mean_labels")
    assert_same(gradient, ctc_loss_vjp(carried(SCORES), *given, None, share / 4, **EACH)[0])


@proves(ctc_loss, ctc_loss_vjp, by="law")
def test_weights_of_samples_multiply_the_losses_of_sequences():
    given, weights = (RUNS, STEPS, COUNTS), np.array([0.0, 0.5, 1.0, 2.0])
    x = carried(SCORES)
    total = np.sum(weights * ctc_loss(x, *given, **EACH))
    assert_same(ctc_loss(x, *given, weights, reduction="mean_weights"), total / 3.5)
    (gradient,) = ctc_loss_vjp(x, *given, weights, ONE, reduction="mean_weights")
    assert_same(gradient, ctc_loss_vjp(x, *given, None, weights / 3.5, **EACH)[0])


def test_no_steps_are_right_for_no_labels_alone():
    given = RUNS[:2], np.array([0, 0]), np.array([0, 1])
    assert_same(ctc_loss(SCORES[:2], *given, **EACH), [0.0, np.inf])
    assert not ctc_loss_vjp(SCORES[:2], *given, None, np.ones(2), **EACH)[0].any()


def test_labels_that_need_more_steps_than_there_are_cost_what_the_facet_says():
    # Two equal labels need a blank between them: three steps.
    scores, given = SCORES[:1, :2], (np.array([[1, 1]]), None, np.array([2]))
    assert ctc_loss(scores, *given) == np.inf
    assert np.isnan(ctc_loss_vjp(scores, *given, None, np.array(1.0))[0]).all()
    assert ctc_loss(scores, *given, infeasible="zero") == 0.0
    assert not ctc_loss_vjp(scores, *given, None, np.array(1.0), infeasible="zero")[0].any()
    assert np.isfinite(ctc_loss(SCORES[:1, :3], *given))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": SCORES[0]}, "logits must have the axes"),
        ({"labels": RUNS[:1]}, "labels must have shape"),
        ({"labels": RUNS[:, 0]}, "labels must have the axes"),
        ({"labels": RUNS + 1}, r"labels must be in \[0, 3\)"),
        ({"logit_lengths": STEPS + 1}, "logit_lengths must be from 0 to 5"),
        ({"logit_lengths": STEPS - 3}, "logit_lengths must be from 0 to 5"),
        ({"label_lengths": COUNTS - 1}, "label_lengths must be from 0 to 3"),
        ({"label_lengths": COUNTS[1:]}, "label_lengths must have shape"),
        ({"blank": 4}, "blank must be one of 4 classes; got 4"),
        ({"blank": -5}, "blank must be one of 4 classes; got -5"),
        ({"domain": "probabilities"}, "domain must be one of logits, log_probabilities"),
        ({"infeasible": "nan"}, "infeasible must be infinity or zero"),
    ],
)
def test_alignments_that_cannot_be_are_named(change, message):
    given = {"logits": SCORES, "labels": RUNS, "logit_lengths": STEPS, "label_lengths": COUNTS}
    with pytest.raises(ValueError, match=message):
        ctc_loss(**(given | change))
