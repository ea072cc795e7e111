"""Losses of ranking: worked figures, many digits, and the laws that tie them to each other."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.losses_classification import softmax_cross_entropy, softmax_cross_entropy_vjp
from assay.reference.losses_margin import hinge
from assay.reference.losses_ranking import (
    cosine_embedding,
    cosine_embedding_vjp,
    hinge_embedding,
    hinge_embedding_vjp,
    margin_ranking,
    margin_ranking_vjp,
    pairwise_distance,
    pairwise_distance_vjp,
    pdist,
    pdist_vjp,
    ranking_softmax,
    ranking_softmax_vjp,
    triplet_margin,
    triplet_margin_vjp,
)
from assay.reference.losses_regression import cosine_similarity, cosine_similarity_vjp

A, P, N = (2.0 * Stream(name).normal((3, 17)) for name in ("anchors", "positives", "negatives"))
LABELS = Stream("labels").integers(0, 2, (3, 17))
NONE = {"epsilon": 0.0, "reduction": "none"}


@proves(pairwise_distance, pairwise_distance_vjp, by="worked figures")
def test_distances_of_worked_figures():
    x, y = np.array([[3.0, -4.0], [1.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 1.0]])
    for p, wanted, slope in ((1, 7.0, [1.0, -1.0]), (2, 5.0, [0.6, -0.8]), (np.inf, 4.0, [0.0, -1.0])):
        assert_same(pairwise_distance(carried(x), y, p=p, **NONE), [wanted, 0.0])
        gradient, of_y = pairwise_distance_vjp(carried(x), carried(y), np.ones(2), p=p, **NONE)
        assert_same(gradient[0], slope)
        assert_same(of_y, -gradient)
    at_zero, _ = pairwise_distance_vjp(carried(y), y, np.ones(2), epsilon=2.0**-20, reduction="none")
    assert_same(at_zero, np.sqrt(0.5))


@proves(pairwise_distance, by="law")
@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_distances_scale_and_obey_the_triangle(p):
    x, y = carried(A), carried(P)
    near = pairwise_distance(x, y, p=p, **NONE)
    assert_same(pairwise_distance(2.0**500 * x, 2.0**500 * y, p=p, **NONE), 2.0**500 * near)
    way = pairwise_distance(A, N, p=p, **NONE) + pairwise_distance(N, P, p=p, **NONE)
    assert np.all(near.value < way)


@proves(triplet_margin, triplet_margin_vjp, by="worked figures")
def test_triplets_of_worked_figures():
    a, p, n = (
        np.array([[0.0, 0.0]] * 3),
        np.array([[3.0, 4.0]] * 3),
        np.array([[0.0, 2.0], [0.0, 9.0], [3.0, 5.0]]),
    )
    assert_same(triplet_margin(carried(a), p, n, **NONE), carried(np.array([4.0, 0.0, 6.0 - np.sqrt(34.0)])))
    assert_same(triplet_margin(carried(a), p, n, swap=True, **NONE)[2], 5.0)
    under = triplet_margin(carried(a[:1]), p[:1], n[:1], epsilon=11.0, epsilon_place="root")
    assert_same(under, carried(np.array(7.0)) - np.sqrt(15.0), size=7)
    of_a, of_p, of_n = triplet_margin_vjp(carried(a), carried(p), carried(n), np.ones(3), **NONE)
    assert_same(of_a[:2], [[-0.6, 0.2], [0.0, 0.0]])
    assert_same(of_p[:2], [[0.6, 0.8], [0.0, 0.0]])
    assert_same(of_n[:2], [[0.0, -1.0], [0.0, 0.0]])


@proves(triplet_margin, pairwise_distance, by="law")
@pytest.mark.parametrize("p", [1, 2])
def test_a_triplet_is_a_ranking_of_two_distances(p):
    a, x, y = carried(A), carried(P), carried(N)
    near, far = (pairwise_distance(a, other, p=p, reduction="none") for other in (x, y))
    assert_same(triplet_margin(a, x, y, p=p), margin_ranking(far, near, np.ones(3), margin=1.0))


@proves(triplet_margin, by="high precision")
def test_triplets_agree_with_many_digits():
    with mpmath.workdps(40):
        near, far = (
            mpmath.sqrt(
                mpmath.fsum((mpmath.mpf(a) - mpmath.mpf(b)) ** 2 for a, b in zip(A[0], other[0], strict=True))
            )
            for other in (P, N)
        )
        exact = max(near - far + 4, mpmath.mpf(0))
    assert_same(
        triplet_margin(carried(A[:1]), carried(P[:1]), carried(N[:1]), margin=4.0, epsilon=0.0), exact
    )


@proves(margin_ranking, margin_ranking_vjp, by="worked figures")
def test_rankings_of_worked_figures():
    a, b, y = np.array([1.0, 1.0, 2.0, 0.0]), np.array([3.0, 0.0, 2.0, 1.0]), np.array([1, 1, 0, 0])
    assert_same(margin_ranking(a, b, y, margin=0.5, reduction="none"), [2.5, 0.0, 0.5, 0.0])
    of_a, of_b = margin_ranking_vjp(a, b, y, np.ones(4), margin=0.5, reduction="none")
    assert_same(of_a, [-1.0, 0.0, 1.0, 0.0])
    assert_same(of_b, [1.0, 0.0, -1.0, 0.0])
    at_kink, _ = margin_ranking_vjp(a[2:3], b[2:3], y[2:3], np.array(1.0), kink_gradient=0.5)
    assert_same(at_kink, [0.5])


@proves(margin_ranking, hinge, by="law")
def test_a_ranking_is_the_hinge_of_the_difference():
    a, b = carried(A), carried(P)
    assert_same(margin_ranking(a, b, LABELS, margin=0.5), hinge(a - b, LABELS, margin=0.5))


@proves(hinge_embedding, hinge_embedding_vjp, by="worked figures")
def test_embeddings_of_worked_figures():
    x, y = np.array([0.5, 0.5, 3.0, 1.0]), np.array([1, 0, 0, 0])
    assert_same(hinge_embedding(x, y, reduction="none"), [0.5, 0.5, 0.0, 0.0])
    (gradient,) = hinge_embedding_vjp(x, y, np.ones(4), reduction="none")
    assert_same(gradient, [1.0, -1.0, 0.0, -1.0])


@proves(hinge_embedding, hinge, by="law")
def test_pairs_that_are_not_alike_cost_the_hinge_of_their_distance():
    x = carried(A)
    apart = hinge(x, np.ones(A.shape), margin=0.5)
    assert_same(hinge_embedding(x, np.zeros(A.shape), margin=0.5), apart)
    assert_same(hinge_embedding(x, np.ones(A.shape), reduction="none"), A)


@proves(cosine_embedding, cosine_embedding_vjp, by="worked figures")
def test_angles_of_worked_figures():
    x, y = np.array([[3.0, 4.0]] * 4), np.array([[4.0, 3.0], [4.0, 3.0], [-4.0, 3.0], [0.0, 0.0]])
    options = {"margin": 0.5, "epsilon": 0.0, "reduction": "none"}
    alike = np.array([1, 0, 0])
    found = cosine_embedding(carried(x[:3]), y[:3], alike, **options)
    assert_same(found, carried(np.array([0.04, 0.46, 0.0])), size=1)
    of_x, of_y = cosine_embedding_vjp(carried(x[:3]), carried(y[:3]), alike, np.ones(3), **options)
    # (ŷ - c x̂) / ‖x‖ = ((0.8, 0.6) - 0.96 (0.6, 0.8)) / 5, and the same of y.
    by_hand = carried(np.array([0.0448, -0.0336]))
    assert_same(of_x, np.stack([-by_hand, by_hand, 0.0 * by_hand]), size=1)
    assert_same(of_y, np.stack([-by_hand[::-1], by_hand[::-1], 0.0 * by_hand]), size=1)
    assert_same(cosine_embedding(x[3:], y[3:], np.array([1])), 1.0)


@proves(cosine_embedding, cosine_embedding_vjp, by="law")
def test_pairs_that_are_alike_have_the_distance_of_their_cosine():
    x, y, every = carried(A), carried(P), np.ones(3)
    bare = {"epsilon": 0.0}
    assert_same(cosine_embedding(x, y, every, **bare), cosine_similarity(x, y, form="distance", **bare))
    found = cosine_embedding_vjp(x, y, every, np.array(1.0), **bare)
    assert_same(found, cosine_similarity_vjp(x, y, np.array(1.0), form="distance", **bare))
    far = 2.0**600 * x
    assert_same(cosine_embedding(far, y, every, **bare), cosine_embedding(x, y, every, **bare))


def test_shapes_degrees_and_margins_out_of_range_are_named():
    with pytest.raises(ValueError, match="margin must be positive; got 0"):
        triplet_margin(A, P, N, margin=0.0)
    with pytest.raises(ValueError, match=r"p must be at least 1; got 0\.5"):
        pairwise_distance(A, P, p=0.5)
    with pytest.raises(ValueError, match="epsilon_place must be one of difference, root; got 'sum'"):
        triplet_margin(A, P, N, epsilon_place="sum")
    with pytest.raises(ValueError, match=r"labels must have shape \(3, 17\)"):
        hinge_embedding(A, LABELS[:1])
    with pytest.raises(ValueError, match=r"second must have shape \(3, 17\)"):
        margin_ranking(A, P[:1], LABELS)


# --- distances of all pairs, and lists ---

POINTS = Stream("points").normal((4, 5))
PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


@proves(pdist, pdist_vjp, pairwise_distance, by="law")
@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_distances_of_all_pairs_are_those_of_each(p):
    x, g = carried(POINTS), np.arange(1.0, 7.0)
    first, second = (x[[pair[side] for pair in PAIRS]] for side in (0, 1))
    assert_same(pdist(x, p=p), pairwise_distance(first, second, p=p, **NONE))
    (gradient,) = pdist_vjp(x, g, p=p)
    of_first, of_second = pairwise_distance_vjp(first, second, g, p=p, **NONE)
    for vector in range(4):
        mine = [of_first[k] for k, pair in enumerate(PAIRS) if pair[0] == vector]
        mine += [of_second[k] for k, pair in enumerate(PAIRS) if pair[1] == vector]
        assert_same(gradient[vector], mine[0] + mine[1] + mine[2])


@proves(pdist, pdist_vjp, by="worked figures")
def test_the_sides_of_a_triangle_and_two_equal_corners():
    x = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]])
    assert_same(pdist(x), [5.0, 5.0, 0.0])
    assert_same(pdist_vjp(x, np.ones(3))[0], [[-1.2, -1.6], [0.6, 0.8], [0.6, 0.8]])
    assert_same(pdist(x, p=1), [7.0, 7.0, 0.0])


@proves(ranking_softmax, ranking_softmax_vjp, softmax_cross_entropy, by="law")
def test_a_list_whose_items_all_count_is_a_distribution_over_classes():
    x, y = carried(POINTS), carried(np.abs(POINTS[::-1]))
    assert_same(ranking_softmax(x, y), softmax_cross_entropy(x, y))
    found = ranking_softmax_vjp(x, y, None, None, np.array(1.0))
    assert_same(found, softmax_cross_entropy_vjp(x, y, None, np.array(1.0)), size=1)


@proves(ranking_softmax, ranking_softmax_vjp, by="law")
def test_items_that_do_not_count_are_as_good_as_none():
    x, y, w = carried(POINTS), carried(np.abs(POINTS[::-1])), 1.0 + np.abs(POINTS)
    mask = np.broadcast_to(np.arange(5) < 3, (4, 5))
    assert_same(ranking_softmax(x, y, mask, w), ranking_softmax(x[:, :3], y[:, :3], None, w[:, :3]))
    found = ranking_softmax_vjp(x, y, mask, w, np.array(1.0))
    expected = ranking_softmax_vjp(x[:, :3], y[:, :3], None, w[:, :3], np.array(1.0))
    for whole, part in zip(found, expected, strict=True):
        assert_same(whole[:, :3], part)
        assert not whole.value[:, 3:].any()


@proves(ranking_softmax, ranking_softmax_vjp, by="worked figures")
def test_lists_without_items_count_in_no_mean():
    x, y = carried(np.zeros((2, 4))), np.ones((2, 4))
    mask = np.array([[True, True, False, False], [False] * 4])
    assert_same(ranking_softmax(x, y, mask), 2 * mpmath.log(2))
    assert_same(ranking_softmax(x, y, mask, reduction="none")[0], 2 * mpmath.log(2))
    assert ranking_softmax(POINTS, POINTS, np.zeros((4, 5), bool)) == 0.0
    of_x, of_y = ranking_softmax_vjp(x, carried(y), mask, None, np.array(1.0))
    assert_same(of_x, np.zeros((2, 4)), size=1)
    assert_same(of_y[0, :2], [mpmath.log(2)] * 2)
    assert not of_y.value[1].any()


def test_pairs_and_lists_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="x must have the axes"):
        pdist(POINTS[0])
    with pytest.raises(ValueError, match="p must be at least 1"):
        pdist(POINTS, p=0.5)
    for name in ("labels", "mask", "weights"):
        with pytest.raises(ValueError, match=f"{name} must have shape"):
            ranking_softmax(**({"scores": POINTS, "labels": POINTS} | {name: POINTS[:1] > 0}))
