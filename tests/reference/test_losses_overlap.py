"""Losses of overlap: figures worked by hand and published, and the laws that tie them to sets and counts."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_overlap import generalized_dice, generalized_dice_vjp, tversky, tversky_vjp
from assay.reference.softmax import softmax

SHAPE = (2, 7, 3)
LOGITS, P, T = Stream("logits").normal(SHAPE), Stream("p").uniform(SHAPE), Stream("t").uniform(SHAPE)
BARE = {"smooth": 0.0, "reduction": "none"}
ALL = BARE | {"axis": None}


def of(p, t, **options):
    return tversky(None, p, t, **options)


@proves(tversky, tversky_vjp, by="worked figures")
def test_one_hit_two_false_positives_and_four_negatives():
    p, t = np.array([[[1.0]] * 3 + [[0.0]] * 4]), np.array([[[1.0]] + [[0.0]] * 2 + [[1.0]] * 4])
    for alpha, beta, wanted in (
        (0.5, 0.5, 3 / 4),
        (1.0, 0.25, 3 / 4),
        (0.25, 1.0, 9 / 11),
        (1.0, 1.0, 6 / 7),
    ):
        assert_same(of(carried(p), t, alpha=alpha, beta=beta, **ALL), carried(np.array(wanted)))
    _, of_p, of_t = tversky_vjp(
        None, carried(p), carried(t), None, None, np.array(1.0), alpha=1.0, beta=0.25, **ALL
    )
    # 16 times (r (t + α (1 - t) - β t) - t), with D = 4 and the ratio r = 1/4; p and t change their parts.
    assert_same(16 * of_p, np.reshape([-3.25, 1.0, 1.0] + [-3.25] * 4, p.shape))
    assert_same(16 * of_t, np.reshape([-4.0] * 3 + [0.25] * 4, p.shape))


@proves(tversky, by="published figures")
def test_the_example_of_keras_dice():
    t = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]])[..., np.newaxis]
    p = np.array([[0.0, 1.0, 0.0, 1.0], [0.4, 0.0, 0.0, 0.9]])[..., np.newaxis]
    found = of(carried(p), t, axis=(1, 2), epsilon=5e-8, **BARE)
    assert_same(found[0], "0.5")
    assert_same(of(carried(p), t, axis=None, epsilon=5e-8, **BARE), "0.6164384")


@proves(tversky, by="law")
def test_at_a_half_and_a_half_it_is_dice():
    p, t = carried(P), carried(T)
    dice = 1.0 - 2.0 * np.sum(p * t, axis=1) / (np.sum(p, axis=1) + np.sum(t, axis=1))
    assert_same(of(p, t, alpha=0.5, beta=0.5, **BARE), dice)


@proves(tversky, by="law")
def test_at_one_and_one_it_is_the_distance_of_jaccard():
    first, second = Stream("a").integers(0, 2, SHAPE), Stream("b").integers(0, 2, SHAPE)
    both, either = np.sum(first & second), np.sum(first | second)
    found = of(carried(1.0 * first), 1.0 * second, alpha=1.0, beta=1.0, **ALL)
    assert_same(found, carried(np.array(float(either - both))) / float(either))


@proves(tversky, tversky_vjp, by="law")
def test_what_is_meant_and_what_is_predicted_change_places_with_the_weights():
    p, t = carried(P), carried(T)
    assert_same(of(p, t, alpha=0.25, beta=1.5), of(t, p, alpha=1.5, beta=0.25))
    _, of_p, of_t = tversky_vjp(None, p, t, None, None, np.array(1.0), alpha=0.25, beta=1.5)
    _, other_t, other_p = tversky_vjp(None, t, p, None, None, np.array(1.0), alpha=1.5, beta=0.25)
    assert_same(of_p, other_p)
    assert_same(of_t, other_t)


@proves(tversky, softmax, by="law")
def test_logits_count_by_their_softmax_and_weights_by_class():
    x, weights = carried(LOGITS), np.array([5.0, 0.5, 2.0])
    each = of(softmax(x), T, reduction="none")
    assert_same(tversky(x, None, T, weights, reduction="none"), weights * each)
    assert_same(tversky(x, None, T, ignore_background=True, reduction="sum"), np.sum(each[:, 1:]))


def test_an_empty_class_costs_nothing_where_both_sides_are_smoothed_and_all_where_one_is():
    empty = np.zeros((1, 4, 1))
    assert of(empty, empty, smooth=1.0, reduction="sum") == 0.0
    assert of(empty, empty, smooth=0.0, epsilon=1e-7, reduction="sum") == 1.0


def test_shapes_domains_and_weights_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="give either logits or predictions"):
        tversky(LOGITS, P, T)
    with pytest.raises(ValueError, match=r"targets must have shape \(2, 7, 3\)"):
        of(P, T[..., :1])
    with pytest.raises(ValueError, match=r"class_weights must have shape \(3,\)"):
        tversky(LOGITS, None, T, np.ones(4))
    with pytest.raises(ValueError, match="leaves no classes"):
        tversky(LOGITS, None, T, ignore_background=True, axis=(1, 2))


@proves(tversky, tversky_vjp, by="law")
def test_weights_of_samples_multiply_their_ratios():
    x, weights = carried(LOGITS), np.arange(len(LOGITS)) * 0.5
    each = tversky(x, None, T, axis=(1, 2), reduction="none")
    found = tversky(x, None, T, None, weights, axis=(1, 2), reduction="mean_weights")
    assert_same(found, np.sum(weights * each) / np.sum(weights))
    found = tversky_vjp(x, None, T, None, weights, np.array(1.0), axis=(1, 2), reduction="mean_weights")
    shares = weights / np.sum(weights)
    expected = tversky_vjp(x, None, T, None, None, shares, axis=(1, 2), reduction="none")
    assert_same(found[::2], expected[::2])


@proves(generalized_dice, generalized_dice_vjp, tversky, by="law")
def test_classes_that_are_equally_frequent_weigh_alike_in_the_generalized_dice_loss():
    even = np.stack([np.roll(np.arange(3.0) == 0, k) for k in range(3)])[np.newaxis] * 1.0
    x = carried(LOGITS[:1, :3])
    assert_same(generalized_dice(x, even), tversky(x, None, even))
    (gradient,) = generalized_dice_vjp(x, even, np.array(1.0))
    assert_same(gradient, tversky_vjp(x, None, even, None, None, np.array(1.0))[0])


@proves(generalized_dice, generalized_dice_vjp, by="worked figures")
def test_a_class_half_as_frequent_weighs_four_times_as_much():
    # Two of three places are of the first class: weights 1/4 and 1, and then 2/5 and 8/5.
    t, even = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]]), carried(np.zeros((1, 3, 2)))
    first, second = 1 - 1 / (1 + 0.25 + 0.5), 1 - 0.5 / (0.5 + 0.5 + 0.25)
    found = generalized_dice(even, t, smooth=0.0, epsilon=0.0)
    assert_same(found, carried(np.array(0.2 * first + 0.8 * second)))
    alone = generalized_dice(even, t, smooth=0.0, epsilon=0.0, ignore_background=True)
    assert_same(alone, carried(np.array(1.6 * second)))
    (gradient,) = generalized_dice_vjp(even, t, np.array(1.0), smooth=0.0, epsilon=0.0)
    # Slopes (r / 2 - t) / D of each class: r = 4/7 and D = 7/4, and r = 2/5 and D = 5/4; a quarter goes
    # through the softmax.
    slope_first, slope_second = (4 / 7 / 2 - 1) / 1.75, (2 / 5 / 2) / 1.25
    assert_same(gradient[0, 0, 0], carried(np.array((0.2 * slope_first - 0.8 * slope_second) / 4)), size=1)
