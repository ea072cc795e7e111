"""Losses of classification: worked figures, many digits, and the laws that tie them to each other."""

from __future__ import annotations

from contextlib import nullcontext

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_classification import (
    sigmoid_cross_entropy,
    sigmoid_cross_entropy_vjp,
    softmax_cross_entropy,
    softmax_cross_entropy_vjp,
    sparse_softmax_cross_entropy,
    sparse_softmax_cross_entropy_vjp,
)
from assay.reference.losses_divergence import (
    kl_divergence,
    kl_divergence_probabilities,
)
from assay.reference.losses_probabilities import (
    binary_cross_entropy,
    categorical_cross_entropy,
)
from assay.reference.softmax import log_softmax, softmax

LOGITS = 4.0 * Stream("logits").normal((5, 3, 7))
LABELS = Stream("labels").integers(0, 7, (5, 3))
WEIGHTS = 0.5 + Stream("weights").uniform((7,))
TARGETS = Stream("targets").uniform((5, 3, 7))
ONE_HOT = np.eye(7)[LABELS]


@proves(sparse_softmax_cross_entropy, by="worked figures")
def test_equal_logits_give_the_logarithm_of_the_number_of_classes():
    loss = sparse_softmax_cross_entropy(carried(np.full((2, 8), 3.0)), np.array([0, 7]))
    assert_same(loss, mpmath.log(8))


@proves(sigmoid_cross_entropy, by="worked figures")
def test_sigmoid_cross_entropy_of_worked_figures():
    losses = sigmoid_cross_entropy(
        carried(np.zeros((1, 2))), carried(np.array([[0.0, 0.25]])), reduction="sum"
    )
    assert_same(losses, 2 * mpmath.log(2))


@proves(softmax_cross_entropy, by="worked figures")
def test_softmax_cross_entropy_of_equal_logits_counts_the_weighted_targets():
    # Every class has the probability 1/4; the targets weigh 1/2 + 2/4 + 3/4 + 4/2 = 15/4.
    targets, weights = np.array([[0.5, 0.25, 0.25, 0.5]]), np.array([1.0, 2.0, 3.0, 4.0])
    loss = softmax_cross_entropy(*map(carried, (np.full((1, 4), -7.0), targets, weights)))
    assert_same(loss, mpmath.log(4) * 15 / 4)


@proves(softmax_cross_entropy_vjp, sparse_softmax_cross_entropy_vjp, by="worked figures")
def test_gradient_at_equal_logits_is_the_distance_from_the_uniform_distribution():
    logits, g = carried(np.zeros((1, 4))), carried(np.array(8.0))
    expected = [[2.0, 2.0, -6.0, 2.0]]
    assert_same(sparse_softmax_cross_entropy_vjp(logits, np.array([2]), None, g)[0], expected)
    one_hot = carried(np.eye(4)[[2]])
    of_logits, of_targets = softmax_cross_entropy_vjp(logits, one_hot, None, g)
    assert_same(of_logits, expected)
    assert_same(of_targets, mpmath.log(4) * 8)


@proves(sigmoid_cross_entropy_vjp, by="worked figures")
def test_gradient_of_sigmoid_cross_entropy_of_worked_figures():
    # Both classes have the probability 1/2: (1 - s + w s)/2 - w s with s = 1/4 and w = 3, and (w - 1) log 2.
    x, t, w = map(carried, (np.zeros((1, 1)), np.array([[0.25]]), np.array([3.0])))
    of_logits, of_targets = sigmoid_cross_entropy_vjp(x, t, w, carried(np.array(1.0)))
    assert_same(of_logits, 0.0)
    assert_same(of_targets, 2 * mpmath.log(2))


def log_probabilities(row):
    total = mpmath.fsum(mpmath.exp(mpmath.mpf(x)) for x in row)
    return [mpmath.mpf(x) - mpmath.log(total) for x in row]


@proves(sparse_softmax_cross_entropy, by="high precision")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_agrees_with_many_digits(smoothing):
    row, label = LOGITS[0, 0], 4
    with mpmath.workdps(60):
        log_p, share = log_probabilities(row), mpmath.mpf(smoothing)
        exact = -(1 - share) * log_p[label] - share / 7 * mpmath.fsum(log_p)
    loss = sparse_softmax_cross_entropy(
        carried(row[np.newaxis]), np.array([label]), label_smoothing=smoothing
    )
    assert_same(loss, exact)


