"""Losses of classification: worked figures, many digits, and the laws that tie them to each other."""

from __future__ import annotations

from contextlib import nullcontext

import mpmath
import numpy as np
import pytest
from scipy.special import expit
from support.proof import assert_same, carried, proves

from assay.numerics.carried import carry, finish
from assay.numerics.data import draw_probability
from assay.numerics.dtypes import dtype
from assay.numerics.generator import Stream
from assay.numerics.profiles import profiles
from assay.numerics.tolerance import tolerance
from assay.reference.activations import log_softmax, softmax, softmax_vjp
from assay.reference.losses_classification import (
    binary_cross_entropy,
    binary_cross_entropy_vjp,
    categorical_cross_entropy,
    categorical_cross_entropy_vjp,
    kl_divergence,
    kl_divergence_probabilities,
    kl_divergence_probabilities_vjp,
    kl_divergence_vjp,
    kl_divergence_with_log_targets,
    kl_divergence_with_log_targets_vjp,
    sigmoid_cross_entropy,
    sigmoid_cross_entropy_vjp,
    softmax_cross_entropy,
    softmax_cross_entropy_vjp,
    sparse_softmax_cross_entropy,
    sparse_softmax_cross_entropy_vjp,
)

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


@proves(kl_divergence_probabilities, by="worked figures")
def test_kl_divergence_of_worked_figures():
    p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    assert_same(kl_divergence_probabilities(carried(p), carried(q)), mpmath.log(mpmath.mpf(4) / 3) / 2)


@proves(kl_divergence, kl_divergence_with_log_targets, by="worked figures")
def test_kl_divergence_of_powers_of_one_half():
    # 1/2 (log 1/2 - log 1/4) + 1/4 (log 1/4 - log 1/4) + 1/4 (log 1/4 - log 1/2) = 1/4 log 2.
    p, q = np.array([[0.5, 0.25, 0.25]]), carried(np.array([[0.25, 0.25, 0.5]]))
    assert_same(kl_divergence(carried(p), np.log(q)), mpmath.log(2) / 4)
    assert_same(kl_divergence_with_log_targets(np.log(carried(p)), np.log(q)), mpmath.log(2) / 4)


@proves(kl_divergence_vjp, kl_divergence_with_log_targets_vjp, by="worked figures")
@proves(kl_divergence_probabilities_vjp, by="worked figures")
def test_gradients_of_kl_divergence_at_powers_of_one_half():
    p, q, g = map(carried, (np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.25, 0.5]]), np.array(1.0)))
    slopes = [1 + mpmath.log(2), mpmath.mpf(1), 1 - mpmath.log(2)]  # 1 + log p - log q
    assert_same(kl_divergence_vjp(p, np.log(q), g), ([slopes], [[-0.5, -0.25, -0.25]]))
    assert_same(kl_divergence_probabilities_vjp(p, q, g), ([slopes], [[-2.0, -1.0, -0.5]]))
    weighted = [slope * share for slope, share in zip(slopes, p.value[0], strict=True)]
    of_logarithms = kl_divergence_with_log_targets_vjp(np.log(p), np.log(q), g)
    assert_same(of_logarithms, ([weighted], [[-0.5, -0.25, -0.25]]))


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


@proves(kl_divergence, by="high precision")
def test_kl_divergence_agrees_with_many_digits():
    p, x = softmax(LOGITS[0]), LOGITS[1]
    with mpmath.workdps(60):
        exact = mpmath.fsum(
            mpmath.mpf(s) * (mpmath.log(s) - mpmath.mpf(t)) for s, t in zip(p.ravel(), x.ravel(), strict=True)
        )
    assert_same(kl_divergence(carried(p), carried(x), reduction="sum"), exact)


