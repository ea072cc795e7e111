"""Losses of classification: worked figures, many digits, and the laws that tie them to each other."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from assay.numerics.carried import carry
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import tolerance
from assay.reference.activations import log_softmax, softmax
from assay.reference.losses_classification import (
    kl_divergence,
    kl_divergence_probabilities,
    kl_divergence_vjp,
    kl_divergence_with_log_targets,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    softmax_cross_entropy_vjp,
    sparse_softmax_cross_entropy,
    sparse_softmax_cross_entropy_vjp,
)

(FLOAT64,) = profiles("float64")
LOGITS = 4.0 * Stream("logits").normal((5, 3, 7))
LABELS = Stream("labels").integers(0, 7, (5, 3))
WEIGHTS = 0.5 + Stream("weights").uniform((7,))
TARGETS = Stream("targets").uniform((5, 3, 7))
ONE_HOT = np.eye(7)[LABELS]


def carried(array):
    return carry(array, FLOAT64)


def agree(left, right):
    """Whether two error-carrying results may be the same numbers."""
    gap = np.abs(left.value - right.value)
    return np.all(gap <= tolerance(left, independent=False) + tolerance(right, independent=False))


def close(got, exact):
    """Whether an error-carrying result is a figure with many digits."""
    return abs(got.value - float(exact)) <= tolerance(got, independent=False)


def test_equal_logits_give_the_logarithm_of_the_number_of_classes():
    loss = sparse_softmax_cross_entropy(carried(np.full((2, 8), 3.0)), np.array([0, 7]))
    assert close(loss, math.log(8))


def test_sigmoid_cross_entropy_of_worked_figures():
    losses = sigmoid_cross_entropy(
        carried(np.zeros((1, 2))), carried(np.array([[0.0, 0.25]])), reduction="sum"
    )
    assert close(losses, 2 * math.log(2))


def test_kl_divergence_of_worked_figures():
    p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    assert close(kl_divergence_probabilities(carried(p), carried(q)), 0.5 * math.log(4 / 3))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_agrees_with_many_digits(smoothing):
    row, label = LOGITS[0, 0], 4
    with mpmath.workdps(60):
        total = mpmath.fsum(mpmath.exp(mpmath.mpf(x)) for x in row)
        log_p = [mpmath.mpf(x) - mpmath.log(total) for x in row]
        share = mpmath.mpf(smoothing)
        exact = -(1 - share) * log_p[label] - share / 7 * mpmath.fsum(log_p)
    loss = sparse_softmax_cross_entropy(
        carried(row[np.newaxis]), np.array([label]), label_smoothing=smoothing
    )
    assert close(loss, exact)


@pytest.mark.parametrize(("x", "t"), [(-20.0, 0.0), (40.0, 1.0), (37.5, 0.96875), (-88.0, 0.03125)])
def test_sigmoid_cross_entropy_keeps_its_digits_in_the_tails(x, t):
    with mpmath.workdps(60):
        exact = t * mpmath.log1p(mpmath.exp(-x)) + (1 - t) * mpmath.log1p(mpmath.exp(x))
    loss = sigmoid_cross_entropy(carried(np.array([x])), carried(np.array([t])), reduction="sum")
    assert close(loss, exact)
    assert tolerance(loss, independent=False) < math.sqrt(FLOAT64.u) * loss.value


def test_kl_divergence_agrees_with_many_digits():
    p, x = softmax(LOGITS[0]), LOGITS[1]
    with mpmath.workdps(60):
        exact = mpmath.fsum(
            mpmath.mpf(s) * (mpmath.log(s) - mpmath.mpf(t)) for s, t in zip(p.ravel(), x.ravel(), strict=True)
        )
    assert close(kl_divergence(carried(p), carried(x), reduction="sum"), exact)


# --- laws ---


@pytest.mark.parametrize("reduction", ["mean", "none", "sum"])
def test_fused_cross_entropy_is_softmax_then_logarithm_then_pick(reduction):
    picked = -np.log(np.sum(softmax(carried(LOGITS)) * ONE_HOT, axis=-1))
    composed = {"mean": np.mean, "none": np.copy, "sum": np.sum}[reduction](picked)
    assert agree(sparse_softmax_cross_entropy(carried(LOGITS), LABELS, reduction=reduction), composed)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_a_label_is_a_one_hot_distribution(smoothing):
    sparse = sparse_softmax_cross_entropy(carried(LOGITS), LABELS, label_smoothing=smoothing)
    assert agree(sparse, softmax_cross_entropy(carried(LOGITS), carried(ONE_HOT), label_smoothing=smoothing))


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
    assert agree(sparse, dense)


def test_loss_does_not_see_a_shift_of_the_logits():
    shifted = np.ldexp(np.rint(np.ldexp(LOGITS, 20)), -20)
    loss = sparse_softmax_cross_entropy(carried(shifted), LABELS)
    assert agree(loss, sparse_softmax_cross_entropy(carried(shifted + 1024.0), LABELS))


def test_binary_cross_entropy_is_that_of_two_classes_with_logits_x_and_0():
    x, t = LOGITS[0], TARGETS[0]
    two = softmax_cross_entropy(
        carried(np.stack([x, np.zeros_like(x)], axis=-1)), carried(np.stack([t, 1.0 - t], axis=-1))
    )
    assert agree(sigmoid_cross_entropy(carried(x), carried(t)), two)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "mean_rows"])
def test_ignoring_a_label_is_deleting_its_rows(smoothing, reduction):
    ignored, options = int(LABELS[0, 0]), {"label_smoothing": smoothing, "reduction": reduction}
    kept = np.not_equal(LABELS, ignored)
    whole = sparse_softmax_cross_entropy(
        carried(LOGITS), LABELS, carried(WEIGHTS), ignored=ignored, **options
    )
    less = sparse_softmax_cross_entropy(carried(LOGITS[kept]), LABELS[kept], carried(WEIGHTS), **options)
    assert agree(whole, less)


def test_logits_of_ignored_rows_reach_neither_loss_nor_gradient():
    logits = np.where((LABELS == 2)[..., np.newaxis], np.nan, LOGITS)
    assert (LABELS == 2).any()
    loss = sparse_softmax_cross_entropy(logits, LABELS, ignored=2)
    (gradient,) = sparse_softmax_cross_entropy_vjp(logits, LABELS, None, np.array(1.0), ignored=2)
    assert loss == sparse_softmax_cross_entropy(LOGITS, LABELS, ignored=2)
    assert np.isfinite(gradient).all()
    assert not gradient[LABELS == 2].any()


def test_label_smoothing_is_a_mixture_of_targets():
    mixed = 0.75 * TARGETS + 0.25 / 7
    smooth = softmax_cross_entropy(carried(LOGITS), carried(TARGETS), label_smoothing=0.25)
    assert agree(smooth, softmax_cross_entropy(carried(LOGITS), carried(mixed)))


def test_unit_weights_are_no_weights():
    assert agree(
        sparse_softmax_cross_entropy(carried(LOGITS), LABELS, carried(np.ones(7)), label_smoothing=0.1),
        sparse_softmax_cross_entropy(carried(LOGITS), LABELS, label_smoothing=0.1),
    )
    ones, (x, t) = carried(np.ones(7)), (carried(LOGITS), carried(TARGETS))
    assert agree(sigmoid_cross_entropy(x, t, ones), sigmoid_cross_entropy(x, t))


def test_cross_entropy_is_entropy_plus_divergence():
    p = softmax(LOGITS[::-1])
    log_q = log_softmax(carried(LOGITS))
    cross = softmax_cross_entropy(carried(LOGITS), carried(p), reduction="sum")
    entropy = -np.sum(carried(p) * np.log(carried(p)))
    assert agree(cross, entropy + kl_divergence(carried(p), log_q, reduction="sum"))


def test_divergence_takes_targets_and_predictions_in_any_domain():
    p, log_q = softmax(LOGITS), log_softmax(LOGITS[::-1])
    whole = kl_divergence(carried(p), carried(log_q), reduction="sum")
    assert agree(whole, kl_divergence_with_log_targets(np.log(carried(p)), carried(log_q), reduction="sum"))
    assert agree(whole, kl_divergence_probabilities(carried(p), np.exp(carried(log_q)), reduction="sum"))


def test_divergence_of_a_distribution_from_itself_is_zero():
    p = carried(softmax(LOGITS))
    assert np.all(kl_divergence_probabilities(p, p, reduction="elements").value == 0.0)
    assert np.all(kl_divergence_with_log_targets(np.log(p), np.log(p), reduction="elements").value == 0.0)


def test_likelihood_losses_are_not_negative():
    p = softmax(LOGITS[::-1])
    assert np.all(sparse_softmax_cross_entropy(LOGITS, LABELS, WEIGHTS, reduction="none") >= 0)
    assert np.all(softmax_cross_entropy(100.0 * LOGITS, TARGETS, reduction="none") >= 0)
    assert np.all(sigmoid_cross_entropy(100.0 * LOGITS, TARGETS, WEIGHTS, reduction="none") >= 0)
    divergence = kl_divergence_probabilities(carried(p), carried(softmax(LOGITS)), reduction="rows")
    assert np.all(divergence.value >= -divergence.bound)


@pytest.mark.parametrize(("reduction", "divisor"), [("batchmean", 15), ("mean", 105), ("sum", 1)])
def test_reductions_of_a_divergence_divide_by_rows_or_terms(reduction, divisor):
    terms = kl_divergence(carried(TARGETS), carried(LOGITS), reduction="elements")
    assert agree(
        kl_divergence(carried(TARGETS), carried(LOGITS), reduction=reduction), np.sum(terms) / divisor
    )


# --- conventions ---


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
    np.testing.assert_array_equal(loss, expected)
    assert not np.any(sparse_softmax_cross_entropy_vjp(LOGITS, labels, None, np.array(1.0), ignored=0)[0])


@pytest.mark.parametrize(("out_of_range", "expected"), [("nan", np.nan), ("zero", 0.0)])
def test_label_that_is_no_class_gives_what_the_facet_says(out_of_range, expected):
    options = {"reduction": "none", "out_of_range": out_of_range}
    logits, labels = LOGITS[0], np.array([7, -1, 3])
    losses = sparse_softmax_cross_entropy(logits, labels, **options)
    np.testing.assert_array_equal(losses[:2], [expected, expected])
    assert losses[2] == sparse_softmax_cross_entropy(logits[2:], labels[2:])
    (gradient,) = sparse_softmax_cross_entropy_vjp(logits, labels, None, np.ones(3), **options)
    np.testing.assert_array_equal(gradient[:2], np.full((2, 7), expected))


def test_gradient_that_supposes_unit_sums_is_right_for_unit_sums_only():
    cotangent = carried(np.array(1.0))
    for targets, same in ((carried(ONE_HOT), True), (carried(TARGETS), False)):
        exact, _ = softmax_cross_entropy_vjp(carried(LOGITS), targets, None, cotangent)
        supposed, _ = softmax_cross_entropy_vjp(
            carried(LOGITS), targets, None, cotangent, gradient="unit_sum"
        )
        assert agree(exact, supposed) == same


@pytest.mark.parametrize(
    ("zero_gradient", "expected"), [("infinite", -np.inf), ("zero", 0.0), ("nan", np.nan)]
)
def test_gradient_with_respect_to_a_target_of_zero_is_what_the_facet_says(zero_gradient, expected):
    p, x = np.array([[0.0, 1.0]]), np.array([[-1.0, -2.0]])
    with np.errstate(divide="ignore"):
        gradient, _ = kl_divergence_vjp(p, x, np.array(1.0), zero_gradient=zero_gradient)
    np.testing.assert_array_equal(gradient, [[expected, 3.0]])


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
        (
            lambda: kl_divergence(TARGETS, LOGITS, reduction="none"),
            "reduction must be one of batchmean, rows",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
