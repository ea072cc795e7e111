"""Losses of language models: worked figures, laws, and what does not count."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.special import expit
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_classification import (
    sigmoid_cross_entropy,
    sparse_softmax_cross_entropy,
    sparse_softmax_cross_entropy_vjp,
)
from assay.reference.losses_divergence import kl_divergence_with_log_targets
from assay.reference.losses_language import (
    dpo_loss,
    dpo_loss_vjp,
    grpo_loss,
    grpo_loss_vjp,
    jsd_distillation,
    jsd_distillation_vjp,
    linear_cross_entropy,
    linear_cross_entropy_vjp,
    token_cross_entropy,
    token_cross_entropy_vjp,
    token_log_probs,
    token_log_probs_vjp,
)
from assay.reference.softmax import log_softmax, softmax

LOGITS = 2.0 * Stream("logits").normal((4, 6))
TEACHER = 2.0 * Stream("teacher").normal((4, 6))
LABELS = np.array([0, 3, 5, 1])
KERNEL, BIAS = Stream("kernel").normal((6, 3)), Stream("bias").normal((6,))
INPUTS = Stream("inputs").normal((4, 3))
ONE = np.array(1.0)
EACH = {"reduction": "none"}
PAIRS = tuple(3.0 * Stream(f"pairs/{k}").normal((5,)) for k in range(4))
NEW, OLD, BEFORE = (Stream(f"tokens/{k}").normal((3, 4)) for k in range(3))
ADVANTAGES = np.array([1.5, -0.75, 0.0])
MASK = np.arange(4) < np.array([[4], [1], [2]])


# --- cross entropies of tokens ---


@proves(linear_cross_entropy, linear_cross_entropy_vjp, by="naive loop")
def test_a_linear_cross_entropy_is_that_of_each_token_alone():
    x, w, b = carried(INPUTS), carried(KERNEL), carried(BIAS)
    whole = linear_cross_entropy(x, w, b, LABELS, **EACH)
    gradients = linear_cross_entropy_vjp(x, w, b, LABELS, None, ONE, reduction="sum")
    parts = [
        linear_cross_entropy_vjp(x[k : k + 1], w, b, LABELS[k : k + 1], None, ONE, reduction="sum")
        for k in range(4)
    ]
    for k in range(4):
        assert_same(whole[k], linear_cross_entropy(x[k : k + 1], w, b, LABELS[k : k + 1]))
        assert_same(gradients[0][k : k + 1], parts[k][0])
    assert_same(gradients[1], parts[0][1] + parts[1][1] + parts[2][1] + parts[3][1])
    assert_same(gradients[2], parts[0][2] + parts[1][2] + parts[2][2] + parts[3][2])


@proves(linear_cross_entropy, by="law")
def test_an_identity_as_kernel_leaves_the_cross_entropy():
    given = carried(LOGITS), np.eye(6), None, LABELS
    expected = sparse_softmax_cross_entropy(carried(LOGITS), LABELS, label_smoothing=0.125)
    assert_same(linear_cross_entropy(*given, label_smoothing=0.125), expected)


@proves(linear_cross_entropy, linear_cross_entropy_vjp, by="law")
def test_a_weight_of_two_is_a_token_that_is_there_twice():
    x, w, b, weights = carried(INPUTS), carried(KERNEL), carried(BIAS), np.array([1.0, 1, 1, 2, 1, 1])
    twice = np.array([0, 1, 1, 2, 3])  # LABELS[1] is 3
    given = x, w, b, LABELS, weights
    repeated = x[twice], w, b, LABELS[twice]
    assert_same(linear_cross_entropy(*given), linear_cross_entropy(*repeated))
    of_x, of_w, of_b = linear_cross_entropy_vjp(*repeated, None, ONE)
    for one, other in zip(linear_cross_entropy_vjp(*given, ONE)[1:], (of_w, of_b), strict=True):
        assert_same(one, other)
    assert_same(linear_cross_entropy_vjp(*given, ONE)[0][1], of_x[1] + of_x[2])


@proves(token_cross_entropy, token_cross_entropy_vjp, sparse_softmax_cross_entropy, by="law")
def test_without_what_is_added_it_is_the_cross_entropy():
    x, options = carried(LOGITS), {"label_smoothing": 0.125, "ignored": 3}
    expected = sparse_softmax_cross_entropy(x, LABELS, reduction="mean_rows", **options)
    assert_same(token_cross_entropy(x, LABELS, **options), expected)
    (of_x,) = sparse_softmax_cross_entropy_vjp(x, LABELS, None, ONE, reduction="mean_rows", **options)
    assert_same(token_cross_entropy_vjp(x, LABELS, ONE, **options)[0], of_x)


@proves(token_cross_entropy, by="high precision")
def test_the_cap_and_the_square_of_the_sum_in_many_digits():
    with mpmath.workdps(40):
        losses = []
        for row, label in zip(LOGITS, LABELS, strict=True):
            z = [2 * mpmath.tanh(mpmath.mpf(float(v)) / 2) for v in row]
            total = mpmath.log(mpmath.fsum(map(mpmath.exp, z)))
            losses.append(total - z[label] + total**2 / 8)
    found = token_cross_entropy(carried(LOGITS), LABELS, z_weight=0.125, softcap=2.0, **EACH)
    assert_same(found, losses)


@proves(token_cross_entropy, token_cross_entropy_vjp, by="worked figures")
def test_two_even_classes_and_the_square_of_log_2():
    x, y = carried(np.zeros((1, 2))), np.array([1])
    log_2 = mpmath.log(2)
    assert_same(token_cross_entropy(x, y, z_weight=1.0), log_2 + log_2**2)
    (gradient,) = token_cross_entropy_vjp(x, y, ONE, z_weight=1.0)
    half = mpmath.mpf(1) / 2
    assert_same(gradient, [[half + log_2, log_2 - half]])


@pytest.mark.parametrize("loss", [token_cross_entropy, token_cross_entropy_vjp])
def test_tokens_that_are_ignored_reach_nothing_whatever_their_logits_are(loss):
    poisoned, given = np.where((LABELS == 3)[:, np.newaxis], np.nan, LOGITS), {"ignored": 3, "z_weight": 0.5}
    cotangent = () if loss is token_cross_entropy else (ONE,)
    found, clean = (loss(x, LABELS, *cotangent, **given) for x in (poisoned, LOGITS))
    assert_same(found, clean)
    assert np.all(np.isfinite(found))


@proves(token_log_probs, token_log_probs_vjp, by="law")
def test_the_entropy_is_the_expectation_of_the_log_probabilities():
    x = carried(LOGITS)
    log_p, entropy = token_log_probs(x, LABELS, temperature=2.0)
    every = log_softmax(x / 2.0)
    assert_same(entropy, -np.sum(np.exp(every) * every, axis=-1), size=10)
    assert_same(log_p, np.take_along_axis(every, LABELS[:, np.newaxis], axis=-1)[:, 0])
    (gradient,) = token_log_probs_vjp(x, LABELS, (-np.ones(4), np.zeros(4)))
    assert_same(gradient, sparse_softmax_cross_entropy_vjp(x, LABELS, None, np.ones(4), **EACH)[0], size=1)


@proves(token_log_probs, token_log_probs_vjp, by="worked figures")
def test_even_classes_have_the_greatest_entropy():
    x, y = carried(np.zeros((1, 4))), np.array([2])
    log_p, entropy = token_log_probs(x, y, temperature=0.5)
    assert_same(log_p, [-2 * mpmath.log(2)])
    assert_same(entropy, [2 * mpmath.log(2)])
    (gradient,) = token_log_probs_vjp(x, y, (np.zeros(1), np.ones(1)))
    assert_same(gradient, np.zeros((1, 4)), size=1)
    (gradient,) = token_log_probs_vjp(x, y, (np.ones(1), np.zeros(1)), temperature=0.5)
    assert_same(gradient, [[-0.5, -0.5, 1.5, -0.5]])


# --- preferences and rewards ---


@proves(dpo_loss, dpo_loss_vjp, sigmoid_cross_entropy, by="law")
def test_a_preference_is_the_cross_entropy_of_its_logit():
    given = tuple(map(carried, PAIRS))
    h = 0.5 * ((given[0] - given[1]) - (given[2] - given[3]))
    for smoothing in (0.0, 0.25):
        target = np.full(5, 1.0 - smoothing)
        expected = sigmoid_cross_entropy(h, target)
        assert_same(dpo_loss(*given, beta=0.5, label_smoothing=smoothing), expected)
        of_chosen, of_rejected = dpo_loss_vjp(*given, ONE, beta=0.5, label_smoothing=smoothing)
        assert_same(of_chosen, 0.5 * (expit(h) - target) / 5.0, size=1)
        assert_same(of_rejected, -of_chosen)


@proves(dpo_loss, dpo_loss_vjp, by="worked figures")
@pytest.mark.parametrize(("preference", "loss", "slope"), [("ipo", 4.0, -4.0), ("hinge", 1.5, -0.5)])
def test_preferences_of_a_pair_that_is_the_wrong_way_round(preference, loss, slope):
    # h = (-3 + 1) - (0 - 1) = -1: two behind 1 / (2 β), and half of it behind 0.
    pair = (np.array([-3.0]), np.array([-1.0]), np.array([0.0]), np.array([1.0]))
    options = {"beta": 0.5, "preference": preference}
    assert_same(dpo_loss(*pair, **options), loss)
    assert_same(dpo_loss_vjp(*pair, ONE, **options), ([slope], [-slope]))


@proves(dpo_loss, dpo_loss_vjp, by="law")
def test_robust_losses_have_the_right_mean_under_labels_that_are_wrong_as_often():
    given = tuple(map(carried, PAIRS))
    other = (given[1], given[0], given[3], given[2])
    options = {"label_smoothing": 0.25, "preference": "robust", **EACH}
    mixed = 0.75 * dpo_loss(*given, **options) + 0.25 * dpo_loss(*other, **options)
    assert_same(mixed, dpo_loss(*given, **EACH), size=10)
    of_chosen = dpo_loss_vjp(*given, np.ones(5), **options)[0]
    of_other = dpo_loss_vjp(*other, np.ones(5), **options)[1]
    assert_same(0.75 * of_chosen + 0.25 * of_other, dpo_loss_vjp(*given, np.ones(5), **EACH)[0], size=1)


@proves(grpo_loss, grpo_loss_vjp, by="naive loop")
@pytest.mark.parametrize("normalizer", ["sequences", "tokens", "places"])
def test_the_clipped_objective_token_by_token(normalizer):
    options = {"low": 0.25, "high": 0.5, "beta": 0.125, "normalizer": normalizer}
    total, slopes = mpmath.mpf(0), np.full((3, 4), mpmath.mpf(0))
    with mpmath.workdps(40):
        for i, j in zip(*np.nonzero(MASK), strict=True):
            new, old, before = (mpmath.mpf(float(a[i, j])) for a in (NEW, OLD, BEFORE))
            share = {"sequences": 3 * int(MASK[i].sum()), "tokens": int(MASK.sum()), "places": 12}[normalizer]
            ratio, gain = mpmath.exp(new - old), mpmath.mpf(float(ADVANTAGES[i]))
            held = min(max(ratio, mpmath.mpf(0.75)), mpmath.mpf(1.5))
            moved = before - new
            total += (-min(ratio * gain, held * gain) + (mpmath.exp(moved) - moved - 1) / 8) / share
            free = ratio * gain <= held * gain
            slopes[i, j] = (-(ratio * gain if free else 0) + (1 - mpmath.exp(moved)) / 8) / share
    given = carried(NEW), OLD, BEFORE, ADVANTAGES, MASK
    assert_same(grpo_loss(*given, **options), total, size=1)
    assert_same(grpo_loss_vjp(*given, ONE, **options)[0], slopes, size=1)


@proves(grpo_loss_vjp, by="law")
@pytest.mark.parametrize("normalizer", ["sequences", "tokens", "places"])
def test_a_weight_within_its_bounds_learns_as_the_ratio_does(normalizer):
    # The slope of exp(x - y) is itself, which weighs that of x.
    given, far = (carried(NEW), OLD, BEFORE, ADVANTAGES, MASK), {"low": 1.0, "high": 1e3, "beta": 0.125}
    weighted = grpo_loss_vjp(*given, ONE, objective="weighted", normalizer=normalizer, **far)
    assert_same(weighted[0], grpo_loss_vjp(*given, ONE, normalizer=normalizer, **far)[0], size=1)


@proves(grpo_loss, grpo_loss_vjp, by="worked figures")
def test_a_weight_is_clipped_for_good_tokens_and_for_bad_ones_and_learns_there_too():
    # Ratios of 4, 1 and 1/4 are held at 2, 1 and 1/2, whatever the advantage; log π is log 4, 0 and -log 4.
    logs = np.log(np.array([[4.0, 1.0, 0.25]]))
    options = {"low": 0.5, "high": 1.0, "objective": "weighted", "normalizer": "tokens"}
    for gain in (3.0, -3.0):
        given = carried(logs), 0 * logs, 0 * logs, np.array([gain]), np.ones((1, 3), bool)
        assert_same(grpo_loss(*given, **options), -gain * (2.0 - 0.5) * mpmath.log(4) / 3)
        assert_same(grpo_loss_vjp(*given, ONE, **options)[0], -gain * np.array([[2.0, 1.0, 0.5]]) / 3)


@proves(grpo_loss, grpo_loss_vjp, by="law")
@pytest.mark.parametrize("options", [{}, {"level": "sequences"}, {"objective": "weighted"}])
def test_tokens_that_do_not_count_reach_nothing(options):
    spoiled = [carried(np.where(MASK, x, np.nan)) for x in (NEW, OLD, BEFORE)]
    given, options = (carried(NEW), OLD, BEFORE), {"beta": 0.125, **options}
    assert_same(
        grpo_loss(*spoiled, ADVANTAGES, MASK, **options), grpo_loss(*given, ADVANTAGES, MASK, **options)
    )
    one, other = (grpo_loss_vjp(*x, ADVANTAGES, MASK, ONE, **options)[0] for x in (spoiled, given))
    assert_same(one, other)


@proves(grpo_loss, grpo_loss_vjp, by="worked figures")
def test_the_tokens_of_a_sequence_share_the_geometric_mean_of_their_ratios():
    # Ratios of 4 and 1 have the mean 2, within a bound of 3, and a masked token counts nothing.
    new, zero = np.array([[np.log(4.0), 0.0, 7.0]]), np.zeros((1, 3))
    given = carried(new), zero, zero, np.array([3.0]), np.array([[True, True, False]])
    options = {"low": 0.5, "high": 2.0, "level": "sequences"}
    assert_same(grpo_loss(*given, **options), -6.0)
    assert_same(grpo_loss_vjp(*given, ONE, **options)[0], [[-3.0, -3.0, 0.0]])
    held = {**options, "high": 0.5}
    assert_same(grpo_loss(*given, **held), -4.5)
    assert_same(grpo_loss_vjp(*given, ONE, **held)[0], np.zeros((1, 3)))


@proves(grpo_loss, grpo_loss_vjp, by="worked figures")
@pytest.mark.parametrize(
    ("divergence", "value", "slope"),
    [("exponential", 1.0, -1.0), ("square", 2.0, -2.0), ("difference", -2.0, 1.0)],
)
def test_how_far_a_policy_has_moved_is_estimated_in_three_ways(divergence, value, slope):
    # The reference is by log ρ - log π = log 2, or by 2, more likely: 2 - log 2 - 1, 2²/2 and -2.
    apart = np.log(2.0) if divergence == "exponential" else 2.0
    expected = value - mpmath.log(2) if divergence == "exponential" else value
    given = (
        np.zeros((1, 1)),
        np.zeros((1, 1)),
        carried(np.array([[apart]])),
        np.zeros(1),
        np.ones((1, 1), bool),
    )
    options = {"beta": 1.0, "divergence": divergence}
    assert_same(grpo_loss(*given, **options), expected)
    assert_same(grpo_loss_vjp(*given, ONE, **options)[0], [[slope]])


@proves(grpo_loss, grpo_loss_vjp, by="worked figures")
@pytest.mark.parametrize("bound_gradient", [1.0, 0.625])
def test_a_policy_that_has_not_moved_lies_on_bounds_that_meet(bound_gradient):
    at, mask = np.zeros((1, 2)), np.array([[True, False]])
    given, options = (at, at, at, np.array([3.0]), mask), {"low": 0.0, "high": 0.0}
    assert_same(grpo_loss(*given, **options), -3.0)
    (gradient,) = grpo_loss_vjp(*given, ONE, bound_gradient=bound_gradient, **options)
    assert_same(gradient, [[-3.0 * bound_gradient, 0.0]])
    nothing = np.zeros((1, 2), bool)
    for normalizer in ("sequences", "tokens"):
        assert grpo_loss(*given[:4], nothing, normalizer=normalizer) == 0.0


# --- distillation ---


@proves(jsd_distillation, kl_divergence_with_log_targets, by="law")
def test_the_ends_are_divergences_and_the_middle_is_symmetric():
    x, t, every = carried(LOGITS), carried(TEACHER), np.ones(4, bool)
    log_q, log_p = log_softmax(x), log_softmax(t)
    rows = {"reduction": "rows"}
    forward = kl_divergence_with_log_targets(log_p, log_q, **rows)
    assert_same(jsd_distillation(x, t, every, beta=0.0, **EACH), forward)
    backward = kl_divergence_with_log_targets(log_q, log_p, **rows)
    assert_same(jsd_distillation(x, t, every, beta=1.0, **EACH), backward)
    assert_same(jsd_distillation(x, t, every, **EACH), jsd_distillation(t, x, every, **EACH), size=1)


@proves(jsd_distillation_vjp, by="law")
def test_the_gradient_of_the_forward_divergence_is_that_of_soft_targets():
    x, t, every = carried(LOGITS), carried(TEACHER), np.ones(4, bool)
    (gradient,) = jsd_distillation_vjp(x, t, every, ONE, beta=0.0, temperature=2.0, reduction="sum")
    assert_same(gradient, (softmax(x / 2.0) - softmax(t / 2.0)) / 2.0, size=1)


@proves(jsd_distillation, jsd_distillation_vjp, by="worked figures")
def test_distributions_that_have_nothing_in_common_are_log_2_apart():
    x, t = carried(np.array([[800.0, 0.0]])), np.array([[0.0, 800.0]])
    one = np.ones(1, bool)
    assert_same(jsd_distillation(x, t, one), mpmath.log(2))
    (gradient,) = jsd_distillation_vjp(x, t, one, ONE)
    assert_same(gradient, np.zeros((1, 2)), size=1)


@proves(jsd_distillation, jsd_distillation_vjp, by="law")
def test_tokens_that_do_not_count_are_as_good_as_none():
    mask = np.array([True, False, True, False])
    poisoned = np.where(mask[:, np.newaxis], LOGITS, np.nan)
    found = jsd_distillation(carried(poisoned), TEACHER, mask)
    kept = carried(LOGITS[::2]), TEACHER[::2], np.ones(2, bool)
    assert_same(found, jsd_distillation(*kept))
    (gradient,) = jsd_distillation_vjp(carried(poisoned), TEACHER, mask, ONE)
    assert_same(gradient[::2], jsd_distillation_vjp(*kept, ONE)[0])
    assert not gradient.value[1::2].any()
    (gradient,) = jsd_distillation_vjp(carried(poisoned), TEACHER, mask, ONE, masking="select_values")
    assert_same(gradient[::2], jsd_distillation_vjp(*kept, ONE)[0])
    assert np.isnan(gradient.value[1::2]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_cross_entropy(INPUTS[0], KERNEL, None, LABELS), "inputs must have the axes"),
        (lambda: linear_cross_entropy(INPUTS, KERNEL[:, :2], None, LABELS), "kernel must have shape"),
        (lambda: linear_cross_entropy(INPUTS, KERNEL, BIAS[:2], LABELS), "bias must have shape"),
        (lambda: token_cross_entropy(LOGITS[0], LABELS), "logits must have the axes"),
        (lambda: token_cross_entropy(LOGITS, LABELS[:2]), "labels must have shape"),
        (lambda: token_log_probs(LOGITS, LABELS + 3), "labels must be in"),
        (lambda: dpo_loss(PAIRS[0], PAIRS[1][:1], *PAIRS[2:]), "rejected must have shape"),
        (lambda: dpo_loss(*PAIRS, preference="apo"), "preference must be one of sigmoid, robust"),
        (lambda: grpo_loss(NEW, OLD, BEFORE, ADVANTAGES[:1], MASK), "advantages must have shape"),
        (lambda: grpo_loss(NEW, OLD[:1], BEFORE, ADVANTAGES, MASK), "old_log_probs must have shape"),
        (lambda: grpo_loss(NEW, OLD, BEFORE, ADVANTAGES, MASK, normalizer="all"), "normalizer must be one"),
        (lambda: grpo_loss(NEW, OLD, BEFORE, ADVANTAGES, MASK, objective="ppo"), "objective must be one"),
        (lambda: jsd_distillation(LOGITS, TEACHER[:1], MASK[0]), "teacher_logits must have shape"),
        (lambda: jsd_distillation(LOGITS, TEACHER, MASK[0][:1]), "mask must have shape"),
        (lambda: jsd_distillation(LOGITS, TEACHER, MASK[0], beta=2.0), "beta must be in"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