@proves(kl_divergence_with_log_targets, by="high precision")
def test_kl_divergence_of_log_probabilities_agrees_with_many_digits():
    t, x = 100.0 * LOGITS[0] - 300.0, LOGITS[1]
    with mpmath.workdps(60):
        pairs = [(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(t.ravel(), x.ravel(), strict=True)]
        terms = np.reshape([mpmath.exp(a) * (a - b) for a, b in pairs], t.shape)
    assert_same(kl_divergence_with_log_targets(carried(t), carried(x), reduction="elements"), terms)


@proves(kl_divergence_probabilities, by="high precision")
def test_kl_divergence_of_probabilities_agrees_with_many_digits():
    # The distributions of Kullback (1959), Information theory and statistics, example 2.1: a binomial one
    # with p = 0.4 beside the uniform one.
    p, q = np.array([[0.36, 0.48, 0.16]]), np.full((1, 3), 1 / 3)
    for one, other in ((p, q), (q, p)):
        with mpmath.workdps(60):
            pairs = [(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(one[0], other[0], strict=True)]
            exact = mpmath.fsum(a * mpmath.log(a / b) for a, b in pairs)
        assert_same(kl_divergence_probabilities(carried(one), carried(other)), exact)


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


@proves(kl_divergence, kl_divergence_with_log_targets, kl_divergence_probabilities, by="law")
def test_divergence_takes_targets_and_predictions_in_any_domain():
    p, log_q = softmax(LOGITS), log_softmax(LOGITS[::-1])
    whole = kl_divergence(carried(p), carried(log_q), reduction="sum")
    assert_same(whole, kl_divergence_with_log_targets(np.log(carried(p)), carried(log_q), reduction="sum"))
    assert_same(whole, kl_divergence_probabilities(carried(p), np.exp(carried(log_q)), reduction="sum"))


@proves(kl_divergence_probabilities, kl_divergence_with_log_targets, by="law")
def test_divergence_of_a_distribution_from_itself_is_zero():
    p = carried(softmax(LOGITS))
    plain = p.value
    assert_same(kl_divergence_probabilities(plain, plain, reduction="elements"), 0.0)
    assert_same(kl_divergence_with_log_targets(np.log(plain), np.log(plain), reduction="elements"), 0.0)


def test_likelihood_losses_are_not_negative():
    p = softmax(LOGITS[::-1])
    assert np.all(sparse_softmax_cross_entropy(LOGITS, LABELS, WEIGHTS, reduction="none") >= 0)
    assert np.all(softmax_cross_entropy(100.0 * LOGITS, TARGETS, reduction="none") >= 0)
    assert np.all(sigmoid_cross_entropy(100.0 * LOGITS, TARGETS, WEIGHTS, reduction="none") >= 0)
    divergence = kl_divergence_probabilities(carried(p), carried(softmax(LOGITS)), reduction="rows")
    assert np.all(divergence.value >= -divergence.bound)


@proves(kl_divergence, by="law")
@pytest.mark.parametrize(("reduction", "divisor"), [("batchmean", 15), ("mean", 105), ("sum", 1)])
def test_reductions_of_a_divergence_divide_by_rows_or_terms(reduction, divisor):
    terms = kl_divergence(carried(TARGETS), carried(LOGITS), reduction="elements")
    assert_same(
        kl_divergence(carried(TARGETS), carried(LOGITS), reduction=reduction), np.sum(terms) / divisor
    )


# --- losses of probabilities ---

P = carried(np.array([[0.5, 0.25, 0.0], [0.25, 0.25, 1.0]]))
T = carried(np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]))
ROW_COTANGENT = carried(np.array([2.0, 4.0]))
LOG_2 = mpmath.log(2)


@proves(categorical_cross_entropy, categorical_cross_entropy_vjp, by="worked figures")
def test_categorical_cross_entropy_of_worked_figures():
    assert_same(categorical_cross_entropy(P, T), [3 * LOG_2 / 2, 2 * LOG_2])
    of_predictions, _ = categorical_cross_entropy_vjp(P, T, None, ROW_COTANGENT)
    assert_same(of_predictions, [[-2.0, -4.0, 0.0], [0.0, -16.0, 0.0]])