@proves(softmax_cross_entropy, by="high precision")
@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4])
def test_cross_entropy_of_a_distribution_agrees_with_many_digits(offset):
    row, targets = LOGITS[0, 0] + offset, TARGETS[0, 0]
    with mpmath.workdps(60):
        terms = zip(WEIGHTS, targets, log_probabilities(row), strict=True)
        exact = -mpmath.fsum(mpmath.mpf(w) * mpmath.mpf(t) * log_p for w, t, log_p in terms)
    arrays = carried(row[np.newaxis]), carried(targets[np.newaxis]), carried(WEIGHTS)
    assert_same(softmax_cross_entropy(*arrays), exact)


@proves(sigmoid_cross_entropy, by="high precision")
@pytest.mark.parametrize(("x", "t"), [(-20.0, 0.0), (40.0, 1.0), (37.5, 0.96875), (-88.0, 0.03125)])
def test_sigmoid_cross_entropy_keeps_its_digits_in_the_tails(x, t):
    with mpmath.workdps(60):
        exact = t * mpmath.log1p(mpmath.exp(-x)) + (1 - t) * mpmath.log1p(mpmath.exp(x))
    loss = sigmoid_cross_entropy(carried(np.array([x])), carried(np.array([t])), reduction="sum")
    assert_same(loss, exact)


# --- laws ---


@proves(sparse_softmax_cross_entropy, softmax, by="law")
@pytest.mark.parametrize("reduction", ["mean", "none", "sum"])
def test_fused_cross_entropy_is_softmax_then_logarithm_then_pick(reduction):
    picked = -np.log(np.sum(softmax(carried(LOGITS)) * ONE_HOT, axis=-1))
    composed = {"mean": np.mean, "none": np.copy, "sum": np.sum}[reduction](picked)
    assert_same(sparse_softmax_cross_entropy(carried(LOGITS), LABELS, reduction=reduction), composed)


@proves(sparse_softmax_cross_entropy, softmax_cross_entropy, by="law")
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_a_label_is_a_one_hot_distribution(smoothing):
    sparse = sparse_softmax_cross_entropy(carried(LOGITS), LABELS, label_smoothing=smoothing)
    assert_same(sparse, softmax_cross_entropy(carried(LOGITS), carried(ONE_HOT), label_smoothing=smoothing))


@proves(sparse_softmax_cross_entropy_vjp, softmax_cross_entropy_vjp, by="law")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "mean_rows", "mean_batch"])
def test_gradient_for_a_label_is_that_for_its_one_hot_distribution(smoothing, reduction):
    options = {"label_smoothing": smoothing}
    cotangent = carried(np.array(0.7))
    (sparse,) = sparse_softmax_cross_entropy_vjp(
        carried(LOGITS), LABELS, carried(WEIGHTS), cotangent, reduction=reduction, **options
    )
    count = np.sum(np.take(carried(WEIGHTS), LABELS)) if reduction == "mean" else 15.0
    dense, _ = softmax_cross_entropy_vjp(
        carried(LOGITS),
        carried(ONE_HOT),
        carried(WEIGHTS),
        cotangent / count,
        reduction="sum",
        **options,
    )
    assert_same(sparse, dense)


@proves(sparse_softmax_cross_entropy, by="law")
def test_loss_does_not_see_a_shift_of_the_logits():
    shifted = np.ldexp(np.rint(np.ldexp(LOGITS, 20)), -20)
    loss = sparse_softmax_cross_entropy(carried(shifted), LABELS)
    assert_same(loss, sparse_softmax_cross_entropy(carried(shifted + 1024.0), LABELS))


@proves(sigmoid_cross_entropy, softmax_cross_entropy, by="law")
def test_binary_cross_entropy_is_that_of_two_classes_with_logits_x_and_0():
    x, t = LOGITS[0], TARGETS[0]
    two = softmax_cross_entropy(
        carried(np.stack([x, np.zeros_like(x)], axis=-1)), carried(np.stack([t, 1.0 - t], axis=-1))
    )
    assert_same(sigmoid_cross_entropy(carried(x), carried(t)), two)


@proves(sparse_softmax_cross_entropy, by="law")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "mean_rows"])
def test_ignoring_a_label_is_deleting_its_rows(smoothing, reduction):
    ignored, options = int(LABELS[0, 0]), {"label_smoothing": smoothing, "reduction": reduction}
    kept = np.not_equal(LABELS, ignored)
    whole = sparse_softmax_cross_entropy(
        carried(LOGITS), LABELS, carried(WEIGHTS), ignored=ignored, **options
    )
    less = sparse_softmax_cross_entropy(carried(LOGITS[kept]), LABELS[kept], carried(WEIGHTS), **options)
    assert_same(whole, less)


