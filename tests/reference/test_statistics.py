"""Statistics and scaling: worked figures, exact fractions, laws and bad input."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.normalization_batch import batch_norm_inference, batch_norm_inference_vjp
from assay.reference.statistics import (
    activity_regularization,
    activity_regularization_vjp,
    feature_normalization,
    feature_normalization_vjp,
    moments,
    moments_vjp,
    rescaling,
    rescaling_vjp,
    sufficient_statistics,
    sufficient_statistics_vjp,
)


def integers(name, *shape):
    return Stream(f"statistics/{name}").integers(-9, 10, shape).astype(np.float64)


def normal(name, *shape):
    return carried(Stream(f"statistics/{name}").normal(shape))


@proves(moments, sufficient_statistics, by="worked figures")
def test_the_moments_of_four_numbers():
    x, weights = np.array([[1.0, 2], [3, 6]]), np.array([[1.0, 1], [3, 1]])
    assert_same(moments(x, axes=(0, 1)), (np.array(3.0), np.array((4 + 1 + 0 + 9) / 4)))
    assert_same(moments(x, axes=(0,), keepdims=True), (np.array([[2.0, 4]]), np.array([[1.0, 4]])))
    assert_same(moments(x, weights, axes=(0,)), (np.array([2.5, 4]), np.array([0.75, 4])))
    assert_same(sufficient_statistics(x, axes=(1,)), (np.array([3.0, 9]), np.array([5.0, 45])))
    assert_same(sufficient_statistics(x, axes=(1,), shift=2.0), (np.array([-1.0, 5]), np.array([1.0, 17])))


@proves(moments, by="naive loop")
@pytest.mark.parametrize("algorithm", ["two_pass", "sums"])
@pytest.mark.parametrize("axes", [(0,), (1, 2), (0, 1, 2)])
def test_moments_are_those_of_fractions(axes, algorithm):
    x = integers("x", 2, 3, 5)
    mean, variance = moments(carried(x), axes=axes, algorithm=algorithm, keepdims=True)
    for place in np.ndindex(mean.shape):
        seen = [
            Fraction(int(x[i]))
            for i in np.ndindex(x.shape)
            if all(axis in axes or i[axis] == place[axis] for axis in range(3))
        ]
        middle = sum(seen) / len(seen)
        assert_same(mean[place], middle)
        assert_same(variance[place], sum((value - middle) ** 2 for value in seen) / len(seen))


@proves(moments, moments_vjp, by="law")
@pytest.mark.parametrize("axes", [(0,), (1, 2)])
def test_equal_weights_are_none(axes):
    x, ones = normal("x", 2, 3, 4), 2.0 * np.ones((2, 3, 4))
    plain = moments(x, axes=axes)
    assert_same(moments(x, carried(ones), axes=axes), plain)
    g = tuple(normal(f"g{i}", *y.shape) for i, y in enumerate(plain))
    assert_same(moments_vjp(x, carried(ones), g, axes=axes)[0], moments_vjp(x, None, g, axes=axes)[0])
    other = moments_vjp(x, None, g, axes=axes, algorithm="sums")
    assert_same(moments_vjp(x, None, g, axes=axes)[0], other[0])


@proves(moments_vjp, sufficient_statistics_vjp, by="worked figures")
def test_the_gradients_of_the_moments_of_two_numbers():
    x, g = np.array([1.0, 3]), (np.array(2.0), np.array(8.0))
    assert_same(moments_vjp(x, None, g, axes=(0,))[0], [1 - 8, 1 + 8])
    assert_same(moments_vjp(x, None, g, axes=(0,), algorithm="sums")[0], [1 - 8, 1 + 8])
    of_x, of_weights = moments_vjp(x, np.array([1.0, 1]), g, axes=(0,))
    assert_same(of_x, [1 - 8, 1 + 8])
    assert_same(of_weights, [-1, 1])
    assert_same(sufficient_statistics_vjp(x, g, axes=(0,))[0], [2 + 16, 2 + 48])
    assert_same(sufficient_statistics_vjp(x, g, axes=(0,), shift=1.0)[0], [2, 2 + 32])


@proves(sufficient_statistics, sufficient_statistics_vjp, moments, by="law")
@pytest.mark.parametrize("shift", [0.0, 2.5])
def test_moments_follow_from_the_sums_of_parts(shift):
    x = normal("x", 6, 3)
    whole = sufficient_statistics(x, axes=(0,), shift=shift)
    parts = [sufficient_statistics(part, axes=(0,), shift=shift) for part in (x[:2], x[2:])]
    for total, one, other in zip(whole, *parts, strict=True):
        assert_same(one + other, total)
    mean, variance = moments(x, axes=(0,))
    assert_same(whole[0] / 6 + shift, mean)
    assert_same(whole[1] / 6 - (whole[0] / 6) * (whole[0] / 6), variance)
    g = (normal("g", 3), normal("h", 3))
    together = sufficient_statistics_vjp(x, g, axes=(0,), shift=shift)[0]
    assert_same(together[:2], sufficient_statistics_vjp(x[:2], g, axes=(0,), shift=shift)[0])


@proves(feature_normalization, feature_normalization_vjp, by="worked figures")
def test_a_feature_that_never_varied_is_divided_by_the_floor():
    x, mean, variance = np.array([[5.0, 2.0]]), np.array([1.0, 1.0]), np.array([4.0, 0.0])
    assert_same(feature_normalization(x, mean, variance)[0, 0], 2.0)
    assert_same(feature_normalization(carried(x), mean, variance)[0, 1], Fraction(10**7))
    assert_same(feature_normalization(x, mean, variance, invert=True)[0, 0], 11.0)
    assert_same(feature_normalization_vjp(x, mean, variance, x)[0][0, 0], 2.5)
    assert_same(feature_normalization_vjp(x, mean, variance, x, invert=True)[0][0, 0], 10.0)


@proves(
    feature_normalization, feature_normalization_vjp, batch_norm_inference, batch_norm_inference_vjp, by="law"
)
def test_a_normalization_by_what_was_seen_is_a_batch_normalization_at_inference():
    x, mean, g = normal("x", 3, 4), normal("mean", 4), normal("g", 3, 4)
    variance = carried(np.array([0.5, 1.0, 2.0, 3.0]))
    y = feature_normalization(x, mean, variance)
    assert_same(y, batch_norm_inference(x, mean, variance, epsilon=0.0))
    assert_same(feature_normalization(y, mean, variance, invert=True), x)
    (dx, *_) = batch_norm_inference_vjp(x, mean, variance, None, None, g, epsilon=0.0)
    assert_same(feature_normalization_vjp(x, mean, variance, g)[0], dx)


@proves(feature_normalization, feature_normalization_vjp, by="law")
@pytest.mark.parametrize(("axis", "last"), [(1, (0, 2, 1)), (None, (0, 1, 2)), ((1, 2), (0, 1, 2))])
def test_features_along_other_axes_are_features_that_are_brought_to_the_end(axis, last):
    x, g = normal("x", 2, 3, 4), normal("g", 2, 3, 4)
    shape = {1: (3,), None: (), (1, 2): (3, 4)}[axis]
    mean, variance = normal("mean", *shape), np.exp(normal("variance", *shape))
    ends = {1: (2, 4, 3), None: (2, 3, 4, 1), (1, 2): (2, 12)}[axis]

    def moved(array):
        return np.reshape(np.transpose(array, last), ends)

    flat = (np.reshape(mean, (-1,)), np.reshape(variance, (-1,)))
    y = feature_normalization(x, mean, variance, axis=axis)
    assert_same(moved(y), feature_normalization(moved(x), *flat))
    (dx,) = feature_normalization_vjp(x, mean, variance, g, axis=axis, invert=True)
    assert_same(moved(dx), feature_normalization_vjp(moved(x), *flat, moved(g), invert=True)[0])


@proves(rescaling, rescaling_vjp, by="worked figures")
def test_bytes_become_numbers_between_minus_one_and_one():
    x = np.array([0.0, 128, 256])
    assert_same(rescaling(x, scale=2**-7, offset=-1.0), [-1, 0, 1])
    assert_same(rescaling_vjp(x, x, scale=2**-7), (np.array([0.0, 1, 2]),))


@proves(rescaling, rescaling_vjp, feature_normalization, by="law")
def test_a_scale_and_an_offset_are_a_normalization():
    x, g = normal("x", 3, 2), normal("g", 3, 2)
    mean, variance = np.array([3.0, 3.0]), np.array([4.0, 4.0])
    assert_same(rescaling(x, scale=0.5, offset=-1.5), feature_normalization(x, mean, variance))
    assert_same(rescaling_vjp(x, g, scale=0.5), feature_normalization_vjp(x, mean, variance, g))


@proves(activity_regularization, activity_regularization_vjp, by="worked figures")
def test_a_penalty_is_that_of_a_sample():
    x, g = np.array([[1.0, -2], [0, 4]]), np.array(2.0)
    assert_same(activity_regularization(x, l1=1.0, l2=0.5), np.array((7 + 10.5) / 2))
    assert_same(activity_regularization(x, l1=1.0, denominator="one"), np.array(7.0))
    assert_same(activity_regularization_vjp(x, g, l1=3.0, l2=0.5)[0], [[3 + 1, -3 - 2], [0, 3 + 4]])


@proves(activity_regularization, activity_regularization_vjp, by="law")
def test_a_penalty_does_not_grow_with_the_batch():
    x, g, options = normal("x", 3, 4), normal("g"), {"l1": 0.5, "l2": 0.25}
    twice = np.concatenate([x, x])
    assert_same(activity_regularization(twice, **options), activity_regularization(x, **options))
    alone = activity_regularization_vjp(x, g, denominator="one", **options)[0]
    assert_same(activity_regularization_vjp(x, g, **options)[0], alone / 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: moments(np.ones((2, 3)), axes=(0,), algorithm="one"), "two_pass or sums; got 'one'"),
        (lambda: moments(np.ones((2, 3)), np.ones((2, 1)), axes=(0,)), "weights must have shape"),
        (lambda: moments(np.ones((0, 3)), axes=(0,)), "there must be a number"),
        (lambda: feature_normalization(np.ones((2, 3)), np.ones(2), np.ones(3)), "mean must have shape"),
        (lambda: feature_normalization(np.ones((2, 3)), np.ones(3), np.ones(2)), "variance must have shape"),
        (lambda: activity_regularization(np.ones((2, 3)), denominator="n"), "batch or one; got 'n'"),
    ],
)
def test_statistics_refuse_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
