"""Losses by margins: worked figures, limits, and the laws that tie them to other losses."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.activations import relu
from assay.reference.losses_classification import sigmoid_cross_entropy, sigmoid_cross_entropy_vjp
from assay.reference.losses_margin import (
    hinge,
    hinge_vjp,
    multi_margin,
    multi_margin_vjp,
    multiclass_hinge,
    multiclass_hinge_vjp,
    multilabel_margin,
    multilabel_margin_vjp,
    multilabel_soft_margin,
    multilabel_soft_margin_vjp,
    soft_margin,
    soft_margin_vjp,
)

SCORES = 3.0 * Stream("scores").normal((3, 17))
LABELS = Stream("labels").integers(0, 2, (3, 17))
CLASSES = Stream("classes").integers(0, 17, (3,))


@proves(hinge, hinge_vjp, by="worked figures")
def test_hinge_of_worked_figures():
    x, y = np.array([2.0, 0.25, -3.0, 1.0]), np.array([1, 1, 1, 0])
    assert_same(hinge(x, y, reduction="none"), [0.0, 0.75, 4.0, 2.0])
    assert_same(hinge(x, y, power=2, reduction="none"), [0.0, 0.5625, 16.0, 4.0])
    assert_same(hinge(x, y, margin=0.0, reduction="sum"), 4.0)
    (gradient,) = hinge_vjp(x, y, np.ones(4), reduction="none")
    assert_same(gradient, [0.0, -1.0, -1.0, 1.0])
    (gradient,) = hinge_vjp(x, y, np.ones(4), power=2, reduction="none")
    assert_same(gradient, [0.0, -1.5, -8.0, 4.0])


@proves(hinge, by="law")
@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0])
def test_hinge_is_relu_of_what_is_lacking(margin):
    x = carried(SCORES)
    assert_same(hinge(x, LABELS, margin=margin, reduction="none"), relu(margin - (2 * LABELS - 1) * x))


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_at_the_kink_the_slope_is_what_the_facet_says(slope):
    (gradient,) = hinge_vjp(np.array([1.0, -1.0]), np.array([1, 0]), np.array(2.0), kink_gradient=slope)
    assert_same(gradient, [-slope, slope])


@proves(soft_margin, soft_margin_vjp, by="high precision")
def test_soft_margin_of_any_score():
    x, y = np.array([-800.0, -40.0, -0.5, 1e-9, 0.5, 40.0, 700.0]), np.array([1, 0, 1, 1, 0, 1, 1])
    with mpmath.workdps(400):
        lacking = [mpmath.mpf(float(s)) for s in (1 - 2 * y) * x]
        exact = [mpmath.log(1 + mpmath.exp(z)) for z in lacking]
        slopes = [mpmath.exp(z) / (1 + mpmath.exp(z)) for z in lacking]
    for score, label, value, slope in zip(x, y, exact, slopes, strict=True):
        assert_same(soft_margin(carried(np.array([score])), np.array([label])), value)
        (gradient,) = soft_margin_vjp(carried(np.array([score])), np.array([label]), np.array(1.0))
        assert_same(gradient, (1 - 2 * int(label)) * slope)


@proves(soft_margin, soft_margin_vjp, by="law")
def test_soft_margin_is_the_cross_entropy_of_a_sigmoid():
    x, targets = carried(SCORES), LABELS * 1.0
    assert_same(soft_margin(x, LABELS), sigmoid_cross_entropy(x, targets))
    (gradient,) = soft_margin_vjp(x, LABELS, np.array(1.0))
    assert_same(gradient, sigmoid_cross_entropy_vjp(x, targets, None, np.array(1.0))[0])


@proves(hinge, soft_margin, by="worked figures")
def test_an_infinite_score_costs_nothing_or_infinitely_much():
    x, y = np.array([np.inf, -np.inf, np.inf]), np.array([1, 0, 0])
    for loss, vjp in ((hinge, hinge_vjp), (soft_margin, soft_margin_vjp)):
        assert_same(loss(x, y, reduction="none"), [0.0, 0.0, np.inf])
        (gradient,) = vjp(x, y, np.ones(3), reduction="none")
        assert_same(gradient, [0.0, 0.0, 1.0])


@proves(multi_margin, multi_margin_vjp, by="worked figures")
def test_every_class_that_comes_too_near_counts():
    x, y, w = np.array([[2.0, 1.5, 0.0, 3.0]] * 2), np.array([0, 3]), np.array([8.0, 1.0, 1.0, 4.0])
    assert_same(multi_margin(x, y, None, reduction="none"), [(0.5 + 2.0) / 4, 0.0])
    assert_same(multi_margin(x, y, w, power=2, margin=1.5, reduction="sum"), 8 * (1.0 + 6.25) / 4 + 0.25)
    (gradient,) = multi_margin_vjp(x, y, w, np.ones(2), power=2, margin=1.5, reduction="none")
    assert_same(gradient, [[-14.0, 4.0, 0.0, 10.0], [1.0, 0.0, 0.0, -1.0]])
    (gradient,) = multi_margin_vjp(x, y, None, np.ones(2), reduction="none")
    assert_same(gradient, [[-0.5, 0.25, 0.0, 0.25], [0.0] * 4])


@proves(multi_margin, hinge, by="law")
@pytest.mark.parametrize("power", [1, 2])
def test_of_two_classes_it_is_half_the_hinge_of_their_difference(power):
    x = carried(np.stack([SCORES[0], SCORES[1]], axis=-1))
    apart = hinge(x[:, 1] - x[:, 0], LABELS[0], margin=0.5, power=power)
    assert_same(multi_margin(x, LABELS[0], None, margin=0.5, power=power), apart / 2.0)
    if power == 1:
        assert_same(multiclass_hinge(x, LABELS[0], margin=0.5), apart)


@proves(multiclass_hinge, multiclass_hinge_vjp, by="worked figures")
def test_the_best_of_the_others_counts():
    x, y = np.array([[2.0, 1.5, 1.25], [-3.0, -1.0, -2.0], [1.0, 4.0, 2.0]]), np.array([0, 1, 1])
    assert_same(multiclass_hinge(x, y, reduction="none"), [0.5, 0.0, 0.0])
    assert_same(multiclass_hinge(x, y, rival_floor="zero", reduction="none"), [0.5, 2.0, 0.0])
    assert_same(multiclass_hinge(x, 0 * y, margin=0.0, reduction="none"), [0.0, 2.0, 3.0])
    (gradient,) = multiclass_hinge_vjp(x, y, np.ones(3), rival_floor="zero", reduction="none")
    assert_same(gradient, [[-1.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
    (gradient,) = multiclass_hinge_vjp(x[1:2], y[1:2], np.array(1.0), margin=2.0)
    assert_same(gradient, [[0.0, -1.0, 1.0]])


@proves(multiclass_hinge, by="law")
def test_all_scores_may_move_together():
    x = carried(SCORES)
    assert_same(multiclass_hinge(x + 8.0, CLASSES), multiclass_hinge(x, CLASSES))
    assert_same(multiclass_hinge(x + 8.0, CLASSES, rival_floor="zero"), multiclass_hinge(x, CLASSES))


@proves(multilabel_margin, multilabel_margin_vjp, by="worked figures")
def test_every_pair_of_a_class_and_another_counts():
    # torch's own example: classes 3 and 0 against 1 and 2.
    x, y = np.array([[0.125, 0.25, 0.5, 0.875], [0.0, 0.0, 0.0, 3.0]]), np.array([[1, 0, 0, 1], [0, 0, 0, 1]])
    by_hand = (1.125 + 1.375 + 0.375 + 0.625) / 4
    assert_same(multilabel_margin(x, y, reduction="none"), [by_hand, 0.0])
    (gradient,) = multilabel_margin_vjp(x, y, 4 * np.ones(2), reduction="none")
    assert_same(gradient, [[-2.0, 2.0, 2.0, -2.0], [0.0] * 4])


@proves(multilabel_margin, multi_margin, by="law")
def test_rows_of_one_class_have_the_margin_loss_of_many_classes():
    x, y = carried(SCORES), 1 * (CLASSES[:, np.newaxis] == np.arange(17))
    assert_same(multilabel_margin(x, y), multi_margin(x, CLASSES, None))
    assert_same(multilabel_margin(x, 1 + 0 * y, reduction="none"), np.zeros(3))


@proves(multilabel_soft_margin, multilabel_soft_margin_vjp, by="law")
def test_the_soft_margin_of_many_labels_is_a_cross_entropy_averaged_by_rows():
    x, targets = carried(SCORES), carried(Stream("targets").uniform((3, 17)))
    whole = {"row_mean": True, "reduction": "none"}
    assert_same(
        multilabel_soft_margin(x, targets, None, reduction="none"), sigmoid_cross_entropy(x, targets, **whole)
    )
    found = multilabel_soft_margin_vjp(x, targets, None, np.array(1.0))
    assert_same(found, sigmoid_cross_entropy_vjp(x, targets, None, np.array(1.0), row_mean=True))


@proves(multilabel_soft_margin, by="worked figures")
def test_weights_of_classes_divide_nothing():
    x, t = np.array([[0.0, 1000.0, -1000.0]]), np.array([[1.0, 0.0, 0.25]])
    found = multilabel_soft_margin(carried(x), t, np.array([0.0, 2.0, 4.0]))
    assert_same(found, carried(np.array((2.0 * 1000.0 + 4.0 * 250.0) / 3.0)))


def test_labels_margins_and_powers_out_of_range_are_named():
    with pytest.raises(ValueError, match="labels must be 0 or 1"):
        hinge(SCORES, 2 * LABELS - 1)
    with pytest.raises(ValueError, match="margin must not be negative; got -1"):
        hinge(SCORES, LABELS, margin=-1.0)
    with pytest.raises(ValueError, match="power must be 1 or 2; got 3"):
        hinge(SCORES, LABELS, power=3)
    with pytest.raises(ValueError, match=r"labels must have shape \(3, 17\)"):
        soft_margin(SCORES, LABELS[:1])
    with pytest.raises(ValueError, match="labels must be classes: 0 to 16"):
        multi_margin(SCORES, CLASSES - 17, None)
    with pytest.raises(ValueError, match=r"class_weights must have shape \(17,\)"):
        multi_margin(SCORES, CLASSES, np.ones(3))
    with pytest.raises(ValueError, match="rival_floor must be one of none, zero; got 'one'"):
        multiclass_hinge(SCORES, CLASSES, rival_floor="one")