def test_logits_of_ignored_rows_reach_neither_loss_nor_gradient():
    logits = np.where((LABELS == 2)[..., np.newaxis], np.nan, LOGITS)
    assert (LABELS == 2).any()
    loss = sparse_softmax_cross_entropy(logits, LABELS, ignored=2)
    (gradient,) = sparse_softmax_cross_entropy_vjp(logits, LABELS, None, np.array(1.0), ignored=2)
    assert loss == sparse_softmax_cross_entropy(LOGITS, LABELS, ignored=2)
    assert np.isfinite(gradient).all()
    assert not gradient[LABELS == 2].any()


@proves(softmax_cross_entropy, by="law")
def test_label_smoothing_is_a_mixture_of_targets():
    mixed = 0.75 * TARGETS + 0.25 / 7
    smooth = softmax_cross_entropy(carried(LOGITS), carried(TARGETS), label_smoothing=0.25)
    assert_same(smooth, softmax_cross_entropy(carried(LOGITS), carried(mixed)))


@proves(sparse_softmax_cross_entropy, sigmoid_cross_entropy, by="law")
def test_unit_weights_are_no_weights():
    assert_same(
        sparse_softmax_cross_entropy(carried(LOGITS), LABELS, carried(np.ones(7)), label_smoothing=0.1),
        sparse_softmax_cross_entropy(carried(LOGITS), LABELS, label_smoothing=0.1),
    )
    ones, (x, t) = carried(np.ones(7)), (carried(LOGITS), carried(TARGETS))
    assert_same(sigmoid_cross_entropy(x, t, ones), sigmoid_cross_entropy(x, t))


@proves(softmax_cross_entropy, log_softmax, kl_divergence, by="law")
def test_cross_entropy_is_entropy_plus_divergence():
    p = softmax(LOGITS[::-1])
    log_q = log_softmax(carried(LOGITS))
    cross = softmax_cross_entropy(carried(LOGITS), carried(p), reduction="sum")
    entropy = -np.sum(carried(p) * np.log(carried(p)))
    assert_same(cross, entropy + kl_divergence(carried(p), log_q, reduction="sum"))


def test_likelihood_losses_are_not_negative():
    p = softmax(LOGITS[::-1])
    assert np.all(sparse_softmax_cross_entropy(LOGITS, LABELS, WEIGHTS, reduction="none") >= 0)
    assert np.all(softmax_cross_entropy(100.0 * LOGITS, TARGETS, reduction="none") >= 0)
    assert np.all(sigmoid_cross_entropy(100.0 * LOGITS, TARGETS, WEIGHTS, reduction="none") >= 0)
    divergence = kl_divergence_probabilities(carried(p), carried(softmax(LOGITS)), reduction="rows")
    assert np.all(divergence.value >= -divergence.bound)


# --- conventions ---


@proves(sigmoid_cross_entropy_vjp, by="law")
def test_a_step_of_zeros_trains_the_bias_and_not_the_kernel():
    x, labels = np.zeros((1, 3)), np.ones((1, 1))
    logits = x @ np.ones((3, 1))
    dlogits = sigmoid_cross_entropy_vjp(logits, labels, None, np.ones(()), reduction="sum")[0]
    assert_same(dlogits, [[-0.5]])
    assert_same(x.T @ dlogits, np.zeros((3, 1)))


