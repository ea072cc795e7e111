"""Losses of classification beside the cross entropy: worked figures, laws, and many digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.special import expit
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_classification import (
    sigmoid_cross_entropy,
    sigmoid_cross_entropy_vjp,
    softmax_cross_entropy,
    softmax_cross_entropy_vjp,
)
from assay.reference.losses_divergence import (
    generalized_kl_divergence,
)
from assay.reference.losses_entropies import (
    binary_focal_cross_entropy,
    binary_focal_cross_entropy_vjp,
    categorical_focal_cross_entropy,
    categorical_focal_cross_entropy_vjp,
    fenchel_young_loss,
    fenchel_young_loss_vjp,
    generalized_cross_entropy,
    generalized_cross_entropy_vjp,
    multiclass_sparsemax_loss,
    multiclass_sparsemax_loss_vjp,
    poly_cross_entropy,
    poly_cross_entropy_vjp,
    smooth_labels,
    smooth_labels_vjp,
    sparsemax_loss,
    sparsemax_loss_vjp,
)
from assay.reference.softmax import softmax

LOGITS = 4.0 * Stream("logits").normal((5, 3, 7))
LABELS = Stream("labels").integers(0, 7, (5, 3))
WEIGHTS = 0.5 + Stream("weights").uniform((7,))
TARGETS = Stream("targets").uniform((5, 3, 7))
ONE_HOT = np.eye(7)[LABELS]


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
@proves(binary_focal_cross_entropy, binary_focal_cross_entropy_vjp, by="law")
def test_focal_loss_of_gamma_zero_is_the_cross_entropy(smoothing):
    x, t, options = carried(LOGITS), carried(expit(LOGITS[::-1])), {"label_smoothing": smoothing}
    assert_same(
        binary_focal_cross_entropy(x, None, t, gamma=0.0, **options), sigmoid_cross_entropy(x, t, **options)
    )
    gradient, _ = binary_focal_cross_entropy_vjp(x, None, t, np.array(1.0), gamma=0.0, **options)
    assert_same(gradient, sigmoid_cross_entropy_vjp(x, t, None, np.array(1.0), **options)[0], size=1)


@proves(binary_focal_cross_entropy, binary_focal_cross_entropy_vjp, by="law")
def test_focal_loss_of_smoothed_targets_is_that_of_targets_drawn_towards_a_half():
    x, t, p = carried(LOGITS), carried(TARGETS), carried(expit(LOGITS))
    drawn = 0.75 * t + 0.125
    options = {"alpha": 0.25, "gamma": 2.0}
    for given in ((x, None), (None, p)):
        smoothed = binary_focal_cross_entropy(*given, t, **options, label_smoothing=0.25)
        assert_same(smoothed, binary_focal_cross_entropy(*given, drawn, **options))
        one, other = (
            binary_focal_cross_entropy_vjp(*given, targets, np.array(1.0), **options, label_smoothing=share)
            for targets, share in ((t, 0.25), (drawn, 0.0))
        )
        for gradient, expected in zip(one, other, strict=True):
            assert (gradient is None) == (expected is None)
            if gradient is not None:
                assert_same(gradient, expected)


@proves(binary_focal_cross_entropy, binary_focal_cross_entropy_vjp, by="law")
def test_focal_loss_of_a_logit_is_that_of_its_probability():
    x, t = carried(LOGITS), carried(expit(LOGITS[::-1]))
    options = {"alpha": 0.25, "gamma": 0.5, "reduction": "sum"}
    p = expit(x)
    assert_same(
        binary_focal_cross_entropy(x, None, t, **options), binary_focal_cross_entropy(None, p, t, **options)
    )
    of_logits, _ = binary_focal_cross_entropy_vjp(x, None, t, np.array(1.0), **options)
    _, of_predictions = binary_focal_cross_entropy_vjp(None, p, t, np.array(1.0), **options)
    assert_same(of_logits, of_predictions * p * expit(-x), size=1)


@proves(binary_focal_cross_entropy, by="high precision")
def test_focal_loss_agrees_with_many_digits():
    x, t = LOGITS.ravel(), np.arange(LOGITS.size) % 2 * 1.0
    with mpmath.workdps(40):
        of_true = [1 / (1 + mpmath.exp(-mpmath.mpf(a) * (2 * int(b) - 1))) for a, b in zip(x, t, strict=True)]
        weights = [mpmath.mpf(0.25) if b else mpmath.mpf(0.75) for b in t]
        exact = -sum(w * (1 - p) ** 2 * mpmath.log(p) for w, p in zip(weights, of_true, strict=True)) / len(x)
    assert_same(binary_focal_cross_entropy(carried(x), None, t, alpha=0.25), exact)


@proves(binary_focal_cross_entropy, binary_focal_cross_entropy_vjp, by="worked figures")
def test_focal_loss_of_an_even_chance():
    x, t = np.zeros(2), np.array([1.0, 0.0])
    losses = binary_focal_cross_entropy(carried(x), None, t, alpha=0.25, reduction="none")
    assert_same(losses, carried(np.array([1.0, 3.0])) * np.log(2.0) / 16)
    gradient, _ = binary_focal_cross_entropy_vjp(
        carried(x), None, carried(t), np.ones(2), gamma=1.0, reduction="none"
    )
    assert_same(gradient, (0.25 + 0.25 * np.log(carried(np.array(2.0)))) * np.array([-1.0, 1.0]))


def test_focal_losses_name_what_does_not_fit():
    with pytest.raises(ValueError, match="give either logits or predictions"):
        binary_focal_cross_entropy(None, None, LOGITS)
    with pytest.raises(ValueError, match="gamma must not be negative; got -1"):
        binary_focal_cross_entropy(LOGITS, None, expit(LOGITS), gamma=-1.0)
    with pytest.raises(ValueError, match="targets must have shape"):
        binary_focal_cross_entropy(LOGITS, None, expit(LOGITS[:1]))


@proves(categorical_focal_cross_entropy, categorical_focal_cross_entropy_vjp, by="law")
def test_the_focal_loss_of_classes_without_a_focus_is_the_cross_entropy():
    x, targets = carried(LOGITS[0]), carried(TARGETS[0])
    bare = {"alpha": 1.0, "gamma": 0.0, "epsilon": 0.0}
    found = categorical_focal_cross_entropy(x, None, targets, None, label_smoothing=0.1, **bare)
    assert_same(found, softmax_cross_entropy(x, targets, label_smoothing=0.1))
    of_x, _, of_t = categorical_focal_cross_entropy_vjp(x, None, targets, None, np.array(1.0), **bare)
    assert_same((of_x, of_t), softmax_cross_entropy_vjp(x, targets, None, np.array(1.0)))


@proves(categorical_focal_cross_entropy, by="law")
def test_the_focal_loss_of_classes_is_linear_in_their_weights():
    p, targets, none = carried(TARGETS[1]), carried(TARGETS[2]), {"reduction": "none"}
    found = categorical_focal_cross_entropy(None, p, targets, WEIGHTS, **none)
    parts = [categorical_focal_cross_entropy(None, p, targets, w, **none) for w in np.diag(WEIGHTS)]
    assert_same(found, np.sum(np.stack(parts), axis=0))
    assert_same(categorical_focal_cross_entropy(None, 4.0 * p, targets, WEIGHTS, **none), found)


@proves(categorical_focal_cross_entropy, categorical_focal_cross_entropy_vjp, by="worked figures")
def test_a_half_and_a_half_have_a_quarter_of_a_quarter_of_log_2():
    p, one = np.array([[2.0, 2.0]]), np.array([[1.0, 0.0]])
    found = categorical_focal_cross_entropy(None, carried(p), one, None)
    assert_same(found, mpmath.log(2) / 16)
    _, of_p, _ = categorical_focal_cross_entropy_vjp(None, carried(p), carried(one), None, np.array(1.0))
    # The slope at p₁ = ½ is -(log 2 + ½) / 4, and an eighth of it comes through the sum, which is 4.
    slope = -(mpmath.log(2) + mpmath.mpf(1) / 2) / 4
    assert_same(of_p[0, 0], slope / 8)
    assert_same(of_p[0, 1], -slope / 8)


@proves(generalized_cross_entropy, generalized_cross_entropy_vjp, by="worked figures")
def test_the_generalized_cross_entropy_of_a_square_root():
    p, y = np.array([[0.25, 0.75], [0.0, 1.0]]), np.array([0, 0])
    assert_same(generalized_cross_entropy(p, y, reduction="none"), [1.0, 2.0])
    (gradient,) = generalized_cross_entropy_vjp(p[:1], y[:1], np.array(1.0))
    assert_same(gradient, [[-2.0, 0.0]])
    assert_same(generalized_cross_entropy(carried(p), y, q=1.0, reduction="none"), [0.75, 1.0])


@proves(generalized_cross_entropy, generalized_cross_entropy_vjp, by="high precision")
@pytest.mark.parametrize("q", [0.5, 0.7])
def test_the_generalized_cross_entropy_of_many_digits(q):
    p, y = TARGETS[0, :1], np.array([3])
    with mpmath.workdps(40):
        power = mpmath.mpf(float(p[0, 3])) ** mpmath.mpf(q)
        exact, slope = (1 - power) / mpmath.mpf(q), -power / mpmath.mpf(float(p[0, 3]))
    assert_same(generalized_cross_entropy(carried(p), y, q=q), exact)
    (gradient,) = generalized_cross_entropy_vjp(carried(p), y, np.array(1.0), q=q)
    assert_same(gradient[0, 3], slope)


def test_a_noise_parameter_out_of_range_and_two_kinds_of_predictions_are_named():
    with pytest.raises(ValueError, match=r"q must be in \(0, 1\]; got 0"):
        generalized_cross_entropy(TARGETS[0], LABELS[0], q=0.0)
    with pytest.raises(ValueError, match="labels must be classes: 0 to 6"):
        generalized_cross_entropy(TARGETS[0], LABELS[0] + 7)
    with pytest.raises(ValueError, match="give either logits or predictions"):
        categorical_focal_cross_entropy(LOGITS[0], TARGETS[0], TARGETS[0], None)


@proves(poly_cross_entropy, poly_cross_entropy_vjp, by="law")
def test_poly_is_the_cross_entropy_and_what_is_missing_to_one():
    x, targets = carried(LOGITS[0]), carried(TARGETS[0])
    assert_same(poly_cross_entropy(x, targets, epsilon=0.0), softmax_cross_entropy(x, targets))
    found = poly_cross_entropy_vjp(x, targets, np.array(1.0), epsilon=0.0)
    assert_same(found, softmax_cross_entropy_vjp(x, targets, None, np.array(1.0)))
    one_hot = carried(ONE_HOT[0])
    added = poly_cross_entropy(x, one_hot, epsilon=3.0) - poly_cross_entropy(x, one_hot, epsilon=0.0)
    assert_same(added, 3.0 * np.mean(1.0 - np.sum(one_hot * softmax(x), axis=-1)), size=10)


@proves(poly_cross_entropy, by="worked figures")
def test_poly_of_two_equal_logits():
    found = poly_cross_entropy(carried(np.zeros((1, 2))), np.array([[1.0, 0.0]]))
    assert_same(found, mpmath.log(2) + 1)


@proves(sparsemax_loss, sparsemax_loss_vjp, by="worked figures")
def test_the_sparsemax_loss_is_a_parabola_between_two_lines():
    x, y = np.array([[3.0, 1.0, 0.0, 0.5, -2.0]]), np.array([[1, 1, 0, 0, 1]])
    assert_same(sparsemax_loss(x, y, reduction="none"), [[0.0, 0.0, 0.25, 0.5625, 2.0]])
    (gradient,) = sparsemax_loss_vjp(x, y, np.ones(x.shape), reduction="none")
    assert_same(gradient, [[0.0, 0.0, 0.5, 0.75, -1.0]])


@proves(multiclass_sparsemax_loss, multiclass_sparsemax_loss_vjp, sparsemax_loss, by="law")
def test_of_two_classes_the_sparsemax_loss_is_that_of_half_their_difference():
    x, labels = carried(LOGITS[0, :, :2]), LABELS[0] % 2
    binary = sparsemax_loss(x[:, 1] - x[:, 0], labels, reduction="none")
    assert_same(multiclass_sparsemax_loss(x, labels, reduction="none"), binary, size=10)
    (of_both,) = multiclass_sparsemax_loss_vjp(x, labels, np.ones(3), reduction="none")
    (of_difference,) = sparsemax_loss_vjp(x[:, 1] - x[:, 0], labels, np.ones(3), reduction="none")
    assert_same(of_both[:, 1], of_difference)


@proves(multiclass_sparsemax_loss, by="worked figures")
def test_the_sparsemax_loss_of_three_classes():
    x = np.array([[1.0, 0.75, -1.0]])
    # p = (5/8, 3/8, 0): of the first class -3/32 + (1 - 34/64) / 2.
    assert_same(multiclass_sparsemax_loss(x, np.array([0])), 9 / 64)
    assert_same(multiclass_sparsemax_loss(x, np.array([2])), 9 / 64 + 2.0)


@proves(fenchel_young_loss, fenchel_young_loss_vjp, softmax_cross_entropy, by="law")
def test_the_fenchel_young_loss_of_the_softmax_is_the_cross_entropy_of_a_class():
    x, one_hot = carried(LOGITS[0]), carried(ONE_HOT[0])
    assert_same(fenchel_young_loss(x, one_hot), softmax_cross_entropy(x, one_hot))
    (of_x, _), (expected, _) = (
        fenchel_young_loss_vjp(x, one_hot, np.array(1.0)),
        softmax_cross_entropy_vjp(x, one_hot, None, np.array(1.0)),
    )
    assert_same(of_x, expected)


@proves(fenchel_young_loss, fenchel_young_loss_vjp, multiclass_sparsemax_loss, by="law")
def test_the_fenchel_young_loss_of_the_sparsemax_is_its_loss_less_the_entropy_of_a_class():
    x, one_hot = carried(LOGITS[0]), carried(ONE_HOT[0])
    found = fenchel_young_loss(x, one_hot, max_function="sparsemax", reduction="none")
    assert_same(found + 0.5, multiclass_sparsemax_loss(x, LABELS[0], reduction="none"))
    (of_x, _) = fenchel_young_loss_vjp(x, one_hot, np.array(1.0), max_function="sparsemax")
    assert_same(of_x, multiclass_sparsemax_loss_vjp(x, LABELS[0], np.array(1.0))[0])


@proves(fenchel_young_loss, fenchel_young_loss_vjp, by="worked figures")
def test_the_fenchel_young_losses_of_two_scores():
    x, t = carried(np.array([[1.0, 0.0]])), carried(np.array([[0.25, 0.5]]))
    assert_same(fenchel_young_loss(x, t), mpmath.log(mpmath.e + 1) - mpmath.mpf(1) / 4)
    # All is on the first: 1 - 1/2.
    assert_same(fenchel_young_loss(x, t, max_function="sparsemax"), mpmath.mpf(1) / 4)
    of_x, of_t = fenchel_young_loss_vjp(x, t, np.array(1.0), max_function="sparsemax")
    assert_same((of_x, of_t), ([[0.75, -0.5]], [[-1.0, 0.0]]))


@proves(smooth_labels, smooth_labels_vjp, by="worked figures")
def test_smoothed_labels_of_four_classes_and_of_two_that_there_are():
    one_hot = carried(np.array([[0.0, 1.0, 0.0, 0.0]]))
    assert_same(smooth_labels(one_hot, alpha=0.5), [[0.125, 0.625, 0.125, 0.125]])
    mask = np.array([[True, True, False, False]])
    assert_same(smooth_labels(one_hot, mask, alpha=0.5), [[0.25, 0.75, 0.25, 0.25]])
    assert_same(smooth_labels(one_hot, alpha=0.5, axis=0), [[0.5, 1.0, 0.5, 0.5]])
    assert_same(
        smooth_labels_vjp(one_hot, None, carried(np.ones((1, 4))), alpha=0.25)[0], np.full((1, 4), 0.75)
    )


@proves(smooth_labels, softmax_cross_entropy, by="law")
def test_the_cross_entropy_of_smoothed_labels_is_that_with_smoothing():
    x, t = carried(LOGITS[0]), carried(TARGETS[0])
    assert_same(
        softmax_cross_entropy(x, smooth_labels(t, alpha=0.25)),
        softmax_cross_entropy(x, t, label_smoothing=0.25),
    )


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="targets must have shape"):
        fenchel_young_loss(LOGITS[0], TARGETS[0, :, 1:])
    with pytest.raises(ValueError, match="max_function must be one of logsumexp, sparsemax; got 'max'"):
        fenchel_young_loss(LOGITS[0], TARGETS[0], max_function="max")
    with pytest.raises(ValueError, match="targets must have shape"):
        generalized_kl_divergence(LOGITS[0], TARGETS[0, :, 1:])
    with pytest.raises(ValueError, match="mask must have shape"):
        smooth_labels(TARGETS[0], np.ones((3, 1), bool))
