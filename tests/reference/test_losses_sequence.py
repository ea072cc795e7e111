"""Losses of sequences: worked figures, and what masking means."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_classification import (
    sparse_softmax_cross_entropy,
    sparse_softmax_cross_entropy_vjp,
)
from assay.reference.losses_sequence import sequence_cross_entropy, sequence_cross_entropy_vjp

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