@proves(categorical_cross_entropy, categorical_cross_entropy_vjp, by="worked figures")
def test_labels_and_rows_of_any_sum_of_worked_figures():
    # Divided by their sums, the probabilities of the labels are 2/3 and 1/6.
    labels = np.array([0, 1])
    losses = categorical_cross_entropy(P, None, labels, normalized="before")
    assert_same(losses, [mpmath.log(mpmath.mpf(3) / 2), mpmath.log(6)])
    of_predictions, of_targets = categorical_cross_entropy_vjp(
        P, None, labels, ROW_COTANGENT, normalized="before"
    )
    third = mpmath.mpf(8) / 3
    assert_same(of_predictions, [[third - 4, third, third], [third, third - 16, third]])
    assert of_targets is None


@proves(binary_cross_entropy, binary_cross_entropy_vjp, by="worked figures")
def test_binary_cross_entropy_of_worked_figures():
    p, t = carried(np.array([[0.5, 0.25]])), carried(np.array([[1.0, 0.5]]))
    assert_same(binary_cross_entropy(p, t), [[LOG_2, 2 * LOG_2 - mpmath.log(3) / 2]])
    of_predictions, of_targets = binary_cross_entropy_vjp(p, t, carried(np.array([[3.0, 3.0]])))
    assert_same(of_predictions, [[-6.0, -4.0]])
    assert_same(of_targets, [[0.0, 3 * mpmath.log(3)]])


@proves(categorical_cross_entropy, binary_cross_entropy, by="high precision")
@pytest.mark.parametrize("epsilon", [1e-7, 1e-3])
def test_clipped_losses_agree_with_many_digits(epsilon):
    p, t = np.array([0.0, 1e-5, 0.3, 0.75, 1.0]), np.array([1.0, 0.25, 0.5, 0.0, 0.125])
    with mpmath.workdps(60):
        low, high = mpmath.mpf(epsilon), mpmath.mpf(1.0 - epsilon)
        held = [min(max(mpmath.mpf(q), low), high) for q in p]
        terms = [
            -share * mpmath.log(q) - (1 - share) * mpmath.log(1 - q) for share, q in zip(t, held, strict=True)
        ]
        exact = -mpmath.fsum(share * mpmath.log(q) for share, q in zip(t, held, strict=True))
    rows = carried(p[np.newaxis]), carried(t[np.newaxis])
    assert_same(categorical_cross_entropy(*rows, epsilon=epsilon), [exact])
    assert_same(binary_cross_entropy(*rows, guard="clip", epsilon=epsilon), [terms])


@proves(categorical_cross_entropy, softmax_cross_entropy, by="law")
@pytest.mark.parametrize("normalized", ["none", "before"])
def test_cross_entropy_of_logits_is_that_of_their_softmax(normalized):
    logits, targets = carried(LOGITS[0]), carried(TARGETS[0])
    after = categorical_cross_entropy(softmax(logits), targets, normalized=normalized)
    assert_same(after, softmax_cross_entropy(logits, targets, reduction="none"))


@proves(categorical_cross_entropy_vjp, softmax_cross_entropy_vjp, by="law")
def test_gradient_through_the_softmax_is_that_of_the_logits():
    logits, targets, rows = carried(LOGITS[0]), carried(TARGETS[0]), carried(np.array([1.0, -2.0, 0.5]))
    of_p, of_targets = categorical_cross_entropy_vjp(softmax(logits), targets, None, rows)
    expected = softmax_cross_entropy_vjp(logits, targets, None, rows, reduction="none")
    assert_same((*softmax_vjp(logits, of_p), of_targets), expected)


@proves(binary_cross_entropy, sigmoid_cross_entropy, by="law")
def test_binary_cross_entropy_of_logits_is_that_of_their_sigmoid():
    logits, targets = carried(LOGITS[0]), carried(TARGETS[0])
    losses = binary_cross_entropy(expit(logits), targets)
    assert_same(losses, sigmoid_cross_entropy(logits, targets, reduction="none"))


@proves(binary_cross_entropy_vjp, by="law")
def test_bounded_gradient_of_binary_cross_entropy_is_exact_away_from_the_ends():
    p, t, g = carried(expit(LOGITS[0])), carried(TARGETS[0]), carried(LOGITS[1])
    bounded = binary_cross_entropy_vjp(p, t, g, guard="log", gradient="bounded")
    assert_same(bounded, binary_cross_entropy_vjp(p, t, g))