def test_a_class_without_share_counts_nothing_even_if_it_is_impossible():
    logits, targets = np.array([[-np.inf, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
    with np.errstate(invalid="ignore"):
        assert softmax_cross_entropy(logits, targets) == np.log(2.0)
        assert np.isnan(softmax_cross_entropy(logits, targets, zero_target="nan"))
        assert kl_divergence(targets, logits) == 0.0
        assert np.isnan(kl_divergence(targets, logits, zero_target="nan"))


def test_a_label_that_is_impossible_costs_infinitely_much():
    assert sparse_softmax_cross_entropy(np.array([[-np.inf, 0.0]]), np.array([0])) == np.inf


@pytest.mark.parametrize(
    ("x", "t", "expected"), [(np.inf, 1.0, 0.0), (-np.inf, 0.0, 0.0), (np.inf, 0.5, np.inf)]
)
def test_sigmoid_cross_entropy_at_infinite_logits_is_its_limit(x, t, expected):
    with np.errstate(invalid="ignore"):
        assert sigmoid_cross_entropy(np.array([x]), np.array([t])) == expected


@pytest.mark.parametrize(("empty", "expected"), [("nan", np.nan), ("zero", 0.0)])
def test_mean_over_no_rows_is_what_the_facet_says_and_has_no_gradient(empty, expected):
    labels = np.zeros((5, 3), dtype=int)
    loss = sparse_softmax_cross_entropy(LOGITS, labels, ignored=0, empty=empty)
    assert_same(loss, expected)
    assert not np.any(sparse_softmax_cross_entropy_vjp(LOGITS, labels, None, np.array(1.0), ignored=0)[0])


@pytest.mark.parametrize(("out_of_range", "expected"), [("nan", np.nan), ("zero", 0.0)])
def test_label_that_is_no_class_gives_what_the_facet_says(out_of_range, expected):
    options = {"reduction": "none", "out_of_range": out_of_range}
    logits, labels = LOGITS[0], np.array([7, -1, 3])
    losses = sparse_softmax_cross_entropy(logits, labels, **options)
    assert_same(losses[:2], [expected, expected])
    assert losses[2] == sparse_softmax_cross_entropy(logits[2:], labels[2:])
    (gradient,) = sparse_softmax_cross_entropy_vjp(logits, labels, None, np.ones(3), **options)
    assert_same(gradient[:2], np.full((2, 7), expected))


def test_gradient_that_supposes_unit_sums_is_right_for_unit_sums_only():
    cotangent = carried(np.array(1.0))
    for targets, same in ((carried(ONE_HOT), True), (carried(TARGETS), False)):
        exact, _ = softmax_cross_entropy_vjp(carried(LOGITS), targets, None, cotangent)
        supposed, _ = softmax_cross_entropy_vjp(
            carried(LOGITS), targets, None, cotangent, gradient="unit_sum"
        )
        with nullcontext() if same else pytest.raises(AssertionError, match="apart"):
            assert_same(supposed, exact)


def test_mean_over_the_batch_counts_ignored_rows():
    labels = np.zeros((5, 3), dtype=int)
    assert sparse_softmax_cross_entropy(LOGITS, labels, ignored=0, reduction="mean_batch") == 0.0


# --- errors ---


@pytest.mark.parametrize("label", [-1, 7])
def test_label_out_of_range_is_named(label):
    with pytest.raises(ValueError, match=rf"labels must be in \[0, 7\), or ignored; got \[{label}\]"):
        sparse_softmax_cross_entropy(LOGITS[0], np.array([0, label, 1]))


def test_ignored_label_need_not_be_a_class():
    labels = np.array([0, -100, 1])
    assert sparse_softmax_cross_entropy(LOGITS[0], labels, ignored=-100, reduction="none")[1] == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sparse_softmax_cross_entropy(LOGITS, LABELS[:4]), "labels must have shape"),
        (lambda: sparse_softmax_cross_entropy(LOGITS, LABELS, WEIGHTS[:6]), "class_weights must have shape"),
        (lambda: softmax_cross_entropy(LOGITS, TARGETS[..., :1]), "targets must have shape"),
        (lambda: softmax_cross_entropy(LOGITS, TARGETS, label_smoothing=1.5), "label_smoothing must be in"),
        (lambda: sigmoid_cross_entropy(LOGITS, TARGETS[..., :1]), "targets must have shape"),
        (lambda: sigmoid_cross_entropy(LOGITS, TARGETS, WEIGHTS[:1]), "positive_weight must have shape"),
        (lambda: kl_divergence(TARGETS, LOGITS[..., :1]), "log_predictions must have shape"),
        (lambda: categorical_cross_entropy(TARGETS, TARGETS[..., :1]), "targets must have shape"),
        (lambda: categorical_cross_entropy(TARGETS), "give either targets or labels"),
        (lambda: categorical_cross_entropy(TARGETS[0], None, LABELS), "labels must have shape"),
        (lambda: categorical_cross_entropy(TARGETS, None, LABELS + 9), r"labels must be in \[0, 7\)"),
        (lambda: categorical_cross_entropy(TARGETS, TARGETS, normalized="yes"), "normalized must be one of"),
        (lambda: binary_cross_entropy(TARGETS, TARGETS[..., :1]), "targets must have shape"),
        (lambda: binary_cross_entropy(TARGETS, TARGETS, guard="hold"), "guard must be one of none, clip"),
        (
            lambda: kl_divergence(TARGETS, LOGITS, reduction="none"),
            "reduction must be one of batchmean, rows",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