@proves(categorical_cross_entropy, by="law")
def test_one_class_is_a_distribution_with_one_share():
    p = carried(softmax(LOGITS[0]) * 0.5)
    for normalized in ("none", "before"):
        of_labels = categorical_cross_entropy(p, None, LABELS[0], normalized=normalized)
        assert_same(of_labels, categorical_cross_entropy(p, carried(ONE_HOT[0]), normalized=normalized))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"guard": "none"}, np.inf),
        ({"guard": "log"}, 100.0),
        ({"guard": "clip"}, -np.log(1e-7)),
        ({"guard": "add", "epsilon": 1e-3}, -np.log(1e-3)),
    ],
)
def test_what_an_impossible_target_costs_depends_on_the_guard(options, expected):
    with np.errstate(divide="ignore", invalid="ignore"):
        assert binary_cross_entropy(np.zeros((1, 1)), np.ones((1, 1)), **options) == expected
        assert categorical_cross_entropy(np.array([[0.0, 1.0]]), None, np.array([0])) == np.inf


@pytest.mark.parametrize(("zero_target", "expected"), [("zero", 0.0), ("nan", np.nan)])
def test_gradient_of_a_class_without_share_and_probability_is_what_the_facet_says(zero_target, expected):
    with np.errstate(divide="ignore", invalid="ignore"):
        (gradient, _) = categorical_cross_entropy_vjp(
            np.array([[0.0, 1.0]]), None, np.array([1]), np.ones(1), zero_target=zero_target
        )
    assert_same(gradient, [[expected, -1.0]])


def test_clipped_probabilities_have_no_gradient():
    p, t = np.array([[0.0, 1.0, 0.5]]), np.array([[1.0, 1.0, 0.0]])
    gradient, _ = categorical_cross_entropy_vjp(p, t, None, np.ones(1), epsilon=1e-3)
    assert not gradient.any()
    gradient, _ = binary_cross_entropy_vjp(p, 1.0 - t, np.ones((1, 3)), guard="clip")
    assert_same(gradient, [[0.0, 0.0, -2.0]])


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


@pytest.mark.parametrize(
    ("zero_gradient", "expected"), [("infinite", -np.inf), ("zero", 0.0), ("nan", np.nan)]
)
def test_gradient_with_respect_to_a_target_of_zero_is_what_the_facet_says(zero_gradient, expected):
    p, x = np.array([[0.0, 1.0]]), np.array([[-1.0, -2.0]])
    with np.errstate(divide="ignore"):
        gradient, _ = kl_divergence_vjp(p, x, np.array(1.0), zero_gradient=zero_gradient)
    assert_same(gradient, [[expected, 3.0]])


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


# --- roundings ---


ORDERS = {
    "g (log p - log q + 1)": lambda log_p, log_q, g: g * ((log_p - log_q) + np.float32(1)),
    "g (log p + 1 - log q)": lambda log_p, log_q, g: g * ((log_p + np.float32(1)) - log_q),
    "g (log p - log q) + g": lambda log_p, log_q, g: g * (log_p - log_q) + g,
    "g (log p + 1) - g log q": lambda log_p, log_q, g: g * (log_p + np.float32(1)) - g * log_q,
    "g log p + (g - g log q)": lambda log_p, log_q, g: g * log_p + (g - g * log_q),
}


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_of_the_gradient_of_a_divergence_is_within_its_tolerance(order):
    """Of single classes too, whose log p is 0 exactly: there an order that adds 1 last rounds once more."""
    float32, stream = profiles("float32")[0], Stream("orders of the gradient")
    for classes in (1, 5):
        p = draw_probability(stream, (1000, classes), dtype("float32"))
        log_q, g = (stream.normal(p.shape).astype(np.float32) for _ in range(2))
        given = (carry(a, float32) for a in (p, log_q, g))
        expected = finish(kl_divergence_vjp(*given, reduction="elements")[0])
        got = ORDERS[order](np.log(p), log_q, g)
        assert np.all(np.abs(got - expected.value) <= tolerance(expected))
